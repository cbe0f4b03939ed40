//! `coedit join`: which file a link is opened as.

use std::path::{Path, PathBuf};

use crate::app::docs;
use crate::app::setting::Setting;
use crate::protocol::link_url::LinkUrl;

/// Returns the file that a link is opened as when the user names none: the one it was opened as before, or a new name.
pub fn default_file(setting: &Setting, link: &LinkUrl, folder: &Path) -> PathBuf {
    let known = docs::all(&setting.paths).unwrap_or_default().into_iter().filter(|known| {
        let linked = known.link.as_ref().and_then(|link| LinkUrl::parse(link).ok());
        linked.is_some_and(|known| known.document == link.document)
    });
    if let Some(path) = known.filter_map(|known| known.path).next() {
        return path;
    }
    let name: String =
        link.document.to_string().chars().filter(char::is_ascii_alphanumeric).take(6).collect();
    let mut numbers = 2..;
    let mut file = folder.join(format!("shared-{name}.txt"));
    while file.exists() {
        file = folder.join(format!("shared-{name}-{}.txt", numbers.next().unwrap_or(0)));
    }
    file
}
