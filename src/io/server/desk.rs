//! Questions that only the program behind the server can answer.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use subtle::ConstantTimeEq;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::Visitor;
use crate::protocol::DocumentId;

/// How long the program may take to answer. One that takes longer is in trouble, and that is the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Questions without news after which a comment keeps a stream alive: 5 s at two a second.
const SILENT_ASKS_MAX: u32 = 10;

/// A question.
#[derive(Clone, Debug)]
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
    /// `/d/DOC/view`: the text as it is, for whoever may read.
    View {
        /// Which document.
        document: DocumentId,
        /// The proof, as it was shown.
        token: String,
        /// The mark of the last answer.
        seen: Option<u64>,
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
    /// What the asker shows next time to be told only of news.
    mark: Option<u64>,
}

impl Answer {
    /// Makes the answer to whoever has seen what there is.
    pub fn unchanged() -> Answer {
        Answer { status: StatusCode::NOT_MODIFIED, ..Answer::text("") }
    }

    /// Adds what the asker shows next time.
    #[must_use]
    pub fn with_mark(self, mark: u64) -> Answer {
        Answer { mark: Some(mark), ..self }
    }

    /// Makes a plain answer.
    pub fn text(body: impl Into<String>) -> Answer {
        Answer { status: StatusCode::OK, kind: "text/plain; charset=utf-8", body: body.into(), mark: None }
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
    pub(super) async fn ask(&self, question: Question) -> Answer {
        let Some(asks) = &self.asks else {
            return Answer {
                status: StatusCode::NOT_FOUND,
                ..Answer::text("This server tells nothing of that.\n")
            };
        };
        let (reply, answer) = oneshot::channel();
        let is_asked = asks.send(Ask { question, reply }).is_ok();
        match timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(answer)) if is_asked => answer,
            _ => Answer::unavailable("the relay does not answer\n"),
        }
    }

    /// Asks again and again, and streams what is new: whole answers, each as the data of an event. The first one is the
    /// answer if it is a refusal.
    pub(super) async fn stream(self, question: Question, every: Duration, visitor: Visitor) -> Response {
        let first = self.ask(question.clone()).await;
        if first.status != StatusCode::OK {
            return first.into_response();
        }
        let start =
            Following { desk: self, question, every, next: Some(first), n_silent: 0, _visitor: visitor };
        let events = stream::unfold(start, |mut following| async move {
            let piece = following.next_piece().await?;
            Some((Ok::<_, Infallible>(piece), following))
        });
        let headers = [
            (header::CONTENT_TYPE.as_str(), "text/event-stream"),
            (header::CACHE_CONTROL.as_str(), "no-store, no-transform"),
            ("x-accel-buffering", "no"),
        ];
        (headers, Body::from_stream(events)).into_response()
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

/// A stream of answers.
struct Following {
    desk: Desk,
    question: Question,
    every: Duration,
    next: Option<Answer>,
    /// Questions in a row without news.
    n_silent: u32,
    /// Keeps its place under the bounds.
    _visitor: Visitor,
}

impl Following {
    /// Returns the next event, or a comment after some silence; nothing when it is over.
    async fn next_piece(&mut self) -> Option<Bytes> {
        loop {
            let answer = match self.next.take() {
                Some(first) => first,
                None => {
                    sleep(self.every).await;
                    self.desk.ask(self.question.clone()).await
                }
            };
            match answer.status {
                StatusCode::OK => {
                    if let Question::View { seen, .. } = &mut self.question {
                        *seen = answer.mark;
                    }
                    self.n_silent = 0;
                    return Some(format!("data: {}\n\n", answer.body).into());
                }
                StatusCode::NOT_MODIFIED if self.n_silent < SILENT_ASKS_MAX => self.n_silent += 1,
                StatusCode::NOT_MODIFIED => {
                    self.n_silent = 0;
                    return Some(Bytes::from_static(b":\n\n"));
                }
                _ => return None,
            }
        }
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
