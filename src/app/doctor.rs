//! `coedit doctor`: what works between this machine and a relay, step by step.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::app::setting::Setting;
use crate::io::transport::connect::Network;
use crate::io::transport::dial::{self, LinkAddr};
use crate::io::{http, paths};
use crate::protocol::link_url::LinkUrl;
use crate::sync::Via;
use crate::view::safe;

/// How long each way is tried.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found, a line each.
#[derive(Default)]
struct Findings(String);

impl Findings {
    fn say(&mut self, what: &str, found: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{what:<14}{}", safe::line(found));
    }
}

/// Says where this machine keeps its things, and whether it can.
pub fn this_machine(setting: &Setting) -> String {
    let mut found = Findings::default();
    let folder = &setting.paths.data;
    let state = match paths::create_private_folder(folder) {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("cannot be created ({})", error.kind()),
    };
    found.say("data", &format!("{}: {state}", folder.display()));
    found.say("settings", &setting.paths.config.display().to_string());
    found.say("name", &setting.name);
    let relay = setting.relay.as_ref().map(ToString::to_string);
    found.say("relay", relay.as_deref().unwrap_or("none: this machine hosts"));
    found.0
}

/// Tries every way to the server of a link. Returns what was found, and whether any way leads there.
pub async fn ways_to(network: &Arc<Network>, link: &LinkUrl) -> (String, bool) {
    let addr = LinkAddr {
        host: link.server.host.clone(),
        port: link.server.port,
        base_path: link.server.base_path.clone(),
        doc_id: link.document.to_string(),
        tls: link.server.is_tls,
    };
    let mut found = Findings::default();
    found.say("server", &link.server.to_string());
    found.say(
        "proxy",
        &match network.proxy_name(&addr) {
            Ok(None) => "none".to_owned(),
            Ok(Some(proxy)) => format!("{proxy}, from the environment"),
            Err(error) => error.to_string(),
        },
    );
    let begun = Instant::now();
    let asked = http::get(network, &link.server, "/healthz", None).await;
    found.say(
        "http",
        &match asked {
            Ok(answer) if answer.status == 200 => format!("ok, {} ms", begun.elapsed().as_millis()),
            Ok(answer) => format!("answers, but with HTTP {} instead of 200", answer.status),
            Err(error) => error.to_string(),
        },
    );
    let mut used = None;
    for via in [Via::WebSocket, Via::EventStream, Via::LongPoll] {
        let begun = Instant::now();
        let dialed = dial::dial_by(network, &addr, via, PATIENCE).await;
        found.say(
            via.word(),
            &match dialed.map(drop) {
                Ok(()) => {
                    let mark = if *used.get_or_insert(via) == via { ": this is used" } else { "" };
                    format!("ok, {} ms{mark}", begun.elapsed().as_millis())
                }
                Err(error) => format!("no: {error}"),
            },
        );
    }
    (found.0, used.is_some())
}
