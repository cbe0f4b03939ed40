//! A theme as a TOML file, and the themes that are compiled in.

use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};
use toml::Value;

use super::Theme;
use crate::syntax::kind::KINDS;

/// Every theme that is compiled in, with its file; the first is the default.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("terminal", include_str!("terminal.toml")),
    ("dark", include_str!("dark.toml")),
    ("light", include_str!("light.toml")),
    ("contrast", include_str!("contrast.toml")),
];

const COLORS: [(&str, Color); 17] = [
    ("default", Color::Reset),
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("white", Color::Gray),
    ("bright-black", Color::DarkGray),
    ("bright-red", Color::LightRed),
    ("bright-green", Color::LightGreen),
    ("bright-yellow", Color::LightYellow),
    ("bright-blue", Color::LightBlue),
    ("bright-magenta", Color::LightMagenta),
    ("bright-cyan", Color::LightCyan),
    ("bright-white", Color::White),
];

const MODIFIERS: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underline", Modifier::UNDERLINED),
    ("reverse", Modifier::REVERSED),
];

/// Reads a theme.
///
/// # Errors
/// In one sentence: what is wrong, and what there could be instead.
pub fn parse(text: &str) -> Result<Theme, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        format!("line {line}: {}", error.message().replace('\n', " "))
    })?;
    let mut theme = Theme::bare();
    for (name, value) in &table {
        match (name.as_str(), value) {
            ("people", Value::Array(colors)) => people(&mut theme, colors)?,
            ("on_people", value) => theme.on_people = color_of(value)?,
            ("screen", Value::Table(parts)) => {
                for (name, value) in parts {
                    let part = theme.part(name).ok_or_else(|| unknown("screen", name))?;
                    *part = style(name, value)?;
                }
            }
            ("syntax", Value::Table(kinds)) => {
                for (name, value) in kinds {
                    let kind = KINDS.iter().find(|(_, other)| other == name);
                    let &(kind, _) = kind.ok_or_else(|| unknown("syntax", name))?;
                    theme.kinds[kind as usize] = style(name, value)?;
                }
            }
            _ => {
                return Err(format!(
                    "{name:?} is not known there; there are [screen], [syntax], people and on_people"
                ));
            }
        }
    }
    Ok(theme)
}

fn unknown(table: &str, name: &str) -> String {
    format!("[{table}] has no {name:?}")
}

fn people(theme: &mut Theme, colors: &[Value]) -> Result<(), String> {
    if colors.len() != theme.people.len() {
        return Err(format!("people are {} colours, not {}", theme.people.len(), colors.len()));
    }
    for (mine, value) in theme.people.iter_mut().zip(colors) {
        *mine = color_of(value)?;
    }
    Ok(())
}

fn color_of(value: &Value) -> Result<Color, String> {
    match value {
        Value::Integer(n) => u8::try_from(*n).map(Color::Indexed).map_err(|_| format!("{n} is over 255")),
        Value::String(text) => color(text),
        other => Err(format!("{other} is no colour")),
    }
}

/// Reads `COLOUR on COLOUR bold italic …`, any part of which may be missing.
fn style(name: &str, value: &Value) -> Result<Style, String> {
    let text =
        value.as_str().ok_or_else(|| format!("{name}: a style is a text, like \"red on default bold\""))?;
    let mut style = Style::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if let Some((_, modifier)) = MODIFIERS.iter().find(|(other, _)| *other == word) {
            style = style.add_modifier(*modifier);
        } else if word == "on" {
            style = style.bg(color(words.next().unwrap_or(""))?);
        } else {
            style = style.fg(color(word).map_err(|what| format!("{name}: {what}"))?);
        }
    }
    Ok(style)
}

fn color(word: &str) -> Result<Color, String> {
    if let Some((_, color)) = COLORS.iter().find(|(name, _)| *name == word) {
        return Ok(*color);
    }
    let is_rgb = word.len() == 7 && word.starts_with('#');
    let rgb = is_rgb.then(|| Color::from_str(word).ok()).flatten();
    rgb.or_else(|| word.parse().ok().map(Color::Indexed)).ok_or_else(|| {
        format!("{word:?} is no colour: #rrggbb, 0 to 255, default, red, bright-red and so on are")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::kind::Kind;

    #[test]
    fn every_built_in_theme_is_sound_and_leaves_nothing_invisible() {
        for (name, text) in BUILT_IN {
            let mut theme = parse(text).unwrap_or_else(|what| panic!("{name}: {what}"));
            for (part, style) in theme.parts_mut() {
                let is_same = style.fg.is_some() && style.fg == style.bg && style.fg != Some(Color::Reset);
                assert!(!is_same, "{name}: {part}");
            }
            assert!(theme.people.iter().all(|&color| color != Color::Reset), "{name}");
        }
    }

    #[test]
    fn styles_are_read() {
        let theme =
            parse("[syntax]\nkeyword = \"#ff0000 on 4 bold\"\n[screen]\nmark = \"bright-red\"\n").unwrap();
        let wanted =
            Style::new().fg(Color::Rgb(255, 0, 0)).bg(Color::Indexed(4)).add_modifier(Modifier::BOLD);
        assert_eq!(theme.kind(Kind::Keyword), wanted);
        assert_eq!(theme.mark, Style::new().fg(Color::LightRed));
    }

    #[test]
    fn mistakes_are_told() {
        for (text, words) in [
            ("[syntax]\nkeyword = \"redd\"", "\"redd\" is no colour"),
            ("[syntax]\nkeywords = \"red\"", "[syntax] has no \"keywords\""),
            ("[screen]\nx = \"red\"", "[screen] has no \"x\""),
            ("people = [1]", "people are 16 colours, not 1"),
            ("a = 1", "\"a\" is not known there"),
            ("\n=", "line 2"),
            ("[screen]\ntext = 3", "a style is a text"),
        ] {
            let what = parse(text).expect_err("a mistake");
            assert!(what.contains(words), "{what}");
        }
    }
}
