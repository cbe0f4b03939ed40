//! What a pane shows of a text, kept while another pane has the keyboard; and what all texts have in common.

use crate::document::{Anchor, Bias, Document};

use super::history::History;
use super::search::Options;
use super::selection::Selection;
use super::{Clipboard, Model, Scroll, vim};

/// Selections and scroll position, as anchors: they stay on their text while others, or another pane, edit it.
#[derive(Clone, Debug)]
pub struct View {
    selection: (Anchor, Anchor),
    others: Vec<(Anchor, Anchor)>,
    top: Anchor,
    /// Which row of the top line is the first.
    row: usize,
    left: usize,
}

/// What was copied, what is searched for, and what vim keeps: the same in all open texts.
#[derive(Clone, Debug)]
pub struct Shared {
    clipboard: Clipboard,
    needle: String,
    options: Options,
    history: History,
    vim: vim::Common,
}

impl Model {
    /// Returns what is shown now.
    pub fn view(&self) -> View {
        let anchors = |s: &Selection| {
            (self.document.anchor(s.anchor, Bias::Left), self.document.anchor(s.head, Bias::Left))
        };
        let top = self.rope().line_to_char(self.scroll.top.min(self.rope().len_lines() - 1));
        View {
            selection: anchors(&self.selection),
            others: self.others.iter().map(anchors).collect(),
            top: self.document.anchor(top, Bias::Right),
            row: self.scroll.row,
            left: self.scroll.left,
        }
    }

    /// Shows this, on a screen of this many columns and rows.
    pub fn show(&mut self, view: &View, size: (u16, u16)) {
        let at = |anchor| self.document.resolve(anchor).unwrap_or(0);
        let selection =
            |&(anchor, head): &(Anchor, Anchor)| Selection { anchor: at(anchor), head: at(head), goal: None };
        let goal = self.selection.goal;
        let (mut primary, others) = (selection(&view.selection), view.others.iter().map(selection).collect());
        let top = self.rope().char_to_line(at(view.top));
        // A redraw of the same place is no motion.
        if (primary.anchor, primary.head) == (self.selection.anchor, self.selection.head) {
            primary.goal = goal;
        }
        (self.selection, self.others) = (primary, others);
        self.scroll = Scroll { top, row: view.row, left: view.left };
        self.size = size;
    }

    /// Shows more of a file that is being read. What is here already stays as it is.
    pub fn grow(&mut self, document: Document, percent: u8) {
        self.base = document.rope().clone();
        self.document = document;
        self.file.loading = Some(percent);
        self.count_again();
        self.go_to_wanted();
    }

    /// Goes where its user wants to be, if that is here by now.
    fn go_to_wanted(&mut self) {
        if let Some((line, column)) = self.wanted_place.take() {
            self.go_to(line, column);
        }
    }

    /// Goes on where a model of the first part of the same text was, or of what its file held before, in all that the user
    /// sees and does. Places that this text does not have become its end.
    pub fn go_on_from(&mut self, before: &mut Model) {
        (self.selection, self.scroll, self.size) = (before.selection, before.scroll, before.size);
        self.screen = before.screen;
        self.others = std::mem::take(&mut before.others);
        (self.overlay, self.picker) = (before.overlay, before.picker.take());
        self.chord = std::mem::take(&mut before.chord);
        (self.find, self.vim) = (std::mem::take(&mut before.find), std::mem::take(&mut before.vim));
        // What the whole text asks comes first.
        self.prompt = self.prompt.take().or_else(|| before.prompt.take());
        self.take_shared(before.shared());
        self.find.clamp(self.document.len_chars());
        self.clamp_selections();
        self.set_top(self.top());
        self.wanted_place = before.wanted_place;
        self.count_again();
        self.go_to_wanted();
    }

    /// Returns the line and the column of the caret, from 1.
    pub fn place(&self) -> (usize, usize) {
        let line = self.line();
        (line + 1, self.selection.head - self.rope().line_to_char(line) + 1)
    }

    /// Returns whether a question is open that waits for an answer.
    pub fn is_asking(&self) -> bool {
        self.prompt.is_some()
    }

    /// Returns what other texts have in common with this one.
    pub fn shared(&self) -> Shared {
        Shared {
            clipboard: self.clipboard.clone(),
            needle: self.find.needle.clone(),
            options: self.find.options,
            history: self.history.clone(),
            vim: self.vim.common(),
        }
    }

    /// Takes over what other texts have in common.
    pub fn take_shared(&mut self, shared: Shared) {
        self.clipboard = shared.clipboard;
        self.vim.take_common(shared.vim);
        self.history = shared.history;
        if self.find.needle != shared.needle || self.find.options != shared.options {
            // A needle that is none was refused where it was typed.
            let _ = self.search_for(shared.needle, shared.options);
        }
    }
}
