//! coedit: a terminal text editor in which any number of people edit one text at once, also offline.
//!
//! Dependencies point down this list only (`tests/layers.rs` holds it). Everything above `io` is pure:
//! it takes events and the time as arguments and returns what to do.

/// Rank 0: ids, the two times, the seeded generator, and every bound of the program with its unit.
pub mod base;

/// Rank 1: replicated data types: clocks and the text sequence (RGA), which knows no text.
pub mod crdt;

/// Rank 2: rope and RGA in step: edits, operation log, undo, anchors, snapshots.
pub mod document;

/// Rank 4: everything that touches the machine: sockets, files, the terminal, clocks and randomness.
pub mod io;
