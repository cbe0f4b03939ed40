//! From an address to an open connection, or to a sentence that says what to do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::connect::{Network, describe_io};
use super::requests::Requests;
use super::stream::Stream;
use super::ways::LADDER;
use super::{Carrier, Connection, Dialed, socket_config};
use crate::sync::Via;

/// How long name lookup, TCP, TLS and the WebSocket handshake may take together.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a WebSocket may take where a lower way led before: a network that holds upgrades back costs this much each time.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the answer to a WebSocket's handshake may take once there is a connection.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(3);

/// Where a document is served.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LinkAddr {
    /// A host name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// A path before `/d/DOC`, for a relay behind a proxy: empty, or starts with `/` and does not end with it.
    pub base_path: String,
    /// The document's id as it stands in a link.
    pub doc_id: String,
    /// Whether the link says `https`.
    pub tls: bool,
}

impl LinkAddr {
    /// Returns `HOST:PORT`, an IPv6 address in brackets.
    pub(in crate::io) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Returns the address that the WebSocket handshake asks for.
    fn websocket_url(&self) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}{}/d/{}", self.authority(), self.base_path, self.doc_id)
    }
}

impl fmt::Display for LinkAddr {
    /// `http://HOST:PORT/d/DOC`, without the secret, which an address does not hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}/d/{}", self.authority(), self.base_path, self.doc_id)
    }
}

/// Why a document's server was not reached. Each is one sentence for people; the address is `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// TLS cannot be spoken from here.
    #[error("{reason}")]
    Trust {
        /// Why, as a sentence.
        reason: String,
    },
    /// The other side's certificate is not good.
    #[error(
        "{address} could not prove who it is ({reason}); if it is your own relay, name its certificate with --ca FILE"
    )]
    Untrusted {
        /// Where.
        address: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The way leads through a proxy, and ends there.
    #[error("the proxy {proxy} does not let this program through: {reason}")]
    Proxy {
        /// Which.
        proxy: String,
        /// What it did.
        reason: String,
    },
    /// No such host, or no name service.
    #[error("no address was found for the name {host}; check the link and the network")]
    NameNotFound {
        /// The name that was asked for.
        host: String,
    },
    /// The machine answers, the port does not.
    #[error("nothing listens at {address}; is the relay or the host still running?")]
    Refused {
        /// Where.
        address: String,
    },
    /// Nothing was heard in time.
    #[error("{address} did not answer within {n_seconds} seconds")]
    Timeout {
        /// Where.
        address: String,
        /// How long it was waited for.
        n_seconds: u64,
    },
    /// The network says that there is no way.
    #[error("{address} cannot be reached: {reason}")]
    Unreachable {
        /// Where.
        address: String,
        /// The system's words.
        reason: String,
    },
    /// It takes no more from here.
    #[error("{address} takes no more connections from this network now; trying again later")]
    TooMany {
        /// Where.
        address: String,
    },
    /// It speaks HTTP and is overloaded, or a proxy misses the relay behind it.
    #[error("{address} is too busy or restarting (HTTP {status})")]
    Busy {
        /// Where.
        address: String,
        /// 502, 503 or 504.
        status: u16,
    },
    /// It speaks HTTP and does not know documents.
    #[error("{address} answered with HTTP {status}: it is not a coedit relay")]
    NotRelay {
        /// Where.
        address: String,
        /// What it answered.
        status: u16,
    },
    /// It accepted the connection and then spoke something else, or nothing.
    #[error(
        "{address} does not speak HTTP/1.1 with WebSockets: it is not a coedit relay, or the link must begin with https://"
    )]
    NotHttp {
        /// Where.
        address: String,
    },
    /// It hung up during the handshake: not a relay, or one that is full.
    #[error("{address} hung up before the connection was made; it may have too many connections")]
    HungUp {
        /// Where.
        address: String,
    },
}

impl DialError {
    /// Returns whether something between may be the reason, so that another way may lead there.
    fn is_of_the_way(&self) -> bool {
        use DialError::{Busy, HungUp, NotHttp, NotRelay, Timeout};
        matches!(self, Busy { .. } | HungUp { .. } | NotHttp { .. } | NotRelay { .. } | Timeout { .. })
    }
}

/// Connects to the document at `addr` by the first way that leads there: a WebSocket, tried for `PROBE_TIMEOUT` where another way
/// worked last; then what worked last, or down the ladder (a WebSocket, an event stream, long polls). Each way gets [`DIAL_TIMEOUT`].
///
/// # Errors
/// What went wrong on the first way, if none leads there; see [`DialError`].
pub async fn dial(network: &Arc<Network>, addr: &LinkAddr) -> Result<Connection, DialError> {
    dial_within(network, addr, DIAL_TIMEOUT).await
}

/// As [`dial`], with a limit of the caller's for each way.
///
/// # Errors
/// As [`dial`].
pub async fn dial_within(
    network: &Arc<Network>,
    addr: &LinkAddr,
    limit: Duration,
) -> Result<Connection, DialError> {
    let server = addr.authority();
    let start = network.ways.first_step(&server);
    if 0 < start && network.ways.may_probe(&server) {
        // What held it up before may have been a stall, not the network.
        match dial_by(network, addr, Via::WebSocket, limit.min(PROBE_TIMEOUT)).await {
            Ok(connection) => {
                network.ways.led(&server, 0);
                return Ok(connection);
            }
            Err(error) if !error.is_of_the_way() => return Err(error),
            Err(_) => {}
        }
    }
    let mut first_error = None;
    for step in (start..LADDER.len()).chain(0..start) {
        match dial_by(network, addr, LADDER[step], limit).await {
            Ok(connection) => {
                network.ways.led(&server, step);
                return Ok(connection);
            }
            // Nobody is there, or nobody to be trusted: no other way leads to somebody else.
            Err(error) if !error.is_of_the_way() => return Err(first_error.unwrap_or(error)),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.unwrap_or(DialError::NotHttp { address: server }))
}

/// Connects by one way only.
///
/// # Errors
/// As [`dial`].
pub async fn dial_by(
    network: &Arc<Network>,
    addr: &LinkAddr,
    via: Via,
    limit: Duration,
) -> Result<Connection, DialError> {
    let deadline = Instant::now() + limit;
    let steps = async {
        let carrier = match via {
            Via::WebSocket => {
                let dialed = Dialed { network: Arc::clone(network), server: addr.authority() };
                Carrier::Dialed(Box::new(open_websocket(network, addr, deadline).await?), dialed)
            }
            Via::EventStream | Via::LongPoll => {
                Carrier::Requests(Box::new(Requests::open(network, addr, via, deadline).await?))
            }
        };
        Ok(Connection { carrier, lease: None })
    };
    match timeout_at(deadline, steps).await {
        Ok(result) => result,
        Err(_) => Err(DialError::Timeout { address: addr.authority(), n_seconds: limit.as_secs() }),
    }
}

/// Finds out whether a WebSocket leads to `addr`.
pub(super) async fn try_websocket(network: &Network, addr: &LinkAddr) -> Result<(), DialError> {
    let deadline = Instant::now() + DIAL_TIMEOUT;
    let late = DialError::Timeout { address: addr.authority(), n_seconds: DIAL_TIMEOUT.as_secs() };
    timeout_at(deadline, open_websocket(network, addr, deadline)).await.unwrap_or(Err(late)).map(drop)
}

async fn open_websocket(
    network: &Network,
    addr: &LinkAddr,
    deadline: Instant,
) -> Result<WebSocketStream<Stream>, DialError> {
    let stream = network.open(addr, deadline).await?;
    // What is between may hold an upgrade back without a word.
    let limit = deadline.min(Instant::now() + UPGRADE_TIMEOUT);
    let late = || DialError::Timeout { address: addr.authority(), n_seconds: UPGRADE_TIMEOUT.as_secs() };
    let shaken = client_async_with_config(addr.websocket_url(), stream, Some(socket_config()));
    let (socket, _response) = timeout_at(limit, shaken)
        .await
        .map_err(|_| late())?
        .map_err(|error| describe(error, &addr.authority()))?;
    Ok(socket)
}

fn describe(error: Error, address: &str) -> DialError {
    use tokio_tungstenite::tungstenite::error::ProtocolError::HandshakeIncomplete;
    match error {
        Error::Http(response) => {
            let status = response.status().as_u16();
            let address = address.to_owned();
            match status {
                429 => DialError::TooMany { address },
                502..=504 => DialError::Busy { address, status },
                _ => DialError::NotRelay { address, status },
            }
        }
        Error::Io(error) => describe_io(&error, address),
        Error::Protocol(HandshakeIncomplete) | Error::ConnectionClosed => {
            DialError::HungUp { address: address.to_owned() }
        }
        _ => DialError::NotHttp { address: address.to_owned() },
    }
}
