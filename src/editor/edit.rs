//! Edits of the text by its user, and how they group for undo.

use std::ops::Range;

use crate::base::time::MonoTime;
use crate::document::Applied;

use super::column::line_end;
use super::grapheme::{self, Class, class_of};
use super::selection::Selection;
use super::{Clipboard, Effect, Model};

/// A pause after which typing starts a new group for undo, in milliseconds.
pub const UNDO_PAUSE_MS: u64 = 500;

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

/// What to do to a line that starts at a character: where, how many characters go, what comes.
type LineChange = fn(&ropey::Rope, usize) -> Option<(usize, usize, &'static str)>;

impl Model {
    /// Ends the group of edits that undo takes back together.
    pub(crate) fn end_run(&mut self) {
        self.run = None;
    }

    /// Returns whether the text may be edited; says why when not.
    pub(crate) fn may_edit(&mut self, now: MonoTime) -> bool {
        match self.file.read_only.clone() {
            Some(why) => {
                self.notify(why, now);
                false
            }
            None => true,
        }
    }

    /// Replaces `range` by `text` and puts the caret behind it.
    pub(crate) fn replace(&mut self, range: Range<usize>, text: &str, kind: Kind, now: MonoTime) {
        if (range.is_empty() && text.is_empty()) || !self.may_edit(now) {
            return;
        }
        self.group(&range, text, kind, now);
        let start = range.start;
        let mut result = if range.is_empty() { Ok(()) } else { self.document.delete(range) };
        if result.is_ok() && !text.is_empty() {
            result = self.document.insert(start, text);
        }
        self.revision += 1;
        match result {
            Ok(()) => self.selection = Selection::caret(start + text.chars().count()),
            Err(error) => {
                self.selection = Selection::caret(start.min(self.document.len_chars()));
                self.notify(format!("not done: {error}"), now);
            }
        }
    }

    /// Starts a new undo group unless this edit continues the one before.
    fn group(&mut self, range: &Range<usize>, text: &str, kind: Kind, now: MonoTime) {
        let class = text.chars().next_back().map_or(Class::Blank, class_of);
        let joins = self.run.is_some_and(|run| {
            run.kind == kind
                && now.since(run.last_at).0 < UNDO_PAUSE_MS
                && !(kind == Kind::Typing && run.last_class == Class::Blank && class != Class::Blank)
        });
        if !joins || kind == Kind::Whole {
            self.document.end_undo_group();
        }
        let start = self.run.filter(|_| joins).map_or(range.start, |run| run.start.min(range.start));
        self.run = (kind != Kind::Whole).then_some(Run { kind, last_at: now, start, last_class: class });
    }

    /// Types one character over the selection.
    pub(crate) fn type_char(&mut self, c: char, now: MonoTime) {
        self.replace(self.selection.range(), c.encode_utf8(&mut [0; 4]), Kind::Typing, now);
    }

    /// Starts a new line.
    pub(crate) fn enter(&mut self, now: MonoTime) {
        self.replace(self.selection.range(), "\n", Kind::Typing, now);
        self.end_run();
    }

    /// Deletes the selection, or from the caret to where `target` says.
    pub(crate) fn delete(&mut self, target: fn(&ropey::Rope, usize) -> usize, kind: Kind, now: MonoTime) {
        if !self.selection.is_empty() {
            return self.replace(self.selection.range(), "", Kind::Whole, now);
        }
        let (head, to) = (self.selection.head, target(self.rope(), self.selection.head));
        self.replace(head.min(to)..head.max(to), "", kind, now);
    }

    /// Pastes a text as one edit. Line ends become line feeds; nothing in it is a key.
    pub(crate) fn paste(&mut self, text: &str, now: MonoTime) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        self.replace(self.selection.range(), &text, Kind::Whole, now);
    }

    /// Pastes what was cut or copied here; whole lines go above the caret's line.
    pub(crate) fn paste_clipboard(&mut self, now: MonoTime) {
        let Clipboard { text, is_lines } = self.clipboard.clone();
        if text.is_empty() {
            return self.notify("nothing was cut or copied here yet; paste with the terminal's own key", now);
        }
        if !is_lines || !self.selection.is_empty() {
            return self.replace(self.selection.range(), &text, Kind::Whole, now);
        }
        let (head, start) = (self.selection.head, self.rope().line_to_char(self.line()));
        let before = self.revision;
        self.replace(start..start, &text, Kind::Whole, now);
        if self.revision != before {
            self.selection = Selection::caret(head + text.chars().count());
        }
    }

    /// Copies the selection or the line; `cut` takes it away as well.
    pub(crate) fn copy(&mut self, cut: bool, now: MonoTime, effects: &mut Vec<Effect>) {
        let is_lines = self.selection.is_empty();
        let range = if is_lines { self.lines_range() } else { self.selection.range() };
        let mut text = self.rope().slice(range.clone()).to_string();
        if text.is_empty() {
            return;
        }
        if is_lines && !text.ends_with('\n') {
            text.push('\n');
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            self.notify(
                "the copied text holds control characters; look at it before you paste it elsewhere",
                now,
            );
        }
        effects.push(Effect::CopyToClipboard(text.clone()));
        self.clipboard = Clipboard { text, is_lines };
        if cut {
            self.replace(range, "", Kind::Whole, now);
        }
    }

    /// The whole lines that the selection touches, with the last one's line feed.
    fn lines_range(&self) -> Range<usize> {
        let (first, last) = self.lines();
        let rope = self.rope();
        rope.line_to_char(first)..rope.line_to_char((last + 1).min(rope.len_lines()))
    }

    /// The first and the last line that the selection touches. A selection that ends at the start of a line
    /// does not touch that line.
    fn lines(&self) -> (usize, usize) {
        let range = self.selection.range();
        let rope = self.rope();
        let (first, last) = (rope.char_to_line(range.start), rope.char_to_line(range.end));
        let ends_before = first < last && rope.line_to_char(last) == range.end;
        (first, last - usize::from(ends_before))
    }

    /// Inserts the selection, or the line, once more.
    pub(crate) fn duplicate(&mut self, now: MonoTime) {
        let before = (self.selection, self.revision);
        if !self.selection.is_empty() {
            let range = self.selection.range();
            let text = self.rope().slice(range.clone()).to_string();
            self.replace(range.end..range.end, &text, Kind::Whole, now);
            if self.revision != before.1 {
                self.selection.anchor = range.end;
            }
            return;
        }
        let start = self.rope().line_to_char(self.line());
        let end = line_end(self.rope(), self.line());
        let text = format!("{}\n", self.rope().slice(start..end));
        self.replace(start..start, &text, Kind::Whole, now);
        if self.revision != before.1 {
            self.selection = Selection::caret(before.0.head + text.chars().count());
        }
    }

    /// Moves the lines of the selection by one line, by moving the neighbour line to their other side: others'
    /// cursors in the moved lines stay where they are.
    pub(crate) fn move_lines(&mut self, up: bool, now: MonoTime) {
        let (first, last) = self.lines();
        let rope = self.rope();
        let neighbour =
            if up { first.checked_sub(1) } else { Some(last + 1).filter(|&l| l < rope.len_lines()) };
        let Some(neighbour) = neighbour.filter(|_| self.file.read_only.is_none()) else { return };
        let (n_start, n_end) = (rope.line_to_char(neighbour), line_end(rope, neighbour));
        let text = rope.slice(n_start..n_end).to_string();
        let n = text.chars().count() + 1;
        let (block_start, block_end) = (rope.line_to_char(first), line_end(rope, last));
        let selection = self.selection;
        // Take the neighbour away with the line feed between it and the block, put both on the other side.
        if up {
            self.replace(block_end..block_end, &format!("\n{text}"), Kind::Whole, now);
            self.replace_more(n_start..block_start, "", now);
            self.selection = Selection { anchor: selection.anchor - n, head: selection.head - n, goal: None };
        } else {
            self.replace(block_end..n_end, "", Kind::Whole, now);
            self.replace_more(block_start..block_start, &format!("{text}\n"), now);
            // Past the moved block's own end the selection may have reached into the neighbour: clamp.
            let max = self.rope().len_chars();
            let (anchor, head) = ((selection.anchor + n).min(max), (selection.head + n).min(max));
            self.selection = Selection { anchor, head, goal: None };
        }
    }

    /// A further part of the edit just made: the same undo group.
    pub(crate) fn replace_more(&mut self, range: Range<usize>, text: &str, now: MonoTime) {
        let done = if range.is_empty() { Ok(()) } else { self.document.delete(range.clone()) };
        let done = done
            .and_then(|()| if text.is_empty() { Ok(()) } else { self.document.insert(range.start, text) });
        if let Err(error) = done {
            self.notify(format!("not done: {error}"), now);
        }
    }

    /// Inserts a tab, or indents the selected lines.
    pub(crate) fn indent(&mut self, now: MonoTime) {
        let (first, last) = self.lines();
        if first == last {
            return self.replace(self.selection.range(), "\t", Kind::Typing, now);
        }
        if !self.may_edit(now) {
            return;
        }
        self.change_lines(first..last + 1, now, |rope, line| {
            let start = rope.line_to_char(line);
            (start < line_end(rope, line)).then_some((start, 0, "\t"))
        });
    }

    /// Takes one tab, or up to four blanks, from the start of each line of the selection.
    pub(crate) fn outdent(&mut self, now: MonoTime) {
        let (first, last) = self.lines();
        if !self.may_edit(now) {
            return;
        }
        self.change_lines(first..last + 1, now, |rope, line| {
            let start = rope.line_to_char(line);
            let n_blanks = rope.chars_at(start).take(4).take_while(|&c| c == ' ').count();
            let n = if rope.get_char(start) == Some('\t') { 1 } else { n_blanks };
            (0 < n).then_some((start, n, ""))
        });
    }

    /// Makes one small edit in each of some lines; the selection moves along.
    fn change_lines(&mut self, lines: Range<usize>, now: MonoTime, change: LineChange) {
        self.end_run();
        self.document.end_undo_group();
        let mut selection = self.selection;
        for line in lines.rev() {
            let Some((at, n_deleted, text)) = change(self.rope(), line) else { continue };
            self.replace_more(at..at + n_deleted, text, now);
            self.revision += 1;
            let moved = |end: usize| match end {
                end if end < at || (end == at && n_deleted == 0 && end != 0 && text.is_empty()) => end,
                end => end.saturating_sub(n_deleted).max(at) + text.len(),
            };
            selection =
                Selection { anchor: moved(selection.anchor), head: moved(selection.head), goal: None };
        }
        self.selection = selection;
    }

    /// Undoes or redoes, and puts the caret where that happened.
    pub(crate) fn undo(&mut self, redo: bool, now: MonoTime) {
        if !self.may_edit(now) {
            return;
        }
        self.end_run();
        self.document.end_undo_group();
        let applied = if redo { self.document.redo() } else { self.document.undo() };
        let Some(Applied { changes, .. }) = applied else {
            return self.notify(if redo { "nothing to redo" } else { "nothing to undo" }, now);
        };
        self.revision += 1;
        for change in &changes {
            self.selection.shift(change);
        }
        if let Some(last) = changes.last() {
            self.selection = Selection::caret(last.at + last.n_inserted);
        }
    }

    /// Works the edits of others into caret, selection and scroll position: all stay on their text.
    pub(crate) fn shift_through(&mut self, applied: &Applied) {
        if applied.changes.is_empty() {
            return;
        }
        self.revision += 1;
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
            self.find.shift(change);
        }
        let len = self.document.len_chars();
        self.selection.anchor = grapheme::floor(self.rope(), self.selection.anchor.min(len));
        self.selection.head = grapheme::floor(self.rope(), self.selection.head.min(len));
    }
}
