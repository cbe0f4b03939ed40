//! A server as a process of its own, on the first core.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A running server. Killed when dropped.
pub struct Server {
    child: Child,
    port: u16,
    data: Option<TempDir>,
}

/// Keeps a process on one core.
pub fn pin(process: u32, core: usize) {
    let pinned = Command::new("taskset").args(["-apc", &core.to_string(), &process.to_string()]).output();
    assert!(pinned.is_ok_and(|pinned| pinned.status.success()), "taskset is missing (package util-linux)");
}

impl Server {
    /// Starts a relay on an empty folder.
    pub fn coedit(program: &str) -> Server {
        let data = tempfile::tempdir().expect("a temporary folder");
        let (child, port) = start(relay(program, 0, &data));
        Server { child, port, data: Some(data) }
    }

    /// Starts the bare server.
    pub fn bare() -> Server {
        let mut command = Command::new(std::env::current_exe().expect("a path"));
        command.arg("bare");
        let (child, port) = start(command);
        Server { child, port, data: None }
    }

    /// Kills a relay, if it runs, and starts it again where it was.
    pub fn restart(&mut self, program: &str) {
        self.kill();
        let data = self.data.as_ref().expect("a relay");
        self.child = start(relay(program, self.port, data)).0;
    }

    /// Kills it without a warning.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end and waits until it has.
    pub fn stop(&mut self) {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        assert!(asked.is_ok_and(|asked| asked.success()), "kill is missing (package util-linux)");
        let ended = self.child.wait().expect("it was started here");
        assert!(ended.success(), "it ended with {ended}");
    }

    /// Returns how many bytes the files of a relay's folder have.
    pub fn store_bytes(&self) -> u64 {
        let files = std::fs::read_dir(self.data.as_ref().expect("a relay").path()).expect("a folder");
        files.filter_map(|file| file.ok()?.metadata().ok()).map(|metadata| metadata.len()).sum()
    }

    /// Returns where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the CPU time that its threads have used.
    pub fn cpu(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let of_thread = |thread: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            stat.split(' ').next()?.parse::<u64>().ok()
        };
        Duration::from_nanos(threads.filter_map(of_thread).sum())
    }

    /// Returns its resident memory.
    pub fn memory_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn relay(program: &str, port: u16, data: &TempDir) -> Command {
    let mut command = Command::new(program);
    command.args(["relay", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(data.path());
    command
}

/// Starts a server on the first core; returns its port, which the first line of its output names.
fn start(mut command: Command) -> (Child, u16) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
    let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    pin(child.id(), 0);
    (child, port)
}
