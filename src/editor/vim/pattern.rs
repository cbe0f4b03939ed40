//! Vim's patterns as the regular expressions that are used here.

/// Returns a pattern that matches just this text.
pub fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            (!c.is_alphanumeric() && c != '_' && c.is_ascii()).then_some('\\').into_iter().chain([c])
        })
        .collect()
}

/// How much of what is written alone acts, as `\v`, `\m`, `\M` and `\V` say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Magic {
    VeryNo,
    No,
    Yes,
    Very,
}

impl Magic {
    /// Whether a character acts that stands alone, or behind a backslash.
    fn acts(self, c: char, is_escaped: bool) -> bool {
        let acts_alone = match c {
            c if c.is_ascii_alphanumeric() || c == '_' => false,
            '^' | '$' => true,
            '.' | '*' | '[' => Magic::Yes <= self,
            _ => self == Magic::Very,
        };
        acts_alone != is_escaped
    }
}

/// Translates a pattern: `\(`, `\|`, `\+`, `\<` and their like act, and alone those characters stand for themselves. After
/// `\v` it is the other way round. Nothing but `\n` and what is asked for with `\_` goes beyond a line.
///
/// # Errors
/// In one sentence, if something is in it that is not known here.
pub fn translated(pattern: &str) -> Result<String, String> {
    let chars = pattern.chars().collect();
    let mut translator = Translator { chars, at: 0, out: String::new(), magic: Magic::Yes, is_start: true };
    translator.run()?;
    Ok(translator.out)
}

/// Returns whether a pattern has an upper-case letter that stands for itself.
pub fn has_upper_case(pattern: &str) -> bool {
    let mut is_escaped = false;
    pattern.chars().any(|c| {
        let was_escaped = is_escaped;
        is_escaped = c == '\\' && !was_escaped;
        !was_escaped && c.is_uppercase()
    })
}

/// Reads a pattern and writes what it means.
struct Translator {
    chars: Vec<char>,
    at: usize,
    out: String,
    magic: Magic,
    /// Whether nothing is before that could be repeated: `*` stands for itself, and `^` acts.
    is_start: bool,
}

impl Translator {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.get(self.at).copied();
        self.at += usize::from(c.is_some());
        c
    }

    fn run(&mut self) -> Result<(), String> {
        while let Some(c) = self.next() {
            let (c, is_escaped) = match c {
                '\\' => match self.next() {
                    Some(c) => (c, true),
                    None => ('\\', false),
                },
                c => (c, false),
            };
            let was_start = std::mem::take(&mut self.is_start);
            if c.is_ascii_alphanumeric() && is_escaped {
                self.letter(c, was_start)?;
            } else if c == '_' && is_escaped {
                self.over_lines()?;
            } else if self.magic.acts(c, is_escaped) {
                self.act(c, was_start)?;
            } else {
                self.plain(c);
            }
        }
        Ok(())
    }

    /// A character that stands for itself.
    fn plain(&mut self, c: char) {
        if regex_syntax_means(c) {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    /// Writes something before which nothing can be repeated.
    fn open(&mut self, text: &str) {
        self.out.push_str(text);
        self.is_start = true;
    }

    /// Whether the pattern, or a branch of it, ends here.
    fn is_end(&self) -> bool {
        let rest: String = self.chars[self.at..].iter().take(2).collect();
        match self.magic {
            Magic::Very => true,
            _ => rest.is_empty() || rest == "\\)" || rest == "\\|" || rest == "\\n",
        }
    }

    fn act(&mut self, c: char, was_start: bool) -> Result<(), String> {
        match c {
            '^' if was_start || self.magic == Magic::Very => self.open("^"),
            '$' if self.is_end() => self.out.push('$'),
            '*' if was_start => self.plain('*'),
            '.' | '*' | '+' => self.out.push(c),
            '=' | '?' => self.out.push('?'),
            '{' => self.repeated()?,
            '(' | '|' => self.open(c.encode_utf8(&mut [0; 4])),
            ')' => self.out.push(')'),
            '<' => self.out.push_str(r"\b{start}"),
            '>' => self.out.push_str(r"\b{end}"),
            '[' => self.set(false),
            '%' => self.special()?,
            '@' | '&' => return Err(format!("what looks around, \\{c}, is not known in patterns here")),
            c => self.plain(c),
        }
        Ok(())
    }

    fn letter(&mut self, c: char, was_start: bool) -> Result<(), String> {
        match c {
            'v' | 'm' | 'M' | 'V' => {
                self.is_start = was_start;
                self.magic = match c {
                    'v' => Magic::Very,
                    'm' => Magic::Yes,
                    'M' => Magic::No,
                    _ => Magic::VeryNo,
                };
            }
            'c' | 'C' => {
                self.is_start = was_start;
                self.out.insert_str(0, if c == 'c' { "(?i)" } else { "(?-i)" });
            }
            'n' => self.open("\\n"),
            't' | 'r' => self.out.extend(['\\', c]),
            'e' => self.out.push_str(r"\x1b"),
            'z' => {
                return Err(
                    r"parts of a match, \zs and \ze, are not known here; use a group: \(this\)that".into()
                );
            }
            '1'..='9' => return Err(format!("what a group matched, \\{c}, is not known in patterns here")),
            c => match class(c, false) {
                Some(class) => self.out.push_str(&class),
                None => self.plain(c),
            },
        }
        Ok(())
    }

    /// What is behind `\_`: the same, and line feeds.
    fn over_lines(&mut self) -> Result<(), String> {
        match self.next() {
            Some('.') => self.out.push_str("(?s:.)"),
            Some('^' | '$') => self.out.push(self.chars[self.at - 1]),
            Some('[') => self.set(true),
            Some(c) => match class(c, true) {
                Some(class) => self.out.push_str(&class),
                None => return Err(format!("\\_{c} is not known in patterns here")),
            },
            None => self.plain('_'),
        }
        Ok(())
    }

    /// What is behind `\%`.
    fn special(&mut self) -> Result<(), String> {
        match self.next() {
            Some('(') => self.open("(?:"),
            Some('^') => self.open(r"\A"),
            Some('$') => self.out.push_str(r"\z"),
            Some(c) => return Err(format!("\\%{c} is not known in patterns here")),
            None => self.plain('%'),
        }
        Ok(())
    }

    /// What is behind `\{`: how often, and with `-` as few times as it goes.
    fn repeated(&mut self) -> Result<(), String> {
        let from = self.at;
        let closed = self.chars[from..].iter().position(|&c| c == '}').map(|n| from + n);
        let Some(end) = closed else { return Err(r"\{ is never closed in this pattern".into()) };
        self.at = end + 1;
        let inner: String = self.chars[from..end].iter().filter(|&&c| c != '\\').collect();
        let (times, is_few) = inner.strip_prefix('-').map_or((inner.as_str(), false), |times| (times, true));
        match times.split_once(',') {
            _ if times.is_empty() => self.out.push('*'),
            Some(("", most)) if !most.is_empty() => self.out.push_str(&format!("{{0,{most}}}")),
            Some(("", _)) => self.out.push('*'),
            _ => self.out.push_str(&format!("{{{times}}}")),
        }
        if is_few {
            self.out.push('?');
        }
        Ok(())
    }

    /// What is behind `[`, with line feeds if it is asked for; without its end a bracket stands for itself.
    fn set(&mut self, has_lines: bool) {
        let is_not = self.chars.get(self.at) == Some(&'^');
        let first = self.at + usize::from(is_not);
        let mut end = first + usize::from(self.chars.get(first) == Some(&']'));
        while end < self.chars.len() && self.chars[end] != ']' {
            let is_named = self.chars[end] == '[' && self.chars.get(end + 1) == Some(&':');
            let named_end =
                self.chars[end..].windows(2).position(|two| two == [':', ']']).filter(|_| is_named);
            let is_escape = self.chars[end] == '\\' && end + 1 < self.chars.len();
            end += named_end.map_or(1 + usize::from(is_escape), |n| n + 2);
        }
        if self.chars.len() <= end {
            return self.plain('[');
        }
        self.out.push_str(if is_not { "[^" } else { "[" });
        if is_not != has_lines {
            self.out.push_str("\\n");
        }
        self.at = first;
        while self.at < end {
            self.member(end);
        }
        self.at = end + 1;
        self.out.push(']');
    }

    /// One character of a set, or a name such as `[:alpha:]`, or the `-` of a range.
    fn member(&mut self, end: usize) {
        let from = self.at;
        self.at += 1;
        match self.chars[from] {
            '[' if self.chars.get(self.at) == Some(&':') => {
                let named = self.chars[from..end].windows(2).position(|two| two == [':', ']']);
                match named {
                    Some(n) => {
                        self.at = from + n + 2;
                        self.out.extend(&self.chars[from..self.at]);
                    }
                    None => self.out.push_str("\\["),
                }
            }
            '\\' => match self.chars.get(self.at).filter(|_| self.at < end) {
                Some('e') => self.escaped_member(r"\x1b"),
                Some(c @ ('n' | 't' | 'r' | '\\' | ']' | '^' | '-')) => {
                    self.escaped_member(&format!("\\{c}"));
                }
                _ => self.out.push_str(r"\\"),
            },
            '-' if !self.out.ends_with(['[', '^']) && self.at < end => self.out.push('-'),
            c if matches!(c, '[' | ']' | '^' | '-' | '&' | '~') => self.out.extend(['\\', c]),
            c => self.out.push(c),
        }
    }

    fn escaped_member(&mut self, text: &str) {
        self.at += 1;
        self.out.push_str(text);
    }
}

/// Whether a character acts in regular expressions as they are used here.
fn regex_syntax_means(c: char) -> bool {
    r"\.+*?()|[]{}^$#&-~".contains(c)
}

/// What a letter behind a backslash stands for: some characters, and in upper case all others. Line feeds are among them only
/// where they are asked for.
fn class(letter: char, has_lines: bool) -> Option<String> {
    let members = match letter.to_ascii_lowercase() {
        's' => r" \t",
        'd' => "0-9",
        'x' => "0-9A-Fa-f",
        'o' => "0-7",
        'w' => "0-9A-Za-z_",
        'h' => "A-Za-z_",
        'a' => "A-Za-z",
        'l' => "a-z",
        'u' => "A-Z",
        'i' | 'k' => r"\w",
        _ => return None,
    };
    let is_not = letter.is_ascii_uppercase();
    let (not, lines) = (if is_not { "^" } else { "" }, if is_not != has_lines { r"\n" } else { "" });
    let set = format!("[{not}{members}{lines}]");
    // Whether case counts makes no difference to these.
    Some(if matches!(letter, 'l' | 'u' | 'L' | 'U') { format!("(?-i:{set})") } else { set })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_translated() {
        for (vim, here) in [
            (r"\<foo\>", r"\b{start}foo\b{end}"),
            (r"a\+b", "a+b"),
            ("a+b", r"a\+b"),
            ("f(x)", r"f\(x\)"),
            (r"\(a\|b\)", "(a|b)"),
            (r"a\{2,3}", "a{2,3}"),
            (r"a\{2\}", "a{2}"),
            (r"a\{-}", "a*?"),
            (r"a\{-1,}", "a{1,}?"),
            ("fn {", r"fn \{"),
            ("[(+]", "[(+]"),
            ("[^x]", r"[^\nx]"),
            (r"\_[^x]", "[^x]"),
            (r"\v(a|b)+", "(a|b)+"),
            (r"a\V.\m.", r"a\.."),
            (r"foo\c", "(?i)foo"),
            (r"\d\s\.", r"[0-9][ \t]\."),
            (r"\S\_s", r"[^ \t\n][ \t\n]"),
            ("*a*", r"\*a*"),
            ("$a^b$", r"\$a\^b$"),
            ("[a", r"\[a"),
        ] {
            assert_eq!(translated(vim).as_deref(), Ok(here), "{vim}");
        }
        for unknown in [r"a\zsb", r"a\@=", r"\(a\)\1", r"a\{2", r"\%V"] {
            assert!(translated(unknown).is_err(), "{unknown}");
        }
        assert_eq!(escaped("a.b_c"), r"a\.b_c");
        assert!(!has_upper_case(r"a\S") && has_upper_case("aS"));
    }
}
