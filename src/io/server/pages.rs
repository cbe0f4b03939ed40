//! What the server answers to plain requests, and where the WebSocket ones go.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use hyper::body::Body as _;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::desk::{Desk, Question};
use super::requests::Links;
use super::{Accepted, Visitor, upgrade};
use crate::protocol::DocumentId;

/// What browsers get: nothing is built, nothing comes from elsewhere.
const ASSETS: [(&str, &str, &str); 4] = [
    ("style.css", "text/css", include_str!("../../../assets/web/style.css")),
    ("stream.js", "text/javascript", include_str!("../../../assets/web/stream.js")),
    ("operator.js", "text/javascript", include_str!("../../../assets/web/operator.js")),
    ("document.js", "text/javascript", include_str!("../../../assets/web/document.js")),
];

/// What a browser shows that opens a document's link. Only the browser knows the part after `#`, so the page cannot
/// spell the link out.
const DOCUMENT_PAGE: &str = include_str!("../../../assets/web/document.html");

/// The operator's page. It is empty until it has shown the token.
const OPERATOR_PAGE: &str = include_str!("../../../assets/web/operator.html");

/// What a page may do: show and run what comes with it, and ask this server.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; \
                           frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// How often a document that is viewed, and the relay's state, are looked at.
const VIEW_EVERY: Duration = Duration::from_millis(500);
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// Bytes of one request with packets: what a client puts together, and the largest packet behind it.
const UP_BYTES_MAX: usize = 640 << 10;

/// Bytes of an owner's order.
const ORDER_BYTES_MAX: usize = 4 << 10;

/// What the handlers share.
struct Site {
    on_socket: mpsc::UnboundedSender<Accepted>,
    desk: Desk,
    links: Links,
    /// How long the body of a request may take.
    body_timeout: Duration,
}

/// Returns the routes. Every request must carry a [`Visitor`].
pub(super) fn router(
    on_socket: mpsc::UnboundedSender<Accepted>,
    desk: Desk,
    body_timeout: Duration,
) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/operator", get(async || page(OPERATOR_PAGE)))
        .route("/operator/status", get(status))
        .route("/operator/events", get(operator_events))
        .route("/assets/{name}", get(asset))
        .route("/d/{doc}", get(document))
        .route("/d/{doc}/open", post(open))
        .route("/d/{doc}/events", get(events))
        .route("/d/{doc}/poll", get(poll))
        .route("/d/{doc}/up", post(up))
        .route("/d/{doc}/view", get(view))
        .route("/d/{doc}/manage", post(manage))
        .fallback(async || (StatusCode::NOT_FOUND, "There is nothing here. Documents are at /d/...\n"))
        .with_state(Arc::new(Site { on_socket, desk, links: Links::default(), body_timeout }))
}

async fn ready(State(site): State<Arc<Site>>) -> Response {
    site.desk.ask(Question::Ready).await.into_response()
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
    /// Reads a body, if it is short enough and comes in time.
    async fn body(&self, request: Request, n_bytes_max: usize) -> Result<Bytes, Refusal> {
        let too_long = (StatusCode::PAYLOAD_TOO_LARGE, "That is more than is taken at once.\n");
        let body = request.into_body();
        if (n_bytes_max as u64) < body.size_hint().lower() {
            return Err(too_long);
        }
        let read = timeout(self.body_timeout, axum::body::to_bytes(body, n_bytes_max)).await;
        let late = (StatusCode::REQUEST_TIMEOUT, "The request did not come in time.\n");
        read.map_err(|_| late)?.map_err(|_| too_long)
    }

    /// Asks, unless somebody else than the operator does.
    async fn ask_as_operator(&self, question: Question, visitor: &Visitor, headers: &HeaderMap) -> Response {
        match self.desk.refuse_strangers(visitor, headers) {
            Some(refusal) => refusal,
            None => self.desk.ask(question).await.into_response(),
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

async fn up((State(site), Path(doc_id), headers): Asked, request: Request) -> Response {
    let document = match wanted(&doc_id, &headers) {
        Ok(document) => document,
        Err(refusal) => return refusal.into_response(),
    };
    match site.body(request, UP_BYTES_MAX).await {
        Ok(body) => site.links.up(document, &headers, &body).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn manage((State(site), Path(doc_id), headers): Asked, request: Request) -> Response {
    let document = match wanted(&doc_id, &headers) {
        Ok(document) => document,
        Err(refusal) => return refusal.into_response(),
    };
    let body = match site.body(request, ORDER_BYTES_MAX).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    site.desk.ask(Question::Manage { document, token: bearer(&headers), body }).await.into_response()
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
    page(DOCUMENT_PAGE)
}

fn page(html: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, html).into_response()
}

async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(other, _, _)| *other == name) {
        Some(&(_, kind, text)) => {
            let headers = [(header::CONTENT_TYPE, kind), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
            (headers, text).into_response()
        }
        None => (StatusCode::NOT_FOUND, "There is nothing here.\n").into_response(),
    }
}

async fn operator_events(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response {
    match site.desk.refuse_strangers(&visitor, &headers) {
        Some(refusal) => refusal,
        None => site.desk.clone().stream(Question::Status, STATUS_EVERY, visitor).await,
    }
}

async fn view(
    (State(site), Path(doc_id), headers): Asked,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let document = match wanted(&doc_id, &headers) {
        Ok(document) => document,
        Err(refusal) => return refusal.into_response(),
    };
    let question = Question::View { document, token: bearer(&headers), seen: None };
    site.desk.clone().stream(question, VIEW_EVERY, visitor).await
}

/// Returns the proof that a request shows; empty if it shows none.
fn bearer(headers: &HeaderMap) -> String {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned()
}
