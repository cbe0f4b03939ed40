//! Somebody with a whole document and the program's own state machine for links, as an editor has them; only the socket is simpler.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coedit::base::time::{MonoTime, WallTime};
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::{Bias, Document};
use coedit::protocol::capability::{Secret, Token};
use coedit::protocol::link_url::LinkUrl;
use coedit::protocol::presence::{Activity, Presence};
use coedit::protocol::{DocumentId, Epoch, SessionId};
use coedit::sync::event::Create;
use coedit::sync::{Direction, Input, LinkId, Output, Room, RoomConfig, Status, Upstream, Via};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::client::config;

type Socket = WebSocketStream<TcpStream>;

/// What all members of one run share.
#[derive(Clone)]
pub struct Common {
    /// The time that members count from.
    pub begun: Instant,
    /// Whether lost connections are made again at once, or when the program's own delays say.
    pub is_patient: bool,
    /// Who hears of it.
    pub news: UnboundedSender<News>,
}

/// What a member tells.
#[derive(Clone, Copy, Debug)]
pub enum News {
    /// It has all that the server had when it came; since then it has received so many bytes.
    InSync { at: Instant, n_bytes: usize },
    /// It lost its connection.
    Lost,
}

/// Somebody who takes part until dropped.
pub struct Member {
    common: Arc<Common>,
    port: u16,
    pub doc: Document,
    i: usize,
    document: DocumentId,
    room: Room,
    socket: Option<Socket>,
    n_links: u64,
    n_bytes: usize,
    wants_dial: bool,
}

impl Member {
    /// Makes a member of the document with this number. It has not dialed yet.
    pub fn new(common: Arc<Common>, port: u16, document: usize, i: usize) -> Member {
        let secret = Secret::from_random([7; 32]);
        let access = secret.access().expect("may write");
        let document = DocumentId::from_bytes((document as u128).to_le_bytes());
        let create = Some(Create { access, operator_token: Vec::new() });
        Member::of(common, port, document, secret.token(), Some(Epoch::from_bytes([9; 16])), create, i)
    }

    /// Makes a member of the document of a link.
    pub fn of_link(common: Arc<Common>, link: &LinkUrl, i: usize) -> Member {
        Member::of(common, link.server.port, link.document, link.secret.token(), None, None, i)
    }

    fn of(
        common: Arc<Common>,
        port: u16,
        document: DocumentId,
        token: Token,
        epoch: Option<Epoch>,
        create: Option<Create>,
        i: usize,
    ) -> Member {
        let mut doc = Document::new(ReplicaId::new(1_000_000 + i as u64));
        let config = RoomConfig {
            document,
            epoch,
            session: SessionId::from_bytes((i as u128).to_le_bytes()),
            name: String::new(),
            seed: i as u64,
            durable: VersionVector::default(),
            serve: None,
            upstream: Some(Upstream {
                is_first: false,
                token,
                create,
                acknowledged: VersionVector::default(),
            }),
        };
        let mut out = Vec::new();
        let room = Room::new(config, MonoTime(0), &mut doc, &mut out);
        Member {
            common,
            port,
            doc,
            i,
            document,
            room,
            socket: None,
            n_links: 0,
            n_bytes: 0,
            wants_dial: true,
        }
    }

    fn now(&self) -> MonoTime {
        MonoTime(self.common.begun.elapsed().as_millis() as u64)
    }

    /// Takes part for ever; or until in sync for the first time.
    pub async fn run(&mut self, until_in_sync: bool) {
        while !self.turn(None).await || !until_in_sync {}
    }

    /// Takes part until the server has all of the document.
    pub async fn settle(&mut self) {
        while !matches!(self.room.status(), Status::Synced { .. }) {
            self.turn(None).await;
        }
    }

    /// Types a character every so often, from a place on, for ever; others see where.
    pub async fn type_steadily(&mut self, mut at: usize, first_at: Instant, every: Duration) {
        let mut due = first_at;
        loop {
            self.turn(Some(due)).await;
            while due <= Instant::now() {
                due += every;
                at = at.min(self.doc.len_chars());
                self.doc.insert(at, "x").expect("inside");
                at += 1;
                self.edited().await;
                let presence = Presence {
                    name: format!("member {}", self.i),
                    color: (self.i % 16) as u8,
                    cursor: Some(self.doc.anchor(at, Bias::Left)),
                    selections: Vec::new(),
                    activity: Activity::Typing,
                };
                self.input(Input::PresenceChanged(Some(presence))).await;
            }
        }
    }

    /// Sends what was edited in `doc`.
    pub async fn edited(&mut self) {
        self.input(Input::Edited).await;
    }

    /// Tries at once to connect again.
    pub async fn retry(&mut self) {
        self.input(Input::RetryNow).await;
    }

    /// Waits for one thing to happen, at most until a time. Returns whether it is in sync by that for the first time.
    async fn turn(&mut self, until: Option<Instant>) -> bool {
        if std::mem::take(&mut self.wants_dial) {
            self.dial().await;
        }
        let wait = match self.room.deadline() {
            Some(at) => Duration::from_millis(at.0.saturating_sub(self.now().0)),
            None => Duration::from_secs(3_600),
        };
        let until = until.map_or(wait, |until| until.saturating_duration_since(Instant::now()));
        let wait = wait.min(until);
        let message = match &mut self.socket {
            Some(socket) => tokio::time::timeout(wait, socket.next()).await.ok(),
            None => {
                tokio::time::sleep(wait).await;
                None
            }
        };
        match message {
            None => self.input(Input::DeadlineReached).await,
            Some(Some(Ok(Message::Binary(bytes)))) => {
                self.n_bytes += bytes.len();
                self.input(Input::Packet { link: LinkId(self.n_links), bytes: &bytes }).await
            }
            Some(Some(Ok(_))) => false,
            Some(Some(Err(_)) | None) => self.lost().await,
        }
    }

    async fn lost(&mut self) -> bool {
        self.socket = None;
        let _ = self.common.news.send(News::Lost);
        self.input(Input::LinkClosed { link: LinkId(self.n_links) }).await;
        if !self.common.is_patient {
            self.input(Input::RetryNow).await;
        }
        false
    }

    async fn dial(&mut self) {
        self.n_bytes = 0;
        let url = format!("ws://127.0.0.1:{}/d/{}", self.port, self.document);
        let dialed = async {
            let stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
            stream.set_nodelay(true).ok()?;
            Some(client_async_with_config(url, stream, Some(config())).await.ok()?.0)
        };
        match dialed.await {
            Some(socket) => {
                self.socket = Some(socket);
                self.n_links += 1;
                let direction = Direction::Dialed { via: Via::WebSocket };
                let wall = WallTime(0);
                self.input(Input::LinkOpened { link: LinkId(self.n_links), direction, wall }).await;
            }
            None => {
                self.input(Input::DialFailed { sentence: String::new() }).await;
                if !self.common.is_patient {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    self.input(Input::RetryNow).await;
                }
            }
        }
    }

    /// Returns whether it is in sync by this for the first time on this connection.
    async fn input(&mut self, input: Input<'_>) -> bool {
        let mut todo = VecDeque::new();
        self.handle(input, &mut todo);
        let mut is_in_sync = false;
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Send { bytes, .. } => {
                    let n_bytes = bytes.len();
                    if let Some(socket) = &mut self.socket
                        && socket.send(Message::Binary(bytes)).await.is_ok()
                    {
                        self.handle(Input::Written { link: LinkId(self.n_links), n_bytes }, &mut todo);
                    }
                }
                Output::Close { .. } => self.socket = None,
                // This member's disk is fast.
                Output::Persist { token, .. } | Output::Rewrite { token, .. } => {
                    self.handle(Input::Persisted { token }, &mut todo);
                }
                Output::Dial { .. } => self.wants_dial = true,
                Output::CaughtUp => {
                    is_in_sync = true;
                    let news = News::InSync { at: Instant::now(), n_bytes: self.n_bytes };
                    let _ = self.common.news.send(news);
                }
                _ => {}
            }
        }
        is_in_sync
    }

    fn handle(&mut self, input: Input<'_>, todo: &mut VecDeque<Output>) {
        let now = MonoTime(self.common.begun.elapsed().as_millis() as u64);
        let mut out = Vec::new();
        self.room.handle(input, now, &mut self.doc, &mut out);
        todo.extend(out);
    }
}
