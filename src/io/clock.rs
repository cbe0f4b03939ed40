//! The two clocks of the machine.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::base::time::{MonoTime, WallTime};

static START: OnceLock<Instant> = OnceLock::new();

fn start() -> Instant {
    *START.get_or_init(Instant::now)
}

/// Returns the monotonic time since the process first asked for it.
pub fn mono_now() -> MonoTime {
    MonoTime(start().elapsed().as_millis() as u64)
}

/// Returns when `at` is, for a timer. Never before `at`: a timer that fires a fraction of a millisecond
/// early would find nothing due and spin.
pub fn instant(at: MonoTime) -> Instant {
    start() + Duration::from_millis(at.0)
}

/// Returns the wall clock.
pub fn wall_now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_time_never_goes_back_and_reaches_its_instant() {
        let at = mono_now();
        std::thread::sleep(Duration::from_millis(2));
        assert!(at < mono_now());
        assert!(instant(at) <= Instant::now());
    }
}
