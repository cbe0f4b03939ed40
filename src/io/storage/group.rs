//! Group commit: everything that waits goes into one transaction, so that one sync serves all of it.

use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::StorageError;
use super::database::Database;

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
    retry_every: Duration,
    retry_at: Option<Instant>,
    said: Option<String>,
}

impl<W: Write> Group<W> {
    /// Makes an empty group; after a failure the next try is `retry_every` later.
    pub(super) fn new(database: Database, retry_every: Duration) -> Group<W> {
        Group { database, waiting: Vec::new(), retry_every, retry_at: None, said: None }
    }

    /// Adds a write behind those that wait.
    pub(super) fn push(&mut self, write: W) {
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

    /// Returns how long to wait for the next try; `None` if nothing waits.
    pub(super) fn wait(&self) -> Option<Duration> {
        if self.waiting.is_empty() {
            return None;
        }
        Some(self.retry_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now())))
    }

    /// Lets the next commit try at once.
    pub(super) fn hurry(&mut self) {
        self.retry_at = None;
    }

    /// Tries to write everything that waits.
    pub(super) fn commit(&mut self) -> Commit<W> {
        if self.wait() != Some(Duration::ZERO) {
            return Commit::Nothing;
        }
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

/// Whether trying again can never help. One such write must not keep all others from the disk; SQLite has
/// undone its statement and the transaction goes on.
fn is_of_this_write(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation))
}
