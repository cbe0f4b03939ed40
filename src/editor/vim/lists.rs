//! What vim lists: registers, marks, and what the character under the caret is.

use crate::base::time::MonoTime;
use crate::document::{Anchor, Bias};
use crate::editor::column::line_end;
use crate::editor::glyph::is_plain;
use crate::editor::picker::{Item, Picker, PickerKind};
use crate::editor::{Effect, Model, grapheme};

/// Characters of a register or a line that are shown.
const SHOWN_CHARS_MAX: usize = 60;

/// Registers that hold something of themselves, in the order in which they are listed.
const NAMES: &str = "\"0123456789abcdefghijklmnopqrstuvwxyz-+*/%";

impl Model {
    /// Lists the registers; the one that is picked is put.
    pub(super) fn vim_list_registers(&mut self) -> bool {
        let item = |name: char| {
            let register = self.vim_register(name)?;
            let shown: String = register.text.chars().take(SHOWN_CHARS_MAX).collect();
            let text = format!("\"{name}   {}", shown.replace('\n', "^J"));
            (!shown.is_empty()).then_some(Item { text, detail: String::new() })
        };
        let items: Vec<Item> = NAMES.chars().filter_map(item).collect();
        if items.is_empty() {
            return self.vim_refuse("nothing is in any register yet".to_owned());
        }
        self.picker = Some(Picker::new(PickerKind::Registers, items));
        true
    }

    /// Puts the register of a row of the list.
    pub(crate) fn put_listed(&mut self, row: &str, now: MonoTime, effects: &mut Vec<Effect>) {
        self.vim.register = row.chars().nth(1);
        self.vim.is_change = true;
        self.vim_put(false, None, now, effects);
    }

    /// Lists the marks; the one that is picked is gone to.
    pub(super) fn vim_list_marks(&mut self) -> bool {
        let mut marks: Vec<(char, Anchor)> =
            self.vim.marks.iter().map(|(&name, &at)| (name, at)).filter(|(name, _)| *name != '`').collect();
        marks.sort_by_key(|&(name, _)| (!name.is_alphabetic(), name));
        marks.retain(|&(_, anchor)| self.document.resolve(anchor).is_some());
        if marks.is_empty() {
            return self.vim_refuse("there are no marks yet; ma sets one".to_owned());
        }
        let rope = self.document.rope();
        let item = |&(name, anchor): &(char, Anchor)| {
            let line = rope.char_to_line(self.document.resolve(anchor).unwrap_or(0));
            let text = rope.slice(rope.line_to_char(line)..line_end(rope, line));
            let text: String = text.chars().skip_while(|c| c.is_whitespace()).take(SHOWN_CHARS_MAX).collect();
            Item { text: format!("{name}   {text}"), detail: format!("line {}", line + 1) }
        };
        self.picker = Some(Picker::new(PickerKind::Marks, marks.iter().map(item).collect()));
        self.listed = marks.into_iter().map(|(_, anchor)| anchor).collect();
        true
    }

    /// Goes to the mark of a row of the list.
    pub(crate) fn go_to_listed_mark(&mut self, row: usize) {
        self.vim_note_jump();
        self.go_to_listed(row);
        let head = super::motion::in_line(self.rope(), self.selection.head);
        self.vim_place(head);
    }

    /// Says what the character under the caret is made of.
    pub(super) fn vim_tell_char(&mut self, now: MonoTime) -> bool {
        let head = self.selection.head;
        if head == line_end(self.rope(), self.line()) {
            return self.vim_refuse("there is no character here".to_owned());
        }
        let cluster = self.rope().slice(head..grapheme::next(self.rope(), head)).to_string();
        let shown = |c: char| {
            let name = if is_plain(c) { format!("{c} ") } else { String::new() };
            let bytes: Vec<String> =
                c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("{byte:02x}")).collect();
            format!("{name}U+{:04X} ({}, UTF-8 {})", c as u32, c as u32, bytes.join(" "))
        };
        // More than a few marks fit on no line.
        let all: Vec<String> = cluster.chars().take(4).map(shown).collect();
        self.notify(all.join(", "), now);
        true
    }

    /// A mark that is set where the caret is.
    pub(super) fn vim_set_mark(&mut self, name: char) {
        let mark = self.document.anchor(self.selection.head, Bias::Right);
        self.vim.marks.insert(name, mark);
    }
}
