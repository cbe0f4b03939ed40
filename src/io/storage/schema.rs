//! The tables, as steps from one format to the next: a file of format n has had the first n of them. Batches are numbered by the
//! database in the order of writing, over all documents; `token` is the caller's number and grows only within one run of the program.

/// Returns the format of a file that has had all of these steps.
pub(super) const fn version(steps: &[&str]) -> i64 {
    steps.len() as i64
}

/// What has a checksum, by table: the column that names the document, and the columns that are summed.
pub(super) type Summed = &'static [(&'static str, &'static str, &'static [&'static str])];

/// What of the journal has a checksum.
pub(super) const JOURNAL_SUMMED: Summed =
    &[("snapshot", "uid", &["bytes"]), ("batch", "uid", &["bytes"]), ("undo", "uid", &["bytes"])];

/// What of a relay's store has a checksum.
pub(super) const RELAY_SUMMED: Summed =
    &[("snapshot", "doc_id", &["version", "bytes"]), ("batch", "doc_id", &["bytes"])];

/// The journal of one user. 5: snapshots in parts; what has one part has the checksum that it had before. 4: checksums of documents' rows; a step that adds a column to them sets all to NULL, so that they are
/// made anew. 3: checksums. 2: undo, and `closed`, which is set while a document is kept for its undo alone: its file has everything.
pub(super) const JOURNAL: &[&str] = &[
    "
     CREATE TABLE document (
         uid BLOB PRIMARY KEY NOT NULL CHECK (length(uid) = 16),
         path BLOB UNIQUE,
         link TEXT,
         epoch BLOB NOT NULL CHECK (length(epoch) = 16),
         file_hash BLOB,
         name TEXT NOT NULL,
         created INTEGER NOT NULL,
         state BLOB NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX document_link ON document (link) WHERE link IS NOT NULL;
     CREATE TABLE snapshot (
         uid BLOB PRIMARY KEY NOT NULL REFERENCES document (uid) ON DELETE CASCADE,
         bytes BLOB NOT NULL
     ) STRICT;
     CREATE TABLE batch (
         n INTEGER PRIMARY KEY AUTOINCREMENT,
         uid BLOB NOT NULL REFERENCES document (uid) ON DELETE CASCADE,
         token INTEGER NOT NULL,
         bytes BLOB NOT NULL
     ) STRICT;
     CREATE INDEX batch_uid ON batch (uid, n);",
    "
     ALTER TABLE document ADD COLUMN closed INTEGER;
     CREATE TABLE undo (
         n INTEGER PRIMARY KEY AUTOINCREMENT,
         uid BLOB NOT NULL REFERENCES document (uid) ON DELETE CASCADE,
         bytes BLOB NOT NULL
     ) STRICT;
     CREATE INDEX undo_uid ON undo (uid, n);",
    "
     ALTER TABLE snapshot ADD COLUMN sum INTEGER;
     ALTER TABLE batch ADD COLUMN sum INTEGER;
     ALTER TABLE undo ADD COLUMN sum INTEGER;",
    "
     ALTER TABLE document ADD COLUMN sum INTEGER;",
    "
     CREATE TABLE snapshot_in_parts (
         uid BLOB NOT NULL REFERENCES document (uid) ON DELETE CASCADE,
         part INTEGER NOT NULL,
         n_parts INTEGER NOT NULL,
         bytes BLOB NOT NULL,
         sum INTEGER,
         PRIMARY KEY (uid, part)
     ) STRICT;
     INSERT INTO snapshot_in_parts SELECT uid, 0, 1, bytes, sum FROM snapshot;
     DROP TABLE snapshot;
     ALTER TABLE snapshot_in_parts RENAME TO snapshot;",
];

/// The store of a relay. 2: links besides the first two. 3: with whose token a document was created.
/// 4: up to where the redo log is in here. 5: checksums. 6: those of documents' rows, with their links; as in the journal.
pub(super) const RELAY: &[&str] = &[
    "
     CREATE TABLE document (
         doc_id BLOB PRIMARY KEY NOT NULL CHECK (length(doc_id) = 16),
         epoch BLOB NOT NULL CHECK (length(epoch) = 16),
         write_hash BLOB NOT NULL CHECK (length(write_hash) = 32),
         read_hash BLOB NOT NULL CHECK (length(read_hash) = 32),
         name TEXT NOT NULL,
         created INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE snapshot (
         doc_id BLOB PRIMARY KEY NOT NULL REFERENCES document (doc_id) ON DELETE CASCADE,
         version BLOB NOT NULL,
         bytes BLOB NOT NULL
     ) STRICT;
     CREATE TABLE batch (
         n INTEGER PRIMARY KEY AUTOINCREMENT,
         doc_id BLOB NOT NULL REFERENCES document (doc_id) ON DELETE CASCADE,
         token INTEGER NOT NULL,
         bytes BLOB NOT NULL
     ) STRICT;
     CREATE INDEX batch_doc_id ON batch (doc_id, n);",
    "
     CREATE TABLE link (
         doc_id BLOB NOT NULL REFERENCES document (doc_id) ON DELETE CASCADE,
         hash BLOB NOT NULL CHECK (length(hash) = 32),
         may_write INTEGER NOT NULL,
         expires INTEGER,
         label TEXT NOT NULL,
         PRIMARY KEY (doc_id, hash)
     ) STRICT, WITHOUT ROWID;",
    "
     ALTER TABLE document ADD COLUMN creator BLOB CHECK (creator IS NULL OR length(creator) = 32);",
    "
     CREATE TABLE redo (salt BLOB NOT NULL CHECK (length(salt) = 16), generation INTEGER NOT NULL, upto INTEGER NOT NULL) STRICT;
     INSERT INTO redo VALUES (randomblob(16), 0, 0);",
    "
     ALTER TABLE snapshot ADD COLUMN sum INTEGER;
     ALTER TABLE batch ADD COLUMN sum INTEGER;",
    "
     ALTER TABLE document ADD COLUMN sum INTEGER;",
];
