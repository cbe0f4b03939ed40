//! Rank 3: what every end of a link decides without I/O, clock or chance of its own.

pub mod backoff;
pub mod people;
pub mod rate;
pub mod status;

pub use status::Status;
