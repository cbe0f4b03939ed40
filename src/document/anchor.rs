//! Places that stay with their text.

use super::{Anchor, Bias, Document};
use crate::crdt::Dot;
use crate::crdt::rga::ElementId;

impl Document {
    /// Returns an anchor at `at` (clamped to the text), which stays with the neighbour on the side of `bias`.
    pub fn anchor(&self, at: usize, bias: Bias) -> Anchor {
        let at = at.min(self.len_chars());
        match bias {
            Bias::Left if at == 0 => Anchor::Start,
            Bias::Left => Anchor::After(self.dot(self.rga.element_at(at as u32 - 1))),
            Bias::Right if at == self.len_chars() => Anchor::End,
            Bias::Right => Anchor::Before(self.dot(self.rga.element_at(at as u32))),
        }
    }

    /// Returns where an anchor is now; `None` while its character is not here yet. Where the character
    /// was deleted, the place that it left.
    pub fn resolve(&self, anchor: Anchor) -> Option<usize> {
        match anchor {
            Anchor::Start => Some(0),
            Anchor::End => Some(self.len_chars()),
            Anchor::Before(dot) => self.position(dot).map(|(at, _)| at),
            Anchor::After(dot) => self.position(dot).map(|(at, visible)| at + usize::from(visible)),
        }
    }

    fn position(&self, dot: Dot) -> Option<(usize, bool)> {
        let replica = *self.by_id.get(&dot.replica)?;
        let seq = u32::try_from(dot.seq).ok()?;
        let id = ElementId { replica, seq };
        let (at, visible) = self.rga.position(id).or_else(|| self.position_of_rewritten(id))?;
        Some((at as usize, visible))
    }
}
