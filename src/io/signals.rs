//! What ends or stops the program from outside.

use std::io;

/// Waits for the signals that ask a program to end.
#[derive(Debug)]
pub struct Termination {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Termination {
    /// Starts to listen; from now on the signals no longer end the program by themselves.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn listen() -> io::Result<Termination> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Termination {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Termination {})
    }

    /// Returns when the program should end.
    pub async fn wait(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What the world around wants of a program with a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To end.
    End,
    /// To stop until it is continued.
    Stop,
    /// It was continued.
    Resume,
    /// To look how large the terminal is now.
    Resize,
}

/// Waits for the signals that end or stop a program with a screen.
#[derive(Debug)]
pub struct Requests {
    end: Termination,
    /// What would otherwise end the program with the terminal taken.
    #[cfg(unix)]
    quit: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
    #[cfg(unix)]
    stop: tokio::signal::unix::Signal,
    #[cfg(unix)]
    resume: tokio::signal::unix::Signal,
    #[cfg(unix)]
    resize: tokio::signal::unix::Signal,
}

impl Requests {
    /// Starts to listen; from now on the signals do nothing by themselves.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn listen() -> io::Result<Requests> {
        let end = Termination::listen()?;
        #[cfg(unix)]
        {
            use rustix::process::Signal;
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Requests {
                end,
                quit: signal(SignalKind::quit())?,
                hang_up: signal(SignalKind::hangup())?,
                stop: signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?,
                resume: signal(SignalKind::from_raw(Signal::CONT.as_raw()))?,
                resize: signal(SignalKind::window_change())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Requests { end })
    }

    /// Returns the next request.
    pub async fn next(&mut self) -> Request {
        #[cfg(unix)]
        tokio::select! {
            () = self.end.wait() => Request::End,
            _ = self.quit.recv() => Request::End,
            _ = self.hang_up.recv() => Request::End,
            _ = self.stop.recv() => Request::Stop,
            _ = self.resume.recv() => Request::Resume,
            _ = self.resize.recv() => Request::Resize,
        }
        #[cfg(not(unix))]
        {
            self.end.wait().await;
            Request::End
        }
    }
}
