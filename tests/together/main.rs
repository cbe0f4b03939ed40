//! The program as people meet it: the real binary, in pseudo-terminals, with a real relay and a bad network.
//! `docs/TESTING.md` says how to run it longer and against another binary.
#![cfg(unix)]

mod alone;
mod as_editor;
mod bad_input;
mod browser;
mod commands;
mod crowd;
mod disk_trouble;
mod editing;
mod headless;
mod hostile;
mod hosting;
mod kills;
mod looks;
mod offline;
mod operating;
mod outside;
mod pictures;
mod signals;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
mod texts;
mod transports;
mod wrongdoers;
