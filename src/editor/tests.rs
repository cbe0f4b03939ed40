//! Editing, in a notation where the carets are drawn in the text.

mod as_vim;
mod commands;
mod editing;
mod keys;
mod vim;
mod vim_colon;
mod vim_keys;

use super::key::{Key, KeyCode};
use super::selection::Selection;
use super::settings::Settings;
use super::{Model, Msg, update};
use crate::base::time::MonoTime;
use crate::crdt::ReplicaId;
use crate::document::Document;
use crate::editor::file::FileMeta;

/// An editor whose text holds its carets: `|` is where a caret is, `^` the other end of its selection.
pub(super) struct Bench {
    pub model: Model,
    pub now: MonoTime,
}

impl Bench {
    pub fn new(drawn: &str, settings: Settings) -> Bench {
        let (mut text, mut marks) = (String::new(), Vec::new());
        let mut n = 0;
        for c in drawn.chars() {
            match c {
                '|' | '^' => marks.push((n, c == '|')),
                _ => {
                    text.push(c);
                    n += 1;
                }
            }
        }
        let mut document = Document::new(ReplicaId::new(7));
        document.insert(0, &text).expect("it fits");
        document.clear_undo();
        let meta = FileMeta { name: "a.rs".to_owned(), has_path: true, ..FileMeta::default() };
        let mut model = Model::new(document, meta);
        model.set_settings(settings);
        let mut selections = Vec::new();
        let mut marks = marks.into_iter().peekable();
        while let Some((at, is_head)) = marks.next() {
            let other = marks.next_if(|&(_, other_is_head)| other_is_head != is_head);
            // Two carets beside each other are two carets.
            selections.push(match other {
                Some((to, true)) => Selection { anchor: at, head: to, goal: None },
                Some((to, false)) => Selection { anchor: to, head: at, goal: None },
                None => Selection::caret(at),
            });
        }
        if !selections.is_empty() {
            let last = selections.len() - 1;
            model.set_selections(selections, last);
        }
        Bench { model, now: MonoTime(1_000) }
    }

    /// Presses keys: characters as they are, others by name, such as `<Ctrl-D>`, `<Delete>` or `<lt>`.
    #[track_caller]
    pub fn press(&mut self, keys: &str) {
        for key in parse(keys) {
            self.now = MonoTime(self.now.0 + 1);
            update(&mut self.model, Msg::Key(key), self.now);
            self.model.document().check_invariants();
        }
    }

    pub fn drawn(&self) -> String {
        let mut marks = Vec::new();
        for selection in self.model.selections().0 {
            marks.push((selection.head, '|'));
            if !selection.is_empty() {
                marks.push((selection.anchor, '^'));
            }
        }
        marks.sort_by_key(|&(at, _)| at);
        let mut chars: Vec<char> = self.model.rope().chars().collect();
        for (at, mark) in marks.into_iter().rev() {
            chars.insert(at, mark);
        }
        chars.into_iter().collect()
    }
}

#[track_caller]
pub(super) fn parse(keys: &str) -> Vec<Key> {
    let mut found = Vec::new();
    let mut rest = keys;
    while let Some(c) = rest.chars().next() {
        let named = rest.strip_prefix('<').and_then(|after| after.split_once('>'));
        let (key, after) = match named {
            Some(("lt", after)) => (Key::plain(KeyCode::Char('<')), after),
            Some((name, after)) => (name.parse().unwrap_or_else(|error| panic!("{error}")), after),
            None => (Key::plain(KeyCode::Char(c)), &rest[c.len_utf8()..]),
        };
        found.push(key);
        rest = after;
    }
    found
}

/// What keys make of a text, with the default settings.
#[track_caller]
pub(super) fn check(before: &str, keys: &str, after: &str) {
    check_with(Settings::default(), before, keys, after);
}

#[track_caller]
pub(super) fn check_with(settings: Settings, before: &str, keys: &str, after: &str) {
    let mut bench = Bench::new(before, settings);
    assert_eq!(bench.drawn(), before, "the notation itself");
    bench.press(keys);
    assert_eq!(bench.drawn(), after, "{before:?} after {keys}");
}

/// An editor with the key map of vim.
pub(super) fn vim_bench(drawn: &str) -> Bench {
    Bench::new(drawn, Settings { is_vim: true, indent: Some(2), ..Settings::default() })
}

/// What keys of vim make of a text; `|` is before the character that the caret is on.
#[track_caller]
pub(super) fn check_vim(before: &str, keys: &str, after: &str) {
    check_with(Settings { is_vim: true, indent: Some(2), ..Settings::default() }, before, keys, after);
}
