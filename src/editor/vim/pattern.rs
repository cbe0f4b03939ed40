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
                Some('{') if chars.peek() == Some(&'-') => {
                    chars.next();
                    lazily(&mut chars, &mut out);
                }
                Some('%') => match chars.next() {
                    Some('^') => out.push_str("\\A"),
                    Some('$') => out.push_str("\\z"),
                    Some('(') => out.push_str("(?:"),
                    other => out.extend(other),
                },
                Some('_') => match chars.next() {
                    Some('s') => out.push_str("\\s"),
                    Some('.') => out.push_str("(?s:.)"),
                    other => out.extend(other),
                },
                Some(c @ ('(' | ')' | '|' | '+' | '?' | '{')) if !is_very => out.push(c),
                Some('c') => out.insert_str(0, "(?i)"),
                Some('C') => out.insert_str(0, "(?-i)"),
                // A line's end is no blank there, and only `\_s` is both.
                Some('s') if !is_in_set => out.push_str("[ \\t]"),
                Some('S') if !is_in_set => out.push_str("[^ \\t\\n]"),
                Some('h') => out.push_str("[A-Za-z_]"),
                Some('a') => out.push_str("[A-Za-z]"),
                Some(c @ ('/' | '#' | '\'')) => out.push(c),
                Some(c) => out.extend(['\\', c]),
                None => out.push_str("\\\\"),
            },
            '[' if !is_in_set && pattern.contains(']') => {
                is_in_set = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push_str("^\\n");
                }
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
            '{' if is_very && !is_in_set && chars.peek() == Some(&'-') => {
                chars.next();
                lazily(&mut chars, &mut out);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Reads the rest of `\{-1,3}`: as few as can be.
fn lazily(chars: &mut std::iter::Peekable<std::str::Chars>, out: &mut String) {
    let counts: String = chars.by_ref().take_while(|&c| c != '}').filter(|&c| c != '\\').collect();
    match counts.as_str() {
        "" => out.push_str("*?"),
        counts => out.push_str(&format!("{{{}{counts}}}?", if counts.starts_with(',') { "0" } else { "" })),
    }
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

/// Returns why a pattern cannot be searched for, if it needs what is not there.
pub fn refused(pattern: &str) -> Option<String> {
    let is_very = pattern.starts_with("\\v");
    let part = ["\\zs", "\\ze", "\\@", "\\%[", "\\="].into_iter().find(|part| pattern.contains(part));
    let part = part.filter(|&part| part != "\\=" || is_very);
    let part = part.or_else(|| (is_very && pattern.contains('@')).then_some("@"));
    part.map(|part| {
        format!("{part} is not known in patterns here; use groups: \\(before\\)this and \\1 in what replaces")
    })
}

/// Returns whether what stands in for a match changes the case of something.
pub fn changes_case(with: &str) -> bool {
    let mut chars = with.chars();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next().is_some_and(|c| matches!(c, 'u' | 'U' | 'l' | 'L')) {
            return true;
        }
    }
    false
}

/// Puts what stood in for a match the last time in the place of each `~`.
pub fn with_last(with: &str, last: &str) -> String {
    let mut out = String::new();
    let mut chars = with.chars();
    while let Some(c) = chars.next() {
        match c {
            '~' => out.push_str(last),
            '\\' => match chars.next() {
                Some('~') => out.push('~'),
                next => out.extend(std::iter::once('\\').chain(next)),
            },
            c => out.push(c),
        }
    }
    out
}

/// Returns what stands in for a match: `\u` and `\l` change the case of the next character, `\U` and `\L` of all up to `\E`.
/// `interpolated` puts groups in the place of `${1}`.
pub fn replaced(with: &str, interpolated: impl Fn(&str) -> String) -> String {
    if !changes_case(with) {
        return interpolated(&replacement(with));
    }
    let (mut out, mut rest) = (String::new(), with);
    let (mut all, mut next) = ('E', 'E');
    while !rest.is_empty() {
        let mut chars = rest.chars();
        let part = match (chars.next(), chars.next()) {
            (Some('\\'), Some(c @ ('u' | 'l'))) => {
                next = c;
                rest = chars.as_str();
                continue;
            }
            (Some('\\'), Some(c @ ('U' | 'L' | 'E' | 'e'))) => {
                all = c;
                rest = chars.as_str();
                continue;
            }
            (Some('\\'), Some(c)) => &rest[..1 + c.len_utf8()],
            (Some(c), _) => &rest[..c.len_utf8()],
            (None, _) => break,
        };
        rest = &rest[part.len()..];
        for c in interpolated(&replacement(part)).chars() {
            match if next == 'E' { all } else { std::mem::replace(&mut next, 'E') } {
                'u' | 'U' => out.extend(c.to_uppercase()),
                'l' | 'L' => out.extend(c.to_lowercase()),
                _ => out.push(c),
            }
        }
    }
    out
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
            (r"\d\s\.", r"\d[ \t]\."),
            (r"[^a]\S", r"[^\na][^ \t\n]"),
            (r"a.\{-}b", "a.*?b"),
            (r"\va.{-1,}b", "a.{1,}?b"),
            (r"\%^a\_sb", r"\Aa\sb"),
        ] {
            assert_eq!(translated(vim), here, "{vim}");
        }
        assert_eq!(replacement(r"\1-&\r$\&"), "${1}-${0}\n$$&");
        assert_eq!(escaped("a.b_c"), r"a\.b_c");
    }
}
