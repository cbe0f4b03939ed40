//! The rope behind a write buffer.

use std::sync::OnceLock;

use ropey::Rope;

/// Bytes of buffered text past which an edit in its middle goes to the rope first.
const BUFFER_MIDDLE_BYTES_MAX: usize = 4 << 10;

/// The text. Neighbouring edits are joined before they reach the rope; readers always see them.
#[derive(Default)]
pub(super) struct TextBuffer {
    rope: Rope,
    pending: Option<Pending>,
    /// The rope with the pending edit, made when somebody reads before the next edit.
    fresh: OnceLock<Rope>,
}

/// A stretch of the rope to be replaced.
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
        match &self.pending {
            None => &self.rope,
            Some(pending) => self.fresh.get_or_init(|| {
                let mut rope = self.rope.clone();
                pending.write_to(&mut rope);
                rope
            }),
        }
    }

    pub(super) fn insert(&mut self, at: usize, text: &str, n_chars: usize) {
        self.take_fresh();
        let fits = self.pending.as_ref().is_some_and(|p| {
            p.at + p.n_chars == at
                || (p.at <= at && at < p.at + p.n_chars && p.text.len() < BUFFER_MIDDLE_BYTES_MAX)
        });
        if !fits {
            self.flush();
        }
        let pending =
            self.pending.get_or_insert_with(|| Pending { at, n_deleted: 0, text: String::new(), n_chars: 0 });
        pending.insert(at, text, n_chars);
    }

    pub(super) fn delete(&mut self, at: usize, n: usize) {
        self.take_fresh();
        let touches = self.pending.as_ref().is_some_and(|p| {
            at <= p.at + p.n_chars && p.at <= at + n && p.text.len() < 16 * BUFFER_MIDDLE_BYTES_MAX
        });
        if !touches {
            self.flush();
        }
        let pending =
            self.pending.get_or_insert_with(|| Pending { at, n_deleted: 0, text: String::new(), n_chars: 0 });
        pending.delete(at, n);
    }

    /// Makes the copy that a reader needed the rope itself.
    fn take_fresh(&mut self) {
        if let Some(fresh) = self.fresh.take() {
            self.rope = fresh;
            self.pending = None;
        }
    }

    /// Brings the rope up to date, so that reading costs nothing.
    pub(super) fn flush(&mut self) {
        self.take_fresh();
        if let Some(pending) = self.pending.take() {
            pending.write_to(&mut self.rope);
        }
    }
}

impl Pending {
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
