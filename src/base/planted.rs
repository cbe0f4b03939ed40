//! Defects on purpose: the simulator must find each of them, or it would not find those that nobody planted. Outside of this
//! crate's own tests [`is_planted`] is the constant `false`, and nothing of it is in the program.

/// A defect that other programs had, or this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Acknowledged before it is on the disk.
    AckBeforeSync,
    /// A document that cannot be loaded is taken for one that is not there.
    LoadErrorIsEmpty,
    /// Two histories meet and nobody looks.
    NoEpoch,
    /// A reader's edits are taken in.
    ReaderWrites,
    /// Whoever is not heard any more is shown for ever.
    PresenceForEver,
    /// After a failed sync the next one that succeeds counts for what was lost, too.
    FailedSyncForgotten,
    /// What a failed disk is asked for again begins where it was last asked for, not where it was last written.
    RetryFromAsked,
    /// What became durable only when the disk recovered is forwarded to nobody.
    RecoveredNotForwarded,
    /// What was sent while the server took nothing in is not sent again.
    ResumeSendsNothing,
    /// A merge changes the text and the screen is not told.
    MergeNotReported,
    /// Earlier here: operations left out because of a dead connection were never asked for again.
    LeftOutForEver,
    /// The version counts operations that wait for their causes.
    WaitingCounts,
    /// What a crash left is read without the last of it.
    TailForgotten,
    /// Earlier here: what a server acknowledged counted after it came back with an older disk.
    AcknowledgedForEver,
}

/// Returns whether a test has planted this defect; never outside of tests.
#[cfg(not(test))]
pub const fn is_planted(_: Defect) -> bool {
    false
}

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Defect>> = const { std::cell::Cell::new(None) };
}

/// Returns whether this thread's test has planted this defect.
#[cfg(test)]
pub fn is_planted(defect: Defect) -> bool {
    PLANTED.get() == Some(defect)
}

/// Plants a defect for this thread, or takes it out.
#[cfg(test)]
pub fn plant(defect: Option<Defect>) {
    PLANTED.set(defect);
}
