use super::{Bench, Settings, check, check_with};

#[test]
fn keys_edit_at_the_caret() {
    check("ab|c", "<Delete>", "ab|");
    check("ab|c", "<Backspace>x", "ax|c");
    check("        |a", "<Backspace>", "    |a");
    check("      |a", "<Backspace><Backspace>", "|a");
    check("a    |", "<Backspace>", "a   |");
    check("^ab|c", "x", "x|c");
    check("one two| x", "<Ctrl-W>", "one | x");
    check("|one two", "<Ctrl-Delete>", "|two");
    check("a|b", "<Ctrl-Z>", "a|b");
    check("a|b", "xy<Ctrl-Z>", "a|b");
    check("a|b", "x<Ctrl-Z><Ctrl-Y>", "ax|b");
}

#[test]
fn every_caret_types_and_deletes_in_one_step_of_undo() {
    check("a|\nb|\nc|", "xy", "axy|\nbxy|\ncxy|");
    check("^ab|^cd|", "x", "x|x|");
    check("a|\nb|\n", "<Backspace>", "|\n|\n");
    check("ab||", "<Backspace>", "a|");
    check("a|b|", "<Backspace>", "|");
    let mut bench = Bench::new("a|\nb|\nc|", Settings::default());
    bench.press("x<Ctrl-Z>");
    assert_eq!(bench.model.rope().to_string(), "a\nb\nc");
}

#[test]
fn what_undo_brought_back_to_the_file_is_not_marked() {
    let mut bench = Bench::new("a|b", Settings::default());
    bench.press("x");
    assert!(bench.model.is_marked());
    bench.press("<Ctrl-Z>");
    assert!(!bench.model.is_marked(), "taken back");
    bench.press("<Ctrl-Y>");
    assert!(bench.model.is_marked(), "made again");
    bench.press("<Ctrl-Z>y");
    assert!(bench.model.is_marked(), "something else");
}

#[test]
fn carets_move_together_and_join_when_they_meet() {
    check("a|b\nc|d", "<Right>", "ab|\ncd|");
    check("a|b|c", "<End>", "abc|");
    check("a|b|c", "<Esc>", "ab|c");
    check("ab|\ncd", "<Ctrl-Alt-Down>", "ab|\ncd|");
    check("ab\ncd|", "<Alt-Shift-Up>x", "abx|\ncdx|");
    check("abcd|\nx\nabcd", "<Ctrl-Alt-Down><Ctrl-Alt-Down>", "abcd|\nx|\nabcd|");
    check("a|b\nc|d", "<Shift-Right>", "a^b|\nc^d|");
}

#[test]
fn undo_and_redo_put_several_carets_back() {
    for (before, keys, n_steps) in [
        ("^foo| bar ^foo|\n^foo|", "X", 1),
        ("^foo| bar ^foo|\n^foo|", "Xyz w", 2),
        ("|foo^ bar |foo^", "<Delete>", 1),
        ("|foo^ bar |foo^", "<Enter>", 1),
        ("foo| bar|", "<Backspace><Backspace>", 1),
        ("f|oo b|ar", "<Delete>x", 2),
        ("f|oo\nb|ar\n", "<Alt-I>", 1),
    ] {
        let mut bench = Bench::new(before, Settings::default());
        bench.press(keys);
        let after = bench.drawn();
        bench.press(&"<Ctrl-Z>".repeat(n_steps));
        assert_eq!(bench.drawn(), before, "{keys} taken back");
        bench.press(&"<Ctrl-Y>".repeat(n_steps));
        assert_eq!(bench.drawn(), after, "{keys} again");
    }
    check("^a| ^a|", "x<Ctrl-Z>y", "y| y|");
    check("^a| ^a|", "x<Ctrl-Z><Esc>yz<Ctrl-Z>", "a a|");
}

#[test]
fn the_next_place_with_the_same_text_is_selected_as_well() {
    check("f|oo Foo foo foo", "<Ctrl-D>", "^foo| Foo foo foo");
    check("f|oo Foo foo foo", "<Ctrl-D><Ctrl-D>", "^foo| Foo ^foo| foo");
    check("f|oo Foo foo foo", "<Ctrl-D><Ctrl-D><Ctrl-D><Ctrl-D>x", "x| Foo x| x|");
    check("a ^a| a", "<Ctrl-D><Ctrl-D>", "^a| ^a| ^a|");
    check("f|oo foobar foo", "<Ctrl-D><Ctrl-D><Ctrl-D>x", "x| foobar x|");
    check("^foo| foobar foo", "<Ctrl-D><Ctrl-D>x", "x| x|bar x|");
    // What is selected by hand afterwards is no word any more, even with the same letters.
    check(
        "f|oo foobar",
        "<Ctrl-D><Right><Right><Shift-Right><Shift-Left><Ctrl-Home><Shift-Right><Shift-Right><Shift-Right><Ctrl-D>x",
        "x| x|bar",
    );
    check("a|b ab ab", "<Alt-A>x", "x| x| x|");
}

#[test]
fn copies_of_several_selections_go_to_as_many_carets() {
    check("^a| ^b|", "<Ctrl-C><End><Left><Ctrl-V>", "a a\nb|b");
    check("^a|\n^b|\n", "<Ctrl-C><End><Ctrl-V>", "aa|\nbb|\n");
    check("^a|\n^b|\nx", "<Ctrl-X><Esc><Ctrl-End><Ctrl-V>", "\n\nxa\nb|");
    check("on|e\ntwo", "<Ctrl-C><Ctrl-V>", "one\non|e\ntwo");
    check("on|e\ntwo|", "<Ctrl-X>", "|");
}

#[test]
fn new_lines_and_what_closes_are_indented_by_the_language() {
    // The texts are Rust, where four blanks are usual.
    check("fn f() {|", "<Enter>x<Enter>}", "fn f() {\n    x\n}|");
    check("a {\n    b(\n        c|", "<Enter>)", "a {\n    b(\n        c\n    )|");
    check("a {\n    b|", "<Enter>}<Ctrl-Z>", "a {\n    b\n    |");
    check("x }|", "}", "x }}|");
    check("    |", "}", "    }|");
    let python = |before: &str| {
        let mut bench = Bench::new(before, Settings::default());
        bench.model.set_file_name("a.py".to_owned());
        bench
    };
    let mut bench = python("if x:  |");
    bench.press("<Enter>y");
    assert_eq!(bench.drawn(), "if x:  \n    y|");
    let mut bench = python("a|\n");
    bench.model.set_file_name("a.sh".to_owned());
    bench.press("<Esc><End><Enter>then<Enter>b<Enter>strengthen<Enter>c");
    assert_eq!(bench.drawn(), "a\nthen\n    b\n    strengthen\n    c|\n");
}

#[test]
fn comments_are_those_of_the_language() {
    let toggled = |name: &str, before: &str| {
        let mut bench = Bench::new(before, Settings::default());
        bench.model.set_file_name(name.to_owned());
        bench.press("<Ctrl-/>");
        let once = bench.model.rope().to_string();
        bench.press("<Ctrl-/>");
        let words = bench.model.notice.as_ref().map(|notice| notice.text.clone());
        (once, bench.model.rope().to_string(), words)
    };
    for (name, once) in
        [("a.html", "<!-- <b> -->\n"), ("a.py", "# <b>\n"), ("a.sql", "-- <b>\n"), ("a.css", "/* <b> */\n")]
    {
        assert_eq!(toggled(name, "<b>|\n"), (once.to_owned(), "<b>\n".to_owned(), None));
    }
    // Of a comment that holds nothing, nothing beyond it goes.
    for (name, empty) in
        [("a.html", "<!-- -->|\nnext\n"), ("a.css", "/* */|\nnext\n"), ("a.css", "/**/|\nnext\n")]
    {
        assert_eq!(toggled(name, empty).0, "\nnext\n");
    }
    let words = Some("no comments are known of JSON".to_owned());
    assert_eq!(toggled("a.json", "1|\n"), ("1\n".to_owned(), "1\n".to_owned(), words));
}

#[test]
fn what_the_file_says_of_itself_comes_before_the_configuration() {
    use crate::editor::settings::FileSettings;
    let mut bench = Bench::new("a  |", Settings { trim_blanks: true, ..Settings::default() });
    bench.model.set_file_settings(FileSettings {
        trim_blanks: Some(false),
        final_newline: Some(true),
        indent: Some(3),
        ..FileSettings::default()
    });
    bench.press("<Ctrl-S>");
    assert_eq!(bench.drawn(), "a  |\n");
    bench.press("<Enter><Tab>");
    assert_eq!(bench.drawn(), "a  \n   |\n");
}

#[test]
fn lines_are_indented_and_back() {
    let tabs = || Settings { indent: Some(0), ..Settings::default() };
    check_with(tabs(), "^a\nb|", "<Tab>", "\t^a\n\tb|");
    check_with(tabs(), "a|b", "<Tab>", "a\t|b");
    check("\t^a\n    b|", "<Shift-Tab>", "^a\nb|");
    let blanks = || Settings { indent: Some(4), ..Settings::default() };
    check_with(blanks(), "a|", "<Tab>", "a   |");
    check_with(blanks(), "^a\n\nb|", "<Tab>", "    ^a\n\n    b|");
    check_with(blanks(), "      a|", "<Shift-Tab>", "  a|");
    check_with(tabs(), "a|\nb\nc|", "<Alt-I>", "\ta|\nb\n\tc|");
}

#[test]
fn a_new_line_is_indented_as_the_one_before() {
    check("\ta|", "<Enter>", "\ta\n\t|");
    let tabs = || Settings { indent: Some(0), ..Settings::default() };
    check_with(tabs(), "\tif {|", "<Enter>", "\tif {\n\t\t|");
    check_with(tabs(), "\tif {|}", "<Enter>x", "\tif {\n\t\tx|\n\t}");
    check("\t|a", "<Enter>", "\t\n\t|a");
    check("|\ta", "<Enter>", "\n|\ta");
    check("f(|)", "<Enter><Ctrl-Z>", "f(|)");
    check_with(Settings { auto_indent: false, ..Settings::default() }, "\ta|", "<Enter>", "\ta\n|");
}

#[test]
fn comments_come_and_go() {
    check("\ta|\nb", "<Ctrl-/>", "\t// a|\nb");
    check("^\ta\n\n\t\tb|", "<Ctrl-/>", "^\t// a\n\n\t// \tb|");
    check("^\t// a\n\t//b|", "<Ctrl-/>", "^\ta\n\tb|");
    check("a|", "<Ctrl-/><Ctrl-/>", "a|");
}

#[test]
fn lines_move_join_double_and_are_sorted() {
    check("a\nb|\nc", "<Alt-Up>", "b|\na\nc");
    check("a\nb|\nc", "<Alt-Down>", "a\nc\nb|");
    check("a|\nb\nc|\nd", "<Alt-Down>", "b\na|\nd\nc|");
    check("a\nb|\nc\nd|", "<Alt-Up>", "b|\na\nd|\nc");
    check("|a\nb", "<Alt-Up>", "|a\nb");
    check("a\n^b|", "<Alt-Down>", "a\n^b|");
    check("a\nb|\nc", "<Alt-D>", "a\nb\nb|\nc");
    check("^ab|c", "<Alt-D>", "ab^ab|c");
    check("a|\n  b", "<Alt-J>", "a| b");
    check("^a\n b\nc|\nd", "<Alt-J>", "^a b c|\nd");
    let mut bench = Bench::new("^c\na\nb|\n", Settings::default());
    bench.press("<Ctrl-P>sort selected<Enter>");
    assert_eq!(bench.drawn(), "^a\nb\nc|\n");
}

#[test]
fn the_other_bracket_is_found() {
    check("|(a)", "<Alt-M>", "(a|)");
    check("(a)|", "<Alt-M>", "|(a)");
}

#[test]
fn chords_are_bound_and_what_ends_none_is_not_typed() {
    check("|(a)", "<Ctrl-K><Ctrl-B>", "(a|)");
    check("|a", "<Ctrl-K>x", "|a");
    check("|a", "<Ctrl-K>xy", "y|a");
}

#[test]
fn saving_tidies_when_it_is_asked_to() {
    let tidy = Settings { trim_blanks: true, final_newline: true, ..Settings::default() };
    check_with(tidy, "a  \n \nb\t  |", "<Ctrl-S>", "a\n\nb|\n");
    check("a  |", "<Ctrl-S>", "a  |");
}

/// What keys make of a file of this name.
#[track_caller]
fn check_file(name: &str, before: &str, keys: &str, after: &str) {
    let mut bench = Bench::new(before, Settings { indent: Some(4), ..Settings::default() });
    bench.model.set_file_name(name.to_owned());
    bench.press(keys);
    assert_eq!(bench.drawn(), after, "{name}: {before:?} after {keys}");
}

#[test]
fn words_that_belong_to_an_earlier_line_stand_as_deep_as_it() {
    check_file("a.py", "if a:\n    b|", "<Enter>else:", "if a:\n    b\nelse:|");
    check_file("a.py", "if a:\n    b|", "<Enter>elif c:<Enter>d", "if a:\n    b\nelif c:\n    d|");
    check_file(
        "a.py",
        "try:\n    b|",
        "<Enter>except E as e:<Enter>c",
        "try:\n    b\nexcept E as e:\n    c|",
    );
    check_file(
        "a.py",
        "match a:\n    case 1:\n        b|",
        "<Enter>case 2:",
        "match a:\n    case 1:\n        b\n    case 2:|",
    );
    check_file("a.sh", "if a; then\n    b|", "<Enter>fi<Enter>c", "if a; then\n    b\nfi\nc|");
    check_file("a.sh", "for a in b; do\n    c|", "<Enter>done;", "for a in b; do\n    c\ndone;|");
    check_file("a.sh", "if a; then\n    b|", "<Enter>else<Enter>c", "if a; then\n    b\nelse\n    c|");
}

#[test]
fn words_stay_that_are_deep_enough_or_begin_nothing_of_the_kind() {
    check_file(
        "a.py",
        "if a:\n    if b:\n        c\n    |",
        "else:",
        "if a:\n    if b:\n        c\n    else:|",
    );
    check_file("a.py", "def f():\n    x = 1\n    |", "else_: int", "def f():\n    x = 1\n    else_: int|");
    check_file("a.py", "x = (a if b\n     |", "else c)", "x = (a if b\n     else c)|");
    check_file("a.py", "while a:\n    b|", "<Enter>except:", "while a:\n    b\n    except:|");
    check_file("a.sh", "if a; then\n    |", "find", "if a; then\n    find|");
    check_file("a.rs", "if a {\n    |", "else:", "if a {\n    else:|");
    let settings = Settings { auto_indent: false, ..Settings::default() };
    let mut bench = Bench::new("if a:\n    |", settings);
    bench.model.set_file_name("a.py".to_owned());
    bench.press("else:");
    assert_eq!(bench.drawn(), "if a:\n    else:|");
}
