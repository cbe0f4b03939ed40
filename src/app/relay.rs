//! `coedit relay`: one task owns the machine that decides; everything reaches it by channel.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::app::address;
use crate::base::time::WallTime;
use crate::crdt::VersionVector;
use crate::io::server::{Accepted, Probes};
use crate::io::signals::Termination;
use crate::io::storage::relay_store::{LoadedDocument, RelayDocument, RelayEvent, RelaySnapshot, RelayStore};
use crate::io::transport::{self, LinkEvent, LinkHandle};
use crate::io::{clock, entropy, tls};
use crate::protocol::capability::{Access, TokenHash};
use crate::protocol::{DocumentId, Epoch};
use crate::relay::{Input, Output, Relay, RelayConfig, Stored};
use crate::sync::{LinkId, PersistToken};

/// Events taken before outputs reach the sockets: what they answer is then joined.
const EVENTS_PER_TURN: usize = 256;

/// How long a stop may take before it is forced.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// Serves documents until the program is told to end.
///
/// # Errors
/// In one sentence: the address, the data folder.
pub async fn run(listen: &str, data: &Path, tls: Option<(PathBuf, PathBuf)>) -> anyhow::Result<()> {
    let mut termination = Termination::listen()?;
    let (on_store, store_events) = unbounded_channel();
    let store = RelayStore::open(data.to_owned(), Box::new(move |event| drop(on_store.send(event))))?;
    let mut server = address::listen(listen).await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    if let Some((cert, key)) = tls {
        server = server.with_tls(tls::acceptor(&cert, &key)?);
    }
    let address = address::reachable(server.local_addr());
    let (on_accepted, accepted) = unbounded_channel();
    let accepting = tokio::spawn(server.run(on_accepted, Probes::always_ready(), std::future::pending()));
    {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        // Whoever started this may have gone away without caring for the line.
        let _ = writeln!(out, "listening on {scheme}://{address}").and_then(|()| out.flush());
    }
    tracing::info!(%address, "relay started");
    let relay = Relay::new(RelayConfig::new(entropy::u64()));
    let (on_link, link_events) = unbounded_channel();
    let mut actor = Actor {
        relay,
        store,
        links: HashMap::new(),
        next_link: 1,
        on_link,
        last_tokens: HashMap::new(),
        is_drained: false,
    };
    let inbox = Inbox { store_events, accepted, link_events };
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

struct Inbox {
    store_events: UnboundedReceiver<RelayEvent>,
    accepted: UnboundedReceiver<Accepted>,
    link_events: UnboundedReceiver<LinkEvent>,
}

struct Actor {
    relay: Relay,
    store: RelayStore,
    links: HashMap<LinkId, LinkHandle>,
    next_link: u64,
    on_link: UnboundedSender<LinkEvent>,
    /// The last append of each loaded document: what a snapshot given after it covers.
    last_tokens: HashMap<DocumentId, PersistToken>,
    is_drained: bool,
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
                    self.step(Input::Shutdown);
                }
                Some(event) = inbox.store_events.recv() => {
                    self.on_store(event);
                    while let Ok(event) = inbox.store_events.try_recv() {
                        self.on_store(event);
                    }
                }
                Some(accepted) = inbox.accepted.recv() => self.on_accepted(accepted),
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
        let mut n_open = self.links.len();
        self.links.clear();
        // Goodbyes are written by the connections' own tasks.
        let all_closed = async {
            while 0 < n_open {
                match inbox.link_events.recv().await {
                    Some(LinkEvent::Closed(..)) => n_open -= 1,
                    Some(_) => {}
                    None => return,
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), all_closed).await;
    }

    fn on_accepted(&mut self, accepted: Accepted) {
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.links.insert(link, transport::spawn(accepted.connection, link.0, self.on_link.clone()));
        self.step(Input::LinkOpened { link, document: accepted.document, wall: clock::wall_now() });
    }

    fn on_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Packet(link, bytes) => {
                let link = LinkId(link);
                // What a link that was closed still had on its way means nothing any more.
                if self.links.contains_key(&link) {
                    self.step(Input::Packet { link, bytes: &bytes });
                }
            }
            LinkEvent::Written(link, n_bytes) => self.step(Input::Written { link: LinkId(link), n_bytes }),
            LinkEvent::Closed(link, _) => {
                self.links.remove(&LinkId(link));
                self.step(Input::LinkClosed { link: LinkId(link) });
            }
        }
    }

    fn on_store(&mut self, event: RelayEvent) {
        match event {
            RelayEvent::Loaded { doc_id, document } => {
                let document = document.map(|loaded| stored(*loaded));
                self.step(Input::Loaded { document: DocumentId::from_bytes(doc_id), result: Ok(document) });
            }
            RelayEvent::LoadFailed { doc_id, sentence } => {
                self.step(Input::Loaded { document: DocumentId::from_bytes(doc_id), result: Err(sentence) });
            }
            RelayEvent::Created { doc_id } => {
                self.step(Input::Created { document: DocumentId::from_bytes(doc_id), result: Ok(()) });
            }
            RelayEvent::Persisted { doc_id, token } => {
                let document = DocumentId::from_bytes(doc_id);
                self.step(Input::Appended { document, token: PersistToken(token) });
            }
            RelayEvent::SnapshotStored { doc_id, .. } => {
                self.step(Input::SnapshotStored { document: DocumentId::from_bytes(doc_id), result: Ok(()) });
            }
            RelayEvent::Refused { doc_id, token, sentence } => {
                self.on_refused(DocumentId::from_bytes(doc_id), token, sentence)
            }
            // The store keeps what waits and goes on trying; nothing is acknowledged meanwhile.
            RelayEvent::PersistFailed { sentence } => {
                tracing::error!(%sentence, "edits could not be written")
            }
            RelayEvent::Recovered => tracing::info!("edits are written again"),
        }
    }

    fn on_refused(&mut self, document: DocumentId, token: Option<u64>, sentence: String) {
        tracing::error!(%document, %sentence, "the store refused");
        match token {
            Some(_) => self.step(Input::AppendFailed { document, sentence }),
            // A document's creation comes before any append of it.
            None if self.last_tokens.contains_key(&document) => {
                self.step(Input::SnapshotStored { document, result: Err(sentence) });
            }
            None => self.step(Input::Created { document, result: Err(sentence) }),
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
                if let Some(handle) = self.links.get(&link) {
                    handle.send(bytes);
                }
                Ok(())
            }
            Output::Close { link } => {
                self.links.remove(&link);
                Ok(())
            }
            Output::Load { document } => self.store.load(*document.as_bytes()),
            Output::Create { document, epoch, access, name } => {
                self.store.create(*document.as_bytes(), described(epoch, access, name), clock::wall_now())
            }
            Output::Append { document, token, bytes } => {
                self.last_tokens.insert(document, token);
                self.store.append(*document.as_bytes(), token.0, bytes.to_vec())
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
            Output::Unloaded { document } => {
                self.last_tokens.remove(&document);
                tracing::info!(%document, "a document was unloaded");
                Ok(())
            }
            Output::LinkRefused { link, sentence: _ } => {
                tracing::info!(link = link.0, "a link was refused");
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

fn described(epoch: Epoch, access: Access, name: String) -> RelayDocument {
    RelayDocument { epoch: *epoch.as_bytes(), write_hash: access.write.0, read_hash: access.read.0, name }
}

fn stored(loaded: LoadedDocument) -> Stored {
    let LoadedDocument { document, snapshot, batches, created: WallTime(_) } = loaded;
    Stored {
        epoch: Epoch::from_bytes(document.epoch),
        access: Access { write: TokenHash(document.write_hash), read: TokenHash(document.read_hash) },
        name: document.name,
        snapshot: snapshot.map(|snapshot| snapshot.bytes.into()),
        tail: batches.into_iter().map(Into::into).collect(),
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
