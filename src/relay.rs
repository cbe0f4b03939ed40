//! Rank 3: many rooms under one roof: which documents are loaded, who may come in, when a document is forgotten.

pub mod event;

pub use event::{Input, Output, RelayConfig, Stored};

use crate::base::time::MonoTime;

/// Many documents, their rooms, and who is connected.
#[derive(Debug)]
pub struct Relay {
    config: RelayConfig,
}

impl Relay {
    /// Makes a relay without documents or links.
    pub fn new(config: RelayConfig) -> Relay {
        Relay { config }
    }

    /// Advances by one input. Never blocks; appends to `out` in the order in which the shell must act.
    pub fn handle(&mut self, _input: Input<'_>, _now: MonoTime, _out: &mut Vec<Output>) {}

    /// Returns when [`Input::DeadlineReached`] is due; `None` when nothing is pending.
    pub fn deadline(&self) -> Option<MonoTime> {
        None
    }

    /// Returns how many links and documents there are, for metrics.
    pub fn counts(&self) -> (usize, usize) {
        let _ = self.config.links_max;
        (0, 0)
    }
}
