//! What vim's lines after a colon do with options, files, texts and lists.

use super::{Bench, Settings};
use crate::base::text_format::LineEnding;
use crate::editor::file::FileMeta;
use crate::editor::panes::{Arrange, Direction};
use crate::editor::picker::PickerKind;
use crate::editor::{Effect, Model, Msg, update};

fn bench(text: &str) -> Bench {
    Bench::new(text, Settings { is_vim: true, indent: Some(4), ..Settings::default() })
}

/// The effects of keys.
fn effects(bench: &mut Bench, keys: &str) -> Vec<Effect> {
    let press = |key| update(&mut bench.model, Msg::Key(key), bench.now);
    super::parse(keys).into_iter().flat_map(press).collect()
}

/// What the status line says after a line.
fn told(bench: &mut Bench, line: &str) -> String {
    bench.model.notice = None;
    bench.press(&format!("{line}<Enter>"));
    bench.model.notice.as_ref().map_or(String::new(), |notice| notice.text.clone())
}

#[test]
fn set_switches_asks_and_goes_back() {
    let mut bench = bench("|a");
    type Get = fn(&Model) -> bool;
    let switches: [(&str, &str, Get); 7] = [
        ("number", "nu", Model::has_numbers),
        ("wrap", "wrap", Model::is_wrapped),
        ("list", "list", Model::shows_blanks),
        ("expandtab", "et", |model| !model.indentation.is_tab),
        ("ignorecase", "ic", |model| !model.vim.search.is_exact),
        ("smartcase", "scs", |model| !model.vim.search.folds_all),
        ("hlsearch", "hls", |model| !model.vim.search.is_dark),
    ];
    for (name, short, get) in switches {
        let default = get(&bench.model);
        for (line, wanted) in [
            (format!(":set no{short}"), false),
            (format!(":set {name}"), true),
            (format!(":set {name}!"), false),
            (format!(":se inv{short}"), true),
            (format!(":set {name}&"), default),
        ] {
            assert_eq!(told(&mut bench, &line), "", "{line}");
            assert_eq!(get(&bench.model), wanted, "{line}");
        }
        let shown = if default { name.to_owned() } else { format!("no{name}") };
        assert_eq!(told(&mut bench, &format!(":set {short}?")), shown);
    }
}

#[test]
fn set_gives_numbers_and_words() {
    let mut bench = bench("|a");
    assert_eq!(told(&mut bench, ":set ts=8 sw=3 et textwidth=60"), "");
    assert_eq!(
        (bench.model.tab_width.cells(), bench.model.indent_cells(), bench.model.text_width()),
        (8, 3, 60)
    );
    assert_eq!(told(&mut bench, ":set ts"), "tabstop=8");
    assert_eq!(told(&mut bench, ":set ts& tw&"), "");
    assert_eq!((bench.model.tab_width.cells(), bench.model.text_width()), (4, 80));
    bench.press(":set noet ts=2<Enter>>>");
    assert_eq!(bench.drawn(), "\t|a");
    assert!(told(&mut bench, ":set sw=5").contains("a step is a tab here"));
    bench.press(":set ff=dos<Enter>");
    assert_eq!(bench.model.file.format.line_ending, LineEnding::CrLf);
    assert_eq!(told(&mut bench, ":set ff?"), "fileformat=dos");
    bench.press(":set fenc=latin1<Enter>");
    assert_eq!(bench.model.file.format.encoding.name(), "windows-1252");
    bench.press(":set ft=python<Enter>");
    assert_eq!(bench.model.language.name, "Python");
}

#[test]
fn what_set_cannot_do_is_told_in_a_sentence() {
    let mut bench = bench("|a");
    for (line, words) in [
        (":set frobnicate", "there is no option \"frobnicate\" here; :set lists those there are"),
        (":set number=3", "number is on or off: :set number or :set nonumber"),
        (":set nots", "tabstop has a value"),
        (":set ts=x", "tabstop is a number: :set tabstop=8"),
        (":set ts=0", "from 1 to 16"),
        (":set ts!", "tabstop has a value"),
        (":set nu+3", "says nothing that number can be"),
        (":set ff=mac", "unix or dos"),
        (":set ft=klingon", "no language"),
        (":set fenc=klingon", "no encoding"),
    ] {
        assert!(told(&mut bench, line).contains(words), "{line}: {}", told(&mut bench, line));
    }
    bench.press(":set<Enter>");
    let picker = bench.model.picker.as_ref().expect("a list");
    assert_eq!(picker.kind, PickerKind::Options);
    assert!(picker.items.iter().any(|item| item.text == "tabstop=4"));
    bench.press("number<Enter>");
    assert!(!bench.model.has_numbers());
    assert_eq!(bench.model.layout().gutter, 0);
}

#[test]
fn searches_go_by_what_is_set() {
    let found = |set: &str, search: &str| {
        let mut bench = bench("|x Foo foo FOO");
        bench.press(&format!(":set {set}<Enter>{search}<Enter>"));
        bench.model.caret()
    };
    assert_eq!(found("ic scs", "/foo"), 2);
    assert_eq!(found("ic scs", "/FOO"), 10);
    assert_eq!(found("noic", "/foo"), 6);
    assert_eq!(found("ic noscs", "/FOO"), 2);
    let mut bench = bench("|a b a");
    bench.press(":set nohls<Enter>/a<Enter>");
    assert!(!bench.model.find.is_lit);
    bench.press(":set hls<Enter>n");
    assert!(bench.model.find.is_lit);
    bench.press(":noh<Enter>");
    assert!(!bench.model.find.is_lit);
}

#[test]
fn another_file_is_read_in_below_a_line() {
    let mut bench = bench("a\n|b\nc\n");
    let read = |bench: &mut Bench, keys: &str| match effects(bench, keys).as_slice() {
        [.., Effect::Insert { path, line }] => (path.clone(), *line),
        other => panic!("{other:?}"),
    };
    assert_eq!(read(&mut bench, ":r x.txt<Enter>"), ("x.txt".to_owned(), 2));
    assert_eq!(read(&mut bench, ":0r x.txt<Enter>"), ("x.txt".to_owned(), 0));
    assert_eq!(read(&mut bench, ":$r x.txt<Enter>"), ("x.txt".to_owned(), 3));
    update(&mut bench.model, Msg::Inserted { line: 2, text: Ok("  x\ny".to_owned()) }, bench.now);
    assert_eq!(bench.drawn(), "a\nb\n  |x\ny\nc\n");
    bench.press("u");
    assert_eq!(bench.model.rope().to_string(), "a\nb\nc\n");
    update(&mut bench.model, Msg::Inserted { line: 3, text: Ok("z\n".to_owned()) }, bench.now);
    assert_eq!(bench.drawn(), "a\nb\nc\n|z\n");
    update(
        &mut bench.model,
        Msg::Inserted { line: 0, text: Err("there is no file q".to_owned()) },
        bench.now,
    );
    assert_eq!(bench.model.notice.as_ref().map(|notice| notice.text.as_str()), Some("there is no file q"));
    assert!(told(&mut bench, ":r !ls").contains("no other programs"));
    assert!(told(&mut bench, ":r").contains(":r NAME"));
}

#[test]
fn behind_a_last_line_without_an_end_a_file_begins_a_line() {
    let mut bench = bench("a|b");
    update(&mut bench.model, Msg::Inserted { line: 1, text: Ok("c\nd\n".to_owned()) }, bench.now);
    assert_eq!(bench.drawn(), "ab\n|c\nd");
}

#[test]
fn the_file_is_read_again_and_undo_brings_back_what_was_there() {
    let mut bench = bench("one\n|two\n");
    bench.press("xA!<Esc>");
    assert!(told(&mut bench, ":e").contains(":e! reads the file again"));
    assert!(matches!(effects(&mut bench, ":e!<Enter>").as_slice(), [.., Effect::Revert]));
    let theirs =
        ("one\ntwo\nthree\n".to_owned(), FileMeta { name: "a.rs".to_owned(), ..FileMeta::default() });
    let out = update(&mut bench.model, Msg::Reverted(Ok(theirs)), bench.now);
    assert!(matches!(out.as_slice(), [Effect::InStep, ..]), "{out:?}");
    assert_eq!(bench.model.rope().to_string(), "one\ntwo\nthree\n");
    assert!(!bench.model.is_modified());
    bench.press("u");
    assert_eq!(bench.model.rope().to_string(), "one\nwo!\n");
    assert!(bench.model.is_modified());
    assert!(
        matches!(effects(&mut bench, ":e other.rs<Enter>").as_slice(), [.., Effect::Open(path)] if path == "other.rs")
    );
}

#[test]
fn lines_after_a_colon_ask_the_shell() {
    let asked = |keys: &str| match effects(&mut bench("|a"), keys).into_iter().last() {
        Some(Effect::Arrange(arrange)) => arrange,
        other => panic!("{keys}: {other:?}"),
    };
    assert_eq!(asked(":wa<Enter>"), Arrange::SaveAll);
    assert_eq!(asked(":wqa<Enter>"), Arrange::SaveAllAndQuit);
    assert_eq!(asked(":xa<Enter>"), Arrange::SaveAllAndQuit);
    assert_eq!(asked(":bn<Enter>"), Arrange::Next);
    assert_eq!(asked(":bp<Enter>"), Arrange::Previous);
    assert_eq!(asked(":ls<Enter>"), Arrange::ListTexts);
    assert_eq!(asked(":only<Enter>"), Arrange::OnlyPane);
    assert_eq!(asked("<Ctrl-W>h"), Arrange::FocusBeside(Direction::Left));
    assert_eq!(asked("<Ctrl-W>j"), Arrange::FocusBeside(Direction::Down));
    assert_eq!(asked("<Ctrl-W><Up>"), Arrange::FocusBeside(Direction::Up));
    assert_eq!(asked("<Ctrl-W><Ctrl-L>"), Arrange::FocusBeside(Direction::Right));
    assert_eq!(asked("<Ctrl-W>w"), Arrange::FocusNext);
    assert_eq!(asked("<Ctrl-W>o"), Arrange::OnlyPane);
    assert_eq!(asked("<Ctrl-W>c"), Arrange::ClosePane);
    let last = |keys: &str| effects(&mut bench("|a"), keys).into_iter().last();
    assert!(matches!(last(":b 2<Enter>"), Some(Effect::Show(1))));
    assert!(matches!(last(":b main<Enter>"), Some(Effect::ShowNamed(name)) if name == "main"));
    assert!(matches!(last("<Ctrl-W>q"), Some(Effect::Close)));
}

#[test]
fn registers_are_listed_and_put() {
    let mut bench = bench("|ab\ncd");
    bench.press("\"ayyx:reg<Enter>");
    let picker = bench.model.picker.as_ref().expect("a list");
    let rows: Vec<_> = picker.items.iter().map(|item| item.text.as_str()).collect();
    assert!(rows.contains(&"\"a   ab^J") && rows.contains(&"\"-   a"), "{rows:?}");
    bench.press("ab^J<Enter>");
    assert_eq!(bench.drawn(), "b\n|ab\ncd");
}

#[test]
fn marks_are_listed_and_gone_to() {
    let mut bench = bench("one\n  t|wo\nthree");
    assert!(told(&mut bench, ":marks").contains("no marks"));
    bench.press("maj:marks<Enter>");
    let picker = bench.model.picker.as_ref().expect("a list");
    assert_eq!((picker.items[0].text.as_str(), picker.items[0].detail.as_str()), ("a   two", "line 2"));
    bench.press("<Enter>");
    assert_eq!(bench.drawn(), "one\n  t|wo\nthree");
    bench.press("``");
    assert_eq!(bench.model.line(), 2);
    bench.press("gg:mark b<Enter>G`b");
    assert_eq!(bench.model.line(), 0);
}

#[test]
fn the_character_under_the_caret_is_told() {
    let mut one = bench("|é");
    one.press("ga");
    let told =
        |bench: &Bench| bench.model.notice.as_ref().map(|notice| notice.text.clone()).unwrap_or_default();
    assert_eq!(told(&one), "é U+00E9 (233, UTF-8 c3 a9)");
    let mut hidden = bench("|\u{200b}");
    hidden.press("ga");
    assert_eq!(told(&hidden), "U+200B (8203, UTF-8 e2 80 8b)");
}

#[test]
fn what_vim_keeps_is_the_same_in_all_texts() {
    let mut one = bench("|ab");
    one.press("\"ayyqbx<Esc>qfb:s/b/c/<Enter>:set noic<Enter>");
    let mut other = bench("|xb\ny");
    other.model.take_shared(one.model.shared());
    other.press("\"ap");
    assert_eq!(other.drawn(), "xb\n|ab\ny");
    other.press("@bk:s<Enter>");
    assert_eq!(other.model.rope().to_string(), "xc\nb\ny");
    assert!(other.model.vim.search.is_exact);
}
