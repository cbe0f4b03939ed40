//! What the server answers to plain requests, and where the WebSocket ones go.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::desk::{Desk, Question};
use super::requests::Links;
use super::{Accepted, Visitor, upgrade};
use crate::protocol::DocumentId;

/// What a browser shows that opens a document's link. Only the browser knows the part after `#`, so the page cannot
/// spell the link out.
const DOCUMENT_PAGE: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>A coedit document</title>
<h1>This is a coedit document</h1>
<p>coedit is a text editor for the terminal. To open the document, run
<pre>coedit join 'LINK'</pre>
<p>where LINK is the whole address of this page, the part after # included.
</html>
";

/// Bytes of one request with packets: what a client puts together, and the largest packet behind it.
const UP_BYTES_MAX: usize = 640 << 10;

/// Bytes of an owner's order.
const ORDER_BYTES_MAX: usize = 4 << 10;

/// What the handlers share.
struct Site {
    on_socket: mpsc::UnboundedSender<Accepted>,
    desk: Desk,
    links: Links,
}

/// Returns the routes. Every request must carry a [`Visitor`].
pub(super) fn router(on_socket: mpsc::UnboundedSender<Accepted>, desk: Desk) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/operator/status", get(status))
        .route("/d/{doc}", get(document))
        .route("/d/{doc}/open", post(open))
        .route("/d/{doc}/events", get(events))
        .route("/d/{doc}/poll", get(poll))
        .route("/d/{doc}/up", post(up).layer(DefaultBodyLimit::max(UP_BYTES_MAX)))
        .route("/d/{doc}/manage", post(manage).layer(DefaultBodyLimit::max(ORDER_BYTES_MAX)))
        .fallback(async || (StatusCode::NOT_FOUND, "There is nothing here. Documents are at /d/...\n"))
        .with_state(Arc::new(Site { on_socket, desk, links: Links::default() }))
}

async fn ready(State(site): State<Arc<Site>>) -> Response {
    site.desk.ask(Question::Ready).await
}

async fn metrics(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response {
    site.ask_as_operator(Question::Metrics, &visitor, &headers).await
}

async fn status(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response {
    site.ask_as_operator(Question::Status, &visitor, &headers).await
}

impl Site {
    /// Asks, unless somebody else than the operator does.
    async fn ask_as_operator(&self, question: Question, visitor: &Visitor, headers: &HeaderMap) -> Response {
        match self.desk.refuse_strangers(visitor, headers) {
            Some(refusal) => refusal,
            None => self.desk.ask(question).await,
        }
    }
}

/// A short answer that is no success.
pub(super) type Refusal = (StatusCode, &'static str);

type Asked = (State<Arc<Site>>, Path<String>, HeaderMap);

async fn open(
    (State(site), Path(doc_id), headers): Asked,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    match wanted(&doc_id, &headers) {
        Ok(document) => site.links.open(document, &visitor, &headers, &site.on_socket),
        Err(refusal) => refusal.into_response(),
    }
}

async fn events((State(site), Path(doc_id), headers): Asked) -> Response {
    match wanted(&doc_id, &headers) {
        Ok(document) => site.links.events(document, &headers),
        Err(refusal) => refusal.into_response(),
    }
}

async fn poll((State(site), Path(doc_id), headers): Asked) -> Response {
    match wanted(&doc_id, &headers) {
        Ok(document) => site.links.poll(document, &headers).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn up((State(site), Path(doc_id), headers): Asked, body: Bytes) -> Response {
    match wanted(&doc_id, &headers) {
        Ok(document) => site.links.up(document, &headers, &body).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn manage((State(site), Path(doc_id), headers): Asked, body: Bytes) -> Response {
    let document = match wanted(&doc_id, &headers) {
        Ok(document) => document,
        Err(refusal) => return refusal.into_response(),
    };
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
    site.desk.ask(Question::Manage { document, token, body }).await
}

/// Returns the document that a request means, or why it is refused.
fn wanted(doc_id: &str, headers: &HeaderMap) -> Result<DocumentId, Refusal> {
    // As for WebSockets: no page in a browser reaches in.
    if headers.contains_key(header::ORIGIN) {
        return Err((StatusCode::FORBIDDEN, upgrade::NO_BROWSERS));
    }
    DocumentId::parse(doc_id).ok_or((StatusCode::NOT_FOUND, "No document has such a name.\n"))
}

async fn document(
    State(site): State<Arc<Site>>,
    Path(doc_id): Path<String>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Response {
    let Some(document) = DocumentId::parse(&doc_id) else {
        return (StatusCode::NOT_FOUND, "No document has such a name.\n").into_response();
    };
    if upgrade::is_wanted(request.headers()) {
        return upgrade::answer(request, document, visitor, site.on_socket.clone());
    }
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, DOCUMENT_PAGE).into_response()
}
