//! Group commit: everything that waits goes into one transaction, so that one sync serves all of it.

use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::database::Database;
use super::{StorageError, sums};

/// How long a write that nobody waits for may wait for others to share its sync: less than the quarter of a second within
/// which a change has to be on disk, and some keys of fast typing.
const GATHER: Duration = Duration::from_millis(100);

/// One thing to be written.
pub(super) trait Write {
    /// What is known once it is written.
    type Done;

    /// Writes it inside a transaction.
    fn apply(&self, connection: &Connection) -> rusqlite::Result<Self::Done>;
}

/// What came of one write of a committed group.
pub(super) type Answer<W> = (W, Result<<W as Write>::Done, StorageError>);

/// What came of a group.
pub(super) enum Commit<W: Write> {
    /// Nothing waits, or it is too early to try again.
    Nothing,
    /// All of it is on disk, except what was refused for its own sake.
    Written {
        /// One answer per write, in the order they came.
        answers: Vec<Answer<W>>,
        /// Whether the groups before this one failed.
        recovered: bool,
    },
    /// None of it can be relied on. It waits for the next try.
    Failed {
        /// Why.
        error: StorageError,
        /// Whether this has not been said since the last success.
        is_new: bool,
    },
}

/// The writes that wait for one database, in order.
pub(super) struct Group<W> {
    /// Where they go.
    pub(super) database: Database,
    waiting: Vec<W>,
    /// Until when all that waits may wait for more; `None` if somebody waits for some of it.
    gather_until: Option<Instant>,
    retry_every: Duration,
    retry_at: Option<Instant>,
    said: Option<String>,
}

impl<W: Write> Group<W> {
    /// Makes an empty group; after a failure the next try is `retry_every` later.
    pub(super) fn new(database: Database, retry_every: Duration) -> Group<W> {
        Group { database, waiting: Vec::new(), gather_until: None, retry_every, retry_at: None, said: None }
    }

    /// Adds a write behind those that wait. Somebody waits for it.
    pub(super) fn push(&mut self, write: W) {
        self.gather_until = None;
        self.waiting.push(write);
    }

    /// Adds a write that may wait for others for a while, if all that waits may.
    pub(super) fn push_patient(&mut self, write: W) {
        if self.waiting.is_empty() {
            self.gather_until = Some(Instant::now() + GATHER);
        }
        self.waiting.push(write);
    }

    /// Returns the writes that wait.
    pub(super) fn waiting(&self) -> &[W] {
        &self.waiting
    }

    /// Takes out the last write.
    pub(super) fn pop(&mut self) -> Option<W> {
        self.waiting.pop()
    }

    /// Returns how long to wait for the next commit; `None` if nothing waits.
    pub(super) fn wait(&self) -> Option<Duration> {
        if self.waiting.is_empty() {
            return None;
        }
        let at = self.retry_at.max(self.gather_until);
        Some(at.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now())))
    }

    /// Lets the next commit try at once.
    pub(super) fn hurry(&mut self) {
        self.retry_at = None;
    }

    /// Tries to write everything that waits, also what might wait for more.
    pub(super) fn commit(&mut self) -> Commit<W> {
        if self.waiting.is_empty() || self.retry_at.is_some_and(|at| Instant::now() < at) {
            return Commit::Nothing;
        }
        self.gather_until = None;
        match self.transact() {
            Ok(results) => {
                self.retry_at = None;
                let recovered = self.said.take().is_some();
                let answers = self.waiting.drain(..).zip(results).collect();
                Commit::Written { answers, recovered }
            }
            Err(error) => {
                self.database.close();
                self.retry_at = Some(Instant::now() + self.retry_every);
                let sentence = error.to_string();
                let is_new = self.said.as_ref() != Some(&sentence);
                self.said = Some(sentence);
                Commit::Failed { error, is_new }
            }
        }
    }

    fn transact(&mut self) -> Result<Vec<Result<W::Done, StorageError>>, StorageError> {
        let waiting = &self.waiting;
        let connection = self.database.connection()?;
        let results = (|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut results = Vec::with_capacity(waiting.len());
            for write in waiting {
                match write.apply(&transaction) {
                    Err(error) if !is_of_this_write(&error) => return Err(error),
                    result => results.push(result),
                }
            }
            transaction.commit()?;
            Ok(results)
        })();
        match results {
            Ok(results) => {
                Ok(results.into_iter().map(|r| r.map_err(|why| self.database.error(why))).collect())
            }
            Err(why) => Err(self.database.error(why)),
        }
    }
}

/// Whether trying again can never help. One such write must not keep all others from the disk; nothing of it was done,
/// and the transaction goes on.
fn is_of_this_write(error: &rusqlite::Error) -> bool {
    let is_refused =
        matches!(error.sqlite_error_code(), Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation));
    is_refused || sums::damaged_row(error).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::storage::database::Kind;

    struct Nothing;

    impl Write for Nothing {
        type Done = ();

        fn apply(&self, _: &Connection) -> rusqlite::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_nobody_waits_for_waits_for_more_until_somebody_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::new(folder.path().join("a.sqlite"), Kind::Journal);
        let mut group = Group::new(database, Duration::from_secs(1));
        assert_eq!(group.wait(), None);
        group.push_patient(Nothing);
        let wait = group.wait().expect("something waits");
        assert!(Duration::ZERO < wait && wait <= GATHER);
        group.push_patient(Nothing);
        assert!(group.wait() <= Some(wait), "the first is not kept waiting by the second");
        group.push(Nothing);
        assert_eq!(group.wait(), Some(Duration::ZERO));
        group.push_patient(Nothing);
        assert_eq!(group.wait(), Some(Duration::ZERO));
        let Commit::Written { answers, .. } = group.commit() else { panic!("it can be written") };
        assert_eq!((answers.len(), group.wait()), (4, None));
        group.push_patient(Nothing);
        assert!(Some(Duration::ZERO) < group.wait(), "gathering begins anew");
        assert!(matches!(group.commit(), Commit::Written { .. }), "who asks for all gets all");
    }
}
