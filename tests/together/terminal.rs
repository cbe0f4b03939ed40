//! The terminal is the shell's again, whatever ends the program.

use rustix::process::Signal;

use crate::support::home::Home;

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
