//! The terminal is the shell's again, whatever ends the program.

use std::io::{Read, Write};
use std::time::Duration;

use portable_pty::{CommandBuilder, NativePtySystem, PtySize, PtySystem};
use rustix::process::Signal;

use crate::support::home::{Home, program};
use crate::support::screen::Screen;
use crate::support::{PATIENCE, eventually};

#[test]
fn terminal_is_restored_after_quitting() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let mut screen = ana.open(&["a.txt"]);
    screen.wait_for_text("text");
    screen.inspect(|terminal, _, _| {
        assert!(terminal.alternate_screen(), "the editor draws on a screen of its own")
    });
    screen.press("ctrl-q");
    assert_eq!(screen.wait_for_exit(), 0);
    screen.assert_terminal_restored();
}

#[test]
fn terminal_is_restored_and_text_kept_after_each_ending_signal() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let ana = Home::new("ana");
        ana.file("a.txt", "text\n");
        let mut screen = ana.open(&["a.txt"]);
        screen.wait_for_text("text");
        screen.type_text("typed ");
        screen.wait_for_text("typed text");
        screen.signal(signal);
        screen.wait_for_exit();
        screen.assert_terminal_restored();
        let screen = ana.open(&["a.txt"]);
        screen.wait_for_text("typed text");
        screen.quit();
    }
}

#[test]
fn editor_stops_and_goes_on_with_the_jobs_of_the_shell() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let mut screen = ana.open(&["a.txt"]);
    screen.wait_for_text("text");
    screen.signal(Signal::TSTP);
    eventually("the terminal is given back", PATIENCE, || {
        screen.inspect(|terminal, _, _| (!terminal.alternate_screen()).then_some(()))
    });
    // A CONT before the process has stopped would be lost.
    eventually("the process stops", PATIENCE, || screen.is_stopped().then_some(()));
    screen.assert_terminal_restored();
    screen.signal(Signal::CONT);
    screen.wait_for("the editor is back", |view| view.contains("text"));
    screen.inspect(|terminal, _, _| assert!(terminal.alternate_screen()));
    screen.type_text("typed ");
    screen.wait_for_text("typed text");
    screen.press("ctrl-z");
    screen.wait_for("it is taken back", |view| view.text_lines().first().is_some_and(|line| line == "text"));
    screen.press("ctrl-q");
    screen.wait_for_exit();
    screen.assert_terminal_restored();
}

/// Nothing is left of the terminal: no screen to draw on, no keys to read, and the signal that says so.
#[test]
fn a_terminal_that_is_closed_ends_the_editor_and_keeps_the_text() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
    let pair = NativePtySystem::default().openpty(size).expect("a pseudo-terminal");
    let mut command = CommandBuilder::new(program());
    command.arg("a.txt");
    command.cwd(ana.folder());
    ana.variables().into_iter().for_each(|(name, value)| command.env(name, value));
    let mut child = pair.slave.spawn_command(command).expect("the program starts");
    drop(pair.slave);
    let mut writer = pair.master.take_writer().expect("a writer");
    let mut reader = pair.master.try_clone_reader().expect("a reader");
    writer.write_all(b"typed ").expect("it reads");
    let mut terminal = vt100::Parser::new(24.try_into().expect("rows"), 80.try_into().expect("columns"), 0);
    let mut bytes = [0; 4096];
    while !terminal.screen().contents().contains("typed text") {
        let n = reader.read(&mut bytes).expect("it draws");
        terminal.process(&bytes[..n]);
    }
    drop((writer, reader, pair.master));
    eventually("the editor ends", PATIENCE, || child.try_wait().expect("a child"));
    let screen = ana.open(&["a.txt"]);
    // The writer sends a line feed before it closes the terminal, which may come in time.
    screen.wait_for_text("typed");
    screen.quit();
}

#[test]
fn a_broken_pipe_ends_no_editor() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("text");
    screen.signal(Signal::PIPE);
    screen.type_text("typed ");
    screen.wait_for_text("typed text");
    screen.quit();
}

/// A window that is dragged has another size a hundred times in a second.
#[test]
fn a_storm_of_sizes_ends_with_a_whole_screen() {
    let ana = Home::new("ana");
    let lines: String = (0..60).map(|n| format!("line {n} of the text\n")).collect();
    ana.file("a.txt", &lines);
    let screen = ana.open_sized(&["a.txt"], 30, 100);
    screen.wait_for_text("line 0");
    for n in 0..200u16 {
        screen.resize(1 + n * 7 % 60, 1 + n * 13 % 150);
        screen.signal(Signal::WINCH);
        if n % 10 == 0 {
            screen.type_text("x");
        }
    }
    screen.resize(30, 100);
    let calm = "x".repeat(20);
    let view = screen.wait_for("all of it is drawn", |view| {
        let lines = view.text_lines();
        lines.first().is_some_and(|first| *first == format!("{calm}line 0 of the text"))
            && (1..28).all(|n| lines.get(n).is_some_and(|line| *line == format!("line {n} of the text")))
    });
    // The same text in a window that always had this size.
    screen.save();
    let beside = Home::new("ben");
    beside.file("a.txt", ana.read("a.txt"));
    let fresh = beside.open_sized(&["a.txt"], 30, 100);
    let fresh = fresh.wait_for_text("line 1 ");
    assert_eq!(view.text_lines(), fresh.text_lines());
}

#[test]
fn editor_without_a_terminal_says_so() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let outcome = ana.run(&["a.txt"]);
    assert_ne!(outcome.code, Some(0));
    assert!(outcome.stderr.contains("terminal"), "{}", outcome.stderr);
}

/// Set in the process that is to fail with a terminal taken.
const PANICS: &str = "COEDIT_TEST_PANICS";

#[test]
fn terminal_is_restored_after_a_fault() {
    if std::env::var_os(PANICS).is_some() {
        let mut terminal = coedit::io::terminal::Terminal::take().expect("a terminal");
        terminal.write(b"taken").expect("a terminal");
        // Long enough for whoever watches to see it.
        std::thread::sleep(Duration::from_millis(300));
        panic!("\x1b]0;CANARY\x07 on purpose");
    }
    let ana = Home::new("ana");
    let this_program = std::env::current_exe().expect("a path");
    let test = "terminal::terminal_is_restored_after_a_fault";
    let args = ["-c", &format!("{PANICS}=1 exec {} --exact {test} --nocapture", this_program.display())];
    let mut screen = Screen::spawn_program("/bin/sh", &ana, &args, 30, 100);
    screen.wait_for("the terminal is taken", |view| view.contains("taken"));
    assert_ne!(screen.wait_for_exit(), 0);
    screen.assert_terminal_restored();
    screen.wait_for("a sentence about it", |view| {
        view.contains("stopped by a fault of its own") && view.contains("^[]0;CANARY^G on purpose")
    });
}
