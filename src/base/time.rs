//! The two times. They are different types so that neither is ever used for the other.

/// Milliseconds on this machine's monotonic clock, from an arbitrary start. Never goes back; may not
/// advance while the machine sleeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonoTime(pub u64);

/// Milliseconds since 1970-01-01 UTC on the wall clock. May jump either way; only ever shown or
/// recorded, never used to order edits or to time anything out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub u64);

/// A span of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl MonoTime {
    /// Returns the time from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: MonoTime) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// Returns `self` moved `by` into the future.
    pub fn after(self, by: Millis) -> MonoTime {
        MonoTime(self.0.saturating_add(by.0))
    }
}
