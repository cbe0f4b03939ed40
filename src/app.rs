//! Rank 5: one file per command, and their wiring.

/// The command line.
pub mod cli;

/// `config.toml`.
pub mod config;

/// `coedit config`: what is configured, and where it comes from.
pub mod settings;

/// Which theme, and in how many colours.
pub mod theme;

/// What a command needs to know: the folders, the name and colour of its user.
pub mod setting;

/// From what a user calls an address to one, and back.
pub mod address;

/// Reading text from files and standard input.
pub mod text;

/// The smallest edits that make one text of another.
pub mod diff;

/// A document with its journal and its connections, for the editor and for commands without a screen.
pub mod session;

/// `coedit relay`.
pub mod relay;

/// `coedit share --detach`.
pub mod share;

/// `coedit join`: which file a link is opened as.
pub mod join;

/// `coedit cat`.
pub mod cat;

/// `coedit put`.
pub mod put;

/// `coedit doctor`.
pub mod doctor;

/// `coedit link` and `coedit people`.
pub mod manage;
pub mod manual;

/// `coedit docs`.
pub mod docs;

/// `coedit simulate`.
pub mod simulate;

/// From the command line to the command.
pub mod run;

/// The editor's loop.
pub mod edit;
