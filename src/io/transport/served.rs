//! The serving half of a link over plain requests: packets down wait here until the other side has said that it saw them,
//! whatever streams and polls come and go meanwhile; packets up are taken once each and in order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{interval, sleep};

use super::link::{LinkTask, received};
use super::queue::Command;
use super::{CLOSE_GRACE, LinkEvent, UNHANDLED_BYTES_MAX};
use crate::protocol::resumption::{Taken, Turn, Unseen, numbered};

/// How long a link lives that nobody asks for anything.
const ABANDONED_AFTER: Duration = Duration::from_secs(30);

/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A link over plain requests, as its requests see it.
#[derive(Debug)]
pub struct ServedLink {
    state: Mutex<State>,
    /// Changes whenever there is something new down, or the link ends.
    changed: watch::Sender<()>,
    /// What came up.
    up: mpsc::UnboundedSender<Bytes>,
    /// Bytes down that were seen.
    seen: mpsc::UnboundedSender<usize>,
    /// Held while packets up are taken, so that two requests never mix: how many were.
    n_up: tokio::sync::Mutex<Taken>,
    shares: Arc<Semaphore>,
}

#[derive(Debug)]
struct State {
    down: Unseen,
    /// Counts streams and polls: the latest ends the one before.
    n_readers: u64,
    /// Whether somebody reads now.
    is_read: bool,
    asked_at: Instant,
    is_ended: bool,
}

/// What the task of the link takes.
#[derive(Debug)]
pub(super) struct Ends {
    up: mpsc::UnboundedReceiver<Bytes>,
    seen: mpsc::UnboundedReceiver<usize>,
    link: Arc<ServedLink>,
}

/// What a stream or a poll gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Down {
    /// Packets, the first with this number.
    Packets(u64, Vec<Bytes>),
    /// Nothing for so long.
    Silence,
    /// The link is over, or another request reads it now.
    Ended,
}

/// Why packets up were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpError {
    /// Earlier ones are missing.
    Gap,
    /// The link is over.
    Ended,
}

impl ServedLink {
    pub(super) fn new() -> (Arc<ServedLink>, Ends) {
        let (up, up_ends) = mpsc::unbounded_channel();
        let (seen, seen_ends) = mpsc::unbounded_channel();
        let state = State {
            down: Unseen::default(),
            n_readers: 0,
            is_read: false,
            asked_at: Instant::now(),
            is_ended: false,
        };
        let link = Arc::new(ServedLink {
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
            up,
            seen,
            n_up: tokio::sync::Mutex::default(),
            shares: Arc::new(Semaphore::new(UNHANDLED_BYTES_MAX)),
        });
        let ends = Ends { up: up_ends, seen: seen_ends, link: Arc::clone(&link) };
        (link, ends)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the link is over.
    pub fn is_ended(&self) -> bool {
        self.state().is_ended
    }

    /// Ends the link: the other side said that it leaves.
    pub fn end(&self) {
        self.state().is_ended = true;
        self.changed.send_replace(());
    }

    /// Takes in that the other side has seen all packets down to this number.
    pub fn saw(&self, upto: u64) {
        let mut state = self.state();
        state.asked_at = Instant::now();
        let n_bytes = state.down.saw(upto);
        if 0 < n_bytes {
            // The task is gone if the link is over.
            let _ = self.seen.send(n_bytes);
        }
    }

    /// Begins to read down; whoever read before is told to end. Returns the name of this reading.
    pub fn begin_reading(&self) -> u64 {
        let mut state = self.state();
        state.n_readers += 1;
        state.is_read = true;
        let reader = state.n_readers;
        drop(state);
        self.changed.send_replace(());
        reader
    }

    /// Ends a reading.
    pub fn end_reading(&self, reader: u64) {
        let mut state = self.state();
        if state.n_readers == reader {
            (state.is_read, state.asked_at) = (false, Instant::now());
        }
    }

    /// Waits for packets after the one numbered `after`, up to `patience`. At most about `n_bytes_max` of them.
    pub async fn next_down(&self, reader: u64, after: u64, n_bytes_max: usize, patience: Duration) -> Down {
        let mut changed = self.changed.subscribe();
        let give_up = sleep(patience);
        tokio::pin!(give_up);
        loop {
            if let Some(down) = self.down_now(reader, after, n_bytes_max) {
                return down;
            }
            tokio::select! {
                _ = changed.changed() => {}
                () = &mut give_up => return Down::Silence,
            }
        }
    }

    fn down_now(&self, reader: u64, after: u64, n_bytes_max: usize) -> Option<Down> {
        let state = self.state();
        let (first, packets) = state.down.after(after, n_bytes_max);
        if state.n_readers != reader {
            return Some(Down::Ended);
        }
        match packets.is_empty() {
            false => Some(Down::Packets(first, packets)),
            true => state.is_ended.then_some(Down::Ended),
        }
    }

    /// Takes packets up, of which the first has the number `first`; those that were taken before are passed over. Returns
    /// how many were taken in all. Waits while too much of what was taken is not handled.
    ///
    /// # Errors
    /// If earlier ones are missing, or the link is over.
    pub async fn take_up(&self, first: u64, packets: Vec<Bytes>) -> Result<u64, UpError> {
        let mut n_up = self.n_up.lock().await;
        for (number, packet) in numbered(first, packets) {
            match n_up.turn(number) {
                Turn::Known => continue,
                Turn::Next => {}
                Turn::Gap => return Err(UpError::Gap),
            }
            let packet = received(&packet[..], &self.shares).await;
            if self.is_ended() || self.up.send(packet).is_err() {
                return Err(UpError::Ended);
            }
            n_up.took();
        }
        Ok(n_up.upto())
    }
}

/// Carries a link over plain requests until it is over; returns why it is.
pub(super) async fn run(task: &LinkTask, mut ends: Ends) -> String {
    let mut look = interval(LOOK_EVERY);
    let mut close_at = None::<tokio::time::Instant>;
    let reason = loop {
        let closing = async {
            match close_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            command = task.queue.recv(), if close_at.is_none() => match command {
                Command::Packet(packet) => {
                    ends.link.state().down.push(packet);
                    ends.link.changed.send_replace(());
                }
                // What waits is still given out to whoever asks within a moment.
                Command::Close => {
                    close_at = Some(tokio::time::Instant::now() + CLOSE_GRACE);
                    if ends.link.state().down.is_empty() {
                        break "it was closed from this side".to_owned();
                    }
                }
            },
            Some(packet) = ends.up.recv() => {
                let _ = task.events.send(LinkEvent::Packet(task.link_no, packet));
            }
            Some(n_bytes) = ends.seen.recv() => {
                task.queue.written(n_bytes);
                let _ = task.events.send(LinkEvent::Written(task.link_no, n_bytes));
                if close_at.is_some() && ends.link.state().down.is_empty() {
                    break "it was closed from this side".to_owned();
                }
            }
            _ = look.tick() => {
                let state = ends.link.state();
                if state.is_ended {
                    break "the other side closed the connection".to_owned();
                }
                if !state.is_read && ABANDONED_AFTER <= state.asked_at.elapsed() {
                    break "the connection was lost".to_owned();
                }
            }
            () = closing => break "it was closed from this side".to_owned(),
        }
    };
    ends.link.end();
    // Whoever asks for it now is told that it is over: what nobody has seen by then need not be kept.
    ends.link.state().down = Unseen::default();
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(5);

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[tokio::test]
    async fn a_packet_down_is_given_out_until_it_was_seen() {
        let (link, _ends) = ServedLink::new();
        ["a", "b", "c"].into_iter().for_each(|text| link.state().down.push(bytes(text)));
        let reader = link.begin_reading();
        let all = Down::Packets(1, vec![bytes("a"), bytes("b"), bytes("c")]);
        assert_eq!(link.next_down(reader, 0, 100, LONG).await, all);
        assert_eq!(link.next_down(reader, 0, 100, LONG).await, all, "nobody said that it came");
        link.saw(2);
        assert_eq!(link.next_down(reader, 0, 100, LONG).await, Down::Packets(3, vec![bytes("c")]));
        assert_eq!(link.next_down(reader, 3, 100, Duration::from_millis(1)).await, Down::Silence);
        let later = link.begin_reading();
        assert_eq!(link.next_down(reader, 3, 100, LONG).await, Down::Ended, "another reads now");
        link.end();
        assert_eq!(link.next_down(later, 3, 100, LONG).await, Down::Ended);
    }

    #[tokio::test]
    async fn packets_up_are_taken_once_and_in_order() {
        let (link, mut ends) = ServedLink::new();
        assert_eq!(link.take_up(1, vec![bytes("a"), bytes("b")]).await, Ok(2));
        assert_eq!(link.take_up(2, vec![bytes("b"), bytes("c")]).await, Ok(3), "sent again in part");
        assert_eq!(link.take_up(5, vec![bytes("e")]).await, Err(UpError::Gap));
        assert_eq!(link.take_up(4, vec![]).await, Ok(3));
        let last = link.take_up(u64::MAX, vec![bytes("y"), bytes("z")]).await;
        assert_eq!(last, Err(UpError::Gap), "any number may be claimed");
        for expected in ["a", "b", "c"] {
            assert_eq!(ends.up.recv().await.as_deref(), Some(expected.as_bytes()));
        }
        link.end();
        assert_eq!(link.take_up(4, vec![bytes("d")]).await, Err(UpError::Ended));
    }
}
