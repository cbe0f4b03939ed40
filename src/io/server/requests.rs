//! A link over plain requests, for networks that let no WebSocket through. docs/PROTOCOL.md describes the requests.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;

use super::pages::Refusal;
use super::{Accepted, Visitor};
use crate::base::bytes::put_varint;
use crate::io::entropy;
use crate::io::transport::Connection;
use crate::io::transport::requests::{BYE, FIRST, LINK, SEEN, VIA, packets};
use crate::io::transport::served::{Down, ServedLink, UpError};
use crate::protocol::DocumentId;
use crate::sync::Via;

/// How long a poll waits for something to tell: less than what proxies wait for an answer.
const POLL_PATIENCE: Duration = Duration::from_secs(8);

/// Silence on a stream after which a comment is sent, so that no proxy takes it for dead.
const COMMENT_EVERY: Duration = Duration::from_secs(4);

/// Bytes of packets in one answer or one piece of a stream, about.
const DOWN_BYTES: usize = 256 << 10;

/// What a link is called: random, and known to whoever opened it only.
type Name = [u8; 16];

/// The links over plain requests of one server.
#[derive(Debug, Default)]
pub(super) struct Links {
    links: Mutex<HashMap<Name, (DocumentId, Arc<ServedLink>)>>,
}

impl Links {
    /// Opens a link and hands it on. Its name is known to who asked for it, and proves who asks later.
    pub(super) fn open(
        &self,
        document: DocumentId,
        visitor: &Visitor,
        headers: &HeaderMap,
        on_socket: &mpsc::UnboundedSender<Accepted>,
    ) -> Response {
        // It outlives this connection, so it has a place of its own under the bounds.
        let Some(place) = visitor.place.another() else {
            return (StatusCode::TOO_MANY_REQUESTS, "Too many connections from your address.\n")
                .into_response();
        };
        let via = match headers.get(VIA).map(|via| via.as_bytes()) {
            Some(b"long-poll") => Via::LongPoll,
            _ => Via::EventStream,
        };
        let (connection, link) = Connection::served(via, Some(Arc::new(place)));
        let name: Name = entropy::bytes();
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|_, (_, link)| !link.is_ended());
        links.insert(name, (document, link));
        drop(links);
        // Nobody takes it when the server is shutting down; then it is over at once.
        let _ = on_socket.send(Accepted { document, peer: visitor.peer, connection });
        ([(header::CACHE_CONTROL, "no-store")], URL_SAFE_NO_PAD.encode(name)).into_response()
    }

    /// Finds the link that a request names, and notes what it says that it has seen.
    fn find(&self, document: DocumentId, headers: &HeaderMap) -> Result<Arc<ServedLink>, Refusal> {
        let name = headers.get(LINK).and_then(|name| URL_SAFE_NO_PAD.decode(name).ok()?.try_into().ok());
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let found = name.and_then(|name: Name| links.get(&name)).filter(|(of, _)| *of == document);
        let link = found.map(|(_, link)| Arc::clone(link));
        drop(links);
        let link = link.filter(|link| !link.is_ended());
        let link = link.ok_or((StatusCode::GONE, "There is no such link.\n"))?;
        link.saw(number(headers, SEEN));
        Ok(link)
    }

    /// Answers with a stream of everything that comes down.
    pub(super) fn events(&self, document: DocumentId, headers: &HeaderMap) -> Response {
        let link = match self.find(document, headers) {
            Ok(link) => link,
            Err(refusal) => return refusal.into_response(),
        };
        let reading = Reading::begin(link);
        let start = (reading, number(headers, SEEN), true);
        let pieces = stream::unfold(start, |(reading, after, is_first)| async move {
            if is_first {
                // At once, so that the other side learns whether streams pass here.
                return Some((
                    Ok::<_, Infallible>(Bytes::from_static(b": coedit\n\n")),
                    (reading, after, false),
                ));
            }
            match reading.link.next_down(reading.reader, after, DOWN_BYTES, COMMENT_EVERY).await {
                Down::Packets(first, packets) => {
                    let upto = first + packets.len() as u64 - 1;
                    Some((Ok(event_lines(first, &packets)), (reading, upto, false)))
                }
                Down::Silence => Some((Ok(Bytes::from_static(b":\n\n")), (reading, after, false))),
                Down::Ended => None,
            }
        });
        let headers = [
            (header::CONTENT_TYPE.as_str(), "text/event-stream"),
            (header::CACHE_CONTROL.as_str(), "no-store, no-transform"),
            // nginx passes on at once what says so.
            ("x-accel-buffering", "no"),
        ];
        (headers, Body::from_stream(pieces)).into_response()
    }

    /// Answers with what there is to come down, once there is something.
    pub(super) async fn poll(&self, document: DocumentId, headers: &HeaderMap) -> Response {
        let link = match self.find(document, headers) {
            Ok(link) => link,
            Err(refusal) => return refusal.into_response(),
        };
        let reading = Reading::begin(link);
        let down =
            reading.link.next_down(reading.reader, number(headers, SEEN), DOWN_BYTES, POLL_PATIENCE).await;
        let mut body = Vec::new();
        let first = match down {
            Down::Packets(first, packets) => {
                for packet in packets {
                    put_varint(&mut body, packet.len() as u64);
                    body.extend_from_slice(&packet);
                }
                first
            }
            Down::Silence => 0,
            Down::Ended => return (StatusCode::GONE, "The link is over.\n").into_response(),
        };
        let headers = [
            (header::CONTENT_TYPE.as_str(), "application/octet-stream".to_owned()),
            (header::CACHE_CONTROL.as_str(), "no-store, no-transform".to_owned()),
            (FIRST, first.to_string()),
        ];
        (headers, body).into_response()
    }

    /// Takes packets up.
    pub(super) async fn up(&self, document: DocumentId, headers: &HeaderMap, body: &Bytes) -> Response {
        let link = match self.find(document, headers) {
            Ok(link) => link,
            Err(refusal) => return refusal.into_response(),
        };
        let Ok(packets) = packets(body) else {
            link.end();
            return (StatusCode::BAD_REQUEST, "These are no packets.\n").into_response();
        };
        match link.take_up(number(headers, FIRST), packets).await {
            Ok(n_taken) => {
                if headers.contains_key(BYE) {
                    link.end();
                }
                n_taken.to_string().into_response()
            }
            Err(UpError::Gap) => (StatusCode::CONFLICT, "Earlier packets are missing.\n").into_response(),
            Err(UpError::Ended) => (StatusCode::GONE, "The link is over.\n").into_response(),
        }
    }
}

/// Somebody who reads down; dropping it tells the link.
struct Reading {
    link: Arc<ServedLink>,
    reader: u64,
}

impl Reading {
    fn begin(link: Arc<ServedLink>) -> Reading {
        Reading { reader: link.begin_reading(), link }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.link.end_reading(self.reader);
    }
}

/// Returns packets as events: their number as the id, their bytes in base64.
fn event_lines(first: u64, packets: &[Bytes]) -> Bytes {
    let mut lines = String::new();
    for (number, packet) in (first..).zip(packets) {
        lines.push_str("id: ");
        lines.push_str(&number.to_string());
        lines.push_str("\ndata: ");
        STANDARD.encode_string(packet, &mut lines);
        lines.push_str("\n\n");
    }
    lines.into()
}

fn number(headers: &HeaderMap, name: &str) -> u64 {
    headers.get(name).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}
