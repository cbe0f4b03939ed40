//! `coedit put`: makes a document equal a text, as few and small edits, and waits until they are acknowledged.

use anyhow::{anyhow, bail};

use crate::app::cat::{self, Target};
use crate::app::session::{self, Ending};
use crate::app::setting::Setting;
use crate::app::{diff, share};

/// Makes the document equal `text`.
///
/// # Errors
/// In one sentence: not a link, not reachable, refused, read only.
pub async fn put(setting: &Setting, named: &str, text: &str) -> anyhow::Result<()> {
    let Target::Link(link) = cat::target(setting, named)? else {
        bail!("{named} is not shared; share it first with coedit share {named}");
    };
    let (mut session, mut doc) = session::open_link(link);
    let mut done = session.settle(&mut doc, share::PATIENCE).await;
    if done.is_ok() && diff::make_equal(&mut doc, text)? != 0 {
        session.edited(&mut doc, &mut Vec::new());
        done = session.settle(&mut doc, share::PATIENCE).await;
    }
    session.end(&mut doc, Ending::Clean).await;
    done.map_err(|sentence| anyhow!(sentence))
}
