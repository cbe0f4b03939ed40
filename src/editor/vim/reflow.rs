//! `gq`: lines broken anew at a width.

use std::ops::Range;

use ropey::Rope;
use unicode_width::UnicodeWidthStr;

use crate::base::time::MonoTime;
use crate::editor::Model;
use crate::editor::column::line_end;
use crate::editor::edits::Edit;
use crate::editor::selection::Selection;

use super::motion;

impl Model {
    /// Fills lines anew: words go on in the next line where the text is as wide as it may be. Lines stay apart that are empty or
    /// begin otherwise, as comments beside text do.
    pub(super) fn vim_reflow(&mut self, lines: Range<usize>, now: MonoTime) {
        let (rope, width) = (self.rope(), self.text_width());
        let comment = self.language.line_comment;
        let (start, end) = (rope.line_to_char(lines.start), line_end(rope, lines.end - 1));
        let text = filled(rope, lines, comment, width, |text| self.cells_of(text));
        if rope.slice(start..end) != text.as_str() {
            self.make_whole(&[Edit { range: start..end, text: text.clone() }], now);
        }
        let last = self.rope().char_to_line(start) + text.matches('\n').count();
        self.select(Selection::caret(motion::first_word(self.rope(), last)));
    }

    /// How wide a text is at the start of a line.
    fn cells_of(&self, text: &str) -> usize {
        let n_tabs = text.matches('\t').count();
        text.width() + n_tabs * usize::from(self.tab_width.cells()) - n_tabs.min(text.width())
    }
}

/// Returns the lines filled anew.
fn filled(
    rope: &Rope,
    lines: Range<usize>,
    comment: Option<&str>,
    width: usize,
    cells: impl Fn(&str) -> usize,
) -> String {
    let mut out: Vec<String> = Vec::new();
    // What the lines of the paragraph begin with, once there is one.
    let mut leader: Option<String> = None;
    for line in lines {
        let text = rope.slice(rope.line_to_char(line)..line_end(rope, line)).to_string();
        let (own, words) = text.split_at(leader_bytes(&text, comment));
        if words.trim().is_empty() {
            out.push(text.trim_end().to_owned());
            leader = None;
            continue;
        }
        let goes_on = leader.as_ref().is_some_and(|leader| leader.trim() == own.trim());
        if !goes_on {
            out.push(own.to_owned());
            leader = Some(own.to_owned());
        }
        let leader = leader.as_deref().unwrap_or(own);
        for word in words.split_whitespace() {
            let last = out.len() - 1;
            let is_first = out[last].len() == leader.len();
            let n_blanks = usize::from(!is_first);
            if !is_first && width < cells(&out[last]) + n_blanks + cells(word) {
                out.push(format!("{leader}{word}"));
            } else {
                out[last].push_str(if is_first { "" } else { " " });
                out[last].push_str(word);
            }
        }
    }
    out.join("\n")
}

/// Returns how many bytes a line begins with that each line of a paragraph begins with: blanks, and what starts a comment.
fn leader_bytes(text: &str, comment: Option<&str>) -> usize {
    let n_blanks = |text: &str| text.len() - text.trim_start_matches([' ', '\t']).len();
    let indent = n_blanks(text);
    let Some(comment) = comment.filter(|comment| text[indent..].starts_with(comment)) else { return indent };
    // Of `///` and `//!` all belongs to it.
    let last = comment.chars().last();
    let rest = &text[indent + comment.len()..];
    let n_more = rest.len() - rest.trim_start_matches(|c| Some(c) == last || c == '!').len();
    let at = indent + comment.len() + n_more;
    at + n_blanks(&text[at..])
}
