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
fn an_unknown_theme_is_told_before_the_screen_is_taken() {
    let ana = Home::new("ana");
    let mut screen = ana.open(&["a.rs", "--theme", "drak"]);
    screen.wait_for_text("there is no theme \"drak\"");
    assert_eq!(screen.wait_for_exit(), 2);
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
