//! Connections: packets in order with delays, sockets that take only so much, ends that learn late that the other is gone.

use std::collections::VecDeque;

use bytes::Bytes;

use super::requests::Requests;

/// Bytes that the two sockets and the network between them hold of one direction.
const SOCKET_BYTES: usize = 128 << 10;

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Client,
    Server,
}

impl End {
    pub(super) fn other(self) -> End {
        match self {
            End::Client => End::Server,
            End::Server => End::Client,
        }
    }
}

/// One connection between a client and the server.
pub(super) struct Wire {
    pub(super) client: usize,
    pub(super) place: usize,
    /// What the client sends, and what the server sends.
    pipes: [Pipe; 2],
    /// What carries it, if it is plain requests: then the pipes are empty.
    pub(super) requests: Option<Requests>,
    /// Whether each end still has its socket.
    is_open: [bool; 2],
    /// Whether nothing gets through any more.
    pub(super) is_broken: bool,
    /// Whether something was lost or mixed up, so that it must break soon.
    pub(super) is_failing: bool,
}

/// One direction.
#[derive(Default)]
pub(super) struct Pipe {
    unsent: VecDeque<Bytes>,
    pub(super) n_unsent: usize,
    n_in_socket: usize,
    /// When the last packet arrives.
    pub(super) last_at: u64,
}

impl Wire {
    pub(super) fn new(client: usize, place: usize) -> Wire {
        Wire {
            client,
            place,
            pipes: Default::default(),
            requests: None,
            is_open: [true, true],
            is_broken: false,
            is_failing: false,
        }
    }

    /// Returns how many bytes wait at this end.
    pub(super) fn n_unsent(&self, end: End) -> usize {
        let n_unsent = self.requests.as_ref().map_or(0, |requests| requests.n_unsent(end));
        n_unsent + self.pipes[end as usize].n_unsent
    }

    /// What this end sends.
    pub(super) fn pipe(&mut self, end: End) -> &mut Pipe {
        &mut self.pipes[end as usize]
    }

    pub(super) fn is_open(&self, end: End) -> bool {
        self.is_open[end as usize]
    }

    /// Closes this end. Returns whether it was open.
    pub(super) fn close(&mut self, end: End) -> bool {
        std::mem::replace(&mut self.is_open[end as usize], false)
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_open == [false, false]
    }
}

impl Pipe {
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.n_unsent += bytes.len();
        self.unsent.push_back(bytes);
    }

    /// Takes out the next packet that the socket has room for.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let has_room =
            |bytes: &mut Bytes| self.n_in_socket == 0 || self.n_in_socket + bytes.len() <= SOCKET_BYTES;
        let bytes = self.unsent.pop_front_if(has_room)?;
        self.n_unsent -= bytes.len();
        self.n_in_socket += bytes.len();
        Some(bytes)
    }

    /// Takes out all packets: the sender closes once they are written.
    pub(super) fn drain(&mut self) -> Vec<Bytes> {
        self.n_unsent = 0;
        self.unsent.drain(..).collect()
    }

    /// The other end has read this much.
    pub(super) fn read(&mut self, n_bytes: usize) {
        self.n_in_socket = self.n_in_socket.saturating_sub(n_bytes);
    }
}
