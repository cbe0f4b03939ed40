//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

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
    #[arg(long, global = true, value_name = "THEME", env = "COEDIT_THEME")]
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
    #[command(after_help = "Example:\n  coedit docs")]
    Docs,
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

/// What to edit, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The files, in order.
    pub paths: Vec<PathBuf>,
    /// Whether standard input is one.
    pub is_standard_input: bool,
    /// Line and column, from 1.
    pub line_col: Option<(usize, usize)>,
}

/// Takes places apart from files. A file whose name begins with + is named as ./+…
pub fn files(names: &[OsString]) -> Files {
    let mut found = Files::default();
    for name in names {
        match name.to_str().and_then(|name| name.strip_prefix('+')).and_then(parse_place) {
            Some(place) => found.line_col = Some(place),
            None if name == "-" => found.is_standard_input = true,
            None => found.paths.push(PathBuf::from(name)),
        }
    }
    found
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
        assert_eq!((found.paths, found.line_col), (vec![PathBuf::from("a.txt")], Some((12, 4))));
        assert_eq!(cli.global.name.as_deref(), Some("ana"));
        assert_eq!(files(&["+3".into()]).line_col, Some((3, 1)));
        assert_eq!(files(&["+x".into()]).paths, vec![PathBuf::from("+x")]);
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
