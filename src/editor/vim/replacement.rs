//! What `:s` puts in the place of a match.

/// What stands in for a match: parts with groups in them, as `${1}`, and how the letters of each are changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replacement {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Part {
    /// What was asked for before this part: `u`, `l`, `U`, `L` and `E`, in order.
    cases: String,
    text: String,
}

impl Replacement {
    /// Returns the text with groups in it, if nothing changes its letters.
    pub fn plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [part] if part.cases.is_empty() => Some(&part.text),
            _ => None,
        }
    }

    /// Returns what stands in for a match; `fill` puts its groups into a part.
    pub fn of(&self, fill: impl Fn(&str) -> String) -> String {
        let mut out = String::new();
        let (mut first, mut all) = (None, None);
        for Part { cases, text } in &self.parts {
            for case in cases.chars() {
                match case {
                    'u' | 'l' => first = Some(case),
                    'U' | 'L' => all = Some(case),
                    _ => (first, all) = (None, None),
                }
            }
            for c in fill(text).chars() {
                match first.take().or(all) {
                    Some('u' | 'U') => out.extend(c.to_uppercase()),
                    Some(_) => out.extend(c.to_lowercase()),
                    None => out.push(c),
                }
            }
        }
        out
    }
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

/// Translates what stands in for a match: `\1` and `&` are groups, `\r` and `\n` line feeds, and `\u`, `\l`, `\U`, `\L`
/// change what comes after.
///
/// # Errors
/// In one sentence, if it is to be worked out.
pub fn replacement(with: &str) -> Result<Replacement, String> {
    if with.starts_with("\\=") {
        return Err(r"expressions, \=, are not known here: write what stands in for a match".to_owned());
    }
    let mut parts = vec![Part::default()];
    let mut chars = with.chars();
    while let Some(c) = chars.next() {
        let last = parts.len() - 1;
        let text = &mut parts[last].text;
        match c {
            '$' => text.push_str("$$"),
            '&' => text.push_str("${0}"),
            '\\' => match chars.next() {
                Some(group @ '0'..='9') => text.push_str(&format!("${{{group}}}")),
                Some('r' | 'n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('$') => text.push_str("$$"),
                Some(case @ ('u' | 'l' | 'U' | 'L' | 'e' | 'E')) => {
                    if !text.is_empty() {
                        parts.push(Part::default());
                    }
                    parts.iter_mut().next_back().into_iter().for_each(|part| part.cases.push(case));
                }
                Some(c) => text.push(c),
                None => text.push('\\'),
            },
            _ => text.push(c),
        }
    }
    Ok(Replacement { parts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_are_translated() {
        assert_eq!(replacement(r"\1-&\r$\&\$").unwrap().plain(), Some("${1}-${0}\n$$&$$"));
        let of = |with: &str| replacement(with).unwrap().of(|part| part.replace("${0}", "aB"));
        assert_eq!([r"\u&", r"\U&x\E&", r"\L\u&"].map(of), ["AB", "ABXaB", "Ab"]);
        assert!(replacement(r"\=1").is_err());
    }
}
