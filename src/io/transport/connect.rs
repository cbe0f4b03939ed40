//! From an address to a stream of bytes: name lookup, TCP, an HTTP proxy, TLS.

use std::io::{Error as IoError, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::dial::{DialError, LinkAddr};
use super::stream::Stream;
use super::ways::Ways;
use crate::io::tls;

/// Bytes of a proxy's answer to CONNECT, at most.
const PROXY_ANSWER_BYTES_MAX: usize = 8 << 10;

/// How this machine reaches others: whom it trusts, and through which proxies it goes.
#[derive(Debug, Default)]
pub struct Network {
    ca: Option<PathBuf>,
    proxies: Proxies,
    /// What is known of the ways to servers.
    pub(in crate::io) ways: Ways,
    /// Made when TLS is first spoken: reading what the system trusts takes a while.
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
}

/// What the environment says about proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// `HTTPS_PROXY`: for links that say https.
    pub https: Option<String>,
    /// `HTTP_PROXY`: for links that say http.
    pub http: Option<String>,
    /// `NO_PROXY`: hosts that are reached without one, separated by commas.
    pub none: String,
}

/// An HTTP proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Proxy {
    host: String,
    port: u16,
    /// `NAME:PASSWORD`.
    login: Option<String>,
}

impl Network {
    /// Trusts whom the system trusts and the authorities in `ca`, and takes the proxies of the environment
    /// (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, also in lower case).
    pub fn from_environment(ca: Option<PathBuf>) -> Network {
        let variable = |name: &str| {
            let found = std::env::var(name.to_lowercase()).or_else(|_| std::env::var(name));
            found.ok().filter(|value| !value.is_empty())
        };
        let all = variable("ALL_PROXY");
        let proxies = Proxies {
            https: variable("HTTPS_PROXY").or_else(|| all.clone()),
            http: variable("HTTP_PROXY").or(all),
            none: variable("NO_PROXY").unwrap_or_default(),
        };
        Network { ca, proxies, ways: Ways::default(), tls: OnceLock::new() }
    }

    /// Remembers in `file` which ways lead to whom.
    #[must_use]
    pub fn with_ways_in(mut self, file: PathBuf) -> Network {
        self.ways = Ways::kept_in(file);
        self
    }

    /// Trusts nobody and goes through this proxy to everybody.
    #[cfg(test)]
    pub(in crate::io) fn through_proxy(proxy: &str) -> Network {
        let proxies = Proxies { https: None, http: Some(proxy.to_owned()), none: String::new() };
        Network { proxies, ..Network::default() }
    }

    /// Returns the proxy that leads to `addr`, as it is shown to people: without a password.
    ///
    /// # Errors
    /// If the environment names one that cannot be used.
    pub fn proxy_name(&self, addr: &LinkAddr) -> Result<Option<String>, DialError> {
        Ok(self.proxies.way_to(addr)?.map(|proxy| format!("{}:{}", proxy.host, proxy.port)))
    }

    /// Opens a stream to the server at `addr` until `deadline`: TCP, or a proxy's, with TLS inside if the link says so.
    ///
    /// # Errors
    /// One for each step that can fail.
    pub(in crate::io) async fn open(&self, addr: &LinkAddr, deadline: Instant) -> Result<Stream, DialError> {
        let stream = match self.proxies.way_to(addr)? {
            None => connect(&addr.host, addr.port, deadline).await?,
            Some(proxy) => through(&proxy, addr, deadline).await?,
        };
        // A keystroke is one small packet; Nagle would hold it back for a round trip.
        stream.set_nodelay(true).map_err(|error| describe_io(&error, &addr.authority()))?;
        if !addr.tls {
            return Ok(Stream::Plain(stream));
        }
        let config = self
            .tls
            .get_or_init(|| tls::client_config(self.ca.as_deref()).map_err(|error| error.to_string()));
        let config = config.clone().map_err(|reason| DialError::Trust { reason })?;
        let host = ServerName::try_from(addr.host.clone())
            .map_err(|_| DialError::NameNotFound { host: addr.host.clone() })?;
        let secured = TlsConnector::from(config).connect(host, stream).await;
        let secured = secured.map_err(|error| describe_tls(&error, &addr.authority()))?;
        Ok(Stream::Tls(Box::new(secured.into())))
    }
}

impl Proxies {
    /// Returns the proxy for this address, if it needs one.
    fn way_to(&self, addr: &LinkAddr) -> Result<Option<Proxy>, DialError> {
        let Some(text) = (if addr.tls { &self.https } else { &self.http }) else { return Ok(None) };
        if is_local(&addr.host) || self.none.split(',').any(|entry| is_meant(entry.trim(), addr)) {
            return Ok(None);
        }
        let unusable = || DialError::Proxy {
            proxy: "the environment".to_owned(),
            reason: "its proxy is not like http://HOST:PORT".to_owned(),
        };
        Proxy::parse(text).map(Some).ok_or_else(unusable)
    }
}

/// Returns whether the host is this machine, which no proxy leads to.
fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Returns whether an entry of `NO_PROXY` names the host: as `*`, by its name or address, or by a domain that it is in.
fn is_meant(entry: &str, addr: &LinkAddr) -> bool {
    let entry = entry.to_ascii_lowercase();
    let entry = entry.strip_suffix(&format!(":{}", addr.port)).unwrap_or(&entry);
    let domain = entry.trim_start_matches("*.").trim_start_matches('.');
    if domain.is_empty() {
        return false;
    }
    let within = addr.host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    entry == "*" || within
}

impl Proxy {
    /// Reads `[http://][NAME:PASSWORD@]HOST[:PORT][/]`.
    fn parse(text: &str) -> Option<Proxy> {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) => scheme.eq_ignore_ascii_case("http").then_some(rest)?,
            None => text,
        };
        let rest = rest.trim_end_matches('/');
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login.to_owned()), place),
            None => (None, rest),
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (place, 80),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then(|| Proxy { host: host.to_owned(), port, login })
    }
}

/// Tries each address of the name in turn. Each gets an equal share of the time that is left, so that one that swallows
/// packets does not take it all from the next.
async fn connect(host: &str, port: u16, deadline: Instant) -> Result<TcpStream, DialError> {
    let not_found = || DialError::NameNotFound { host: host.to_owned() };
    let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let candidates = lookup_host((host, port)).await.map_err(|_| not_found())?;
    let candidates: Vec<SocketAddr> = candidates.collect();
    let mut last_error = not_found();
    for (idx, candidate) in candidates.iter().enumerate() {
        let n_left = u32::try_from(candidates.len() - idx).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(Instant::now()) / n_left;
        last_error = match timeout(share, TcpStream::connect(candidate)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => describe_io(&error, &address),
            Err(_) => DialError::Timeout { address: address.clone(), n_seconds: share.as_secs() },
        };
    }
    Err(last_error)
}

/// Asks a proxy for a way to `addr`. The name is looked up there.
async fn through(proxy: &Proxy, addr: &LinkAddr, deadline: Instant) -> Result<TcpStream, DialError> {
    let name = format!("{}:{}", proxy.host, proxy.port);
    let failed = |reason: String| DialError::Proxy { proxy: name.clone(), reason };
    let connected = connect(&proxy.host, proxy.port, deadline).await;
    let mut stream = connected.map_err(|error| failed(error.to_string()))?;
    let target = addr.authority();
    let login = proxy.login.as_ref().map_or_else(String::new, |login| {
        format!("proxy-authorization: Basic {}\r\n", STANDARD.encode(login))
    });
    let request = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n{login}\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|error| failed(error.to_string()))?;
    let mut answer = Vec::new();
    // Byte by byte, so that nothing of what comes behind the answer is taken.
    while !answer.ends_with(b"\r\n\r\n") {
        if PROXY_ANSWER_BYTES_MAX <= answer.len() {
            return Err(failed("its answer does not end".to_owned()));
        }
        answer.push(stream.read_u8().await.map_err(|_| failed("it hung up".to_owned()))?);
    }
    let status = answer.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
    match status {
        b"200" => Ok(stream),
        b"407" => Err(failed(
            "it asks for a name and a password: HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT".to_owned(),
        )),
        other => {
            Err(failed(format!("it answered with HTTP {}", String::from_utf8_lossy(other).escape_default())))
        }
    }
}

pub(super) fn describe_io(error: &IoError, address: &str) -> DialError {
    let address = address.to_owned();
    match error.kind() {
        ErrorKind::ConnectionRefused => DialError::Refused { address },
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => DialError::HungUp { address },
        _ => DialError::Unreachable { address, reason: error.to_string() },
    }
}

fn describe_tls(error: &IoError, address: &str) -> DialError {
    match tls::refusal(error) {
        Some(reason) => DialError::Untrusted { address: address.to_owned(), reason },
        None => describe_io(error, address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(host: &str) -> LinkAddr {
        LinkAddr { host: host.into(), port: 443, base_path: String::new(), doc_id: String::new(), tls: true }
    }

    #[test]
    fn proxies_are_taken_as_the_environment_says() {
        let proxies = |none: &str| Proxies {
            https: Some("http://me:pw@proxy.example:3128/".into()),
            http: None,
            none: none.into(),
        };
        let way = |none: &str, host: &str| proxies(none).way_to(&addr(host)).expect("sound");
        let proxy = Proxy { host: "proxy.example".into(), port: 3128, login: Some("me:pw".into()) };
        assert_eq!(way("", "relay.example"), Some(proxy));
        for none in [
            "*",
            "relay.example",
            "example",
            ".example",
            "*.example",
            "x, relay.example:443",
            "RELAY.EXAMPLE",
        ] {
            assert_eq!(way(none, "relay.example"), None, "{none}");
        }
        for none in ["elay.example", "other.example", "relay.example:80", ","] {
            assert!(way(none, "relay.example").is_some(), "{none}");
        }
        for local in ["localhost", "127.0.0.1", "::1"] {
            assert_eq!(way("", local), None, "{local}");
        }
        let plain = LinkAddr { tls: false, ..addr("relay.example") };
        assert_eq!(proxies("").way_to(&plain), Ok(None), "only for links that say https");
        let odd = Proxies { https: Some("socks5://h:1".into()), ..Proxies::default() };
        assert!(matches!(odd.way_to(&addr("relay.example")), Err(DialError::Proxy { .. })));
    }
}
