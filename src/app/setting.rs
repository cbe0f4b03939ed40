//! What a command needs to know: the folders, the name and colour of its user, the relay by default.

use std::sync::Arc;

use crate::editor::settings::Settings;
use crate::io::paths::Paths;
use crate::io::transport::connect::Network;
use crate::protocol::link_url::ServerUrl;

/// From the command line, the environment and the configuration, in this order.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Where things lie.
    pub paths: Paths,
    /// What others see.
    pub name: String,
    /// Index into the palette of 16; `None` to have one chosen.
    pub color: Option<u8>,
    /// The relay that shares by default; with none, this machine hosts.
    pub relay: Option<ServerUrl>,
    /// What the operator of a relay gave to those who may create documents; empty if nothing.
    pub create_token: Vec<u8>,
    /// The theme of the command line; with none, that of the configuration.
    pub theme: Option<String>,
    /// What the editor needs to know.
    pub editor: Settings,
    /// What is wrong with the configuration, or doubtful, if anything; all else of it is in force.
    pub remark: Option<String>,
    /// Whom this machine trusts, and through which proxies it goes.
    pub network: Arc<Network>,
}

impl Setting {
    /// Takes the token of the command line, if there is one.
    pub fn take_create_token(&mut self, token: Option<String>) {
        if let Some(token) = token {
            self.create_token = token.into_bytes();
        }
    }
}
