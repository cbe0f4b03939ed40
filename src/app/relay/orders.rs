//! Orders of document owners as JSON, and their answers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;

use crate::base::limits;
use crate::base::time::WallTime;
use crate::protocol::ConnectionId;
use crate::protocol::capability::{Access, Mode, Token, TokenHash};
use crate::sync::event::{Grant, Order, Report, View};

/// An order as it is written.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Written {
    People,
    Links,
    Grant { hash: String, mode: WrittenMode, expires: Option<u64>, label: String },
    Revoke { hash: String },
    Replace { write: String, read: String },
    Kick { connection: u32 },
    Block { connection: u32 },
    Demote { connection: u32 },
    Promote { connection: u32 },
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenMode {
    Read,
    Write,
}

/// Reads the proof of who asks.
pub(super) fn token(text: &str) -> Option<Token> {
    Some(Token::from_bytes(bytes(text)?))
}

/// Reads an order.
pub(super) fn order(body: &[u8]) -> Option<Order> {
    Some(match serde_json::from_slice(body).ok()? {
        Written::People => Order::People,
        Written::Links => Order::Links,
        Written::Grant { label, .. } if limits::LABEL_BYTES_MAX < label.len() => return None,
        Written::Grant { hash, mode, expires, label } => Order::Grant(Grant {
            hash: TokenHash(bytes(&hash)?),
            mode: match mode {
                WrittenMode::Read => Mode::Read,
                WrittenMode::Write => Mode::Write,
            },
            expires: expires.map(WallTime),
            label,
        }),
        Written::Revoke { hash } => Order::Revoke(TokenHash(bytes(&hash)?)),
        Written::Replace { write, read } => {
            Order::Replace(Access { write: TokenHash(bytes(&write)?), read: TokenHash(bytes(&read)?) })
        }
        Written::Kick { connection } => Order::Kick(ConnectionId(connection)),
        Written::Block { connection } => Order::Block(ConnectionId(connection)),
        Written::Demote { connection } => Order::Set(ConnectionId(connection), Mode::Read),
        Written::Promote { connection } => Order::Set(ConnectionId(connection), Mode::Write),
    })
}

/// Writes what came of an order.
pub(super) fn report(report: &Report) -> String {
    let mode = |mode: Mode| if mode == Mode::Read { "read" } else { "write" };
    match report {
        Report::People(people) => {
            let people = people.iter().map(|person| {
                json!({ "connection": person.connection.0, "name": person.name, "mode": mode(person.mode) })
            });
            json!({ "people": people.collect::<Vec<_>>() }).to_string()
        }
        Report::Unchanged => String::new(),
        Report::View(shown) => view(shown),
        Report::Links(links) => {
            let links = links.iter().map(|link| {
                json!({
                    "hash": URL_SAFE_NO_PAD.encode(link.hash.0),
                    "mode": mode(link.mode),
                    "expires": link.expires.map(|at| at.0),
                    "label": link.label,
                })
            });
            json!({ "links": links.collect::<Vec<_>>() }).to_string()
        }
    }
}

/// Writes a document as a browser shows it.
pub(super) fn view(view: &View) -> String {
    let people =
        view.people.iter().map(|(name, colour, at)| json!({ "name": name, "colour": colour, "at": at }));
    let people: Vec<_> = people.collect();
    json!({ "name": view.name, "text": view.text, "is_cut": view.is_cut, "people": people }).to_string()
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}
