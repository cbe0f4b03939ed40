//! The terminal: taking it over, giving it back on every way out, and its events as the editor's messages.

pub mod input;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};

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

/// The size of a terminal that does not tell it.
const SIZE_UNKNOWN: (u16, u16) = (80, 24);

/// Bytes of a text that are offered to the terminal's clipboard; terminals refuse larger ones.
const CLIPBOARD_BYTES_MAX: usize = 1 << 20;

/// The terminal while the editor has it. Gives it back when dropped.
pub struct Terminal {
    out: File,
    size: (u16, u16),
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
        let mut terminal = Terminal { out, size: SIZE_UNKNOWN };
        terminal.enter()?;
        Ok(terminal)
    }

    fn enter(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        IS_TAKEN.store(true, Ordering::SeqCst);
        self.measure();
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

    /// Looks how large the terminal is now: whenever it says that this changed.
    pub fn measure(&mut self) {
        let (columns, rows) = crossterm::terminal::size().unwrap_or(SIZE_UNKNOWN);
        self.size = (columns.clamp(1, COLUMNS_MAX), rows.clamp(1, ROWS_MAX));
    }

    /// Returns the number of columns and rows, as they were measured last.
    pub fn size(&self) -> (u16, u16) {
        self.size
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

/// Returns whether the terminal can change the shape of its cursor. The console of Linux prints the end of the request.
pub fn has_cursor_shapes() -> bool {
    !matches!(std::env::var("TERM").as_deref(), Err(_) | Ok("" | "dumb" | "linux"))
}

/// Gives the terminal back, if it is ours.
pub fn give_back() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        let shape: &[u8] = if has_cursor_shapes() { b"\x1b[0 q" } else { b"" };
        let bytes = [shape, LEAVE].concat();
        // Nothing can be done about a terminal that is gone.
        let _ = io::stdout().as_fd().try_clone_to_owned().map(|fd| File::from(fd).write_all(&bytes));
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
