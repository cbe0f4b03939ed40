//! The terminal: taking it over, giving it back on every way out, and its events as the editor's messages.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use crossterm::event::{
    Event, KeyCode as TermKey, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::editor::Msg;
#[cfg(unix)]
use crate::editor::input::Decoder;
use crate::editor::key::{Key, KeyCode, Mouse, MouseKind};
use crate::view::safe;

/// Alternate screen, bracketed paste, mouse buttons with drags in decimal coordinates, focus. Motion without a
/// button is not asked for: it would wake the program for nothing.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[?1004h\x1b[?25h";
const LEAVE: &[u8] = b"\x1b[m\x1b[?1004l\x1b[?1006l\x1b[?1002l\x1b[?2004l\x1b[?25h\x1b[?1049l";

/// Whether the terminal is ours, so that it is given back once, whoever comes first.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// The largest screen that is drawn: some terminals claim sizes that nobody can see, and each cell costs memory.
const COLUMNS_MAX: u16 = 1_000;
const ROWS_MAX: u16 = 500;

/// Bytes of a text that are offered to the terminal's clipboard; terminals refuse larger ones.
const CLIPBOARD_BYTES_MAX: usize = 1 << 20;

/// The terminal while the editor has it. Gives it back when dropped.
pub struct Terminal {
    out: File,
}

impl Terminal {
    /// Takes the terminal over. A panic gives it back before it says its sentence.
    ///
    /// # Errors
    ///
    /// When standard input or output is not a terminal.
    pub fn take() -> io::Result<Terminal> {
        // A file of its own: standard output's line buffer would cut a frame into several writes.
        let out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        give_back_on_panic();
        let mut terminal = Terminal { out };
        terminal.enter()?;
        Ok(terminal)
    }

    fn enter(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        IS_TAKEN.store(true, Ordering::SeqCst);
        self.out.write_all(ENTER)
    }

    /// Writes one frame in one call.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        if frame.is_empty() { Ok(()) } else { self.out.write_all(frame) }
    }

    /// Starts to read what the user does. Each batch is what came together; the channel ends with the terminal.
    ///
    /// # Errors
    ///
    /// When there is no terminal to read from, or no thread to be had.
    pub fn input(&self) -> io::Result<UnboundedReceiver<Vec<Msg>>> {
        let (on_input, input) = unbounded_channel();
        read_in_thread(on_input)?;
        Ok(input)
    }

    /// Returns the number of columns and rows.
    pub fn size(&self) -> (u16, u16) {
        let (columns, rows) = crossterm::terminal::size().unwrap_or((80, 24));
        (columns.clamp(1, COLUMNS_MAX), rows.clamp(1, ROWS_MAX))
    }

    /// Sets the title of the terminal's window.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn set_title(&mut self, title: &str) -> io::Result<()> {
        let title = safe::title(title);
        self.write(format!("\x1b]2;{title}\x1b\\").as_bytes())
    }

    /// Offers a text to the terminal's clipboard (OSC 52), exactly as it is. Returns whether it did: one that is too
    /// large for terminals it does not.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn copy(&mut self, text: &str) -> io::Result<bool> {
        if CLIPBOARD_BYTES_MAX < text.len() {
            return Ok(false);
        }
        let coded = base64::engine::general_purpose::STANDARD.encode(text);
        self.write(format!("\x1b]52;c;{coded}\x1b\\").as_bytes())?;
        Ok(true)
    }

    /// Gives the terminal back, stops this process until the shell continues it, and takes it again.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back();
        // SIGSTOP and not SIGTSTP, which we listen to ourselves; and the whole group, as a terminal's own key would:
        // whoever started us waits with us.
        #[cfg(unix)]
        rustix::process::kill_current_process_group(rustix::process::Signal::STOP)?;
        self.enter()
    }

    /// Takes the terminal again after this process was stopped without being asked: it may be in any state.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn take_again(&mut self) -> io::Result<()> {
        disable_raw_mode()?;
        self.enter()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, if it is ours.
pub fn give_back() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        // Nothing can be done about a terminal that is gone.
        let _ = io::stdout().as_fd().try_clone_to_owned().map(|fd| File::from(fd).write_all(LEAVE));
        let _ = disable_raw_mode();
    }
}

fn give_back_on_panic() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            give_back();
            let place = info.location().map_or(String::new(), |at| format!(" ({}:{})", at.file(), at.line()));
            let what = info.payload_as_str().unwrap_or("unknown cause");
            // A second panic, because the terminal is gone, would end the program before the journal is written.
            let _ = writeln!(
                io::stderr(),
                "coedit: stopped by a fault of its own{}: {}. Every edit is in the journal; open the file again to go on",
                safe::line(&place),
                safe::line(what)
            );
        }));
    });
}

/// How long the rest of a sequence may take after its first byte, in milliseconds. An Esc key waits as long.
#[cfg(unix)]
const SEQUENCE_MS: i64 = 30;

/// Reads bytes, because a library that reads keys takes some bytes for text that are none.
#[cfg(unix)]
fn read_in_thread(on_input: UnboundedSender<Vec<Msg>>) -> io::Result<()> {
    use std::io::IsTerminal as _;
    let stdin = io::stdin();
    // A text may come on standard input; its user is at the terminal all the same.
    let mut tty = match stdin.is_terminal() {
        true => File::from(stdin.as_fd().try_clone_to_owned()?),
        false => File::open("/dev/tty")?,
    };
    std::thread::Builder::new().name("input".to_owned()).spawn(move || {
        let (mut decoder, mut bytes) = (Decoder::default(), vec![0; 1 << 16]);
        loop {
            let mut msgs = Vec::new();
            if decoder.is_waiting() && !is_readable(&tty, SEQUENCE_MS) {
                decoder.settle(&mut msgs);
            } else {
                match io::Read::read(&mut tty, &mut bytes) {
                    Ok(0) => return,
                    Ok(n) => decoder.feed(&bytes[..n], &mut msgs),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
            if !msgs.is_empty() && on_input.send(msgs).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

#[cfg(unix)]
fn is_readable(tty: &File, timeout_ms: i64) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let timeout = Timespec { tv_sec: 0, tv_nsec: timeout_ms * 1_000_000 };
    let mut polled = [PollFd::new(tty, PollFlags::IN)];
    // After an error reading tells what is wrong.
    !matches!(poll(&mut polled, Some(&timeout)), Ok(0))
}

/// Reads events: elsewhere a terminal is no stream of bytes.
#[cfg(not(unix))]
fn read_in_thread(on_input: UnboundedSender<Vec<Msg>>) -> io::Result<()> {
    std::thread::Builder::new().name("input".to_owned()).spawn(move || {
        while let Ok(event) = crossterm::event::read() {
            if msg_of(event).is_some_and(|msg| on_input.send(vec![msg]).is_err()) {
                return;
            }
        }
    })?;
    Ok(())
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
