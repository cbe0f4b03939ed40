//! Bytes from outside: what was recorded, damaged in every way, must be refused or be harmless: no panic, no hang, little memory, and
//! after a refusal everything is as it was.
//!
//! One test at a time, as what each allocates is counted. `COEDIT_FUZZ_SECONDS=n` gives each target so much time of the processor, and
//! `COEDIT_TARGET=name` chooses one. An input that came to something which none before it did is kept in `tests/data/corpus`, if
//! `COEDIT_CORPUS=write` is set: each run begins with what is there.

mod corpus;
mod large;
mod mutate;
mod recorded;
mod targets;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use coedit::base::rng::Rng;
use peak_alloc::PeakAlloc;
use targets::{TARGETS, Target};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Seconds for each target, unless `COEDIT_FUZZ_SECONDS` says otherwise.
const SECONDS: u64 = 1;

/// What may be allocated for so many bytes of input.
fn bytes_allowed(n_input: usize) -> usize {
    4 * n_input + (64 << 10)
}

/// Longest time that one input may take, in a build that is not optimized, on a machine that is busy.
const SLOWEST: Duration = Duration::from_secs(5);

/// What a run saw.
#[derive(Default)]
struct Seen {
    n_inputs: u64,
    n_refused: u64,
    /// What inputs came to: each sentence of a refusal, without its numbers, and being taken.
    ends: HashSet<String>,
    /// Bytes allocated beyond what may be, at most, and the input that did it.
    worst: Option<(usize, usize)>,
}

impl Seen {
    /// Offers an input to a target. Returns whether it came to something new.
    #[track_caller]
    fn offer(&mut self, target: &Target, input: &[u8]) -> bool {
        let began = Instant::now();
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.decode)(input)));
        let n_allocated = MEMORY.peak_usage().saturating_sub(before);
        let name = target.name;
        let Ok(outcome) = outcome else { panic!("{name}: a panic on {}", hex(input)) };
        assert!(began.elapsed() < SLOWEST, "{name}: {:?} for {}", began.elapsed(), hex(input));
        self.n_inputs += 1;
        self.n_refused += u64::from(outcome.is_err());
        let n_beyond = n_allocated.saturating_sub(target.n_held + bytes_allowed(input.len()));
        if 0 < n_beyond && self.worst.is_none_or(|(worst, _)| worst < n_beyond) {
            self.worst = Some((n_beyond, input.len()));
        }
        let end = outcome.err().unwrap_or_default();
        self.ends.insert(end.split(|c: char| c.is_ascii_digit()).collect())
    }

    fn tell(&self, target: &Target) {
        let (n_inputs, n_refused, n_ends) = (self.n_inputs, self.n_refused, self.ends.len());
        println!("{}: {n_inputs} inputs, {n_refused} refused, {n_ends} ends", target.name);
        assert_eq!(self.worst, None, "{}: too much memory (bytes beyond, bytes of input)", target.name);
        assert!(0 < self.n_inputs, "{}: nothing was tried", target.name);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the time that this thread has had of the processor.
fn cpu_time() -> Duration {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = said.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    nanos.map_or_else(|| BEGAN.elapsed(), Duration::from_nanos)
}

/// Each target in turn gets what it can read, damaged at random with its lengths repaired.
fn fuzz() {
    let seconds = std::env::var("COEDIT_FUZZ_SECONDS").map_or(SECONDS, |n| n.parse().expect("a number"));
    let chosen = std::env::var("COEDIT_TARGET").ok();
    for target in TARGETS.iter().filter(|target| chosen.as_ref().is_none_or(|name| name == target.name)) {
        let mut corpus = (target.corpus)();
        corpus.extend(corpus::kept(target.name));
        let mut rng = Rng::new(seconds);
        let mut seen = Seen::default();
        corpus.iter().for_each(|input| _ = seen.offer(target, input));
        let until = cpu_time() + Duration::from_secs(seconds);
        while cpu_time() < until {
            for _ in 0..target.n_at_once {
                let input = mutate::damaged(&corpus, target.shape, &mut rng);
                if seen.offer(target, &input) {
                    corpus::keep(target.name, &input);
                    corpus.push(input);
                }
            }
        }
        seen.tell(target);
    }
}

/// Every truncation and every flipped bit of recorded messages.
fn damage_each_message() {
    let packets = recorded::packets();
    assert!(100 <= packets.len(), "only {} messages were recorded", packets.len());
    let target = targets::named("packet");
    let mut seen = Seen::default();
    for packet in packets.iter().take(100) {
        (0..packet.len()).for_each(|n| _ = seen.offer(target, &packet[..n]));
        let mut damaged = packet.clone();
        for bit in 0..packet.len() * 8 {
            damaged[bit / 8] ^= 1 << (bit % 8);
            seen.offer(target, &damaged);
            damaged[bit / 8] ^= 1 << (bit % 8);
        }
    }
    seen.tell(target);
}

#[test]
fn damaged_bytes_are_refused_or_harmless() {
    // What is wrong is told by the failure itself.
    std::panic::set_hook(Box::new(|info| eprintln!("{info}")));
    damage_each_message();
    fuzz();
}
