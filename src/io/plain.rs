//! Text that a line on a terminal may hold, whatever it came from.

/// Returns `text` with every character that could act on a terminal, or on the reading direction, written out.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for ch in text.chars() {
        match ch {
            '\n' | '\t' => out.push(' '),
            _ if is_harmless(ch) => out.push(ch),
            _ => out.push_str(&format!("<U+{:04X}>", ch as u32)),
        }
    }
    out
}

fn is_harmless(ch: char) -> bool {
    let reorders = matches!(ch, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    let is_hidden = matches!(ch, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' | '\u{2028}' | '\u{2029}');
    !(ch.is_control() || reorders || is_hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_direction_marks_are_written_out() {
        assert_eq!(plain("a\x1b[31mb\u{202e}c\u{9b}d"), "a<U+001B>[31mb<U+202E>c<U+009B>d");
        assert_eq!(plain("grüße 日本 👩\n"), "grüße 日本 👩 ");
    }
}
