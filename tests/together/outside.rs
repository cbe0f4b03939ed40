//! What happens around an editor: other programs, other editors, a configuration with mistakes, ends that come too soon.

use std::time::Duration;

use crate::support::home::Home;
use crate::support::screen::Screen;

/// Longer than an editor looks away from what other programs do.
const A_PAUSE: Duration = Duration::from_millis(1_800);

#[test]
fn what_another_program_wrote_is_seen_with_the_next_key() {
    let ana = Home::new("ana");
    ana.file("a.txt", "old\n");
    std::fs::create_dir_all(ana.path("config/coedit")).expect("a folder");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("old");
    ana.file("a.txt", "new\n");
    ana.file("config/coedit/config.toml", "line_numbers = false\n");
    std::thread::sleep(A_PAUSE);
    screen.press("down");
    let view = screen.wait_for_text("new");
    assert!(!view.contains("old"), "{}", view.drawn());
    screen.wait_for("there are no numbers", |view| view.rows.iter().any(|row| row == "new"));
    screen.quit();
}

#[test]
fn what_another_editor_had_is_taken_over_with_a_key_once_that_ends() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let (first, second) = two_editors(&ana, "a.txt");
    first.quit();
    std::thread::sleep(A_PAUSE);
    second.press("down");
    second.wait_for_status("can be edited here now");
    second.press("ctrl-home");
    second.type_text("my ");
    second.save();
    second.quit();
    assert_eq!(ana.read("a.txt"), "my text\n");
}

/// Opens the same text in two editors, of which the second can only look.
fn two_editors(ana: &Home, name: &str) -> (Screen, Screen) {
    let first = ana.open(&[name]);
    first.wait_for_text("text");
    let second = ana.open(&[name]);
    second.wait_for_text("[read only]");
    second.wait_for_status("open in another coedit");
    (first, second)
}

#[test]
fn a_file_that_is_gone_or_shorter_when_it_is_taken_over_ends_no_editor() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n".repeat(60));
    let (first, second) = two_editors(&ana, "a.txt");
    second.press("ctrl-end");
    second.press("ctrl-f");
    second.type_text("text");
    first.quit();
    std::fs::remove_file(ana.path("a.txt")).expect("removed");
    std::fs::create_dir(ana.path("a.txt")).expect("a folder");
    std::thread::sleep(A_PAUSE);
    second.press("down");
    second.wait_for_status("is a directory");
    std::fs::remove_dir(ana.path("a.txt")).expect("removed");
    ana.file("a.txt", "short text\n");
    std::thread::sleep(A_PAUSE);
    second.press("down");
    second.wait_for("it is taken over", |view| view.contains("short") && !view.contains("read only"));
    second.press("esc");
    second.wait_for("the search is closed", |view| !view.drawn().contains("Find:"));
    second.press("ctrl-home");
    second.type_text("my ");
    second.save();
    second.quit();
    assert_eq!(ana.read("a.txt"), "my short text\n");
}

#[test]
fn a_key_comes_before_what_another_program_did_and_neither_is_lost() {
    let ana = Home::new("ana");
    ana.file("a.txt", "one\ntwo\n");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("two");
    screen.press("ctrl-g");
    ana.file("a.txt", "one\nTWO\n");
    std::thread::sleep(A_PAUSE);
    // While something is asked, nothing comes in between, and it is not forgotten either.
    screen.type_text("1");
    screen.wait_for_text("LINE[:COL]: 1");
    screen.press("esc");
    screen.wait_for("the question is closed", |view| !view.drawn().contains("Go to"));
    screen.type_text("x");
    screen.wait_for("the key comes first", |view| view.contains("xone") && view.contains("two"));
    std::thread::sleep(A_PAUSE);
    screen.press("right");
    screen.wait_for_status("was changed by another program");
    // By its own name it is the same file, and not one that is written over.
    screen.press("ctrl-p");
    screen.type_text("save-as\r");
    screen.wait_for_text("Save as");
    screen.type_text("./a.txt\r");
    screen.wait_for_text("[m]erge");
    screen.type_text("m");
    screen.wait_for_text("TWO");
    screen.save();
    screen.quit();
    assert_eq!(ana.read("a.txt"), "xone\nTWO\n");
}

#[test]
fn a_configuration_with_mistakes_is_used_without_them() {
    let ana = Home::new("ana");
    std::fs::create_dir_all(ana.path("config/coedit")).expect("a folder");
    ana.file("config/coedit/config.toml", "line_numbers = false\nwrp = true\ntheme = \"drk\"\n");
    ana.file("a.txt", "text\n");
    let screen = ana.open(&["a.txt"]);
    let view = screen.wait_for_text("config.toml line 2");
    assert!(view.drawn().contains("did you mean \"wrap\"?"), "{}", view.drawn());
    assert!(view.contains("text") && !view.drawn().contains("│ text"), "{}", view.drawn());
    screen.quit();
    let docs = ana.run(&["docs"]);
    assert!(docs.code == Some(0) && docs.stderr.contains("config.toml line 2"), "{docs:?}");
    let shown = ana.run(&["config", "--show"]);
    assert!(shown.code == Some(1) && shown.stdout.contains("line_numbers = false"), "{shown:?}");
    assert!(shown.stderr.contains("line 2") && shown.stderr.contains("did you mean \"dark\"?"), "{shown:?}");
}

#[test]
fn every_text_that_was_not_saved_comes_back_at_once() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let mut screen = ana.open(&["a.txt"]);
    screen.wait_for_text("text");
    screen.type_text("named ");
    screen.wait_for_text("named text");
    for word in ["first", "second"] {
        screen.press("ctrl-n");
        screen.wait_for("a new text", |view| view.text_lines().first().is_none_or(String::is_empty));
        screen.type_text(word);
        screen.wait_for_text(word);
    }
    // What was typed last may wait a quarter of a second for the disk.
    std::thread::sleep(Duration::from_millis(400));
    screen.kill9();
    let screen = ana.open(&[]);
    screen.wait_for_status("3 texts were not saved");
    let mut found = String::new();
    for _ in 0..3 {
        found.push_str(&screen.view().text_lines().join("\n"));
        screen.press("alt-.");
        std::thread::sleep(Duration::from_millis(300));
    }
    for word in ["named text", "first", "second"] {
        assert!(found.contains(word), "{word} is not in {found}");
    }
}

#[test]
fn links_places_and_options_are_understood_where_people_write_them() {
    let ana = Home::new("ana");
    ana.file("a.py", "one\ntwo\nthree\n");
    let screen = ana.open(&["a.py:3:2"]);
    screen.wait_for_status("3:2");
    screen.quit();
    let screen = ana.open(&["--name", "bea", "share", "a.py"]);
    screen.wait_for_status("hosting");
    let typo = ana.run(&["joim", "b"]);
    assert!(typo.code == Some(2) && typo.stderr.contains("did you mean \"join\"?"), "{typo:?}");
}
