//! Links that people paste: `http://HOST:PORT/d/DOC#SECRET`.
//!
//! The secret stands in the fragment, so it is never in a request line or a server's log.

use std::fmt;

use crate::protocol::DocumentId;
use crate::protocol::capability::Secret;

/// A parsed link.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkUrl {
    /// Where the document is served.
    pub server: ServerUrl,
    /// Which document.
    pub document: DocumentId,
    /// What the holder may do.
    pub secret: Secret,
}

/// Where a relay or a host is reached: `http://HOST:PORT` or `https://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    /// Whether TLS is used.
    pub is_tls: bool,
    /// A host name, an IPv4 address, or an IPv6 address without brackets. Lower case.
    pub host: String,
    /// The port.
    pub port: u16,
    /// A path before `/d/DOC`, for a relay behind a proxy: empty, or starts with `/` and does not end with it.
    pub base_path: String,
}

/// Why a text is not a link. The texts are for people and never repeat a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Nothing was given.
    #[error("the link is empty; paste the whole link, from http:// to the end")]
    Empty,
    /// It does not start with a scheme that is known.
    #[error("a link starts with http:// or https://; this one does not")]
    Scheme,
    /// There is no host, or it has characters that no host has.
    #[error("the link has no valid host after ://")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the port in the link is not a number from 1 to 65535")]
    Port,
    /// Something after the path, where a server's address ends.
    #[error("a server's address ends before ? or #; it looks like http://HOST:PORT")]
    Query,
    /// There is no `/d/DOC`.
    #[error("the link names no document; it should contain /d/ and 22 characters")]
    Document,
    /// There is no `#SECRET`, as when only a part was copied.
    #[error("the link has no secret after #; copy it again, whole")]
    NoSecret,
    /// What stands after `#` is not a secret.
    #[error("the secret after # is damaged or cut short; copy the link again, whole")]
    Secret,
    /// Blanks or control characters in the middle.
    #[error("the link has a blank or a control character in it; copy it again, as one line")]
    Blank,
}

impl LinkUrl {
    /// Reads a link. Blanks around it are ignored; `ws://` and `wss://` mean `http://` and `https://`.
    ///
    /// # Errors
    /// One for each part that can be wrong.
    pub fn parse(text: &str) -> Result<LinkUrl, LinkError> {
        let text = text.trim();
        let (address, fragment) = match text.split_once('#') {
            Some((address, fragment)) => (address, Some(fragment)),
            None => (text, None),
        };
        let (server, path) = parse_server(address)?;
        if text.contains(|ch: char| ch.is_whitespace() || ch.is_control()) {
            return Err(LinkError::Blank);
        }
        let (base_path, document) = path.rsplit_once("/d/").ok_or(LinkError::Document)?;
        let document = DocumentId::parse(document.trim_end_matches('/')).ok_or(LinkError::Document)?;
        let fragment = fragment.filter(|fragment| !fragment.is_empty()).ok_or(LinkError::NoSecret)?;
        let secret = Secret::parse(fragment).ok_or(LinkError::Secret)?;
        Ok(LinkUrl { server: ServerUrl { base_path: base_path.to_owned(), ..server }, document, secret })
    }

    /// Returns whether a text begins as a link does, however it goes on.
    pub fn is_meant(text: &str) -> bool {
        text.trim_start().split_once("://").is_some_and(|(scheme, _)| is_tls(scheme).is_some())
    }

    /// Returns the same link, for reading only.
    pub fn read_only(&self) -> LinkUrl {
        LinkUrl { secret: self.secret.read_only(), ..self.clone() }
    }

    /// Returns the link without its secret, for logs and titles.
    pub fn public_text(&self) -> String {
        format!("{}/d/{}", self.server, self.document)
    }
}

/// Writes the whole link, secret included.
impl fmt::Display for LinkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/d/{}#{}", self.server, self.document, self.secret.to_text())
    }
}

impl fmt::Debug for LinkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#(hidden)", self.public_text())
    }
}

impl ServerUrl {
    /// Reads `http://HOST[:PORT][/PATH]`, `https://…`, `ws://…` or `wss://…`, as after `--relay`.
    ///
    /// # Errors
    /// One for each part that can be wrong.
    pub fn parse(text: &str) -> Result<ServerUrl, LinkError> {
        let text = text.trim();
        let (server, path) = parse_server(text)?;
        if text.contains(|ch: char| ch.is_whitespace() || ch.is_control()) {
            return Err(LinkError::Blank);
        }
        if path.contains(['?', '#']) {
            return Err(LinkError::Query);
        }
        Ok(ServerUrl { base_path: path.trim_end_matches('/').to_owned(), ..server })
    }

    /// Returns `HOST:PORT`, with brackets around an IPv6 address: what a socket connects to.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Returns the same address for a WebSocket at `path`, which starts with `/`.
    pub fn websocket(&self, path: &str) -> String {
        let scheme = if self.is_tls { "wss" } else { "ws" };
        format!("{scheme}://{}{}{path}", self.authority(), self.base_path)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.base_path)
    }
}

/// Splits scheme, host and port off the front; the rest is the path, empty or starting with `/`.
fn parse_server(text: &str) -> Result<(ServerUrl, &str), LinkError> {
    if text.is_empty() {
        return Err(LinkError::Empty);
    }
    let (scheme, rest) = text.split_once("://").ok_or(LinkError::Scheme)?;
    let is_tls = is_tls(scheme).ok_or(LinkError::Scheme)?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = split_port(authority)?;
    let port = match port {
        Some(digits) => parse_port(digits)?,
        None if is_tls => 443,
        None => 80,
    };
    Ok((ServerUrl { is_tls, host: host.to_ascii_lowercase(), port, base_path: String::new() }, path))
}

/// Returns whether a scheme is one with TLS; `None` if links have no such.
fn is_tls(scheme: &str) -> Option<bool> {
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => Some(false),
        "https" | "wss" => Some(true),
        _ => None,
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), LinkError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(LinkError::Host)?;
            let is_ipv6 =
                host.contains(':') && host.chars().all(|ch| ch.is_ascii_hexdigit() || ":.%".contains(ch));
            let port =
                if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or(LinkError::Host)?) };
            return if is_ipv6 { Ok((host, port)) } else { Err(LinkError::Host) };
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_name = |host: &str| host.chars().all(|ch| ch.is_ascii_alphanumeric() || "-._".contains(ch));
    if host.is_empty() || 253 < host.len() || !is_name(host) {
        Err(LinkError::Host)
    } else {
        Ok((host, port))
    }
}

fn parse_port(digits: &str) -> Result<u16, LinkError> {
    let is_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse::<u16>() {
        Ok(port) if is_digits && port != 0 => Ok(port),
        _ => Err(LinkError::Port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(server: &str) -> LinkUrl {
        LinkUrl {
            server: ServerUrl::parse(server).expect("a server"),
            document: DocumentId::from_bytes([0xff; 16]),
            secret: Secret::from_random([0xfe; 32]),
        }
    }

    #[test]
    fn links_are_read_back_from_their_text() {
        for server in
            ["http://localhost:7000", "https://relay.example", "http://[::1]:80", "http://1.2.3.4:9/under/it"]
        {
            for link in [link(server), link(server).read_only()] {
                assert_eq!(LinkUrl::parse(&link.to_string()), Ok(link.clone()), "{server}");
                assert_eq!(LinkUrl::parse(&format!("  {link}\n")), Ok(link));
            }
        }
    }

    #[test]
    fn websocket_spellings_mean_the_same() {
        assert_eq!(ServerUrl::parse("ws://Relay.Example:1"), ServerUrl::parse("http://relay.example:1/"));
        assert_eq!(ServerUrl::parse("wss://relay.example"), ServerUrl::parse("HTTPS://relay.example:443"));
        let server = ServerUrl::parse("https://[2001:db8::1]").expect("a server");
        assert_eq!(server.websocket("/d/x"), "wss://[2001:db8::1]:443/d/x");
        assert_eq!(server.authority(), "[2001:db8::1]:443");
    }

    #[track_caller]
    fn refuse(text: &str, error: LinkError) {
        assert_eq!(LinkUrl::parse(text), Err(error), "{text}");
    }

    #[test]
    fn what_is_not_a_link_is_refused_with_the_part_that_is_wrong() {
        let whole = link("http://h:1").to_string();
        let (address, secret) = whole.split_once('#').expect("a fragment");
        refuse("", LinkError::Empty);
        refuse(" \n", LinkError::Empty);
        refuse("main.rs", LinkError::Scheme);
        refuse("ftp://h:1/d/x#y", LinkError::Scheme);
        refuse(&whole.replace("h:1", ""), LinkError::Host);
        refuse(&whole.replace("h:1", "[::1"), LinkError::Host);
        refuse(&whole.replace("h:1", "[nonsense]"), LinkError::Host);
        refuse(&whole.replace("h:1", "user@h"), LinkError::Host);
        refuse(&whole.replace("h:1", "h:0"), LinkError::Port);
        refuse(&whole.replace("h:1", "h:65536"), LinkError::Port);
        refuse(&whole.replace("h:1", "h:+1"), LinkError::Port);
        refuse(&whole.replace("h:1", "h:"), LinkError::Port);
        refuse(&whole.replace("/d/", "/e/"), LinkError::Document);
        refuse(&whole.replacen("__", "", 1), LinkError::Document);
        refuse(address, LinkError::NoSecret);
        refuse(&format!("{address}#"), LinkError::NoSecret);
        refuse(&whole[..whole.len() - 1], LinkError::Secret);
        refuse(&format!("{address}#{secret}x"), LinkError::Secret);
        refuse(&format!("{address}# {secret}"), LinkError::Blank);
    }

    #[test]
    fn no_error_and_no_debug_text_repeats_the_secret() {
        let link = link("http://h:1");
        let secret = link.secret.to_text();
        assert!(!format!("{link:?}").contains(&secret));
        let error =
            LinkUrl::parse(&format!("{}#{}", link.public_text(), &secret[1..])).expect_err("a cut secret");
        assert!(!error.to_string().contains(&secret[1..]));
    }

    #[test]
    fn random_text_never_panics() {
        let mut rng = crate::base::rng::Rng::new(3);
        let alphabet: Vec<char> = "htps:/[]#d.é\u{0}1 r%".chars().collect();
        for _ in 0..20_000 {
            let n = rng.below(24);
            let text: String = (0..n).map(|_| alphabet[rng.below(alphabet.len() as u64) as usize]).collect();
            let _ = LinkUrl::parse(&text);
            let _ = LinkUrl::parse(&format!("http://{text}"));
        }
    }
}
