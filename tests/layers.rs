//! Dependencies point down the ranks, and the pure half knows no outside world. In one crate nothing but
//! this test holds that.

use std::path::{Path, PathBuf};

/// Each module, in the order of the ranks, with the modules that it may name besides itself.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("crdt", &["base"]),
    ("document", &["base", "crdt"]),
    ("syntax", &["base"]),
    ("protocol", &["base", "crdt", "document"]),
    ("journal", &["base", "crdt", "document"]),
    ("sync", &["base", "crdt", "document", "protocol", "journal"]),
    ("relay", &["base", "crdt", "document", "protocol", "journal", "sync"]),
    ("editor", &["base", "crdt", "document", "syntax", "protocol", "sync"]),
    ("view", &["base", "crdt", "document", "syntax", "protocol", "sync", "editor"]),
    ("sim", &["base", "crdt", "document", "protocol", "journal", "sync", "relay"]),
    ("io", &["base", "crdt", "document", "syntax", "protocol", "journal", "sync", "relay", "editor", "view"]),
    (
        "app",
        &[
            "base", "crdt", "document", "syntax", "protocol", "journal", "sync", "relay", "editor", "view",
            "sim", "io",
        ],
    ),
];

/// Modules outside the pure half.
const IMPURE: &[&str] = &["io", "app"];

/// What a pure module must not name, not even in its tests: the clock, chance, threads, files, sockets.
const OUTSIDE_WORLD: &[&str] = &[
    "tokio",
    "tokio_tungstenite",
    "axum",
    "rusqlite",
    "crossterm",
    "getrandom",
    "rustix",
    "anyhow",
    "std::fs",
    "std::net",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "std::sync",
    "std::time",
    "Instant",
    "SystemTime",
    "thread_local!",
    "println!",
    "eprintln!",
];

/// What stands in for unfinished work, anywhere.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "TODO", "FIXME", "#[ignore"];

/// Exceptions, each with its reason.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("editor", "crossterm", "a key press is a value there; no terminal is read"),
    ("sync", "std::sync", "one encoded batch is shared between links by Arc, which is no lock"),
    ("protocol", "std::sync", "one encoded batch is shared between links by Arc, which is no lock"),
    ("relay", "std::sync", "one encoded batch is shared between links by Arc, which is no lock"),
    ("document", "std::sync", "a snapshot shares its bytes by Arc, which is no lock"),
    (
        "base",
        "thread_local!",
        "which defect a test of this crate has planted; nothing of it is in the program",
    ),
    ("editor", "std::sync", "shared text is handed out by Arc, which is no lock"),
];

/// Locks and channels are not what the exception for `Arc` is for.
const SHARED_STATE: &[&str] =
    &["Mutex", "RwLock", "mpsc", "Condvar", "AtomicBool", "AtomicU64", "AtomicUsize", "OnceLock"];

struct Source {
    module: String,
    path: PathBuf,
    /// The lines without comments, numbered from 1.
    lines: Vec<(usize, String)>,
}

impl Source {
    fn is_test_file(&self) -> bool {
        self.path.file_stem().is_some_and(|stem| stem == "tests")
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(read(&root, path));
            }
        }
    }
    found
}

fn read(root: &Path, path: PathBuf) -> Source {
    let text = std::fs::read_to_string(&path).expect("UTF-8");
    let inside = path.strip_prefix(root).expect("under src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    let is_comment = |line: &str| line.trim_start().starts_with("//");
    let lines = text.lines().enumerate().filter(|(_, line)| !is_comment(line));
    Source {
        module: first.trim_end_matches(".rs").to_owned(),
        lines: lines.map(|(i, line)| (i + 1, line.to_owned())).collect(),
        path,
    }
}

/// Returns whether `line` holds `name` as a whole path, not as a part of another word.
fn names(line: &str, name: &str) -> bool {
    let is_word = |ch: char| ch.is_alphanumeric() || ch == '_';
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + name.len()..].chars().next();
        let ends_in_word = name.ends_with(is_word);
        let goes_on = ends_in_word && after.is_some_and(is_word);
        let began_before = before.is_some_and(|ch| is_word(ch) || ch == ':');
        !(began_before || goes_on)
    })
}

/// Returns whether `line` imports `std::x` as `std::{…, x, …}`.
fn names_in_group(line: &str, name: &str) -> bool {
    let group = line.trim_start().strip_prefix("use std::{");
    group.zip(name.strip_prefix("std::")).is_some_and(|(group, last)| names(group, last))
}

fn rank_entry(module: &str) -> Option<&'static [&'static str]> {
    MAY_NAME.iter().find(|(name, _)| *name == module).map(|(_, may_name)| *may_name)
}

fn report(problems: Vec<String>, rule: &str) {
    assert!(problems.is_empty(), "{rule}:\n{}", problems.join("\n"));
}

#[test]
fn every_module_has_a_rank() {
    let problems = sources().into_iter().filter(|source| !["lib", "main"].contains(&source.module.as_str()));
    let problems = problems.filter(|source| rank_entry(&source.module).is_none());
    report(problems.map(|source| source.path.display().to_string()).collect(), "modules without a rank");
}

#[test]
fn modules_name_only_modules_of_lower_rank() {
    let mut problems = Vec::new();
    for source in sources() {
        let Some(may_name) = rank_entry(&source.module) else { continue };
        for (number, line) in &source.lines {
            for (other, _) in MAY_NAME {
                let named =
                    names(line, &format!("crate::{other}")) || names(line, &format!("coedit::{other}"));
                if named && *other != source.module && !may_name.contains(other) {
                    problems.push(format!(
                        "{}:{number}: {} names {other}",
                        source.path.display(),
                        source.module
                    ));
                }
            }
        }
    }
    report(problems, "a module may name only modules below it");
}

#[test]
fn pure_modules_name_nothing_of_the_outside_world() {
    let mut problems = Vec::new();
    for source in sources() {
        let is_pure = rank_entry(&source.module).is_some() && !IMPURE.contains(&source.module.as_str());
        if !is_pure {
            continue;
        }
        for (number, line) in &source.lines {
            let named = OUTSIDE_WORLD.iter().chain(SHARED_STATE);
            let named = named.filter(|name| names(line, name) || names_in_group(line, name));
            for name in named {
                let is_allowed =
                    ALLOWED.iter().any(|(module, what, _)| *module == source.module && what == name);
                // A test may say what it found.
                let is_test_output = name.ends_with("println!") && source.is_test_file();
                if !is_allowed && !is_test_output {
                    problems.push(format!("{}:{number}: names {name}", source.path.display()));
                }
            }
        }
    }
    report(problems, "everything outside io, app and main is pure");
}

#[test]
fn nothing_is_left_unfinished() {
    let mut problems = Vec::new();
    for source in sources() {
        for (number, line) in &source.lines {
            let found = UNFINISHED.iter().filter(|word| line.contains(*word));
            problems.extend(found.map(|word| format!("{}:{number}: {word}", source.path.display())));
        }
    }
    report(problems, "finish it or take it out");
}

#[test]
fn outside_data_is_never_unwrapped() {
    let mut problems = Vec::new();
    for source in sources() {
        let tests_start = source.lines.iter().position(|(_, line)| line.contains("#[cfg(test)]"));
        let code = &source.lines[..tests_start.unwrap_or(source.lines.len())];
        for (number, line) in code.iter().filter(|_| !source.is_test_file()) {
            // `expect` says why it cannot fail; `unwrap` says nothing.
            if line.contains(".unwrap()") {
                problems.push(format!("{}:{number}: {}", source.path.display(), line.trim()));
            }
        }
    }
    report(problems, "unwrap() says nothing about why it cannot fail");
}

/// Lines without comments past which a file holds more than one idea.
const FILE_LINES_MAX: usize = 700;

#[test]
fn files_stay_short() {
    let long = sources().into_iter().filter(|source| FILE_LINES_MAX < source.lines.len());
    let long = long.map(|source| format!("{}: {} lines", source.path.display(), source.lines.len()));
    report(long.collect(), "one idea in each file");
}
