//! Rank 5: one file per command.

pub mod edit;
