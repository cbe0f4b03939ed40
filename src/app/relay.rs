//! `coedit relay`: one task owns the machine that decides; everything reaches it by channel.

mod denials;
mod desk;
mod numbers;
/// What a relay is told.
pub mod options;
mod orders;
/// `coedit relay status`.
pub mod status;
mod storing;
/// `coedit relay check`, `backup` and `restore`.
pub mod upkeep;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::app::address;
use crate::crdt::VersionVector;
use crate::io::server::Accepted;
use crate::io::server::desk::{Answer, Ask, Desk, Reply};
use crate::io::signals::Termination;
use crate::io::storage::relay_store::{
    Hashes, RelayDocument, RelayEvent, RelayLink, RelaySnapshot, RelayStore,
};
use crate::io::transport::{self, LinkEvent, LinkHandle};
use crate::io::{clock, entropy, tls};
use crate::protocol::DocumentId;
use crate::protocol::capability::{Mode, TokenHash};
use crate::protocol::greeting::RefuseCode;
use crate::relay::{Input, Output, Relay, RelayConfig, Ticket};
use crate::sync::{LinkId, PersistToken};
use denials::Denials;
use numbers::Numbers;
use options::{LogFormat, RelaySettings};

/// Events taken before outputs reach the sockets: what they answer is then joined.
const EVENTS_PER_TURN: usize = 256;

/// How long a stop may take before it is forced.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// How long connections may take to write their goodbyes. Each ends by itself a second after it was told to.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves documents until the program is told to end.
///
/// # Errors
/// In one sentence: the address, the certificate, the data folder.
pub async fn run(settings: RelaySettings) -> anyhow::Result<()> {
    let mut termination = Termination::listen()?;
    let (on_store, store_events) = unbounded_channel();
    let store = RelayStore::open(settings.data.clone(), Arc::new(move |events| drop(on_store.send(events))))?;
    let mut server = address::listen(&settings.listen).await?.with_bounds(settings.bounds);
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    if let Some((cert, key)) = &settings.tls {
        server = server.with_tls(tls::acceptor(cert, key)?);
    }
    let address = address::reachable(server.local_addr());
    let (on_accepted, accepted) = unbounded_channel();
    let (on_ask, asks) = unbounded_channel();
    let desk = Desk::new(on_ask, settings.operator_token);
    let accepting = tokio::spawn(server.run(on_accepted, desk, std::future::pending()));
    {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        // Whoever started this may have gone away without caring for the line.
        let _ = writeln!(out, "listening on {scheme}://{address}").and_then(|()| out.flush());
    }
    tracing::info!(%address, "relay started");
    let n_created = store.n_created_at_start().iter().map(|&(creator, n)| (TokenHash(creator), n));
    let config = RelayConfig {
        seed: entropy::u64(),
        n_stored: store.n_documents_at_start(),
        n_created: n_created.collect(),
        ..settings.relay
    };
    let (on_link, link_events) = unbounded_channel();
    let mut actor = Actor {
        relay: Relay::new(config),
        store,
        links: HashMap::new(),
        n_open: 0,
        next_link: 1,
        on_link,
        last_tokens: HashMap::new(),
        appended: HashMap::new(),
        owners: HashMap::new(),
        next_ticket: 0,
        storing_access: None,
        unsaid: HashMap::new(),
        denials: Denials::default(),
        numbers: Numbers::default(),
        disk_trouble: None,
        started_at: Instant::now(),
        is_ending: false,
        is_drained: false,
    };
    let inbox = Inbox { store_events, accepted, link_events, asks };
    actor.serve(inbox, &mut termination, accepting).await;
    let is_drained = actor.is_drained;
    actor.store.shutdown()?;
    match is_drained {
        true => tracing::info!("relay stopped"),
        false => {
            bail!("the relay stopped before every edit was on its disk; clients will send the rest again")
        }
    }
    Ok(())
}

/// Sends the log of a relay to standard error. What is in it: ids of links and documents, addresses, counts; never a text, a
/// name or a secret.
pub fn log_to_stderr(format: LogFormat) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("COEDIT_LOG").unwrap_or_else(|_| EnvFilter::new("coedit=info"));
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // Whoever read the log may be gone: that a line could not be written would be told there too, and end the relay.
    let lines = lines.log_internal_errors(false);
    // A second call finds one that is there already.
    let _ = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}

struct Inbox {
    store_events: UnboundedReceiver<Vec<RelayEvent>>,
    accepted: UnboundedReceiver<Accepted>,
    link_events: UnboundedReceiver<LinkEvent>,
    asks: UnboundedReceiver<Ask>,
}

struct Actor {
    relay: Relay,
    store: RelayStore,
    links: HashMap<LinkId, Link>,
    /// Connections whose tasks still run: those in `links`, and those that write their goodbyes.
    n_open: usize,
    next_link: u64,
    on_link: UnboundedSender<LinkEvent>,
    /// The last append of each loaded document: what a snapshot given after it covers.
    last_tokens: HashMap<DocumentId, PersistToken>,
    /// When each append that is not on the disk yet was asked for.
    appended: HashMap<DocumentId, VecDeque<(u64, Instant)>>,
    /// Owners who wait for an answer, and since when.
    owners: HashMap<Ticket, (Reply, Instant)>,
    next_ticket: u64,
    /// The document of the order that is being carried out, if the store was asked for something.
    storing_access: Option<DocumentId>,
    /// Answers that are given once the store has what they say.
    unsaid: HashMap<DocumentId, VecDeque<(Reply, Answer)>>,
    denials: Denials,
    numbers: Numbers,
    /// Why nothing can be written, while that is so.
    disk_trouble: Option<String>,
    started_at: Instant,
    is_ending: bool,
    is_drained: bool,
}

/// An open connection.
struct Link {
    handle: LinkHandle,
    transport: &'static str,
    /// When its hello came.
    greeted_at: Option<Instant>,
    /// When it said what it is denied, if it is.
    denied_at: Option<Instant>,
}

impl Actor {
    async fn serve(
        &mut self,
        mut inbox: Inbox,
        termination: &mut Termination,
        accepting: tokio::task::JoinHandle<()>,
    ) {
        let mut forced_at = None;
        while !self.is_drained {
            let deadline = self.relay.deadline().map(|at| clock::instant(at).into());
            tokio::select! {
                biased;
                () = termination.wait(), if forced_at.is_none() => {
                    forced_at = Some(tokio::time::Instant::now() + STOP_TIMEOUT);
                    accepting.abort();
                    self.is_ending = true;
                    self.step(Input::Shutdown);
                }
                Some(events) = inbox.store_events.recv() => {
                    events.into_iter().for_each(|event| self.on_store(event));
                }
                Some(accepted) = inbox.accepted.recv() => self.on_accepted(accepted),
                Some(ask) = inbox.asks.recv() => self.answer(ask),
                Some(event) = inbox.link_events.recv() => {
                    self.on_link(event);
                    for _ in 1..EVENTS_PER_TURN {
                        let Ok(event) = inbox.link_events.try_recv() else { break };
                        self.on_link(event);
                    }
                }
                () = sleep_until(deadline) => self.step(Input::DeadlineReached),
                () = sleep_until(forced_at) => break,
            }
        }
        self.links.clear();
        // Goodbyes are written by the connections' own tasks.
        let all_closed = async {
            while 0 < self.n_open {
                match inbox.link_events.recv().await {
                    Some(LinkEvent::Closed(..)) => self.n_open -= 1,
                    Some(_) => {}
                    None => return,
                }
            }
        };
        let _ = tokio::time::timeout(GOODBYE_TIMEOUT, all_closed).await;
    }

    fn on_accepted(&mut self, accepted: Accepted) {
        let link = LinkId(self.next_link);
        self.next_link += 1;
        let transport = accepted.connection.via().word();
        self.n_open += 1;
        let handle = transport::spawn(accepted.connection, link.0, self.on_link.clone());
        self.links.insert(link, Link { handle, transport, greeted_at: None, denied_at: None });
        *self.numbers.links_opened.entry(transport).or_default() += 1;
        *self.numbers.links.entry(transport).or_default() += 1;
        tracing::debug!(link = link.0, peer = %accepted.peer, transport, "a link was accepted");
        self.step(Input::LinkOpened { link, document: accepted.document, wall: clock::wall_now() });
    }

    fn on_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Packet(link, bytes) => {
                let link = LinkId(link);
                // What a link that was closed still had on its way means nothing any more.
                if let Some(open) = self.links.get_mut(&link) {
                    open.greeted_at.get_or_insert_with(Instant::now);
                    self.numbers.bytes_in += bytes.len() as u64;
                    self.step(Input::Packet { link, bytes: &bytes });
                }
            }
            LinkEvent::Written(link, n_bytes) => self.step(Input::Written { link: LinkId(link), n_bytes }),
            LinkEvent::Closed(link, _) => {
                self.n_open -= 1;
                drop(self.forget(LinkId(link)));
                self.step(Input::LinkClosed { link: LinkId(link) });
            }
        }
    }

    fn forget(&mut self, link: LinkId) -> Option<Link> {
        let closed = self.links.remove(&link)?;
        if let Some(n_links) = self.numbers.links.get_mut(closed.transport) {
            *n_links -= 1;
        }
        Some(closed)
    }

    fn send(&mut self, link: LinkId, bytes: Bytes) {
        let Some(open) = self.links.get(&link) else { return };
        self.numbers.bytes_out += bytes.len() as u64;
        let Some(at) = open.denied_at else { return open.handle.send(bytes) };
        let Some(refused) = self.forget(link) else { return };
        self.denials.hold(at, move || refused.handle.send(bytes));
    }

    fn refused(&mut self, link: LinkId, code: RefuseCode) {
        *self.numbers.refused.entry(code.word()).or_default() += 1;
        tracing::info!(link = link.0, reason = code.word(), "a link was refused");
        let Some(open) = self.links.get_mut(&link) else { return };
        if matches!(code, RefuseCode::Denied | RefuseCode::CreateDenied) {
            open.denied_at = open.greeted_at;
        }
    }

    fn step(&mut self, input: Input<'_>) {
        let mut outputs = Vec::new();
        self.relay.handle(input, clock::mono_now(), &mut outputs);
        outputs.into_iter().for_each(|output| self.carry_out(output));
    }

    fn carry_out(&mut self, output: Output) {
        // The store refuses only once its thread has ended, and then nothing is acknowledged any more.
        let given = match output {
            Output::Send { link, bytes } => {
                self.send(link, bytes);
                Ok(())
            }
            Output::Close { link } => {
                drop(self.forget(link));
                Ok(())
            }
            Output::Load { document, shown } => self.store.load(*document.as_bytes(), Some(shown.0)),
            Output::Create { document, epoch, access, name, creator } => {
                let described = RelayDocument {
                    epoch: *epoch.as_bytes(),
                    write_hash: access.write.0,
                    read_hash: access.read.0,
                    name,
                    creator: creator.map(|creator| creator.0),
                };
                self.store.create(*document.as_bytes(), described, clock::wall_now())
            }
            Output::Append { document, token, bytes, is_retry } => {
                self.last_tokens.insert(document, token);
                self.appended.entry(document).or_default().push_back((token.0, Instant::now()));
                let append = if is_retry { RelayStore::append_again } else { RelayStore::append };
                append(&self.store, *document.as_bytes(), token.0, bytes.to_vec())
            }
            Output::StoreSnapshot { document, bytes } => {
                let upto = self.last_tokens.get(&document).map_or(0, |token| token.0);
                let version = crate::journal::encode_version(&VersionVector::default());
                self.store.store_snapshot(
                    *document.as_bytes(),
                    RelaySnapshot { version, bytes: bytes.to_vec() },
                    upto,
                )
            }
            Output::StoreAccess { document, access, grants } => {
                let links = grants.into_iter().map(|grant| RelayLink {
                    hash: grant.hash.0,
                    may_write: grant.mode == Mode::Write,
                    expires: grant.expires,
                    label: grant.label,
                });
                self.storing_access = Some(document);
                let hashes = Hashes { write: access.write.0, read: access.read.0 };
                self.store.store_access(*document.as_bytes(), hashes, links.collect())
            }
            Output::Managed { ticket, result } => {
                self.managed(ticket, result);
                Ok(())
            }
            Output::LoadFailed { document, sentence } => {
                self.numbers.n_load_failures += 1;
                tracing::error!(%document, %sentence, "a document could not be read");
                Ok(())
            }
            Output::Unloaded { document } => {
                self.last_tokens.remove(&document);
                tracing::info!(%document, "a document was unloaded");
                Ok(())
            }
            Output::LinkRefused { link, code } => {
                self.refused(link, code);
                Ok(())
            }
            Output::LinkWelcomed { link, document } => {
                tracing::info!(link = link.0, %document, "a link joined");
                Ok(())
            }
            Output::Drained => {
                self.is_drained = true;
                Ok(())
            }
        };
        if let Err(error) = given {
            tracing::error!(%error, "the store has ended");
        }
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
