//! `config.toml`: the relay, the name and the colour by default.

use std::path::Path;

use serde::Deserialize;

/// What the file may hold. Anything else is reported with its line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where `coedit share` shares.
    pub relay: Option<String>,
    /// What others see.
    pub name: Option<String>,
    /// Index into the palette of 16.
    pub color: Option<u8>,
}

/// Reads `config.toml` in `folder`; a missing file is an empty one.
///
/// # Errors
/// In one sentence, with the line.
pub fn read(folder: &Path) -> Result<Config, String> {
    let file = folder.join("config.toml");
    match std::fs::read_to_string(&file) {
        Ok(text) => parse(&text).map_err(|(line, what)| format!("{} line {line}: {what}", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => Err(format!("{} cannot be read ({})", file.display(), error.kind())),
    }
}

fn parse(text: &str) -> Result<Config, (usize, String)> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count() + 1;
        (line, error.message().replace('\n', " "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_are_read_and_unknown_ones_reported_with_their_line() {
        let config = parse("relay = \"http://h:1\"\ncolor = 3\n").expect("sound");
        assert_eq!((config.relay.as_deref(), config.color), (Some("http://h:1"), Some(3)));
        let (line, what) = parse("# mine\nrelais = 1\n").expect_err("unknown");
        assert!(line == 2 && what.contains("relais"), "{line}: {what}");
    }
}
