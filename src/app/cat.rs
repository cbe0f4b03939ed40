//! `coedit cat`: the text of a document, once it is in sync.

use std::path::Path;

use anyhow::{anyhow, bail};

use crate::app::session::{self, Ending};
use crate::app::setting::Setting;
use crate::app::{docs, share};
use crate::document::Document;
use crate::io::{files, paths};
use crate::protocol::link_url::LinkUrl;

/// What a user named: a link, or a file with or without one.
pub enum Target {
    /// A shared document.
    Link(LinkUrl),
    /// The text of a file that is not shared, with the edits that its journal holds.
    Text(String),
}

/// Finds out what a user named.
///
/// # Errors
/// In one sentence: not a link, no such file.
pub fn target(setting: &Setting, named: &str) -> anyhow::Result<Target> {
    let is_link = named.contains("://");
    if is_link {
        return Ok(Target::Link(LinkUrl::parse(named)?));
    }
    let loaded = files::load_text(Path::new(named))?;
    let path = paths::canonical(Path::new(named))?;
    // Listed, not found: an editor that has the file open has its lock.
    let known = docs::all(&setting.paths)?.into_iter().find(|known| known.path.as_deref() == Some(&path));
    if let Some(link) = known.as_ref().and_then(|known| known.link.as_ref()) {
        return Ok(Target::Link(LinkUrl::parse(link)?));
    }
    match known {
        Some(_) => Ok(Target::Text(session::kept_text(setting, &loaded)?)),
        None if loaded.is_new() => bail!("{named} is neither a file nor a link"),
        None => Ok(Target::Text(loaded.text)),
    }
}

/// Returns the current text.
///
/// # Errors
/// In one sentence: not a link, not reachable, refused.
pub async fn text_of(setting: &Setting, named: &str) -> anyhow::Result<String> {
    match target(setting, named)? {
        Target::Text(text) => Ok(text),
        Target::Link(link) => {
            let (mut session, mut doc) = session::open_link(link);
            let settled = session.settle(&mut doc, share::PATIENCE).await;
            session.end(&mut doc, Ending::Clean).await;
            settled.map_err(|sentence| anyhow!(sentence))?;
            Ok(Document::to_string(&doc))
        }
    }
}
