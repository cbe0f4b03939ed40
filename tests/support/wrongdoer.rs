//! A client that keeps to no rule: says what it likes over a WebSocket or plain requests, and reads only when it is asked to.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use coedit::base::bytes::put_varint;
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::protocol::SessionId;
use coedit::protocol::capability::Secret;
use coedit::protocol::frame::{Frame, Frames};
use coedit::protocol::greeting::Hello;
use coedit::protocol::link_url::LinkUrl;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection.
pub struct Wrongdoer {
    socket: WebSocket<TcpStream>,
    /// Who was numbered in the welcome.
    pub replicas: Vec<ReplicaId>,
    /// All packets that came.
    pub heard: Vec<Vec<u8>>,
}

/// Connects to the port of a link, and no more.
pub fn tcp(link: &LinkUrl) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", link.server.port)).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

/// Returns the hello of whoever has a link.
pub fn hello(link: &LinkUrl, secret: &Secret, replica: u64, version: VersionVector) -> Vec<u8> {
    let hello = Hello {
        document: link.document,
        token: secret.token(),
        replica: ReplicaId::new(replica),
        session: SessionId::from_bytes([replica as u8; 16]),
        epoch: None,
        create: None,
        version,
    };
    Frame::Hello(Box::new(hello)).to_packet()
}

impl Wrongdoer {
    /// Opens a WebSocket and says nothing.
    pub fn connect(link: &LinkUrl) -> Wrongdoer {
        let url = format!("ws://127.0.0.1:{}/d/{}", link.server.port, link.document);
        let (socket, _) = tungstenite::client(url, tcp(link)).expect("a WebSocket");
        Wrongdoer { socket, replicas: Vec::new(), heard: Vec::new() }
    }

    /// Joins as the link allows, with an empty document.
    pub fn join(link: &LinkUrl, replica: u64) -> Wrongdoer {
        let mut joined = Wrongdoer::connect(link);
        joined.send(hello(link, &link.secret, replica, VersionVector::default()));
        let until = Instant::now() + PATIENCE;
        while joined.replicas.is_empty() && Instant::now() < until {
            joined.listen();
        }
        assert!(!joined.replicas.is_empty(), "the hello was not answered with a welcome");
        joined
    }

    /// Says something. What can no longer be said does not matter: the other side has hung up.
    pub fn send(&mut self, packet: Vec<u8>) {
        let _ = self.socket.send(Message::Binary(packet.into()));
    }

    /// Takes in one packet. Returns whether the connection still stands.
    pub fn listen(&mut self) -> bool {
        match self.socket.read() {
            Ok(Message::Binary(bytes)) => {
                for frame in Frames::new(&bytes).into_iter().flatten().flatten() {
                    if let Frame::Welcome(welcome) = frame {
                        self.replicas = welcome.replicas.clone();
                    }
                }
                self.heard.push(bytes.to_vec());
                true
            }
            Ok(message) => !message.is_close(),
            Err(_) => false,
        }
    }

    /// Returns whether the other side hangs up, however much it still says.
    pub fn is_hung_up(&mut self) -> bool {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if !self.listen() {
                return true;
            }
        }
        false
    }
}

/// A link over plain requests that says some packets: the first is its hello.
pub fn say_by_requests(link: &LinkUrl, via: &str, packets: &[Vec<u8>]) {
    let opened = request(link, "open", &format!("coedit-via: {via}\r\n"), &[]);
    let name = opened.rsplit("\r\n\r\n").next().unwrap_or_default().trim().to_owned();
    assert_eq!(name.len(), 22, "no link was opened: {opened}");
    for (n, packet) in packets.iter().enumerate() {
        let mut body = Vec::new();
        put_varint(&mut body, packet.len() as u64);
        body.extend(packet);
        let headers = format!("coedit-link: {name}\r\ncoedit-first: {}\r\n", n + 1);
        request(link, "up", &headers, &body);
    }
}

fn request(link: &LinkUrl, what: &str, headers: &str, body: &[u8]) -> String {
    let mut stream = tcp(link);
    let head = format!(
        "POST /d/{}/{what} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        link.document,
        link.server.port,
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
