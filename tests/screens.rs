//! Screens as they are on a terminal, beside the pictures of them in `tests/data/screens`. `COEDIT_SNAPSHOTS=write` makes those anew.

use std::path::Path;

use coedit::base::time::MonoTime;
use coedit::crdt::clock::ReplicaId;
use coedit::document::{Bias, Document};
use coedit::editor::file::FileMeta;
use coedit::editor::settings::Settings;
use coedit::editor::{Model, Msg, keymap, update};
use coedit::protocol::ConnectionId;
use coedit::protocol::link_url::LinkUrl;
use coedit::protocol::presence::{Activity, Presence};
use coedit::view::paint::Painter;
use coedit::view::screen::Screen;
use coedit::view::theme::Theme;

const TEXT: &str = "fn main() {\n\tlet greeting = \"hello, 世界\"; // a line that goes on and on, and further than twenty columns\n\
                    \tprintln!(\"{greeting}\");\n}\n\n// hidden: \u{202e}\u{1b}[31m\n";

/// What is done before each picture.
const STATES: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("selected", &["Down", "Ctrl-D"]),
    ("find", &["Ctrl-F", "g", "r"]),
    ("replace", &["Ctrl-F", "g", "r", "Tab", "x"]),
    ("go to line", &["Ctrl-G", "3"]),
    ("help", &["F1"]),
    ("people", &["F2"]),
    ("palette", &["Ctrl-P", "w", "r", "a", "p"]),
    ("wrapped", &["Alt-L", "Ctrl-End"]),
    ("quit", &["x", "Ctrl-Q"]),
];

fn model(columns: u16, rows: u16, settings: Settings) -> Model {
    let mut document = Document::new(ReplicaId::new(1));
    document.insert(0, TEXT).expect("it fits");
    document.clear_undo();
    let meta = FileMeta { name: "main.rs".to_owned(), has_path: true, ..FileMeta::default() };
    let mut model = Model::new(document, meta);
    model.set_settings(settings);
    let cursor = Some(model.document().anchor(40, Bias::Left));
    let presence = Presence {
        name: "ana".to_owned(),
        color: 2,
        cursor,
        selections: Vec::new(),
        activity: Activity::Typing,
    };
    update(&mut model, Msg::Resize(columns, rows), MonoTime(0));
    update(&mut model, Msg::People(vec![(ConnectionId(9), presence)]), MonoTime(0));
    model
}

/// The rows that a terminal shows of a model.
fn shown(model: &Model, columns: u16, rows: u16) -> String {
    let mut screen = Screen::new(columns, rows);
    let cursor = coedit::view::draw(model, &Theme::default(), MonoTime(100), &mut screen);
    let size = (rows.try_into().expect("rows"), columns.try_into().expect("columns"));
    let mut terminal = vt100::Parser::new(size.0, size.1, 0);
    terminal.process(&Painter::new().frame(&mut screen, cursor));
    let cursor = cursor.map_or("none".to_owned(), |at| format!("{}:{}", at.y, at.x));
    let rows: Vec<String> = terminal.screen().rows(0, columns).map(|row| row.trim_end().to_owned()).collect();
    format!("{}\n(cursor {cursor})\n", rows.join("\n"))
}

#[track_caller]
fn check(name: &str, columns: u16, rows: u16, settings: &Settings) {
    let mut all = String::new();
    for (state, keys) in STATES {
        let mut model = model(columns, rows, settings.clone());
        for key in keys.iter().flat_map(|keys| keymap::parse(keys).expect("a key")) {
            update(&mut model, Msg::Key(key), MonoTime(50));
        }
        all.push_str(&format!("== {state}\n{}", shown(&model, columns, rows)));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/screens").join(name);
    if std::env::var("COEDIT_SNAPSHOTS").is_ok_and(|what| what == "write") {
        std::fs::write(&path, &all).expect("a writable folder");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(all.lines()).position(|(kept, now)| kept != now);
    assert!(
        kept == all,
        "{name} differs from line {differs:?} on; COEDIT_SNAPSHOTS=write makes it anew:\n{all}"
    );
}

#[test]
fn a_small_an_ordinary_and_a_large_screen_are_as_in_their_pictures() {
    for (columns, rows) in [(20, 6), (80, 24), (300, 100)] {
        check(&format!("{columns}x{rows}.txt"), columns, rows, &Settings::default());
    }
}

#[test]
fn a_screen_that_is_read_aloud_is_as_in_its_picture() {
    check("spoken.txt", 80, 12, &Settings { is_spoken: true, ..Settings::default() });
}

#[test]
fn a_screen_of_vim_is_as_in_its_picture() {
    check("vim.txt", 80, 12, &Settings { is_vim: true, ..Settings::default() });
}

#[test]
fn no_size_of_a_screen_is_too_small() {
    for (columns, rows) in (1..12).flat_map(|columns| (1..8).map(move |rows| (columns, rows))) {
        for (_, keys) in STATES {
            let mut model = model(columns, rows, Settings::default());
            for key in keys.iter().flat_map(|keys| keymap::parse(keys).expect("a key")) {
                update(&mut model, Msg::Key(key), MonoTime(50));
            }
            shown(&model, columns, rows);
        }
    }
}

#[test]
fn whoever_is_last_in_the_list_of_people_is_scrolled_to() {
    for (columns, rows) in [(20, 6), (40, 12), (80, 24)] {
        let mut model = model(columns, rows, Settings::default());
        let link = format!(
            "https://a-relay-with-a-long-name.example.org/d/{}#{}",
            "A".repeat(22),
            "AQEB".repeat(10) + "AQE"
        );
        model.set_link(Some(LinkUrl::parse(&link).expect("a link")));
        let presence = |n: u32| Presence {
            name: format!("p{n}"),
            color: 1,
            cursor: None,
            selections: Vec::new(),
            activity: Activity::Idle,
        };
        let people = (1..=30).map(|n| (ConnectionId(n), presence(n))).collect();
        update(&mut model, Msg::People(people), MonoTime(0));
        let press = |model: &mut Model, key: &str| {
            keymap::parse(key)
                .expect("a key")
                .into_iter()
                .for_each(|key| _ = update(model, Msg::Key(key), MonoTime(50)));
        };
        press(&mut model, "F2");
        (0..100).for_each(|_| press(&mut model, "PageDown"));
        let last = shown(&model, columns, rows);
        assert!(last.contains("30  p30"), "{last}");
        // Nothing was scrolled beyond: one row up is seen at once.
        press(&mut model, "Up");
        assert!(!shown(&model, columns, rows).contains("30  p30"), "{last}");
    }
}
