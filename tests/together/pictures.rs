//! Pictures of the screen for the documents, made by the program itself. A picture that the program no longer draws fails here;
//! `COEDIT_PICTURES=write` makes all of them anew in `assets/pictures`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::support::home::{Home, program};
use crate::support::relay::Relay;
use crate::support::screen::Screen;

const CODE: &str = r#"//! Counts words.

use std::collections::HashMap;

/// Returns how often each word of a text is there.
pub fn count(text: &str) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word.to_lowercase()).or_insert(0) += 1;
    }
    counts
}

fn main() {
    let text = "the cat and the hat";
    for (word, n) in count(text) {
        println!("{n:>4} {word}"); // 2 the
    }
}
"#;

/// Cells and pixels.
const ROWS: u16 = 22;
const COLUMNS: u16 = 84;
const CELL: (f32, f32) = (8.4, 18.0);

const BACKGROUND: &str = "#1b1f27";
const FOREGROUND: &str = "#d8dee9";

fn color(color: vt100::Color, default: &str) -> String {
    match color {
        vt100::Color::Default => default.to_owned(),
        vt100::Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        vt100::Color::Idx(n @ 16..=231) => {
            let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
            let n = n - 16;
            format!("#{:02x}{:02x}{:02x}", level(n / 36), level(n / 6 % 6), level(n % 6))
        }
        vt100::Color::Idx(n @ 232..) => format!("#{0:02x}{0:02x}{0:02x}", 8 + 10 * (n - 232)),
        vt100::Color::Idx(n) => [
            "#000000", "#cd3131", "#0dbc79", "#e5e510", "#2472c8", "#bc3fbc", "#11a8cd", "#e5e5e5",
            "#666666", "#f14c4c", "#23d18b", "#f5f543", "#3b8eea", "#d670d6", "#29b8db", "#ffffff",
        ][usize::from(n)]
        .to_owned(),
    }
}

/// The screen as a picture, the cursor as a bar.
fn svg(screen: &vt100::Screen) -> String {
    let (width, height) = (f32::from(COLUMNS) * CELL.0 + 16.0, f32::from(ROWS) * CELL.1 + 16.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"ui-monospace,Menlo,Consolas,\
         'DejaVu Sans Mono',monospace\" font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{BACKGROUND}\"/>\n"
    );
    for (y, x) in (0..ROWS).flat_map(|y| (0..COLUMNS).map(move |x| (y, x))) {
        let Some(cell) = screen.cell(y, x) else { continue };
        let (mut fg, mut bg) = (color(cell.fgcolor(), FOREGROUND), color(cell.bgcolor(), BACKGROUND));
        if cell.inverse() {
            std::mem::swap(&mut fg, &mut bg);
        }
        let (left, top) = (8.0 + f32::from(x) * CELL.0, 8.0 + f32::from(y) * CELL.1);
        if bg != BACKGROUND {
            let _ = writeln!(
                out,
                "<rect x=\"{left:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"{}\" fill=\"{bg}\"/>",
                CELL.0 + 0.2,
                CELL.1
            );
        }
        let text = cell.contents();
        if !text.trim().is_empty() {
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let weight = if cell.bold() { " font-weight=\"bold\"" } else { "" };
            let style = if cell.italic() { " font-style=\"italic\"" } else { "" };
            let base = top + 13.5;
            let _ = writeln!(
                out,
                "<text x=\"{left:.1}\" y=\"{base}\" fill=\"{fg}\"{weight}{style}>{text}</text>"
            );
        }
    }
    let (row, column) = screen.cursor_position();
    let (left, top) = (8.0 + f32::from(column) * CELL.0, 8.0 + f32::from(row) * CELL.1);
    let _ = writeln!(
        out,
        "<rect x=\"{left:.1}\" y=\"{top}\" width=\"2\" height=\"{}\" fill=\"{FOREGROUND}\"/>",
        CELL.1
    );
    out + "</svg>\n"
}

fn open(home: &Home, args: &[&str]) -> Screen {
    let program = program();
    let all = [&["COLORTERM=truecolor", program.as_str()][..], args, &["--theme", "dark"]].concat();
    Screen::spawn_program("env", home, &all, ROWS, COLUMNS)
}

/// Compares a screen with its picture, or makes the picture.
#[track_caller]
fn check(name: &str, screen: &Screen) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/pictures").join(name);
    if std::env::var("COEDIT_PICTURES").is_ok_and(|what| what == "write") {
        let now = || screen.inspect(|screen, _, _| svg(screen));
        let mut picture = now();
        // Not amid a frame: once it stands still.
        loop {
            std::thread::sleep(Duration::from_millis(500));
            if std::mem::replace(&mut picture, now()) == picture {
                break;
            }
        }
        std::fs::write(&path, picture).expect("a writable folder");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let is_as_kept = screen.comes_to(|screen| svg(screen) == kept);
    assert!(is_as_kept, "{name} is not what the program draws; COEDIT_PICTURES=write makes it anew");
}

#[test]
fn pictures_are_what_the_program_draws() {
    let ana = Home::new("ana");
    ana.file("count.rs", CODE);
    let screen = open(&ana, &["count.rs"]);
    screen.wait_for_status("Rust");
    screen.wait_for_color("let", vt100::Color::Rgb(0xc7, 0x92, 0xea));
    screen.send(b"\x06");
    screen.type_text("word");
    screen.wait_for_text("Find: word  1 of ");
    check("editor.svg", &screen);
    screen.press("esc");
    screen.wait_for("the search is closed", |view| !view.contains("Find: "));
    screen.send(b"\x10");
    screen.type_text("line");
    screen.wait_for_text("Run: line");
    check("palette.svg", &screen);
}

#[test]
fn a_picture_of_two_people_shows_both() {
    let relay = Relay::start();
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("count.rs", CODE);
    let link = ana.share("count.rs", &relay.url());
    let on_ana = open(&ana, &["count.rs", "--name", "ana", "--color", "2"]);
    on_ana.wait_for_status("synced");
    let on_ben = open(&ben, &["join", &link, "count.rs", "--name", "ben", "--color", "4"]);
    on_ben.wait_for_text("Counts words");
    on_ben.press_all(&["down", "down", "down", "down", "down", "down"]);
    on_ben.type_text("    // twice: ");
    let view =
        on_ana.wait_for("both are there", |view| view.contains("ben  you") && view.contains("// twice: "));
    assert!(view.status().contains("2 here"), "{}", view.drawn());
    if std::env::var("COEDIT_PICTURES").is_ok_and(|what| what == "write") {
        check("together.svg", &on_ana);
    }
}
