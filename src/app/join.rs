//! `coedit join`: which file a link is opened as.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;

use crate::app::session::{self, Ending};
use crate::app::setting::Setting;
use crate::app::{docs, share};
use crate::protocol::codec::cut;
use crate::protocol::link_url::LinkUrl;
use crate::view::safe;

/// Returns the file that a link is opened as when the user names none: the one it was opened as before, or one in
/// `folder` with the name under which it was shared, and never one that exists.
///
/// # Errors
/// In one sentence, if the link is new here and the other side cannot be asked.
pub async fn default_file(setting: &Setting, link: &LinkUrl, folder: &Path) -> anyhow::Result<PathBuf> {
    let known = docs::all(&setting.paths).unwrap_or_default().into_iter().filter(|known| {
        let linked = known.link.as_ref().and_then(|link| LinkUrl::parse(link).ok());
        linked.is_some_and(|known| known.document == link.document)
    });
    let known: Vec<_> = known.collect();
    if let Some(path) = known.iter().find_map(|known| known.path.clone()) {
        return Ok(path);
    }
    // Without a file, but with all that was typed into it: nobody needs to be asked.
    if let Some(known) = known.first() {
        return Ok(unused(folder, &named(file_name(&known.name), link)));
    }
    let (mut session, mut doc) = session::open_link(Arc::clone(&setting.network), link.clone());
    let greeted = session.greet(&mut doc, share::PATIENCE).await;
    let name = session.name().and_then(file_name);
    session.end(&mut doc, Ending::Clean).await;
    greeted.map_err(|sentence| anyhow!("could not join {}: {sentence}", link.server))?;
    Ok(unused(folder, &named(name, link)))
}

/// Returns the name, or one made of the link.
fn named(name: Option<String>, link: &LinkUrl) -> String {
    let id =
        || link.document.to_string().chars().filter(char::is_ascii_alphanumeric).take(6).collect::<String>();
    name.unwrap_or_else(|| format!("shared-{}.txt", id()))
}

/// Makes a file name of what somebody else calls a document: no folder, nothing hidden, nothing that a terminal obeys.
fn file_name(shared: &str) -> Option<String> {
    let last = shared.rsplit(['/', '\\']).next().unwrap_or("");
    let name = safe::line(last.trim().trim_start_matches(['.', '-']));
    let (stem, extension) = split(&name);
    let name = format!("{}{extension}", cut(stem, NAME_BYTES_MAX.saturating_sub(extension.len())));
    (!name.is_empty()).then_some(name)
}

/// Returns the name, or `name-2`, `name-3` and so on: the first that is no file in `folder`.
pub fn unused(folder: &Path, name: &str) -> PathBuf {
    let (stem, extension) = split(name);
    let others = (2..1_000).map(|n| folder.join(format!("{stem}-{n}{extension}")));
    let mut names = std::iter::once(folder.join(name)).chain(others);
    // `symlink_metadata`, so that a link that leads nowhere counts as taken, too.
    names.find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| folder.join(name))
}

/// Bytes of a file name: with `-999` they are still fewer than a file system takes.
const NAME_BYTES_MAX: usize = 240;

/// Takes a short extension off, with its dot.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if 0 < at && name.len() - at < 20 => name.split_at(at),
        _ => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_lead_to_no_other_folder_and_hide_nothing() {
        let name = |shared: &str| file_name(shared);
        assert_eq!(name("plan.txt").as_deref(), Some("plan.txt"));
        assert_eq!(name("../../.ssh/authorized_keys").as_deref(), Some("authorized_keys"));
        assert_eq!(name("C:\\x\\.bashrc").as_deref(), Some("bashrc"));
        assert_eq!((name(".."), name("a/"), name(" ")), (None, None, None));
        let long = name(&format!("{}.txt", "日".repeat(85))).expect("a name");
        assert!(long.len() <= NAME_BYTES_MAX && long.ends_with("日.txt"), "{long}");
        assert_eq!(name("a\x1b[2Jb").as_deref(), Some("a^[[2Jb"));
    }

    #[test]
    fn file_that_exists_is_never_meant() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(unused(folder.path(), "a.txt"), folder.path().join("a.txt"));
        std::fs::write(folder.path().join("a.txt"), "").expect("written");
        assert_eq!(unused(folder.path(), "a.txt"), folder.path().join("a-2.txt"));
        std::fs::write(folder.path().join("Makefile"), "").expect("written");
        assert_eq!(unused(folder.path(), "Makefile"), folder.path().join("Makefile-2"));
    }
}
