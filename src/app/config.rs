//! `config.toml`: one table of every option, read with the line and a suggestion on a mistake.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::app::theme;
use crate::editor::command::{self, COMMANDS};
use crate::editor::glyph::TabWidth;
use crate::editor::keymap::{self, Binding, Keymap};
use crate::editor::settings::Settings;
use crate::protocol::link_url::ServerUrl;

/// What the file says.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where `coedit share` shares.
    pub relay: Option<String>,
    /// What others see.
    pub name: Option<String>,
    /// Index into the palette of 16.
    pub color: Option<u8>,
    /// What the editor needs to know, without the keys.
    pub editor: Settings,
    /// The bindings that differ from the table of commands.
    pub keys: Vec<Binding>,
    /// In which line each option is set.
    pub lines: HashMap<&'static str, usize>,
    /// What is wrong with the file, each in one sentence with its line: the rest counts as if it were not there.
    pub mistakes: Vec<String>,
    /// What is understood and may yet not do what is meant, said in the same way.
    pub warnings: Vec<String>,
}

/// One option.
pub struct Opt {
    /// Its name in the file.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Takes the value in, or says what it must be.
    set: fn(&mut Config, &DeValue) -> Result<(), String>,
    /// Returns the value as the file would have it; `None` if it is not set.
    pub get: fn(&Config) -> Option<String>,
}

/// Every option but the table `[keys]`.
pub static OPTIONS: &[Opt] = &[
    Opt {
        name: "name",
        about: "The name that others see",
        set: |config, value| string(value).map(|name| config.name = Some(name)),
        get: |config| config.name.as_deref().map(quoted),
    },
    Opt {
        name: "color",
        about: "The colour that others see you in, 0 to 15; chosen by chance when it is not set",
        set: |config, value| number(value, 0, 15).map(|color| config.color = Some(color as u8)),
        get: |config| config.color.map(|color| color.to_string()),
    },
    Opt {
        name: "relay",
        about: "Where `coedit share` shares; without one, this machine serves the text",
        set: |config, value| {
            let url = string(value)?;
            ServerUrl::parse(&url).map_err(|_| format!("{url:?} is no address like http://HOST:PORT"))?;
            config.relay = Some(url);
            Ok(())
        },
        get: |config| config.relay.as_deref().map(quoted),
    },
    Opt {
        name: "keymap",
        about: "What keys mean: \"default\", without modes, or \"vim\"",
        set: |config, value| match value.as_str() {
            Some(name @ ("default" | "vim")) => {
                config.editor.is_vim = name == "vim";
                Ok(())
            }
            _ => Err("this must be \"default\" or \"vim\"".to_owned()),
        },
        get: |config| Some(quoted(if config.editor.is_vim { "vim" } else { "default" })),
    },
    Opt {
        name: "theme",
        about: "How the screen looks: terminal, dark, light, contrast, or the name of a file in the folder themes beside this one",
        set: |config, value| string(value).map(|theme| config.editor.theme = theme),
        get: |config| Some(quoted(&config.editor.theme)),
    },
    Opt {
        name: "scrollbar",
        about: "Whether a bar at the right edge shows where in the text one is, where the others and what was found are",
        set: |config, value| switch(value).map(|is_on| config.editor.scrollbar = is_on),
        get: |config| Some(config.editor.scrollbar.to_string()),
    },
    Opt {
        name: "screen_reader",
        about: "Whether the screen is read aloud: no lines drawn, no numbers, messages on a row of their own",
        set: |config, value| switch(value).map(|is_on| config.editor.is_spoken = is_on),
        get: |config| Some(config.editor.is_spoken.to_string()),
    },
    Opt {
        name: "line_numbers",
        about: "Whether lines have numbers",
        set: |config, value| switch(value).map(|is_on| config.editor.line_numbers = is_on),
        get: |config| Some(config.editor.line_numbers.to_string()),
    },
    Opt {
        name: "show_blanks",
        about: "Whether blanks and tabs are shown",
        set: |config, value| switch(value).map(|is_on| config.editor.show_blanks = is_on),
        get: |config| Some(config.editor.show_blanks.to_string()),
    },
    Opt {
        name: "wrap",
        about: "Whether long lines go on in the next row, cut between words; Alt-L changes it for one text",
        set: |config, value| switch(value).map(|is_on| config.editor.wrap = is_on),
        get: |config| Some(config.editor.wrap.to_string()),
    },
    Opt {
        name: "indent",
        about: "What Tab inserts where neither .editorconfig nor the text itself says: \"tab\", or so many blanks, 1 to 16; what is usual in the language when it is not set",
        set: |config, value| match value.as_str() {
            Some("tab") => {
                config.editor.indent = Some(0);
                Ok(())
            }
            Some(_) => Err("this must be \"tab\" or a number from 1 to 16".to_owned()),
            None => number(value, 1, 16).map(|n| config.editor.indent = Some(n as u8)),
        },
        get: |config| match config.editor.indent? {
            0 => Some(quoted("tab")),
            n => Some(n.to_string()),
        },
    },
    Opt {
        name: "tab_width",
        about: "How many cells wide a tab is where .editorconfig does not say, 1 to 16; the command tab-width changes it for one text",
        set: |config, value| {
            number(value, 1, TabWidth::MAX.into()).map(|n| config.editor.tab_width = TabWidth::new(n as u8))
        },
        get: |config| Some(config.editor.tab_width.cells().to_string()),
    },
    Opt {
        name: "auto_indent",
        about: "Whether a new line is indented as the one before",
        set: |config, value| switch(value).map(|is_on| config.editor.auto_indent = is_on),
        get: |config| Some(config.editor.auto_indent.to_string()),
    },
    Opt {
        name: "trim_blanks",
        about: "Whether saving takes blanks from the ends of lines",
        set: |config, value| switch(value).map(|is_on| config.editor.trim_blanks = is_on),
        get: |config| Some(config.editor.trim_blanks.to_string()),
    },
    Opt {
        name: "final_newline",
        about: "Whether saving ends the last line",
        set: |config, value| switch(value).map(|is_on| config.editor.final_newline = is_on),
        get: |config| Some(config.editor.final_newline.to_string()),
    },
    Opt {
        name: "keep_undo",
        about: "Whether undo goes on after a file was closed; what was deleted from the file stays in the data folder for it",
        set: |config, value| switch(value).map(|is_on| config.editor.keep_undo = is_on),
        get: |config| Some(config.editor.keep_undo.to_string()),
    },
    Opt {
        name: "restore",
        about: "Whether `coedit` without a file opens what was open in the folder last",
        set: |config, value| switch(value).map(|is_on| config.editor.restores = is_on),
        get: |config| Some(config.editor.restores.to_string()),
    },
];

/// Returns where the file is, whether there is one or not.
pub fn file_in(folder: &Path) -> PathBuf {
    folder.join("config.toml")
}

/// Reads `config.toml` in `folder`; a missing file is an empty one. What is wrong is left out, and told in `mistakes`.
pub fn read(folder: &Path) -> Config {
    let file = file_in(folder);
    let mut config = match std::fs::read_to_string(&file) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Config::default(),
        Err(error) => {
            let mistakes = vec![format!("config.toml cannot be read ({})", error.kind())];
            Config { mistakes, ..Config::default() }
        }
    };
    if let Err(what) = theme::load(&config.editor.theme, folder) {
        let line = config.lines.remove("theme").unwrap_or_default();
        config.mistakes.push(told(line, &what));
        config.editor.theme = Settings::default().theme;
    }
    config
}

/// A mistake or a warning with its line.
fn told(line: usize, what: &str) -> String {
    format!("config.toml line {line}: {what}")
}

/// Notices that the file was written.
#[derive(Debug)]
pub struct Watch {
    folder: PathBuf,
    written: Option<SystemTime>,
}

impl Watch {
    /// Begins with the file as it is.
    pub fn new(folder: &Path) -> Watch {
        Watch { written: written(folder), folder: folder.to_owned() }
    }

    /// Reads the file if it was written since the last call.
    pub fn news(&mut self) -> Option<Config> {
        let now = written(&self.folder);
        let before = std::mem::replace(&mut self.written, now);
        (before != now).then(|| read(&self.folder))
    }
}

fn written(folder: &Path) -> Option<SystemTime> {
    std::fs::metadata(file_in(folder)).and_then(|about| about.modified()).ok()
}

impl Config {
    /// Returns what the editor needs to know.
    pub fn settings(&self) -> Settings {
        let mut settings = self.editor.clone();
        settings.keymap = Keymap::new(&self.keys);
        settings
    }

    /// Returns what its user should know first, if anything: a mistake, else a warning.
    pub fn remark(&self) -> Option<&str> {
        self.mistakes.first().or(self.warnings.first()).map(String::as_str)
    }
}

/// Reads what is sound of the text, and notes the rest, in the order of the file.
fn parse(text: &str) -> Config {
    let line_of =
        |at: usize| text.as_bytes()[..at.min(text.len())].iter().filter(|&&b| b == b'\n').count() + 1;
    let (table, errors) = DeTable::parse_recoverable(text);
    let of_error = |error: &toml::de::Error| {
        (line_of(error.span().map_or(0, |span| span.start)), error.message().replace('\n', " "))
    };
    let mut wrong: Vec<(usize, String)> = errors.iter().map(of_error).collect();
    // Where a line makes no sense at all, whatever it was taken for is not what was meant.
    let unread: Vec<usize> = wrong.iter().map(|(line, _)| *line).collect();
    let mut config = Config::default();
    for (name, value) in table.get_ref() {
        let line = line_of(name.span().start);
        let name: &str = name.get_ref();
        if name == "keys" {
            keys(&mut config, value, &unread, line_of, &mut wrong);
            continue;
        }
        if unread.contains(&line) {
            continue;
        }
        let Some(option) = OPTIONS.iter().find(|option| option.name == name) else {
            let known = OPTIONS.iter().map(|option| option.name).chain(["keys"]);
            let words = format!("there is no option {name:?}{}", suggestion(name, known));
            wrong.push((line, format!("{words}; `coedit config --show` lists all")));
            continue;
        };
        match (option.set)(&mut config, value.get_ref()) {
            Ok(()) => _ = config.lines.insert(option.name, line),
            Err(what) => wrong.push((line, format!("{name}: {what}"))),
        }
    }
    wrong.sort();
    config.mistakes = wrong.iter().map(|(line, what)| told(*line, what)).collect();
    config
}

/// Reads the table of bindings.
fn keys(
    config: &mut Config,
    value: &Spanned<DeValue>,
    unread: &[usize],
    line_of: impl Fn(usize) -> usize,
    wrong: &mut Vec<(usize, String)>,
) {
    let DeValue::Table(table) = value.get_ref() else {
        let what = "keys is a table: [keys], then lines like \"F9\" = \"save\"".to_owned();
        return wrong.push((line_of(value.span().start), what));
    };
    let mut lines = Vec::new();
    for (keys, name) in table {
        let line = line_of(keys.span().start);
        if unread.contains(&line) {
            continue;
        }
        match binding(keys.get_ref(), name.get_ref()) {
            Ok(binding) => {
                lines.push(line);
                config.keys.push(binding);
            }
            Err(what) => wrong.push((line, what)),
        }
    }
    let keymap = Keymap::new(&config.keys);
    let doubts = lines.into_iter().zip(&config.keys);
    let mut doubts: Vec<_> =
        doubts.filter_map(|(line, binding)| Some((line, keymap.doubt(binding)?))).collect();
    doubts.sort();
    config.warnings = doubts.iter().map(|(line, what)| told(*line, what)).collect();
}

/// Reads one line of the table of bindings.
fn binding(keys: &str, name: &DeValue) -> Result<Binding, String> {
    let name = string(name)?;
    let keys = keymap::parse(keys).map_err(|error| error.to_string())?;
    let command = command::named(&name);
    if command.is_none() && name != "none" {
        let known = COMMANDS.iter().map(|command| command.name).chain(["none"]);
        let words = format!("there is no command {name:?}{}", suggestion(&name, known));
        return Err(format!("{words}; `coedit keys` lists all"));
    }
    Ok((keys, command))
}

/// `, did you mean …?` when something is near.
pub fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known.map(|other| (strsim::damerau_levenshtein(name, other), other)).min();
    match near {
        Some((n, other)) if n <= other.len() / 3 + 1 => format!(", did you mean {other:?}?"),
        _ => String::new(),
    }
}

fn string(value: &DeValue) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| "this must be a text in \"quotes\"".to_owned())
}

fn switch(value: &DeValue) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "this must be true or false".to_owned())
}

fn number(value: &DeValue, min: u32, max: u32) -> Result<u32, String> {
    let found = value.as_integer().and_then(|n| u32::from_str_radix(n.as_str(), n.radix()).ok());
    found
        .filter(|n| (min..=max).contains(n))
        .ok_or_else(|| format!("this must be a number from {min} to {max}"))
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::editor::command::Action;
    use crate::editor::keymap::Found;

    #[track_caller]
    fn check_refused(text: &str, line: usize, words: &str) {
        let found = parse(text).mistakes;
        let [what] = found.as_slice() else { panic!("not one mistake: {found:?}") };
        assert!(what.starts_with(&told(line, "")) && what.contains(words), "{what}");
    }

    /// Reads a text that nothing is wrong with.
    fn sound(text: &str) -> Config {
        let config = parse(text);
        assert!(config.mistakes.is_empty(), "{:?}", config.mistakes);
        config
    }

    #[test]
    fn known_options_are_read_and_their_lines_kept() {
        let config = sound("# mine\nrelay = \"http://h:1\"\ncolor = 3\n");
        assert_eq!((config.relay.as_deref(), config.color), (Some("http://h:1"), Some(3)));
        assert_eq!((config.lines["relay"], config.lines["color"]), (2, 3));
    }

    #[test]
    fn mistakes_come_with_their_line_and_a_suggestion() {
        check_refused("# mine\nrelais = 1\n", 2, "did you mean \"relay\"?");
        check_refused("zzzzzz = 1\n", 1, "coedit config --show");
        check_refused("name = \"a\"\ncolor = 16\n", 2, "from 0 to 15");
        check_refused("name = 3\n", 1, "quotes");
        check_refused("name = \n", 1, "");
        check_refused("[keys]\n\n\"F9\" = \"safe\"\n", 3, "did you mean \"save\"?");
        check_refused("[keys]\n\"Hyper-X\" = \"save\"\n", 2, "is not a key");
        check_refused("relay = \"example\"\n", 1, "http://HOST:PORT");
    }

    #[test]
    fn what_is_wrong_is_left_out_and_the_rest_is_taken() {
        let config = parse(
            "name = \"ana\"\nwrp = true\ncolor = 99\nwrap = \ntab_width = 8\n[keys]\n\"F9\" = \"safe\"\n\"F8\" = \"save\"\n",
        );
        assert_eq!((config.name.as_deref(), config.color, config.editor.wrap), (Some("ana"), None, false));
        assert_eq!((config.editor.tab_width.cells(), config.keys.len()), (8, 1));
        let lines: Vec<_> = config.mistakes.iter().map(|what| what.split(':').next().unwrap()).collect();
        let expected = [2, 3, 4, 7].map(|line| format!("config.toml line {line}"));
        assert_eq!(lines, expected);
    }

    #[test]
    fn themes_that_are_not_there_are_mistakes_of_their_line() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(file_in(folder.path()), "wrap = true\ntheme = \"drk\"\n").expect("a file");
        let config = read(folder.path());
        assert!(config.editor.wrap && config.editor.theme == Settings::default().theme);
        let [what] = config.mistakes.as_slice() else { panic!("{:?}", config.mistakes) };
        assert!(what.contains("line 2") && what.contains("did you mean \"dark\"?"), "{what}");
    }

    #[test]
    fn keys_that_may_not_do_what_is_meant_are_warned_about() {
        let config = sound(
            "[keys]\n\"Ctrl-I\" = \"save\"\n\"Ctrl-K\" = \"save\"\n\"Ctrl-S F9\" = \"save\"\n\"F9\" = \"save\"\n",
        );
        let [tab, hides, hidden] = config.warnings.as_slice() else { panic!("{:?}", config.warnings) };
        assert!(tab.contains("line 2") && tab.contains("Tab"), "{tab}");
        assert!(hides.contains("line 3") && hides.contains("Ctrl-K Ctrl-"), "{hides}");
        assert!(hidden.contains("line 4") && hidden.contains("Ctrl-S"), "{hidden}");
    }

    #[test]
    fn keys_are_bound_to_commands_by_name() {
        let config = sound("[keys]\n\"F9\" = \"save\"\n\"ctrl-s\" = \"none\"\n");
        let keymap = config.settings().keymap;
        let find = |keys: &str| keymap.find(&keymap::parse(keys).expect("keys"));
        assert_eq!(find("F9"), Found::Action(Action::Save, false));
        assert_eq!(find("Ctrl-S"), Found::Nothing);
    }

    #[test]
    fn options_are_named_once_and_shown_as_they_are_read() {
        let text = "name = \"ana\"\ncolor = 3\nrelay = \"http://h:1\"\nkeymap = \"vim\"\nscreen_reader = true\ntheme = \"dark\"\nscrollbar = false\n\
                    line_numbers = false\nshow_blanks = true\nwrap = true\nindent = 2\ntab_width = 8\nauto_indent = false\ntrim_blanks = true\nfinal_newline = true\nkeep_undo = false\nrestore = false\n";
        let config = sound(text);
        for option in OPTIONS {
            assert_eq!(OPTIONS.iter().filter(|other| other.name == option.name).count(), 1);
            let shown = (option.get)(&config).expect("set");
            assert!(text.contains(&format!("{} = {shown}\n", option.name)), "{shown}");
        }
    }
}
