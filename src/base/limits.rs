//! Every bound of the program, with its unit and where the number comes from.

/// Characters in one document: the run tree counts in 32 bits.
pub const DOCUMENT_CHARS_MAX: usize = 1 << 31;

/// Operations of one replica in one document (each inserted and each deleted character is one).
pub const REPLICA_OPS_MAX: u64 = u32::MAX as u64 - 1;

/// Replicas that one document can name.
pub const DOCUMENT_REPLICAS_MAX: usize = 1 << 20;

/// Operations that may wait for their causes in one document, counted in changes.
pub const WAITING_CHANGES_MAX: usize = 10_000;

/// Encoded bytes that may wait for their causes in one document.
pub const WAITING_BYTES_MAX: usize = 4 << 20;
