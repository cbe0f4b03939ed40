//! The terminal is the shell's again, whatever ends the program.

use rustix::process::Signal;

use crate::support::home::Home;
use crate::support::screen::Screen;

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
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
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
    crate::support::eventually("the terminal is given back", crate::support::PATIENCE, || {
        screen.inspect(|terminal, _, _| (!terminal.alternate_screen()).then_some(()))
    });
    // A CONT before the process has stopped would be lost.
    crate::support::eventually("the process stops", crate::support::PATIENCE, || {
        screen.is_stopped().then_some(())
    });
    screen.signal(Signal::CONT);
    screen.wait_for("the editor is back", |view| view.contains("text"));
    screen.inspect(|terminal, _, _| assert!(terminal.alternate_screen()));
    screen.press("ctrl-q");
    screen.wait_for_exit();
    screen.assert_terminal_restored();
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
        std::thread::sleep(std::time::Duration::from_millis(300));
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
