//! Rank 4: the outside world. Each file does one thing that the pure half asks for, and decides nothing.

/// The two clocks of the machine.
pub mod clock;

/// Random numbers for secrets and names.
pub mod editorconfig;
pub mod entropy;

/// Where things lie on this machine.
pub mod paths;

/// SQLite: the journal and the relay's store, each on a thread of its own.
pub mod storage;

/// HTTP and WebSocket on a listening port: probes, a page for browsers, and sockets for documents.
pub mod server;

/// A client of HTTP, for what is asked of a relay besides its documents.
pub mod http;

/// TLS: whom a client trusts, what a server shows.
pub mod tls;

/// One connection to a peer as whole packets out and in, dialed or accepted alike.
pub mod transport;

/// The thread that parses the text for its colours.
pub mod highlighter;

/// What ends the program from outside.
pub mod signals;

/// Opening a file as text, and saving it so that it is always whole.
pub mod files;

/// The files below a folder.
pub mod listing;
pub mod loading;

/// Where one was in files.
pub mod places;

/// The terminal: taken on start, given back on every way out.
pub mod terminal;
