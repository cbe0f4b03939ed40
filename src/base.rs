//! Rank 0: what everything else stands on. No module here knows another one of the crate.

pub mod bytes;
pub mod limits;
pub mod line_ending;
pub mod planted;
pub mod rng;
pub mod time;
