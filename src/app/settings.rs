//! `coedit config`: every option, its value and where that comes from.

use std::fmt::Write;

use crate::app::cli::Global;
use crate::app::config::{self, Config, OPTIONS};
use crate::editor::keymap;
use crate::io::paths::Paths;

/// Returns every option as `config.toml` would have it, with what it is for and where its value comes from.
pub fn shown(paths: &Paths, config: &Config, global: &Global) -> String {
    let file = config::file_in(&paths.config);
    let is_there = if file.exists() { "" } else { " (there is no such file yet)" };
    let mut out = format!("# {}{is_there}\n", file.display());
    for option in OPTIONS {
        let (value, origin) = value_of(option, config, global);
        let _ = writeln!(out, "\n# {}", option.about);
        match value {
            Some(value) => {
                let _ = writeln!(out, "{} = {value}  # from {origin}", option.name);
            }
            None => {
                let _ = writeln!(out, "# {} is not set", option.name);
            }
        }
    }
    out.push_str("\n# Bindings beside those that `coedit keys` lists\n[keys]\n");
    for (keys, command) in &config.keys {
        let name = command.map_or("none", |command| command.name);
        let _ = writeln!(out, "{:?} = {name:?}", keymap::shown(keys));
    }
    out
}

fn value_of(option: &config::Opt, config: &Config, global: &Global) -> (Option<String>, String) {
    let given = match option.name {
        "name" => global.name.as_ref().map(|name| format!("{name:?}")),
        "theme" => global.theme.as_ref().map(|theme| format!("{theme:?}")),
        "color" => global.color.map(|color| color.to_string()),
        _ => None,
    };
    if given.is_some() {
        return (given, "the command line".to_owned());
    }
    if let Some(line) = config.lines.get(option.name) {
        return ((option.get)(config), format!("config.toml line {line}"));
    }
    let of_system = std::env::var("USER").ok().filter(|_| option.name == "name");
    match of_system {
        Some(user) => (Some(format!("{user:?}")), "the environment (USER)".to_owned()),
        None => ((option.get)(config), "the default".to_owned()),
    }
}
