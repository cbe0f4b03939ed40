//! `coedit cat`: the text of a document, once it is in sync.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{anyhow, bail};

use crate::app::run::Usage;
use crate::app::session::{self, Ending, How, Opened, Session};
use crate::app::setting::Setting;
use crate::app::{docs, share};
use crate::document::Document;
use crate::io::files::{self, Loaded};
use crate::io::paths;
use crate::protocol::link_url::LinkUrl;
use crate::view::safe;

/// What a user named: a link, or a file with or without one.
pub enum Target {
    /// A shared document.
    Link(LinkUrl),
    /// A file, and whether it is shared.
    File(Box<Loaded>, bool),
}

/// Finds out what a user named. A file that is shared and open in an editor on this machine is reached by its link.
///
/// # Errors
/// In one sentence: not a link, no such file.
pub fn target(setting: &Setting, named: &str) -> anyhow::Result<Target> {
    if named.contains("://") {
        return Ok(Target::Link(LinkUrl::parse(named).map_err(|error| Usage(error.to_string()))?));
    }
    let loaded = files::load_text(Path::new(named))?;
    let path = paths::canonical(Path::new(named))?;
    let known = docs::all(&setting.paths)?.into_iter().find(|known| known.path.as_deref() == Some(&path));
    if known.is_none() && loaded.is_new() {
        bail!("{named} is neither a file nor a link");
    }
    let link = known.and_then(|known| known.link);
    Ok(Target::File(Box::new(loaded), link.is_some()))
}

/// A document that a command works on without a screen.
pub struct Working {
    /// Its connections.
    pub session: Session,
    /// Its text.
    pub doc: Document,
    /// Whether this machine's own journal is behind it: then it can be read and edited offline, too.
    pub is_kept: bool,
}

/// Opens what a user named. A file that an editor on this machine has open is reached by its link.
///
/// # Errors
/// In one sentence: a damaged journal.
pub async fn open(setting: &Setting, target: Target) -> anyhow::Result<Working> {
    let by_link = |link: LinkUrl| {
        let (session, doc) = session::open_link(Arc::clone(&setting.network), link);
        Working { session, doc, is_kept: false }
    };
    let loaded = match target {
        Target::Link(link) => return Ok(by_link(link)),
        Target::File(loaded, _) => loaded,
    };
    let Opened { session, doc, read_only, .. } = session::open(setting, &loaded, How::Visit).await?;
    if read_only.is_none() {
        return Ok(Working { session, doc, is_kept: true });
    }
    let path = loaded.file.as_ref().map(|file| file.canonical()).transpose()?;
    let known = docs::all(&setting.paths)?.into_iter().find(|known| known.path == path);
    match known.and_then(|known| known.link) {
        Some(link) => Ok(by_link(LinkUrl::parse(&link)?)),
        None => Ok(Working { session, doc, is_kept: false }),
    }
}

/// Returns the current text: in sync, or if that cannot be had, what this machine has of a file, with a word about it.
///
/// # Errors
/// In one sentence: not a link, not reachable, refused.
pub async fn text_of(setting: &Setting, named: &str) -> anyhow::Result<String> {
    let Working { mut session, mut doc, is_kept } = open(setting, target(setting, named)?).await?;
    let settled = session.settle(&mut doc, share::PATIENCE).await;
    session.end(&mut doc, Ending::Abrupt).await;
    match settled {
        Err(sentence) if is_kept => {
            let words = format!("coedit: not in sync ({sentence}); this is the text as it is here");
            // Whoever reads standard error may be gone.
            let _ = writeln!(std::io::stderr(), "{}", safe::line(&words));
        }
        settled => settled.map_err(|sentence| anyhow!(sentence))?,
    }
    Ok(Document::to_string(&doc))
}
