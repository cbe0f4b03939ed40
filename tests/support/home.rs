//! A person: a home folder of their own, so that nothing is shared but what goes over the network.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::screen::Screen;
use super::{PATIENCE, eventually};

/// Variables that would let this machine's own settings in.
const VARIABLES_REMOVED: [&str; 6] =
    ["COLORTERM", "DISPLAY", "RUST_LOG", "RUST_BACKTRACE", "TMUX", "WAYLAND_DISPLAY"];

/// One person's home, removed at the end.
pub struct Home {
    folder: TempDir,
    /// The name that others see.
    pub name: String,
    /// More environment than everybody here has.
    more: Vec<(&'static str, PathBuf)>,
}

/// Returns the program under test: `COEDIT_BIN`, or the one that was built with the tests.
pub fn program() -> String {
    std::env::var("COEDIT_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_coedit").to_owned())
}

impl Home {
    /// Makes a home for somebody called `name`.
    pub fn new(name: &str) -> Home {
        Home {
            folder: tempfile::tempdir().expect("a temporary folder"),
            name: name.to_owned(),
            more: Vec::new(),
        }
    }

    /// Sets a variable for all that is started here from now on.
    pub fn set_variable(&mut self, name: &'static str, value: impl Into<PathBuf>) {
        self.more.push((name, value.into()));
    }

    /// Returns the path of a file in the home folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in the home folder and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a writable folder");
        path
    }

    /// Reads a file in the home folder.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a readable file")
    }

    /// Returns the environment that makes this the home.
    pub fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        let root = self.folder.path();
        let usual = [
            ("HOME", root.to_owned()),
            ("XDG_CONFIG_HOME", root.join("config")),
            ("XDG_DATA_HOME", root.join("data")),
            ("XDG_STATE_HOME", root.join("state")),
            ("XDG_CACHE_HOME", root.join("cache")),
            ("XDG_RUNTIME_DIR", root.join("run")),
            // Homes lie in the folder for temporary files, of which nothing would be remembered.
            ("TMPDIR", root.join("tmp")),
            ("TERM", PathBuf::from("xterm-256color")),
            ("LANG", PathBuf::from("C.UTF-8")),
        ];
        usual.into_iter().chain(self.more.iter().cloned()).collect()
    }

    /// Returns the names of the variables that are taken out of the environment.
    pub fn variables_removed() -> &'static [&'static str] {
        &VARIABLES_REMOVED
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(args).current_dir(self.folder.path()).envs(self.variables());
        for name in VARIABLES_REMOVED {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the program with `input` on its standard input; its output goes nowhere.
    pub fn start_with_input(&self, args: &[&str], input: &[u8]) -> Child {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        let _ = child.stdin.take().expect("piped").write_all(input);
        child
    }

    /// Runs the program without a terminal to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Outcome {
        self.run_with_input(args, b"")
    }

    /// Runs the program to its end with `input` on its standard input.
    #[track_caller]
    pub fn run_with_input(&self, args: &[&str], input: &[u8]) -> Outcome {
        let mut command = self.command(args);
        command.stdin(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        // A program that refuses its arguments may be gone before it reads.
        let _ = child.stdin.take().expect("piped").write_all(input);
        finish(child, args)
    }

    /// Runs the program to its end, and panics unless it exits with 0. Returns its output without the last newline.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let outcome = self.run(args);
        assert_eq!(outcome.code, Some(0), "coedit {args:?}: {}", outcome.stderr);
        outcome.stdout.trim_end_matches('\n').to_owned()
    }

    /// Makes a shared document of a file that is in the home folder, and returns its link.
    #[track_caller]
    pub fn share(&self, file: &str, relay_url: &str) -> String {
        let link = self.ok(&["share", file, "--relay", relay_url, "--detach"]);
        assert!(
            link.contains("/d/") && link.contains('#') && !link.contains('\n'),
            "not only a link: {link}"
        );
        link
    }

    /// Opens the program on a screen, in a calm size.
    pub fn open(&self, args: &[&str]) -> Screen {
        self.open_sized(args, 40, 120)
    }

    /// Opens the program on a screen of this many rows and columns.
    pub fn open_sized(&self, args: &[&str], n_rows: u16, n_columns: u16) -> Screen {
        Screen::spawn(self, args, n_rows, n_columns)
    }

    /// Joins a shared document as the person who lives here.
    pub fn join(&self, link: &str, file: &str) -> Screen {
        self.open(&["join", link, file, "--name", &self.name])
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// How a run without a terminal ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

/// Waits for a process without terminal, and kills it if it does not end.
#[track_caller]
pub fn finish(mut child: Child, args: &[&str]) -> Outcome {
    // The pipes are read beside the waiting: a full pipe would keep the process from ending.
    let mut out = child.stdout.take().expect("piped");
    let mut err = child.stderr.take().expect("piped");
    let read_all = |source: &mut dyn std::io::Read| {
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes).expect("a readable pipe");
        bytes
    };
    let (stdout, stderr, status) = std::thread::scope(|scope| {
        let stdout = scope.spawn(move || read_all(&mut out));
        let stderr = scope.spawn(move || read_all(&mut err));
        let status = wait_at_most(&mut child, PATIENCE);
        if status.is_none() {
            child.kill().expect("it runs");
            child.wait().expect("it was killed");
        }
        (stdout.join().expect("read"), stderr.join().expect("read"), status)
    });
    let output = Output { status: status.unwrap_or_default(), stdout, stderr };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(status.is_some(), "coedit {args:?} did not end; it had printed {:?}", text(&output.stderr));
    Outcome { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

fn wait_at_most(child: &mut Child, patience: Duration) -> Option<std::process::ExitStatus> {
    let give_up_at = std::time::Instant::now() + patience;
    while std::time::Instant::now() < give_up_at {
        if let Some(status) = child.try_wait().expect("a child") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Returns what `coedit cat LINK` prints, once it is `expected`, from a home that never had the document.
#[track_caller]
pub fn assert_document_becomes(link: &str, expected: &str) {
    let reader = Home::new("reader");
    let mut last = String::new();
    let same = eventually_or_last(|| {
        last = reader.run(&["cat", link]).stdout;
        last == expected
    });
    assert!(same, "the document is {last:?}, not {expected:?}");
}

fn eventually_or_last(mut ask: impl FnMut() -> bool) -> bool {
    (0..20).any(|_| {
        let yes = ask();
        if !yes {
            std::thread::sleep(Duration::from_millis(200));
        }
        yes
    })
}

/// Waits until a file in `home` has this content.
#[track_caller]
pub fn assert_file_becomes(home: &Home, name: &str, expected: &str) {
    eventually(&format!("{name} becomes {expected:?}"), PATIENCE, || {
        (std::fs::read_to_string(home.path(name)).ok()? == expected).then_some(())
    });
}

/// Saves again and again until the file has this content: what others typed may still be on its way.
#[track_caller]
pub fn assert_saves_as(screen: &Screen, home: &Home, name: &str, expected: &str) {
    eventually(&format!("{name} is saved as {expected:?}"), PATIENCE, || {
        screen.save();
        (std::fs::read_to_string(home.path(name)).ok()? == expected).then_some(())
    });
}
