//! Rank 0: what everything else stands on. No module here knows another one of the crate.

pub mod bytes;
pub mod limits;
pub mod planted;
pub mod rng;
pub mod text_format;
pub mod time;
