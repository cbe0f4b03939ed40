//! `coedit put`: makes a document equal a text, as few and small edits, and waits until they are acknowledged.

use anyhow::{anyhow, bail};

use crate::app::cat::{self, Target, Working};
use crate::app::session::Ending;
use crate::app::setting::Setting;
use crate::app::{diff, share};

/// Makes the document equal `text`.
///
/// # Errors
/// In one sentence: not a link, not reachable, refused, read only.
pub async fn put(setting: &Setting, named: &str, text: &str) -> anyhow::Result<()> {
    let target = cat::target(setting, named)?;
    if let Target::File(_, false) = target {
        bail!("{named} is not shared; share it first with coedit share {named}");
    }
    let Working { mut session, mut doc, is_kept } = cat::open(setting, target).await?;
    let mut done = session.settle(&mut doc, share::PATIENCE).await;
    // The edits to a file are kept in its journal, so they can be made offline, too.
    if (done.is_ok() || is_kept) && diff::make_equal(&mut doc, text)? != 0 {
        session.edited(&mut doc, &mut Vec::new());
        done = session.settle(&mut doc, share::PATIENCE).await;
    }
    session.end(&mut doc, Ending::Abrupt).await;
    done.map_err(|sentence| match is_kept {
        true => anyhow!("not sent yet: {sentence}; the edits are kept and sent when {named} is opened again"),
        false => anyhow!(sentence),
    })
}
