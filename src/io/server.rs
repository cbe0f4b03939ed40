//! A listening port: probes for operators, a page for browsers, and a WebSocket for each document that is joined.
//!
//! The relay and an editor that hosts its own document run the same server. It knows no document: every socket is
//! handed on with the id that was asked for, and whoever takes it decides.

mod admission;
/// What only the program behind the server can answer.
pub mod desk;
mod pages;
mod requests;
mod upgrade;

use std::convert::Infallible;
use std::future::Future;
use std::io::{Error as IoError, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

pub use admission::Bounds;
use admission::{Census, Place};
use desk::Desk;

use crate::io::transport::Connection;
use crate::io::transport::stream::Stream;
use crate::protocol::DocumentId;

/// Connections that the kernel holds until they are accepted: enough for everybody to come back at once after a restart.
const BACKLOG_MAX: u32 = 4096;

/// Bytes of a request line and its headers.
const REQUEST_BYTES_MAX: usize = 16 << 10;

/// Connections over the bounds that are told so at one time; further ones are hung up.
const TURNED_AWAY_MAX: usize = 64;

/// What they are told.
const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 10\r\nconnection: close\r\n\
    content-type: text/plain\r\n\r\nThis server takes no more connections from your address now; try again later.\n";

/// How long accepting rests when the process is out of file descriptors. Trying again at once would only burn the CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Somebody who joins a document.
pub struct Accepted {
    /// The document that was asked for. Whether there is such a one is not checked.
    pub document: DocumentId,
    /// From where. Behind a proxy, the proxy.
    pub peer: SocketAddr,
    /// The open socket, for [`crate::io::transport::spawn`].
    pub connection: Connection,
}

/// Why a port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody listens there.
    #[error("port {} on {} is in use by another program; stop it or choose another port", .addr.port(), .addr.ip())]
    InUse {
        /// Where.
        addr: SocketAddr,
    },
    /// The system does not let this user have it.
    #[error("port {} may not be opened by this user; choose one above 1023", .addr.port())]
    Forbidden {
        /// Where.
        addr: SocketAddr,
    },
    /// The address is somebody else's.
    #[error("this machine does not have the address {}; use one of its own, or 0.0.0.0 for all", .addr.ip())]
    NotOurs {
        /// Where.
        addr: SocketAddr,
    },
    /// Anything else.
    #[error("{addr} could not be opened: {source}")]
    Other {
        /// Where.
        addr: SocketAddr,
        /// The system's words.
        source: IoError,
    },
}

/// An open port that accepts nobody yet.
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    bounds: Bounds,
    tls: Option<TlsAcceptor>,
}

impl Server {
    /// Opens the port; port 0 lets the system choose. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`BindError`] with what the system answered.
    pub fn bind(addr: SocketAddr) -> Result<Server, BindError> {
        let (listener, addr) = listen(addr).map_err(|source| match source.kind() {
            ErrorKind::AddrInUse => BindError::InUse { addr },
            ErrorKind::PermissionDenied => BindError::Forbidden { addr },
            ErrorKind::AddrNotAvailable => BindError::NotOurs { addr },
            _ => BindError::Other { addr, source },
        })?;
        Ok(Server { listener, addr, bounds: Bounds::default(), tls: None })
    }

    /// Replaces the bounds.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Server {
        self.bounds = bounds;
        self
    }

    /// Speaks TLS and nothing else.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsAcceptor) -> Server {
        self.tls = Some(tls);
        self
    }

    /// Returns where it listens, the port that the system chose included.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until `shutdown` is over or nobody takes `on_socket` any more. Then the port is closed, and requests that
    /// are under way are cut off; sockets that were handed on live until their taker drops them.
    pub async fn run(
        self,
        on_socket: mpsc::UnboundedSender<Accepted>,
        desk: Desk,
        shutdown: impl Future<Output = ()>,
    ) {
        let census = Census::new(self.bounds.clone());
        let taker = on_socket.clone();
        let router = pages::router(on_socket, desk, self.bounds.request_timeout);
        let mut shutdown = pin!(shutdown);
        let mut requests = JoinSet::new();
        let mut turned_away = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => return,
                () = taker.closed() => return,
                Some(_) = requests.join_next() => continue,
                Some(_) = turned_away.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => match census.admit(peer.ip()) {
                    Some(place) => {
                        let visitor = Visitor { peer, place: Arc::new(place) };
                        let (router, timeout) = (router.clone(), self.bounds.request_timeout);
                        drop(requests.spawn(serve(stream, self.tls.clone(), visitor, router, timeout)));
                    }
                    None => {
                        tracing::debug!(%peer, "too many connections");
                        // With TLS, or while many are told so already, an answer would cost what the bounds save.
                        if self.tls.is_none() && turned_away.len() < TURNED_AWAY_MAX {
                            turned_away.spawn(turn_away(stream));
                        }
                    }
                },
                Err(error) if is_of_one_connection(error.kind()) => {}
                Err(error) => {
                    tracing::warn!(%error, "accepting rests");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Tells somebody who is one too many to come back later. What was asked for is not read as HTTP.
async fn turn_away(mut stream: TcpStream) {
    let told = async {
        stream.write_all(TOO_MANY).await?;
        stream.shutdown().await?;
        // Hanging up on what is still unread would take the answer back.
        let mut unread = [0; 1_024];
        while 0 < stream.read(&mut unread).await? {}
        Ok::<_, IoError>(())
    };
    let _ = timeout(Duration::from_secs(1), told).await;
}

/// Where a request comes from, and its place under the bounds, which a WebSocket keeps.
#[derive(Clone)]
struct Visitor {
    peer: SocketAddr,
    place: Arc<Place>,
}

/// Answers the requests of one connection, until it ends or becomes a WebSocket.
async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    visitor: Visitor,
    router: Router,
    request_timeout: Duration,
) {
    let peer = visitor.peer;
    // A keystroke is one small packet; Nagle would hold it back for a round trip.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let stream = match tls {
        None => Stream::Plain(stream),
        Some(tls) => match timeout(request_timeout, tls.accept(stream)).await {
            Ok(Ok(stream)) => Stream::Tls(Box::new(stream.into())),
            _ => return tracing::debug!(%peer, "no TLS was spoken"),
        },
    };
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(visitor.clone());
        let answer = router.call(request);
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(request_timeout)
        .max_buf_size(REQUEST_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "request failed");
    }
}

fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), IoError> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A relay that restarts must not wait for its old connections to time out. On Windows the option means something
    // else: it would let two programs share the port.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    let listener = socket.listen(BACKLOG_MAX)?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

/// Returns whether accepting failed because of the one that came, not because of this process.
fn is_of_one_connection(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests;
