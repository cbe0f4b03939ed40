//! The characters in document order: the sequence, the visible text, and what each insert referred to.

use super::text::Text;
use super::{Authors, Fragment, Killed, NONE, Op, Target, What};
use crate::base::bytes::Malformed;
use crate::crdt::rga::Run;
use crate::document::text::TextBuilder;

/// What comes of walking the fragments in document order.
#[derive(Default)]
pub(super) struct Placed {
    pub runs: Vec<Run>,
    pub text: TextBuilder,
    pub killed: Killed,
}

pub(super) fn place(
    fragments: &[Fragment],
    ops: &mut [Op],
    authors: &Authors,
    text: &Text<'_>,
) -> Result<Placed, Malformed> {
    let mut placed = Placed {
        runs: Vec::with_capacity(fragments.len()),
        text: TextBuilder::with_room(if text.large.is_empty() { text.all.len() / 2 } else { 0 }),
        ..Placed::default()
    };
    let mut left = Left::default();
    for fragment in fragments {
        let op = &mut ops[fragment.op as usize];
        let (author, offset) = (op.author, op.n_placed);
        let (seq, lamport) = (op.seq + offset, op.lamport + offset);
        let reference = left.reference(lamport, author, authors)?;
        if offset == 0 {
            op.what = What::Insert { reference };
        } else if reference != Some((author, seq - 1)) {
            return Err(Malformed("text goes on where something else stands"));
        }
        left.push(Stretch { author, seq, lamport, len: fragment.len });
        let from = op.text;
        op.n_placed += fragment.len;
        let large = text.large(fragment.op).map(|rope| rope.slice(offset as usize..op.n_placed as usize));
        op.text += large.map_or_else(|| text.n_bytes(from, fragment.len), |part| part.len_bytes() as u32);
        let mut run = Run::new(authors.local[author as usize], seq, lamport, fragment.len);
        if fragment.killer == NONE {
            match large {
                None => placed.text.push(&text.all[from as usize..op.text as usize]),
                Some(part) => placed.text.push_part(part),
            }
        } else {
            run = run.dead();
            placed.killed.note(fragment.killer, Target { author, seq, len: fragment.len }, ops);
        }
        match placed.runs.last_mut() {
            Some(last) if last.continues_with(&run) => last.grow(run.len()),
            _ => placed.runs.push(run),
        }
    }
    Ok(placed)
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
    fn push(&mut self, stretch: Stretch) {
        match self.list.last_mut() {
            // What goes on is referred to like what it goes on with.
            Some(last)
                if last.author == stretch.author
                    && last.lamport + last.len == stretch.lamport
                    && last.seq + last.len == stretch.seq =>
            {
                last.len += stretch.len
            }
            _ => self.list.push(stretch),
        }
    }

    /// Returns the nearest character on the left with a smaller (timestamp, replica): author and seq. What is greater is
    /// forgotten, as it is behind the new one for all that follows. O(1) amortised.
    fn reference(
        &mut self,
        lamport: u32,
        author: u32,
        authors: &Authors,
    ) -> Result<Option<(u32, u32)>, Malformed> {
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
