//! Rank 4: what touches the machine. Everything below it takes events and returns what to do; this does it.

/// HTTP and WebSocket on a listening port: probes, a page for browsers, and sockets for documents.
pub mod server;

/// One connection to a peer as whole packets out and in, dialed or accepted alike.
pub mod transport;
