//! The thread before the database: it makes changes durable in the redo log, says so, and hands them on to the database's thread in
//! the order in which they came, many at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::redo::{CHANGE_BYTES_MAX, Change, Mark, Redo};
use super::worker::{Command, Unsettled};
use super::{DocId, RelayEvent, Request};
use crate::io::storage::StorageError;
use crate::io::storage::serve::Order as WorkerOrder;

/// Orders that one sync takes together, so that the first of them is not kept waiting by the rest.
const GROUP_MAX: usize = 1_024;

/// How long a change may wait for the database once it is in the log, and how many bytes of them may. The database writes whole
/// pages: the more changes of a document a transaction has, the fewer pages for each; and what a snapshot covers by then is not
/// written at all.
const HAND_OVER_AFTER: Duration = Duration::from_millis(500);
const HAND_OVER_BYTES: usize = 8 << 20;

/// What a change counts besides its bytes.
const CHANGE_OVERHEAD_BYTES: usize = 64;

/// Takes what the store tells, what came of one sync at once.
pub type OnEvents = Arc<dyn Fn(Vec<RelayEvent>) + Send + Sync>;

/// What both threads and the store know.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The last generation of the log that is wholly in the database.
    pub(super) settled: AtomicU64,
    /// Whether the database takes nothing at the moment.
    pub(super) database_fails: AtomicBool,
    /// Whether the log takes nothing at the moment.
    pub(super) log_fails: AtomicBool,
    /// Bytes of changes that are not durable yet.
    pub(super) n_bytes_waiting: AtomicUsize,
}

impl Shared {
    /// Notes whether one of both works, and returns whether now both do and before one did not.
    pub(super) fn note(&self, one: &AtomicBool, fails: bool) -> bool {
        let did_fail = one.swap(fails, Ordering::SeqCst);
        let any_fails = self.database_fails.load(Ordering::SeqCst) || self.log_fails.load(Ordering::SeqCst);
        did_fail && !any_fails
    }
}

/// What a change of a document builds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Append {
    /// On all that was appended before.
    Next,
    /// On what is durable: something of the document was refused, and this has all since.
    Again,
}

/// What the thread is sent.
pub(super) enum Order {
    /// A change to make durable.
    Append(Change, Append),
    /// Something for the database.
    Pass(Command),
    /// Make all durable, let the database's thread end, and say what came of it.
    Close(Sender<Result<(), StorageError>>),
}

/// What the thread holds.
pub(super) struct Front {
    pub(super) redo: Redo,
    pub(super) worker: Sender<WorkerOrder<Command>>,
    pub(super) on_events: OnEvents,
    pub(super) shared: Arc<Shared>,
    /// Durable, and not yet handed to the database.
    pub(super) unsettled: Vec<Change>,
    pub(super) n_unsettled_bytes: usize,
    /// Documents of which something was refused, until it is asked for again: what was appended behind that, before its sender knew,
    /// would be on the disk without what it builds on.
    pub(super) refused: HashSet<DocId>,
    /// When the database is told how far the log is. Set while it does not know.
    pub(super) hand_over_at: Option<Instant>,
    /// What was last said of the log's failing.
    pub(super) said: Option<String>,
}

impl Front {
    /// Serves orders until it is closed or nobody can send any more.
    pub(super) fn serve(mut self, orders: &Receiver<Order>) {
        let mut group = Vec::new();
        loop {
            let first = match self.hand_over_at {
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => orders.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            let mut next = match first {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => {
                    self.hand_over();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return self.hand_over(),
            };
            let mut n = 0;
            while let Some(order) = next {
                match order {
                    Order::Append(change, append) => self.take(change, append, &mut group),
                    Order::Pass(command) => {
                        self.commit(&mut group);
                        self.pass(command);
                    }
                    Order::Close(reply) => {
                        self.commit(&mut group);
                        self.hand_over();
                        return self.tell_worker(WorkerOrder::Close(reply));
                    }
                }
                n += 1;
                next = if n < GROUP_MAX { orders.try_recv().ok() } else { None };
            }
            self.commit(&mut group);
        }
    }

    /// Adds a change to a group, unless it builds on what was refused.
    fn take(&mut self, change: Change, append: Append, group: &mut Vec<Change>) {
        match append {
            Append::Again => drop(self.refused.remove(&change.doc_id)),
            Append::Next if self.refused.contains(&change.doc_id) => {
                self.shared.n_bytes_waiting.fetch_sub(change.bytes.len(), Ordering::Relaxed);
                return self.tell(vec![refusal(change, "what it builds on was refused")]);
            }
            Append::Next => {}
        }
        group.push(change);
    }

    /// Makes a group durable and tells so, or gives it back: the documents hold it, and ask again.
    fn commit(&mut self, group: &mut Vec<Change>) {
        if group.is_empty() {
            return;
        }
        let n_bytes: usize = group.iter().map(|change| change.bytes.len()).sum();
        self.shared.n_bytes_waiting.fetch_sub(n_bytes, Ordering::Relaxed);
        // What is in the log and cannot get into the database stays in memory: that must not grow.
        if self.shared.database_fails.load(Ordering::SeqCst) {
            let events = self.refuse(group, "the database takes nothing");
            return self.tell(events);
        }
        let began = Instant::now();
        match self.redo.write(group, self.shared.settled.load(Ordering::SeqCst)) {
            Ok(()) => {
                let mut events = vec![RelayEvent::Synced { took: began.elapsed() }];
                events.extend(persisted(group));
                self.said = None;
                if self.shared.note(&self.shared.log_fails, false) {
                    events.push(RelayEvent::Recovered);
                }
                self.tell(events);
                self.n_unsettled_bytes += n_bytes + group.len() * CHANGE_OVERHEAD_BYTES;
                self.unsettled.append(group);
                self.hand_over_at.get_or_insert_with(|| Instant::now() + HAND_OVER_AFTER);
                if HAND_OVER_BYTES <= self.n_unsettled_bytes {
                    self.hand_over();
                }
            }
            Err(why) => {
                let path = self.redo.path();
                let sentence = StorageError::NotOpened { path, why }.to_string();
                let mut events = self.refuse(group, &sentence);
                self.shared.note(&self.shared.log_fails, true);
                if self.said.as_ref() != Some(&sentence) {
                    events.insert(0, RelayEvent::PersistFailed { sentence: sentence.clone() });
                    self.said = Some(sentence);
                }
                self.tell(events);
            }
        }
    }

    /// Gives a group back.
    fn refuse(&mut self, group: &mut Vec<Change>, why: &str) -> Vec<RelayEvent> {
        self.refused.extend(group.iter().map(|change| change.doc_id));
        group.drain(..).map(|change| refusal(change, why)).collect()
    }

    /// Gives the database what is durable.
    fn hand_over(&mut self) {
        if let Some(news) = self.take_unsettled() {
            self.tell_worker(WorkerOrder::Do(Command::Settle(news)));
        }
    }

    fn take_unsettled(&mut self) -> Option<Unsettled> {
        self.hand_over_at.take()?;
        self.n_unsettled_bytes = 0;
        Some(Unsettled { changes: std::mem::take(&mut self.unsettled), end: self.redo.end() })
    }

    /// Passes on what is for the database, behind what it is about.
    fn pass(&mut self, mut command: Command) {
        match &mut command {
            // One transaction, because what the snapshot has is left out: no change may be in neither, nor in both.
            Command::StoreSnapshot { doc_id, snapshot, upto, news }
                if snapshot.bytes.len() <= CHANGE_BYTES_MAX =>
            {
                self.unsettled.retain(|change| change.doc_id != *doc_id || *upto < change.token);
                *news = self.take_unsettled();
            }
            // What comes of it then goes on from what is durable.
            Command::Load { doc_id, .. } => {
                self.refused.remove(doc_id);
                self.hand_over();
            }
            _ => self.hand_over(),
        }
        self.tell_worker(WorkerOrder::Do(command));
    }

    fn tell_worker(&self, order: WorkerOrder<Command>) {
        // It ends after this thread, unless it panicked; then nothing is settled any more, and the log has it.
        let _ = self.worker.send(order);
    }

    fn tell(&self, events: Vec<RelayEvent>) {
        (self.on_events)(events);
    }
}

/// Returns one event for each document of the group, with its last change: those before are durable as well.
fn persisted(group: &[Change]) -> Vec<RelayEvent> {
    let mut last = HashMap::new();
    for change in group {
        last.insert(change.doc_id, change.token);
    }
    let is_last = |change: &&Change| last.get(&change.doc_id) == Some(&change.token);
    let event = |change: &Change| RelayEvent::Persisted { doc_id: change.doc_id, token: change.token };
    group.iter().filter(is_last).map(event).collect()
}

fn refusal(change: Change, why: &str) -> RelayEvent {
    RelayEvent::Refused {
        doc_id: change.doc_id,
        request: Request::Append(change.token),
        sentence: StorageError::NotNow { why: why.to_owned() }.to_string(),
    }
}

/// Returns the last generation that is wholly in the database when it has everything up to `mark`.
pub(super) fn settled_by(mark: Mark) -> u64 {
    mark.generation.saturating_sub(1)
}
