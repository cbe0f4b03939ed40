//! The rope behind a write buffer.

use std::cell::OnceCell;

use ropey::{Rope, RopeSlice};

/// Bytes of buffered text past which an edit in its middle goes to the rope first.
const BUFFER_MIDDLE_BYTES_MAX: usize = 4 << 10;

/// Bytes of buffered text past which nothing is joined to it: joining costs more than it saves.
const BUFFER_INSERT_BYTES_MAX: usize = 16 * BUFFER_MIDDLE_BYTES_MAX;

/// Bytes of room that a growing text gets at least.
const ROOM_BYTES_MIN: usize = 64;

/// The text. Neighbouring edits are joined before they reach the rope; readers always see them.
#[derive(Default)]
pub(super) struct TextBuffer {
    rope: Rope,
    pending: Pending,
    /// The rope with the pending edit, made when somebody reads before the next edit.
    fresh: OnceCell<Rope>,
}

/// Bytes from which on a part of a large text is shared: to cut leaves costs more than to copy a few.
const SHARED_BYTES_MIN: usize = 4 << 10;

/// A text that is put together once, piece by piece. Large pieces share their leaves.
#[derive(Default)]
pub(super) struct TextBuilder {
    rope: Rope,
    /// What comes after the rope.
    end: String,
}

impl TextBuilder {
    pub(super) fn with_room(n_bytes: usize) -> TextBuilder {
        TextBuilder { rope: Rope::new(), end: String::with_capacity(n_bytes) }
    }

    #[inline]
    pub(super) fn push(&mut self, text: &str) {
        push_short(&mut self.end, text);
    }

    /// Appends a part of a large text: its leaves, unless they are few.
    pub(super) fn push_part(&mut self, part: RopeSlice<'_>) {
        if part.len_bytes() < SHARED_BYTES_MIN {
            return self.end.extend(part.chunks());
        }
        self.flush();
        self.rope.append(part.into());
    }

    pub(super) fn finish(mut self) -> Rope {
        self.flush();
        self.rope
    }

    fn flush(&mut self) {
        if !self.end.is_empty() {
            self.rope.append(Rope::from_str(&self.end));
            self.end.clear();
        }
    }
}

/// A stretch of the rope to be replaced; nothing if it deletes nothing and has no text.
#[derive(Default)]
struct Pending {
    at: usize,
    n_deleted: usize,
    text: String,
    n_chars: usize,
}

impl TextBuffer {
    pub(super) fn from_rope(rope: Rope) -> TextBuffer {
        TextBuffer { rope, ..TextBuffer::default() }
    }

    pub(super) fn rope(&self) -> &Rope {
        if self.pending.is_empty() {
            return &self.rope;
        }
        self.fresh.get_or_init(|| {
            let mut rope = self.rope.clone();
            self.pending.write_to(&mut rope);
            rope
        })
    }

    pub(super) fn insert(&mut self, at: usize, text: &str, n_chars: usize) {
        self.take_fresh();
        let pending = &mut self.pending;
        if at == pending.at + pending.n_chars && text.len() <= BUFFER_INSERT_BYTES_MAX {
            push_short(&mut pending.text, text);
            pending.n_chars += n_chars;
            return;
        }
        let is_inside = pending.at <= at && at < pending.at + pending.n_chars;
        if is_inside && pending.text.len() + text.len() < BUFFER_MIDDLE_BYTES_MAX {
            pending.insert(at, text, n_chars);
            return;
        }
        self.flush();
        if BUFFER_INSERT_BYTES_MAX < text.len() {
            self.rope.insert(at, text);
        } else {
            self.pending.begin(at, text, n_chars);
        }
    }

    /// Inserts a large text, whose leaves it shares. O(log n).
    pub(super) fn insert_rope(&mut self, at: usize, text: Rope) {
        self.flush();
        let right = self.rope.split_off(at);
        self.rope.append(text);
        self.rope.append(right);
    }

    pub(super) fn delete(&mut self, at: usize, n: usize) {
        self.take_fresh();
        let p = &self.pending;
        let touches = at <= p.at + p.n_chars && p.at <= at + n && p.text.len() < BUFFER_INSERT_BYTES_MAX;
        if !touches {
            self.flush();
            self.pending.begin(at, "", 0);
        }
        self.pending.delete(at, n);
    }

    /// Makes the copy that a reader needed the rope itself.
    fn take_fresh(&mut self) {
        if self.fresh.get().is_some()
            && let Some(fresh) = self.fresh.take()
        {
            self.rope = fresh;
            self.pending.clear();
        }
    }

    /// Brings the rope up to date, so that reading costs nothing.
    pub(super) fn flush(&mut self) {
        self.take_fresh();
        if !self.pending.is_empty() {
            self.pending.write_to(&mut self.rope);
            self.pending.clear();
        }
    }
}

/// Appends a text that is mostly one character. Room grows by an eighth: doubled, that of a large document would be
/// paid for and mostly never used.
#[inline]
pub(super) fn push_short(to: &mut String, text: &str) {
    if to.capacity() - to.len() < text.len() {
        make_room(to, text.len());
    }
    match text.as_bytes() {
        &[byte] => to.push(char::from(byte)),
        _ => to.push_str(text),
    }
}

#[cold]
fn make_room(text: &mut String, n_bytes: usize) {
    text.reserve_exact(n_bytes.max(text.len() / 8).max(ROOM_BYTES_MIN));
}

/// Counts the characters of a text that is mostly one.
#[inline]
pub(super) fn count_chars(text: &str) -> usize {
    if text.len() <= 1 { text.len() } else { text.chars().count() }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.n_deleted == 0 && self.text.is_empty()
    }

    /// Forgets the edit, and keeps a little room for the next.
    fn clear(&mut self) {
        self.begin(0, "", 0);
        self.text.shrink_to(BUFFER_MIDDLE_BYTES_MAX);
    }

    fn begin(&mut self, at: usize, text: &str, n_chars: usize) {
        (self.at, self.n_deleted, self.n_chars) = (at, 0, n_chars);
        self.text.clear();
        push_short(&mut self.text, text);
    }

    fn write_to(&self, rope: &mut Rope) {
        if 0 < self.n_deleted {
            rope.remove(self.at..self.at + self.n_deleted);
        }
        if !self.text.is_empty() {
            rope.insert(self.at, &self.text);
        }
    }

    fn byte_of(&self, at: usize) -> usize {
        let n = at - self.at;
        if n == self.n_chars || self.text.len() == self.n_chars {
            return if n == self.n_chars { self.text.len() } else { n };
        }
        self.text.char_indices().nth(n).map_or(self.text.len(), |(byte, _)| byte)
    }

    fn insert(&mut self, at: usize, text: &str, n_chars: usize) {
        let byte = self.byte_of(at);
        self.text.insert_str(byte, text);
        self.n_chars += n_chars;
    }

    fn delete(&mut self, at: usize, n: usize) {
        let end = at + n;
        let own_end = self.at + self.n_chars;
        let (own_from, own_to) = (at.max(self.at), end.min(own_end));
        if own_from < own_to {
            let bytes = self.byte_of(own_from)..self.byte_of(own_to);
            self.text.replace_range(bytes, "");
            self.n_chars -= own_to - own_from;
        }
        self.n_deleted += end.saturating_sub(own_end.max(at)) + self.at.saturating_sub(at);
        self.at = self.at.min(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    #[test]
    fn random_edits_agree_with_a_bare_rope() {
        for seed in 0..200 {
            let mut rng = Rng::new(seed);
            let mut buffer = TextBuffer::default();
            let mut plain = Rope::new();
            let mut at = 0;
            for _ in 0..200 {
                if rng.below(4) == 0 {
                    at = rng.below(plain.len_chars() as u64 + 1) as usize;
                }
                at = at.min(plain.len_chars());
                if rng.below(3) == 0 {
                    let from = at.saturating_sub(rng.below(3) as usize);
                    let n = (rng.below(5) as usize).min(plain.len_chars() - from);
                    buffer.delete(from, n);
                    plain.remove(from..from + n);
                    at = from;
                } else {
                    let text = ["a", "é", "日本", "xyz"][rng.below(4) as usize];
                    buffer.insert(at, text, text.chars().count());
                    plain.insert(at, text);
                    at += text.chars().count();
                }
                if rng.below(5) == 0 {
                    assert_eq!(buffer.rope(), &plain, "seed {seed}");
                }
            }
            buffer.flush();
            assert_eq!(buffer.rope(), &plain, "seed {seed}");
        }
    }
}
