//! Questions at the foot of the screen: one line of text, or one key.

use crate::base::time::MonoTime;

use super::command::Action;
use super::key::{Key, KeyCode};
use super::keymap::Found;
use super::{Effect, Model};

/// Characters that can be typed at a prompt.
const INPUT_CHARS_MAX: usize = 1_000;

/// An open question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// What to find; the text is in `Find::needle`.
    Find,
    /// What the matches are replaced by; the text is in `Find::replacement`.
    Replace,
    /// A line of vim's, with the character that began it.
    CommandLine {
        /// What was typed so far.
        input: String,
    },
    /// Which line to go to.
    Goto {
        /// What was typed so far.
        input: String,
    },
    /// Which file to save to.
    SaveAs {
        /// What was typed so far.
        input: String,
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

impl Prompt {
    /// Returns the question as it fits on a screen of so many columns: a narrow one has only its answers, cut to what tells them
    /// apart, or leaves room for what is typed.
    pub fn question(&self, is_shared: bool, columns: u16) -> String {
        let (label, columns) = (self.label(is_shared), usize::from(columns));
        match self {
            Prompt::Goto { .. } if columns < 2 * label.len() => return "Line: ".to_owned(),
            Prompt::Replace if columns < 2 * label.len() => return "With: ".to_owned(),
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

    /// Returns the question. `is_shared` is whether the text lives elsewhere, too.
    pub fn label(&self, is_shared: bool) -> &'static str {
        match self {
            Prompt::CommandLine { .. } => "",
            Prompt::Find => "Find: ",
            Prompt::Replace => "Replace with: ",
            Prompt::Goto { .. } => "Go to LINE[:COL]: ",
            Prompt::SaveAs { .. } => "Save as: ",
            Prompt::Quit if is_shared => {
                "Not in the file yet (the shared text keeps all): [s]ave  [d]iscard  [c]ancel"
            }
            Prompt::Quit => "Unsaved changes: [s]ave  [d]iscard  [c]ancel",
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
        match self.prompt.clone() {
            Some(Prompt::Find) => self.find_key(key, now),
            Some(Prompt::Replace) => self.replace_key(key, now),
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

    /// Works a click on the question's row in: an answer that is clicked is given.
    pub(crate) fn prompt_press(&mut self, x: u16, now: MonoTime, effects: &mut Vec<Effect>) {
        let Some(prompt) = &self.prompt else { return };
        let question = prompt.question(self.is_kept_elsewhere(), self.size.0);
        if let Some(answer) = answer_at(&question, usize::from(x).saturating_sub(1)) {
            self.prompt_key(Key::plain(KeyCode::Char(answer)), now, effects);
        }
    }

    /// Works a paste into the open prompt: only its first line, and never as keys.
    pub(crate) fn prompt_paste(&mut self, text: &str) {
        let line: String = text.lines().next().unwrap_or("").chars().take(INPUT_CHARS_MAX).collect();
        match &mut self.prompt {
            Some(Prompt::Find) => {
                self.find.begin_typing();
                self.find.needle.push_str(&line);
                self.find_from_origin();
            }
            Some(Prompt::Replace) => self.find.replacement.push_str(&line),
            Some(Prompt::Goto { input } | Prompt::SaveAs { input }) => input.push_str(&line),
            _ => {}
        }
    }

    fn find_key(&mut self, key: Key, now: MonoTime) {
        if self.option_key(key) {
            return;
        }
        let plain = !key.ctrl && !key.alt;
        let action = match self.settings.keymap.find(&[key]) {
            Found::Action(action, _) => Some(action),
            Found::Chord | Found::Nothing => None,
        };
        // What is not typed into the needle goes on from where it is.
        match key.code {
            KeyCode::Char(_) if plain => {}
            KeyCode::Backspace | KeyCode::Esc => {}
            _ => self.settle_first(),
        }
        match (key.code, action) {
            (KeyCode::Char(c), _) if plain && self.find.needle.chars().count() < INPUT_CHARS_MAX => {
                self.find.begin_typing();
                self.find.needle.push(c);
                self.find_from_origin();
            }
            (KeyCode::Backspace, _) => {
                self.find.is_prefilled = false;
                self.find.needle.pop();
                self.find_from_origin();
            }
            (KeyCode::Tab, _) => self.prompt = Some(Prompt::Replace),
            (KeyCode::Enter, _) if self.find.wants_replacement => self.prompt = Some(Prompt::Replace),
            (_, Some(Action::Replace)) => self.prompt = Some(Prompt::Replace),
            (_, Some(Action::SelectAllMatches)) => {
                self.close_find();
                let n = self.select_all_matches();
                self.notify(format!("{n} selected"), now);
            }
            (KeyCode::Enter, _) if key.shift => _ = self.find_step(false),
            (KeyCode::Enter | KeyCode::Down, _) | (_, Some(Action::FindNext | Action::Find)) => {
                self.find_step(true);
            }
            (KeyCode::Up, _) | (_, Some(Action::FindPrevious)) => _ = self.find_step(false),
            (KeyCode::Esc, _) => {
                self.select(self.find.origin);
                self.close_find();
            }
            // Any other key leaves the search where it is; a motion then acts on the text.
            (_, Some(Action::Move(motion))) => {
                self.close_find();
                self.move_caret(motion, key.shift);
            }
            _ => {}
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
    fn replace_key(&mut self, key: Key, now: MonoTime) {
        if self.option_key(key) {
            return;
        }
        let is_all = key.alt || matches!(key.code, KeyCode::Char('a'));
        match key.code {
            KeyCode::Tab => self.prompt = Some(Prompt::Find),
            KeyCode::Enter | KeyCode::Char('a') if (key.alt || key.ctrl) && is_all => {
                let n = self.replace_all(now);
                self.close_find();
                let matches = if n == 1 { "match" } else { "matches" };
                self.notify(format!("replaced {n} {matches}; Ctrl-Z takes it back"), now);
            }
            KeyCode::Enter => self.replace_one(now),
            KeyCode::Down => _ = self.find_step(true),
            KeyCode::Up => _ = self.find_step(false),
            KeyCode::Esc => self.close_find(),
            _ => {
                line_key(key, &mut self.find.replacement);
            }
        }
    }

    /// Closes the search and stays. What is searched for from now on is in all of the text.
    pub(crate) fn close_find(&mut self) {
        self.prompt = None;
        self.find.scope = None;
        self.find.scan.stop();
        self.find.is_lit = false;
    }

    fn goto_key(&mut self, key: Key, mut input: String, now: MonoTime) {
        match line_key(key, &mut input) {
            Typed::More => self.prompt = Some(Prompt::Goto { input }),
            Typed::Given => {
                self.prompt = None;
                match parse_place(&input) {
                    Some((line, column)) => {
                        self.end_run();
                        self.go_to(line, column);
                        if self.file.loading.is_some() && self.line() + 1 != line {
                            self.notify(format!("line {line} is shown when it was read"), now);
                        }
                    }
                    None => self
                        .notify(format!("{input:?} is not a line; type a number such as 120 or 120:8"), now),
                }
            }
            Typed::Cancelled => self.prompt = None,
        }
    }

    fn save_as_key(&mut self, key: Key, mut input: String, now: MonoTime, effects: &mut Vec<Effect>) {
        match line_key(key, &mut input) {
            Typed::Given if input.trim().is_empty() => {}
            Typed::More => self.prompt = Some(Prompt::SaveAs { input }),
            Typed::Given => {
                self.prompt = None;
                self.save_path = Some(input);
                self.save(false, now, effects);
            }
            Typed::Cancelled => self.close_prompt(),
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
            KeyCode::Char('d' | 'D') => effects.push(Effect::Quit),
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
                effects.push(Effect::LoadTheirs);
            }
            KeyCode::Char('o' | 'O') if may_overwrite => {
                self.prompt = None;
                self.save(true, now, effects);
            }
            KeyCode::Char('c' | 'C') | KeyCode::Esc => self.close_prompt(),
            _ => {}
        }
    }
}

/// What a key did to a line that is being typed.
enum Typed {
    More,
    Given,
    Cancelled,
}

/// Works a key into a line that is being typed.
fn line_key(key: Key, input: &mut String) -> Typed {
    match key.code {
        KeyCode::Char(c) if !key.ctrl && !key.alt && input.len() < INPUT_CHARS_MAX => input.push(c),
        KeyCode::Backspace => _ = input.pop(),
        KeyCode::Enter => return Typed::Given,
        KeyCode::Esc => return Typed::Cancelled,
        _ => {}
    }
    Typed::More
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
        assert_eq!(Prompt::Quit.question(false, 80), "Unsaved changes: [s]ave  [d]iscard  [c]ancel");
        assert_eq!(Prompt::Quit.question(false, 40), "[s]ave [d]iscard [c]ancel");
        assert_eq!(Prompt::Quit.question(false, 20), "[s]av [d]is [c]an");
        assert_eq!(Prompt::Exists { may_merge: true }.question(false, 12), "[m] [o] [c]");
        assert_eq!(Prompt::Goto { input: String::new() }.question(false, 20), "Line: ");
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
