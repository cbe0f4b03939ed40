//! Nothing that somebody else wrote reaches the terminal as anything but text.

use crate::support::home::Home;
use crate::support::relay::Relay;
use crate::support::screen::Screen;

/// What hostile text tries: titles, clipboard, colours, cursor, charset, hidden and reordered text.
const HOSTILE: [&str; 22] = [
    "\x1b]0;CANARY\x07",
    "\x1b]2;CANARY\x1b\\",
    "\x1b]52;c;Q0FOQVJZ\x07",
    "\x1b]8;;http://CANARY\x1b\\",
    "\x1b]50;CANARY\x07",
    "\x1b]11;?\x07",
    "\x1b]1337;File=CANARY\x07",
    "\x1bP$qm\x1b\\",
    "\x1b_CANARY\x1b\\",
    "\x1b[2J\x1b[HCANARY",
    "\x1b[6n\x1b[c",
    "\x1b[?1049l\x1b[?25l\x1b[?1000h\x1b[?2004l",
    "\x1b[31mCANARY\x1bc",
    "\u{9b}31mCANARY",
    "\u{9d}0;CANARY\u{9c}",
    "\u{90}CANARY\u{9c}\u{85}",
    "\x1b\x1b\x1b[A\x1b[\x1b[31m31m",
    "\0\x07\x08\x0b\x0c\x0e\x0f\x11\x13\x1a\x7f",
    "over\rCANARY",
    "\u{202e}CANARY\u{202c}\u{2066}x\u{2069}\u{200e}\u{200f}",
    "a\u{200b}b\u{2060}c\u{feff}d\u{ad}e\u{2028}f\u{e0041}",
    "z\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
];

/// Sequences with which the program itself speaks: drawing, its modes, its own title and clipboard.
fn is_own(sequence: &[u8]) -> bool {
    match sequence {
        [b'[', .., last] => b"mHJKABCDGdXhlsurqtn".contains(last),
        [b']', rest @ ..] => [&b"0;"[..], b"2;", b"52;c;", b"10;?", b"11;?", b"4;", b"112"]
            .iter()
            .any(|start| rest.starts_with(start)),
        [b'7' | b'8' | b'=' | b'>' | b'M', ..] => true,
        [b'P' | b'_', ..] | [b'(' | b')', ..] | [] | [_, ..] => false,
    }
}

/// Splits raw output into the escape sequences in it, without the ESC.
fn sequences(raw: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < raw.len() {
        if raw[i] != 0x1b {
            i += 1;
            continue;
        }
        let rest = &raw[i + 1..];
        let n_bytes = match rest.first() {
            Some(b'[') => 1 + rest[1..].iter().position(|byte| (0x40..0x7f).contains(byte)).unwrap_or(0) + 1,
            Some(b']' | b'P' | b'_') => {
                let end = rest.iter().position(|&byte| byte == 0x07 || byte == 0x1b);
                end.unwrap_or(rest.len())
            }
            _ => 1,
        };
        found.push(rest[..n_bytes.min(rest.len())].to_vec());
        i += 1 + n_bytes;
    }
    found
}

/// Panics if anything that the program ever sent to this terminal came from the hostile text.
#[track_caller]
fn assert_only_text(screen: &Screen) {
    screen.inspect(|_, asked, raw| {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).escape_debug().to_string();
        for sequence in sequences(raw) {
            let is_string_end = sequence == b"\\";
            assert!(is_own(&sequence) || is_string_end, "a foreign sequence: ESC {}", shown(&sequence));
            // The title names the file, made harmless: what follows shows that no control character is in it.
            let is_title = sequence.starts_with(b"]2;");
            assert!(is_title || !shown(&sequence).contains("CANARY"), "content in a sequence: ESC {}", shown(&sequence));
        }
        let text = String::from_utf8(raw.to_vec()).expect("only UTF-8 is ever sent");
        for ch in text.chars() {
            let is_forbidden = matches!(ch, '\u{7f}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
                | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2060}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
                || (ch < ' ' && !matches!(ch, '\x1b' | '\r' | '\n' | '\t' | '\x08' | '\x07'));
            assert!(!is_forbidden, "U+{:04X} reached the terminal", u32::from(ch));
        }
        assert!(!asked.titles.iter().any(|title| title.contains('\x1b')), "{:?}", asked.titles);
        assert!(!asked.clipboard.contains(&"Q0FOQVJZ".to_owned()), "content wrote the clipboard");
        assert!(!asked.odd.iter().any(|odd| odd == "bell"), "content rang the bell");
    });
}

#[test]
fn hostile_text_in_a_file_is_shown_as_text() {
    for (n_rows, n_columns) in [(40, 120), (6, 20)] {
        let ana = Home::new("ana");
        let content = HOSTILE.map(|line| format!("{line}\n")).concat();
        ana.file("a.txt", &content);
        let screen = ana.open_sized(&["a.txt"], n_rows, n_columns);
        screen.wait_for_text("CANARY");
        for _ in 0..HOSTILE.len() {
            screen.press_all(&["end", "down"]);
        }
        screen.wait_for_status("23:");
        assert_only_text(&screen);
        screen.press("ctrl-home");
        screen.wait_for_status("1:1");
        if n_rows == 40 {
            assert!(screen.view().contains("^[]0;CANARY^G"), "not shown as text:\n{}", screen.view().drawn());
            assert!(screen.view().contains("<U+202E>"), "not shown as text:\n{}", screen.view().drawn());
        }
    }
}

#[test]
fn hostile_text_and_name_of_another_person_are_shown_as_text() {
    let relay = Relay::start();
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("ana.txt", "start\n");
    let link = ana.share("ana.txt", &relay.url());
    let on_ana = ana.open(&["ana.txt"]);
    on_ana.wait_for_status("synced");
    let name = "\x1b]0;CANARY\x07\u{202e}\u{9b}2J\nsecond line";
    let on_ben = ben.open(&["join", &link, "ben.txt", "--name", name]);
    on_ben.wait_for_status("synced");
    on_ana.wait_for_status("2 here");
    let content = HOSTILE.map(|line| format!("{line}\n")).concat();
    let outcome = ben.run_with_input(&["put", &link], format!("{content}end of it\n").as_bytes());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    on_ana.wait_for_text("end of it");
    on_ben.wait_for_text("end of it");
    assert_only_text(&on_ana);
    assert_only_text(&on_ben);
}

#[test]
fn hostile_file_names_are_shown_as_text_on_the_screen_and_in_errors() {
    let ana = Home::new("ana");
    let name = "\x1b]0;CANARY\x07\u{202e}x\ny.txt";
    ana.file(name, "content\n");
    let screen = ana.open(&[name]);
    screen.wait_for_text("content");
    assert_only_text(&screen);
    screen.quit();
    let outcome = ana.run(&["cat", "no such\x1b]0;CANARY\x07\u{9b}31m"]);
    assert_ne!(outcome.code, Some(0));
    assert!(!outcome.stderr.contains(['\x1b', '\x07', '\u{9b}']), "{:?}", outcome.stderr);
}

/// Sources and texts that this machine has anyway: at most so many, each with its share of what people write.
fn real_files() -> Vec<std::path::PathBuf> {
    let folders = [
        "/usr/lib/python3.11",
        "/usr/lib/python3.11/encodings",
        "/usr/share/perl5",
        "/usr/share/doc",
        "/etc",
        "/usr/include",
    ];
    let entries = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|all| all.flatten().step_by(7).take(12));
    let is_text =
        |path: &std::path::PathBuf| path.metadata().is_ok_and(|meta| meta.is_file() && meta.len() < 1 << 20);
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/editor/input.rs");
    entries.map(|entry| entry.path()).filter(is_text).chain([own]).collect()
}

#[test]
fn real_files_of_this_machine_are_drawn_as_text_alone() {
    let ana = Home::new("ana");
    let files = real_files();
    let names: Vec<&str> = files.iter().filter_map(|path| path.to_str()).collect();
    let screen = ana.open_sized(&names, 30, 100);
    screen.wait_for("the tabs are there", |view| view.rows[0].contains('['));
    for _ in &names {
        screen.send(b"\x1b[6~\x1b[6~\x1b[F\x1b[5~");
        screen.send(b"\x1b.");
    }
    screen.send(b"\x1b[1;5F");
    screen.press("ctrl-g");
    screen.wait_for_text("Go to LINE");
    assert_only_text(&screen);
}
