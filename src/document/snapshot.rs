//! The whole state as bytes: the log as one batch, what waits, and the sequence's runs, so that loading
//! replays nothing.

use std::collections::HashMap;

use ropey::{Rope, RopeBuilder};

use super::batch::{self, Parts};
use super::columns::Columns;
use super::text::TextBuffer;
use super::{Applied, ApplyError, Document};
use crate::base::bytes::{Reader, put_bytes, put_varint};
use crate::crdt::rga::{Rga, Run};
use crate::crdt::{ReplicaId, ReplicaTable};

/// The version of the snapshot format: its first byte. Apart from a batch's, so that neither is taken for
/// the other.
const VERSION: u8 = 0x41;

impl Document {
    /// Encodes the whole state with its history, tombstones and waiting operations.
    pub fn save(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        let names = ReplicaTable::default();
        let mut writer = batch::Writer::new(&names, &self.ids);
        self.logs.iter().for_each(|log| writer.part(log, 0, log.end()));
        put_bytes(&mut out, &writer.finish());
        put_varint(&mut out, self.waiting.len() as u64);
        for part in &self.waiting {
            let mut writer = batch::Writer::new(&names, &self.ids);
            writer.part(part, part.start, part.end());
            put_bytes(&mut out, &writer.finish());
        }
        let used: Vec<u32> = (0..self.ids.len() as u32).filter(|&r| 0 < self.applied[r as usize]).collect();
        put_varint(&mut out, used.len() as u64);
        let mut number = vec![0u64; self.ids.len()];
        for (n, &replica) in used.iter().enumerate() {
            number[replica as usize] = n as u64;
            out.extend_from_slice(&self.ids[replica as usize].get().to_le_bytes());
            put_varint(&mut out, u64::from(self.applied[replica as usize]));
        }
        for run in self.rga.runs() {
            put_varint(&mut out, number[run.replica as usize]);
            put_varint(&mut out, u64::from(run.seq));
            put_varint(&mut out, u64::from(run.len()) << 1 | u64::from(run.is_dead()));
        }
        out
    }

    /// Rebuilds a document from `save`d bytes, to be edited here as `replica`.
    ///
    /// # Errors
    /// `Malformed` where the bytes contradict themselves, `NewerFormat` where a later version wrote them.
    pub fn load(replica: ReplicaId, bytes: &[u8]) -> Result<Document, ApplyError> {
        let mut reader = snapshot_reader(bytes)?;
        let mut document = Document::new(replica);
        let none = ReplicaTable::default();
        let mut parts = Parts::default();
        document.read_parts(take_block(&mut reader)?, &none, &mut parts)?;
        document.take_in(parts.as_slice(), &mut Vec::new())?;
        for _ in 0..reader.varint()? {
            document.read_parts(take_block(&mut reader)?, &none, &mut parts)?;
            document.take_in(parts.as_slice(), &mut Vec::new())?;
        }
        document.plan(&mut Vec::new())?;
        let mut used = Vec::new();
        for _ in 0..reader.varint()? {
            let id = ReplicaId::new(reader.u64()?);
            let applied = reader.varint_u32()?;
            let local = document.by_id.get(&id).copied().ok_or(BAD_RUNS)?;
            if document.applied[local as usize] != applied {
                return Err(BAD_RUNS);
            }
            used.push(local);
        }
        let runs = read_runs(&mut reader, &used, &document)?;
        document.check_cover(&runs)?;
        document.rga = Rga::from_runs(document.ids.clone(), &runs);
        document.text = TextBuffer::from_rope(document.text_of_runs()?);
        let all = 0..document.ids.len() as u32;
        document.heard = all.clone().skip(1).filter(|&r| 0 < document.applied[r as usize]).collect();
        let last_lamport = |r: u32| {
            let applied = document.applied[r as usize];
            if applied == 0 { 0 } else { document.logs[r as usize].lamport(applied - 1) }
        };
        document.lamport_max = all.map(last_lamport).max().unwrap_or(0);
        Ok(document)
    }

    /// Merges the history of a snapshot. An empty document takes it over without replaying it.
    ///
    /// # Errors
    /// As `load`; the document is then as it was.
    pub fn apply_snapshot(&mut self, bytes: &[u8]) -> Result<Applied, ApplyError> {
        let is_fresh = self.waiting.is_empty() && self.logs.iter().all(|log| log.end() == 0);
        if is_fresh {
            *self = Document::load(self.replica(), bytes)?;
            let mut changes = Vec::new();
            if 0 < self.len_chars() {
                super::merge::note_change(&mut changes, 0, 0, self.len_chars());
            }
            return Ok(Applied { changes, n_waiting: self.n_waiting() });
        }
        let mut reader = snapshot_reader(bytes)?;
        self.apply(take_block(&mut reader)?)
    }

    /// Checks that the runs hold every inserted character exactly once.
    fn check_cover(&self, runs: &[Run]) -> Result<(), ApplyError> {
        let mut sorted: Vec<(u32, u32, u32)> =
            runs.iter().map(|run| (run.replica, run.seq, run.len())).collect();
        sorted.sort_unstable();
        let overlap = sorted.windows(2).any(|w| w[0].0 == w[1].0 && w[1].1 < w[0].1 + w[0].2);
        let n_in_runs: u64 = sorted.iter().map(|&(_, _, len)| u64::from(len)).sum();
        let inserts_of = |log: &Columns, applied: u32| -> u64 {
            let inserts = log.runs_in(0..applied).filter(|(_, op)| op.kind == super::Kind::Insert);
            inserts.map(|(_, op)| u64::from(op.len)).sum()
        };
        let n_inserted: u64 = self.logs.iter().zip(&self.applied).map(|(log, &n)| inserts_of(log, n)).sum();
        if overlap || n_in_runs != n_inserted {
            return Err(BAD_RUNS);
        }
        Ok(())
    }

    /// Returns the text that the runs and the logs give.
    pub(super) fn text_of_runs(&self) -> Result<Rope, ApplyError> {
        let mut builder = RopeBuilder::new();
        let mut lookup = ByteLookup::default();
        for run in self.rga.runs().filter(|run| !run.is_dead()) {
            let log = &self.logs[run.replica as usize];
            let (mut seq, end) = (run.seq, run.seq + run.len());
            while seq < end {
                let at = log.find(seq).ok_or(BAD_RUNS)?;
                let op = log.ops[at];
                let to = end.min(op.end());
                let from_byte = lookup.byte_of(log, at, seq - op.seq);
                let to_byte = lookup.byte_of(log, at, to - op.seq);
                builder.append(&log.text[from_byte..to_byte]);
                seq = to;
            }
        }
        Ok(builder.finish())
    }
}

const BAD_RUNS: ApplyError = ApplyError::Malformed("the order of the characters does not fit their history");

/// Byte offsets of every 256th character of long inserts, made when first needed: finding a place in a
/// large text would else mean reading it from its start each time.
#[derive(Default)]
struct ByteLookup {
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

fn take_block<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ApplyError> {
    let n = usize::try_from(reader.varint()?).map_err(|_| ApplyError::Malformed("a length is too large"))?;
    Ok(reader.bytes(n)?)
}

fn snapshot_reader(bytes: &[u8]) -> Result<Reader<'_>, ApplyError> {
    let mut reader = Reader::new(bytes);
    match reader.byte()? {
        VERSION => Ok(reader),
        found => Err(ApplyError::NewerFormat { found, known: VERSION }),
    }
}

fn read_runs(reader: &mut Reader<'_>, used: &[u32], document: &Document) -> Result<Vec<Run>, ApplyError> {
    let mut runs = Vec::new();
    while !reader.rest().is_empty() {
        let number = reader.varint_u32()?;
        let replica = *used.get(number as usize).ok_or(BAD_RUNS)?;
        let seq = reader.varint_u32()?;
        let len_and_dead = reader.varint_u32()?;
        let (len, is_dead) = (len_and_dead >> 1, len_and_dead & 1 == 1);
        let log = &document.logs[replica as usize];
        let end = seq.checked_add(len).filter(|&end| 0 < len && end <= document.applied[replica as usize]);
        let Some(end) = end.filter(|&end| log.are_inserts(seq..end)) else { return Err(BAD_RUNS) };
        let lamport = log.lamport(seq);
        if log.lamport(end - 1) - lamport != len - 1 {
            return Err(BAD_RUNS);
        }
        let run = Run::new(replica, seq, lamport, len);
        runs.push(if is_dead { run.dead() } else { run });
    }
    Ok(runs)
}
