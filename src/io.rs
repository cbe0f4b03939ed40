//! Rank 4: what touches the world. Shells without decisions around the pure half.

pub mod files;
pub mod terminal;
