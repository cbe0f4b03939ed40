//! A document with its journal and its connections, for the editor and for commands without a screen.
//!
//! The document stays with whoever edits it and is lent on each call. A loop around a session is:
//! `let event = session.next_event().await; session.handle(event, &mut doc, &mut news);` and
//! `session.edited(&mut doc, &mut news)` after each burst of edits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use crate::base::text_format::TextFormat;
use crate::document::{Applied, Document};
use crate::io::clock;
use crate::io::server::Accepted;
use crate::io::storage::journal::JournalEvent;
use crate::io::transport::connect::Network;
use crate::io::transport::dial::{self, LinkAddr};
use crate::io::transport::{self, Connection, LinkEvent, LinkHandle};
use crate::journal::FileHash;
use crate::protocol::link_url::{LinkUrl, ServerUrl};
use crate::protocol::presence::Presence;
use crate::protocol::{ConnectionId, Epoch};
use crate::sync::{Direction, Input, LinkId, Output, PersistToken, Room, RoomConfig, Status};

mod keep;
mod open;

pub use keep::Ending;
pub use open::{How, Opened, open, open_link, open_view, unsaved_files};

use keep::Keep;

/// How long the end of a session waits for goodbyes to be written.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(300);

/// What `next_event` returns and `handle` takes.
pub enum Event {
    /// On a connection.
    Link(LinkEvent),
    /// Somebody connected.
    Accepted(Accepted),
    /// Dialing ended.
    Dialed(Result<Connection, String>),
    /// From the journal.
    Journal(JournalEvent),
    /// The time that the room waited for has come.
    Deadline,
}

/// What the screen must be told.
#[derive(Clone, Debug)]
pub enum News {
    /// Others changed the text; the document has it already.
    TextChanged(Applied),
    /// [`Session::people`] has news.
    People,
    /// [`Session::status`] has news.
    Status,
    /// [`Session::link`] is another one now.
    Link,
    /// What nobody had seen was rewritten: places that others were told of have other names now.
    Rewritten,
    /// The journal could not be written; edits are kept in memory and it is tried again.
    JournalFailed(String),
}

/// The journal and the connections of one document.
pub struct Session {
    room: Room,
    upstream: Option<LinkUrl>,
    link: Option<LinkUrl>,
    links: HashMap<LinkId, LinkHandle>,
    next_link: u64,
    channels: Channels,
    keep: Option<Keep>,
    accepting: Option<tokio::task::JoinHandle<()>>,
    is_caught_up: bool,
    /// Whether the journal was told once what the other side has.
    has_noted: bool,
    name: Option<String>,
    warning: Option<String>,
    /// There is no journal, though there should be one.
    is_unkept: bool,
    network: Arc<Network>,
    dialing: Option<tokio::task::JoinHandle<()>>,
}

/// The channels of a session that is being made: a server and a journal may need them before there is a room.
struct Channels {
    on_link: UnboundedSender<LinkEvent>,
    link_events: UnboundedReceiver<LinkEvent>,
    on_accepted: UnboundedSender<Accepted>,
    accepted: UnboundedReceiver<Accepted>,
    on_dialed: UnboundedSender<Result<Connection, String>>,
    dialed: UnboundedReceiver<Result<Connection, String>>,
    on_journal: UnboundedSender<JournalEvent>,
    journal_events: UnboundedReceiver<JournalEvent>,
}

impl Channels {
    fn new() -> Channels {
        let (on_link, link_events) = unbounded_channel();
        let (on_accepted, accepted) = unbounded_channel();
        let (on_dialed, dialed) = unbounded_channel();
        let (on_journal, journal_events) = unbounded_channel();
        Channels {
            on_link,
            link_events,
            on_accepted,
            accepted,
            on_dialed,
            dialed,
            on_journal,
            journal_events,
        }
    }
}

impl Session {
    fn new(
        config: RoomConfig,
        channels: Channels,
        keep: Option<Keep>,
        upstream: Option<LinkUrl>,
        network: Arc<Network>,
        doc: &mut Document,
    ) -> Session {
        let mut outputs = Vec::new();
        let mut room = Room::new(config, clock::mono_now(), doc, &mut outputs);
        if let Some(keep) = &keep {
            room.set_saved(keep.saved_version().clone());
        }
        let mut session = Session {
            room,
            link: upstream.clone(),
            upstream,
            links: HashMap::new(),
            next_link: 1,
            channels,
            keep,
            accepting: None,
            is_caught_up: false,
            has_noted: false,
            name: None,
            warning: None,
            is_unkept: false,
            network,
            dialing: None,
        };
        session.carry_out(outputs, doc, &mut Vec::new());
        session
    }

    /// Returns the state of the connection.
    pub fn status(&self) -> Status {
        match self.room.status() {
            Status::Alone if self.is_unkept => Status::NotKept { is_host: false },
            status => status.clone(),
        }
    }

    /// Returns who else is here.
    pub fn people(&self) -> Vec<(ConnectionId, Presence)> {
        self.room.people()
    }

    /// Returns the link that others join with, if the document is shared.
    pub fn link(&self) -> Option<&LinkUrl> {
        self.link.as_ref()
    }

    /// Returns whether edits made here would reach nobody: the link can only read, or its owner decided so.
    pub fn may_only_read(&self) -> bool {
        let is_reader = matches!(self.room.status(), Status::ReadOnly { .. });
        is_reader || self.link.as_ref().is_some_and(|link| link.secret.access().is_none())
    }

    /// Returns whether no other side ever had anything of the document.
    pub fn is_unknown_elsewhere(&self) -> bool {
        self.room.acknowledged().is_empty()
    }

    /// Returns whether all that the other side had when this one came is here now.
    pub fn is_caught_up(&self) -> bool {
        self.is_caught_up
    }

    /// Returns what the other side calls the document, once it was asked. Untrusted; may be empty.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns what the user should know from the start, once.
    pub fn warning(&mut self) -> Option<String> {
        self.warning.take()
    }

    /// Waits for what happens next. May be dropped at any time without losing anything.
    pub async fn next_event(&mut self) -> Event {
        let deadline = self.room.deadline().map(|at| Instant::from_std(clock::instant(at)));
        let sleeping = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(event) = self.channels.journal_events.recv() => Event::Journal(event),
            Some(event) = self.channels.link_events.recv() => Event::Link(event),
            Some(accepted) = self.channels.accepted.recv() => Event::Accepted(accepted),
            Some(dialed) = self.channels.dialed.recv() => Event::Dialed(dialed),
            () = sleeping => Event::Deadline,
        }
    }

    /// Returns what happened already, without waiting: for taking a burst before one frame is drawn.
    pub fn try_next_event(&mut self) -> Option<Event> {
        let event = self.channels.journal_events.try_recv().ok().map(Event::Journal);
        event.or_else(|| self.channels.link_events.try_recv().ok().map(Event::Link))
    }

    /// Takes in what happened.
    pub fn handle(&mut self, event: Event, doc: &mut Document, news: &mut Vec<News>) {
        match event {
            Event::Deadline => self.step(Input::DeadlineReached, doc, news),
            Event::Journal(event) => self.on_journal(event, doc, news),
            Event::Accepted(accepted) => {
                let direction = Direction::Accepted { document: accepted.document };
                self.on_connection(accepted.connection, direction, doc, news)
            }
            Event::Dialed(Ok(connection)) => {
                self.is_caught_up = false;
                let direction = Direction::Dialed { via: connection.via() };
                self.on_connection(connection, direction, doc, news);
            }
            Event::Dialed(Err(sentence)) => self.step(Input::DialFailed { sentence }, doc, news),
            Event::Link(LinkEvent::Packet(link, bytes)) => {
                // What a link that the room closed still had on its way means nothing any more.
                let link = LinkId(link);
                if self.links.contains_key(&link) {
                    self.step(Input::Packet { link, bytes: &bytes }, doc, news);
                }
            }
            Event::Link(LinkEvent::Written(link, n_bytes)) => {
                self.step(Input::Written { link: LinkId(link), n_bytes }, doc, news);
            }
            Event::Link(LinkEvent::Closed(link, _)) => {
                self.links.remove(&LinkId(link));
                self.step(Input::LinkClosed { link: LinkId(link) }, doc, news);
            }
        }
    }

    fn on_connection(
        &mut self,
        connection: Connection,
        direction: Direction,
        doc: &mut Document,
        news: &mut Vec<News>,
    ) {
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.links.insert(link, transport::spawn(connection, link.0, self.channels.on_link.clone()));
        self.step(Input::LinkOpened { link, direction, wall: clock::wall_now() }, doc, news);
    }

    fn on_journal(&mut self, event: JournalEvent, doc: &mut Document, news: &mut Vec<News>) {
        match event {
            JournalEvent::Written { token, .. } => {
                self.step(Input::Persisted { token: PersistToken(token) }, doc, news);
            }
            // The journal keeps what it could not write, and goes on trying: the room just waits.
            JournalEvent::Failed { sentence } => {
                news.push(News::JournalFailed(sentence));
                let sentence = "the host's disk takes no edits at the moment".to_owned();
                self.step(Input::PersistStalled { sentence }, doc, news);
            }
            JournalEvent::Recovered => self.step(Input::PersistGoesOn, doc, news),
            JournalEvent::MovedAside { sentence } => news.push(News::JournalFailed(sentence)),
            JournalEvent::Refused { sentence } => {
                news.push(News::JournalFailed(sentence.clone()));
                self.step(Input::PersistFailed { sentence }, doc, news);
            }
            JournalEvent::Lost { .. } => {
                if let Some(keep) = &mut self.keep {
                    keep.lost();
                }
                let sentence = "the journal was lost and is begun again".to_owned();
                self.step(Input::PersistFailed { sentence }, doc, news);
            }
            JournalEvent::SnapshotWritten { .. } => {}
        }
    }

    /// The document was edited here: journals the edits and sends them. Call it once for a burst.
    pub fn edited(&mut self, doc: &mut Document, news: &mut Vec<News>) {
        self.step(Input::Edited, doc, news);
    }

    /// One's name, colour, cursor or selection changed.
    pub fn presence(&mut self, presence: Option<Presence>, doc: &mut Document, news: &mut Vec<News>) {
        self.step(Input::PresenceChanged(presence), doc, news);
    }

    /// The user wants no more waiting.
    pub fn retry_now(&mut self, doc: &mut Document, news: &mut Vec<News>) {
        self.step(Input::RetryNow, doc, news);
    }

    /// The file was written, or its outside change was taken in: `hash` is of its bytes now, and the document's text is
    /// what it holds. Recovery counts from here.
    pub fn saved(&mut self, doc: &mut Document, hash: FileHash, format: TextFormat) {
        self.room.set_saved(doc.version());
        if let Some(keep) = &mut self.keep {
            keep.saved(doc, hash, format);
        }
    }

    /// The document's file is this one from now on.
    pub fn moved(&mut self, path: std::path::PathBuf) {
        if let Some(keep) = &mut self.keep {
            keep.moved(path);
        }
    }

    /// Ends the session: says goodbye, and leaves in the journal what the next start needs.
    pub async fn end(mut self, doc: &mut Document, ending: Ending) {
        self.step(Input::Shutdown, doc, &mut Vec::new());
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
        }
        let n_links = self.links.len();
        self.links.clear();
        let goodbyes = async {
            let mut n_open = n_links;
            while 0 < n_open {
                match self.channels.link_events.recv().await {
                    Some(LinkEvent::Closed(..)) => n_open -= 1,
                    Some(_) => {}
                    None => return,
                }
            }
        };
        let _ = tokio::time::timeout(GOODBYE_TIMEOUT, goodbyes).await;
        if let Some(keep) = self.keep.take() {
            keep.end(doc, &self.room.acknowledged(), ending);
        }
    }

    /// Runs without a screen until everything is here and on the other side's disk.
    ///
    /// # Errors
    /// In one sentence: refused, not reachable, or not done within `patience`.
    pub async fn settle(&mut self, doc: &mut Document, patience: Duration) -> Result<(), String> {
        self.run_online_until(doc, patience, |session| match session.room.status() {
            Status::Synced { .. } | Status::ReadOnly { n_kept: 0, .. } if session.is_caught_up => {
                Some(Ok(()))
            }
            Status::ReadOnly { .. } if session.is_caught_up => {
                Some(Err("this link can only read".to_owned()))
            }
            Status::Hosting { .. } | Status::Alone => session.room.is_durable().then_some(Ok(())),
            Status::NotKept { .. } if session.upstream.is_none() => {
                Some(Err("the disk here takes no edits".to_owned()))
            }
            // The other side has all of it.
            Status::NotKept { .. } if session.is_caught_up && session.room.n_unacknowledged() == 0 => {
                Some(Ok(()))
            }
            // What is there can still be read; a Pause comes before it.
            Status::Paused { .. } if !session.is_caught_up => None,
            Status::Paused { n_kept: 0, .. } => Some(Ok(())),
            Status::Paused { sentence, .. } => Some(Err(sentence.clone())),
            _ => None,
        })
        .await
    }

    /// Runs without a screen until all that the other side has is here.
    ///
    /// # Errors
    /// As [`Session::settle`].
    pub async fn catch_up(&mut self, doc: &mut Document, patience: Duration) -> Result<(), String> {
        self.run_online_until(doc, patience, |session| session.is_caught_up.then_some(Ok(()))).await
    }

    /// Runs without a screen until the other side has welcomed this one, and so has said what the document is called.
    ///
    /// # Errors
    /// As [`Session::settle`].
    pub async fn greet(&mut self, doc: &mut Document, patience: Duration) -> Result<(), String> {
        self.run_online_until(doc, patience, |session| session.name.is_some().then_some(Ok(()))).await
    }

    /// Runs without a screen until all that was edited is on the disk here, connected or not. What nothing is kept of counts as
    /// kept.
    ///
    /// # Errors
    /// In one sentence: the disk takes nothing, or not within `patience`.
    pub async fn keep_all(&mut self, doc: &mut Document, patience: Duration) -> Result<(), String> {
        let outcome = |session: &Session| match session.room.status() {
            _ if session.room.is_durable() => Some(Ok(())),
            Status::NotKept { .. } => Some(Err("the disk here takes no edits".to_owned())),
            _ => None,
        };
        self.run_until(doc, patience, "the disk here has not taken the edits", outcome).await
    }

    async fn run_online_until(
        &mut self,
        doc: &mut Document,
        patience: Duration,
        outcome: impl Fn(&Session) -> Option<Result<(), String>>,
    ) -> Result<(), String> {
        let or_failed = |session: &Session| {
            outcome(session).or_else(|| match session.room.status() {
                Status::Denied { sentence, .. } => Some(Err(sentence.clone())),
                // Whoever answered once is waited for: it is most likely being restarted.
                Status::Offline { reason, .. } if session.name.is_none() => Some(Err(reason.clone())),
                _ => None,
            })
        };
        self.run_until(doc, patience, "not in sync", or_failed).await
    }

    async fn run_until(
        &mut self,
        doc: &mut Document,
        patience: Duration,
        otherwise: &str,
        outcome: impl Fn(&Session) -> Option<Result<(), String>>,
    ) -> Result<(), String> {
        let until = Instant::now() + patience;
        loop {
            if let Some(outcome) = outcome(self) {
                return outcome;
            }
            match tokio::time::timeout_at(until, self.next_event()).await {
                Ok(event) => self.handle(event, doc, &mut Vec::new()),
                Err(_) => return Err(format!("{otherwise} after {} s; try again", patience.as_secs())),
            }
        }
    }

    fn step(&mut self, input: Input<'_>, doc: &mut Document, news: &mut Vec<News>) {
        let mut outputs = Vec::new();
        self.room.handle(input, clock::mono_now(), doc, &mut outputs);
        self.carry_out(outputs, doc, news);
    }

    fn carry_out(&mut self, outputs: Vec<Output>, doc: &mut Document, news: &mut Vec<News>) {
        // A document without a journal counts as kept: nobody asked for more, and nobody is served from it.
        let mut kept_at_once = None;
        let mut refused = None;
        let mut is_denied = false;
        for output in outputs {
            match output {
                Output::Send { link, bytes } => {
                    if let Some(handle) = self.links.get(&link) {
                        handle.send(bytes);
                    }
                }
                Output::Close { link } => drop(self.links.remove(&link)),
                Output::Persist { token, bytes } => match self.keep.as_mut().filter(|keep| keep.takes(doc)) {
                    Some(keep) => {
                        refused = keep.append(doc, token, bytes.to_vec()).err().or(refused);
                    }
                    None => kept_at_once = Some(token),
                },
                Output::Rewrite { token } => {
                    news.push(News::Rewritten);
                    let saved = self.room.saved().clone();
                    match self.keep.as_mut().filter(|keep| keep.takes(doc)) {
                        Some(keep) => refused = keep.rewrite(doc, token, saved).err().or(refused),
                        None => kept_at_once = Some(token),
                    }
                }
                Output::Dial { elsewhere } => self.dial(elsewhere),
                Output::TextChanged(applied) => news.push(News::TextChanged(applied)),
                Output::PeopleChanged => news.push(News::People),
                Output::StatusChanged => {
                    self.note_acknowledged();
                    news.push(News::Status);
                }
                Output::EpochAdopted(epoch) => self.adopt(epoch),
                Output::CaughtUp => self.is_caught_up = true,
                Output::LinkDenied => is_denied = true,
                Output::Named(name) => self.name = Some(name),
                Output::LinkWelcomed { link } => tracing::info!(link = link.0, "a link joined"),
                Output::LinkRefused { link, .. } => tracing::info!(link = link.0, "a link was refused"),
            }
        }
        if let Some(token) = kept_at_once {
            self.step(Input::Persisted { token }, doc, news);
        }
        if let Some(error) = refused {
            let sentence = error.to_string();
            news.push(News::JournalFailed(sentence.clone()));
            self.step(Input::PersistFailed { sentence }, doc, news);
        }
        if is_denied {
            self.follow_link(doc, news);
        }
    }

    /// Leaves in the journal what the other side has, for the count of what it lacks after a crash: once it is known, and whenever the
    /// connection is gone. Between the two the next connection knows better.
    fn note_acknowledged(&mut self) {
        let is_due = match self.room.status() {
            Status::Synced { .. } => !self.has_noted,
            Status::Offline { .. } => true,
            _ => false,
        };
        if let Some(keep) = self.keep.as_mut().filter(|_| is_due) {
            self.has_noted = keep.note_acknowledged(&self.room.acknowledged());
        }
    }

    /// Takes the link that the document's record has, if it is another one: whoever replaces a link writes that there.
    fn follow_link(&mut self, doc: &mut Document, news: &mut Vec<News>) {
        let Some(link) = self.keep.as_mut().and_then(Keep::replaced_link) else { return };
        let (token, access) = (link.secret.token(), link.secret.access());
        self.upstream = Some(link.clone());
        self.link = Some(link);
        news.push(News::Link);
        self.step(Input::LinkReplaced { token, access }, doc, news);
    }

    fn dial(&mut self, elsewhere: Option<ServerUrl>) {
        let Some(upstream) = &self.upstream else { return };
        let elsewhere = elsewhere.filter(|server| server.is_tls || !upstream.server.is_tls);
        let server = elsewhere.as_ref().unwrap_or(&upstream.server);
        let address = LinkAddr {
            host: server.host.clone(),
            port: server.port,
            base_path: server.base_path.clone(),
            doc_id: upstream.document.to_string(),
            tls: server.is_tls,
        };
        let (on_dialed, network) = (self.channels.on_dialed.clone(), Arc::clone(&self.network));
        // An older try that still hangs would only get in the way.
        if let Some(older) = self.dialing.take() {
            older.abort();
        }
        self.dialing = Some(tokio::spawn(async move {
            let dialed = dial::dial(&network, &address).await.map_err(|error| error.to_string());
            // A session that has ended meanwhile needs no connection.
            let _ = on_dialed.send(dialed);
        }));
    }

    fn adopt(&mut self, epoch: Epoch) {
        if let Some(keep) = &mut self.keep {
            keep.adopted(epoch);
        }
    }
}
