//! Colours and marks: right, there by themselves, and never in the way.

use crate::support::home::Home;
use crate::support::relay::Relay;

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
fn a_text_too_large_for_colours_says_so_and_takes_keys() {
    let ana = Home::new("ana");
    ana.file("a.rs", "fn f() {}\n".repeat(1_700_000));
    let screen = ana.open_sized(&["a.rs"], 12, 120);
    screen.wait_for_status("Rust: too large, plain");
    screen.type_text("x");
    screen.wait_for_text("xfn f");
}
