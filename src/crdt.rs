//! Rank 1: replicated data types. They know neither text nor bytes on a wire.

pub mod clock;

pub mod rga;

pub use clock::{Dot, ReplicaId, ReplicaTable, VersionVector, has_time};
