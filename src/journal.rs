//! Rank 2: what is kept on this disk for a document, and how the document is recovered from it.
//!
//! A record is the document as it was when its file was last read or saved (`snapshot`), and every batch since, with
//! its user's undo. A document that is linked to others keeps its record. One that is not has to have one only while it
//! holds edits that its file lacks; afterwards it is kept for undo, as long as there is room.

use crate::base::planted::{Defect, is_planted};
use crate::base::text_format::TextFormat;
use crate::crdt::{ReplicaId, VersionVector};
use crate::document::{ApplyError, Document};

/// Names the bytes of a file: SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileHash(pub [u8; 32]);

/// How a document is shared from this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Made here and served by a relay, which may be asked to create it again.
    Owner,
    /// Made here and served from here.
    Host,
    /// Joined with a link.
    Guest,
}

/// How a document is reached by others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Linked {
    /// The whole link, secret included.
    pub url: String,
    /// What this machine is to it.
    pub role: Role,
}

/// All that is kept for one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// How it is shared, if it is.
    pub linked: Option<Linked>,
    /// Where a host listens, as its user asked.
    pub listen: Option<String>,
    /// Its history's random name; `None` while it is empty and another side decides.
    pub epoch: Option<[u8; 16]>,
    /// The file's bytes when they were last read or written here; `None` if there was no file.
    pub file: Option<FileHash>,
    /// How the file was written then; `None` if there was no file.
    pub format: Option<TextFormat>,
    /// The version at that time: the text then is what an edit of the file by others is compared to.
    pub saved: VersionVector,
    /// `Document::save` of some time; empty if there is none.
    pub snapshot: Vec<u8>,
    /// Every batch since the snapshot, in order.
    pub batches: Vec<Vec<u8>>,
    /// The pieces of its user's undo, in order.
    pub undo: Vec<Vec<u8>>,
    /// What the other side was last known to have on its disk.
    pub acknowledged: VersionVector,
}

/// What a person must be told when a document is opened from its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The document has what the file has.
    Same,
    /// The document has edits that the file lacks, from a session that did not end by saving.
    Unsaved {
        /// Operations that the file lacks.
        n_edits: u64,
    },
    /// There was a file, and it is gone. Saving writes it again.
    FileGone {
        /// Operations in the document that the file never had.
        n_edits: u64,
    },
    /// Another program changed the file meanwhile. Neither side may be overwritten without asking.
    FileChanged {
        /// Operations in the document that the file never had; 0 if the document could follow the file.
        n_edits: u64,
    },
}

/// Why a record could not be turned into a document. The record is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// The snapshot is not one.
    #[error("the kept state of the document is damaged: {0}")]
    Snapshot(ApplyError),
    /// A batch needs another that is not there.
    #[error("kept edits of the document are missing")]
    Gap,
    /// A batch is not one, or cannot be applied.
    #[error("kept edit {n} of the document is damaged: {error}")]
    Batch {
        /// Which, counted from 1.
        n: usize,
        /// What is wrong with it.
        error: ApplyError,
    },
}

impl Record {
    /// Rebuilds the document, to be edited here as `replica`, which must never have been used before.
    ///
    /// # Errors
    /// If anything kept is damaged: a damaged record is never taken for an empty one.
    pub fn recover(&self, replica: ReplicaId) -> Result<Document, RecoverError> {
        let mut doc = match self.snapshot.is_empty() {
            true => Document::new(replica),
            false => Document::load(replica, &self.snapshot).map_err(RecoverError::Snapshot)?,
        };
        let n_waiting = doc.n_waiting();
        let batches = match self.batches.split_last() {
            Some((_, most)) if is_planted(Defect::TailForgotten) => most,
            _ => &self.batches,
        };
        for (idx, batch) in batches.iter().enumerate() {
            doc.apply(batch).map_err(|error| RecoverError::Batch { n: idx + 1, error })?;
        }
        // Only what had its causes was written: if it has not now, a record in between is gone.
        if n_waiting < doc.n_waiting() {
            return Err(RecoverError::Gap);
        }
        doc.restore_undo(self.undo.iter().map(Vec::as_slice));
        Ok(doc)
    }

    /// Compares the recovered document with the file as it is now.
    pub fn compare(&self, doc: &Document, file: Option<FileHash>) -> Finding {
        let n_edits = doc.version().n_ops_beyond(&self.saved);
        if file.is_none() && self.file.is_some() {
            return Finding::FileGone { n_edits };
        }
        if file != self.file {
            return Finding::FileChanged { n_edits };
        }
        match n_edits {
            0 => Finding::Same,
            n_edits => Finding::Unsaved { n_edits },
        }
    }
}

/// Writes a version vector for the disk: for each replica its id and its count, 8 bytes each, little-endian.
pub fn encode_version(version: &VersionVector) -> Vec<u8> {
    version
        .iter()
        .flat_map(|(replica, next)| [replica.get().to_le_bytes(), next.to_le_bytes()])
        .flatten()
        .collect()
}

/// Reads what `encode_version` wrote; `None` if it is anything else.
pub fn decode_version(bytes: &[u8]) -> Option<VersionVector> {
    let (entries, rest) = bytes.as_chunks::<16>();
    if !rest.is_empty() {
        return None;
    }
    let number = |half: &[u8]| half.try_into().map(u64::from_le_bytes).ok();
    entries.iter().map(|entry| Some((ReplicaId::new(number(&entry[..8])?), number(&entry[8..])?))).collect()
}

#[cfg(test)]
mod tests;
