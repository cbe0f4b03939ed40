//! A whole history as bytes: the text's characters in document order, each with who typed it and who deleted it.
//!
//! Nothing is written twice. What an insert referred to is not written at all: among the characters on its left it is the
//! nearest with a smaller (timestamp, replica), because everything that came between since then is greater. Timestamps
//! follow from the causes. So reading replays nothing, and an order that contradicts its history cannot be written down.
//! `docs/FORMAT.md` has the layout byte by byte.

mod numbers;
mod read;
mod write;

pub(super) use read::{History, read};
pub(super) use write::{Written, write};

/// The version of the format: the first byte of a batch that holds a whole history.
pub(super) const VERSION: u8 = 2;

/// Set in a tag when the fragment begins an operation; else it goes on with the innermost one that is open.
const BEGINS: u8 = 1;
/// Set when the fragment's characters are deleted.
const DEAD: u8 = 1 << 1;
/// Set when the operation ends with the fragment.
const ENDS: u8 = 1 << 2;
/// The length's place in a tag. The highest value says that more follows in the column of lengths.
const LEN_SHIFT: u32 = 3;
const LEN_LONG: u32 = 31;

/// Foretells which operation is named next, so that mostly a small difference is written. People go on where they were,
/// and write over what they deleted just before.
#[derive(Default)]
struct Forecast {
    /// The operation named last.
    last: i64,
    /// Operations that are open, and what began last right after their latest fragment.
    open: Vec<(u32, Option<u32>)>,
}

impl Forecast {
    /// Returns the number that the next beginning operation's is written as a difference to.
    fn next_begin(&self) -> i64 {
        // After a stretch comes its correction, and then, two on, what was typed instead.
        self.last + 2
    }

    fn begin(&mut self, op: u32) {
        if let Some(parent) = self.open.last_mut() {
            parent.1 = Some(op);
        }
        self.open.push((op, None));
        self.last = i64::from(op);
    }

    /// Goes on with the innermost open operation, and returns it.
    fn go_on(&mut self) -> Option<u32> {
        let &(op, _) = self.open.last()?;
        self.last = i64::from(op);
        Some(op)
    }

    /// Returns what the deleting operation of the fragment's characters is written as a difference to.
    fn next_killer(&self) -> i64 {
        match self.open.last() {
            Some(&(_, Some(child))) => i64::from(child) - 1,
            _ => self.last + 1,
        }
    }

    fn kill(&mut self, op: u32) {
        self.last = i64::from(op);
    }

    fn end_fragment(&mut self, ends: bool) {
        if ends {
            self.open.pop();
        } else if let Some(top) = self.open.last_mut() {
            top.1 = None;
        }
    }
}

#[cfg(test)]
mod tests;
