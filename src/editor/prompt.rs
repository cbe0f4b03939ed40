//! Questions at the foot of the screen: one line of text, or one key.

use crate::base::time::MonoTime;

use super::command::Action;
use super::history::Asked;
use super::key::{Key, KeyCode};
use super::keymap::Found;
use super::line_input::{LineInput, Typed};
use super::{Effect, Model};

/// An open question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// What to find; `Find::needle` follows it.
    Find {
        /// What was typed so far.
        input: LineInput,
    },
    /// What the matches are replaced by; `Find::replacement` follows it.
    Replace {
        /// What was typed so far.
        input: LineInput,
    },
    /// A line of vim's.
    CommandLine {
        /// The character that began it.
        first: char,
        /// What was typed so far.
        input: LineInput,
    },
    /// Which line to go to.
    Goto {
        /// What was typed so far.
        input: LineInput,
    },
    /// Which file to save to.
    SaveAs {
        /// What was typed so far.
        input: LineInput,
    },
    /// What to do with unsaved edits.
    Quit,
    /// What to do about a file that another program changed.
    Conflict,
    /// What to do about a file that holds another text.
    Exists {
        /// Whether the two can be merged: not if the text has no file of its own yet.
        may_merge: bool,
    },
    /// At the start: whether to work in what another program did since.
    Recovered,
}

/// Where a text stays when it is not saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nowhere, and that is what discarding means: it is nobody else's.
    Unshared,
    /// Nowhere, because the disk takes no edits.
    Nowhere,
    /// In the shared text.
    Shared,
    /// On this machine, until the shared text can be reached.
    Here,
}

impl Prompt {
    /// Returns what is typed in answer, unless one key is the answer.
    pub fn input(&self) -> Option<&LineInput> {
        match self {
            Prompt::Find { input }
            | Prompt::Replace { input }
            | Prompt::CommandLine { input, .. }
            | Prompt::Goto { input }
            | Prompt::SaveAs { input } => Some(input),
            Prompt::Quit | Prompt::Conflict | Prompt::Exists { .. } | Prompt::Recovered => None,
        }
    }

    /// Returns the question as it fits on a screen of so many columns: a narrow one has only its answers, cut to what tells them
    /// apart, or leaves room for what is typed.
    pub fn question(&self, kept: Kept, columns: u16) -> String {
        let (label, columns) = (self.label(kept), usize::from(columns));
        match self {
            Prompt::Goto { .. } if columns < 2 * label.len() => return "Line: ".to_owned(),
            Prompt::Replace { .. } if columns < 2 * label.len() => return "With: ".to_owned(),
            _ => {}
        }
        match label.find('[').filter(|_| columns < label.len() + 1) {
            Some(answers) if label.contains("  ") => {
                let cut = |n: usize| {
                    let words = label[answers..].split_whitespace();
                    words.map(|word| &word[..word.len().min(n)]).collect::<Vec<_>>().join(" ")
                };
                let whole = label.len();
                [whole, 7, 6, 5]
                    .map(cut)
                    .into_iter()
                    .find(|text| text.len() < columns)
                    .unwrap_or_else(|| cut(3))
            }
            _ => label.to_owned(),
        }
    }

    /// Returns the question. `kept` is where the text stays when it is not saved.
    pub fn label(&self, kept: Kept) -> &'static str {
        match self {
            Prompt::CommandLine { first: '/', .. } => "/",
            Prompt::CommandLine { first: '?', .. } => "?",
            Prompt::CommandLine { .. } => ":",
            Prompt::Find { .. } => "Find: ",
            Prompt::Replace { .. } => "Replace with: ",
            Prompt::Goto { .. } => "Go to LINE[:COL]: ",
            Prompt::SaveAs { .. } => "Save as: ",
            Prompt::Quit => match kept {
                Kept::Unshared => "Unsaved changes: [s]ave  [d]iscard  [c]ancel",
                Kept::Nowhere => "NOT KEPT anywhere, and lost unless saved: [s]ave  [d]iscard  [c]ancel",
                Kept::Shared => {
                    "Not in the file yet (the shared text keeps all): [s]ave  [q]uit without saving  [c]ancel"
                }
                Kept::Here => {
                    "Not in the file yet (kept here, sent later): [s]ave  [q]uit without saving  [c]ancel"
                }
            },
            Prompt::Conflict => "Another program changed the file: [m]erge  [o]verwrite  [c]ancel",
            Prompt::Exists { may_merge: true } => {
                "The file exists and holds something else: [m]erge  [o]verwrite  [c]ancel"
            }
            Prompt::Exists { may_merge: false } => "There is such a file already: [o]verwrite  [c]ancel",
            Prompt::Recovered => "Another program changed the file meanwhile: [m]erge its changes  [c]ancel",
        }
    }
}

/// Returns the answer that stands at a column of a question: the letter of the `[s]ave` there.
fn answer_at(label: &str, column: usize) -> Option<char> {
    let start = label.get(..=column)?.rfind('[')?;
    let mut word = label[start + 1..].chars();
    let (letter, close) = (word.next()?, word.next()?);
    let end = label[start..].find(' ').map_or(label.len(), |n| start + n);
    (close == ']' && column < end).then_some(letter)
}

impl Model {
    /// Works a key into the open prompt.
    pub(crate) fn prompt_key(&mut self, key: Key, now: MonoTime, effects: &mut Vec<Effect>) {
        if self.history_key(key) {
            return;
        }
        match self.prompt.clone() {
            Some(Prompt::Find { input }) => self.find_key(key, input, now),
            Some(Prompt::Replace { input }) => self.replace_key(key, input, now),
            Some(Prompt::Goto { input }) => self.goto_key(key, input, now),
            Some(Prompt::SaveAs { input }) => self.save_as_key(key, input, now, effects),
            Some(Prompt::Quit) => self.quit_key(key, now, effects),
            Some(Prompt::Conflict) => self.conflict_key(key, true, true, now, effects),
            Some(Prompt::Exists { may_merge }) => self.conflict_key(key, may_merge, true, now, effects),
            Some(Prompt::Recovered) => self.conflict_key(key, true, false, now, effects),
            // Its keys are vim's.
            Some(Prompt::CommandLine { .. }) | None => {}
        }
    }

    /// Brings back what was typed at this prompt before, by Alt-Up and Alt-Down, and without Alt where those have nothing else to do.
    /// Returns whether the key was for that.
    fn history_key(&mut self, key: Key) -> bool {
        let is_back = match key.code {
            KeyCode::Up => true,
            KeyCode::Down => false,
            _ => {
                self.history.stop();
                return false;
            }
        };
        let (asked, is_free) = match &self.prompt {
            Some(Prompt::Find { input }) => {
                (Asked::Find, input.text().is_empty() || self.history.is_walking())
            }
            Some(Prompt::Replace { .. }) => (Asked::Replace, false),
            Some(Prompt::Goto { .. }) => (Asked::Goto, true),
            _ => return false,
        };
        if !key.alt && !is_free {
            return false;
        }
        let shown = match self.prompt.as_ref().and_then(Prompt::input) {
            // What will go once something is typed does not count as typed.
            Some(input) if !input.is_selected() || self.history.is_walking() => input.text().to_owned(),
            _ => String::new(),
        };
        let Some(line) = self.history.step(asked, is_back, &shown) else { return true };
        let input = LineInput::new(line);
        match asked {
            Asked::Find => self.find_typed(input),
            Asked::Replace => self.replacement_typed(input),
            _ => self.prompt = Some(Prompt::Goto { input }),
        }
        true
    }

    /// Works a click on the question's row in: an answer that is clicked is given.
    pub(crate) fn prompt_press(&mut self, x: u16, now: MonoTime, effects: &mut Vec<Effect>) {
        let Some(prompt) = &self.prompt else { return };
        let question = prompt.question(self.kept(), self.screen.0);
        if let Some(answer) = answer_at(&question, usize::from(x).saturating_sub(1)) {
            self.prompt_key(Key::plain(KeyCode::Char(answer)), now, effects);
        }
    }

    /// Works a paste into the open prompt, never as keys. What is searched for and what replaces it may have several lines.
    pub(crate) fn prompt_paste(&mut self, text: &str) {
        match self.prompt.clone() {
            Some(Prompt::Find { mut input }) => {
                input.paste(text);
                self.find_typed(input);
            }
            Some(Prompt::Replace { mut input }) => {
                input.paste(text);
                self.replacement_typed(input);
            }
            Some(Prompt::CommandLine { .. }) => self.vim_paste_line(text),
            _ => {}
        }
        if let Some(Prompt::Goto { input } | Prompt::SaveAs { input }) = &mut self.prompt {
            input.paste_line(text);
        }
    }

    /// Asks for what to search for, which is this unless something is typed.
    pub(crate) fn ask_what_to_find(&mut self) {
        self.prompt = Some(Prompt::Find { input: LineInput::selected(self.find.needle.clone()) });
    }

    /// Asks for what replaces the matches, which is what it was the last time unless something is typed.
    pub(crate) fn ask_for_replacement(&mut self) {
        self.prompt = Some(Prompt::Replace { input: LineInput::selected(self.find.replacement.clone()) });
    }

    /// Asks where to save to.
    pub(crate) fn ask_where_to_save(&mut self, path: impl Into<String>) {
        self.prompt = Some(Prompt::SaveAs { input: LineInput::new(path) });
    }

    fn find_typed(&mut self, input: LineInput) {
        self.find.needle = input.text().to_owned();
        self.prompt = Some(Prompt::Find { input });
        self.find_from_origin();
    }

    fn replacement_typed(&mut self, input: LineInput) {
        self.find.replacement = input.text().to_owned();
        self.prompt = Some(Prompt::Replace { input });
    }

    /// Returns the command that a key has outside of a prompt.
    fn action_of(&self, key: Key) -> Option<Action> {
        match self.settings.keymap.find(&[key]) {
            Found::Action(action, _) => Some(action),
            Found::Chord | Found::Nothing => None,
        }
    }

    /// Works a key into the search. Whatever is none of its keys does nothing: it never acts on the text.
    fn find_key(&mut self, key: Key, mut input: LineInput, now: MonoTime) {
        if self.option_key(key) {
            return;
        }
        match (key.code, self.action_of(key)) {
            (KeyCode::Esc, _) => {
                self.select(self.find.origin);
                self.close_find();
            }
            (KeyCode::Char('s' | 'S'), _) if key.alt => {
                self.settle_first();
                self.close_find();
            }
            (KeyCode::Enter, _) if self.find.wants_replacement => self.replace_next(),
            (KeyCode::Tab, _) | (_, Some(Action::Replace)) => self.replace_next(),
            (_, Some(Action::SelectAllMatches)) => {
                self.settle_first();
                let n = self.select_found();
                self.close_find();
                self.notify(format!("{n} selected"), now);
            }
            (KeyCode::Enter, _) if key.shift => self.step_in_prompt(false, now),
            (KeyCode::Enter | KeyCode::Down, _) | (_, Some(Action::FindNext | Action::Find)) => {
                self.step_in_prompt(true, now);
            }
            (KeyCode::Up, _) | (_, Some(Action::FindPrevious)) => self.step_in_prompt(false, now),
            (_, Some(Action::Paste)) => self.prompt_paste(&self.clipboard.parts.join("\n")),
            _ => match input.key(key) {
                Typed::Changed => self.find_typed(input),
                Typed::Moved => self.prompt = Some(Prompt::Find { input }),
                Typed::Nothing => {}
            },
        }
    }

    /// Goes on to what replaces the matches.
    fn replace_next(&mut self) {
        self.history.add(Asked::Find, &self.find.needle);
        self.settle_first();
        self.ask_for_replacement();
    }

    /// Goes to the next or the previous match, and says when that was around the end.
    fn step_in_prompt(&mut self, forward: bool, now: MonoTime) {
        self.history.add(Asked::Find, &self.find.needle);
        if self.find_step(forward) {
            self.tell_around(forward, now);
        }
    }

    /// Switches how it is searched. Returns whether the key was for that.
    fn option_key(&mut self, key: Key) -> bool {
        if !key.alt {
            return false;
        }
        match key.code {
            KeyCode::Char('c' | 'C') => self.change_options(|options| options.is_exact ^= true),
            KeyCode::Char('w' | 'W') => self.change_options(|options| options.is_word ^= true),
            KeyCode::Char('r' | 'R') => self.change_options(|options| options.is_regex ^= true),
            _ => return false,
        }
        true
    }

    /// Works a key into what replaces the matches: Enter replaces one, Alt-Enter or Ctrl-A all of them.
    fn replace_key(&mut self, key: Key, mut input: LineInput, now: MonoTime) {
        if self.option_key(key) {
            return;
        }
        match key.code {
            KeyCode::Tab => self.ask_what_to_find(),
            KeyCode::Enter if key.alt || key.ctrl => self.replace_all_and_tell(now),
            KeyCode::Char('a') if key.ctrl => self.replace_all_and_tell(now),
            KeyCode::Enter => {
                self.history.add(Asked::Replace, &self.find.replacement);
                self.replace_one(now);
            }
            KeyCode::Down => self.step_in_prompt(true, now),
            KeyCode::Up => self.step_in_prompt(false, now),
            KeyCode::Esc => self.close_find(),
            _ if self.action_of(key) == Some(Action::Paste) => {
                self.prompt_paste(&self.clipboard.parts.join("\n"));
            }
            _ => match input.key(key) {
                Typed::Changed => self.replacement_typed(input),
                Typed::Moved => self.prompt = Some(Prompt::Replace { input }),
                Typed::Nothing => {}
            },
        }
    }

    fn replace_all_and_tell(&mut self, now: MonoTime) {
        if !self.may_edit(now) {
            return self.close_find();
        }
        self.history.add(Asked::Replace, &self.find.replacement);
        let n = self.replace_all(now);
        if n == 0 {
            return self.notify("nothing was replaced: there is no match", now);
        }
        self.close_find();
        let matches = if n == 1 { "match" } else { "matches" };
        self.notify(format!("replaced {n} {matches}; Ctrl-Z takes it back"), now);
    }

    /// Closes the search and stays. What is searched for from now on is in all of the text.
    pub(crate) fn close_find(&mut self) {
        if matches!(self.prompt, Some(Prompt::Find { .. })) {
            self.history.add(Asked::Find, &self.find.needle);
        }
        self.prompt = None;
        self.find.scope = None;
        self.find.scan.stop();
        self.find.is_lit = false;
    }

    fn goto_key(&mut self, key: Key, mut input: LineInput, now: MonoTime) {
        match key.code {
            KeyCode::Esc => self.prompt = None,
            KeyCode::Enter => {
                self.prompt = None;
                let Some((line, column)) = parse_place(input.text()) else {
                    let words =
                        format!("{:?} is not a line; type a number such as 120 or 120:8", input.text());
                    return self.notify(words, now);
                };
                self.history.add(Asked::Goto, input.text());
                self.end_run();
                self.go_to(line, column);
                if self.file.loading.is_some() && self.line() + 1 != line {
                    self.notify(format!("line {line} is shown when it was read"), now);
                }
            }
            _ if self.action_of(key) == Some(Action::Paste) => {
                self.prompt_paste(&self.clipboard.parts.join("\n"));
            }
            _ => {
                input.key(key);
                self.prompt = Some(Prompt::Goto { input });
            }
        }
    }

    fn save_as_key(&mut self, key: Key, mut input: LineInput, now: MonoTime, effects: &mut Vec<Effect>) {
        match key.code {
            KeyCode::Esc => self.close_prompt(),
            KeyCode::Enter if input.text().trim().is_empty() => {}
            KeyCode::Enter => {
                self.prompt = None;
                self.save_path = Some(input.text().to_owned());
                self.save(false, now, effects);
            }
            _ if self.action_of(key) == Some(Action::Paste) => {
                self.prompt_paste(&self.clipboard.parts.join("\n"));
            }
            _ => {
                input.key(key);
                self.prompt = Some(Prompt::SaveAs { input });
            }
        }
    }

    /// Closes whatever is asked: nothing is under way any more.
    pub(crate) fn close_prompt(&mut self) {
        self.close_find();
        (self.quits_after_save, self.save_path) = (false, None);
    }

    fn quit_key(&mut self, key: Key, now: MonoTime, effects: &mut Vec<Effect>) {
        match key.code {
            KeyCode::Char('s' | 'S') => {
                self.close_prompt();
                self.quits_after_save = true;
                self.save(false, now, effects);
            }
            KeyCode::Char('d' | 'D' | 'q' | 'Q') => effects.push(Effect::Quit),
            KeyCode::Char('c' | 'C') | KeyCode::Esc => self.close_prompt(),
            _ => {}
        }
    }

    fn conflict_key(
        &mut self,
        key: Key,
        may_merge: bool,
        may_overwrite: bool,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) {
        match key.code {
            KeyCode::Char('m' | 'M') if may_merge => {
                self.close_prompt();
                self.read_file(Effect::LoadTheirs, now, effects);
            }
            KeyCode::Char('o' | 'O') if may_overwrite => {
                self.prompt = None;
                self.save(true, now, effects);
            }
            KeyCode::Char('c' | 'C') | KeyCode::Esc => match self.save_path.take() {
                // What was typed is there to be mended.
                Some(path) => self.ask_where_to_save(path),
                None => self.close_prompt(),
            },
            _ => {}
        }
    }
}

/// Reads `LINE` or `LINE:COL`, from 1 (0 is taken for 1).
pub fn parse_place(input: &str) -> Option<(usize, usize)> {
    let (line, column) = input.trim().split_once(':').unwrap_or((input.trim(), "1"));
    let line = line.trim().parse().ok()?;
    let column = if column.trim().is_empty() { 1 } else { column.trim().parse().ok()? };
    Some((usize::max(line, 1), usize::max(column, 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_screen_has_every_answer_and_room_for_what_is_typed() {
        assert_eq!(Prompt::Quit.question(Kept::Unshared, 80), "Unsaved changes: [s]ave  [d]iscard  [c]ancel");
        assert_eq!(Prompt::Quit.question(Kept::Unshared, 40), "[s]ave [d]iscard [c]ancel");
        assert_eq!(Prompt::Quit.question(Kept::Unshared, 20), "[s]av [d]is [c]an");
        assert_eq!(Prompt::Exists { may_merge: true }.question(Kept::Unshared, 12), "[m] [o] [c]");
        assert_eq!(Prompt::Goto { input: LineInput::default() }.question(Kept::Unshared, 20), "Line: ");
        assert_eq!(answer_at("[s]av [d]is [c]an", 9), Some('d'));
    }

    #[test]
    fn places() {
        assert_eq!(parse_place("12"), Some((12, 1)));
        assert_eq!(parse_place(" 12:8 "), Some((12, 8)));
        assert_eq!(parse_place("12:"), Some((12, 1)));
        assert_eq!(parse_place("0:0"), Some((1, 1)));
        assert_eq!(parse_place(""), None);
        assert_eq!(parse_place("x"), None);
        assert_eq!(parse_place("99999999999999999999999"), None);
    }
}
