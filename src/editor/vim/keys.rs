//! Vim's commands as values, read from the keys pressed so far.

use crate::editor::key::{Key, KeyCode};
use crate::editor::line_input::LineInput;

use super::motion::Shape;

/// Counts are cut here: nobody means more.
const COUNT_MAX: usize = 100_000;

/// Why keys are no command yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// More keys are needed.
    More,
    /// No command begins like this.
    Nothing,
}

/// One whole command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The register named before it.
    pub register: Option<char>,
    /// The count, those before and after an operator multiplied.
    pub count: Option<usize>,
    /// What to do.
    pub verb: Verb,
}

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Goes somewhere.
    Move(Motion),
    /// Works on what a target spans; in visual mode on the selection.
    Operate(Operator, Target),
    /// Extends the selection to an object.
    Select(Object),
    /// Anything else, by its key.
    Plain(char),
    /// The same with Ctrl.
    Ctrl(char),
    /// The same after `g`.
    G(char),
    /// The same with Ctrl.
    GCtrl(char),
    /// The same after `z`.
    Z(char),
    /// The same after `Z`.
    ShiftZ(char),
    /// The same after Ctrl-W.
    Window(char),
    /// A key that takes a character: `r`, `m`, `q`, `@`.
    With(char, char),
    /// A line after a colon.
    Ex(String),
}

/// What happens to the text that a target spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Operator {
    Delete,
    Change,
    Yank,
    Indent,
    Outdent,
    Reindent,
    Lower,
    Upper,
    SwapCase,
    Comment,
    Reflow,
    /// As `Reflow`, and the caret stays.
    ReflowHere,
    /// Each Latin letter the one 13 further.
    Rot13,
}

/// What an operator works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// From the caret to where this goes.
    Motion(Motion),
    /// The same, made to be characters, lines or a block.
    Forced(Shape, Motion),
    /// An object around the caret.
    Object(Object),
    /// The caret's line: the operator was doubled.
    Line,
    /// What was searched for: the match that the caret is in, else the next one, or with `false` the one before.
    Match(bool),
    /// What is selected.
    Selection,
}

/// A text object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// Whether what is around it belongs to it: `a` instead of `i`.
    pub is_around: bool,
    /// Which kind, by its key.
    pub kind: char,
}

/// Where the caret goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Motion {
    /// By the key that vim has for it.
    Plain(char),
    /// By the key after `g`.
    G(char),
    /// To a character in the line.
    To {
        /// Which.
        c: char,
        /// Whether forward.
        is_forward: bool,
        /// Whether only up to it.
        is_till: bool,
    },
    /// To a mark; with `true`, to the first character of its line.
    Mark(char, bool),
    /// To the bracket that is open here, or the next that closes one, by the two keys: `[` or `]`, and which.
    Bracket(char, char),
    /// To the next match of a pattern, forward or backward.
    Search(String, bool),
}

struct Reader<'a> {
    keys: &'a [Key],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Result<Key, Stop> {
        self.keys.get(self.at).copied().ok_or(Stop::More)
    }

    fn next(&mut self) -> Result<Key, Stop> {
        let key = self.peek()?;
        self.at += 1;
        Ok(key)
    }

    /// A key that stands for a character.
    fn char(&mut self) -> Result<char, Stop> {
        let key = self.next()?;
        match key.code {
            KeyCode::Char(c) if !key.ctrl && !key.alt => Ok(c),
            KeyCode::Enter => Ok('\n'),
            KeyCode::Tab => Ok('\t'),
            _ => Err(Stop::Nothing),
        }
    }

    fn count(&mut self) -> Result<Option<usize>, Stop> {
        let mut count = None;
        loop {
            match self.peek()?.code {
                KeyCode::Char(digit @ '0'..='9') if digit != '0' || count.is_some() => {
                    self.at += 1;
                    let digit = digit as usize - '0' as usize;
                    count = Some((count.unwrap_or(0) * 10 + digit).min(COUNT_MAX));
                }
                _ => return Ok(count),
            }
        }
    }

    /// The rest of a line that Enter ends.
    fn line(&mut self) -> Result<String, Stop> {
        match typed_line(&self.keys[self.at..]) {
            Some((line, true)) => {
                self.at = self.keys.len();
                Ok(line.text().to_owned())
            }
            Some((_, false)) => Err(Stop::More),
            None => Err(Stop::Nothing),
        }
    }
}

/// Returns the line that keys type and whether Enter ended it; `None` if it was left with Esc or with Backspace.
pub fn typed_line(keys: &[Key]) -> Option<(LineInput, bool)> {
    let mut line = LineInput::default();
    for key in keys {
        match key.code {
            KeyCode::Enter => return Some((line, true)),
            KeyCode::Esc => return None,
            KeyCode::Backspace if line.text().is_empty() => return None,
            KeyCode::Tab => drop(line.key(Key::plain(KeyCode::Char('\t')))),
            _ => drop(line.key(*key)),
        }
    }
    Some((line, false))
}

/// Returns the keys that type a text.
pub fn typed(text: &str) -> Vec<Key> {
    let key = |c: char| match c {
        '\n' | '\r' => Key::plain(KeyCode::Enter),
        '\t' => Key::plain(KeyCode::Tab),
        '\u{1b}' => Key::plain(KeyCode::Esc),
        c @ '\u{1}'..='\u{1a}' => {
            let letter = char::from(b'a' + c as u8 - 1);
            Key { ctrl: true, ..Key::plain(KeyCode::Char(letter)) }
        }
        c => Key::plain(KeyCode::Char(c)),
    };
    text.chars().map(key).collect()
}

/// Returns the arrow and paging keys as the letters that do the same.
fn as_letter(key: Key) -> Option<char> {
    if key.ctrl || key.alt {
        return None;
    }
    match key.code {
        KeyCode::Char(c) => Some(c),
        KeyCode::Left if key.shift => Some('b'),
        KeyCode::Right if key.shift => Some('w'),
        KeyCode::Left | KeyCode::Backspace => Some('h'),
        KeyCode::Right => Some('l'),
        KeyCode::Up => Some('k'),
        KeyCode::Down => Some('j'),
        KeyCode::Home => Some('0'),
        KeyCode::End => Some('$'),
        KeyCode::Enter => Some('+'),
        KeyCode::Delete => Some('x'),
        _ => None,
    }
}

/// Reads a command from the keys pressed so far.
///
/// # Errors
/// `More` when it is not whole yet, `Nothing` when no command begins like this.
pub fn parse(keys: &[Key], is_visual: bool) -> Result<Command, Stop> {
    let mut reader = Reader { keys, at: 0 };
    let mut count = reader.count()?;
    let mut register = None;
    while reader.peek()?.code == KeyCode::Char('"') {
        reader.next()?;
        register = Some(reader.char()?);
        count = multiply(count, reader.count()?);
    }
    let key = reader.next()?;
    let (more, verb) =
        if key.ctrl { (None, ctrl(&mut reader, key)?) } else { verb(&mut reader, key, is_visual)? };
    Ok(Command { register, count: multiply(count, more), verb })
}

fn multiply(a: Option<usize>, b: Option<usize>) -> Option<usize> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a * b).min(COUNT_MAX)),
        (a, b) => a.or(b),
    }
}

fn ctrl(reader: &mut Reader, key: Key) -> Result<Verb, Stop> {
    match key.code {
        KeyCode::Char('w') => {
            // Ctrl may still be held.
            let next = Key { ctrl: false, ..reader.next()? };
            as_letter(next).map(Verb::Window).ok_or(Stop::Nothing)
        }
        // What other keys do as well.
        KeyCode::Char('h') => Ok(Verb::Move(Motion::Plain('h'))),
        KeyCode::Char('j' | 'n') => Ok(Verb::Move(Motion::Plain('j'))),
        KeyCode::Char('m') => Ok(Verb::Move(Motion::Plain('+'))),
        KeyCode::Left => Ok(Verb::Move(Motion::Plain('B'))),
        KeyCode::Right => Ok(Verb::Move(Motion::Plain('W'))),
        KeyCode::Home => Ok(Verb::Move(Motion::G('g'))),
        KeyCode::End => Ok(Verb::Move(Motion::Plain('G'))),
        KeyCode::Char('g' | 'l') => Ok(Verb::Ctrl(if key.code == KeyCode::Char('g') { 'g' } else { 'l' })),
        KeyCode::Char(c @ ('r' | 'd' | 'u' | 'f' | 'b' | 'e' | 'y' | 'v' | 'a' | 'x' | 'o' | 'i')) => {
            Ok(Verb::Ctrl(c))
        }
        _ => Err(Stop::Nothing),
    }
}

fn verb(reader: &mut Reader, key: Key, is_visual: bool) -> Result<(Option<usize>, Verb), Stop> {
    let c = match key.code {
        KeyCode::PageUp => return Ok((None, Verb::Ctrl('b'))),
        KeyCode::PageDown => return Ok((None, Verb::Ctrl('f'))),
        // A terminal sends Ctrl-I as the tabulator.
        KeyCode::Tab => return Ok((None, Verb::Ctrl('i'))),
        _ => as_letter(key).ok_or(Stop::Nothing)?,
    };
    if let Some(motion) = motion(reader, c)? {
        return Ok((None, Verb::Move(motion)));
    }
    let operator = match c {
        'd' => Some(Operator::Delete),
        'c' => Some(Operator::Change),
        'y' => Some(Operator::Yank),
        '>' => Some(Operator::Indent),
        '<' => Some(Operator::Outdent),
        '=' => Some(Operator::Reindent),
        'g' => match reader.peek()?.code {
            KeyCode::Char('u') => Some(Operator::Lower),
            KeyCode::Char('U') => Some(Operator::Upper),
            KeyCode::Char('~') => Some(Operator::SwapCase),
            KeyCode::Char('c') => Some(Operator::Comment),
            KeyCode::Char('q') => Some(Operator::Reflow),
            KeyCode::Char('w') => Some(Operator::ReflowHere),
            KeyCode::Char('?') => Some(Operator::Rot13),
            _ => None,
        },
        _ => None,
    };
    if let Some(operator) = operator {
        let is_g = c == 'g';
        let doubled = if is_g { as_letter(reader.next()?) } else { Some(c) };
        if is_visual {
            return Ok((None, Verb::Operate(operator, Target::Selection)));
        }
        return target(reader, doubled, is_g).map(|(count, target)| (count, Verb::Operate(operator, target)));
    }
    let verb = match c {
        'i' | 'a' if is_visual => Verb::Select(Object { is_around: c == 'a', kind: reader.char()? }),
        'g' => match reader.peek()? {
            Key { code: KeyCode::Char(c @ ('a' | 'x')), ctrl: true, .. } => {
                reader.next()?;
                Verb::GCtrl(c)
            }
            _ => Verb::G(reader.char()?),
        },
        'z' => Verb::Z(reader.char()?),
        'Z' => Verb::ShiftZ(reader.char()?),
        'r' | 'm' | '@' => Verb::With(c, reader.char()?),
        // Whether this ends a recording is not known here.
        'q' => Verb::Plain('q'),
        ':' => Verb::Ex(reader.line()?),
        _ => Verb::Plain(c),
    };
    Ok((None, verb))
}

/// Reads what an operator works on; `is_g` is whether its key came after `g`.
fn target(reader: &mut Reader, doubled: Option<char>, is_g: bool) -> Result<(Option<usize>, Target), Stop> {
    let mut count = reader.count()?;
    let mut forced = None;
    while let Some(shape) = forced_shape(reader.peek()?) {
        reader.next()?;
        forced = Some(shape);
        count = multiply(count, reader.count()?);
    }
    let c = match reader.next()? {
        key if key.ctrl => match ctrl(reader, key)? {
            Verb::Move(motion) => return Ok((count, forced_target(forced, motion))),
            _ => return Err(Stop::Nothing),
        },
        key => as_letter(key).ok_or(Stop::Nothing)?,
    };
    if Some(c) == doubled {
        return Ok((count, Target::Line));
    }
    if matches!(c, 'i' | 'a') {
        return Ok((count, Target::Object(Object { is_around: c == 'a', kind: reader.char()? })));
    }
    match motion(reader, c)? {
        Some(motion) => Ok((count, forced_target(forced, motion))),
        None if c == 'g' => match reader.char()? {
            c if is_g && Some(c) == doubled => Ok((count, Target::Line)),
            c @ ('n' | 'N') => Ok((count, Target::Match(c == 'n'))),
            _ => Err(Stop::Nothing),
        },
        None => Err(Stop::Nothing),
    }
}

/// What a motion is made to be by `v`, `V` or Ctrl-V before it.
fn forced_shape(key: Key) -> Option<Shape> {
    match key.code {
        KeyCode::Char('v') if key.ctrl => Some(Shape::Block),
        KeyCode::Char('v') if !key.alt => Some(Shape::Chars),
        KeyCode::Char('V') if !key.ctrl && !key.alt => Some(Shape::Lines),
        _ => None,
    }
}

fn forced_target(shape: Option<Shape>, motion: Motion) -> Target {
    match shape {
        Some(shape) => Target::Forced(shape, motion),
        None => Target::Motion(motion),
    }
}

/// Reads a motion that begins with `c`; `None` if none does.
fn motion(reader: &mut Reader, c: char) -> Result<Option<Motion>, Stop> {
    Ok(Some(match c {
        'h' | 'j' | 'k' | 'l' | 'w' | 'W' | 'b' | 'B' | 'e' | 'E' | '0' | '^' | '$' | '|' | 'G' | '{'
        | '}' | '(' | ')' | '%' | ';' | ',' | 'n' | 'N' | '*' | '#' | 'H' | 'M' | 'L' | '+' | '-' | '_'
        | ' ' => Motion::Plain(c),
        'f' | 'F' | 't' | 'T' => Motion::To {
            c: reader.char()?,
            is_forward: matches!(c, 'f' | 't'),
            is_till: matches!(c, 't' | 'T'),
        },
        '[' | ']' => match reader.char()? {
            kind @ ('(' | ')' | '{' | '}' | '[' | ']') => Motion::Bracket(c, kind),
            _ => return Err(Stop::Nothing),
        },
        '\'' | '`' => Motion::Mark(reader.char()?, c == '\''),
        '/' | '?' => Motion::Search(reader.line()?, c == '/'),
        'g' => match reader.peek()?.code {
            KeyCode::Char(
                after @ ('g' | 'e' | 'E' | '_' | 'j' | 'k' | '*' | '#' | '0' | '^' | '$' | 'm' | 'M' | 'o'),
            ) => {
                reader.next()?;
                Motion::G(after)
            }
            _ => return Ok(None),
        },
        _ => return Ok(None),
    }))
}
