//! The bytes of a batch: operations on their way to another replica, or at rest.
//!
//! Lamport timestamps are not written: the reader derives them from the causes, so none can be claimed.
//! `docs/FORMAT.md` has the layout byte by byte.

use super::columns::{Columns, Kind, OpRun, ROOT};
use crate::base::bytes::{Malformed, Reader, put_varint};
use crate::base::limits::DOCUMENT_REPLICAS_MAX;
use crate::crdt::{ReplicaId, ReplicaTable};

/// The version of the format, in the low 4 bits of the first byte.
pub(super) const VERSION: u8 = 1;

/// Set in the first byte when the batch names replicas itself.
pub(super) const HAS_OWN_IDS: u8 = 0x80;

const KIND_INSERT: u8 = 0;
const KIND_INSERT_AT_START: u8 = 1;
const KIND_DELETE_FORWARD: u8 = 2;
const KIND_DELETE_BACKWARD: u8 = 3;
const KIND_MASK: u8 = 3;
/// The reference or target is the author's own; its seq is written as the distance back.
const OWN: u8 = 1 << 2;
/// One operation: no length follows.
const SINGLE: u8 = 1 << 3;
/// New causes come before the operation.
const STAMPED: u8 = 1 << 4;
/// The last operation run of this author's part.
const LAST: u8 = 1 << 5;
/// The reference is the author's operation just before: typing on.
const TYPING_ON: u8 = 1 << 6;

/// Collects parts of several authors and writes them as one batch.
pub(super) struct Writer<'a> {
    names: &'a ReplicaTable,
    ids: &'a [ReplicaId],
    own: Vec<ReplicaId>,
    /// For each local number, how it is written, plus one; 0 where it was not needed yet.
    written: Vec<u64>,
    ops: Vec<u8>,
    text: String,
    /// Where the head of the last part starts: it alone says that none follows.
    last_head: Option<(usize, u64)>,
}

impl<'a> Writer<'a> {
    /// `ids` has the full ids by local number.
    pub(super) fn new(names: &'a ReplicaTable, ids: &'a [ReplicaId]) -> Writer<'a> {
        let written = vec![0; ids.len()];
        Writer { names, ids, own: Vec::new(), written, ops: Vec::new(), text: String::new(), last_head: None }
    }

    fn name(&mut self, replica: u32) -> u64 {
        let slot = replica as usize;
        if self.written[slot] == 0 {
            let id = self.ids[slot];
            self.written[slot] = 1 + match self.names.index_of(id) {
                Some(index) => u64::from(index) << 1,
                None => {
                    self.own.push(id);
                    ((self.own.len() as u64 - 1) << 1) | 1
                }
            };
        }
        self.written[slot] - 1
    }

    /// Adds the operations `from..to` of one author.
    pub(super) fn part(&mut self, columns: &Columns, from: u32, to: u32) {
        if to <= from {
            return;
        }
        self.close_head(false);
        let author = self.name(columns.author);
        self.last_head = Some((self.ops.len(), author));
        put_varint(&mut self.ops, u64::from(from));
        for (at, op) in columns.runs_in(from..to) {
            self.op(columns, at, op, op.end() == to);
        }
    }

    fn op(&mut self, columns: &Columns, at: usize, op: OpRun, is_last: bool) {
        let own = op.replica == columns.author && op.target < op.seq;
        let typing_on = op.kind == Kind::Insert && own && op.target + 1 == op.seq;
        let kind = match op.kind {
            Kind::Insert if op.replica == ROOT => KIND_INSERT_AT_START,
            Kind::Insert => KIND_INSERT,
            Kind::DeleteForward => KIND_DELETE_FORWARD,
            Kind::DeleteBackward => KIND_DELETE_BACKWARD,
        };
        let stamp = columns.stamp_at(op.seq);
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let tag = kind
            | flag(typing_on, TYPING_ON)
            | flag(own && !typing_on, OWN)
            | flag(op.len == 1, SINGLE)
            | flag(stamp.is_some(), STAMPED)
            | flag(is_last, LAST);
        self.ops.push(tag);
        if let Some(stamp) = stamp {
            let deps = columns.deps_of(stamp);
            put_varint(&mut self.ops, deps.len() as u64);
            for &(replica, next) in deps {
                let name = self.name(replica);
                put_varint(&mut self.ops, name);
                put_varint(&mut self.ops, u64::from(next));
            }
        }
        if 1 < op.len {
            put_varint(&mut self.ops, u64::from(op.len));
        }
        if own && !typing_on {
            put_varint(&mut self.ops, u64::from(op.seq - op.target));
        } else if !typing_on && op.replica != ROOT {
            let name = self.name(op.replica);
            put_varint(&mut self.ops, name);
            put_varint(&mut self.ops, u64::from(op.target));
        }
        if op.kind == Kind::Insert {
            match columns.large(&columns.ops[at], op.seq..op.end()) {
                Some(part) => self.text.extend(part.chunks()),
                None => self.text.push_str(columns.own_text_of(at, op.seq..op.end())),
            }
        }
    }

    /// Writes the head of the part before, now that it is known whether it is the last.
    fn close_head(&mut self, is_last: bool) {
        let Some((at, author)) = self.last_head.take() else { return };
        let mut head = Vec::with_capacity(4);
        put_varint(&mut head, author << 1 | u64::from(is_last));
        self.ops.splice(at..at, head);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.last_head.is_none() {
            return vec![VERSION];
        }
        self.close_head(true);
        let mut out = Vec::with_capacity(self.ops.len() + self.text.len() + self.own.len() * 8 + 8);
        if self.own.is_empty() {
            out.push(VERSION);
        } else {
            out.push(VERSION | HAS_OWN_IDS);
            put_varint(&mut out, self.own.len() as u64);
            self.own.iter().for_each(|id| out.extend_from_slice(&id.get().to_le_bytes()));
        }
        out.extend_from_slice(&self.ops);
        out.extend_from_slice(self.text.as_bytes());
        out
    }
}

/// The parts of a batch, by author, with the room that reading them takes: kept from one batch to the next.
#[derive(Default)]
pub(super) struct Parts {
    list: Vec<Columns>,
    n_used: usize,
    own: Vec<u32>,
    deps: Vec<(u32, u32)>,
}

impl Parts {
    /// Returns the parts in the order of the batch.
    pub(super) fn as_slice(&self) -> &[Columns] {
        &self.list[..self.n_used]
    }

    /// Leaves out the parts that `is_kept` refuses.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&Columns) -> bool) {
        for i in (0..self.n_used).rev() {
            if !is_kept(&self.list[i]) {
                self.list[i..self.n_used].rotate_left(1);
                self.n_used -= 1;
            }
        }
    }

    /// Makes `list` the parts.
    pub(super) fn replace(&mut self, list: Vec<Columns>) {
        self.n_used = list.len();
        self.list = list;
    }

    fn clear(&mut self) {
        self.n_used = 0;
        self.own.clear();
    }

    fn begin(&mut self, author: u32, start: u32) {
        match self.list.get_mut(self.n_used) {
            Some(part) => part.begin_again(author, start),
            None => self.list.push(Columns::new(author, start)),
        }
        self.n_used += 1;
    }
}

/// Reads a batch into `parts`. `intern` gives an id its local number; `names` is what the writer's table was.
pub(super) fn read(
    bytes: &[u8],
    names: &ReplicaTable,
    intern: &mut dyn FnMut(ReplicaId) -> u32,
    parts: &mut Parts,
) -> Result<(), Malformed> {
    parts.clear();
    let mut reader = Reader::new(bytes);
    let first = reader.byte()?;
    if first & HAS_OWN_IDS != 0 {
        let n = reader.varint()?;
        if (DOCUMENT_REPLICAS_MAX as u64) < n {
            return Err(Malformed("it names more replicas than a document can have"));
        }
        for _ in 0..n {
            parts.own.push(intern(ReplicaId::new(reader.u64()?)));
        }
    } else if reader.rest().is_empty() {
        return Ok(());
    }
    let own = std::mem::take(&mut parts.own);
    // They are numbered in the order in which they are first named.
    let mut n_named = 0;
    let mut name = |written: u64| -> Result<u32, Malformed> {
        let index = u32::try_from(written >> 1).map_err(|_| Malformed("a replica number is too large"))?;
        if written & 1 == 1 {
            n_named = n_named.max(index as usize + 1);
            return own.get(index as usize).copied().ok_or(Malformed("a replica number is not in the batch"));
        }
        names.get(index).map(&mut *intern).ok_or(Malformed("a replica number was never announced"))
    };
    loop {
        let head = reader.varint()?;
        let author = name(head >> 1)?;
        parts.begin(author, reader.varint_u32()?);
        let part = &mut parts.list[parts.n_used - 1];
        read_part(&mut reader, part, &mut parts.deps, &mut name)?;
        if head & 1 == 1 {
            break;
        }
    }
    if n_named < own.len() {
        return Err(Malformed("it lists replicas that it does not name"));
    }
    parts.own = own;
    let text = std::str::from_utf8(reader.rest()).map_err(|_| Malformed("the text is not UTF-8"))?;
    share_out(text, &mut parts.list[..parts.n_used])
}

fn read_part(
    reader: &mut Reader<'_>,
    part: &mut Columns,
    deps: &mut Vec<(u32, u32)>,
    name: &mut dyn FnMut(u64) -> Result<u32, Malformed>,
) -> Result<(), Malformed> {
    loop {
        let tag = reader.byte()?;
        if tag & STAMPED != 0 {
            deps.clear();
            for _ in 0..reader.varint()? {
                deps.push((name(reader.varint()?)?, reader.varint_u32()?));
            }
            check_distinct(deps)?;
            part.push_stamp(part.end(), 0, deps.iter().copied());
        }
        let op = read_op(reader, tag, part.end(), part.author, name)?;
        // Joining would lose where each text starts, which is only known once all are read.
        part.ops.push(op);
        if tag & LAST != 0 {
            return Ok(());
        }
    }
}

/// Refuses causes of which two are one author's: the later one says it all.
fn check_distinct(deps: &[(u32, u32)]) -> Result<(), Malformed> {
    // Most name one: those need no list.
    match 1 < deps.len() && has_twice(deps.iter().map(|&(author, _)| author).collect()) {
        true => Err(Malformed("an operation names a cause twice")),
        false => Ok(()),
    }
}

/// Returns whether two of a list are the same. O(n log n).
pub(super) fn has_twice<T: Ord>(mut list: Vec<T>) -> bool {
    list.sort_unstable();
    list.windows(2).any(|pair| pair[0] == pair[1])
}

fn read_op(
    reader: &mut Reader<'_>,
    tag: u8,
    seq: u32,
    author: u32,
    name: &mut dyn FnMut(u64) -> Result<u32, Malformed>,
) -> Result<OpRun, Malformed> {
    let len = if tag & SINGLE != 0 { 1 } else { reader.varint_u32()? };
    let end = seq.checked_add(len).filter(|&end| end < u32::MAX);
    if len == 0 || end.is_none() || 1 << 31 <= len {
        return Err(Malformed("a number of operations is impossible"));
    }
    let kind = match tag & KIND_MASK {
        KIND_INSERT | KIND_INSERT_AT_START => Kind::Insert,
        KIND_DELETE_FORWARD => Kind::DeleteForward,
        _ => Kind::DeleteBackward,
    };
    let at_start = tag & KIND_MASK == KIND_INSERT_AT_START;
    let (replica, target) = match (at_start, tag & TYPING_ON != 0, tag & OWN != 0) {
        (true, false, false) => (ROOT, 0),
        (false, true, false) if kind == Kind::Insert => (author, seq.checked_sub(1).ok_or(BAD_REFERENCE)?),
        (false, false, true) => {
            let back = reader.varint_u32()?;
            (author, seq.checked_sub(back).filter(|_| 0 < back).ok_or(BAD_REFERENCE)?)
        }
        (false, false, false) => (name(reader.varint()?)?, reader.varint_u32()?),
        _ => return Err(Malformed("an operation contradicts itself")),
    };
    let in_range = match kind {
        Kind::Insert => true,
        Kind::DeleteForward => target.checked_add(len).is_some(),
        Kind::DeleteBackward => len - 1 <= target,
    };
    if !in_range || target == u32::MAX || 0x80 <= tag {
        return Err(BAD_REFERENCE);
    }
    Ok(OpRun { seq, len, kind, replica, target, text: 0 })
}

const BAD_REFERENCE: Malformed = Malformed("an operation refers to nothing that can exist");

/// Gives each insert its piece of the text, which follows the operations as a whole.
fn share_out(text: &str, parts: &mut [Columns]) -> Result<(), Malformed> {
    let mut rest = text;
    for part in parts {
        for op in &mut part.ops {
            op.text = part.text.len() as u32;
            if op.kind != Kind::Insert {
                continue;
            }
            let n = super::columns::byte_of_char(rest, op.len as usize);
            let piece =
                rest.get(..n).filter(|_| has_chars(rest, n, op.len)).ok_or(Malformed("text is missing"))?;
            part.text.push_str(piece);
            rest = &rest[n..];
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(Malformed("text is left over")) }
}

/// Returns whether the first `n_bytes` of `text` are `n_chars` characters.
fn has_chars(text: &str, n_bytes: usize, n_chars: u32) -> bool {
    n_bytes < text.len() || text[..n_bytes].chars().count() == n_chars as usize
}
