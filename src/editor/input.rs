//! A terminal's bytes as messages: keys, mouse, paste, focus.
//!
//! What a terminal sends is one stream without frames, and an Esc key is also the first byte of every longer
//! sequence. The rules here are: a sequence that is complete is one message or nothing, never text; what cannot be
//! the start of one is a key by itself; and only an end that could go either way waits for `settle`.
//! Sequences: ECMA-48, xterm's "Control Sequences" (modifiers, SGR mouse, bracketed paste, focus), the kitty
//! keyboard protocol's `u`, the keys of the Linux console and of rxvt.

use super::Msg;
use super::key::{Key, KeyCode, Mouse, MouseKind};

const ESC: u8 = 0x1b;
const PASTE_END: &[u8] = b"\x1b[201~";

/// Bytes of a sequence after which it is given up: no terminal sends longer ones.
const SEQUENCE_BYTES_MAX: usize = 4_096;

/// The state between two reads.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The start of something that has not ended.
    pending: Vec<u8>,
    /// What was pasted so far, while a paste goes on.
    paste: Option<Vec<u8>>,
}

/// What the next bytes are.
enum Step {
    /// So many bytes are a message, or nothing that matters.
    Taken(usize, Option<Msg>),
    /// A paste begins after so many bytes.
    PasteStarts(usize),
    /// It depends on what follows.
    Unfinished,
}

impl Decoder {
    /// Takes in what was read, and appends what it means.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<Msg>) {
        let mut input = std::mem::take(&mut self.pending);
        input.extend_from_slice(bytes);
        let mut rest = input.as_slice();
        while !rest.is_empty() {
            if let Some(paste) = &mut self.paste {
                rest = pasted(paste, rest);
                if let Some(text) = paste.strip_suffix(PASTE_END) {
                    out.push(Msg::Paste(String::from_utf8_lossy(text).into_owned()));
                    self.paste = None;
                }
                continue;
            }
            match step(rest) {
                Step::Taken(n, msg) => {
                    out.extend(msg);
                    rest = &rest[n..];
                }
                Step::PasteStarts(n) => {
                    self.paste = Some(Vec::new());
                    rest = &rest[n..];
                }
                // What is longer than any sequence is no sequence: its first byte is dropped.
                Step::Unfinished if SEQUENCE_BYTES_MAX < rest.len() => rest = &rest[1..],
                Step::Unfinished => {
                    self.pending = rest.to_vec();
                    return;
                }
            }
        }
    }

    /// Returns whether the last bytes may be an Esc key. If no more come for a moment, call `settle`.
    pub fn is_waiting(&self) -> bool {
        self.pending.first() == Some(&ESC)
    }

    /// Nothing followed for a moment: what waited is what it is alone.
    pub fn settle(&mut self, out: &mut Vec<Msg>) {
        // A character that was cut in two is still a character.
        if self.pending.first() != Some(&ESC) {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        match pending.as_slice() {
            [ESC] => out.push(key(KeyCode::Esc, 0)),
            &[ESC, byte @ (b'[' | b'O' | b']' | b'P' | b'_' | b'^' | b'X')] => {
                out.push(key(KeyCode::Char(char::from(byte)), ALT));
            }
            _ => {}
        }
    }
}

/// Moves bytes of a paste over, up to and with its end. Returns what is left.
fn pasted<'a>(paste: &mut Vec<u8>, bytes: &'a [u8]) -> &'a [u8] {
    // The end may have begun in what came before.
    let from = paste.len().saturating_sub(PASTE_END.len() - 1);
    let n_before = paste.len();
    paste.extend_from_slice(bytes);
    let end = paste[from..].windows(PASTE_END.len()).position(|window| window == PASTE_END);
    match end {
        Some(at) => {
            let n_all = from + at + PASTE_END.len();
            paste.truncate(n_all);
            &bytes[n_all - n_before..]
        }
        None => &[],
    }
}

fn step(bytes: &[u8]) -> Step {
    match bytes {
        [ESC] => Step::Unfinished,
        // An Esc key, and then something else: the second Esc may begin a sequence.
        [ESC, ESC, ..] => Step::Taken(1, Some(key(KeyCode::Esc, 0))),
        [ESC, b'[', rest @ ..] => control_sequence(rest),
        [ESC, b'O', rest @ ..] => single_shift(rest),
        // Answers of the terminal to questions that somebody asked: never text.
        [ESC, b']' | b'P' | b'_' | b'^' | b'X', rest @ ..] => string(rest),
        [ESC, rest @ ..] => match character(rest) {
            Some((n, Some(Key { code, ctrl, .. }))) => {
                Step::Taken(n + 1, Some(key(code, ALT | if ctrl { CTRL } else { 0 })))
            }
            Some((n, None)) => Step::Taken(n + 1, None),
            None => Step::Unfinished,
        },
        _ => match character(bytes) {
            Some((n, key)) => Step::Taken(n, key.map(Msg::Key)),
            None => Step::Unfinished,
        },
    }
}

const SHIFT: u32 = 1;
const ALT: u32 = 2;
const CTRL: u32 = 4;

fn key(code: KeyCode, modifiers: u32) -> Msg {
    let has = |bit| modifiers & bit != 0;
    let shift = has(SHIFT) && !matches!(code, KeyCode::Char(_));
    Msg::Key(Key { code, ctrl: has(CTRL), alt: has(ALT), shift })
}

/// Reads one character or control code; `None` if it is cut off. A byte that is no UTF-8 is nothing.
fn character(bytes: &[u8]) -> Option<(usize, Option<Key>)> {
    let ctrl = |c: char| Key { ctrl: true, ..Key::plain(KeyCode::Char(c)) };
    let found = match *bytes.first()? {
        b'\r' | b'\n' => Key::plain(KeyCode::Enter),
        b'\t' => Key::plain(KeyCode::Tab),
        0x7f => Key::plain(KeyCode::Backspace),
        0 => ctrl(' '),
        byte @ 0x01..=0x1a => ctrl(char::from(byte - 1 + b'a')),
        byte @ 0x1c..=0x1f => ctrl(char::from(byte - 0x1c + b'4')),
        _ => return utf8(bytes),
    };
    Some((1, Some(found)))
}

fn utf8(bytes: &[u8]) -> Option<(usize, Option<Key>)> {
    let start = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() == 0 => {
            return error.error_len().map(|n| (n, None));
        }
        Err(error) => std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default(),
    };
    let c = valid.chars().next()?;
    // C1 control codes are nobody's keys.
    let is_key = !c.is_control();
    Some((c.len_utf8(), is_key.then_some(Key::plain(KeyCode::Char(c)))))
}

/// After `ESC O`: function keys, and the keypad in its application mode.
fn single_shift(rest: &[u8]) -> Step {
    let Some(&byte) = rest.first() else { return Step::Unfinished };
    let code = match byte {
        b'P'..=b'S' => Some(KeyCode::F(byte - b'P' + 1)),
        b'M' => Some(KeyCode::Enter),
        b'I' => Some(KeyCode::Tab),
        b'X' => Some(KeyCode::Char('=')),
        b'j'..=b'y' => Some(KeyCode::Char(char::from(byte - b'j' + b'*'))),
        _ => cursor_key(byte),
    };
    Step::Taken(3, code.map(|code| key(code, 0)))
}

fn cursor_key(byte: u8) -> Option<KeyCode> {
    Some(match byte {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        _ => return None,
    })
}

/// After the start of a string: everything up to its terminator is dropped.
fn string(rest: &[u8]) -> Step {
    let end = rest.iter().position(|&byte| byte == 0x07 || byte == ESC);
    match end {
        Some(at) if rest[at] == 0x07 => Step::Taken(at + 3, None),
        Some(at) if rest.get(at + 1) == Some(&b'\\') => Step::Taken(at + 4, None),
        // Broken off by another sequence.
        Some(at) if at + 1 < rest.len() => Step::Taken(at + 2, None),
        _ => Step::Unfinished,
    }
}

/// After `ESC [`: parameters, intermediates and a final byte.
fn control_sequence(rest: &[u8]) -> Step {
    // The Linux console's F1 to F5.
    if let [b'[', more @ ..] = rest {
        return match more.first() {
            Some(&byte @ b'A'..=b'E') => Step::Taken(4, Some(key(KeyCode::F(byte - b'A' + 1), 0))),
            Some(_) => Step::Taken(4, None),
            None => Step::Unfinished,
        };
    }
    let n_parameters = rest.iter().take_while(|byte| (0x30..=0x3f).contains(*byte)).count();
    let (parameters, tail) = rest.split_at(n_parameters);
    // rxvt ends keys with Shift in `$`, which elsewhere is an intermediate byte.
    let n_intermediates = tail.iter().take_while(|byte| (0x20..=0x2f).contains(*byte)).count();
    if let ([digit @ b'1'..=b'8'], [b'$', ..]) = (parameters, tail) {
        let code = numbered_key(u32::from(digit - b'0'));
        return Step::Taken(3 + n_parameters, code.map(|code| key(code, SHIFT)));
    }
    let Some(&end) = tail.get(n_intermediates) else { return Step::Unfinished };
    let n = 2 + n_parameters + n_intermediates + 1;
    match end {
        // Broken off by another sequence or by a control code.
        ..=0x1f => Step::Taken(n - 1, None),
        // The oldest mouse reports: three bytes follow.
        b'M' if parameters.is_empty() && n_intermediates == 0 => match tail.len() {
            4.. => Step::Taken(n + 3, None),
            _ => Step::Unfinished,
        },
        b'~' if parameters == b"200" => Step::PasteStarts(n),
        _ if n_intermediates == 0 => Step::Taken(n, meaning(parameters, end)),
        _ => Step::Taken(n, None),
    }
}

/// Reads numbers between semicolons; sub-parameters after a colon are left out.
fn numbers(parameters: &[u8]) -> Vec<u32> {
    parameters
        .split(|&byte| byte == b';')
        .map(|part| {
            let main = part.split(|&byte| byte == b':').next().unwrap_or(&[]);
            std::str::from_utf8(main).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
        })
        .collect()
}

fn meaning(parameters: &[u8], end: u8) -> Option<Msg> {
    if let [b'<', numbers_of_mouse @ ..] = parameters {
        return mouse(&numbers(numbers_of_mouse), end);
    }
    // Private parameters belong to answers of the terminal.
    if parameters.first().is_some_and(|byte| (b'<'..=b'?').contains(byte)) {
        return None;
    }
    let numbers = numbers(parameters);
    let modifiers = numbers.get(1).map_or(0, |&n| n.saturating_sub(1));
    let code = match end {
        b'I' => return Some(Msg::FocusGained),
        b'Z' => return Some(key(KeyCode::Tab, SHIFT)),
        // With another first number it is where the terminal's cursor is.
        b'P'..=b'S' if numbers[0] <= 1 => KeyCode::F(end - b'P' + 1),
        // rxvt's arrows with Shift.
        b'a'..=b'd' => return cursor_key(end - b'a' + b'A').map(|code| key(code, SHIFT)),
        b'~' if numbers.first() == Some(&27) => return unicode_key(*numbers.get(2)?, modifiers),
        b'~' => numbered_key(*numbers.first()?)?,
        b'^' => return Some(key(numbered_key(*numbers.first()?)?, CTRL)),
        b'@' => return Some(key(numbered_key(*numbers.first()?)?, CTRL | SHIFT)),
        b'u' if is_release(parameters) => return None,
        b'u' => return unicode_key(*numbers.first()?, modifiers),
        _ => cursor_key(end)?,
    };
    Some(key(code, modifiers))
}

fn ctrl_key(c: char, modifiers: u32) -> Key {
    Key { ctrl: true, alt: modifiers & ALT != 0, ..Key::plain(KeyCode::Char(c.to_ascii_lowercase())) }
}

/// Whether the kitty protocol says that the key went up: the second sub-parameter of the modifiers is 3.
fn is_release(parameters: &[u8]) -> bool {
    let modifiers = parameters.split(|&byte| byte == b';').nth(1).unwrap_or(&[]);
    modifiers.split(|&byte| byte == b':').nth(1) == Some(b"3")
}

/// A key by its code point, as the kitty protocol and xterm's `modifyOtherKeys` report it.
fn unicode_key(number: u32, modifiers: u32) -> Option<Msg> {
    let code = match number {
        9 => KeyCode::Tab,
        13 => KeyCode::Enter,
        27 => KeyCode::Esc,
        8 | 127 => KeyCode::Backspace,
        // Keys without a character have code points of the private use area.
        57_344..=63_743 => return None,
        _ => {
            let c = char::from_u32(number).filter(|c| !c.is_control())?;
            if modifiers & CTRL != 0 {
                return Some(Msg::Key(Key { shift: modifiers & SHIFT != 0, ..ctrl_key(c, modifiers) }));
            }
            let is_upper = modifiers & SHIFT != 0;
            KeyCode::Char(if is_upper { c.to_uppercase().next().unwrap_or(c) } else { c })
        }
    };
    Some(key(code, modifiers))
}

fn numbered_key(number: u32) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number as u8 - 10),
        17..=21 => KeyCode::F(number as u8 - 11),
        23 | 24 => KeyCode::F(number as u8 - 12),
        _ => return None,
    })
}

/// A mouse report in decimal coordinates: what, column and row from 1.
fn mouse(numbers: &[u32], end: u8) -> Option<Msg> {
    let &[what, column, row] = numbers else { return None };
    let kind = match (what & !0b1_1100, end) {
        (0, b'M') => MouseKind::Press,
        (0, b'm') => MouseKind::Release,
        (32, b'M') => MouseKind::Drag,
        (64, b'M') => MouseKind::WheelUp,
        (65, b'M') => MouseKind::WheelDown,
        _ => return None,
    };
    let cell = |n: u32| u16::try_from(n.saturating_sub(1)).unwrap_or(u16::MAX);
    Some(Msg::Mouse(Mouse { kind, x: cell(column), y: cell(row), shift: what & 4 != 0, alt: what & 8 != 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    /// What the bytes mean, in words, when they arrive in pieces that end where `cuts` says.
    fn words_in_pieces(bytes: &[u8], cuts: &[usize]) -> String {
        let (mut decoder, mut out, mut from) = (Decoder::default(), Vec::new(), 0);
        for &cut in cuts.iter().chain([&bytes.len()]) {
            decoder.feed(&bytes[from..cut], &mut out);
            from = cut;
        }
        decoder.settle(&mut out);
        let words = out.iter().map(|msg| match msg {
            Msg::Key(Key { code: KeyCode::Char(c), ctrl: false, alt: false, .. }) => c.to_string(),
            Msg::Key(key) => key.to_string(),
            Msg::Paste(text) => format!("paste {text:?}"),
            Msg::FocusGained => "focus".to_owned(),
            Msg::Mouse(Mouse { kind, x, y, shift, .. }) => format!("{kind:?} {x} {y} {shift}"),
            other => format!("{other:?}"),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn check(bytes: &[u8], words: &str) {
        assert_eq!(words_in_pieces(bytes, &[]), words, "{:?}", bytes.escape_ascii().to_string());
        for cut in 0..=bytes.len() {
            let pieces = words_in_pieces(bytes, &[cut]);
            assert_eq!(pieces, words, "{:?} cut at {cut}", bytes.escape_ascii().to_string());
        }
    }

    #[test]
    fn characters_and_control_codes() {
        check("aé漢🦀".as_bytes(), "a é 漢 🦀");
        check(b"\x13\x11\x1a\x00", "Ctrl-S Ctrl-Q Ctrl-Z Ctrl-Space");
        check(b"\r\t\x7f\x08", "Enter Tab Backspace Ctrl-H");
        check(b"a\xffb\xc3(c", "a b ( c");
        check("\u{9b}x".as_bytes(), "x");
    }

    #[test]
    fn escape_is_a_key_and_the_start_of_keys() {
        check(b"\x1b", "Esc");
        check(b"\x1b\x1b", "Esc Esc");
        // What was pressed after Esc, however soon, is what it is without it.
        check(b"\x1b\x1b[1;5H", "Esc Ctrl-Home");
        check(b"\x1b\x1bOP", "Esc F1");
        check(b"\x1bz", "Alt-Z");
        check(b"\x1b\x7f", "Alt-Backspace");
        check("\x1bé".as_bytes(), "Alt-é");
        check(b"\x1b[", "Alt-[");
    }

    #[test]
    fn keys_of_many_terminals() {
        check(b"\x1b[A\x1b[1;2D\x1b[1;6C", "Up Shift-Left Ctrl-Shift-Right");
        check(b"\x1bOA\x1bOP\x1bOS\x1bOM\x1bOp", "Up F1 F4 Enter 0");
        check(b"\x1b[3~\x1b[5;5~\x1b[15~\x1b[24~", "Delete Ctrl-PageUp F5 F12");
        check(b"\x1b[Z\x1b[1;2R", "Shift-Tab Shift-F3");
        check(b"\x1b[[A\x1b[[E", "F1 F5");
        check(b"\x1b[a\x1b[7$x", "Shift-Up Shift-Home x");
        check(b"\x1b[115;5u\x1b[97;1:3u\x1b[27;5;115~", "Ctrl-S Ctrl-S");
        check(b"\x1b[13;2u\x1b[27u", "Shift-Enter Esc");
        check(b"\x1b[\" M", "");
        check(b"\x1b[122;6u\x1b[90;6u", "Ctrl-Shift-Z Ctrl-Shift-Z");
    }

    #[test]
    fn mouse_and_focus() {
        check(b"\x1b[<0;5;3M\x1b[<32;6;3M\x1b[<0;6;3m", "Press 4 2 false Drag 5 2 false Release 5 2 false");
        check(
            b"\x1b[<4;1;1M\x1b[<64;1;1M\x1b[<65;1;1M\x1b[<2;1;1M",
            "Press 0 0 true WheelUp 0 0 false WheelDown 0 0 false",
        );
        check(b"\x1b[I\x1b[Ox", "focus x");
    }

    #[test]
    fn paste_is_text_whatever_it_holds() {
        check(b"\x1b[200~a\x1b[Ab\r\n\x13\x1b[201~x", "paste \"a\\u{1b}[Ab\\r\\n\\u{13}\" x");
        check(b"\x1b[200~\x1b[201~", "paste \"\"");
    }

    #[test]
    fn answers_of_the_terminal_are_never_text() {
        check(b"\x1b[?62;22c\x1b[5;7Ra\x1b[?2026;2$yb", "a b");
        check(b"\x1b]11;rgb:0/0/0\x07a\x1bP1$r0m\x1b\\b\x1b_Gi=1;OK\x1b\\c", "a b c");
    }

    #[test]
    fn any_bytes_in_any_pieces_mean_the_same_and_nothing_sticks() {
        let mut rng = Rng::new(11);
        let parts: [&[u8]; 12] = [
            b"\x1b",
            b"[",
            b"1;5",
            b"A",
            b"~",
            b"\x1b[200~",
            b"\x1b[201~",
            b"x",
            b"\xe6\xbc",
            b"O",
            b"<0;1;1M",
            b"\x07",
        ];
        for _ in 0..20_000 {
            let n_parts = 1 + rng.below(8);
            let bytes: Vec<u8> = (0..n_parts).flat_map(|_| parts[rng.below(12) as usize]).copied().collect();
            let mut cuts: Vec<usize> = (0..3).map(|_| rng.below(bytes.len() as u64 + 1) as usize).collect();
            cuts.sort_unstable();
            let whole = words_in_pieces(&bytes, &[]);
            assert_eq!(
                words_in_pieces(&bytes, &cuts),
                whole,
                "{:?} {cuts:?}",
                bytes.escape_ascii().to_string()
            );
        }
    }
}
