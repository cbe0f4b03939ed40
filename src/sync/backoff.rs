//! When to dial again after a failure.

use crate::base::limits;
use crate::base::rng::Rng;
use crate::base::time::{Millis, MonoTime};

/// Counts failures in a row and says how long to wait: `min(base · 2^attempt, max)` plus uniform jitter of 0–30 %.
#[derive(Clone, Debug)]
pub struct Backoff {
    n_failures: u32,
    rng: Rng,
}

impl Backoff {
    /// Makes one without failures; its jitter follows from `seed`.
    pub fn new(seed: u64) -> Backoff {
        Backoff { n_failures: 0, rng: Rng::new(seed) }
    }

    /// Counts a failure and returns how long to wait. The server's wish, if it had one, takes the place of the
    /// doubling (it knows when it will be back, and has spread its clients itself), up to
    /// [`limits::RETRY_AFTER_MS_MAX`].
    pub fn next_delay(&mut self, retry_after: Option<Millis>) -> Millis {
        let doublings = self.n_failures.min(16);
        let doubled = (limits::BACKOFF_BASE_MS << doublings).min(limits::BACKOFF_MAX_MS);
        self.n_failures = self.n_failures.saturating_add(1);
        match retry_after {
            Some(Millis(wish)) => Millis(wish.min(limits::RETRY_AFTER_MS_MAX)),
            None => Millis(doubled + self.jitter(doubled)),
        }
    }

    /// Forgets the failures if a link that stood since `live_since` stood long enough.
    pub fn link_ended(&mut self, live_since: MonoTime, now: MonoTime) {
        if Millis(limits::BACKOFF_RESET_AFTER_MS) <= now.since(live_since) {
            self.n_failures = 0;
        }
    }

    /// Forgets the failures: the user asked, or the machine woke.
    pub fn reset(&mut self) {
        self.n_failures = 0;
    }

    fn jitter(&mut self, delay: u64) -> u64 {
        self.rng.below(delay * limits::BACKOFF_JITTER_PERCENT / 100 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_from_one_second_to_thirty_with_up_to_thirty_percent_more() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(seed);
            for base in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
                let Millis(delay) = backoff.next_delay(None);
                assert!((base..=base * 13 / 10).contains(&delay), "seed {seed}: {delay} for {base}");
            }
        }
    }

    #[test]
    fn a_thousand_failures_do_not_overflow() {
        let mut backoff = Backoff::new(1);
        (0..1_000).for_each(|_| assert!(backoff.next_delay(None).0 <= 39_000));
    }

    #[test]
    fn thousands_of_clients_spread_over_the_jitter() {
        let delays: Vec<u64> = (0..3_000).map(|seed| Backoff::new(seed).next_delay(None).0).collect();
        for tenth in 0..10 {
            let from = 1_000 + tenth * 30;
            let n = delays.iter().filter(|&&delay| (from..from + 30).contains(&delay)).count();
            assert!((200..=400).contains(&n), "{n} clients from {from} ms on");
        }
    }

    #[test]
    fn servers_wish_is_honoured_and_bounded() {
        let mut backoff = Backoff::new(1);
        assert_eq!(backoff.next_delay(Some(Millis(1_234))), Millis(1_234));
        assert_eq!(backoff.next_delay(Some(Millis(u64::MAX))), Millis(limits::RETRY_AFTER_MS_MAX));
    }

    #[test]
    fn only_a_link_that_was_live_for_a_while_clears_the_failures() {
        let mut backoff = Backoff::new(1);
        for _ in 0..3 {
            backoff.next_delay(None);
        }
        backoff.link_ended(MonoTime(0), MonoTime(9_999));
        assert!(8_000 <= backoff.next_delay(None).0);
        backoff.link_ended(MonoTime(0), MonoTime(10_000));
        assert!(backoff.next_delay(None).0 <= 1_300);
    }
}
