//! The inserted text of all operations, as it stands in the bytes.

use std::ops::Range;

use ropey::Rope;

use super::IMPOSSIBLE;
use crate::base::bytes::{Malformed, Reader};
use crate::document::columns::{LARGE_BYTES, byte_of_char};

/// The inserted text of all operations.
pub(super) struct Text<'a> {
    pub all: &'a str,
    /// Whether each `BLOCK_BYTES` of it have other than ASCII characters, which are to be counted; empty if none have.
    mixed: Vec<bool>,
    /// The texts of large inserts, by the operation's number.
    pub large: Vec<(u32, Rope)>,
    /// Bytes and characters that no operation has taken yet.
    n_left: (u32, u64),
}

const BLOCK_BYTES: usize = 64;

impl<'a> Text<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Text<'a>, Malformed> {
        let all = std::str::from_utf8(reader.block()?).map_err(|_| Malformed("the text is not UTF-8"))?;
        let blocks = all.as_bytes().chunks(BLOCK_BYTES).map(|block| !block.is_ascii());
        let mixed = if all.is_ascii() { Vec::new() } else { blocks.collect() };
        let n_bytes = u32::try_from(all.len()).map_err(|_| IMPOSSIBLE)?;
        Ok(Text { all, mixed, large: Vec::new(), n_left: (n_bytes, all.chars().count() as u64) })
    }

    /// Returns the text of an operation, if it is a large insert.
    #[inline]
    pub(super) fn large(&self, op: u32) -> Option<&Rope> {
        if self.large.is_empty() {
            return None;
        }
        self.large.binary_search_by_key(&op, |&(op, _)| op).ok().map(|at| &self.large[at].1)
    }

    /// Returns the large inserts among operations that stand side by side.
    pub(super) fn large_in(&self, stretch: &Range<usize>) -> &[(u32, Rope)] {
        let n_before = |at: usize| self.large.partition_point(|&(op, _)| (op as usize) < at);
        match self.large.is_empty() {
            true => &[],
            false => &self.large[n_before(stretch.start)..n_before(stretch.end)],
        }
    }

    /// Returns how many bytes the `n` characters from byte `from` on take; `n` is at least 1.
    pub(super) fn n_bytes(&self, from: u32, n: u32) -> u32 {
        if self.mixed.is_empty() {
            return n;
        }
        let (start, end) = (from as usize, from as usize + n as usize);
        match self.mixed.get(start / BLOCK_BYTES..=(end - 1) / BLOCK_BYTES) {
            Some(blocks) if !blocks.contains(&true) => n,
            _ => byte_of_char(&self.all[start..], n as usize) as u32,
        }
    }

    /// Gives the operation `op` the next `n` characters, and returns where they start.
    pub(super) fn take(&mut self, op: u32, n: u32) -> Result<u32, Malformed> {
        let start = self.taken();
        self.n_left.1 = self.n_left.1.checked_sub(u64::from(n)).ok_or(Malformed("text is missing"))?;
        let n_bytes = self.n_bytes(start, n);
        if LARGE_BYTES <= n_bytes as usize {
            self.large.push((op, Rope::from_str(&self.all[start as usize..][..n_bytes as usize])));
        }
        self.n_left.0 -= n_bytes;
        Ok(start)
    }

    /// Returns how many bytes operations have taken.
    pub(super) fn taken(&self) -> u32 {
        self.all.len() as u32 - self.n_left.0
    }

    /// Makes sure that nothing is left.
    pub(super) fn finish(&self) -> Result<(), Malformed> {
        if self.n_left.0 == 0 { Ok(()) } else { Err(Malformed("text is left over")) }
    }
}
