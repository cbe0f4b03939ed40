//! Vim's patterns as the regular expressions that are used here.

/// Returns a pattern that matches just this text.
pub fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            (!c.is_alphanumeric() && c != '_' && c.is_ascii()).then_some('\\').into_iter().chain([c])
        })
        .collect()
}

/// Translates a pattern: `\(`, `\|`, `\+`, `\<` and their like act, and alone those characters stand for themselves. After
/// `\v` it is the other way round.
pub fn translated(pattern: &str) -> String {
    let (pattern, is_very) = match pattern.strip_prefix("\\v") {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    let mut is_in_set = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('<' | '>') if !is_very => out.push_str("\\b"),
                Some('=') if !is_very => out.push('?'),
                Some(c @ ('(' | ')' | '|' | '+' | '?' | '{')) if !is_very => out.push(c),
                Some('c') => out.insert_str(0, "(?i)"),
                Some('C') => out.insert_str(0, "(?-i)"),
                Some('h') => out.push_str("[A-Za-z_]"),
                Some('a') => out.push_str("[A-Za-z]"),
                Some(c @ ('/' | '#' | '\'')) => out.push(c),
                Some(c) => out.extend(['\\', c]),
                None => out.push_str("\\\\"),
            },
            '[' if !is_in_set && pattern.contains(']') => {
                is_in_set = true;
                out.push('[');
            }
            ']' if is_in_set => {
                is_in_set = false;
                out.push(']');
            }
            '(' | ')' | '|' | '+' | '?' | '{' | '}' if !is_very && !is_in_set => {
                // After `\{2,3` a bare brace closes.
                let closes = c == '}' && out.rfind('{').is_some_and(|at| !out[..at].ends_with('\\'));
                if !closes {
                    out.push('\\');
                }
                out.push(c);
            }
            '<' | '>' if is_very => out.push_str("\\b"),
            _ => out.push(c),
        }
    }
    out
}

/// Takes the offset behind a pattern off: `/end/e`.
pub fn with_offset(line: &str, border: char) -> (&str, &str) {
    let mut is_escaped = false;
    for (at, c) in line.char_indices() {
        match c {
            c if c == border && !is_escaped => return (&line[..at], &line[at + 1..]),
            c => is_escaped = c == '\\' && !is_escaped,
        }
    }
    (line, "")
}

/// Translates what stands in for a match: `\1` and `&` are groups, `\r` and `\n` line feeds.
pub fn replacement(with: &str) -> String {
    let mut out = String::new();
    let mut chars = with.chars();
    while let Some(c) = chars.next() {
        match c {
            '$' => out.push_str("$$"),
            '&' => out.push_str("${0}"),
            '\\' => match chars.next() {
                Some(group @ '0'..='9') => out.push_str(&format!("${{{group}}}")),
                Some('r' | 'n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(c) => out.push(c),
                None => out.push('\\'),
            },
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_replacements_are_translated() {
        for (vim, here) in [
            (r"\<foo\>", r"\bfoo\b"),
            (r"a\+b", "a+b"),
            ("a+b", r"a\+b"),
            ("f(x)", r"f\(x\)"),
            (r"\(a\|b\)", "(a|b)"),
            (r"a\{2,3}", "a{2,3}"),
            ("fn {", r"fn \{"),
            ("[(+]", "[(+]"),
            (r"\v(a|b)+", "(a|b)+"),
            (r"foo\c", "(?i)foo"),
            (r"\d\s\.", r"\d\s\."),
        ] {
            assert_eq!(translated(vim), here, "{vim}");
        }
        assert_eq!(replacement(r"\1-&\r$\&"), "${1}-${0}\n$$&");
        assert_eq!(escaped("a.b_c"), r"a\.b_c");
    }
}
