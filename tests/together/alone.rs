//! One person, one file: what an editor owes to anybody.

use crate::support::home::{Home, assert_file_becomes};
use crate::support::keys::pasted;

#[test]
fn typed_text_is_saved_and_nothing_else_changes() {
    let ana = Home::new("ana");
    ana.file("a.txt", "one\r\ntwo");
    let mut screen = ana.open(&["a.txt"]);
    screen.wait_for_text("one");
    screen.wait_for_status("alone");
    screen.press("end");
    screen.type_text("!");
    screen.wait_for_text("one!");
    screen.save();
    // The line ends and the missing last newline are the file's own, and stay.
    assert_file_becomes(&ana, "a.txt", "one!\r\ntwo");
    screen.press("ctrl-q");
    assert_eq!(screen.wait_for_exit(), 0);
    screen.assert_terminal_restored();
}

#[test]
fn a_file_that_does_not_exist_is_made_by_saving() {
    let ana = Home::new("ana");
    let screen = ana.open(&["new.txt"]);
    screen.wait_for_text("new.txt");
    screen.type_text("hello");
    screen.wait_for_text("hello");
    assert!(!ana.path("new.txt").exists(), "nothing is written before somebody saves");
    screen.save();
    assert!(ana.read("new.txt").starts_with("hello"));
}

#[test]
fn quitting_with_unsaved_text_asks_and_does_what_is_answered() {
    for (answer, expected) in [("s", "Xold\n"), ("d", "old\n")] {
        let ana = Home::new("ana");
        ana.file("a.txt", "old\n");
        let mut screen = ana.open(&["a.txt"]);
        screen.wait_for_text("old");
        screen.type_text("X");
        screen.wait_for_text("Xold");
        screen.press("ctrl-q");
        screen.wait_for_text("[s]ave");
        screen.type_text("c");
        screen.wait_for("the question is gone", |view| !view.contains("[s]ave"));
        screen.press("ctrl-q");
        screen.wait_for_text("[s]ave  [d]iscard  [c]ancel");
        screen.type_text(answer);
        assert_eq!(screen.wait_for_exit(), 0);
        assert_eq!(ana.read("a.txt"), expected, "after answering {answer}");
        // What was discarded does not come back as recovered.
        let screen = ana.open(&["a.txt"]);
        let view = screen.wait_for_text("old");
        assert!(!view.drawn().to_lowercase().contains("recovered"), "{}", view.drawn());
        screen.quit();
    }
}

#[test]
fn saving_follows_a_link_and_keeps_the_mode() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let ana = Home::new("ana");
    let target = ana.file("target.sh", "echo\n");
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o750)).expect("own file");
    symlink(&target, ana.path("link.sh")).expect("a symlink");
    let screen = ana.open(&["link.sh"]);
    screen.wait_for_text("echo");
    screen.type_text("# ");
    screen.wait_for_text("# echo");
    screen.save();
    assert_file_becomes(&ana, "target.sh", "# echo\n");
    assert!(ana.path("link.sh").symlink_metadata().expect("it is there").is_symlink());
    let mode = target.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o750);
    let stray: Vec<_> = std::fs::read_dir(ana.folder())
        .expect("readable")
        .filter_map(|entry| {
            let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
            (!["target.sh", "link.sh", "data", "config", "state", "cache", "run"].contains(&name.as_str()))
                .then_some(name)
        })
        .collect();
    assert!(stray.is_empty(), "left behind: {stray:?}");
}

#[test]
fn find_go_to_line_and_the_ends_of_the_file_move_the_cursor() {
    let ana = Home::new("ana");
    let text: String = (1..=200).map(|n| format!("row {n}\n")).collect();
    ana.file("a.txt", text);
    let screen = ana.open(&["a.txt", "+50:3"]);
    screen.wait_for_status("50:3");
    screen.press("ctrl-g");
    screen.type_text("120:2\r");
    screen.wait_for_status("120:2");
    screen.press("ctrl-f");
    screen.type_text("row 177");
    screen.wait_for_text("row 177");
    screen.press("enter");
    screen.wait_for_status("177:");
    screen.press("esc");
    screen.press("ctrl-home");
    screen.wait_for_status("1:1");
    screen.press("ctrl-end");
    screen.wait_for_status("201:1");
    screen.press_all(&["ctrl-home", "page-down"]);
    screen.wait_for("a page further", |view| !view.contains("row 1 ") && !view.status().contains(" 1:1 "));
}

#[test]
fn cut_copy_paste_and_undo_work_on_the_selection() {
    let ana = Home::new("ana");
    ana.file("a.txt", "abc def\n");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("abc def");
    screen.press_all(&["shift-right", "shift-right", "shift-right", "ctrl-x"]);
    screen.wait_for("cut", |view| view.text_lines().first().is_some_and(|line| line == " def"));
    screen.press_all(&["end", "ctrl-v"]);
    screen.wait_for_text(" defabc");
    screen.press_all(&["ctrl-z", "ctrl-z"]);
    screen.wait_for_text("abc def");
    screen.press("ctrl-y");
    screen.wait_for("redone", |view| view.text_lines().first().is_some_and(|line| line == " def"));
    let clipboard = screen.inspect(|_, asked, _| asked.clipboard.clone());
    assert!(clipboard.contains(&"YWJj".to_owned()), "`abc` went to the clipboard: {clipboard:?}");
}

#[test]
fn pasted_text_is_text_and_one_step_of_undo() {
    let ana = Home::new("ana");
    ana.file("a.txt", "");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_status("1:1");
    screen.send(&pasted("one\ntwo\tthree\nfour"));
    screen.wait_for_text("four");
    screen.press("ctrl-z");
    screen.wait_for("all of it is gone", |view| view.text_lines() == [""]);
}

#[test]
fn graphemes_are_one_step_and_keep_their_width() {
    let ana = Home::new("ana");
    ana.file("a.txt", "界e\u{301}👩‍👩‍👧x\n");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for("the line", |view| view.contains("界"));
    let start = screen.view().cursor.1;
    screen.press("right");
    screen.wait_for("past a wide character", |view| view.cursor.1 == start + 2);
    screen.press("right");
    screen.wait_for("past a letter and its mark", |view| view.cursor.1 == start + 3);
    screen.press("right");
    screen.wait_for("past a family", |view| start + 3 < view.cursor.1);
    screen.press("backspace");
    screen.wait_for("the family is gone as one", |view| {
        view.text_lines()
            .first()
            .is_some_and(|line| line.ends_with('x') && !line.contains('👧') && !line.contains('👩'))
    });
}

#[test]
fn a_change_of_the_file_by_another_program_is_never_overwritten_silently() {
    let ana = Home::new("ana");
    ana.file("a.txt", "old\n");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("old");
    screen.type_text("mine ");
    screen.wait_for_text("mine old");
    ana.file("a.txt", "old\nfrom outside\n");
    screen.press("ctrl-s");
    screen.wait_for("a question or a merge", |view| {
        view.drawn().contains("changed") || view.contains("from outside")
    });
    let now = ana.read("a.txt");
    assert!(now.contains("from outside"), "the other program's text was overwritten: {now:?}");
}

#[test]
fn screen_follows_a_resize() {
    let ana = Home::new("ana");
    ana.file("a.txt", (1..=100).map(|n| format!("row {n}\n")).collect::<String>());
    let screen = ana.open_sized(&["a.txt"], 24, 80);
    screen.wait_for_text("row 20");
    screen.resize(60, 100);
    screen.wait_for_text("row 50");
    screen.resize(10, 30);
    screen.wait_for("a small screen", |view| view.contains("row 1") && !view.contains("row 20"));
    screen.resize(3, 8);
    screen.resize(24, 80);
    screen.wait_for_text("row 20");
}

#[test]
fn help_names_the_keys() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("text");
    screen.press("f1");
    screen.wait_for("keys and what they do", |view| view.contains("Ctrl-S") || view.contains("Ctrl+S"));
    screen.press("esc");
    screen.wait_for_text("text");
}

#[test]
fn a_large_file_opens_at_once_and_takes_keys_in_its_middle() {
    let ana = Home::new("ana");
    let text: String = (0..250_000).map(|n| format!("    let value_{n} = compute({n});\n")).collect();
    assert!(8 << 20 < text.len());
    ana.file("big.rs", &text);
    let started = std::time::Instant::now();
    let screen = ana.open(&["big.rs"]);
    screen.wait_for_text("value_0");
    let opened = started.elapsed();
    screen.press("ctrl-g");
    screen.type_text("125000\r");
    screen.wait_for_text("value_124999");
    let typed = std::time::Instant::now();
    screen.type_text("@");
    screen.wait_for_text("@");
    println!("opened in {opened:?}, key in {:?}", typed.elapsed());
    assert!(opened.as_secs() < 5 && typed.elapsed().as_millis() < 1_000, "{opened:?} {:?}", typed.elapsed());
}

#[test]
fn a_large_file_is_read_behind_its_first_screen_and_then_edited() {
    let ana = Home::new("ana");
    let text: String = (0..1_500_000).map(|n| format!("line {n} of a log that is long enough\n")).collect();
    ana.file("big.log", &text);
    let screen = ana.open(&["big.log", "+1400000:6"]);
    screen.wait_for_text("line 0 of");
    screen.wait_for_status("1400000:6");
    screen.wait_for("all of it", |view| !view.rows[0].contains("loading"));
    screen.type_text("X");
    screen.wait_for_text("line X1399999 of");
    screen.press("ctrl-home");
    screen.wait_for_text("line 0 of");
    screen.press("ctrl-end");
    screen.wait_for_status("1500001:1");
    screen.save();
    let saved = ana.read("big.log");
    assert!(saved.len() == text.len() + 1 && saved.contains("\nline X1399999 of"));
    screen.quit();
}

#[test]
fn a_change_from_outside_is_merged_and_no_line_of_either_side_is_lost() {
    let ana = Home::new("ana");
    ana.file("a.txt", "a\nb\nc\n");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("c");
    screen.press_all(&["down", "end"]);
    screen.type_text("\rMINE");
    screen.wait_for_text("MINE");
    ana.file("a.txt", "a\nB\nc\n");
    // The window gets the keyboard: that is told, and what is typed next is text.
    screen.send(b"\x1b[I");
    screen.wait_for_status("changed by another program");
    screen.type_text("omc");
    screen.wait_for_text("MINEomc");
    screen.press("ctrl-s");
    screen.wait_for_text("[m]erge");
    screen.type_text("m");
    screen.wait_for_status("took in");
    screen.press("ctrl-s");
    screen.wait_for_status("saved a.txt");
    assert_eq!(ana.read("a.txt"), "a\nB\nMINEomc\nc\n");
}

#[test]
fn a_file_that_is_not_edited_follows_another_program() {
    let ana = Home::new("ana");
    ana.file("a.txt", "old\n");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("old");
    ana.file("a.txt", "new\n");
    screen.send(b"\x1b[I");
    screen.wait_for_text("new");
    screen.press("ctrl-q");
    let mut screen = screen;
    assert_eq!(screen.wait_for_exit(), 0, "nothing is unsaved");
}

#[test]
fn a_file_that_is_gone_is_not_an_empty_one() {
    let ana = Home::new("ana");
    ana.file("a.txt", "saved\n");
    let mut screen = ana.open(&["a.txt"]);
    screen.wait_for_text("saved");
    screen.type_text("typed ");
    screen.wait_for_text("typed saved");
    std::thread::sleep(std::time::Duration::from_millis(400));
    screen.kill9();
    std::fs::remove_file(ana.path("a.txt")).expect("a file");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("typed saved");
    screen.wait_for_status("is gone");
    screen.press("ctrl-s");
    screen.wait_for_status("saved a.txt");
    assert_eq!(ana.read("a.txt"), "typed saved\n");
}

#[test]
fn a_text_without_a_file_is_asked_for_a_name_and_comes_back_after_a_kill() {
    let ana = Home::new("ana");
    ana.file("taken.txt", "theirs\n");
    let mut screen = ana.open(&[]);
    screen.type_text("a thought");
    screen.wait_for_text("a thought");
    std::thread::sleep(std::time::Duration::from_millis(400));
    screen.kill9();
    let screen = ana.open(&[]);
    screen.wait_for_text("a thought");
    screen.press("ctrl-s");
    screen.wait_for_text("Save as:");
    screen.type_text("taken.txt\r");
    screen.wait_for_text("[o]verwrite");
    screen.type_text("c");
    screen.wait_for_text("Save as: taken.txt");
    screen.press("ctrl-u");
    screen.type_text("thought.txt\r");
    screen.wait_for_status("saved thought.txt");
    assert_eq!((ana.read("thought.txt").as_str(), ana.read("taken.txt").as_str()), ("a thought", "theirs\n"));
}

#[test]
fn a_second_editor_of_a_file_only_reads_it() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let first = ana.open(&["a.txt"]);
    first.wait_for_text("text");
    let second = ana.open(&["a.txt"]);
    second.wait_for_text("[read only]");
    second.type_text("x");
    second.wait_for_status("another coedit");
    first.type_text("one ");
    first.save();
    assert_eq!(ana.read("a.txt"), "one text\n");
}

#[test]
fn a_line_that_goes_on_past_the_screen_says_so() {
    let ana = Home::new("ana");
    ana.file("a.txt", format!("{}\nshort\n", "x".repeat(200)));
    let screen = ana.open_sized(&["a.txt"], 10, 60);
    let view = screen.wait_for_text("short");
    let row = view.rows.iter().find(|row| row.contains("xxx")).expect("the long line");
    assert!(row.trim_end().ends_with("x>"), "{row:?}");
}

#[test]
fn a_save_that_a_kill_kept_from_being_noted_is_no_change() {
    let ana = Home::new("ana");
    ana.file("a.txt", "saved\n");
    let mut screen = ana.open(&["a.txt"]);
    screen.wait_for_text("saved");
    screen.type_text("typed ");
    screen.wait_for_text("typed saved");
    std::thread::sleep(std::time::Duration::from_millis(400));
    screen.kill9();
    ana.file("a.txt", "typed saved\n");
    let screen = ana.open(&["a.txt"]);
    let view = screen.wait_for_text("typed saved").drawn();
    assert!(!view.contains("recovered") && !view.contains("[m]erge") && !view.contains('●'), "{view}");
    screen.quit();
}

#[test]
fn a_file_keeps_its_encoding_and_what_it_cannot_hold_is_refused() {
    let ana = Home::new("ana");
    ana.file("latin1.txt", b"caf\xe9\n");
    let screen = ana.open(&["latin1.txt"]);
    screen.wait_for_text("café");
    screen.wait_for_status("LF windows-1252");
    screen.type_text("ö€漢");
    screen.wait_for_text("ö€漢café");
    screen.press("ctrl-s");
    screen.wait_for_status("has no '漢', which is in line 1");
    assert_eq!(std::fs::read(ana.path("latin1.txt")).expect("a file"), b"caf\xe9\n");
    screen.press("backspace");
    screen.wait_for("without it", |view| view.text_lines().first().is_some_and(|line| !line.contains('漢')));
    screen.save();
    assert_eq!(std::fs::read(ana.path("latin1.txt")).expect("a file"), b"\xf6\x80caf\xe9\n");
    for (command, status) in [("Save in another encoding", "LF UTF-16LE"), ("Windows does", "CRLF UTF-16LE")]
    {
        screen.press("ctrl-p");
        screen.type_text(command);
        screen.wait_for_text("Run");
        screen.press("enter");
        if command.starts_with("Save") {
            screen.wait_for_text("Save in");
            screen.type_text("utf-16le\r");
        }
        screen.wait_for_status(status);
    }
    screen.save();
    let utf_16: Vec<u8> = "\u{feff}ö€café\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(std::fs::read(ana.path("latin1.txt")).expect("a file"), utf_16);
    screen.quit();
    let screen = ana.open(&["latin1.txt"]);
    screen.wait_for_text("ö€café");
    screen.wait_for_status("CRLF UTF-16LE");
}

#[test]
fn editorconfig_says_how_a_file_is_written() {
    let ana = Home::new("ana");
    ana.file(
        ".editorconfig",
        "root = true\n[*.c]\nindent_style = space\nindent_size = 3\nend_of_line = crlf\ncharset = utf-8-bom\n\
         trim_trailing_whitespace = true\ninsert_final_newline = true\n",
    );
    let screen = ana.open(&["new.c"]);
    screen.wait_for_status("CRLF UTF-8 BOM");
    screen.type_text("a {  \rb");
    screen.wait_for_text("   b");
    screen.save();
    assert_eq!(ana.read("new.c"), "\u{feff}a {\r\n   b\r\n");
    screen.press("ctrl-p");
    screen.type_text("file-info\r");
    screen.wait_for_status("3 blanks (from .editorconfig)");
    screen.quit();
    // A text that has its own ends of lines keeps them.
    ana.file("old.c", "x\ny  \n");
    let screen = ana.open(&["old.c"]);
    screen.wait_for_status("LF UTF-8");
    screen.type_text("z");
    screen.save();
    assert_eq!(ana.read("old.c"), "zx\ny\n");
}

#[test]
fn bytes_that_are_only_shown_are_edited_once_their_encoding_is_named() {
    let ana = Home::new("ana");
    // Japanese in Shift_JIS, of which some bytes look like UTF-8.
    ana.file("jis.txt", b"\x93\xfa\x96\x7b\xc3\xa9\n");
    let screen = ana.open(&["jis.txt"]);
    screen.wait_for_text("<93><fa>");
    screen.press("ctrl-p");
    screen.type_text("Read the file again in another");
    screen.press("enter");
    screen.wait_for_text("Read again as");
    screen.type_text("shift\r");
    screen.wait_for_text("日本");
    screen.wait_for_status("Shift_JIS");
    screen.type_text("x");
    screen.wait_for_text("x日本");
    screen.save();
    assert_eq!(std::fs::read(ana.path("jis.txt")).expect("a file"), b"x\x93\xfa\x96\x7b\xc3\xa9\n");
}

#[test]
fn undo_goes_on_after_closing_and_after_a_kill() {
    let ana = Home::new("ana");
    ana.file("a.txt", "old\n");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("old");
    screen.type_text("one ");
    screen.wait_for_text("one old");
    screen.save();
    screen.quit();

    let mut screen = ana.open(&["a.txt"]);
    screen.wait_for_text("one old");
    screen.press("ctrl-home");
    screen.type_text("two ");
    screen.wait_for_text("two one old");
    std::thread::sleep(std::time::Duration::from_millis(400));
    screen.kill9();

    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("two one old");
    screen.press("ctrl-z");
    screen.wait_for("without the second word", |view| {
        view.text_lines().first().is_some_and(|line| line == "one old")
    });
    screen.press("ctrl-z");
    screen.wait_for("without the first", |view| view.text_lines().first().is_some_and(|line| line == "old"));
    screen.press("ctrl-z");
    screen.wait_for_status("nothing to undo");
    screen.save();
    assert_eq!(ana.read("a.txt"), "old\n");
    screen.quit();

    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("old");
    screen.press_all(&["ctrl-y", "ctrl-y"]);
    screen.wait_for_text("two one old");
    screen.save();
    screen.quit();
    assert_eq!(ana.ok(&["docs"]), "", "what is kept for undo is no document that lacks anything");

    // Another program's text has another past.
    ana.file("a.txt", "other\n");
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text("other");
    screen.press("ctrl-z");
    screen.wait_for_status("nothing to undo");
    assert!(screen.view().contains("other"));
}

#[test]
fn a_deleted_file_comes_back_with_its_ends_of_line_and_quitting_asks() {
    let ana = Home::new("ana");
    ana.file("a.txt", "one\r\ntwo\r\n");
    let mut screen = ana.open(&["a.txt"]);
    screen.wait_for_text("one");
    std::fs::remove_file(ana.path("a.txt")).expect("a file");
    screen.press("ctrl-q");
    screen.wait_for_text("[s]ave");
    screen.type_text("c!");
    screen.wait_for_text("!one");
    std::thread::sleep(std::time::Duration::from_millis(400));
    screen.kill9();
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_status("is gone");
    screen.press("ctrl-s");
    screen.wait_for_status("saved a.txt");
    assert_eq!(ana.read("a.txt"), "!one\r\ntwo\r\n");
}
