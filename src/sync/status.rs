//! The state of the connection, in the words of the status line.

use crate::base::time::{Millis, MonoTime};
use crate::sync::event::Via;

/// How one's edits and the others' stand to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nobody is dialed and nobody may dial in.
    Alone,
    /// Others may dial in here.
    Hosting {
        /// How many are here.
        n_links: usize,
    },
    /// Whoever is here or dialed: the disk here takes no edits at the moment, so what is typed is in memory alone.
    NotKept {
        /// Whether others may dial in here.
        is_host: bool,
    },
    /// The first connection is being made, or a hello waits for its answer.
    Connecting {
        /// Operations of one's own that the other side does not have on its disk.
        n_kept: u64,
    },
    /// The other side has everything on its disk.
    Synced {
        /// The last measured round trip.
        rtt: Option<Millis>,
        /// What carries it.
        via: Via,
    },
    /// Operations are on their way: sent or about to be, not acknowledged.
    Sending {
        /// How many.
        n: u64,
        /// The last measured round trip.
        rtt: Option<Millis>,
        /// What carries it.
        via: Via,
    },
    /// There is no connection; one goes on editing.
    Offline {
        /// Operations of one's own that wait.
        n_kept: u64,
        /// When it is tried again; `None` while a try is under way.
        retry_at: Option<MonoTime>,
        /// Why, as a part of a sentence.
        reason: String,
    },
    /// Connected, but the other side cannot write to its disk; edits are kept here and sent when it can.
    Paused {
        /// Operations that wait.
        n_kept: u64,
        /// What the other side said.
        sentence: String,
    },
    /// Connected by a link that can only read.
    ReadOnly {
        /// Operations made here all the same, which nobody else will get.
        n_kept: u64,
        /// The last measured round trip.
        rtt: Option<Millis>,
        /// What carries it.
        via: Via,
    },
    /// The other side will not have this replica. It is asked again now and then if only that there is no such document, or
    /// not under this link; otherwise nothing is tried until the user asks for it.
    Denied {
        /// Operations that wait.
        n_kept: u64,
        /// What happened, why, and what to do.
        sentence: String,
    },
}

/// What is said while an edit would be lost with the program.
const NOT_KEPT: &str = "NOT KEPT until saved: the disk takes no edits";

impl Status {
    /// Returns how many of one's own edits wait here for a connection, or for the other side.
    pub fn n_waiting(&self) -> u64 {
        match self {
            Status::Connecting { n_kept }
            | Status::Offline { n_kept, .. }
            | Status::Paused { n_kept, .. }
            | Status::ReadOnly { n_kept, .. }
            | Status::Denied { n_kept, .. } => *n_kept,
            Status::Alone
            | Status::Hosting { .. }
            | Status::NotKept { .. }
            | Status::Synced { .. }
            | Status::Sending { .. } => 0,
        }
    }

    /// Returns the words for the status line at `now`. `with` is the other side's host; it may be empty.
    ///
    /// ```
    /// use coedit::base::time::MonoTime;
    /// use coedit::sync::Status;
    ///
    /// let status = Status::Offline { n_kept: 340, retry_at: Some(MonoTime(4_000)), reason: "refused".to_owned() };
    /// assert_eq!(status.words("relay.example", MonoTime(100)), "offline · 340 edits kept · retry in 4 s");
    /// ```
    pub fn words(&self, with: &str, now: MonoTime) -> String {
        match self {
            Status::Alone => "alone".to_owned(),
            Status::Hosting { n_links: 0 } => "hosting".to_owned(),
            Status::Hosting { n_links } => format!("hosting · {n_links} joined"),
            Status::NotKept { .. } => NOT_KEPT.to_owned(),
            Status::Connecting { n_kept: 0 } => "connecting".to_owned(),
            Status::Connecting { n_kept } => format!("connecting · {}", edits_kept(*n_kept)),
            Status::Synced { rtt, via } => connected("synced", with, *rtt, *via),
            Status::Sending { n, rtt, via } => connected(&format!("sending {n}"), with, *rtt, *via),
            Status::Offline { n_kept, retry_at, reason: _ } => offline(*n_kept, *retry_at, now),
            Status::Paused { n_kept: 0, sentence } => format!("waiting · {sentence}"),
            Status::Paused { n_kept, sentence } => format!("waiting · {} · {sentence}", edits_kept(*n_kept)),
            Status::ReadOnly { n_kept: 0, rtt, via } => connected("read only", with, *rtt, *via),
            Status::ReadOnly { n_kept, .. } => format!("read only · {} here only", edits_kept(*n_kept)),
            Status::Denied { n_kept: 0, sentence } => format!("denied: {sentence}"),
            Status::Denied { n_kept, sentence } => format!("denied: {} · {sentence}", edits_kept(*n_kept)),
        }
    }

    /// Returns when the words change by themselves: the countdown, once a second.
    pub fn next_change(&self, now: MonoTime) -> Option<MonoTime> {
        let Status::Offline { retry_at: Some(at), .. } = self else { return None };
        let left_ms = at.since(now).0;
        (0 < left_ms).then(|| now.after(Millis((left_ms - 1) % 1_000 + 1)))
    }
}

fn connected(words: &str, with: &str, rtt: Option<Millis>, via: Via) -> String {
    let rtt = rtt.map(|Millis(ms)| format!("{ms} ms"));
    let with = Some(with).filter(|with| !with.is_empty());
    let about: Vec<&str> = [with, rtt.as_deref(), via.words()].into_iter().flatten().collect();
    if about.is_empty() { words.to_owned() } else { format!("{words} · {}", about.join(" ")) }
}

fn edits_kept(n: u64) -> String {
    if n == 1 { "1 edit kept".to_owned() } else { format!("{n} edits kept") }
}

fn offline(n_kept: u64, retry_at: Option<MonoTime>, now: MonoTime) -> String {
    let kept = if n_kept == 0 { String::new() } else { format!(" · {}", edits_kept(n_kept)) };
    match retry_at {
        // Rounded up, so that it never shows 0 while it still waits.
        Some(at) => format!("offline{kept} · retry in {} s", at.since(now).0.div_ceil(1000)),
        None => format!("offline{kept} · connecting"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: Status, words: &str) {
        assert_eq!(status.words("", MonoTime(0)), words);
    }

    #[test]
    fn countdown_asks_to_be_woken_once_a_second() {
        let offline =
            Status::Offline { n_kept: 340, retry_at: Some(MonoTime(10_000)), reason: String::new() };
        assert_eq!(offline.words("h", MonoTime(6_000)), "offline · 340 edits kept · retry in 4 s");
        assert_eq!(offline.next_change(MonoTime(6_000)), Some(MonoTime(7_000)));
        assert_eq!(offline.next_change(MonoTime(6_300)), Some(MonoTime(7_000)));
        assert_eq!(offline.next_change(MonoTime(10_000)), None);
        assert_eq!(Status::Alone.next_change(MonoTime(0)), None);
    }

    #[test]
    fn other_side_is_named_while_it_is_connected() {
        let synced = Status::Synced { rtt: Some(Millis(24)), via: Via::WebSocket };
        assert_eq!(synced.words("relay.example", MonoTime(0)), "synced · relay.example 24 ms");
    }

    #[test]
    fn every_state_is_said_in_words() {
        let (rtt, via) = (Some(Millis(24)), Via::WebSocket);
        let why = "no such document here, or the link's secret is wrong".to_owned();
        check(Status::Alone, "alone");
        check(Status::Hosting { n_links: 0 }, "hosting");
        check(Status::Hosting { n_links: 2 }, "hosting · 2 joined");
        check(Status::NotKept { is_host: false }, "NOT KEPT until saved: the disk takes no edits");
        check(Status::Connecting { n_kept: 0 }, "connecting");
        check(Status::Synced { rtt, via }, "synced · 24 ms");
        check(Status::Synced { rtt: None, via }, "synced");
        check(Status::Synced { rtt, via: Via::LongPoll }, "synced · 24 ms by long polling");
        check(Status::Sending { n: 12, rtt: None, via }, "sending 12");
        check(Status::ReadOnly { n_kept: 0, rtt: None, via }, "read only");
        check(Status::ReadOnly { n_kept: 1, rtt, via }, "read only · 1 edit kept here only");
        check(
            Status::Denied { n_kept: 0, sentence: why },
            "denied: no such document here, or the link's secret is wrong",
        );
        let offline = |n_kept, retry_at| Status::Offline { n_kept, retry_at, reason: String::new() };
        check(offline(0, Some(MonoTime(1))), "offline · retry in 1 s");
        check(offline(340, None), "offline · 340 edits kept · connecting");
    }
}
