//! How much one link may send: a token bucket.

use crate::base::time::MonoTime;

/// Lets `burst` units through at once and `per_s` a second in the long run.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    per_s: u64,
    burst: u64,
    /// Thousandths of a unit, so that slow rates fill at every millisecond.
    milli_units: u64,
    filled_at: MonoTime,
}

impl TokenBucket {
    /// Makes a full bucket.
    pub fn new(per_s: u64, burst: u64, now: MonoTime) -> TokenBucket {
        TokenBucket { per_s, burst, milli_units: burst.saturating_mul(1_000), filled_at: now }
    }

    /// Returns whether nothing is missing, as if it were just made.
    pub fn is_full(&self, now: MonoTime) -> bool {
        let filled = now.since(self.filled_at).0.saturating_mul(self.per_s);
        self.burst.saturating_mul(1_000) <= self.milli_units.saturating_add(filled)
    }

    /// Takes `n` units out. Returns whether they were there; if not, nothing is taken.
    pub fn take(&mut self, n: u64, now: MonoTime) -> bool {
        let filled = now.since(self.filled_at).0.saturating_mul(self.per_s);
        self.filled_at = self.filled_at.max(now);
        let full = self.burst.saturating_mul(1_000);
        self.milli_units = self.milli_units.saturating_add(filled).min(full);
        match self.milli_units.checked_sub(n.saturating_mul(1_000)) {
            Some(left) => {
                self.milli_units = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_passes_at_once_then_the_rate() {
        let mut bucket = TokenBucket::new(2, 10, MonoTime(0));
        assert!(bucket.take(10, MonoTime(0)));
        assert!(!bucket.take(1, MonoTime(499)));
        assert!(bucket.take(1, MonoTime(500)));
        assert!(!bucket.take(11, MonoTime(1_000_000)), "never more than the burst");
        assert!(bucket.take(10, MonoTime(1_000_000)));
    }
}
