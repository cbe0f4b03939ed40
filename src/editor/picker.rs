//! A list that is narrowed by typing: the palette of commands, files, open texts.

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::base::text_format::encoding::Encoding;
use crate::base::time::MonoTime;

use super::command::{Action, COMMANDS};
use super::glyph::TabWidth;
use super::key::{Key, KeyCode, Mouse, MouseKind};
use super::keymap::Found;
use super::line_input::{LineInput, Typed};
use super::panes::Area;
use super::{Effect, Model};

/// What is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickerKind {
    /// A command, to be run.
    Commands,
    /// A file, to be opened.
    Files,
    /// An open text, to be shown.
    Texts,
    /// Something that the text defines, to be gone to.
    Symbols,
    /// Somebody who is here, to be gone to.
    People,
    /// Somebody who is here, to be gone along with.
    Follow,
    /// An encoding, to be saved in.
    SaveEncodings,
    /// An encoding, to read the file again in.
    ReopenEncodings,
    /// How wide a tab is drawn.
    TabWidths,
    /// One step of indentation.
    Indentations,
    /// An option of vim, to be switched.
    Options,
    /// A register of vim, to be put.
    Registers,
    /// A mark of vim, to be gone to.
    Marks,
    /// A theme, in which all is drawn as soon as it is chosen in the list.
    Themes,
}

impl PickerKind {
    /// Returns the title of the list.
    pub fn title(self) -> &'static str {
        match self {
            PickerKind::Commands => "Run",
            PickerKind::Files => "Open",
            PickerKind::Texts => "Show",
            PickerKind::Symbols => "Go to",
            PickerKind::People => "Go to",
            PickerKind::Follow => "Follow",
            PickerKind::SaveEncodings => "Save in",
            PickerKind::ReopenEncodings => "Read again as",
            PickerKind::TabWidths => "A tab is so wide",
            PickerKind::Indentations => "Indent by",
            PickerKind::Options => "Switch",
            PickerKind::Registers => "Put",
            PickerKind::Marks => "Go to mark",
            PickerKind::Themes => "Draw in",
        }
    }
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is matched and picked. Made safe when drawn.
    pub text: String,
    /// What is shown beside it.
    pub detail: String,
}

/// Rows of a list on a screen that has more.
const ROWS_MAX: u16 = 16;

/// Where an open list is on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListPlace {
    /// The box around it.
    pub outer: Area,
    /// The row in which one types.
    pub input_y: u16,
    /// Where its rows are.
    pub rows: Area,
    /// Which of those found is the first of them.
    pub first: usize,
}

/// An open list.
#[derive(Clone, Debug)]
pub struct Picker {
    /// What is picked.
    pub kind: PickerKind,
    /// What was typed so far.
    pub input: LineInput,
    /// All rows.
    pub items: Vec<Item>,
    /// The rows that match, the best first.
    pub found: Vec<usize>,
    /// Which of `found` is chosen.
    pub selected: usize,
    /// Whether its rows are still looked for. What is typed meanwhile is kept for them.
    pub is_awaited: bool,
}

impl Picker {
    /// Opens a list.
    pub fn new(kind: PickerKind, items: Vec<Item>) -> Picker {
        let found = (0..items.len()).collect();
        Picker { kind, input: LineInput::default(), items, found, selected: 0, is_awaited: false }
    }

    /// Opens a list whose rows are not known yet.
    pub fn awaited(kind: PickerKind) -> Picker {
        Picker { is_awaited: true, ..Picker::new(kind, Vec::new()) }
    }

    /// Takes the rows that were awaited. Where nothing was typed meanwhile, this one is chosen.
    pub(crate) fn fill(&mut self, items: Vec<Item>, selected: usize) {
        (self.items, self.is_awaited) = (items, false);
        self.narrow();
        if self.input.text().is_empty() {
            self.selected = selected;
        }
    }

    /// Works a changed input in. O(items).
    fn narrow(&mut self) {
        self.selected = 0;
        if self.input.text().trim().is_empty() {
            self.found = (0..self.items.len()).collect();
            return;
        }
        let mut matcher = Matcher::new(Config::DEFAULT.match_paths());
        // Names of files are guessed at by their letters; of the words of a command one types some.
        let kind = match self.kind {
            PickerKind::Commands => AtomKind::Substring,
            _ => AtomKind::Fuzzy,
        };
        let pattern = Pattern::new(self.input.text(), CaseMatching::Smart, Normalization::Smart, kind);
        let mut chars = Vec::new();
        let mut scored: Vec<(u32, usize)> = Vec::new();
        for (idx, item) in self.items.iter().enumerate() {
            if let Some(score) = pattern.score(Utf32Str::new(&item.text, &mut chars), &mut matcher) {
                scored.push((score, idx));
            }
        }
        scored.sort_by_key(|&(score, idx)| (std::cmp::Reverse(score), idx));
        self.found = scored.into_iter().map(|(_, idx)| idx).collect();
    }

    /// Returns where the list is on a screen: at its top, with the chosen row in view.
    pub fn place(&self, width: u16, height: u16) -> ListPlace {
        let columns = width.saturating_sub(4).clamp(1, 90).min(width);
        // The box, and the row in which one types.
        let n_rows = ROWS_MAX.min(height.saturating_sub(3)).max(1);
        let y = u16::from(n_rows + 4 < height);
        let outer = Area { x: (width - columns) / 2, y, columns, rows: n_rows + 3 };
        let rows = Area { x: outer.x + 1, y: y + 2, columns: columns.saturating_sub(2), rows: n_rows };
        let first = (self.selected + 1).saturating_sub(n_rows.into());
        ListPlace { outer, input_y: y + 1, rows, first }
    }

    /// Returns the chosen row's number among all.
    fn picked(&self) -> Option<usize> {
        self.found.get(self.selected).copied()
    }

    fn step(&mut self, by: isize) {
        let last = self.found.len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(by).min(last);
    }

    /// Adds what was pasted.
    pub(crate) fn paste(&mut self, text: &str) {
        self.input.paste_line(text);
        self.narrow();
    }

    fn type_key(&mut self, key: Key) {
        if self.input.key(key) == Typed::Changed {
            self.narrow();
        }
    }
}

impl Model {
    /// Opens the list of all commands.
    pub(crate) fn open_palette(&mut self) {
        let item = |command: &super::command::Command| Item {
            text: format!("{} ({})", command.about, command.name),
            detail: self.settings.keymap.keys_of(command).join(", "),
        };
        self.picker = Some(Picker::new(PickerKind::Commands, COMMANDS.iter().map(item).collect()));
    }

    /// Works the mouse into the open list: a click picks, one beside the list closes it.
    pub(crate) fn picker_mouse(&mut self, mouse: Mouse, now: MonoTime, effects: &mut Vec<Effect>) {
        let before = self.theme_looked_at();
        self.list_mouse(mouse, now, effects);
        self.look_at_theme(before, effects);
    }

    fn list_mouse(&mut self, mouse: Mouse, now: MonoTime, effects: &mut Vec<Effect>) {
        let (width, height) = self.screen;
        let Some(picker) = &mut self.picker else { return };
        let place = picker.place(width, height);
        match mouse.kind {
            MouseKind::WheelUp => picker.step(-3),
            MouseKind::WheelDown => picker.step(3),
            MouseKind::Press if place.rows.contains(mouse.x, mouse.y) => {
                let n = place.first + usize::from(mouse.y - place.rows.y);
                if n < picker.found.len() {
                    picker.selected = n;
                    self.pick(now, effects);
                }
            }
            MouseKind::Press if !place.outer.contains(mouse.x, mouse.y) => self.close_list(effects),
            MouseKind::Press | MouseKind::Drag | MouseKind::Release => {}
        }
    }

    /// Works a key into the open list.
    pub(crate) fn picker_key(&mut self, key: Key, now: MonoTime, effects: &mut Vec<Effect>) {
        let before = self.theme_looked_at();
        self.list_key(key, now, effects);
        self.look_at_theme(before, effects);
    }

    /// Returns the theme that is chosen in an open list of them.
    fn theme_looked_at(&self) -> Option<String> {
        let picker = self.picker.as_ref().filter(|picker| picker.kind == PickerKind::Themes)?;
        Some(picker.items[picker.picked()?].text.clone())
    }

    /// Draws in the theme that is chosen in the list now, if it was another one before.
    fn look_at_theme(&self, before: Option<String>, effects: &mut Vec<Effect>) {
        let name = self.theme_looked_at();
        if name.is_some() && name != before {
            effects.push(Effect::Theme { name, is_chosen: false });
        }
    }

    fn list_key(&mut self, key: Key, now: MonoTime, effects: &mut Vec<Effect>) {
        let Some(picker) = &mut self.picker else { return };
        match key.code {
            KeyCode::Esc => self.close_list(effects),
            KeyCode::Enter => self.pick(now, effects),
            KeyCode::Up => picker.step(-1),
            KeyCode::Down | KeyCode::Tab => picker.step(1),
            KeyCode::PageUp => picker.step(-10),
            KeyCode::PageDown => picker.step(10),
            KeyCode::Char('p') if key.ctrl => picker.step(-1),
            KeyCode::Char('n') if key.ctrl => picker.step(1),
            _ if self.settings.keymap.find(&[key]) == Found::Action(Action::Paste, false) => {
                picker.paste(&self.clipboard.parts.join("\n"));
            }
            _ => picker.type_key(key),
        }
    }

    /// Returns the open list, if it waits for rows of this kind: not if its user has closed it since.
    pub(crate) fn awaiting(&mut self, kind: PickerKind) -> Option<&mut Picker> {
        self.picker.as_mut().filter(|picker| picker.is_awaited && picker.kind == kind)
    }

    /// Closes the list, and nothing of it was picked.
    fn close_list(&mut self, effects: &mut Vec<Effect>) {
        if self.picker.take().is_some_and(|picker| picker.kind == PickerKind::Themes) {
            effects.push(Effect::Theme { name: None, is_chosen: true });
        }
    }

    fn pick(&mut self, now: MonoTime, effects: &mut Vec<Effect>) {
        let Some(picker) = self.picker.take_if(|picker| !picker.is_awaited) else { return };
        let Some(idx) = picker.picked() else {
            if picker.kind == PickerKind::Themes {
                effects.push(Effect::Theme { name: None, is_chosen: true });
            }
            // A file that is not there yet.
            let name = picker.input.text().trim();
            if picker.kind == PickerKind::Files && !name.is_empty() {
                effects.push(Effect::Open(name.to_owned()));
            }
            return;
        };
        match picker.kind {
            PickerKind::Files => effects.push(Effect::Open(picker.items[idx].text.clone())),
            PickerKind::Texts => effects.push(Effect::Show(idx)),
            PickerKind::Symbols => self.go_to_listed(idx),
            PickerKind::People => self.go_to_person(idx, now),
            PickerKind::Follow => self.follow_listed(idx, now),
            PickerKind::Marks => self.go_to_listed_mark(idx),
            PickerKind::Options => self.pick_option(idx, now),
            PickerKind::Themes => {
                let name = picker.items[idx].text.clone();
                self.notify(format!("to keep it, write in config.toml: theme = {name:?}"), now);
                effects.push(Effect::Theme { name: Some(name), is_chosen: true });
            }
            PickerKind::Registers => self.put_listed(&picker.items[idx].text, now, effects),
            PickerKind::SaveEncodings => self.save_in(Encoding::ALL[idx].0, now),
            PickerKind::ReopenEncodings => {
                self.read_file(Effect::Reopen(Encoding::ALL[idx].0), now, effects);
            }
            PickerKind::TabWidths => self.choose_tab_width(TabWidth::new(idx as u8 + 1), now),
            PickerKind::Indentations => self.choose_indentation(idx as u8, now),
            PickerKind::Commands => self.act(COMMANDS[idx].action, false, now, effects),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(rows: &[&str]) -> Picker {
        let item = |text: &&str| Item { text: (*text).to_owned(), detail: String::new() };
        Picker::new(PickerKind::Files, rows.iter().map(item).collect())
    }

    #[test]
    fn typing_narrows_to_what_matches_the_best_first() {
        let mut list = list(&["src/editor/find.rs", "src/view/text.rs", "docs/editing.md", "find.rs"]);
        assert_eq!(list.found, [0, 1, 2, 3]);
        list.paste("find");
        assert_eq!(list.found.len(), 2);
        list.paste(" sed");
        assert_eq!(list.found, [0]);
        list.paste("zzz");
        assert_eq!(list.picked(), None);
    }

    #[test]
    fn commands_are_found_by_parts_of_their_words() {
        let mut list =
            list(&["Save the file (save)", "Save to another file (save-as)", "Discard, and end (quit)"]);
        list.kind = PickerKind::Commands;
        list.paste("fil oth");
        assert_eq!(list.found, [1]);
        list.input = LineInput::default();
        list.paste("dnd");
        assert_eq!(list.picked(), None);
    }

    #[test]
    fn what_is_typed_before_the_rows_are_there_narrows_them() {
        let mut list = Picker::awaited(PickerKind::Files);
        list.paste("b");
        assert_eq!(list.picked(), None);
        let item = |text: &str| Item { text: text.to_owned(), detail: String::new() };
        list.fill(vec![item("a"), item("b")], 0);
        assert_eq!((list.picked(), list.is_awaited), (Some(1), false));
    }

    #[test]
    fn the_choice_stays_on_the_list() {
        let mut list = list(&["a", "b"]);
        list.step(-1);
        assert_eq!(list.picked(), Some(0));
        list.step(10);
        assert_eq!(list.picked(), Some(1));
    }
}
