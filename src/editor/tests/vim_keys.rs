//! Keys of vim that came with what they need: matches as objects, filling lines, replacing and recording.

use super::{Bench, check_vim as check, vim_bench as bench};
use crate::editor::settings::FileSettings;
use crate::editor::{Effect, Msg, update};

#[test]
fn matches_are_objects() {
    check("|a foo b foo", "/foo<Enter>ggcgnx<Esc>", "a |x b foo");
    check("|a foo b foo", "/foo<Enter>cgnx<Esc>.", "a x b |x");
    check("a foo b |foo c", "/foo<Enter>wdgN", "a | b foo c");
    check("|a foo b", "/foo<Enter>0gnd", "a | b");
    check("a fo|o b", "/foo<Enter>lgnd", "a | b");
    check("|foo a foo b", "/foo<Enter>0vgnd", "| a foo b");
    check("|foo a foo b", "/foo<Enter>0vwgnd", "| b");
    check("|a", "dgn", "|a");
}

#[test]
fn lines_are_filled_anew() {
    check("|one two\nthree\nfour", ":set tw=13<Enter>gqG", "one two three\n|four");
    check("|one two three four", ":set tw=9<Enter>gqq", "one two\nthree\n|four");
    check("|one\ntwo\n\nthree\nfour", "gqG", "one two\n\n|three four");
    check("  |one\n  two", "gqj", "  |one two");
    check("// |one\n// two\ncode()\n", "gqj", "|// one two\ncode()\n");
    check("/// |one\n/// two\n// three\n", "gqG", "/// one two\n|// three\n");
    check("|one\ntwo\n\nthree", "gqip", "|one two\n\nthree");
    check("|one\ntwo\nthree", "Vjgq", "|one two\nthree");
    check("|one\ntwo", "gqGu", "|one\ntwo");
    check("|averylongword b", ":set tw=3<Enter>gqq", "averylongword\n|b");
    check("|漢字 漢字", ":set tw=5<Enter>gqq", "漢字\n|漢字");
    let mut bench = bench("|one two three");
    bench.model.set_file_settings(FileSettings { text_width: Some(7), ..FileSettings::default() });
    bench.press("gqq");
    assert_eq!(bench.drawn(), "one two\n|three");
}

#[test]
fn backspace_in_replace_mode_puts_back_in_the_right_place() {
    check("|abcd", "Rxy<Backspace><Esc>", "|xbcd");
    check("|abcd", "Rxy<Enter>z<Backspace><Backspace><Backspace><Backspace><Esc>", "|abcd");
    check("|abcd", "Rxy<Enter><Backspace>z<Esc>", "xy|zd");
    // Where the caret was moved to, nothing was typed over.
    check("|abcd", "Rx<Right><Right><Backspace><Backspace><Backspace>z<Esc>", "|zbcd");
    check("|abcd\nefgh", "Rxy<Down><Backspace>z<Esc>", "xycd\ne|zgh");
    let mut pasted = bench("|abcd");
    pasted.press("Rx");
    update(&mut pasted.model, Msg::Paste("123".to_owned()), pasted.now);
    pasted.press("<Backspace><Backspace><Esc>");
    assert_eq!(pasted.model.rope().to_string(), "x123bcd");
}

#[test]
fn a_capital_goes_on_recording_what_is_there() {
    check("|abcdef", "qaxqqAxq@a", "|ef");
    let mut bench = bench("|abcdef");
    bench.press("qaxqqAxq");
    bench.press("\"ap");
    assert_eq!(bench.drawn(), "cx|xdef");
    // Also behind what was yanked.
    check("|x\nabc", "\"ayljqAxq@a", "x\n|");
}

#[test]
fn after_asking_for_each_the_search_is_in_all_of_the_text() {
    check("|a\na\na\na", ":1,2s/a/b/c<Enter><Enter><Esc>nn", "b\na\na\n|a");
    check("|a\na\na", ":1s/a/b/c<Enter><Enter><Esc>j&", "b\n|b\na");
    check("|aa\naa", ":s/a/b/g<Enter>j&", "bb\n|ba");
    check("|aa\naa", ":s/a/b/g<Enter>j:&&<Enter>", "bb\n|bb");
}

#[test]
fn columns_are_as_wide_as_tabs_are() {
    check("|\tab\n123456789", ":set ts=8<Enter>lj", "\tab\n12345678|9");
    check("|\tab", ":set ts=8<Enter>10|", "\ta|b");
    check("\t|ab\n123456789", ":set ts=8<Enter><Ctrl-V>jd", "\t|b\n12345678");
}

#[test]
fn what_an_operator_worked_on_is_selected_again() {
    check("one |two three", "veygggvd", "one | three");
    check("|a\nb\nc", "Vj>gvd", "|c");
}

#[test]
fn lines_put_over_the_last_line_are_the_last() {
    check("a\nb\n|c\n", "ggyyGVp", "a\nb\n|a\n");
    check("a\nb\n|c", "ggywGVp", "a\nb\n|a");
}

#[test]
fn tab_stops_of_inserting_round_and_deleting_stops_where_it_began() {
    check("   |a", "i<Ctrl-T>x<Esc>", "    |xa");
    check("|", "i<Ctrl-T>x<Esc>", "  |x");
    check("    |a", "i<Ctrl-D>x<Esc>", "  |xa");
    check("ab c|d", "ixy<Ctrl-W>z<Esc>", "ab c|zd");
    check("ab c|d", "ixy<Ctrl-W><Ctrl-W>z<Esc>", "ab |zd");
    check("  ab c|d", "i<Ctrl-U>z<Esc>", "  |zd");
}

#[test]
fn by_rows_the_caret_goes_within_a_wrapped_line() {
    let mut bench = bench("|one two three four five six\nx");
    update(&mut bench.model, Msg::Resize(16, 10), bench.now);
    bench.model.set_wrap(Some(true));
    bench.press("lgj");
    assert_eq!(bench.drawn(), "one two three f|our five six\nx", "the next row");
    bench.press("gk");
    assert_eq!(bench.drawn(), "o|ne two three four five six\nx");
    bench.press("j");
    assert_eq!(bench.drawn(), "one two three four five six\n|x", "j goes by lines");
    bench.press("kg$x");
    assert_eq!(bench.drawn(), "one two three|four five six\nx");
}

#[test]
fn a_file_under_the_caret_is_opened_and_ctrl_g_says_where_one_is() {
    let mut bench = bench("see |src/main.rs, there\nx");
    let key = |bench: &mut Bench, key: &str| {
        let keys = super::parse(key);
        keys.into_iter()
            .flat_map(|key| update(&mut bench.model, Msg::Key(key), bench.now))
            .collect::<Vec<_>>()
    };
    let effects = key(&mut bench, "gf");
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::Open(name) if name == "src/main.rs")),
        "{effects:?}"
    );
    key(&mut bench, "<Ctrl-G>");
    let told = bench.model.notice.as_ref().map(|notice| notice.text.clone());
    assert_eq!(told.as_deref(), Some("\"a.rs\"  line 1 of 2  50 %"));
}

#[test]
fn what_patterns_have_not_is_told_and_changes_nothing() {
    for keys in ["/a\\zsb<Enter>", ":%s/a\\zeb/x/<Enter>", ":%s/\\v(a)@<lt>=b/x/<Enter>", ":s/a/\\=1/<Enter>"]
    {
        let mut bench = bench("|ab");
        bench.press(keys);
        assert_eq!(bench.drawn(), "|ab", "{keys}");
        let told = bench.model.notice.as_ref().map_or("", |notice| &notice.text);
        assert!(told.contains("not known"), "{keys}: {told}");
    }
}

#[test]
fn a_blank_in_a_pattern_is_in_the_line_and_a_set_that_excludes_is_too() {
    check("|a  \n\nb", ":%s/\\s*$//<Enter>", "a\n\n|b");
    check("|a\nb:c", "/[^a]*c<Enter>x", "a\n|:c");
    check("|a.b.c", ":s/a.\\{-}\\./x/<Enter>", "|xb.c");
}

#[test]
fn what_was_completed_is_repeated_as_a_word() {
    check("|alpha beta\n", "oal<Ctrl-N><Esc>ob<Ctrl-P><Esc>ggdGi<Esc>", "|");
    check("|alpha\n", "oal<Ctrl-N>!<Esc>ggAx<Esc>j.", "alphax\nalpha!|x\n");
    check("|alpha\n", "oal<Ctrl-N>!<Esc>ggxj0.", "lpha\n|lpha!\n");
    check("|alpha beta\n", "Aal<Ctrl-N> <Ctrl-R>.<Esc>", "alpha betaal|\u{20}\n");
}

#[test]
fn a_line_is_brought_back_and_taken_again() {
    check("ab|cd\nx", "xxjkU", "ab|cd\nx");
    check("ab|cd\nx", "xxUU", "a|b\nx");
    check("ab|cd\nx", "xddU", "|x");
}

#[test]
fn lines_come_back_by_the_arrows_and_take_registers() {
    check("|aab", ":s/a/x/<Enter>:<Up><Enter>", "|xxb");
    check("|aab", ":s/a/x/<Enter>:1<Enter>:s<Up><Enter>", "|xxb");
    check("|a b a b", "/b<Enter>/<Up><Enter>x", "a b a| ");
    check("|foo bar", ":s/<Ctrl-R><Ctrl-W>/x/<Enter>", "|x bar");
    check("|foo bar", "wyiw0:s/<Ctrl-R>0/x/<Enter>", "|foo x");
    check("|ab", ":normal x<Enter>:<Up><Ctrl-B>1 <Enter>", "|");
    // What is repeated is the line, whatever is typed after it.
    check("|aaaa", ":s/a/x/<Enter>:1<Enter>:<Up><Up><Enter>:s/a/y/<Enter>.", "|xxyy");
}

#[test]
fn what_is_pasted_is_repeated_and_replaces_what_is_selected() {
    let pasted = |before: &str, keys: &[&str]| {
        let mut bench = bench(before);
        for (n, keys) in keys.iter().enumerate() {
            if 0 < n {
                update(&mut bench.model, Msg::Paste("x\ny(".to_owned()), bench.now);
            }
            bench.press(keys);
        }
        bench.drawn()
    };
    assert_eq!(pasted("|a\nb", &["A", "<Esc>j."]), "ax\ny(\nbx\ny|(");
    assert_eq!(pasted("|a", &["2A", "<Esc>"]), "ax\ny(x\ny|(");
    assert_eq!(pasted("|a\nb", &["qqA", "<Esc>jq@q"]), "ax\ny(\nbx\ny|(");
    assert_eq!(pasted("|a\nb", &["qqA", "<Esc>jqu"]), "|a\nb");
    assert_eq!(pasted("|abc d", &["viw", ""]), "x\ny|( d");
    assert_eq!(pasted("|abc d", &["viw", "u"]), "|abc d");
}

#[test]
fn what_is_pasted_into_a_line_belongs_to_it() {
    let mut bench = bench("|a foo");
    bench.press("/f");
    update(&mut bench.model, Msg::Paste("oo\nbar".to_owned()), bench.now);
    bench.press("<Enter>x:s/a/");
    assert_eq!(bench.drawn(), "a |oo");
    update(&mut bench.model, Msg::Paste("b:c".to_owned()), bench.now);
    bench.press("<Enter>");
    assert_eq!(bench.drawn(), "|b:c oo");
}

#[test]
fn a_text_that_may_only_be_read_is_left_as_it_is() {
    for keys in [
        "vIx<Esc>",
        "v<Ctrl-O>",
        "vI<Ctrl-O>9999<Ctrl-A>",
        "9999<Ctrl-A>",
        "5rx",
        "r<Enter>",
        "Rx<Esc>",
        "<Ctrl-V>Ax",
        "J",
        "gJ",
        "gUU",
    ] {
        let mut bench = bench("|1\n2");
        bench.model.file.read_only = Some("it is not text".to_owned());
        bench.press(keys);
        assert_eq!(bench.model.rope().to_string(), "1\n2", "{keys}");
        assert!(bench.model.selection.head <= 3, "{keys}");
    }
}

#[test]
fn what_would_not_fit_is_not_put() {
    let line = "x".repeat(30_000);
    for keys in ["yy100000p", "yyv100000p", "v$y100000P", "<Ctrl-V>$y100000p", "yyV100000p"] {
        let mut bench = bench(&format!("|{line}"));
        bench.press(keys);
        assert_eq!(bench.model.rope().len_chars(), line.len(), "{keys}");
        assert!(bench.model.notice.is_some(), "{keys}");
    }
}
