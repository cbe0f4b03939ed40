//! Colours and marks: right, there by themselves, and never in the way.

use crate::support::home::{Home, program};
use crate::support::relay::Relay;
use crate::support::screen::Screen;

const KEYWORD: vt100::Color = vt100::Color::Idx(5);
const STRING: vt100::Color = vt100::Color::Idx(2);

#[test]
fn a_text_gets_its_language_s_colours_and_they_follow_the_edits() {
    let ana = Home::new("ana");
    ana.file("a.rs", "fn main() {}\nlet\n");
    let screen = ana.open(&["a.rs"]);
    screen.wait_for_color("fn", KEYWORD);
    screen.wait_for_status("Rust");
    screen.press_all(&["down", "end"]);
    screen.type_text(" x = \"fn\";");
    screen.wait_for_color("\"fn\"", STRING);
    screen.press("home");
    screen.type_text("/* ");
    screen.wait_for_color("/* let x", vt100::Color::Idx(8));
}

#[test]
fn colours_follow_what_somebody_else_types() {
    let relay = Relay::start();
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("a.rs", "let\n");
    let link = ana.share("a.rs", &relay.url());
    let on_ana = ana.open(&["a.rs"]);
    on_ana.wait_for_status("synced");
    let on_ben = ben.open(&["join", &link, "b.rs"]);
    on_ben.wait_for_text("let");
    on_ben.type_text("fn f() {} // ");
    on_ana.wait_for_color("fn", KEYWORD);
    on_ana.wait_for_color("// ", vt100::Color::Idx(8));
}

#[test]
fn a_text_of_megabytes_has_its_colours_where_it_is_seen() {
    let ana = Home::new("ana");
    ana.file("a.rs", "fn f() {}\n".repeat(1_700_000));
    let screen = ana.open_sized(&["+900000", "a.rs"], 12, 120);
    screen.wait_for("all of it", |view| view.contains("900000 │ fn") && !view.rows[0].contains("loading"));
    screen.wait_for_color("fn", KEYWORD);
    screen.type_text("// ");
    screen.wait_for_color("// fn", vt100::Color::Idx(8));
}

/// Every parameter of every `CSI … m` that was sent.
fn styles(raw: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(raw).into_owned();
    let parts = text.split("\x1b[").skip(1);
    parts
        .filter_map(|part| part.split_once('m'))
        .map(|(codes, _)| codes.to_owned())
        .filter(|codes| codes.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'))
        .collect()
}

#[test]
fn a_theme_has_as_many_colours_as_the_terminal() {
    for (variable, wanted, foreign) in [
        ("COLORTERM=truecolor", "38;2;", "38;5;"),
        ("TERM=xterm-256color", "38;5;", "38;2;"),
        ("TERM=linux", "37", "38;"),
        ("NO_COLOR=1", "7", "38;"),
    ] {
        let ana = Home::new("ana");
        ana.file("a.rs", "fn main() {}\n// end\n");
        let args = [variable, &program(), "a.rs", "--theme", "dark"];
        let screen = Screen::spawn_program("env", &ana, &args, 24, 80);
        screen.wait_for_text("// end");
        screen.wait_for_status("Rust");
        screen.type_text("let ");
        screen.wait_for_text("let fn");
        let styles = screen.inspect(|_, _, raw| styles(raw));
        let has = |code: &str| styles.iter().any(|codes| codes.contains(code));
        assert!(has(wanted) && !has(foreign), "{variable}: {styles:?}");
    }
}

#[test]
fn an_unknown_theme_is_told_and_keeps_nobody_from_editing() {
    let ana = Home::new("ana");
    let screen = ana.open(&["a.rs", "--theme", "drak"]);
    screen.wait_for_text("there is no theme \"drak\"");
    screen.type_text("typed");
    screen.wait_for_text("typed");
    screen.save();
    screen.quit();
}

#[test]
fn a_long_text_has_a_bar_with_the_hits_and_the_others() {
    let relay = Relay::start();
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("a.txt", "line\n".repeat(200) + "needle\n");
    let link = ana.share("a.txt", &relay.url());
    let on_ana = ana.open(&["a.txt"]);
    on_ana.wait_for_status("synced");
    let on_ben = ben.join(&link, "b.txt");
    on_ben.wait_for_text("line");
    on_ana.wait_for("the other's initial in the bar", |view| view.rows.iter().any(|row| row.ends_with('b')));
    on_ana.press("ctrl-f");
    on_ana.type_text("needle");
    on_ana.wait_for("a mark for what was found", |view| view.rows.iter().any(|row| row.ends_with('-')));
}

/// Presses and releases the left button at a cell, both counted from 1.
fn click(screen: &Screen, column: u16, row: u16) {
    screen.send(format!("\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m").as_bytes());
}

fn shapes(screen: &Screen) -> Vec<String> {
    screen.inspect(|_, _, raw| {
        let text = String::from_utf8_lossy(raw).into_owned();
        let parts = text.split("\x1b[").skip(1);
        parts
            .filter_map(|part| part.split_once(" q"))
            .map(|(n, _)| n.to_owned())
            .filter(|n| n.len() == 1)
            .collect()
    })
}

#[test]
fn the_cursor_tells_whether_keys_are_text() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let mut screen = ana.open(&["a.txt"]);
    screen.wait_for_text("text");
    screen.press("ctrl-q");
    screen.wait_for_exit();
    assert_eq!(shapes(&screen), ["6", "0"]);
    std::fs::create_dir_all(ana.path("config/coedit")).expect("a writable folder");
    ana.file("config/coedit/config.toml", "keymap = \"vim\"\n");
    let mut screen = ana.open(&["a.txt"]);
    screen.wait_for_status("NORMAL");
    screen.type_text("i");
    screen.wait_for_status("INSERT");
    screen.press("esc");
    screen.wait_for_status("NORMAL");
    screen.type_text(":q\r");
    screen.wait_for_exit();
    assert_eq!(shapes(&screen), ["2", "6", "2", "0"]);
    let mut screen = Screen::spawn_program("env", &ana, &["TERM=linux", &program(), "a.txt"], 24, 80);
    screen.wait_for_status("NORMAL");
    screen.type_text(":q\r");
    screen.wait_for_exit();
    assert_eq!(shapes(&screen), [""; 0]);
}

#[test]
fn boxes_have_a_frame_and_the_mouse_works_in_them() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n".repeat(100));
    let screen = ana.open_sized(&["a.txt"], 24, 80);
    screen.send(b"\x1bOQ");
    screen.wait_for_text("┌─ Who is here");
    click(&screen, 2, 10);
    screen.wait_for("the box is gone", |view| !view.contains("┌"));
    screen.send(b"\x1bOP");
    screen.wait_for_text("┌─ Keys");
    screen.send(b"\x1b[<65;10;10M\x1b[<65;10;10M");
    screen.wait_for("the wheel scrolled", |view| !view.contains("Save the file"));
    screen.press("esc");
    // Together the two bytes would be a key with Alt.
    screen.wait_for("the box is gone", |view| !view.contains("┌"));
    screen.press("ctrl-p");
    screen.wait_for_text("┌─ Run");
    screen.type_text("wrap");
    let view = screen.wait_for_text("Wrap long lines");
    let row = view.rows.iter().position(|row| row.contains("Wrap long lines")).expect("there");
    click(&screen, 20, row as u16 + 1);
    screen.wait_for_status("long lines are wrapped");
    screen.press("ctrl-p");
    screen.wait_for_text("┌─ Run");
    click(&screen, 1, 22);
    screen.wait_for("the list is gone", |view| !view.contains("┌"));
}

#[test]
fn questions_are_answered_and_the_bar_is_dragged_with_the_mouse() {
    let ana = Home::new("ana");
    ana.file("a.txt", (0..1_000).map(|n| format!("line {n}\n")).collect::<String>());
    let mut screen = ana.open_sized(&["a.txt"], 24, 80);
    screen.wait_for_text("line 0");
    screen.send(b"\x1b[<0;80;12M");
    screen.wait_for_text("line 455");
    screen.send(b"\x1b[<32;80;23M\x1b[<0;80;23m");
    screen.wait_for_text("line 960");
    screen.type_text("x");
    screen.wait_for_text("xline 0");
    screen.press("ctrl-q");
    let view = screen.wait_for_text("[d]iscard");
    let row = view.rows.iter().position(|row| row.contains("[d]iscard")).expect("there");
    let column = view.rows[row].find("iscard").expect("there");
    click(&screen, column as u16 + 1, row as u16 + 1);
    assert_eq!(screen.wait_for_exit(), 0);
}

#[test]
fn characters_that_do_not_show_are_named_on_the_status_line() {
    let ana = Home::new("ana");
    ana.file("a.rs", "let a = \"\u{202e}\"; // \u{1b}[31m\n");
    let screen = ana.open_sized(&["a.rs"], 10, 140);
    screen.wait_for_status("! control, bidi characters");
    screen.press_all(&["ctrl-a", "delete"]);
    screen.wait_for("nothing is left to tell", |view| !view.status().contains('!'));
}
