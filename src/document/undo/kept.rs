//! Undo as bytes, so that it outlives the program. The edits themselves are in the log; what is kept is which of them
//! are groups, and what stands for characters that were inserted again.
//!
//! A piece says how many of the groups before it still hold and which come after them, so that a key costs some twenty
//! bytes. The pieces of a document, in order, are its history of undo.

use std::ops::Range;

use super::{Group, Groups, UndoStack};
use crate::base::bytes::{Malformed, Reader, put_varint};
use crate::base::limits::{DOCUMENT_REPLICAS_MAX, UNDO_GROUPS_MAX, UNDO_REVIVALS_MAX};
use crate::crdt::ReplicaId;
use crate::crdt::rga::Span;
use crate::document::Document;

/// The version of the format: the first byte of a piece.
const VERSION: u8 = 1;
/// The same with what was rewritten before anybody had seen it in front; only of a piece that stands for all.
const VERSION_REWRITTEN: u8 = 2;

impl Document {
    /// Returns what of undo changed since this or `whole_undo` was last called, as a piece to be kept behind the
    /// earlier ones; empty if nothing did.
    pub fn undo_news(&mut self) -> Vec<u8> {
        let UndoStack { undo, redo, newly_revived, .. } = &self.undo;
        let is_same = |groups: &Groups| groups.n_kept == groups.groups.len();
        // A group that is gone, with nothing in its place, is news as well: the other stack has what was made of it.
        match is_same(undo) && is_same(redo) && newly_revived.is_empty() {
            true => Vec::new(),
            false => self.undo_piece(false),
        }
    }

    /// Returns undo as one piece that stands for all earlier ones. The oldest groups of very many are forgotten.
    pub fn whole_undo(&mut self) -> Vec<u8> {
        // Without them nothing that was brought back could be taken away again.
        if UNDO_REVIVALS_MAX < self.undo.revived.len() {
            self.clear_undo();
        }
        self.undo.undo.forget_oldest();
        self.undo.redo.forget_oldest();
        self.undo.newly_revived = self.undo.revived.keys().copied().collect();
        self.undo_piece(true)
    }

    /// Takes up the undo of earlier runs, whose replicas were this user's. What cannot be read is left out.
    pub fn restore_undo<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>) {
        self.clear_undo();
        for piece in pieces {
            // Undo is worth less than the text: with a damaged piece it begins anew behind it.
            if !piece.is_empty() && self.read_undo_piece(piece).is_err() {
                self.clear_undo();
            }
        }
        self.undo.undo.note_kept();
        self.undo.redo.note_kept();
        self.undo.newly_revived.clear();
        self.undo.closed = true;
    }

    fn undo_piece(&mut self, is_whole: bool) -> Vec<u8> {
        let (mut names, mut body) = (Vec::new(), Vec::new());
        let version = if is_whole && self.has_archives() { VERSION_REWRITTEN } else { VERSION };
        if version == VERSION_REWRITTEN {
            self.put_archives(&mut body, &mut |replica| name_of(&mut names, replica));
        }
        let UndoStack { undo, redo, revived, newly_revived, .. } = &mut self.undo;
        let revived: Vec<(Span, Span)> = std::mem::take(newly_revived)
            .into_iter()
            .filter_map(|(replica, seq)| {
                revived.get(&(replica, seq)).map(|&to| (Span { replica, seq, len: to.len }, to))
            })
            .collect();
        for groups in [undo, redo] {
            put_varint(&mut body, groups.n_kept as u64);
            put_varint(&mut body, (groups.groups.len() - groups.n_kept) as u64);
            for Group { replica, seqs } in &groups.groups[groups.n_kept..] {
                put_start(&mut body, &mut names, *replica, seqs.start);
                put_varint(&mut body, u64::from(seqs.end - seqs.start));
            }
            groups.note_kept();
        }
        put_varint(&mut body, revived.len() as u64);
        for (from, to) in revived {
            put_start(&mut body, &mut names, from.replica, from.seq);
            put_start(&mut body, &mut names, to.replica, to.seq);
            put_varint(&mut body, u64::from(to.len));
        }
        let mut out = vec![version];
        put_varint(&mut out, names.len() as u64);
        for name in names {
            out.extend_from_slice(&self.ids[name as usize].get().to_le_bytes());
        }
        out.extend_from_slice(&body);
        out
    }

    fn read_undo_piece(&mut self, piece: &[u8]) -> Result<(), Malformed> {
        let mut reader = Reader::new(piece);
        let version = reader.byte()?;
        if ![VERSION, VERSION_REWRITTEN].contains(&version) {
            return Err(Malformed("undo of another format"));
        }
        let n_names = reader.varint()?;
        if DOCUMENT_REPLICAS_MAX as u64 <= n_names {
            return Err(Malformed("undo of too many replicas"));
        }
        let mut names = Vec::new();
        for _ in 0..n_names {
            let id = ReplicaId::new(reader.u64()?);
            names.push(match version {
                // Of one whose operations were all rewritten nothing else is known.
                VERSION_REWRITTEN => self.intern(id),
                _ => *self.by_id.get(&id).ok_or(Malformed("undo of an unknown replica"))?,
            });
        }
        if version == VERSION_REWRITTEN {
            self.read_archives(&mut reader, &names)?;
        }
        let undo = self.read_groups(&mut reader, &names)?;
        let redo = self.read_groups(&mut reader, &names)?;
        self.undo.undo.go_on(undo)?;
        self.undo.redo.go_on(redo)?;
        for _ in 0..reader.varint()? {
            let (from, to) = (read_start(&mut reader, &names)?, read_start(&mut reader, &names)?);
            let len = reader.varint_u32()?;
            let seqs = |(replica, seq)| self.applied_seqs(replica, seq, len);
            let (from_seqs, to_seqs) = (seqs(from)?, seqs(to)?);
            let lamport =
                |(replica, _): (u32, u32), seqs: &Range<u32>| self.logs[replica as usize].lamport(seqs.start);
            // What stands for something came later, but for what was rewritten.
            let is_rewritten = self.is_archived(from.0, &from_seqs) || self.is_archived(to.0, &to_seqs);
            if !is_rewritten && lamport(to, &to_seqs) <= lamport(from, &from_seqs) {
                return Err(Malformed("a character is its own ancestor"));
            }
            let (from, to) =
                (Span { replica: from.0, seq: from.1, len }, Span { replica: to.0, seq: to.1, len });
            self.undo.note_revival(from, to);
        }
        match reader.rest().is_empty() {
            true => Ok(()),
            false => Err(Malformed("bytes are left over")),
        }
    }

    fn read_groups(&self, reader: &mut Reader<'_>, names: &[u32]) -> Result<(usize, Vec<Group>), Malformed> {
        let (n_kept, n_groups) = (reader.varint_u32()?, reader.varint()?);
        let mut groups = Vec::new();
        for _ in 0..n_groups {
            let (replica, start) = read_start(reader, names)?;
            let seqs = self.applied_seqs(replica, start, reader.varint_u32()?)?;
            groups.push(Group { replica, seqs });
        }
        Ok((n_kept as usize, groups))
    }

    /// Returns the range if all of it is in the text's history, or was before that was rewritten.
    fn applied_seqs(&self, replica: u32, start: u32, len: u32) -> Result<Range<u32>, Malformed> {
        let known = self.applied[replica as usize].max(self.archived_end(replica));
        let end = start.checked_add(len).filter(|&end| start < end && end <= known);
        end.map(|end| start..end).ok_or(Malformed("undo of what was never done"))
    }
}

impl Groups {
    fn note_kept(&mut self) {
        self.n_kept = self.groups.len();
    }

    fn forget_oldest(&mut self) {
        let n_forgotten = self.groups.len().saturating_sub(UNDO_GROUPS_MAX);
        self.groups.drain(..n_forgotten);
        self.n_kept = 0;
    }

    fn go_on(&mut self, (n_kept, more): (usize, Vec<Group>)) -> Result<(), Malformed> {
        if self.groups.len() < n_kept {
            return Err(Malformed("undo goes on from what is not there"));
        }
        self.groups.truncate(n_kept);
        self.groups.extend(more);
        Ok(())
    }
}

/// Returns an author's number among `names`.
fn name_of(names: &mut Vec<u32>, replica: u32) -> u64 {
    let at = names.iter().position(|&name| name == replica).unwrap_or_else(|| {
        names.push(replica);
        names.len() - 1
    });
    at as u64
}

/// Writes an author, as its number among `names`, and a seq.
fn put_start(out: &mut Vec<u8>, names: &mut Vec<u32>, replica: u32, seq: u32) {
    put_varint(out, name_of(names, replica));
    put_varint(out, u64::from(seq));
}

fn read_start(reader: &mut Reader<'_>, names: &[u32]) -> Result<(u32, u32), Malformed> {
    let at = reader.varint_u32()? as usize;
    Ok((*names.get(at).ok_or(Malformed("undo of an unknown replica"))?, reader.varint_u32()?))
}
