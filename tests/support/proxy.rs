//! A bad network: between a client and a relay, on this machine.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Forwards connections to a port, until told to do worse.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Bytes are taken and thrown away, in both directions, while the connections stay open.
    is_stalled: AtomicBool,
    /// New connections are closed at once.
    is_refusing: AtomicBool,
    /// How many more bytes get through before every connection is closed, plus one; 0 if no end is in sight.
    n_left: AtomicI64,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Starts a proxy to `target_port` on this machine.
    pub fn start(target_port: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                accept(client, target_port, &for_thread);
            }
        });
        Proxy { port, shared }
    }

    /// Returns the URL that leads through the proxy.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns `link` as it reads through the proxy.
    pub fn link_through(&self, link: &str) -> String {
        let path = link.find("/d/").expect("a link");
        format!("{}{}", self.url(), &link[path..])
    }

    /// From now on swallows what is sent, without closing anything: a network that went away quietly.
    pub fn stall(&self) {
        self.shared.is_stalled.store(true, Ordering::SeqCst);
    }

    /// Lets new connections through again. Those that lost bytes meanwhile stay dead, as they would.
    pub fn restore(&self) {
        self.shared.is_stalled.store(false, Ordering::SeqCst);
        self.shared.is_refusing.store(false, Ordering::SeqCst);
    }

    /// Closes every connection, and refuses new ones until `restore`.
    pub fn cut(&self) {
        self.shared.is_refusing.store(true, Ordering::SeqCst);
        self.drop_all();
    }

    /// Closes every connection; new ones are welcome.
    pub fn drop_all(&self) {
        self.shared.drop_all();
    }

    /// Lets so many bytes more through, either way, then closes every connection, wherever in a message that is; new ones are welcome.
    pub fn drop_all_after(&self, n_bytes: usize) {
        self.shared.n_left.store(n_bytes as i64 + 1, Ordering::SeqCst);
    }

    /// Returns whether what `drop_all_after` announced is still to come.
    pub fn is_dropping(&self) -> bool {
        0 < self.shared.n_left.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn drop_all(&self) {
        for stream in self.open.lock().expect("no thread panicked").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Returns how many of `n` bytes get through, and whether everything ends with them.
    fn let_through(&self, n: usize) -> (usize, bool) {
        let take = |left: i64| (0 < left).then(|| (left - n as i64).max(0));
        match self.n_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) {
            Ok(left) if left <= n as i64 => (left as usize - 1, true),
            _ => (n, false),
        }
    }
}

fn accept(client: TcpStream, target_port: u16, shared: &Arc<Shared>) {
    if shared.is_refusing.load(Ordering::SeqCst) {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", target_port)) else { return };
    // Once a connection has lost bytes it never forwards again.
    let is_dead = Arc::new(AtomicBool::new(false));
    let pairs = [(&client, &server), (&server, &client)];
    for (from, to) in pairs {
        let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
        let (shared, is_dead) = (Arc::clone(shared), Arc::clone(&is_dead));
        std::thread::spawn(move || pump(from, to, &shared, &is_dead));
    }
    let mut open = shared.open.lock().expect("no thread panicked");
    open.extend([client, server]);
}

fn pump(mut from: TcpStream, mut to: TcpStream, shared: &Shared, is_dead: &AtomicBool) {
    let _ = to.set_nodelay(true);
    let mut bytes = [0; 16384];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if shared.is_stalled.load(Ordering::SeqCst) {
            is_dead.store(true, Ordering::SeqCst);
        }
        if is_dead.load(Ordering::SeqCst) {
            continue;
        }
        let (n, is_last) = shared.let_through(n);
        if to.write_all(&bytes[..n]).is_err() {
            break;
        }
        if is_last {
            shared.drop_all();
        }
    }
    if is_dead.load(Ordering::SeqCst) {
        // The other side is not told: nothing gets through.
        std::thread::sleep(Duration::from_secs(120));
    }
    let _ = to.shutdown(Shutdown::Both);
}
