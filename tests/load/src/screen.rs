//! An editor on a pseudo-terminal, and when each of its outputs arrived there.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, NativePtySystem, PtySize, PtySystem};
use tempfile::TempDir;

const ROWS: u16 = 40;
const COLUMNS: u16 = 120;

/// How long anything on a screen may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The home of one person.
pub struct Home(TempDir);

impl Home {
    /// Makes an empty one.
    pub fn new() -> Home {
        Home(tempfile::tempdir().expect("a temporary folder"))
    }

    /// Writes a file in it.
    pub fn file(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a writable folder");
    }

    /// Returns the path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Shares a file at a relay on this machine, and returns its link.
    pub fn share(&self, program: &str, file: &str, port: u16) -> String {
        let mut command = Command::new(program);
        command.args(["share", file, "--detach", "--relay", &format!("http://127.0.0.1:{port}")]);
        let output = command.current_dir(self.0.path()).envs(self.variables()).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        let root = self.0.path();
        vec![
            ("HOME", root.to_owned()),
            ("XDG_CONFIG_HOME", root.join("config")),
            ("XDG_DATA_HOME", root.join("data")),
            ("XDG_STATE_HOME", root.join("state")),
            ("TERM", PathBuf::from("xterm-256color")),
            ("LANG", PathBuf::from("C.UTF-8")),
        ]
    }
}

/// An editor on its terminal. Killed when dropped.
pub struct Screen {
    /// When it was started.
    pub started: Instant,
    terminal: vt100::Parser,
    output: Receiver<(Instant, Vec<u8>)>,
    last: Instant,
    input: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
}

impl Screen {
    /// Starts the program in somebody's home.
    pub fn open(program: &str, home: &Home, args: &[&str]) -> Screen {
        let size = PtySize { rows: ROWS, cols: COLUMNS, pixel_width: 0, pixel_height: 0 };
        let pair = NativePtySystem::default().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(home.0.path());
        home.variables().into_iter().for_each(|(name, value)| command.env(name, value));
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).expect("the program starts");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(n) = reader.read(&mut buffer)
                && 0 < n
                && sender.send((Instant::now(), buffer[..n].to_vec())).is_ok()
            {}
        });
        let size = |n| NonZeroU16::new(n).expect("a size");
        Screen {
            started,
            terminal: vt100::Parser::new(size(ROWS), size(COLUMNS), 0),
            output,
            last: started,
            input: pair.master.take_writer().expect("a writer"),
            child,
            _master: pair.master,
        }
    }

    /// Sends keys, and returns when.
    pub fn send(&mut self, keys: &[u8]) -> Instant {
        let at = Instant::now();
        self.input.write_all(keys).and_then(|()| self.input.flush()).expect("it runs");
        at
    }

    /// Waits until the screen holds a text, and returns when the output came that put it there.
    pub fn until(&mut self, text: &str) -> Instant {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            let shown = self.terminal.screen().contents();
            if shown.contains(text) {
                return self.last;
            }
            let left = give_up_at.saturating_duration_since(Instant::now());
            let Ok((at, bytes)) = self.output.recv_timeout(left) else {
                panic!("no {text:?} on the screen:\n{shown}")
            };
            self.last = at;
            self.terminal.process(&bytes);
        }
    }

    /// Takes in what has arrived.
    pub fn drain(&mut self) {
        while let Ok((at, bytes)) = self.output.try_recv() {
            self.last = at;
            self.terminal.process(&bytes);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
