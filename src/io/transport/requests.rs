//! The dialing half of a link over plain requests: down by an event stream or by long polls, up by posts. What breaks is
//! asked for again from where it broke.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Response};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::connect::Network;
use super::dial::{DialError, LinkAddr};
use super::link::{LinkTask, received};
use super::queue::Command;
use super::{LinkEvent, UNHANDLED_BYTES_MAX};
use crate::base::bytes::{Malformed, Reader, put_varint};
use crate::io::http::Client;
use crate::protocol::resumption::{Taken, Turn, numbered};
use crate::sync::Via;

/// The header with the link's secret name.
pub(in crate::io) const LINK: &str = "coedit-link";
/// The header with the number of the first packet in the body; packets count from 1, each way.
pub(in crate::io) const FIRST: &str = "coedit-first";
/// The header with the number of the last packet down that was seen.
pub(in crate::io) const SEEN: &str = "last-event-id";
/// The header with how the other side means to read.
pub(in crate::io) const VIA: &str = "coedit-via";
/// The header that says that these are the last packets up.
pub(in crate::io) const BYE: &str = "coedit-bye";

/// How long a stream may be silent: the server says something every 4 s.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// How long the first bytes of a stream may take; where they take longer, something keeps streams back.
const FIRST_BYTES_TIMEOUT: Duration = Duration::from_secs(3);

/// How long one request may take, a poll included, which the server answers after 8 s.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// How long what broke is tried again before the link is given up.
const BROKEN_MAX: Duration = Duration::from_secs(10);

/// The pause between two such tries.
const RETRY_PAUSE: Duration = Duration::from_millis(300);

/// Bytes of packets in one post, about.
const UP_BYTES: usize = 256 << 10;

/// Bytes that were seen and not said to be, after which that is said at once.
const SEEN_BYTES_MAX: usize = 32 << 10;

/// How long it may wait otherwise.
const SEEN_PAUSE: Duration = Duration::from_millis(500);

/// Bytes of one answer to a poll.
const POLL_BYTES_MAX: usize = 1 << 20;

/// A link over plain requests, open at the server.
#[derive(Debug)]
pub(super) struct Requests {
    network: Arc<Network>,
    addr: LinkAddr,
    pub(super) via: Via,
    /// The link's secret name.
    name: String,
    /// The stream that is open already.
    stream: Option<OpenStream>,
}

/// A stream, and what of it was read to see that it is one.
#[derive(Debug)]
struct OpenStream {
    body: Incoming,
    begun: Bytes,
}

impl Requests {
    /// Opens a link that is read by `via`.
    pub(super) async fn open(
        network: &Arc<Network>,
        addr: &LinkAddr,
        via: Via,
        deadline: Instant,
    ) -> Result<Requests, DialError> {
        let mut client = Client::connect(network, addr, deadline).await?;
        let path = path(addr, "open");
        let answer = client.send(Method::POST, &path, &[(VIA, via.word().to_owned())], Bytes::new()).await?;
        let (status, body) = whole(answer, 1_024).await.ok_or_else(|| hung_up(addr))?;
        let name = String::from_utf8(body.to_vec()).ok().filter(|name| status == 200 && name.len() == 22);
        let address = addr.authority();
        let name = name.ok_or(match status {
            429 => DialError::TooMany { address },
            502..=504 => DialError::Busy { address, status },
            _ => DialError::NotRelay { address, status },
        })?;
        let mut link = Requests { network: Arc::clone(network), addr: addr.clone(), via, name, stream: None };
        if via == Via::EventStream {
            link.stream = Some(link.open_stream(0, deadline).await?);
        }
        Ok(link)
    }

    fn headers(&self, seen: u64) -> Vec<(&'static str, String)> {
        vec![(LINK, self.name.clone()), (SEEN, seen.to_string())]
    }

    /// Opens the stream and waits for its first bytes, which come at once unless something holds them back.
    async fn open_stream(&self, seen: u64, deadline: Instant) -> Result<OpenStream, DialError> {
        let mut client = Client::connect(&self.network, &self.addr, deadline).await?;
        let path = path(&self.addr, "events");
        let answer = client.send(Method::GET, &path, &self.headers(seen), Bytes::new()).await?;
        let (status, address) = (answer.status().as_u16(), self.addr.authority());
        if status != 200 {
            return Err(DialError::NotRelay { address, status });
        }
        let mut body = answer.into_body();
        match timeout(FIRST_BYTES_TIMEOUT, body.frame()).await {
            // Events may have come with them.
            Ok(Some(Ok(frame))) => Ok(OpenStream { body, begun: frame.into_data().unwrap_or_default() }),
            Ok(_) => Err(hung_up(&self.addr)),
            Err(_) => Err(DialError::Timeout { address, n_seconds: FIRST_BYTES_TIMEOUT.as_secs() }),
        }
    }
}

/// What has come down, for the half that tells the server.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    upto: u64,
    n_bytes: usize,
}

/// Carries the link until it is over; returns why it is.
pub(super) async fn run(task: &LinkTask, mut link: Requests) -> String {
    let (events, link_no) = (task.events.clone(), task.link_no);
    let stream = link.stream.take();
    let seen = watch::Sender::new(Seen::default());
    let down = Down {
        link: &link,
        events,
        link_no,
        seen: &seen,
        taken: Taken::default(),
        shares: Arc::new(Semaphore::new(UNHANDLED_BYTES_MAX)),
    };
    tokio::select! {
        reason = down.read(stream) => reason,
        reason = write(task, &link, seen.subscribe()) => reason,
        () = better_way(&link) => "a better way to the server is open".to_owned(),
    }
}

/// After how long a WebSocket is tried beside a lower way: what held it up may have been a stall. Then after twice as long, and so on.
const FIRST_LOOK_AFTER: Duration = Duration::from_secs(20);

/// Returns once a WebSocket leads to the server again.
async fn better_way(link: &Requests) {
    let ways = &link.network.ways;
    let is_mute = !ways.may_probe(&link.addr.authority());
    let mut pause = if is_mute { ways.climb_after } else { ways.climb_after.min(FIRST_LOOK_AFTER) };
    loop {
        sleep(pause).await;
        pause = (2 * pause).min(ways.climb_after);
        if super::dial::try_websocket(&link.network, &link.addr).await.is_ok() {
            return link.network.ways.led(&link.addr.authority(), 0);
        }
    }
}

/// The half that reads.
struct Down<'a> {
    link: &'a Requests,
    events: mpsc::UnboundedSender<LinkEvent>,
    link_no: u64,
    seen: &'a watch::Sender<Seen>,
    taken: Taken,
    shares: Arc<Semaphore>,
}

/// Why reading stopped.
enum Stop {
    /// For now: it is asked again.
    Broken,
    /// The server has ended the link.
    Over,
}

impl Down<'_> {
    async fn read(mut self, mut stream: Option<OpenStream>) -> String {
        let mut broken_since = None::<Instant>;
        loop {
            let before = self.taken;
            let stop = match self.link.via {
                Via::LongPoll => self.poll().await,
                _ => self.read_stream(stream.take()).await,
            };
            match stop {
                Err(Stop::Over) => return "the other side closed the connection".to_owned(),
                Ok(()) => broken_since = None,
                Err(Stop::Broken) if before != self.taken => broken_since = None,
                Err(Stop::Broken) => {
                    let since = *broken_since.get_or_insert_with(Instant::now);
                    if BROKEN_MAX <= since.elapsed() {
                        return "the connection was lost".to_owned();
                    }
                    sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Reads a stream to its end, which a proxy may bring about at any time.
    async fn read_stream(&mut self, open: Option<OpenStream>) -> Result<(), Stop> {
        let OpenStream { mut body, begun } = match open {
            Some(stream) => stream,
            None => {
                let deadline = Instant::now() + REQUEST_TIMEOUT;
                match timeout(REQUEST_TIMEOUT, self.link.open_stream(self.taken.upto(), deadline)).await {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(DialError::NotRelay { status: 410, .. })) => return Err(Stop::Over),
                    _ => return Err(Stop::Broken),
                }
            }
        };
        let mut lines = BytesMut::from(&begun[..]);
        let mut number = 0;
        loop {
            while let Some(end) = lines.iter().position(|&byte| byte == b'\n') {
                let line = lines.split_to(end + 1);
                if let Some(id) = line.strip_prefix(b"id: ") {
                    let id = str::from_utf8(id).ok().and_then(|id| id.trim().parse().ok());
                    number = id.ok_or(Stop::Broken)?;
                } else if let Some(data) = line.strip_prefix(b"data: ") {
                    let packet = STANDARD.decode(data.trim_ascii_end()).map_err(|_| Stop::Broken)?;
                    self.take(number, &packet).await?;
                }
            }
            if super::MESSAGE_BYTES_MAX * 2 < lines.len() {
                return Err(Stop::Broken);
            }
            let Ok(Some(Ok(frame))) = timeout(SILENCE_MAX, body.frame()).await else {
                return Err(Stop::Broken);
            };
            if let Ok(data) = frame.into_data() {
                lines.extend_from_slice(&data);
            }
        }
    }

    /// Asks for what there is, once.
    async fn poll(&mut self) -> Result<(), Stop> {
        let asked = async {
            let deadline = Instant::now() + REQUEST_TIMEOUT;
            let mut client = Client::connect(&self.link.network, &self.link.addr, deadline).await.ok()?;
            // One connection serves many polls.
            loop {
                let path = path(&self.link.addr, "poll");
                let headers = self.link.headers(self.taken.upto());
                let answer = client.send(Method::GET, &path, &headers, Bytes::new());
                let answer = timeout(REQUEST_TIMEOUT, answer).await.ok()?.ok()?;
                let first = answer.headers().get(FIRST).and_then(|first| first.to_str().ok()?.parse().ok());
                let (status, body) = timeout(REQUEST_TIMEOUT, whole(answer, POLL_BYTES_MAX)).await.ok()??;
                if status == 410 {
                    return Some(Stop::Over);
                }
                if status != 200 {
                    return None;
                }
                for (number, packet) in numbered(first?, packets(&body).ok()?) {
                    self.take(number, &packet).await.ok()?;
                }
            }
        };
        Err(asked.await.unwrap_or(Stop::Broken))
    }

    /// Hands a packet on, once.
    async fn take(&mut self, number: u64, packet: &[u8]) -> Result<(), Stop> {
        match self.taken.turn(number) {
            Turn::Known => return Ok(()),
            Turn::Next => self.taken.took(),
            Turn::Gap => return Err(Stop::Broken),
        }
        self.seen.send_modify(|seen| (seen.upto, seen.n_bytes) = (number, seen.n_bytes + packet.len()));
        let packet = received(packet, &self.shares).await;
        self.events.send(LinkEvent::Packet(self.link_no, packet)).map_err(|_| Stop::Over)
    }
}

/// The half that writes: posts what waits, and says what was seen. Returns why it ended.
async fn write(task: &LinkTask, link: &Requests, mut seen: watch::Receiver<Seen>) -> String {
    let mut client = None;
    let mut first = 1;
    let mut n_bytes_told = 0;
    loop {
        let mut body = Vec::new();
        let (mut n_packets, mut n_bytes, mut is_last) = (0, 0, false);
        let mut next = tokio::select! {
            command = task.queue.recv() => Some(command),
            () = worth_telling(&mut seen, n_bytes_told), if link.via == Via::EventStream => None,
        };
        while let Some(command) = next.take() {
            match command {
                Command::Packet(packet) => {
                    put_varint(&mut body, packet.len() as u64);
                    body.extend_from_slice(&packet);
                    (n_packets, n_bytes) = (n_packets + 1, n_bytes + packet.len());
                }
                Command::Close => is_last = true,
            }
            if !is_last && body.len() < UP_BYTES {
                next = task.queue.try_recv();
            }
        }
        let told = *seen.borrow_and_update();
        let post = Post { first, seen: told.upto, is_last, body: body.into() };
        if let Err(reason) = post.send(link, &mut client).await {
            return reason;
        }
        first += n_packets;
        n_bytes_told = told.n_bytes;
        if 0 < n_bytes {
            task.queue.written(n_bytes);
            let _ = task.events.send(LinkEvent::Written(task.link_no, n_bytes));
        }
        if is_last {
            return "it was closed from this side".to_owned();
        }
    }
}

/// Returns once the server should learn what came down: soon, or at once if it is much.
async fn worth_telling(seen: &mut watch::Receiver<Seen>, n_bytes_told: usize) {
    if seen.changed().await.is_err() {
        return std::future::pending().await;
    }
    let is_much = |seen: &Seen| SEEN_BYTES_MAX <= seen.n_bytes - n_bytes_told;
    let _ = timeout(SEEN_PAUSE, seen.wait_for(is_much)).await;
}

/// One request up.
struct Post {
    first: u64,
    seen: u64,
    is_last: bool,
    body: Bytes,
}

impl Post {
    /// Sends it until it is taken, over `client` if that still stands.
    async fn send(&self, link: &Requests, client: &mut Option<Client>) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            match timeout(REQUEST_TIMEOUT, self.try_once(link, client)).await {
                Ok(Some(200)) => return Ok(()),
                Ok(Some(400 | 409 | 410)) => return Err("the other side closed the connection".to_owned()),
                _ => *client = None,
            }
            if BROKEN_MAX <= begun.elapsed() {
                return Err("the connection was lost".to_owned());
            }
            sleep(RETRY_PAUSE).await;
        }
    }

    async fn try_once(&self, link: &Requests, client: &mut Option<Client>) -> Option<u16> {
        if client.is_none() {
            let deadline = Instant::now() + REQUEST_TIMEOUT;
            *client = Client::connect(&link.network, &link.addr, deadline).await.ok();
        }
        let mut headers = link.headers(self.seen);
        headers.push((FIRST, self.first.to_string()));
        if self.is_last {
            headers.push((BYE, "1".to_owned()));
        }
        let path = path(&link.addr, "up");
        let answer = client.as_mut()?.send(Method::POST, &path, &headers, self.body.clone()).await.ok()?;
        Some(whole(answer, 1_024).await?.0)
    }
}

/// Reads packets that each come after their length.
pub(in crate::io) fn packets(body: &Bytes) -> Result<Vec<Bytes>, Malformed> {
    let mut reader = Reader::new(body);
    let mut packets = Vec::new();
    while !reader.rest().is_empty() {
        let n_bytes = reader.varint_u32()? as usize;
        if super::MESSAGE_BYTES_MAX < n_bytes {
            return Err(Malformed("a packet is too long"));
        }
        packets.push(body.slice_ref(reader.bytes(n_bytes)?));
    }
    Ok(packets)
}

fn path(addr: &LinkAddr, what: &str) -> String {
    format!("{}/d/{}/{what}", addr.base_path, addr.doc_id)
}

fn hung_up(addr: &LinkAddr) -> DialError {
    DialError::HungUp { address: addr.authority() }
}

async fn whole(answer: Response<Incoming>, n_bytes_max: usize) -> Option<(u16, Bytes)> {
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), n_bytes_max).collect().await.ok()?;
    Some((status, body.to_bytes()))
}
