//! Completing the word before the caret from the words of the text.

use std::collections::HashSet;

use ropey::Rope;

use crate::base::time::MonoTime;

use super::Model;
use super::edits::Edit;
use super::grapheme::{Class, class_of};
use super::selection::Selection;

/// Characters that are looked at on each side of the caret.
const SCAN_CHARS_MAX: usize = 500_000;

/// Words that are offered.
const WORDS_MAX: usize = 1_000;

/// What is being completed. Gone with the next key that does something else.
#[derive(Clone, Debug)]
pub(crate) struct Completion {
    /// What was typed, and where it begins.
    typed: String,
    start: usize,
    words: Vec<String>,
    /// Which of them is in the text; as many as there are for what was typed.
    at: usize,
    revision: u64,
}

impl Model {
    /// Puts the next word that begins as the one before the caret, or the one before, in its place; after the last one what was
    /// typed. Returns how many characters went and what came.
    pub(crate) fn complete(&mut self, is_forward: bool, now: MonoTime) -> (usize, String) {
        let nothing = (0, String::new());
        if !self.others.is_empty() || !self.selection.is_empty() || !self.may_edit(now) {
            return nothing;
        }
        let head = self.selection.head;
        let is_same = |before: &Completion| {
            let n = before.shown().chars().count();
            before.revision == self.revision && before.start + n == head
        };
        let mut completion = match self.completion.take().filter(is_same) {
            Some(completion) => completion,
            None => {
                let rope = self.rope();
                let n_typed =
                    rope.chars_at(head).reversed().take_while(|&c| class_of(c) == Class::Word).count();
                let typed = rope.slice(head - n_typed..head).to_string();
                let words = words(rope, head - n_typed, head, &typed);
                let at = words.len();
                Completion { typed, start: head - n_typed, words, at, revision: 0 }
            }
        };
        let n = completion.words.len();
        if n == 0 {
            self.notify("no other word begins like this", now);
            return nothing;
        }
        let n_before = completion.shown().chars().count();
        completion.at = (completion.at + if is_forward { 1 } else { n }) % (n + 1);
        let (start, text) = (completion.start, completion.shown().to_owned());
        self.make_whole(&[Edit { range: start..head, text: text.clone() }], now);
        self.select(Selection::caret(start + text.chars().count()));
        let words = if completion.at == n {
            "what was typed".to_owned()
        } else {
            format!("word {} of {n}", completion.at + 1)
        };
        self.hint(words, now);
        completion.revision = self.revision;
        self.completion = Some(completion);
        (n_before, text)
    }
}

impl Completion {
    fn shown(&self) -> &str {
        self.words.get(self.at).unwrap_or(&self.typed)
    }
}

/// Returns the words that begin with `typed`, those behind the caret first, then from the start of the text up to it.
fn words(rope: &Rope, start: usize, head: usize, typed: &str) -> Vec<String> {
    let first = start.saturating_sub(SCAN_CHARS_MAX);
    let last = (head + SCAN_CHARS_MAX).min(rope.len_chars());
    let mut known: HashSet<String> = HashSet::from([typed.to_owned()]);
    let mut found = Vec::new();
    // What goes on behind the caret is no other word.
    let n_rest = rope.chars_at(head).take_while(|&c| class_of(c) == Class::Word).count();
    for range in [head + n_rest..last.max(head + n_rest), first..start] {
        let mut word = String::new();
        let chars = rope.slice(range).chars();
        for c in chars.chain([' ']) {
            if class_of(c) == Class::Word {
                word.push(c);
                continue;
            }
            if word.starts_with(typed) && found.len() < WORDS_MAX && known.insert(word.clone()) {
                found.push(std::mem::take(&mut word));
            }
            word.clear();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_once_those_behind_the_caret_first() {
        let rope = Rope::from_str("alpha all al alpha alone al");
        assert_eq!(words(&rope, 10, 12, "al"), ["alpha", "alone", "all"]);
        assert_eq!(words(&rope, 10, 11, "al"), ["alpha", "alone", "all"], "within a word");
        assert_eq!(words(&Rope::from_str("x"), 1, 1, ""), ["x"]);
        assert_eq!(words(&Rope::from_str("ab"), 0, 2, "ab"), [""; 0]);
    }
}
