//! The key map of vim: normal, insert and visual modes over the same model.
//!
//! Keys are gathered until they are a whole command (`keys`), which then runs (`run`, `plain`, `ex`). What repeats, `.`
//! and macros, repeats keys.

mod address;
mod changes;
mod ex;
mod ex_lines;
mod files;
mod global;
mod insert;
mod jumps;
mod keys;
mod line;
mod lists;
mod literal;
mod motion;
mod numbers;
mod object;
mod paste;
mod pattern;
mod plain;
mod reach;
mod reflow;
mod registers;
mod repeat;
mod replacement;
mod run;
mod set;
mod substitute;

use std::collections::HashMap;
use std::ops::Range;

use crate::base::time::MonoTime;
use crate::document::{Anchor, Bias};

use super::column::{at_column, column_of, line_end};
use super::key::{Key, KeyCode};
use super::lines::chars_of;
use super::prompt::Prompt;
use super::selection::Selection;
use super::{Effect, Model, grapheme};

use keys::Stop;
use motion::Shape;

/// What keys mean at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Commands.
    #[default]
    Normal,
    /// Text.
    Insert,
    /// Commands on a selection.
    Visual(Shape),
}

/// A text that was deleted or yanked.
#[derive(Clone, Debug, Default)]
struct Register {
    text: String,
    shape: Shape,
}

/// How it is searched, as `:set` has it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Search {
    /// Upper and lower case are told apart always.
    pub(super) is_exact: bool,
    /// They are not even for patterns with an upper-case letter.
    pub(super) folds_all: bool,
    /// What was found is not lit.
    pub(super) is_dark: bool,
}

/// What is typed over in replace mode by one key, to be put back.
#[derive(Clone, Debug)]
struct Replaced {
    /// Where what was typed begins and ends.
    typed: (Anchor, Anchor),
    /// What was there.
    before: String,
}

/// What vim remembers for all texts.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    registers: HashMap<char, Register>,
    macros: HashMap<char, Vec<Key>>,
    last_macro: Option<char>,
    last_change: Vec<Key>,
    last_to: Option<(char, bool, bool)>,
    last_substitute: Option<(String, String, String)>,
    last_ex: Option<String>,
    pub(super) search: Search,
    search_offset: String,
    is_search_forward: bool,
}

/// What vim remembers.
#[derive(Clone, Debug, Default)]
pub struct Vim {
    mode: Mode,
    /// The keys of a command that is not whole yet.
    pending: Vec<Key>,
    /// Every key since the last time nothing was under way: what `.` repeats if they change the text.
    change_keys: Vec<Key>,
    last_change: Vec<Key>,
    is_change: bool,
    /// Keys typed since insert mode began, and how often they count.
    inserted: Vec<Key>,
    insert_count: usize,
    /// Where inserting began, unless that is where an operator left the caret.
    insert_start: Option<Anchor>,
    /// Whether each time begins a line of its own.
    opens_line: bool,
    /// What each key typed over, the last one last. `None` where characters are inserted.
    replaced: Option<Vec<Replaced>>,
    /// Ctrl-O was pressed: after one command it goes on.
    inserts_after: bool,
    /// Ctrl-R was pressed: the next key names a register.
    inserts_register: bool,
    /// Ctrl-V was pressed: what follows is inserted as it is, these keys of a character's number so far.
    literal: Option<String>,
    /// Ctrl-G or Ctrl-X was pressed, whose second key this waits for.
    insert_prefix: Option<char>,
    /// The caret was moved while inserting: what is typed next is a change of its own.
    has_moved: bool,
    /// Ctrl-R was pressed in a line that is being typed: the next key names a register.
    line_takes_register: bool,
    /// The keys of the last insertion.
    last_inserted: Vec<Key>,
    registers: HashMap<char, Register>,
    /// The register that the command named.
    register: Option<char>,
    marks: HashMap<char, Anchor>,
    last_to: Option<(char, bool, bool)>,
    /// Where the caret was before it went far, the newest last, and which of them it went back to.
    jumps: Vec<Anchor>,
    jump: usize,
    /// Where in a match the search goes: what was written behind the pattern.
    search_offset: String,
    /// The end of what was put last.
    put_end: usize,
    /// Where the caret goes after a block of carets.
    block_start: Option<usize>,
    pub(super) search: Search,
    is_search_forward: bool,
    /// The column that `j` and `k` aim at.
    goal: Option<usize>,
    /// The cell of its row that `gj` and `gk` aim at.
    row_goal: Option<usize>,
    /// The mode, and the characters at which the last selection began and ended.
    last_visual: Option<(Mode, Anchor, Anchor)>,
    /// What the command that is under way changed, what it yanked, and whether it inserts.
    changed: Option<Range<usize>>,
    yanked: Option<Range<usize>>,
    was_insert: bool,
    /// Where the text was changed, the newest last, and which of them `g;` went to.
    changes: Vec<Anchor>,
    change: usize,
    /// Where the caret was before the command that is under way, and before each step of undo, by the number of groups with it.
    caret_before: usize,
    carets: Vec<(usize, usize)>,
    /// What `U` brings back.
    line_before: Option<changes::LineBefore>,
    /// `q` was pressed: the next key names what is recorded.
    names_recording: bool,
    recording: Option<(char, Vec<Key>)>,
    macros: HashMap<char, Vec<Key>>,
    last_macro: Option<char>,
    macro_depth: usize,
    n_replayed: usize,
    n_pastes: u32,
    is_replaying: bool,
    /// A command is being carried out: all that it does is one step of undo.
    is_running: bool,
    has_failed: bool,
    /// Why the last command could not be done.
    error: Option<String>,
    /// The last pattern and replacement of `:s`.
    last_substitute: Option<(String, String, String)>,
    /// The last line after a colon.
    last_ex: Option<String>,
}

impl Vim {
    /// Returns the mode.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns what the status line says of the mode.
    pub fn words(&self) -> String {
        let mode = match self.mode {
            Mode::Insert if self.replaced.is_some() => "REPLACE",
            Mode::Insert => "INSERT",
            Mode::Normal if self.inserts_after => "(INSERT)",
            Mode::Normal => "NORMAL",
            Mode::Visual(Shape::Chars) => "VISUAL",
            Mode::Visual(Shape::Lines) => "V-LINE",
            Mode::Visual(Shape::Block) => "V-BLOCK",
        };
        let shown = |key: &Key| match key.code {
            KeyCode::Char(c) if !key.ctrl && c != ' ' => c.to_string(),
            _ => key.to_string(),
        };
        // A line that is being typed is seen at its own place.
        let pending = if self.line_start().is_some() { &[][..] } else { &self.pending[..] };
        let keys: String = pending.iter().map(shown).collect();
        let recording =
            self.recording.as_ref().map_or(String::new(), |(name, _)| format!(" recording @{name}"));
        if keys.is_empty() { format!("{mode}{recording}") } else { format!("{mode}{recording} {keys}") }
    }

    /// Returns where in the keys so far a line begins that is being typed, and by which character.
    fn line_start(&self) -> Option<(usize, char)> {
        let keys = &self.pending;
        let takes_char = |key: &Key| {
            matches!(key.code, KeyCode::Char('"' | 'f' | 'F' | 't' | 'T' | 'm' | '\'' | '`' | 'r'))
        };
        let begins = |at: &usize| {
            matches!(keys[*at].code, KeyCode::Char('/' | '?' | ':'))
                && !at.checked_sub(1).is_some_and(|before| takes_char(&keys[before]))
        };
        let at = (0..keys.len()).find(begins)?;
        let KeyCode::Char(first) = keys[at].code else { return None };
        Some((at, first))
    }

    /// Returns what all texts have in common.
    pub(crate) fn common(&self) -> Common {
        Common {
            registers: self.registers.clone(),
            macros: self.macros.clone(),
            last_macro: self.last_macro,
            last_change: self.last_change.clone(),
            last_to: self.last_to,
            last_substitute: self.last_substitute.clone(),
            last_ex: self.last_ex.clone(),
            search: self.search,
            search_offset: self.search_offset.clone(),
            is_search_forward: self.is_search_forward,
        }
    }

    /// Takes over what all texts have in common.
    pub(crate) fn take_common(&mut self, common: Common) {
        self.registers = common.registers;
        self.macros = common.macros;
        self.last_macro = common.last_macro;
        self.last_change = common.last_change;
        self.last_to = common.last_to;
        self.last_substitute = common.last_substitute;
        self.last_ex = common.last_ex;
        self.search = common.search;
        self.search_offset = common.search_offset;
        self.is_search_forward = common.is_search_forward;
    }

    /// Whether edits belong to the step of undo before them.
    pub(crate) fn holds_step(&self) -> bool {
        self.mode == Mode::Insert || 0 < self.macro_depth || self.is_replaying || self.is_running
    }
}

impl Model {
    /// Works a key in. Returns whether that was all; otherwise it means what it means without vim.
    pub(crate) fn vim_key(&mut self, key: Key, now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        // A terminal sends Alt with a character as Esc and the character: over a slow line, Esc and then a command look the
        // same, and are what is meant.
        if key.alt && matches!(key.code, KeyCode::Char(_)) {
            let keys = [Key::plain(KeyCode::Esc), Key { alt: false, ..key }];
            keys.into_iter().for_each(|key| self.key(key, now, effects));
            return true;
        }
        // As vim has it, though Ctrl-C does the same without what Esc repeats.
        let is_esc = key.ctrl && matches!(key.code, KeyCode::Char('c' | '['));
        let key = if is_esc { Key::plain(KeyCode::Esc) } else { key };
        let is_typed = !self.vim.is_replaying && self.vim.macro_depth == 0;
        if is_typed && let Some((_, keys)) = &mut self.vim.recording {
            keys.push(key);
        }
        if !self.vim.is_replaying {
            self.vim.change_keys.push(key);
        }
        if std::mem::take(&mut self.vim.names_recording) {
            if let KeyCode::Char(name) = key.code {
                self.vim.recording = Some((name, Vec::new()));
            }
            self.vim_settle();
            return true;
        }
        if self.vim_is_idle() {
            self.vim.caret_before = self.selection.head;
            if is_typed {
                (self.vim.changed, self.vim.yanked, self.vim.was_insert) = (None, None, false);
            }
        }
        match self.vim.mode {
            Mode::Insert => self.vim_insert_key(key, now, effects),
            Mode::Normal | Mode::Visual(_) => self.vim_command_key(key, now, effects),
        }
    }

    fn vim_command_key(&mut self, key: Key, now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        let is_first = self.vim.pending.is_empty();
        if is_first && key.code == KeyCode::Esc {
            if std::mem::take(&mut self.vim.inserts_after) {
                self.vim.mode = Mode::Insert;
                return true;
            }
            self.find.is_lit = false;
            self.others.clear();
            self.vim_leave_visual();
            self.vim_settle();
            return true;
        }
        if self.vim_line_key(key, now) {
            return true;
        }
        self.vim.pending.push(key);
        let is_visual = matches!(self.vim.mode, Mode::Visual(_));
        match keys::parse(&self.vim.pending, is_visual) {
            Err(Stop::More) => self.vim_show_line(),
            Err(Stop::Nothing) => {
                self.vim.pending.clear();
                self.prompt = None;
                self.vim_settle();
                let is_text = matches!(key.code, KeyCode::Char(_)) && !key.ctrl && !key.alt;
                return is_text || !is_first || matches!(key.code, KeyCode::Enter | KeyCode::Tab);
            }
            Ok(command) => {
                self.vim.pending.clear();
                self.prompt = None;
                self.end_run();
                let done = self.vim_run(command, now, effects);
                self.vim.has_failed |= !done;
                if let Some(why) = self.vim.error.take() {
                    self.notify(why, now);
                }
                if self.vim.mode == Mode::Normal && std::mem::take(&mut self.vim.inserts_after) {
                    self.vim.mode = Mode::Insert;
                } else if self.vim.mode == Mode::Normal && self.prompt.is_none() {
                    let at = motion::in_line(self.rope(), self.selection.head);
                    self.select(Selection::caret(at));
                }
                self.vim_settle();
            }
        }
        true
    }

    /// Nothing is under way: what came before is what `.` repeats, if it changed the text.
    fn vim_settle(&mut self) {
        if self.vim.mode != Mode::Normal || !self.vim.pending.is_empty() || self.vim.is_replaying {
            return;
        }
        let keys = std::mem::take(&mut self.vim.change_keys);
        self.vim_note_changed();
        if std::mem::take(&mut self.vim.is_change) {
            self.vim.last_change = keys;
        }
    }

    /// Shows a line that is being typed, and lights what it would find.
    fn vim_show_line(&mut self) {
        let Some((at, first)) = self.vim.line_start() else { return };
        let keys = &self.vim.pending;
        let Some((line, _)) = keys::typed_line(&keys[at + 1..]) else { return };
        let (pattern, _) = pattern::with_offset(line.text(), first);
        if first != ':' && !pattern.is_empty() {
            let wanted = self.vim_needle(pattern, "");
            self.find.is_lit = wanted.and_then(|(needle, options)| self.search_for(needle, options)).is_ok();
        }
        self.prompt = Some(Prompt::CommandLine { first, input: line });
    }

    /// A new step of undo, unless what runs is one as a whole.
    fn vim_new_step(&mut self) {
        if self.vim.macro_depth == 0 && !self.vim.is_replaying {
            self.document.end_undo_group();
        }
    }

    /// The selected characters; the one under the caret is one of them.
    fn vim_span(&self) -> Range<usize> {
        let Selection { anchor, head, .. } = self.selection;
        if anchor <= head { anchor..grapheme::next(self.rope(), head) } else { head..anchor }
    }

    /// Moves the end of the selection.
    fn vim_extend(&mut self, to: usize) {
        let span = self.vim_span();
        let Selection { anchor, head, .. } = self.selection;
        let start = if anchor <= head { anchor } else { grapheme::prev(self.rope(), span.end) };
        let anchor = if start <= to { start } else { grapheme::next(self.rope(), start) };
        self.select(Selection { anchor, head: to, goal: None });
    }

    fn vim_select(&mut self, span: Range<usize>) {
        let head = grapheme::prev(self.rope(), span.end).max(span.start);
        self.select(Selection { anchor: span.start, head, goal: None });
    }

    /// The same columns of every line between the ends of the selection.
    fn vim_block(&self) -> Vec<Range<usize>> {
        let rope = self.rope();
        let span = self.vim_span();
        let last_char = grapheme::prev(rope, span.end).max(span.start);
        let (a, b) =
            (column_of(rope, span.start, self.tab_width), column_of(rope, last_char, self.tab_width));
        let (left, right) = (a.min(b), a.max(b));
        let to_end = self.vim.goal == Some(usize::MAX / 2);
        let lines = rope.char_to_line(span.start)..=rope.char_to_line(last_char);
        let pieces = lines.filter_map(|line| {
            let end = line_end(rope, line);
            let start = at_column(rope, line, left, self.tab_width);
            let last = at_column(rope, line, right, self.tab_width);
            let stop = if to_end || last == end { end } else { grapheme::next(rope, last) };
            (start < end || left == 0).then_some(start..stop)
        });
        let pieces: Vec<_> = pieces.collect();
        if pieces.is_empty() { std::iter::once(span.start..span.start).collect() } else { pieces }
    }

    /// Notes what is selected, for `gv`, `'<` and `'>`.
    fn vim_note_visual(&mut self) {
        if let Mode::Visual(_) = self.vim.mode {
            let span = self.vim_span();
            let mark = |at: usize| self.document.anchor(at, Bias::Right);
            let (first, last) =
                (mark(span.start), mark(grapheme::prev(self.rope(), span.end).max(span.start)));
            let is_forward = self.selection.anchor <= self.selection.head;
            let (from, to) = if is_forward { (first, last) } else { (last, first) };
            self.vim.last_visual = Some((self.vim.mode, from, to));
        }
    }

    fn vim_leave_visual(&mut self) {
        if let Mode::Visual(_) = self.vim.mode {
            self.vim_note_visual();
            self.vim.mode = Mode::Normal;
            self.select(Selection::caret(motion::in_line(self.rope(), self.selection.head)));
        }
    }

    /// Returns what is drawn as selected.
    pub(crate) fn lit_selections(&self) -> Vec<Range<usize>> {
        match self.vim.mode {
            Mode::Visual(Shape::Chars) if self.settings.is_vim => vec![self.vim_span()],
            Mode::Visual(Shape::Lines) if self.settings.is_vim => {
                let (span, rope) = (self.vim_span(), self.rope());
                let last = rope.char_to_line(span.end.saturating_sub(1).max(span.start));
                vec![chars_of(rope, rope.char_to_line(span.start)..last + 1)]
            }
            Mode::Visual(Shape::Block) if self.settings.is_vim => self.vim_block(),
            _ => std::iter::once(&self.selection).chain(&self.others).map(Selection::range).collect(),
        }
    }
}
