//! The loop of a thread that alone touches a database.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use super::StorageError;
use super::group::{Group, Write};

/// Commands that one transaction takes together, so that the first of them is not kept waiting by the rest.
const GROUP_MAX: usize = 1_024;

/// Tries of the last commit.
const CLOSE_TRIES: usize = 3;

/// What is sent to the thread.
pub(super) enum Order<C> {
    /// Something to do.
    Do(C),
    /// Write what waits, let go of everything, and say what came of it.
    Close(Sender<Result<(), StorageError>>),
}

/// What such a thread holds.
pub(super) trait Serve: Sized {
    /// What it can be asked to do.
    type Command;
    /// What it writes.
    type Write: Write;
    /// The time between the tries of the last commit.
    const CLOSE_RETRY_EVERY: Duration;

    /// Returns the writes that wait.
    fn group(&mut self) -> &mut Group<Self::Write>;

    /// Does what it is asked, or lets it wait for the next commit.
    fn handle(&mut self, command: Self::Command);

    /// Writes what waits and tells what came of it. Returns the error if nothing could be written.
    fn commit(&mut self) -> Option<StorageError>;
}

/// Serves commands until it is closed or nobody can send any more.
pub(super) fn serve<S: Serve>(mut served: S, orders: &Receiver<Order<S::Command>>) {
    loop {
        let first = match served.group().wait() {
            None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(wait) => orders.recv_timeout(wait),
        };
        let mut next = match first {
            Ok(order) => Some(order),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                let _ = finish(&mut served);
                return;
            }
        };
        let mut n = 0;
        while let Some(order) = next {
            match order {
                Order::Do(command) => served.handle(command),
                Order::Close(reply) => {
                    let finished = finish(&mut served);
                    // The locks go before the answer, so that whoever has it can open again.
                    drop(served);
                    let _ = reply.send(finished);
                    return;
                }
            }
            n += 1;
            next = if n < GROUP_MAX { orders.try_recv().ok() } else { None };
        }
        if served.group().wait() == Some(Duration::ZERO) {
            let _ = served.commit();
        }
    }
}

fn finish<S: Serve>(served: &mut S) -> Result<(), StorageError> {
    let mut last = None;
    for n in 0..CLOSE_TRIES {
        if 0 < n {
            thread::sleep(S::CLOSE_RETRY_EVERY);
        }
        served.group().hurry();
        match served.commit() {
            None => {
                served.group().database.tidy();
                return Ok(());
            }
            Some(error) => last = Some(error),
        }
    }
    let n = served.group().waiting().len();
    let path = served.group().database.path().to_path_buf();
    Err(StorageError::NotWritten { n, path, why: last.map_or_else(String::new, |e| e.to_string()) })
}
