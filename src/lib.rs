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

/// Rank 2: languages: which one a text is in, how it is edited, what its parts are.
pub mod syntax;

/// Rank 2: the only meaning of bytes on a link: frames, greetings, capabilities, links that people paste.
pub mod protocol;

/// Rank 3: one protocol between any two replicas, as machines without I/O: rooms, presence, backoff.
pub mod sync;

/// Rank 2: what is written to disk for a document, and what is made of it again.
pub mod journal;

/// Rank 3: many rooms under one roof: loading, admission, limits, snapshots, idle documents.
pub mod relay;

/// Rank 3: the editor as a value: model, message, update, effects.
pub mod editor;

/// Rank 3: the model drawn into cells, the gate that makes any text safe to draw, and cells as terminal bytes.
pub mod view;

/// Rank 4: clients, a relay, their network and disks in one thread, made of one seed.
pub mod sim;

/// Rank 4: what touches the world: the terminal, files, clocks, disks, networks.
pub mod io;

/// Rank 5: one file per command.
pub mod app;
