//! `coedit relay status`: how a running relay is.

use std::fmt::Write;

use anyhow::{anyhow, bail};
use serde_json::Value;

use crate::io::http;
use crate::io::transport::connect::Network;
use crate::protocol::link_url::ServerUrl;
use crate::view::safe;

/// Asks a relay how it is. Returns what to print, and whether it can take work.
///
/// # Errors
/// In one sentence: not reachable, no relay, the token.
pub async fn ask(
    network: &Network,
    server: &ServerUrl,
    token: Option<&str>,
    is_json: bool,
) -> anyhow::Result<(String, bool)> {
    let answer = http::get(network, server, "/operator/status", token).await?;
    match answer.status {
        200 => {}
        401 | 403 => bail!(
            "{server} tells its status only to its operator; give the token that it was started with: --operator-token TOKEN"
        ),
        status => bail!("{server} answered with HTTP {status}: it is not a coedit relay, or an older one"),
    }
    let text =
        String::from_utf8(answer.body).map_err(|_| anyhow!("{server} answered with something else"))?;
    let status: Value = serde_json::from_str(&text)
        .map_err(|_| anyhow!("{server} answered with something else: it is not a coedit relay"))?;
    let is_ready = status["ready"] == Value::Bool(true);
    Ok((if is_json { format!("{}\n", ascii(&text)) } else { lines(&status) }, is_ready))
}

/// Returns JSON that says the same in ASCII: names in it must not act on a terminal, and programs get the names as they are.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            ' '..='~' => out.push(c),
            // Beside strings they are blanks, and in them they do not stand.
            '\n' | '\r' | '\t' => out.push(' '),
            c => out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}"))),
        }
    }
    out
}

fn lines(status: &Value) -> String {
    let mut out = String::new();
    let number = |value: &Value| value.as_f64().map_or_else(|| "-".to_owned(), |number| number.to_string());
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<14}{}", safe::line(&value));
    };
    let trouble = status["trouble"].as_str().unwrap_or("ready");
    line("state", trouble.to_owned());
    line("version", status["version"].as_str().unwrap_or("-").to_owned());
    line("up for", format!("{} s", number(&status["uptime_s"])));
    if status["log_damaged"] == Value::Bool(true) {
        line("damaged", "the log of the run before; `coedit relay check` tells more".to_owned());
    }
    let transports = status["connections"].as_object().into_iter().flatten();
    let connections: Vec<String> =
        transports.map(|(name, count)| format!("{} by {name}", number(count))).collect();
    line("connections", if connections.is_empty() { "none".to_owned() } else { connections.join(", ") });
    let open = status["documents"].as_array().map_or(0, Vec::len);
    line("documents", format!("{} stored, {open} in memory", number(&status["documents_stored"])));
    line("operations", format!("{} in, {} out", number(&status["ops_in"]), number(&status["ops_out"])));
    line("bytes", format!("{} in, {} out", number(&status["bytes_in"]), number(&status["bytes_out"])));
    let within = |what: &Value| {
        format!("half within {} ms, 99 % within {} ms", number(&what["p50"]), number(&what["p99"]))
    };
    line("fan-out", within(&status["fan_out_ms"]));
    line("fsync", within(&status["fsync_ms"]));
    let refusals = status["refusals"].as_object().into_iter().flatten();
    let refusals: Vec<String> = refusals.map(|(why, count)| format!("{} {why}", number(count))).collect();
    line("refusals", if refusals.is_empty() { "none".to_owned() } else { refusals.join(", ") });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_on_a_terminal_is_ascii_and_says_the_same() {
        let status = serde_json::json!({ "name": "\u{9b}31m\u{202e}\u{7f}\u{1b}é👩\t" });
        let shown = ascii(&serde_json::to_string_pretty(&status).expect("it is JSON"));
        assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{shown:?}");
        assert_eq!(serde_json::from_str::<Value>(&shown).expect("still JSON"), status);
    }
}
