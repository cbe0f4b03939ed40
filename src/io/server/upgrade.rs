//! From a request to a WebSocket (RFC 6455, section 4.2).

use std::any::Any;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Accepted, Visitor};
use crate::io::transport::Connection;
use crate::io::transport::stream::Stream;
use crate::protocol::DocumentId;

/// Bytes of a handshake's key, decoded.
const KEY_BYTES: usize = 16;

/// What a browser is told that tries to join.
pub(super) const NO_BROWSERS: &str = "Browsers cannot join a document; use coedit in a terminal.\n";

/// Returns whether the request asks to become a WebSocket.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    has_token(headers, &header::UPGRADE, "websocket")
}

/// Answers a request that asks for a WebSocket, and hands the socket on once it is one.
pub(super) fn answer(
    mut request: Request,
    document: DocumentId,
    visitor: Visitor,
    on_socket: mpsc::UnboundedSender<Accepted>,
) -> Response {
    let accept = match check(request.headers()) {
        Ok(accept) => accept,
        Err((status, sentence)) => {
            return (status, [(header::SEC_WEBSOCKET_VERSION, "13")], sentence).into_response();
        }
    };
    // Ends when the answer is written, or with the connection.
    tokio::spawn(hand_on(hyper::upgrade::on(&mut request), document, visitor, on_socket));
    let headers = [
        (header::CONNECTION, "upgrade".to_owned()),
        (header::UPGRADE, "websocket".to_owned()),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// Returns what to answer to the handshake's key, or the refusal.
fn check(headers: &HeaderMap) -> Result<String, (StatusCode, &'static str)> {
    // Only browsers send it. A page of somebody else's must not reach a relay or a hosting editor inside a private
    // network through the browser of a person who happens to be in there.
    if headers.contains_key(header::ORIGIN) {
        return Err((StatusCode::FORBIDDEN, NO_BROWSERS));
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return Err((StatusCode::BAD_REQUEST, "A WebSocket needs the header Connection: Upgrade.\n"));
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err((StatusCode::UPGRADE_REQUIRED, "Only version 13 of WebSocket is spoken here.\n"));
    }
    match headers.get(header::SEC_WEBSOCKET_KEY) {
        Some(key) if STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == KEY_BYTES) => {
            Ok(derive_accept_key(key.as_bytes()))
        }
        _ => Err((StatusCode::BAD_REQUEST, "The header Sec-WebSocket-Key is missing or damaged.\n")),
    }
}

async fn hand_on(
    upgrade: OnUpgrade,
    document: DocumentId,
    visitor: Visitor,
    on_socket: mpsc::UnboundedSender<Accepted>,
) {
    let Ok(upgraded) = upgrade.await else { return };
    // Back to the bare socket: the layers of HTTP around it would cost memory for as long as the link lives.
    let Ok(parts) = upgraded.downcast::<TokioIo<Stream>>() else { return };
    let (stream, early) = (parts.io.into_inner(), parts.read_buf.to_vec());
    let place: Arc<dyn Any + Send + Sync> = visitor.place;
    let connection = Connection::accepted(stream, early, Some(place));
    // Nobody takes it when the server is shutting down; then it is dropped, which hangs up.
    let _ = on_socket.send(Accepted { document, peer: visitor.peer, connection });
}

/// Returns whether a header that lists tokens has one, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}
