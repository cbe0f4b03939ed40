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
fn what_was_open_in_a_folder_is_open_again_when_no_file_is_named() {
    let ana = Home::new("ana");
    ana.file("a.txt", "alpha\nbeta\n");
    ana.file("b.txt", "gamma\n");
    ana.file("c.txt", "delta\n");
    let screen = ana.open(&["a.txt", "b.txt", "c.txt"]);
    screen.wait_for_text("alpha");
    screen.press("down");
    screen.send(b"\x1b.");
    screen.wait_for_text("gamma");
    screen.quit();
    std::fs::remove_file(ana.path("c.txt")).expect("a file");
    let screen = ana.open(&[]);
    screen.wait_for("the two that are there, in their order", |view| {
        view.contains("gamma")
            && view.contains("[b.txt]")
            && view.contains("a.txt")
            && !view.contains("untitled")
    });
    assert!(!screen.view().contains("c.txt"));
    screen.send(b"\x1b.");
    screen.wait_for_status("2:1");
    screen.quit();
    std::fs::create_dir_all(ana.path("config/coedit")).expect("a folder");
    ana.file("config/coedit/config.toml", "restore = false\n");
    let screen = ana.open(&[]);
    screen.wait_for_text("untitled");
    screen.press("ctrl-p");
    screen.type_text("open here when\r");
    screen.wait_for("both are open again", |view| view.contains("a.txt") && view.contains("[b.txt]"));
    screen.quit();
}

#[test]
fn a_text_is_saved_to_another_file_and_goes_on_there() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    ana.file("taken.txt", "theirs\n");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("text");
    screen.type_text("more ");
    for name in ["taken.txt", "b.txt"] {
        screen.press("ctrl-p");
        screen.type_text("save-as\r");
        screen.wait_for_text("Save as:");
        screen.type_text(&format!("{name}\r"));
        if name == "taken.txt" {
            screen.wait_for_text("[o]verwrite");
            screen.type_text("c");
            // What was typed is there to be mended.
            screen.wait_for_text("Save as: taken.txt");
            screen.press("esc");
            screen.wait_for("the question is gone", |view| !view.contains("Save as:"));
        }
    }
    screen.wait_for_status("saved b.txt");
    screen.type_text("and ");
    screen.wait_for_text("more and text");
    screen.press("ctrl-s");
    screen.wait_for("saved", |view| !view.rows[0].contains('●'));
    screen.quit();
    assert_eq!(ana.read("a.txt"), "text\n");
    assert_eq!(ana.read("taken.txt"), "theirs\n");
    assert_eq!(ana.read("b.txt"), "more and text\n");
}

#[test]
fn vim_writes_copies_and_ends_with_or_without_all() {
    let ana = Home::new("ana");
    std::fs::create_dir_all(ana.path("config/coedit")).expect("a folder");
    ana.file("config/coedit/config.toml", "keymap = \"vim\"\n");
    ana.file("a.txt", "text\n");
    ana.file("b.txt", "other\n");
    let mut screen = ana.open(&["a.txt", "b.txt"]);
    screen.wait_for_text("text");
    screen.type_text("x:w copy.txt\r");
    screen.wait_for_status("a copy is in copy.txt");
    screen.type_text("x:w copy.txt\r");
    screen.wait_for_status("is there already");
    screen.type_text(":qa!\r");
    assert_eq!(screen.wait_for_exit(), 0);
    assert_eq!((ana.read("a.txt").as_str(), ana.read("copy.txt").as_str()), ("text\n", "ext\n"));
    let mut screen = ana.open(&["a.txt"]);
    screen.wait_for("what was discarded does not come back", |view| view.contains("text"));
    screen.type_text("x:sav new.txt\r");
    screen.wait_for_status("saved new.txt");
    screen.type_text("x:cq\r");
    assert_eq!(screen.wait_for_exit(), 1);
    assert_eq!((ana.read("a.txt").as_str(), ana.read("new.txt").as_str()), ("text\n", "ext\n"));
}

#[test]
fn every_file_that_is_gone_is_asked_about_before_the_end() {
    let ana = Home::new("ana");
    ana.file("a.txt", "alpha\n");
    ana.file("b.txt", "beta\n");
    let mut screen = ana.open(&["a.txt", "b.txt"]);
    screen.wait_for("both are there", |view| view.contains("b.txt") && view.contains("alpha"));
    std::fs::remove_file(ana.path("b.txt")).expect("a file");
    screen.press("ctrl-q");
    screen.wait_for("the other one is asked about", |view| view.contains("beta") && view.contains("[s]ave"));
    screen.type_text("s");
    assert_eq!(screen.wait_for_exit(), 0);
    assert_eq!(ana.read("b.txt"), "beta\n");
}

#[test]
fn shared_files_are_found_in_a_list() {
    let ana = Home::new("ana");
    ana.file("mine.txt", "shared by me\n");
    ana.file("other.txt", "not shared\n");
    let screen = ana.open(&["share", "mine.txt"]);
    screen.wait_for_text("/d/");
    screen.press("esc");
    screen.wait_for("the list is closed", |view| !view.contains("/d/") && view.contains("shared by me"));
    screen.quit();
    let screen = ana.open(&["other.txt"]);
    screen.wait_for_text("not shared");
    screen.press("ctrl-p");
    screen.type_text("open-shared\r");
    screen.wait_for_text("mine.txt");
    screen.press("enter");
    screen.wait_for_text("shared by me");
    screen.quit();
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
    let view = screen.wait_for_text(">Save every");
    let row = view.rows.iter().position(|row| row.contains(">Save every")).expect("the chosen row");
    assert_eq!(usize::from(view.cursor.0), row);
    screen.press("esc");
    screen.wait_for("the list is closed", |view| !view.contains(">Save every"));
    screen.quit();
}
