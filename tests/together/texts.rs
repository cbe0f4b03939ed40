//! Several texts: tabs, panes, pickers, and where one was.

use crate::support::home::{Home, assert_file_becomes};

#[test]
fn several_files_are_tabs_and_each_is_asked_about_when_quitting() {
    let ana = Home::new("ana");
    ana.file("a.txt", "alpha\n");
    ana.file("b.txt", "beta\n");
    let mut screen = ana.open(&["a.txt", "b.txt"]);
    screen.wait_for("both are there, the first is shown", |view| {
        view.contains("[a.txt]") && view.contains("alpha")
    });
    screen.type_text("1");
    screen.send(b"\x1b.");
    screen.wait_for("the second is shown", |view| view.contains("[b.txt]") && view.contains("beta"));
    screen.type_text("2");
    screen.wait_for("both are modified", |view| view.contains("a.txt ●") && view.contains("[b.txt ●]"));
    screen.press("ctrl-q");
    screen.wait_for_text("[s]ave");
    screen.type_text("s");
    screen.wait_for("the other is asked about", |view| view.contains("[a.txt ●]") && view.contains("[s]ave"));
    screen.type_text("d");
    assert_eq!(screen.wait_for_exit(), 0);
    assert_eq!((ana.read("a.txt").as_str(), ana.read("b.txt").as_str()), ("alpha\n", "2beta\n"));
}

#[test]
fn the_picker_opens_files_that_are_not_ignored_and_closing_goes_back() {
    let ana = Home::new("ana");
    ana.file(".gitignore", "*.log\n");
    ana.file("main.rs", "fn main() {}\n");
    ana.file("other.rs", "fn other() {}\n");
    ana.file("noise.log", "noise\n");
    let screen = ana.open(&["main.rs"]);
    screen.wait_for_text("fn main()");
    screen.press("ctrl-o");
    let view = screen.wait_for_text("other.rs");
    assert!(!view.contains("noise.log"), "{}", view.drawn());
    screen.type_text("oth\r");
    screen.wait_for("the file is open in a tab", |view| {
        view.contains("[other.rs]") && view.contains("fn other()")
    });
    screen.send(b"\x1bw");
    screen.wait_for("it is closed", |view| !view.contains("other.rs") && view.contains("fn main()"));
    screen.quit();
}

#[test]
fn panes_show_one_text_twice_or_two_texts() {
    let ana = Home::new("ana");
    let lines: String = (1..=200).map(|n| format!("line {n}\n")).collect();
    ana.file("a.txt", lines);
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("line 1");
    screen.send(b"\x1bs");
    screen.press("ctrl-end");
    screen.wait_for("both ends are seen", |view| {
        view.rows.iter().any(|row| row.contains(" line 1 ")) && view.contains("line 200")
    });
    // What is typed in one pane is in the other, which stays where it is.
    screen.press("ctrl-home");
    screen.type_text("X");
    screen.wait_for("both panes show the change", |view| {
        view.rows.iter().filter(|row| row.contains("Xline 1 ")).count() == 2
    });
    screen.send(b"\x1b[17~");
    screen.press("ctrl-end");
    screen.wait_for("the first pane moved", |view| {
        view.contains("line 200") && view.rows.iter().any(|row| row.contains("Xline 1 "))
    });
    screen.send(b"\x1bq");
    screen.wait_for("one pane is left", |view| {
        view.rows.iter().filter(|row| row.contains("a.txt")).count() == 1
    });
    screen.save();
    assert!(ana.read("a.txt").starts_with("Xline 1\n"));
}

#[test]
fn a_file_opens_where_it_was_closed_and_the_last_files_open_again() {
    let ana = Home::new("ana");
    ana.file("a.txt", (1..=200).map(|n| format!("line {n}\n")).collect::<String>());
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("line 1");
    screen.press("ctrl-g");
    screen.type_text("150:3\r");
    screen.wait_for_status("150:3");
    screen.quit();
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_status("150:3");
    screen.quit();
    let screen = ana.open(&["a.txt", "+7"]);
    screen.wait_for_status("7:1");
    screen.quit();
    let screen = ana.open(&[]);
    screen.wait_for_text("untitled");
    screen.press("ctrl-p");
    screen.type_text("reopen\r");
    screen.wait_for_status("7:1");
    screen.quit();
}

#[test]
fn a_pipe_is_a_text_and_keys_come_from_the_terminal() {
    let ana = Home::new("ana");
    let program = crate::support::home::program();
    let line = format!("printf 'from a pipe\\n' | {program} -");
    let mut screen = crate::support::screen::Screen::spawn_program("/bin/sh", &ana, &["-c", &line], 30, 100);
    screen.wait_for_text("from a pipe");
    screen.type_text("typed ");
    screen.wait_for_text("typed from a pipe");
    screen.press("ctrl-s");
    screen.wait_for_text("Save as:");
    screen.type_text("out.txt\r");
    screen.wait_for_status("saved out.txt");
    assert_file_becomes(&ana, "out.txt", "typed from a pipe\n");
    screen.press("ctrl-q");
    assert_eq!(screen.wait_for_exit(), 0);
}

#[test]
fn a_screen_that_is_read_aloud_has_no_lines_and_the_cursor_where_the_focus_is() {
    let ana = Home::new("ana");
    std::fs::create_dir_all(ana.path("config/coedit")).expect("a folder");
    ana.file("config/coedit/config.toml", "screen_reader = true\n");
    ana.file("a.txt", "text\n");
    let screen = ana.open(&["a.txt"]);
    let view = screen
        .wait_for("no number before the text", |view| view.rows.iter().any(|row| row.trim_end() == "text"));
    assert!(!view.drawn().contains('│'), "{}", view.drawn());
    screen.press("ctrl-s");
    screen.wait_for("what is said has a row of its own", |view| {
        view.rows.iter().any(|row| row.trim_end() == "saved a.txt")
    });
    screen.press("ctrl-p");
    screen.wait_for_text(">Save the file");
    screen.press("down");
    let view = screen.wait_for_text(">Quit");
    let row = view.rows.iter().position(|row| row.contains(">Quit")).expect("the chosen row");
    assert_eq!(usize::from(view.cursor.0), row);
    screen.press("esc");
    screen.wait_for("the list is closed", |view| !view.contains(">Quit"));
    screen.quit();
}
