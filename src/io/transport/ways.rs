//! Which way leads to whom: what worked last is tried first, for a while.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::io::clock;
use crate::sync::Via;

/// How long a lower way is taken without trying the higher ones.
const CLIMB_AFTER: Duration = Duration::from_secs(600);

/// Silences that end a connection and are taken for a proxy's time limit; shorter ones are an accident, longer ones are
/// kept away by the heartbeat.
const IDLE_CUTS: std::ops::Range<Duration> = Duration::from_secs(4)..Duration::from_secs(45);

/// Servers that are remembered; beyond that the file begins anew.
const SERVERS_MAX: usize = 256;

/// What is known of the way to one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    /// How many steps down the ladder.
    step: usize,
    /// Until when, in milliseconds since 1970.
    until: u64,
    /// Whether a WebSocket opens and then carries nothing, so that trying one tells nothing.
    #[serde(default)]
    is_mute: bool,
    /// After how many milliseconds of silence something must be sent, so that nothing between cuts the connection.
    ping_ms: Option<u64>,
}

/// The ways to all servers, kept in a file for the next start.
#[derive(Debug)]
pub struct Ways {
    /// [`CLIMB_AFTER`], but in tests.
    pub(in crate::io) climb_after: Duration,
    file: Option<PathBuf>,
    known: Mutex<Option<BTreeMap<String, Known>>>,
}

/// The ladder, from the top.
pub(super) const LADDER: [Via; 3] = [Via::WebSocket, Via::EventStream, Via::LongPoll];

impl Default for Ways {
    /// Remembers until the program ends.
    fn default() -> Ways {
        Ways { climb_after: CLIMB_AFTER, file: None, known: Mutex::default() }
    }
}

impl Ways {
    /// Remembers in `file`. What cannot be read there is not known, and what cannot be written is forgotten.
    pub fn kept_in(file: PathBuf) -> Ways {
        Ways { file: Some(file), ..Ways::default() }
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Known>) -> (T, bool)) -> T {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_with(|| {
            let text = self.file.as_ref().and_then(|file| std::fs::read(file).ok());
            text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
        });
        let (result, is_changed) = work(known);
        if is_changed && let Some(file) = &self.file {
            let text = serde_json::to_vec(known).unwrap_or_default();
            // It only saves time: without it the next start tries all ways again.
            let _ = std::fs::write(file, text);
        }
        result
    }

    /// Returns the step of the ladder to begin with.
    pub(super) fn first_step(&self, server: &str) -> usize {
        let now = clock::wall_now().0;
        self.with(|known| {
            let step = known.get(server).filter(|known| now < known.until).map_or(0, |known| known.step);
            (step.min(LADDER.len() - 1), false)
        })
    }

    /// Notes that this step led there.
    pub(in crate::io) fn led(&self, server: &str, step: usize) {
        let until = clock::wall_now().0 + self.climb_after.as_millis() as u64;
        self.with(|known| {
            let is_news = known.get(server).map_or(0, |known| known.step) != step;
            if is_news {
                if SERVERS_MAX <= known.len() {
                    known.clear();
                }
                let entry = known.entry(server.to_owned()).or_default();
                (entry.step, entry.until) = (step, until);
                entry.is_mute &= 0 < step;
            }
            ((), is_news)
        });
    }

    /// Notes that a connection of this step stood and carried nothing: the next step is tried next time.
    pub(in crate::io) fn carried_nothing(&self, server: &str, step: usize) {
        self.led(server, (step + 1) % LADDER.len());
        if step == 0 {
            self.with(|known| (known.get_mut(server).map(|known| known.is_mute = true), true));
        }
    }

    /// Returns whether a WebSocket is worth a try although a lower way led there: not if it would open and carry nothing.
    pub(super) fn may_probe(&self, server: &str) -> bool {
        let now = clock::wall_now().0;
        self.with(|known| (known.get(server).is_none_or(|known| !known.is_mute || known.until <= now), false))
    }

    /// Notes that a connection was cut after this much silence.
    pub(super) fn cut_after(&self, server: &str, silence: Duration) {
        if !IDLE_CUTS.contains(&silence) {
            return;
        }
        let ping_ms = silence.as_millis() as u64 / 2;
        self.with(|known| {
            let entry = known.entry(server.to_owned()).or_default();
            let is_news = entry.ping_ms.is_none_or(|before| ping_ms < before);
            if is_news {
                entry.ping_ms = Some(ping_ms);
            }
            ((), is_news)
        });
    }

    /// Returns after how much silence something must be sent there.
    pub(super) fn ping_after(&self, server: &str) -> Option<Duration> {
        self.with(|known| {
            (known.get(server).and_then(|known| known.ping_ms).map(Duration::from_millis), false)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_led_to_a_server_is_remembered_in_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ways.json");
        let ways = Ways::kept_in(file.clone());
        assert_eq!((ways.first_step("a:1"), ways.ping_after("a:1")), (0, None));
        ways.led("a:1", 2);
        ways.cut_after("b:1", Duration::from_secs(10));
        ways.cut_after("b:1", Duration::from_secs(1));
        ways.cut_after("b:1", Duration::from_secs(60));
        let again = Ways::kept_in(file.clone());
        assert_eq!((again.first_step("a:1"), again.first_step("b:1")), (2, 0));
        assert_eq!(again.ping_after("b:1"), Some(Duration::from_secs(5)));
        again.carried_nothing("a:1", 2);
        assert_eq!(again.first_step("a:1"), 0, "below the last step is the first");
        std::fs::write(&file, "nonsense").expect("a writable folder");
        assert_eq!(Ways::kept_in(file).first_step("a:1"), 0);
    }
}
