//! A server as a process of its own, on the first core.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A running server. Killed when dropped.
pub struct Server {
    child: Child,
    port: u16,
    _data: Option<TempDir>,
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
        let mut command = Command::new(program);
        command.args(["relay", "--listen", "127.0.0.1:0", "--data"]).arg(data.path());
        Server::start(command, Some(data))
    }

    /// Starts the bare server.
    pub fn bare() -> Server {
        let mut command = Command::new(std::env::current_exe().expect("a path"));
        command.arg("bare");
        Server::start(command, None)
    }

    fn start(mut command: Command, data: Option<TempDir>) -> Server {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        pin(child.id(), 0);
        Server { child, port, _data: data }
    }

    /// Returns where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the CPU time that it has used.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
        let ticks: u64 =
            fields[11].parse::<u64>().expect("a number") + fields[12].parse::<u64>().expect("a number");
        Duration::from_millis(ticks * 10)
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
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
