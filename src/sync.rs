//! Rank 3: one protocol between any two replicas, as machines without I/O, clock or chance.
//!
//! A `room::Room` is the links of one document: at a client (one link, dialed), at a host (links accepted and a
//! screen) and at a relay (links accepted, nobody types). It never owns the document. A shell is a loop without
//! decisions: wait for the first of {packet, written, edit, persisted, deadline}, call `handle`, carry out
//! the outputs in order.

pub mod backoff;
pub mod event;
pub mod people;
pub mod rate;
pub mod room;
pub mod status;
mod store;
mod wire;

pub use event::{Direction, Input, LinkId, Output, PersistToken, RoomConfig, Serve, Traffic, Upstream, Via};
pub use room::Room;
pub use status::Status;
