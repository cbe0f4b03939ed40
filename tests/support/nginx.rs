//! A real nginx before a relay.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{PATIENCE, eventually};

/// A running nginx. Killed when dropped.
pub struct Nginx {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Nginx {
    /// Starts nginx before a port of this machine, with these lines for every path. `tests/run` installs nginx.
    pub fn start(relay_port: u16, lines: &str) -> Nginx {
        Nginx::start_under("/", relay_port, lines)
    }

    /// As [`Nginx::start`], for what is under this path, which is taken off.
    pub fn start_under(path: &str, relay_port: u16, lines: &str) -> Nginx {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let at = folder.path().display();
        let config = format!(
            "daemon off; pid {at}/pid; error_log {at}/error.log; worker_processes 1;
            events {{ worker_connections 512; }}
            http {{
                access_log off;
                client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;
                uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
                server {{
                    listen 127.0.0.1:{port};
                    location {path} {{
                        proxy_pass http://127.0.0.1:{relay_port}/;
                        proxy_http_version 1.1;
                        proxy_set_header Host $host;
                        {lines}
                    }}
                }}
            }}"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, config).expect("a writable folder");
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&file).arg("-e").arg(folder.path().join("start.log"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("nginx is missing; tests/run installs it");
        eventually("nginx listens", PATIENCE, || TcpStream::connect(("127.0.0.1", port)).ok().map(drop));
        Nginx { child, port, _folder: folder }
    }

    /// Returns the port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL that leads through it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns `link` as it reads through it.
    pub fn link_through(&self, link: &str) -> String {
        let path = link.find("/d/").expect("a link");
        format!("{}{}", self.url(), &link[path..])
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its worker ends with it when it is asked, not when it is killed.
        let id = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}
