//! What the end-to-end tests stand on: people with a home each, their screens, a relay, a bad network.

#[cfg(target_os = "linux")]
pub mod faulty_disk;
pub mod home;
pub mod keys;
pub mod nginx;
pub mod proxy;
pub mod relay;
pub mod screen;
pub mod wrongdoer;

use std::time::{Duration, Instant};

/// How long anything that should happen may take before a test gives up. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until the answer is `Some`, at most for `patience`. For what cannot be waited for by
/// its output: files, other processes.
pub fn eventually<T>(what: &str, patience: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let give_up_at = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < give_up_at, "gave up waiting: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the number in the environment variable `name`, or `default`.
pub fn number_from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}
