//! Edits of the text by its user, and how they group for undo.

use std::ops::Range;

use crate::base::time::MonoTime;
use crate::document::{Applied, EditError, TextChange};
use crate::protocol::capability::Mode;
use crate::sync::Status;

use super::edits::Edit;
use super::grapheme::{self, Class, class_of};
use super::line_input::with_line_feeds;
use super::selection::Selection;
use super::{Clipboard, Effect, Model, lines};

/// A pause after which typing starts a new group for undo, in milliseconds.
pub const UNDO_PAUSE_MS: u64 = 500;

/// What somebody is told who wants to write and may only read.
const READ_ONLY: &str = "read only: you may look";

/// What kind of edit it is, which decides whether it joins the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text typed character by character.
    Typing,
    /// Backspace.
    Back,
    /// Delete.
    Forward,
    /// Anything that is undone alone.
    Whole,
}

/// A run of edits that undo takes back together. Gone once the caret moved otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    kind: Kind,
    last_at: MonoTime,
    pub start: usize,
    last_class: Class,
}

impl Model {
    /// Ends the group of edits that undo takes back together.
    pub(crate) fn end_run(&mut self) {
        self.run = None;
    }

    /// Begins a new step of undo, unless one is under way that holds all.
    pub(crate) fn begin_step(&mut self) {
        if !(self.settings.is_vim && self.vim.holds_step()) {
            self.document.end_undo_group();
        }
    }

    /// Returns whether the text may be edited; says why when not.
    pub(crate) fn may_edit(&mut self, now: MonoTime) -> bool {
        let is_reader = self.link.as_ref().is_some_and(|link| link.secret.mode() == Mode::Read);
        let why = match (self.file.read_only.clone(), &self.connection) {
            (Some(why), _) => why,
            (None, Status::ReadOnly { n_kept, .. }) if 0 < *n_kept => {
                "read only: you may look; `drop-mine` shows the shared text again".to_owned()
            }
            (None, Status::ReadOnly { .. }) => READ_ONLY.to_owned(),
            _ if is_reader => READ_ONLY.to_owned(),
            _ => return true,
        };
        self.notify(why, now);
        false
    }

    /// Replaces `range` by `text` in the document. Every edit made here comes through this.
    ///
    /// # Errors
    /// Those of the document; what was to go may then be gone already.
    pub(crate) fn change(&mut self, range: Range<usize>, text: &str) -> Result<(), EditError> {
        let change = TextChange { at: range.start, n_deleted: range.len(), n_inserted: text.chars().count() };
        let n_groups = self.document.n_undo_groups();
        if !range.is_empty() {
            self.document.delete(range)?;
        }
        if !text.is_empty() {
            self.document.insert(change.at, text)?;
        }
        if n_groups < self.document.n_undo_groups() {
            self.forget_steps_from(n_groups + 1);
            self.vim.note_step(n_groups + 1);
        }
        self.highlights.shift(&change);
        self.vim.note_change(&change);
        self.watch_hidden(&[change]);
        Ok(())
    }

    /// Replaces `range` by `text` and puts the caret behind it.
    pub(crate) fn replace(&mut self, range: Range<usize>, text: &str, kind: Kind, now: MonoTime) {
        if (range.is_empty() && text.is_empty()) || !self.may_edit(now) {
            return;
        }
        self.group(&range, text, kind, now);
        let start = range.start;
        let result = self.change(range, text);
        self.revision += 1;
        match result {
            Ok(()) => self.select(Selection::caret(start + text.chars().count())),
            Err(error) => {
                self.select(Selection::caret(start.min(self.document.len_chars())));
                self.notify(format!("not done: {error}"), now);
            }
        }
    }

    /// Starts a new undo group unless this edit continues the one before.
    pub(crate) fn group(&mut self, range: &Range<usize>, text: &str, kind: Kind, now: MonoTime) {
        let class = text.chars().next_back().map_or(Class::Blank, class_of);
        let joins = self.run.is_some_and(|run| {
            run.kind == kind
                && now.since(run.last_at).0 < UNDO_PAUSE_MS
                && !(kind == Kind::Typing && run.last_class == Class::Blank && class != Class::Blank)
        });
        if !joins || kind == Kind::Whole {
            self.begin_step();
        }
        let start = self.run.filter(|_| joins).map_or(range.start, |run| run.start.min(range.start));
        self.run = (kind != Kind::Whole).then_some(Run { kind, last_at: now, start, last_class: class });
    }

    /// Types one character over every selection. One that closes something, as the first of its line, goes below what it
    /// closes.
    pub(crate) fn type_char(&mut self, c: char, now: MonoTime) {
        let (is_on, language) = (self.settings.auto_indent, self.language);
        let is_closing = is_on && language.closes.contains(&c);
        // Before it is whole, a word may still become another one.
        let ends_word = is_on && matches!(c, ':' | ' ' | ';');
        self.edit_each(Kind::Typing, now, |rope, selection, _| {
            let range = selection.range();
            let outdented =
                lines::outdented(rope, selection.head, c).filter(|_| is_closing && range.is_empty());
            let middle =
                if ends_word && range.is_empty() { lines::middle(rope, range.start, language) } else { None };
            match (outdented, middle) {
                (Some(edit), _) => edit,
                (None, Some((blanks, indent))) => {
                    let rest = rope.slice(blanks.end..range.start);
                    Edit { range: blanks.start..range.end, text: format!("{indent}{rest}{c}") }
                }
                (None, None) => Edit { range, text: c.to_string() },
            }
        });
    }

    /// Starts a new line, indented as the one before and one step more after an opening bracket.
    pub(crate) fn enter(&mut self, now: MonoTime) {
        let (is_on, unit, language) = (self.settings.auto_indent, self.indent_unit(), self.language);
        self.edit_each(Kind::Typing, now, |rope, selection, _| {
            let range = selection.range();
            if !is_on {
                return Edit { range, text: "\n".to_owned() };
            }
            let indent = lines::indent_after(rope, range.start, &unit, language);
            let Some((blanks, before)) = lines::middle(rope, range.start, language) else {
                return Edit { range, text: format!("\n{indent}") };
            };
            // The word that ends here was too deep, and so would be the next line.
            let is_deeper = blanks.len() < indent.len();
            let rest = rope.slice(blanks.end..range.start);
            let indent = if is_deeper { format!("{before}{unit}") } else { before.clone() };
            Edit { range: blanks.start..range.end, text: format!("{before}{rest}\n{indent}") }
        });
        if is_on {
            self.split_brackets(now);
        }
        self.end_run();
    }

    /// Deletes to the left: of the blanks that indent a line, those of one step. Vim deletes one.
    pub(crate) fn delete_back(&mut self, now: MonoTime) {
        let is_one = self.indentation.is_tab || self.settings.is_vim;
        let n_step = if is_one { 1 } else { usize::from(self.indentation.n_blanks) };
        let target = |rope: &ropey::Rope, at| {
            lines::step_back(rope, at, n_step).unwrap_or_else(|| grapheme::prev(rope, at))
        };
        self.delete(target, Kind::Back, now);
    }

    /// Deletes every selection, or from its caret to where `target` says.
    pub(crate) fn delete(
        &mut self,
        target: impl Fn(&ropey::Rope, usize) -> usize,
        kind: Kind,
        now: MonoTime,
    ) {
        let kind = if self.selection.is_empty() { kind } else { Kind::Whole };
        self.edit_each(kind, now, |rope, selection, _| {
            if !selection.is_empty() {
                return Edit::delete(selection.range());
            }
            let (head, to) = (selection.head, target(rope, selection.head));
            Edit::delete(head.min(to)..head.max(to))
        });
    }

    /// Pastes a text as one edit. Line ends become line feeds; nothing in it is a key.
    pub(crate) fn paste(&mut self, text: &str, now: MonoTime) {
        self.insert_parts(&[with_line_feeds(text)], now);
    }

    /// Puts a text in place of each selection; as many texts as there are selections go to one each.
    fn insert_parts(&mut self, parts: &[String], now: MonoTime) {
        let n_selections = self.others.len() + 1;
        let all = parts.join("\n");
        self.edit_each(Kind::Whole, now, |_, selection, n| {
            let text = if parts.len() == n_selections { &parts[n] } else { &all };
            Edit { range: selection.range(), text: text.clone() }
        });
    }

    /// Pastes what was cut or copied here; whole lines go above the caret's line.
    pub(crate) fn paste_clipboard(&mut self, now: MonoTime) {
        let Clipboard { parts, is_lines } = self.clipboard.clone();
        if parts.is_empty() {
            return self.notify("nothing was cut or copied here yet; paste with the terminal's own key", now);
        }
        if !is_lines || !self.selection.is_empty() {
            return self.insert_parts(&parts, now);
        }
        let text = parts.concat();
        let edits: Vec<Edit> = self
            .touched_lines()
            .iter()
            .map(|lines| Edit::insert(self.rope().line_to_char(lines.start), text.clone()))
            .collect();
        self.make_whole(&edits, now);
    }

    /// Copies every selection, or the lines of the carets; `cut` takes them away as well.
    pub(crate) fn copy(&mut self, cut: bool, now: MonoTime, effects: &mut Vec<Effect>) {
        let (selections, _) = self.selections();
        let is_lines = selections.iter().all(Selection::is_empty);
        let rope = self.rope();
        let ranges: Vec<Range<usize>> = if is_lines {
            self.touched_lines().into_iter().map(|lines| lines::chars_of(rope, lines)).collect()
        } else {
            selections.iter().map(Selection::range).filter(|range| !range.is_empty()).collect()
        };
        let mut parts: Vec<String> =
            ranges.iter().map(|range| rope.slice(range.clone()).to_string()).collect();
        if parts.iter().all(String::is_empty) {
            return;
        }
        for part in parts.iter_mut().filter(|part| is_lines && !part.ends_with('\n')) {
            part.push('\n');
        }
        let text = if is_lines { parts.concat() } else { parts.join("\n") };
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            self.notify(
                "the copied text holds control characters; look at it before you paste it elsewhere",
                now,
            );
        }
        effects.push(Effect::CopyToClipboard(text));
        self.clipboard = Clipboard { parts, is_lines };
        if cut {
            let edits: Vec<Edit> = ranges.into_iter().map(Edit::delete).collect();
            self.make_whole(&edits, now);
        }
    }

    /// Undoes or redoes, and puts the caret where that happened. Returns where it began, if there was something.
    pub(crate) fn undo(&mut self, redo: bool, now: MonoTime) -> Option<usize> {
        if !self.may_edit(now) {
            return None;
        }
        self.end_run();
        self.document.end_undo_group();
        let applied = if redo { self.document.redo() } else { self.document.undo() };
        let changes = match applied {
            Ok(Some(Applied { changes, .. })) => changes,
            Ok(None) => {
                self.notify(if redo { "nothing to redo" } else { "nothing to undo" }, now);
                return None;
            }
            Err(error) => {
                self.notify(error.to_string(), now);
                return None;
            }
        };
        self.revision += 1;
        self.watch_line_ends(&changes);
        self.watch_hidden(&changes);
        for change in &changes {
            self.highlights.shift(change);
            self.others.iter_mut().for_each(|other| other.shift(change));
        }
        if let Some(last) = changes.last().filter(|_| !self.restore_carets(redo)) {
            self.select(Selection::caret(last.at + last.n_inserted));
        }
        self.clamp_selections();
        if self.is_as_saved() {
            self.same_revision = self.revision;
        }
        changes.iter().map(|change| change.at).min()
    }

    /// Works the edits of others into caret, selection and scroll position: all stay on their text.
    pub(crate) fn shift_through(&mut self, applied: &Applied) {
        if applied.changes.is_empty() {
            return;
        }
        self.revision += 1;
        self.watch_hidden(&applied.changes);
        self.watch_line_ends(&applied.changes);
        for change in &applied.changes {
            let head = self.selection.head;
            // Somebody wrote inside what is being typed: undo must not take both parts as one.
            if self.run.is_some_and(|run| run.start < change.at && change.at < head) {
                self.end_run();
            }
            if let Some(run) = &mut self.run {
                run.start = super::selection::shift_left(run.start, change);
            }
            self.selection.shift(change);
            self.vim.shift(change);
            self.others.iter_mut().for_each(|other| other.shift(change));
            self.find.shift(change);
            self.highlights.shift(change);
        }
        self.clamp_selections();
    }
}
