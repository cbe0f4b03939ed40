//! Searching a rope for a text as it is, byte by byte.

use std::ops::Range;

use memchr::memmem::Finder;
use ropey::Rope;
use ropey::iter::Chunks;

/// Letters and blanks from the most to the least frequent in prose and source text. What is not here is rarer still.
const FREQUENT: &[u8] = b" etaoinsrhldcumfpgwybv\n_;,.()k=xj-qz0\t\"1{}/";

/// A needle of bytes, of which at most the ASCII letters fold.
#[derive(Clone, Debug)]
pub(super) struct Bytes {
    needle: Vec<u8>,
    n_chars: usize,
    how: How,
}

#[derive(Clone, Debug)]
enum How {
    /// Every byte counts.
    Exact(Box<Finder<'static>>),
    /// ASCII letters stand for both cases. The bytes are compared where this one of them is, the rarest.
    Folded(usize),
}

impl Bytes {
    /// Prepares a needle; `None` if letters beyond ASCII would have to fold.
    pub fn new(needle: &str, folds: bool) -> Option<Bytes> {
        let has_case = |c: char| !c.to_lowercase().eq([c]) || !c.to_uppercase().eq([c]);
        if folds && needle.chars().any(|c| !c.is_ascii() && has_case(c)) {
            return None;
        }
        let bytes = needle.as_bytes();
        let rank = |byte: u8| {
            FREQUENT.iter().position(|&other| other == byte.to_ascii_lowercase()).unwrap_or(FREQUENT.len())
        };
        let how = match folds && bytes.iter().any(u8::is_ascii_alphabetic) {
            true => How::Folded((0..bytes.len()).max_by_key(|&i| rank(bytes[i])).unwrap_or(0)),
            false => How::Exact(Box::new(Finder::new(bytes).into_owned())),
        };
        Some(Bytes { needle: bytes.to_vec(), n_chars: needle.chars().count(), how })
    }

    /// Returns the matches in `range` of the rope, in characters, in order and without overlap.
    pub fn matches<'a>(
        &'a self,
        rope: &'a Rope,
        range: Range<usize>,
    ) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut found = Found::new(self, rope, rope.char_to_byte(range.start)..rope.char_to_byte(range.end));
        std::iter::from_fn(move || {
            let first = rope.byte_to_char(found.next_start()?);
            Some(first..first + self.n_chars)
        })
    }

    /// Returns where the first match in some bytes starts.
    fn find(&self, bytes: &[u8]) -> Option<usize> {
        let rare = match &self.how {
            How::Exact(finder) => return finder.find(bytes),
            How::Folded(rare) => *rare,
        };
        let byte = self.needle[rare];
        let mut at = rare;
        while at < bytes.len() {
            at += memchr::memchr2(byte, byte.to_ascii_uppercase(), &bytes[at..])?;
            let start = at - rare;
            // What reaches beyond these bytes is not in them, and neither is what comes after it.
            if bytes.get(start..start + self.needle.len())?.eq_ignore_ascii_case(&self.needle) {
                return Some(start);
            }
            at += 1;
        }
        None
    }
}

/// The matches of bytes in a rope, chunk by chunk.
struct Found<'a> {
    bytes: &'a Bytes,
    chunks: Chunks<'a>,
    chunk: &'a [u8],
    /// Where the chunk starts.
    chunk_start: usize,
    /// Where the next match may start at the earliest.
    at: usize,
    /// Where all matches have ended.
    end: usize,
    /// What is before the chunk, one byte less than a match has, and then what the chunk begins with.
    seam: Vec<u8>,
}

impl<'a> Found<'a> {
    fn new(bytes: &'a Bytes, rope: &'a Rope, range: Range<usize>) -> Found<'a> {
        let (mut chunks, chunk_start, ..) = rope.chunks_at_byte(range.start);
        let chunk = chunks.next().unwrap_or_default().as_bytes();
        Found { bytes, chunks, chunk, chunk_start, at: range.start, end: range.end, seam: Vec::new() }
    }

    fn next_start(&mut self) -> Option<usize> {
        let n = self.bytes.needle.len();
        while self.at + n <= self.end {
            let from = self.at.saturating_sub(self.chunk_start);
            let found = self.chunk.get(from..).and_then(|bytes| self.bytes.find(bytes));
            let start = match found {
                Some(found) => Some(self.chunk_start + from + found),
                None => self.step()?,
            };
            if let Some(start) = start {
                self.at = start + n;
                return Some(start).filter(|_| self.at <= self.end);
            }
        }
        None
    }

    /// Goes on to the next chunk. Returns where a match starts that reaches into it, `None` outside at the end.
    fn step(&mut self) -> Option<Option<usize>> {
        let n_before = self.bytes.needle.len() - 1;
        match self.chunk.len().checked_sub(n_before) {
            Some(cut) => {
                self.seam.clear();
                self.seam.extend_from_slice(&self.chunk[cut..]);
            }
            None => {
                self.seam.extend_from_slice(self.chunk);
                self.seam.drain(..self.seam.len().saturating_sub(n_before));
            }
        }
        self.chunk_start += self.chunk.len();
        self.chunk = self.chunks.next()?.as_bytes();
        self.at = self.at.max(self.chunk_start - self.seam.len());
        let (n_kept, start) = (self.seam.len(), self.chunk_start - self.seam.len());
        self.seam.extend_from_slice(&self.chunk[..n_before.min(self.chunk.len())]);
        let from = self.at - start;
        let found = self.seam.get(from..).and_then(|bytes| self.bytes.find(bytes));
        self.seam.truncate(n_kept);
        Some(found.map(|found| start + from + found))
    }
}
