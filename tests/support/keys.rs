//! Keys by their names, as a terminal sends them.

/// Returns the bytes for a key such as `ctrl-s`, `shift-right`, `f3` or `enter`.
#[track_caller]
pub fn bytes_of(name: &str) -> Vec<u8> {
    let (modifiers, key) = split(name);
    // As xterm counts them: 1, plus 1 for Shift, 2 for Alt, 4 for Ctrl.
    let code = 1 + modifiers;
    let cursor = |letter: char| match code {
        1 => format!("\x1b[{letter}"),
        _ => format!("\x1b[1;{code}{letter}"),
    };
    let numbered = |number: u8| match code {
        1 => format!("\x1b[{number}~"),
        _ => format!("\x1b[{number};{code}~"),
    };
    let text = match key {
        "up" => cursor('A'),
        "down" => cursor('B'),
        "right" => cursor('C'),
        "left" => cursor('D'),
        "end" => cursor('F'),
        "home" => cursor('H'),
        "delete" => numbered(3),
        "page-up" => numbered(5),
        "page-down" => numbered(6),
        "f1" => "\x1bOP".into(),
        "f2" => "\x1bOQ".into(),
        "f3" if modifiers == 0 => "\x1bOR".into(),
        "f3" => cursor('R'),
        "f5" => numbered(15),
        "enter" => "\r".into(),
        "tab" => "\t".into(),
        "esc" => "\x1b".into(),
        "backspace" => "\x7f".into(),
        _ => return character(modifiers, key, name),
    };
    text.into_bytes()
}

#[track_caller]
fn character(modifiers: u8, key: &str, name: &str) -> Vec<u8> {
    let ch =
        key.chars().next().filter(|_| key.chars().count() == 1).unwrap_or_else(|| panic!("no key {name}"));
    match modifiers {
        4 => vec![ch as u8 & 0x1f],
        2 => format!("\x1b{ch}").into_bytes(),
        _ => key.as_bytes().to_vec(),
    }
}

fn split(name: &str) -> (u8, &str) {
    let (mut modifiers, mut rest) = (0, name);
    for (prefix, bit) in [("ctrl-", 4), ("alt-", 2), ("shift-", 1), ("ctrl-", 4), ("shift-", 1)] {
        if let Some(after) = rest.strip_prefix(prefix).filter(|after| !after.is_empty()) {
            modifiers |= bit;
            rest = after;
        }
    }
    (modifiers, rest)
}

/// Returns text as a terminal pastes it.
pub fn pasted(text: &str) -> Vec<u8> {
    format!("\x1b[200~{text}\x1b[201~").into_bytes()
}
