//! Questions that only the program behind the server can answer.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use subtle::ConstantTimeEq;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::Visitor;
use crate::protocol::DocumentId;

/// How long the program may take to answer. One that takes longer is in trouble, and that is the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A question.
#[derive(Debug)]
pub enum Question {
    /// Whether work can be taken: `/readyz`.
    Ready,
    /// `/metrics`.
    Metrics,
    /// `/operator/status`.
    Status,
    /// `/d/DOC/manage`: an order of who says to be the document's owner.
    Manage {
        /// Which document.
        document: DocumentId,
        /// The proof, as it was shown.
        token: String,
        /// The order, as JSON.
        body: Bytes,
    },
}

/// Takes an answer.
pub type Reply = oneshot::Sender<Answer>;

/// A question and where its answer goes.
#[derive(Debug)]
pub struct Ask {
    /// What is asked. Whoever asks was found to be the operator, if the question needs one.
    pub question: Question,
    /// Takes the answer.
    pub reply: Reply,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    kind: &'static str,
    body: String,
}

impl Answer {
    /// Makes a plain answer.
    pub fn text(body: impl Into<String>) -> Answer {
        Answer { status: StatusCode::OK, kind: "text/plain; charset=utf-8", body: body.into() }
    }

    /// Makes a refusal: not now.
    pub fn unavailable(body: impl Into<String>) -> Answer {
        Answer { status: StatusCode::SERVICE_UNAVAILABLE, ..Answer::text(body) }
    }

    /// Makes a refusal: the order is not carried out.
    pub fn refused(sentence: &str) -> Answer {
        Answer { status: StatusCode::FORBIDDEN, ..Answer::text(format!("{sentence}\n")) }
    }

    /// Makes a refusal: the order makes no sense.
    pub fn bad(sentence: &str) -> Answer {
        Answer { status: StatusCode::BAD_REQUEST, ..Answer::text(format!("{sentence}\n")) }
    }

    /// Makes a page of metrics.
    pub fn metrics(body: String) -> Answer {
        Answer { kind: "text/plain; version=0.0.4", ..Answer::text(body) }
    }

    /// Makes an answer for programs.
    pub fn json(body: String) -> Answer {
        Answer { kind: "application/json", ..Answer::text(body) }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let headers = [(header::CONTENT_TYPE, self.kind), (header::CACHE_CONTROL, "no-store")];
        (self.status, headers, self.body).into_response()
    }
}

/// Who answers, and to whom.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    asks: Option<mpsc::UnboundedSender<Ask>>,
    operator_token: Option<String>,
}

impl Desk {
    /// Makes the desk of a program that takes its questions from the other end of `asks`. Without a token the operator is
    /// whoever asks from this machine.
    pub fn new(asks: mpsc::UnboundedSender<Ask>, operator_token: Option<String>) -> Desk {
        Desk { asks: Some(asks), operator_token }
    }

    /// Asks; a program without a desk, as a hosting editor is, knows no such page.
    pub(super) async fn ask(&self, question: Question) -> Response {
        let Some(asks) = &self.asks else {
            return (StatusCode::NOT_FOUND, "This server counts nothing.\n").into_response();
        };
        let (reply, answer) = oneshot::channel();
        let is_asked = asks.send(Ask { question, reply }).is_ok();
        match timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(answer)) if is_asked => answer.into_response(),
            _ => Answer::unavailable("the relay does not answer\n").into_response(),
        }
    }

    /// Returns the refusal for whoever is not the operator.
    pub(super) fn refuse_strangers(&self, visitor: &Visitor, headers: &HeaderMap) -> Option<Response> {
        let shown =
            headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let is_operator = match &self.operator_token {
            Some(token) => shown.is_some_and(|shown| bool::from(shown.ct_eq(token.as_bytes()))),
            None => is_from_here(visitor, headers),
        };
        if is_operator {
            return None;
        }
        let ask_for = [(header::WWW_AUTHENTICATE, "Bearer")];
        Some(
            (StatusCode::UNAUTHORIZED, ask_for, "This is for the operator, who has a token.\n")
                .into_response(),
        )
    }
}

/// Returns whether a request was made on this machine, by a program and by its own wish: not by way of a proxy, and not by
/// a page whose name was made to lead here.
fn is_from_here(visitor: &Visitor, headers: &HeaderMap) -> bool {
    let is_forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via", "origin"]
        .iter()
        .any(|&name| headers.contains_key(name));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    let is_own_name = name == "localhost"
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    visitor.peer.ip().to_canonical().is_loopback() && !is_forwarded && is_own_name
}
