//! The command line.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::editor::prompt::parse_place;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::app::manage::{LinkOptions, PeopleOptions};
use crate::app::relay::options::{RelayAction, RelayOptions};

/// A terminal text editor in which any number of people edit one text at once, also offline.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "coedit",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  coedit notes.txt +12:4\n  coedit share notes.txt\n  coedit join 'http://192.168.1.7:7878/d/…#…'"
)]
pub struct Cli {
    /// What to do; without a command, edit
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Files to edit; they need not exist. - is standard input, `+LINE[:COL]` a place
    #[arg(value_name = "FILE")]
    pub files: Vec<OsString>,
    /// For every command
    #[command(flatten)]
    pub global: Global,
}

/// Options of every command.
#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// The name that others see
    #[arg(long, global = true, value_name = "NAME")]
    pub name: Option<String>,
    /// The colour that others see you in
    #[arg(long, global = true, value_name = "0..15", value_parser = clap::value_parser!(u8).range(0..16))]
    pub color: Option<u8>,
    /// How the screen looks: terminal, dark, light, contrast, or a file in the folder themes of the configuration
    #[arg(long, global = true, value_name = "THEME", env = "COEDIT_THEME", value_hint = clap::ValueHint::Other)]
    pub theme: Option<String>,
    /// Certificates of authorities to trust besides the system's, for https links
    #[arg(long, global = true, value_name = "FILE", env = "COEDIT_CA")]
    pub ca: Option<PathBuf>,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Share a file and edit it
    #[command(after_help = "Example:\n  coedit share notes.txt --relay http://relay.example:7878")]
    Share {
        /// The file; without one, a new text
        file: Option<PathBuf>,
        /// The relay that keeps the text; without one, this machine serves it
        #[arg(long, value_name = "URL")]
        relay: Option<String>,
        /// Upload, print only the link, and end
        #[arg(long)]
        detach: bool,
        /// Where this machine listens when it serves the text
        #[arg(long, value_name = "ADDR", conflicts_with = "relay")]
        listen: Option<String>,
        /// What the relay's operator gave you, if it lets not everybody create documents
        #[arg(long, value_name = "TOKEN", env = "COEDIT_CREATE_TOKEN", hide_env_values = true)]
        create_token: Option<String>,
    },
    /// Open a shared text
    #[command(after_help = "Example:\n  coedit join 'http://192.168.1.7:7878/d/…#…' notes.txt")]
    Join {
        /// The link that somebody gave you
        link: String,
        /// Where the text is saved
        file: Option<PathBuf>,
    },
    /// Keep and serve shared texts
    #[command(after_help = "Example:\n  coedit relay --listen 0.0.0.0:7878 --data /var/lib/coedit")]
    #[command(args_conflicts_with_subcommands = true)]
    Relay {
        /// What to do with it; without a command, run it
        #[command(subcommand)]
        action: Option<RelayAction>,
        /// How it runs
        #[command(flatten)]
        options: Box<RelayOptions>,
    },
    /// Print the current text
    #[command(after_help = "Example:\n  coedit cat 'http://192.168.1.7:7878/d/…#…' > notes.txt")]
    Cat {
        /// A link, or a file
        #[arg(value_name = "LINK|FILE")]
        target: String,
    },
    /// Make a shared text equal standard input; without --base, what others typed since you read it goes
    #[command(after_help = "Example:\n  coedit put 'http://192.168.1.7:7878/d/…#…' < notes.txt")]
    Put {
        /// A link, or a file that is shared
        #[arg(value_name = "LINK|FILE")]
        target: String,
        /// The text as it was when you read it: only what differs from that is changed, so what others typed since stays
        #[arg(long, value_name = "FILE")]
        base: Option<PathBuf>,
        /// Let the text become empty
        #[arg(long)]
        allow_empty: bool,
    },
    /// Run a command on a shared text: it gets the text, and what it changes is changed; what others type meanwhile stays
    #[command(after_help = "Example:\n  coedit edit 'http://192.168.1.7:7878/d/…#…' -- sort")]
    Edit {
        /// A link, or a file that is shared
        #[arg(value_name = "LINK|FILE")]
        target: String,
        /// Let the text become empty
        #[arg(long)]
        allow_empty: bool,
        /// The command and its arguments, after --
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// List the documents that this machine knows
    #[command(after_help = "Example:\n  coedit docs --links")]
    Docs {
        /// Print links with their secrets: coedit LINK opens one again, also without a file
        #[arg(long)]
        links: bool,
    },
    /// Print every option, its value and where that comes from
    #[command(after_help = "Example:\n  coedit config --show")]
    Config {
        /// The same as without it
        #[arg(long)]
        show: bool,
    },
    /// Print every command with its keys, as a page in Markdown
    #[command(after_help = "Example:\n  coedit keys | less")]
    Keys,
    /// Find out what works between this machine and a relay
    #[command(after_help = "Example:\n  coedit doctor 'https://relay.example/d/…#…'")]
    Doctor {
        /// The link that should work; without one, only this machine is looked at
        link: Option<String>,
    },
    /// Make, list and end more links to a shared text
    #[command(
        after_help = "Example:\n  coedit link 'https://relay.example/d/…#…' --new --read-only --expires 7d"
    )]
    Link {
        /// What to do
        #[command(flatten)]
        options: LinkOptions,
    },
    /// See who is in a shared text, and decide what they may do
    #[command(after_help = "Example:\n  coedit people 'https://relay.example/d/…#…' --demote 3")]
    People {
        /// What to do
        #[command(flatten)]
        options: PeopleOptions,
    },
    /// Let simulated people edit in simulated trouble
    #[command(hide = true)]
    Simulate {
        /// The first seed
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
        /// How many seeds
        #[arg(long, value_name = "K", default_value_t = 1)]
        seeds: u64,
        /// Run each twice, and compare
        #[arg(long)]
        repeat: bool,
    },
    /// Print completions for a shell
    #[command(
        after_help = "Example:\n  coedit completions bash > ~/.local/share/bash-completion/completions/coedit"
    )]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example:\n  coedit man > ~/.local/share/man/man1/coedit.1")]
    Man,
}

/// Line and column, from 1.
pub type LineCol = (usize, usize);

/// A file to edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Which.
    pub path: PathBuf,
    /// Where in it.
    pub line_col: Option<LineCol>,
}

/// What to edit, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The files, in order.
    pub named: Vec<Named>,
    /// Whether standard input is one; it is the first then.
    pub is_standard_input: bool,
    /// Where in the first text.
    pub line_col: Option<LineCol>,
}

/// Takes places apart from files: one belongs to the file before it, and before all files to the first. A file whose name
/// begins with + is named as ./+…
pub fn files(names: &[OsString]) -> Files {
    let mut found = Files::default();
    let mut ahead = None;
    let mut is_behind_file = false;
    for name in names {
        match name.to_str().and_then(|name| name.strip_prefix('+')).and_then(parse_place) {
            Some(place) if is_behind_file => found.named.last_mut().expect("a file").line_col = Some(place),
            Some(place) => ahead = Some(place),
            None if name == "-" => (found.is_standard_input, is_behind_file) = (true, false),
            None => {
                found.named.push(named(name));
                is_behind_file = true;
            }
        }
    }
    found.line_col = ahead;
    if let Some(first) = found.named.first_mut().filter(|_| !found.is_standard_input) {
        first.line_col = first.line_col.or(ahead);
        found.line_col = first.line_col;
    }
    found
}

/// Reads a file's name, with a place behind it as compilers write it: `FILE:LINE[:COL]`, if there is such a file and none of
/// the whole name.
fn named(name: &OsStr) -> Named {
    let path = PathBuf::from(name);
    let placed = name.to_str().filter(|_| !path.exists()).and_then(place_behind);
    match placed.filter(|(file, _)| Path::new(file).is_file()) {
        Some((file, line_col)) => Named { path: PathBuf::from(file), line_col: Some(line_col) },
        None => Named { path, line_col: None },
    }
}

/// Splits `FILE:LINE[:COL]`.
fn place_behind(name: &str) -> Option<(&str, LineCol)> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let name = name.strip_suffix(':').unwrap_or(name);
    let (before, last) = name.rsplit_once(':').filter(|(_, last)| is_number(last))?;
    let at = match before.rsplit_once(':') {
        Some((file, line)) if is_number(line) => file.len(),
        _ => before.len(),
    };
    parse_place(&name[at + 1..]).filter(|_| is_number(last)).map(|place| (&name[..at], place))
}

/// Puts options of every command that stand before the command behind it, where they are looked for.
pub fn arranged(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.collect();
    let of_all = |arg: &str| GLOBAL_OPTIONS.contains(&arg);
    let with_value =
        |arg: &str| arg.split_once('=').is_some_and(|(option, _)| GLOBAL_OPTIONS.contains(&option));
    let mut at = 1;
    while let Some(arg) = args.get(at).and_then(|arg| arg.to_str()) {
        at += match () {
            () if of_all(arg) => 2,
            () if with_value(arg) => 1,
            () => break,
        };
    }
    let is_command = args.get(at).and_then(|arg| arg.to_str()).is_some_and(is_command);
    if 1 < at && is_command {
        args[1..=at].rotate_right(1);
    }
    args
}

const GLOBAL_OPTIONS: &[&str] = &["--name", "--color", "--theme", "--ca"];

fn is_command(name: &str) -> bool {
    Cli::command().get_subcommands().any(|command| command.get_name() == name)
}

/// Returns the command that the first of several names was probably meant for: there is no such file.
pub fn meant_command(names: &[OsString]) -> Option<String> {
    let first = names.first().filter(|_| 1 < names.len())?.to_str()?;
    let is_near = |command: &&str| strsim::damerau_levenshtein(first, command) == 1;
    let description = Cli::command();
    let mut commands = description.get_subcommands().filter(|command| !command.is_hide_set());
    let near = commands.find(|command| is_near(&command.get_name()))?.get_name().to_owned();
    (!Path::new(first).exists()).then_some(near)
}

/// Returns the command line's description, for completions and the manual.
pub fn description() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Cli {
        Cli::try_parse_from([&["coedit"], args].concat()).expect("good usage")
    }

    #[test]
    fn description_is_sound() {
        description().debug_assert();
    }

    #[test]
    fn files_and_places_are_told_apart() {
        let cli = parse(&["a.txt", "+12:4", "--name", "ana"]);
        let found = files(&cli.files);
        assert_eq!((paths(&found), found.line_col), (vec!["a.txt"], Some((12, 4))));
        assert_eq!(cli.global.name.as_deref(), Some("ana"));
        assert_eq!(files(&["+3".into()]).line_col, Some((3, 1)));
        assert_eq!(paths(&files(&["+x".into()])), vec!["+x"]);
    }

    fn paths(files: &Files) -> Vec<&str> {
        files.named.iter().filter_map(|named| named.path.to_str()).collect()
    }

    #[test]
    fn a_place_belongs_to_the_file_before_it_or_to_the_first() {
        let places = |names: &[&str]| {
            let found = files(&names.iter().map(OsString::from).collect::<Vec<_>>());
            let lines = found.named.iter().map(|named| named.line_col.map_or(0, |(line, _)| line));
            (lines.collect::<Vec<_>>(), found.line_col)
        };
        assert_eq!(places(&["a", "b", "+5"]), (vec![0, 5], None));
        assert_eq!(places(&["a", "+5", "b", "+7"]), (vec![5, 7], Some((5, 1))));
        assert_eq!(places(&["+5", "a", "b"]), (vec![5, 0], Some((5, 1))));
        assert_eq!(places(&["-", "+5"]), (vec![], Some((5, 1))));
        assert_eq!(place_behind("a.py:10:3"), Some(("a.py", (10, 3))));
        assert_eq!(place_behind("a:b.py:10:"), Some(("a:b.py", (10, 1))));
        assert_eq!((place_behind("a.py"), place_behind("a.py:x")), (None, None));
    }

    #[test]
    fn options_of_all_commands_may_stand_before_the_command() {
        let order = |args: &[&str]| {
            let args = arranged(["coedit"].iter().chain(args).map(OsString::from));
            args.iter().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(order(&["--name", "ben", "join", "LINK"]), "join --name ben LINK");
        assert_eq!(order(&["--name=ben", "--color", "3", "docs"]), "docs --name=ben --color 3");
        assert_eq!(order(&["--name", "join", "a.txt"]), "--name join a.txt");
        assert_eq!(order(&["a.txt", "join"]), "a.txt join");
        let meant = |names: &[&str]| meant_command(&names.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(meant(&["joim", "LINK"]).as_deref(), Some("join"));
        assert_eq!((meant(&["joim"]), meant(&["notes.txt", "b"])), (None, None));
    }

    #[test]
    fn options_for_every_command_stand_anywhere() {
        let cli = parse(&["share", "a.txt", "--name", "ana", "--color", "3"]);
        assert_eq!((cli.global.name.as_deref(), cli.global.color), (Some("ana"), Some(3)));
        assert!(matches!(cli.command, Some(Command::Share { detach: false, .. })));
        for bad in [&["--color", "16"][..], &["put"], &["relay", "--listen"]] {
            assert!(Cli::try_parse_from([&["coedit"], bad].concat()).is_err(), "{bad:?}");
        }
    }
}
