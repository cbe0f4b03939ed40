//! From what a user calls an address to one, and back.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use anyhow::anyhow;

use crate::io::server::Server;

/// Opens a port at what the user calls an address.
///
/// # Errors
/// In one sentence that names the address.
pub async fn listen(address: &str) -> anyhow::Result<Server> {
    let resolved = tokio::net::lookup_host(address).await.ok().and_then(|mut found| found.next());
    let resolved = resolved.ok_or_else(|| {
        anyhow!("{address} is not an address to listen on; give one like 127.0.0.1:7878 or 0.0.0.0:0")
    })?;
    Server::bind(resolved).map_err(|error| anyhow!("cannot listen on {address}: {error}"))
}

/// Returns the address under which others reach one that is listened on: for "all addresses", the one that leads out of
/// this machine.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let own = || own_address().unwrap_or(IpAddr::from([127, 0, 0, 1]));
    let ip = if address.ip().is_unspecified() { own() } else { address.ip() };
    SocketAddr::new(ip, address.port())
}

/// Nothing is sent: connecting a datagram socket only asks the routing table. The address asked about is reserved for
/// documentation (RFC 5737).
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}
