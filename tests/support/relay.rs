//! A relay of one's own, which can be killed and started again on its data.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::home::{Home, program};
use super::{PATIENCE, eventually};

/// A running relay. Killed when dropped.
pub struct Relay {
    home: Home,
    data: TempDir,
    child: Child,
    port: u16,
    /// More arguments than every relay here gets.
    args: Vec<String>,
    /// More environment.
    variables: Vec<(&'static str, PathBuf)>,
    scheme: String,
}

impl Relay {
    /// Starts a relay on a free port, with no data yet.
    pub fn start() -> Relay {
        Relay::start_with(&[])
    }

    /// Starts a relay on a free port with these arguments as well.
    pub fn start_with(args: &[&str]) -> Relay {
        Relay::start_all(tempfile::tempdir().expect("a temporary folder"), args)
    }

    /// Starts a relay on a free port with the data in `data`.
    pub fn start_on(data: TempDir) -> Relay {
        Relay::start_all(data, &[])
    }

    fn start_all(data: TempDir, args: &[&str]) -> Relay {
        Relay::start_in(data, args.iter().map(|&arg| arg.to_owned()).collect(), Vec::new())
    }

    /// Starts a relay on a free port with the data in `data`, these arguments as well and these variables in its environment.
    pub fn start_in(data: TempDir, args: Vec<String>, variables: Vec<(&'static str, PathBuf)>) -> Relay {
        let home = Home::new("relay");
        let Started { child, scheme, port } = spawn(&home, data.path(), 0, (&args, &variables));
        Relay { home, data, child, port, args, variables, scheme }
    }

    /// Returns the URL that it said it listens on.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// Returns all that it has logged.
    pub fn log(&self) -> String {
        self.home.read("relay.log")
    }

    /// Returns the port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the folder with its data.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Kills it at once.
    pub fn kill9(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was killed");
    }

    /// Starts it again on the same port and the same data.
    pub fn restart(&mut self) {
        let more = (&self.args[..], &self.variables[..]);
        self.child = spawn(&self.home, self.data.path(), self.port, more).child;
    }

    /// Asks it to end and waits for that.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        eventually("the relay ends", PATIENCE, || self.ended())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Returns how it ended, once it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    /// Returns its resident memory in kilobytes.
    pub fn memory_kb(&self) -> u64 {
        memory_kb(self.child.id())
    }

    /// Returns how many files and sockets it has open, and how many threads.
    pub fn n_descriptors_and_threads(&self) -> (usize, usize) {
        let n_in = |folder: &str| {
            let folder = format!("/proc/{}/{folder}", self.child.id());
            std::fs::read_dir(folder).expect("a running process").count()
        };
        (n_in("fd"), n_in("task"))
    }

    /// Returns whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.ended().is_none()
    }

    /// Starts another relay, with no client, on a copy of the data as it lies on the disk now.
    pub fn copy(&self) -> Relay {
        let copy = tempfile::tempdir().expect("a temporary folder");
        copy_folder(self.data.path(), copy.path());
        Relay::start_on(copy)
    }

    /// Returns `link` as it reads when this relay serves it.
    pub fn link_here(&self, link: &str) -> String {
        let path = link.find("/d/").expect("a link");
        format!("{}{}", self.url(), &link[path..])
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a readable folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            std::fs::create_dir_all(&target).expect("a writable folder");
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Returns the resident memory of a process in kilobytes.
pub fn memory_kb(process_id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).expect("a running process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line with VmRSS");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

struct Started {
    child: Child,
    scheme: String,
    port: u16,
}

/// Starts a relay and waits for the line that says where it listens. A port that was just in use may need a moment.
fn spawn(
    home: &Home,
    data: &Path,
    port: u16,
    (args, variables): (&[String], &[(&'static str, PathBuf)]),
) -> Started {
    if port != 0 {
        eventually("the port is free again", PATIENCE, || {
            TcpListener::bind(("127.0.0.1", port)).ok().map(drop)
        });
    }
    // Run by `nohup` or behind a shell's `&`, a test would hand down signals that are ignored.
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,QUIT").arg(program());
    command.args(["relay", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(data).args(args);
    let log = std::fs::File::options().create(true).append(true).open(home.path("relay.log"));
    let log = log.map_or_else(|_| Stdio::null(), Stdio::from);
    command.envs(home.variables()).envs(variables.iter().cloned()).current_dir(home.folder());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    let mut child = command.spawn().expect("the program starts");
    let output = child.stdout.take().expect("piped");
    let (sender, receiver) = std::sync::mpsc::channel();
    // Reads to the end, so that the relay never writes into a closed pipe.
    std::thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
    });
    let line = receiver.recv_timeout(PATIENCE.max(Duration::from_secs(5))).expect("a line from the relay");
    let url = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("not where it listens: {line}"));
    let (scheme, address) = url.split_once("://").expect("a URL");
    let port = address.trim_end_matches('/').rsplit(':').next().expect("a port").parse().expect("a number");
    Started { child, scheme: scheme.to_owned(), port }
}
