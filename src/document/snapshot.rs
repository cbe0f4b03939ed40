//! The whole state as bytes: the history as one batch, and what waits.

use std::collections::HashMap;

use ropey::{Rope, RopeBuilder};

use super::batch::{self, Parts};
use super::columns::Columns;
use super::history::{self, History, Written};
use super::merge::{TOO_MANY_REPLICAS, Taken};
use super::text::TextBuffer;
use super::{Applied, ApplyError, Document};
use crate::base::bytes::{Reader, put_bytes, put_varint};
use crate::base::limits::DOCUMENT_REPLICAS_MAX;
use crate::crdt::rga::{Rga, Span};
use crate::crdt::{ReplicaId, ReplicaTable};

/// The version of the snapshot format: its first byte. Apart from a batch's, so that neither is taken for
/// the other.
const VERSION: u8 = 0x42;

/// A document's whole state as bytes.
pub struct Encoded<'a> {
    version: Vec<u8>,
    history: Written<'a>,
    waiting: Vec<u8>,
}

impl Encoded<'_> {
    /// Returns the bytes as pieces, in order.
    pub fn pieces(&self) -> Vec<&[u8]> {
        let before = [&self.version, &self.history.head].map(Vec::as_slice);
        let texts = self.history.texts.iter().map(|text| text.as_bytes());
        before.into_iter().chain(texts).chain([self.waiting.as_slice()]).collect()
    }
}

impl Document {
    /// Encodes the whole state with its history, tombstones and waiting operations.
    pub fn save(&self) -> Vec<u8> {
        self.encoded().pieces().concat()
    }

    /// As [`Document::save`], with the text, which may be large, where it is in memory already.
    pub fn encoded(&self) -> Encoded<'_> {
        let history = history::write(&self.logs, &self.applied, &self.ids, &self.rga);
        let mut version = vec![VERSION];
        put_varint(&mut version, history.n_bytes() as u64);
        let mut waiting = Vec::new();
        let behind = self.logs.iter().zip(&self.applied).filter(|(log, applied)| **applied < log.end());
        let apart = self.waiting.iter().map(|part| (part, part.start));
        let names = ReplicaTable::default();
        for (part, from) in behind.map(|(log, &applied)| (log, applied)).chain(apart) {
            let mut writer = batch::Writer::new(&names, &self.ids);
            writer.part(part, from, part.end());
            put_bytes(&mut waiting, &writer.finish());
        }
        Encoded { version, history, waiting }
    }

    /// Rebuilds a document from `save`d bytes, to be edited here as `replica`.
    ///
    /// # Errors
    /// `Malformed` where the bytes contradict themselves, `NewerFormat` where a later version wrote them.
    pub fn load(replica: ReplicaId, bytes: &[u8]) -> Result<Document, ApplyError> {
        let mut reader = snapshot_reader(bytes)?;
        let mut document = Document::new(replica);
        let history = document.read_history(reader.block()?)?;
        document.take_over(history);
        let (names, mut parts) = (ReplicaTable::default(), Parts::default());
        while !reader.rest().is_empty() {
            document.read_parts(reader.block()?, &names, &mut parts)?;
            document.take_in(parts.as_slice(), &mut Taken::default())?;
        }
        // One's own id has no operations yet: a document whose authors are as many as can be can still be read.
        if DOCUMENT_REPLICAS_MAX < document.ids.len() - 1 {
            return Err(TOO_MANY_REPLICAS);
        }
        let behind = document.behind.clone();
        document.plan(&behind, &mut Vec::new())?;
        Ok(document)
    }

    /// Merges the history of a snapshot. An empty document takes it over without replaying it.
    ///
    /// # Errors
    /// As `load`; the document is then as it was.
    pub fn apply_snapshot(&mut self, bytes: &[u8]) -> Result<Applied, ApplyError> {
        if self.is_fresh() {
            *self = Document::load(self.replica(), bytes)?;
            return Ok(self.all_is_new());
        }
        let mut reader = snapshot_reader(bytes)?;
        self.apply(reader.block()?)
    }

    /// Returns whether nothing was ever edited or merged here.
    pub(super) fn is_fresh(&self) -> bool {
        self.waiting.is_empty() && self.logs.iter().all(|log| log.end() == 0)
    }

    /// Returns the whole text as one change.
    pub(super) fn all_is_new(&self) -> Applied {
        let mut changes = Vec::new();
        if 0 < self.len_chars() {
            super::merge::note_change(&mut changes, 0, 0, self.len_chars());
        }
        Applied { changes, n_waiting: self.n_waiting() }
    }

    /// Reads a batch that holds a whole history.
    pub(super) fn read_history(&mut self, batch: &[u8]) -> Result<History, ApplyError> {
        let mut reader = Reader::new(batch);
        match reader.byte()? {
            history::VERSION => {}
            found => return Err(ApplyError::NewerFormat { found, known: history::VERSION }),
        }
        let history = history::read(&mut reader, &mut |id| self.intern(id))?;
        if !reader.rest().is_empty() {
            return Err(ApplyError::Malformed("bytes are left over"));
        }
        Ok(history)
    }

    /// Makes a history that of this document, which is empty.
    pub(super) fn take_over(&mut self, history: History) {
        debug_assert!(self.is_fresh());
        for log in history.logs {
            let author = log.author as usize;
            self.applied[author] = log.end();
            if let Some(last) = log.end().checked_sub(1) {
                self.lamport_max = self.lamport_max.max(log.lamport(last));
            }
            self.logs[author] = log;
        }
        self.heard = (1..self.ids.len() as u32).filter(|&r| 0 < self.applied[r as usize]).collect();
        self.rga = Rga::from_leaves(self.ids.clone(), history.leaves);
        self.text = TextBuffer::from_rope(history.text.finish());
    }

    /// Returns the text that the runs and the logs give.
    pub(super) fn text_of_runs(&self) -> Result<Rope, ApplyError> {
        let mut builder = RopeBuilder::new();
        let mut lookup = ByteLookup::default();
        for run in self.rga.runs().filter(|run| !run.is_dead()) {
            let span = Span { replica: run.replica, seq: run.seq, len: run.len() };
            self.each_text_of(span, &mut lookup, |text| builder.append(text))?;
        }
        Ok(builder.finish())
    }

    /// Calls `each` with the text of inserted characters, in pieces.
    pub(super) fn each_text_of(
        &self,
        span: Span,
        lookup: &mut ByteLookup,
        mut each: impl FnMut(&str),
    ) -> Result<(), ApplyError> {
        let log = &self.logs[span.replica as usize];
        let (mut seq, end) = (span.seq, span.seq + span.len);
        while seq < end {
            let at = log.find(seq).ok_or(BAD_RUNS)?;
            let op = log.ops[at];
            let to = end.min(op.end());
            if let Some(part) = log.large(&op, seq..to) {
                part.chunks().for_each(&mut each);
                seq = to;
                continue;
            }
            let from_byte = lookup.byte_of(log, at, seq - op.seq);
            let to_byte = lookup.byte_of(log, at, to - op.seq);
            each(&log.text[from_byte..to_byte]);
            seq = to;
        }
        Ok(())
    }
}

const BAD_RUNS: ApplyError = ApplyError::Malformed("the order of the characters does not fit their history");

/// Byte offsets of every 256th character of long inserts, made when first needed: finding a place in a
/// large text would else mean reading it from its start each time.
#[derive(Default)]
pub(super) struct ByteLookup {
    marks: HashMap<(u32, usize), Vec<u32>>,
}

const MARK_CHARS: usize = 256;

impl ByteLookup {
    fn byte_of(&mut self, log: &Columns, at: usize, n: u32) -> usize {
        let op = &log.ops[at];
        let (n, start) = (n as usize, op.text as usize);
        if (op.len as usize) <= MARK_CHARS {
            return start + super::columns::byte_of_char(&log.text[start..], n);
        }
        let marks = self.marks.entry((log.author, at)).or_insert_with(|| {
            let chars = log.text[start..].char_indices().take(op.len as usize).step_by(MARK_CHARS);
            chars.map(|(byte, _)| byte as u32).collect()
        });
        let Some(&mark) = marks.get(n / MARK_CHARS) else {
            let last = *marks.last().expect("a long insert has marks") as usize;
            return start
                + last
                + super::columns::byte_of_char(
                    &log.text[start + last..],
                    n - (marks.len() - 1) * MARK_CHARS,
                );
        };
        start
            + mark as usize
            + super::columns::byte_of_char(&log.text[start + mark as usize..], n % MARK_CHARS)
    }
}

fn snapshot_reader(bytes: &[u8]) -> Result<Reader<'_>, ApplyError> {
    let mut reader = Reader::new(bytes);
    match reader.byte()? {
        VERSION => Ok(reader),
        found => Err(ApplyError::NewerFormat { found, known: VERSION }),
    }
}
