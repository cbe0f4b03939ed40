//! What the user does at the terminal, as the editor's messages.

use std::io;

use crossterm::event::{
    Event, KeyCode as TermKey, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};

use crate::editor::Msg;
use crate::editor::key::{Key, KeyCode, Mouse, MouseKind};

#[cfg(unix)]
pub use bytes::Input;
#[cfg(not(unix))]
pub use events::Input;

/// A terminal is a stream of bytes: read as such, because a library that reads keys takes some bytes for text that are none. And
/// read in the loop that draws, because each thread between a key and its frame costs both a switch.
#[cfg(unix)]
mod bytes {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::unix::fs::OpenOptionsExt as _;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use rustix::fs::OFlags;
    use tokio::net::unix::pipe::Receiver;
    use tokio::time::{Instant, timeout_at};

    use crate::editor::Msg;
    use crate::editor::input::Decoder;

    /// How long the rest of a sequence may take after its first byte. An Esc key waits as long.
    const SEQUENCE: Duration = Duration::from_millis(30);

    /// Bytes that are taken in before a frame shows them.
    const BATCH_BYTES_MAX: usize = 1 << 16;

    /// Bytes of one read: more than the kernel holds of a terminal.
    const READ_BYTES: usize = 1 << 13;

    /// What the user does, as it comes.
    #[derive(Debug)]
    pub struct Input {
        tty: Receiver,
        decoder: Decoder,
        /// When bytes that may be the start of a sequence are what they are alone.
        settles_at: Option<Instant>,
    }

    impl Input {
        pub(super) fn open() -> io::Result<Input> {
            Ok(Input {
                tty: Receiver::from_file_unchecked(tty()?)?,
                decoder: Decoder::default(),
                settles_at: None,
            })
        }

        /// Waits for what the user does and returns all that is there: it shares one frame. `None` when the terminal is gone. May
        /// be dropped at any time without losing anything.
        pub async fn next(&mut self) -> Option<Vec<Msg>> {
            loop {
                let mut msgs = Vec::new();
                let is_ready = match self.settles_at {
                    None => self.tty.readable().await.is_ok(),
                    Some(at) => match timeout_at(at, self.tty.readable()).await {
                        Ok(ready) => ready.is_ok(),
                        Err(_) => {
                            self.settles_at = None;
                            self.decoder.settle(&mut msgs);
                            true
                        }
                    },
                };
                let is_alive = is_ready && self.read(&mut msgs);
                if !msgs.is_empty() {
                    return Some(msgs);
                }
                if !is_alive {
                    return None;
                }
            }
        }

        /// Reads what is there. Returns whether the terminal still stands.
        fn read(&mut self, msgs: &mut Vec<Msg>) -> bool {
            let mut bytes = [0; READ_BYTES];
            let mut n_read = 0;
            while n_read < BATCH_BYTES_MAX {
                match self.tty.try_read(&mut bytes) {
                    Ok(0) => return false,
                    Ok(n) => {
                        self.decoder.feed(&bytes[..n], msgs);
                        self.settles_at = self.decoder.is_waiting().then(|| Instant::now() + SEQUENCE);
                        n_read += n;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return false,
                }
            }
            true
        }
    }

    /// Opens the terminal once more: whoever else has it open shall not find that its reads return at once.
    fn tty() -> io::Result<File> {
        let mut names = vec![PathBuf::from("/dev/tty")];
        for name in [
            rustix::termios::ttyname(io::stdin(), Vec::new()),
            rustix::termios::ttyname(io::stdout(), Vec::new()),
        ] {
            names.extend(name.map(|name| PathBuf::from(name.to_string_lossy().into_owned())));
        }
        if !cfg!(target_os = "linux") {
            // Not everywhere can a terminal be waited for by that name.
            names.rotate_left(1);
        }
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let open = |name: &Path| OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(name);
        let mut opened = Err(io::ErrorKind::NotFound.into());
        for name in &names {
            opened = open(name);
            if opened.is_ok() {
                break;
            }
        }
        opened
    }
}

/// Elsewhere a terminal is no stream of bytes, and a thread waits for its events.
#[cfg(not(unix))]
mod events {
    use std::io;

    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::msg_of;
    use crate::editor::Msg;

    /// What the user does, as it comes.
    #[derive(Debug)]
    pub struct Input {
        msgs: UnboundedReceiver<Msg>,
    }

    impl Input {
        pub(super) fn open() -> io::Result<Input> {
            let (on_msg, msgs) = unbounded_channel();
            std::thread::Builder::new().name("input".to_owned()).spawn(move || {
                while let Ok(event) = crossterm::event::read() {
                    if msg_of(event).is_some_and(|msg| on_msg.send(msg).is_err()) {
                        return;
                    }
                }
            })?;
            Ok(Input { msgs })
        }

        /// Waits for what the user does and returns all that is there: it shares one frame. `None` when the terminal is gone.
        pub async fn next(&mut self) -> Option<Vec<Msg>> {
            let mut msgs = vec![self.msgs.recv().await?];
            while let Ok(more) = self.msgs.try_recv() {
                msgs.push(more);
            }
            Some(msgs)
        }
    }
}

/// Starts to read what the user does.
///
/// # Errors
///
/// When there is no terminal to read from, or no thread to be had.
pub fn open() -> io::Result<Input> {
    Input::open()
}

/// Returns the message for a terminal event, if it means anything to the editor.
#[cfg_attr(
    unix,
    allow(dead_code, reason = "checked everywhere, used where a terminal is no stream of bytes")
)]
fn msg_of(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => key_of(key).map(Msg::Key),
        Event::Mouse(mouse) => {
            let kind = match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => MouseKind::Press,
                MouseEventKind::Drag(MouseButton::Left) => MouseKind::Drag,
                MouseEventKind::Up(MouseButton::Left) => MouseKind::Release,
                MouseEventKind::ScrollUp => MouseKind::WheelUp,
                MouseEventKind::ScrollDown => MouseKind::WheelDown,
                _ => return None,
            };
            let shift = mouse.modifiers.contains(KeyModifiers::SHIFT);
            let alt = mouse.modifiers.contains(KeyModifiers::ALT);
            Some(Msg::Mouse(Mouse { kind, x: mouse.column, y: mouse.row, shift, alt }))
        }
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(columns, rows) => Some(Msg::Resize(columns, rows)),
        Event::FocusGained => Some(Msg::FocusGained),
        _ => None,
    }
}

#[cfg_attr(unix, allow(dead_code, reason = "only `msg_of` needs it"))]
fn key_of(event: KeyEvent) -> Option<Key> {
    let code = match event.code {
        TermKey::Char(c) => KeyCode::Char(c),
        TermKey::Enter => KeyCode::Enter,
        TermKey::Tab | TermKey::BackTab => KeyCode::Tab,
        TermKey::Backspace => KeyCode::Backspace,
        TermKey::Delete => KeyCode::Delete,
        TermKey::Esc => KeyCode::Esc,
        TermKey::Left => KeyCode::Left,
        TermKey::Right => KeyCode::Right,
        TermKey::Up => KeyCode::Up,
        TermKey::Down => KeyCode::Down,
        TermKey::Home => KeyCode::Home,
        TermKey::End => KeyCode::End,
        TermKey::PageUp => KeyCode::PageUp,
        TermKey::PageDown => KeyCode::PageDown,
        TermKey::Insert => KeyCode::Insert,
        TermKey::F(n) => KeyCode::F(n),
        _ => return None,
    };
    let has = |modifier| event.modifiers.contains(modifier);
    let is_char = matches!(code, KeyCode::Char(_));
    let shift = (has(KeyModifiers::SHIFT) && !is_char) || event.code == TermKey::BackTab;
    Some(Key { code, ctrl: has(KeyModifiers::CONTROL), alt: has(KeyModifiers::ALT), shift })
}
