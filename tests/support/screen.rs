//! The program on a screen: a real pseudo-terminal, and a model of the terminal that it draws on.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, NativePtySystem, PtySize, PtySystem, SlavePty};
use rustix::process::{Pid, Signal, kill_process};

use super::PATIENCE;
use super::home::{Home, program};
use super::keys;

/// What the program asked of the terminal beside drawing.
#[derive(Default)]
pub struct Asked {
    /// Window titles that were set.
    pub titles: Vec<String>,
    /// What went to the clipboard, in base64.
    pub clipboard: Vec<String>,
    /// Bells, resizes, clipboard reads, and everything that the model does not know.
    pub odd: Vec<String>,
}

impl vt100::Callbacks for Asked {
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.odd.push("bell".into());
    }

    fn resize(&mut self, _: &mut vt100::Screen, request: (u16, u16)) {
        self.odd.push(format!("resize {request:?}"));
    }

    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.titles.push(String::from_utf8_lossy(title).into_owned());
    }

    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], data: &[u8]) {
        self.clipboard.push(String::from_utf8_lossy(data).into_owned());
    }

    fn paste_from_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8]) {
        self.odd.push("read of the clipboard".into());
    }

    fn unhandled_control(&mut self, _: &mut vt100::Screen, byte: u8) {
        self.odd.push(format!("control {byte:#x}"));
    }

    fn unhandled_osc(&mut self, _: &mut vt100::Screen, params: &[&[u8]]) {
        let params: Vec<_> = params.iter().map(|param| String::from_utf8_lossy(param)).collect();
        self.odd.push(format!("OSC {params:?}"));
    }
}

struct State {
    terminal: vt100::Parser<Asked>,
    raw: Vec<u8>,
}

/// One program on one terminal. Killed when dropped.
pub struct Screen {
    state: Arc<(Mutex<State>, Condvar)>,
    input: Arc<Mutex<Box<dyn Write + Send>>>,
    child: Box<dyn Child + Send + Sync>,
    /// Both ends: the far one is kept open, so that the terminal's settings can be looked at when the program
    /// is gone. Behind a lock because they may not be shared between threads otherwise.
    ends: Mutex<(Box<dyn MasterPty + Send>, Box<dyn SlavePty + Send>)>,
    what: String,
}

impl Screen {
    /// Starts the program for the person of `home`.
    pub fn spawn(home: &Home, args: &[&str], n_rows: u16, n_columns: u16) -> Screen {
        Screen::spawn_program(&program(), home, args, n_rows, n_columns)
    }

    /// Starts any program in the home of a person.
    pub fn spawn_program(program: &str, home: &Home, args: &[&str], n_rows: u16, n_columns: u16) -> Screen {
        let size = PtySize { rows: n_rows, cols: n_columns, pixel_width: 0, pixel_height: 0 };
        let pair = NativePtySystem::default().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(home.folder());
        home.variables().into_iter().for_each(|(name, value)| command.env(name, value));
        Home::variables_removed().iter().for_each(|name| command.env_remove(name));
        let child = pair.slave.spawn_command(command).expect("the program starts");
        let terminal = vt100::Parser::new_with_callbacks(rows(n_rows), rows(n_columns), 0, Asked::default());
        let state = Arc::new((Mutex::new(State { terminal, raw: Vec::new() }), Condvar::new()));
        let input = Arc::new(Mutex::new(pair.master.take_writer().expect("a writer")));
        let reader = pair.master.try_clone_reader().expect("a reader");
        let (shared, answers) = (Arc::clone(&state), Arc::clone(&input));
        std::thread::spawn(move || read_output(reader, &shared, &answers));
        let what = format!("{}: coedit {}", home.name, args.join(" "));
        Screen { state, input, child, ends: Mutex::new((pair.master, pair.slave)), what }
    }

    /// Sends bytes as if typed.
    pub fn send(&self, bytes: &[u8]) {
        let mut input = self.input.lock().expect("no reader panicked");
        // A program that has just ended takes no more keys; the test sees that on the screen.
        let _ = input.write_all(bytes).and_then(|()| input.flush());
    }

    /// Types text, key by key.
    pub fn type_text(&self, text: &str) {
        self.send(text.as_bytes());
    }

    /// Presses a key by its name.
    #[track_caller]
    pub fn press(&self, name: &str) {
        self.send(&keys::bytes_of(name));
    }

    /// Presses keys by their names, one after the other.
    #[track_caller]
    pub fn press_all(&self, names: &[&str]) {
        names.iter().for_each(|name| self.press(name));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().expect("no reader panicked")
    }

    /// Waits until the screen is as `is_there` wants it, looking after each output of the program.
    #[track_caller]
    pub fn wait_for(&self, what: &str, is_there: impl Fn(&View) -> bool) -> View {
        self.wait_at_most(PATIENCE, what, is_there)
    }

    /// The same with a patience of one's own.
    #[track_caller]
    pub fn wait_at_most(&self, patience: Duration, what: &str, is_there: impl Fn(&View) -> bool) -> View {
        let give_up_at = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            let view = View::of(state.terminal.screen());
            if is_there(&view) {
                return view;
            }
            let left = give_up_at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(state);
                panic!("{}: gave up waiting: {what}; the screen is\n{}", self.what, view.drawn());
            }
            let slice = left.min(Duration::from_millis(500));
            state = self.state.1.wait_timeout(state, slice).expect("no reader panicked").0;
        }
    }

    /// Waits until each character of `text`, wherever it stands first, has the colour.
    #[track_caller]
    pub fn wait_for_color(&self, text: &str, color: vt100::Color) {
        let is_so = |screen: &vt100::Screen| {
            let colors = colors_of(screen, text);
            colors.is_some_and(|colors| colors.iter().all(|&found| found == color))
        };
        let colors = || self.inspect(|screen, _, _| colors_of(screen, text));
        assert!(self.comes_to(is_so), "{}: {text:?} is {:?}, not {color:?}", self.what, colors());
    }

    /// Waits until the terminal is as `is_so` wants it, colours and all; returns whether it came to that.
    pub fn comes_to(&self, is_so: impl Fn(&vt100::Screen) -> bool) -> bool {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            if self.inspect(|screen, _, _| is_so(screen)) {
                return true;
            }
            if give_up_at < Instant::now() {
                return false;
            }
            let state = self.lock();
            let slice = Duration::from_millis(100);
            drop(self.state.1.wait_timeout(state, slice).expect("no reader panicked"));
        }
    }

    /// Waits until `text` is somewhere on the screen.
    #[track_caller]
    pub fn wait_for_text(&self, text: &str) -> View {
        self.wait_for(&format!("{text:?} on the screen"), |view| view.contains(text))
    }

    /// Waits until the status line holds `words`.
    #[track_caller]
    pub fn wait_for_status(&self, words: &str) -> View {
        self.wait_for(&format!("{words:?} on the status line"), |view| {
            view.status().contains(words) || view.told().contains(words)
        })
    }

    /// Returns the screen as it is.
    pub fn view(&self) -> View {
        View::of(self.lock().terminal.screen())
    }

    /// Calls `look` with the model of the terminal and all that the program ever sent to it.
    pub fn inspect<T>(&self, look: impl FnOnce(&vt100::Screen, &Asked, &[u8]) -> T) -> T {
        let state = self.lock();
        look(state.terminal.screen(), state.terminal.callbacks(), &state.raw)
    }

    /// Changes the size of the terminal.
    pub fn resize(&self, n_rows: u16, n_columns: u16) {
        self.lock().terminal.set_size(rows(n_rows), rows(n_columns));
        let size = PtySize { rows: n_rows, cols: n_columns, pixel_width: 0, pixel_height: 0 };
        self.ends.lock().expect("no test panicked").0.resize(size).expect("a size");
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        let id = self.child.process_id().expect("it runs") as i32;
        kill_process(Pid::from_raw(id).expect("a process"), signal).expect("it runs");
    }

    /// Returns whether the program is stopped, as the system sees it.
    pub fn is_stopped(&self) -> bool {
        let id = self.child.process_id().expect("it runs");
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    }

    /// Kills the program at once, as a power cut would.
    pub fn kill9(&mut self) {
        self.signal(Signal::KILL);
        self.child.wait().expect("it was killed");
    }

    /// Waits for the end of a program that has been killed.
    pub fn kill9_if_running(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until the program has ended, and returns its exit code.
    #[track_caller]
    pub fn wait_for_exit(&mut self) -> u32 {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                self.drain();
                return status.exit_code();
            }
            let view = self.view();
            assert!(
                Instant::now() < give_up_at,
                "{} did not end; the screen is\n{}",
                self.what,
                view.drawn()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the last output of a program that has ended is read.
    fn drain(&self) {
        let mut n_bytes = usize::MAX;
        loop {
            let now = self.lock().raw.len();
            if now == n_bytes {
                return;
            }
            n_bytes = now;
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Leaves the editor with Ctrl-Q, without saving.
    #[track_caller]
    pub fn quit(mut self) {
        self.press("ctrl-q");
        let give_up_at = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("a child").is_none() {
            if self.view().contains("[d]iscard") || self.view().contains("[q]uit") {
                self.send(b"d");
            }
            if self.view().contains("once more to quit") {
                self.press("ctrl-q");
            }
            assert!(Instant::now() < give_up_at, "{} did not end", self.what);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Saves with Ctrl-S and waits for the word.
    #[track_caller]
    pub fn save(&self) {
        self.press("ctrl-s");
        self.wait_for("`saved` on the screen", |view| view.drawn().to_lowercase().contains("saved"));
    }

    /// Returns the terminal's local flags as the kernel has them, in words.
    pub fn terminal_flags(&self) -> String {
        let ends = self.ends.lock().expect("no test panicked");
        ends.0.get_termios().map(|termios| format!("{:?}", termios.local_flags)).unwrap_or_default()
    }

    /// Panics unless the terminal is as a shell wants it back.
    #[track_caller]
    pub fn assert_terminal_restored(&self) {
        self.inspect(|screen, _, _| {
            assert!(!screen.alternate_screen(), "{}: still on the alternate screen", self.what);
            assert!(!screen.hide_cursor(), "{}: the cursor is hidden", self.what);
            assert!(!screen.bracketed_paste(), "{}: bracketed paste is on", self.what);
            assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "{}", self.what);
        });
        let flags = self.terminal_flags();
        assert!(flags.contains("ECHO") && flags.contains("ICANON"), "{}: terminal is {flags}", self.what);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the colours of the cells of a text of ASCII characters, where it stands first.
fn colors_of(screen: &vt100::Screen, text: &str) -> Option<Vec<vt100::Color>> {
    let (n_rows, n_columns) = screen.size();
    let cell = |row: u16, column: u16| screen.cell(row, column);
    for row in 0..n_rows.get() {
        for start in 0..n_columns.get().saturating_sub(text.len() as u16 - 1) {
            let cells: Vec<_> = (start..).take(text.len()).filter_map(|column| cell(row, column)).collect();
            if cells.iter().map(|cell| cell.contents()).eq(text.chars().map(|ch| ch.to_string())) {
                return Some(cells.iter().map(|cell| cell.fgcolor()).collect());
            }
        }
    }
    None
}

fn rows(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("a size")
}

fn read_output(
    mut reader: Box<dyn Read + Send>,
    state: &(Mutex<State>, Condvar),
    answers: &Mutex<Box<dyn Write + Send>>,
) {
    let mut bytes = [0; 65536];
    while let Ok(n @ 1..) = reader.read(&mut bytes) {
        let mut locked = state.0.lock().expect("no test panicked while looking");
        locked.terminal.process(&bytes[..n]);
        locked.raw.extend_from_slice(&bytes[..n]);
        drop(locked);
        state.1.notify_all();
        // What a terminal is asked it answers, or the program waits for it in vain.
        let asks = |question: &[u8]| bytes[..n].windows(question.len()).any(|window| window == question);
        if asks(b"\x1b[c") {
            let _ = answers.lock().expect("no writer panicked").write_all(b"\x1b[?62c");
        }
    }
}

/// What is on a screen at one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// The rows, without the blanks at their ends.
    pub rows: Vec<String>,
    /// Row and column of the cursor.
    pub cursor: (u16, u16),
}

impl View {
    fn of(screen: &vt100::Screen) -> View {
        let n_columns = screen.size().1.get();
        let rows = screen.rows(0, n_columns).map(|row| row.trim_end().to_owned()).collect();
        View { rows, cursor: screen.cursor_position() }
    }

    /// Returns whether `text` is on one row.
    pub fn contains(&self, text: &str) -> bool {
        self.rows.iter().any(|row| row.contains(text))
    }

    /// Returns the status line: the last row.
    pub fn status(&self) -> &str {
        self.rows.last().map_or("", |row| row.as_str())
    }

    /// Returns what may be a message that is too long for the status line: the rows above it, as one line.
    pub fn told(&self) -> String {
        let rows = self.rows.iter().rev().skip(1).take(3).rev();
        rows.map(|row| row.trim()).collect::<Vec<_>>().join(" ")
    }

    /// Returns the text of the document that is on the screen, line by line, without the line numbers.
    pub fn text_lines(&self) -> Vec<String> {
        let line_of = |row: &String| {
            let (number, text) = row.split_once('│')?;
            number.trim().parse::<u64>().ok()?;
            // A long text has a bar at the right edge.
            let text = text.trim_end_matches(['█', '│']).trim_end();
            Some(text.strip_prefix(' ').unwrap_or(text).to_owned())
        };
        self.rows.iter().filter_map(line_of).collect()
    }

    /// Returns the rows as one text, for messages.
    pub fn drawn(&self) -> String {
        self.rows.join("\n")
    }
}
