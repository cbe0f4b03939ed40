//! `coedit share --detach`: uploads, prints only the link, and ends once everything is on the relay's disk.

use std::path::Path;
use std::time::Duration;

use anyhow::{anyhow, bail};

use crate::app::run::Usage;
use crate::app::session::{self, Ending, How, Opened};
use crate::app::setting::Setting;
use crate::io::files;
use crate::journal::Finding;
use crate::protocol::link_url::ServerUrl;

/// How long a relay may take to have everything on its disk.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Shares a file at a relay without opening it, and returns the link.
///
/// # Errors
/// In one sentence: the file, the relay.
pub async fn detached(setting: &Setting, file: &Path, relay: Option<ServerUrl>) -> anyhow::Result<String> {
    let Some(relay) = relay.or_else(|| setting.relay.clone()) else {
        let words = "--detach needs a relay that keeps the text; give one with --relay http://HOST:PORT";
        return Err(Usage(words.to_owned()).into());
    };
    let loaded = files::load_text(file)?;
    if loaded.is_new() {
        bail!("{} does not exist; share a file that does", file.display());
    }
    let how = How::Share { relay: Some(relay), listen: None };
    let Opened { mut session, mut doc, finding, .. } = session::open(setting, &loaded, how).await?;
    if let Finding::FileChanged { .. } = finding {
        bail!(
            "{} was changed by another program since it was shared; open it with coedit to merge",
            file.display()
        );
    }
    let settled = session.settle(&mut doc, PATIENCE).await;
    let link = session.link().map(ToString::to_string);
    // What no relay ever had is not shared: the next try may name another one.
    let ending =
        if settled.is_err() && session.is_unknown_elsewhere() { Ending::Forget } else { Ending::Clean };
    session.end(&mut doc, ending).await;
    settled.map_err(|sentence| anyhow!("{} could not be shared: {sentence}", file.display()))?;
    link.ok_or_else(|| anyhow!("{} has no link", file.display()))
}
