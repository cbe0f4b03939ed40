//! The characters in document order: the sequence, the visible text, and what each insert referred to.

use super::Authors;
use super::fragments::{Fragment, Fragments};
use super::ops::{Next, Ops};
use super::text::Text;
use crate::base::bytes::Malformed;
use crate::crdt::rga::{Leaves, Run, Span};
use crate::document::history::{BEGINS, DEAD, ENDS};
use crate::document::text::TextBuilder;

/// Fragments whose operations are looked up together. They lie anywhere in memory, which then fetches several at once.
const FETCHED: usize = 32;

/// What comes of walking the fragments in document order.
pub(super) struct Placed {
    pub leaves: Leaves,
    pub text: TextBuilder,
}

/// Places all characters, and notes in `ops` what each insert refers to and what each deletion deletes.
pub(super) fn place(
    fragments: Fragments<'_>,
    ops: &mut Ops,
    authors: &Authors,
    text: &Text<'_>,
) -> Result<Placed, Malformed> {
    let room = if text.large.is_empty() { text.all.len() / 2 } else { 0 };
    let mut placed =
        Placed { leaves: Leaves::with_room(fragments.list.len()), text: TextBuilder::with_room(room) };
    // Operations are nested like brackets: of those that have begun and not ended the innermost goes on.
    let mut open = Vec::new();
    let mut left = Left::default();
    for (tags, list) in fragments.tags.chunks(FETCHED).zip(fragments.list.chunks(FETCHED)) {
        let mut firsts = [Next::default(); FETCHED];
        firsts.iter_mut().zip(list).for_each(|(first, fragment)| *first = ops.first(fragment.op));
        for ((&tag, fragment), &first) in tags.iter().zip(list).zip(&firsts) {
            if tag & BEGINS != 0 {
                open.push(first);
            }
            let next = open.last_mut().expect("what goes on has begun");
            let reference = left.reference(next, authors)?;
            if tag & BEGINS != 0 {
                if let Some((author, seq)) = reference {
                    ops.refer(fragment.op, authors.local[author as usize], seq);
                }
            } else if reference != Some((next.author, next.seq - 1)) {
                return Err(Malformed("text goes on where something else stands"));
            }
            left.push(next, fragment.len);
            placed.push(tag, fragment, next, ops, authors, text);
            if tag & ENDS != 0 {
                open.pop();
            }
        }
    }
    Ok(placed)
}

impl Placed {
    /// Appends a fragment, which begins with the character `next`, and moves that behind it.
    #[inline]
    fn push(
        &mut self,
        tag: u8,
        fragment: &Fragment,
        next: &mut Next,
        ops: &mut Ops,
        authors: &Authors,
        text: &Text<'_>,
    ) {
        let Next { seq, lamport, text: from, .. } = *next;
        let len = fragment.len;
        let replica = authors.local[next.author as usize];
        let large = text.large(fragment.op).map(|rope| {
            let offset = (seq - ops.first(fragment.op).seq) as usize;
            rope.slice(offset..offset + len as usize)
        });
        let n_bytes = large.map_or_else(|| text.n_bytes(from, len), |part| part.len_bytes() as u32);
        *next = Next { seq: seq + len, lamport: lamport + len, text: from + n_bytes, ..*next };
        let run = Run::new(replica, seq, lamport, len);
        if tag & DEAD != 0 {
            ops.note_deleted(fragment.killer, Span { replica, seq, len });
            return self.leaves.push(run.dead());
        }
        match large {
            None => self.text.push(&text.all[from as usize..next.text as usize]),
            Some(part) => self.text.push_part(part),
        }
        self.leaves.push(run);
    }
}

/// What stands left of a place and can be referred to there: by ascending (timestamp, replica).
#[derive(Default)]
struct Left {
    list: Vec<Stretch>,
}

struct Stretch {
    author: u32,
    seq: u32,
    lamport: u32,
    len: u32,
}

impl Left {
    fn push(&mut self, next: &Next, len: u32) {
        match self.list.last_mut() {
            // What goes on is referred to like what it goes on with.
            Some(last)
                if last.author == next.author
                    && last.lamport + last.len == next.lamport
                    && last.seq + last.len == next.seq =>
            {
                last.len += len
            }
            _ => self.list.push(Stretch { author: next.author, seq: next.seq, lamport: next.lamport, len }),
        }
    }

    /// Returns the nearest character on the left with a smaller (timestamp, replica): author and seq. What is greater is
    /// forgotten, as it is behind the new one for all that follows. O(1) amortised.
    fn reference(&mut self, next: &Next, authors: &Authors) -> Result<Option<(u32, u32)>, Malformed> {
        let Next { author, lamport, .. } = *next;
        while let Some(last) = self.list.last_mut() {
            // Whose id is smaller counts only where timestamps are equal, which those of one author never are.
            let is_first =
                last.author != author && authors.ids[last.author as usize] < authors.ids[author as usize];
            if last.lamport < lamport || (last.lamport == lamport && is_first) {
                let n_smaller = lamport - last.lamport + u32::from(is_first);
                last.len = last.len.min(n_smaller);
                if lamport <= last.lamport + (last.len - 1) {
                    return Err(Malformed("an operation does not name its reference among its causes"));
                }
                return Ok(Some((last.author, last.seq + last.len - 1)));
            }
            self.list.pop();
        }
        Ok(None)
    }
}
