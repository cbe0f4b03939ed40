//! The whole table of keys, pressed: for each command what its keys make of a text, or what else is seen of it.

use super::{Bench, Settings};
use crate::base::text_format::LineEnding;
use crate::editor::command::{Action, COMMANDS, Command};
use crate::editor::keymap::Found;
use crate::editor::panes::Arrange;
use crate::editor::picker::PickerKind;
use crate::editor::prompt::Prompt;
use crate::editor::{Effect, Model, Msg, Overlay, keymap, update};

/// What is seen of a command.
enum Seen {
    /// What it makes of a text, after keys that come before it.
    Text(&'static str, &'static str, &'static str),
    /// What the shell is asked for.
    Effect(fn(&Effect) -> bool),
    /// What the model holds afterwards, after keys that come before it.
    Model(&'static str, fn(&Model) -> bool),
    /// The shell is asked for just what the table says.
    Arranges,
}

use Seen::{Arranges, Text};

/// What is seen of each command.
fn seen(name: &str) -> Seen {
    let text = |before, after| Text(before, "", after);
    let long = "|a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\no\np\nq\nr\ns\nt\nu\nv\nw\nx\ny\nz\n";
    match name {
        "save" => Seen::Effect(|effect| matches!(effect, Effect::Save { .. })),
        "quit" => Seen::Effect(|effect| matches!(effect, Effect::Quit)),
        "quit-failed" => Seen::Effect(|effect| matches!(effect, Effect::QuitAll { is_failure: true })),
        "reload" => Seen::Effect(|effect| matches!(effect, Effect::Revert)),
        "suspend" => Seen::Effect(|effect| matches!(effect, Effect::Suspend)),
        "retry" => Seen::Effect(|effect| matches!(effect, Effect::RetryNow)),
        "outline" => Seen::Effect(|effect| matches!(effect, Effect::Outline { .. })),
        "copy" => Seen::Effect(|effect| matches!(effect, Effect::CopyToClipboard(text) if text == "b")),
        // The model asks what is unsaved first, and says then that the text may go.
        "close" => Seen::Effect(|effect| matches!(effect, Effect::Close)),
        "undo" => Text("|a", "x", "|a"),
        "redo" => Text("|a", "x<Ctrl-Z>", "x|a"),
        "cut" => text("a^b|c", "a|c"),
        "paste" => Text("a^b|c", "<Ctrl-C><End>", "abcb|"),
        "find" => Seen::Model("", |model| matches!(model.prompt, Some(Prompt::Find { .. }))),
        "find-next" => Text("|x b a b", "<Ctrl-F>b<Esc>", "x ^b| a b"),
        "find-previous" => Text("|x b a b", "<Ctrl-F>b<Esc>", "x b a ^b|"),
        "replace" => Seen::Model("", |model| {
            matches!(model.prompt, Some(Prompt::Find { .. } | Prompt::Replace { .. }))
                && model.find.wants_replacement
        }),
        "goto-line" => Seen::Model("", |model| matches!(model.prompt, Some(Prompt::Goto { .. }))),
        "save-as" => Seen::Model("", |model| matches!(model.prompt, Some(Prompt::SaveAs { .. }))),
        "select-all" => text("a|b\nc", "^ab\nc|"),
        "add-next-match" => text("^a| b a", "^a| b ^a|"),
        "select-all-matches" => text("^a| b a a", "^a| b ^a| ^a|"),
        "add-caret-up" => text("ab\nc|d", "a|b\nc|d"),
        "add-caret-down" => text("a|b\ncd", "a|b\nc|d"),
        "duplicate" => text("a|b\nc", "ab\na|b\nc"),
        "comment" => text("a|b", "// a|b"),
        "join-lines" => text("a|b\ncd", "a|b cd"),
        "sort-lines" => text("^b\na\n|", "^a\nb\n|"),
        "indent-lines" => text("a|b", "    a|b"),
        "lines-up" => text("a\nb|\n", "b|\na\n"),
        "lines-down" => text("a|\nb\n", "b\na|\n"),
        "complete" => text("alpha al|", "alpha alpha|"),
        "theme" => Seen::Effect(|effect| matches!(effect, Effect::ListThemes)),
        "encoding" => Seen::Model("", |model| is_listed(model, PickerKind::SaveEncodings)),
        "reopen-encoding" => Seen::Model("", |model| is_listed(model, PickerKind::ReopenEncodings)),
        "tab-width" => Seen::Model("", |model| is_listed(model, PickerKind::TabWidths)),
        "indent-with" => Seen::Model("", |model| is_listed(model, PickerKind::Indentations)),
        "palette" => Seen::Model("", |model| is_listed(model, PickerKind::Commands)),
        "lf" => Seen::Model("<Ctrl-P>(crlf)<Enter>", |model| model.file.format.line_ending == LineEnding::Lf),
        "crlf" => Seen::Model("", |model| model.file.format.line_ending == LineEnding::CrLf),
        "file-info" => Seen::Model("", |model| {
            model.notice.as_ref().is_some_and(|notice| notice.text.starts_with("LF, UTF-8, indented by"))
        }),
        "wrap" => Seen::Model("", Model::is_wrapped),
        "line-numbers" => Seen::Model("", |model| model.layout().gutter == 0),
        "show-blanks" => Seen::Model("", Model::shows_blanks),
        "messages" => Seen::Model("", |model| matches!(model.overlay, Overlay::Messages(_))),
        "people" => Seen::Model("", |model| matches!(model.overlay, Overlay::People(_))),
        "copy-link" | "copy-read-link" => Seen::Model("", |model| is_told(model, "not shared")),
        "go-to-person" | "follow" => Seen::Model("", |model| is_told(model, "nobody else is here")),
        "drop-mine" => Seen::Model("", |model| is_told(model, "nothing that only you have")),
        "help" => Seen::Model("", |model| matches!(model.overlay, Overlay::Help(_))),
        "cancel" => text("a^b|", "ab|"),
        "left" => text("a|b", "|ab"),
        "right" => text("|ab", "a|b"),
        "up" => text("ab\nc|d", "a|b\ncd"),
        "down" => text("a|b\ncd", "ab\nc|d"),
        "word-left" => text("ab cd|", "ab |cd"),
        "word-right" => text("|ab cd", "ab |cd"),
        "line-start" => text("  ab|", "  |ab"),
        "line-end" => text("|ab\nc", "ab|\nc"),
        "page-up" => Text(long, "<Ctrl-End>", PAGED_UP),
        "page-down" => text(long, PAGED_DOWN),
        "text-start" => text("a\nb|", "|a\nb"),
        "text-end" => text("|a\nb", "a\nb|"),
        "bracket" => text("|(a)", "(a|)"),
        "enter" => text("a|b", "a\n|b"),
        "indent" => text("|a", "    |a"),
        "outdent" => text("    |a", "|a"),
        "delete-back" => text("ab|c", "a|c"),
        "delete-forward" => text("a|bc", "a|c"),
        "delete-word-back" => text("ab cd|", "ab |"),
        "delete-word-forward" => text("|ab cd", "|cd"),
        _ => Arranges,
    }
}

const PAGED_UP: &str = "a\nb\nc\nd\ne\n|f\ng\nh\ni\nj\nk\nl\nm\nn\no\np\nq\nr\ns\nt\nu\nv\nw\nx\ny\nz\n";
const PAGED_DOWN: &str = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\no\np\nq\nr\ns\nt\nu\n|v\nw\nx\ny\nz\n";

fn is_told(model: &Model, words: &str) -> bool {
    model.notice.as_ref().is_some_and(|notice| notice.text.contains(words))
}

fn is_listed(model: &Model, kind: PickerKind) -> bool {
    model.picker.as_ref().is_some_and(|picker| picker.kind == kind)
}

/// Says what is wrong with what a command does, run by keys or, without any, from the palette.
fn wrong(command: &Command, keys: Option<&str>) -> Option<String> {
    let (drawn, before) = match seen(command.name) {
        Text(drawn, before, _) => (drawn, before),
        Seen::Model(before, _) => ("a^b|c\n", before),
        Seen::Effect(_) | Arranges => ("a^b|c\n", ""),
    };
    let mut bench = Bench::new(drawn, Settings { indent: Some(4), ..Settings::default() });
    bench.press(before);
    let mut effects = Vec::new();
    match keys {
        Some(keys) => {
            let parsed = keymap::parse(keys).unwrap_or_else(|error| panic!("{keys}: {error}"));
            let bound = keymap::Keymap::default().find(&parsed);
            assert_eq!(bound, Found::Action(command.action, false), "{keys} is {}", command.name);
            for key in parsed {
                effects.extend(update(&mut bench.model, Msg::Key(key), bench.now));
            }
        }
        None => {
            bench.press(&format!("<Ctrl-P>({})", command.name));
            for key in super::parse("<Enter>") {
                effects.extend(update(&mut bench.model, Msg::Key(key), bench.now));
            }
        }
    }
    bench.model.document().check_invariants();
    assert!(bench.model.chord.is_empty(), "{keys:?} is not whole");
    let is_right = match seen(command.name) {
        Text(_, _, after) => bench.drawn() == after,
        Seen::Effect(is) => effects.iter().any(is),
        Seen::Model(_, is) => is(&bench.model),
        Arranges => {
            let is = |wanted: Arrange| {
                effects.iter().any(|effect| matches!(effect, Effect::Arrange(found) if *found == wanted))
            };
            matches!(command.action, Action::Arrange(wanted) if is(wanted))
        }
    };
    let how = keys.unwrap_or("the palette");
    (!is_right).then(|| format!("{} by {how}: {:?}, {effects:?}", command.name, bench.drawn()))
}

#[test]
fn every_key_of_the_table_does_what_the_table_says() {
    let by_keys =
        COMMANDS.iter().flat_map(|command| command.keys.iter().map(move |&keys| (command, Some(keys))));
    // The palette itself is no row that shows anything when it is picked.
    let by_palette =
        COMMANDS.iter().filter(|command| command.name != "palette").map(|command| (command, None));
    let found: Vec<String> =
        by_keys.chain(by_palette).filter_map(|(command, keys)| wrong(command, keys)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Keys that have no letter for vim, or that it leaves alone.
#[test]
fn keys_that_vim_leaves_alone_do_the_same_in_its_key_map() {
    let left = ["save", "quit", "palette", "help", "people", "next-text", "previous-text", "next-pane"];
    for command in COMMANDS.iter().filter(|command| left.contains(&command.name)) {
        for &keys in command.keys.iter().filter(|keys| !keys.contains("Alt-")) {
            let mut bench = Bench::new("|abc\n", Settings { is_vim: true, ..Settings::default() });
            let mut effects = Vec::new();
            for key in keymap::parse(keys).unwrap_or_else(|error| panic!("{keys}: {error}")) {
                effects.extend(update(&mut bench.model, Msg::Key(key), bench.now));
            }
            let is_right = match seen(command.name) {
                Seen::Effect(is) => effects.iter().any(is),
                Seen::Model(_, is) => is(&bench.model),
                Arranges => effects.iter().any(
                    |effect| matches!((effect, command.action), (Effect::Arrange(found), Action::Arrange(wanted)) if *found == wanted),
                ),
                Text(..) => false,
            };
            assert!(is_right, "{} by {keys} in vim: {effects:?}", command.name);
        }
    }
}
