//! What waits for one link, and that it is to end.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::sync::Notify;

/// Commands whose room is kept when all are taken: an idle link costs no more.
const KEPT_MAX: usize = 16;

/// What a link's task is told, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Packet(Bytes),
    Close,
}

/// Shared by a link's handle and its task, which alone takes from it. One allocation, as there are many thousand links.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Bytes of packets that the kernel has not taken yet.
    n_bytes: AtomicUsize,
    /// Told when the link is to end, for whoever waits so long at most.
    pub(super) closing: Notify,
}

#[derive(Debug, Default)]
struct State {
    commands: VecDeque<Command>,
    waker: Option<Waker>,
    is_over: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a packet; on a link that is over it is dropped.
    pub(super) fn push(&self, packet: Bytes) {
        let n_bytes = packet.len();
        if self.add(Command::Packet(packet)) {
            self.n_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        }
    }

    /// Asks the link to end once what is here is written.
    pub(super) fn close(&self) {
        self.add(Command::Close);
        self.closing.notify_one();
    }

    fn add(&self, command: Command) -> bool {
        let mut state = self.state();
        if state.is_over {
            return false;
        }
        state.commands.push_back(command);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Takes the first command, or waits for one.
    pub(super) async fn recv(&self) -> Command {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// As [`Queue::recv`], for a task that waits for several things.
    pub(super) fn poll_recv(&self, context: &mut Context<'_>) -> Poll<Command> {
        let mut state = self.state();
        match state.commands.pop_front() {
            Some(command) => Poll::Ready(command),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Takes the first command, if there is one.
    pub(super) fn try_recv(&self) -> Option<Command> {
        let mut state = self.state();
        let first = state.commands.pop_front();
        if state.commands.is_empty() && KEPT_MAX < state.commands.capacity() {
            state.commands = VecDeque::new();
        }
        first
    }

    /// Takes in that the kernel has taken bytes of packets.
    pub(super) fn written(&self, n_bytes: usize) {
        self.n_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
    }

    /// Returns the bytes of packets that the kernel has not taken.
    pub(super) fn n_bytes(&self) -> usize {
        self.n_bytes.load(Ordering::Relaxed)
    }

    /// Notes that nothing is taken any more.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.commands = VecDeque::new();
    }
}
