//! The key map of vim. `|` is before the character that the caret is on.

use super::{check_vim as check, vim_bench as bench};
use crate::editor::panes::Arrange;
use crate::editor::{Effect, Msg, update};

#[test]
fn letters_move_within_and_between_lines() {
    check("a|bc", "h", "|abc");
    check("|abc\nd", "5l", "ab|c\nd");
    check("ab|c\nd\nefg", "jj", "abc\nd\nef|g");
    check("a\nb|c", "k", "|a\nbc");
    check("  a|b", "0", "|  ab");
    check("  ab|c", "^", "  |abc");
    check("|abc\nd", "$", "ab|c\nd");
    check("|abc\nde\nfghi", "$jj", "abc\nde\nfgh|i");
    check("|abcdef", "4|", "abc|def");
    check("a\nb\n c|", "gg", "|a\nb\n c");
    check("|a\nb\n c\n", "G", "a\nb\n |c\n");
    check("|a\nb\nc", "2G", "a\n|b\nc");
    check("|a\n b\nc", "<Enter>", "a\n |b\nc");
    check("a\n b\n|c", "-", "a\n |b\nc");
    check("|a\nb\n\nc", "}", "a\nb\n|\nc");
    check("a\n\nb\n|c", "{", "a\n|\nb\nc");
    check("|One. Two. Three", ")", "One. |Two. Three");
    check("One. Two. T|hree", "((", "One. |Two. Three");
    check("a(b|, (c))", "%", "a(b, (c|))");
    check("|f(a) b", "%", "f(a|) b");
    check("f(a|) b", "%", "f|(a) b");
}

#[test]
fn words_are_stepped_over() {
    check("|foo.bar baz", "w", "foo|.bar baz");
    check("|foo.bar baz", "W", "foo.bar |baz");
    check("|foo.bar baz", "3w", "foo.bar |baz");
    check("|foo bar", "e", "fo|o bar");
    check("fo|o bar", "e", "foo ba|r");
    check("|foo.x bar", "E", "foo.|x bar");
    check("foo ba|r", "b", "foo |bar");
    check("foo.x |bar", "B", "|foo.x bar");
    check("foo |bar", "ge", "fo|o bar");
    check("|a\n\nb", "w", "a\n|\nb");
    check("  |a  ", "g_", "  |a  ");
}

#[test]
fn characters_are_found_in_the_line() {
    check("|abcabc", "fc", "ab|cabc");
    check("|abcabc", "2fc", "abcab|c");
    check("|abcabc", "tc", "a|bcabc");
    check("abcab|c", "Fa", "abc|abc");
    check("abcab|c", "Ta", "abca|bc");
    check("|a.b.c.d", "f.;;", "a.b.c|.d");
    check("|a.b.c.d", "f.;,", "a|.b.c.d");
    check("|a.b.c", "t.;", "a.|b.c");
    check("|abc", "fx", "|abc");
}

#[test]
fn operators_work_on_motions() {
    check("|foo bar", "dw", "|bar");
    check("foo |bar\nx", "dw", "foo| \nx");
    check("|a b c d", "d2w", "|c d");
    check("|a b c d", "2dw", "|c d");
    check("f|oo bar", "de", "f| bar");
    check("foo b|ar", "db", "foo |ar");
    check("foo b|ar", "d0", "|ar");
    check("fo|o bar\nx", "d$", "f|o\nx");
    check("a\n|b\nc", "dd", "a\n|c");
    check("a\n|b", "dd", "|a");
    check("|a\nb\nc\nd", "2dd", "|c\nd");
    check("|a\nb\nc\nd", "d2d", "|c\nd");
    check("|a\nb\nc", "dj", "|c");
    check("a\nb\n|c", "dk", "|a");
    check("a\n|b\nc", "dG", "|a");
    check("a\n|b\nc", "dgg", "|c");
    check("|f(a, b)", "dt,", "|, b)");
    check("|f(a, b)", "df,", "| b)");
    check("f|(a)b", "d%", "f|b");
    check("a|bc", "x", "a|c");
    check("a|bc", "5x", "|a");
    check("ab|c", "X", "a|c");
    check("a|bc\nd", "D", "|a\nd");
    check("|a\n\nb\nc", "d}", "|\nb\nc");
    check("|", "x", "|");
    check("a\n|\nb", "x", "a\n|\nb");
}

#[test]
fn changing_inserts() {
    check("|foo bar", "cwx<Esc>", "|x bar");
    check("fo|o bar", "cwx<Esc>", "fo|x bar");
    check("|a b", "cwx<Esc>", "|x b");
    check("foo|  bar", "cwx<Esc>", "foo|xbar");
    check("|a b c", "c2wx<Esc>", "|x c");
    check("  a|b\nc", "ccx<Esc>", "  |x\nc");
    check("a|bc\nd", "Cx<Esc>", "a|x\nd");
    check("a|bc", "sx<Esc>", "a|xc");
    check("  a|b", "Sx<Esc>", "  |x");
    check("a|bc", "ix<Esc>", "a|xbc");
    check("a|bc", "ax<Esc>", "ab|xc");
    check("  ab|c", "Ix<Esc>", "  |xabc");
    check("a|bc", "Ax<Esc>", "abc|x");
    check("  a|b\nc", "ox<Esc>", "  ab\n  |x\nc");
    check("a\n  b|c", "Ox<Esc>", "a\n  |x\n  bc");
    check("|b", "3ia<Esc>", "aa|ab");
    check("|b", "2ox<Esc>", "b\nx\n|x");
    check("a|b", "i<Ctrl-U><Esc>", "|b");
    check("|abc", "Rxy<Esc>", "x|yc");
    check("a|b", "Rxyz<Esc>", "axy|z");
    check("|abcd", "Rxy<Backspace><Esc>", "|xbcd");
    check("|abc", "Rx<Esc>u", "|abc");
    check("|ab ab", "Rxy<Esc>w.", "xy x|y");
    check("|abc", "ix<Ctrl-O>$y<Esc>", "xabc|y");
    check("|foo", "yiwea <Ctrl-R>\"<Esc>", "foo fo|o");
}

#[test]
fn objects_are_what_is_around_the_caret() {
    check("foo b|ar baz", "diw", "foo | baz");
    check("foo b|ar baz", "daw", "foo |baz");
    check("foo b|ar", "daw", "fo|o");
    check("a x.|y b", "diW", "a | b");
    check("f(a, |b)", "di(", "f(|)");
    check("f(a, |b)", "da)", "|f");
    check("f(a, |b)", "cibx<Esc>", "f(|x)");
    check("f|(a)", "di(", "f(|)");
    check("a[b|c]", "di[", "a[|]");
    check("{ a| }", "da{", "|");
    check("x {\n  a\n  b|\n}\n", "di{", "x {\n|}\n");
    check("x {\n  a|\n}\n", "ciBb<Esc>", "x {\n  |b\n}\n");
    check("<a|>", "di<lt>", "<|>");
    check("x = \"a |b\" y", "di\"", "x = \"|\" y");
    check("|x = 'ab' y", "ci'z<Esc>", "x = '|z' y");
    check("x = `a|b` y", "da`", "x = |y");
    check("<b>a<i>b|</i></b>", "dit", "<b>a<i>|</i></b>");
    check("<b>a<i>b|</i></b>", "dat", "<b>a|</b>");
    check("a\nb|\n\nc", "dip", "|\nc");
    check("a\nb|\n\nc", "dap", "|c");
    check("One. Tw|o. Three", "dis", "One. | Three");
    check("One. Tw|o. Three", "das", "One. |Three");
}

#[test]
fn case_indent_and_comments_are_operators() {
    check("|foo bar", "gUiw", "|FOO bar");
    check("|FOO bar", "guw", "|foo bar");
    check("|fOo", "g~iw", "|FoO");
    check("|foO", "~~", "FO|O");
    check("{\n|a\n}", "=G", "{\n  |a\n}");
    check("|f {\n{\nx;\n}\n  }", "=G", "|f {\n  {\n    x;\n  }\n}");
    check("a|b\nc", "gUU", "|AB\nc");
    check("|a\nb", ">>", "  |a\nb");
    check("|a\nb\nc", ">j", "  |a\n  b\nc");
    check("    |a", "<lt><lt>", "  |a");
    check("|a\nb", "gcc", "|// a\nb");
    check("|a\nb", "gcj", "|// a\n// b");
    check("|a\nb\nc", "J", "a| b\nc");
    check("|a\n  b\nc", "3J", "a b| c");
    check("|a\n  b", "gJ", "a|  b");
    check("x = |7;", "<Ctrl-A>", "x = |8;");
    check("|x = 7;", "5<Ctrl-X>", "x = |2;");
    check("|abc", "rx", "|xbc");
    check("|abc", "2rx", "x|xc");
    check("|abc", "5rx", "|abc");
    check("a|bc", "r<Enter>", "a\n|c");
}

#[test]
fn registers_hold_what_was_deleted_or_yanked() {
    check("|ab", "xp", "b|a");
    check("|a\nb", "yyp", "a\n|a\nb");
    check("a\n|b", "yyP", "a\n|b\nb");
    check("a\n|b", "yyp", "a\nb\n|b");
    check("|a\nb", "ddp", "b\n|a");
    check("|foo bar", "yiwwP", "foo fo|obar");
    check("|a", "yy3p", "a\n|a\na\na");
    check("|a b", "\"ayiww\"byiw\"aP", "a |ab");
    check("|a b", "\"ayiww\"Ayiw\"ap", "a ba|b");
    check("|a b", "yiwwdiw\"0P", "a|a ");
    check("|a b", "yiww\"_diwp", "a |a");
    check("|a\nb\nc", "dddd\"2P", "|a\nc");
    check("|abc", "Yp", "abc\n|abc");
}

#[test]
fn the_dot_repeats_the_last_change() {
    check("|a b c", "dw.", "|c");
    check("|a b c", "cwx<Esc>w.", "x |x c");
    check("|a\nb", "A;<Esc>j.", "a;\nb|;");
    check("|abcd", "x..", "|d");
    check("|a\nb\nc", "dd.", "|c");
    check("|abcdef", "vld.", "|ef");
    check("|ab\ncd", "~j.", "Ab\nc|D");
    check("|a\nb", "ofoo<Esc>j.", "a\nfoo\nb\nfo|o");
    check("|abcd", "x2.", "|d");
    check("|a", "iab<Esc>.", "aa|bba");
}

#[test]
fn undo_takes_whole_commands_back() {
    check("|foo bar", "dwu", "|foo bar");
    check("|foo", "cwlonger text<Esc>u", "|foo");
    check("|a\nb", "ox y z<Esc>u", "|a\nb");
    check("|a b c", "dwdwuu", "|a b c");
    check("|a b c", "dwu<Ctrl-R>", "|b c");
    check("|a b c d", "qqdwqu@q", "|b c d");
    check("|a b c d", "qqdwq@qu", "|b c d");
}

#[test]
fn visual_mode_selects_and_operates() {
    check("|abcd", "vld", "|cd");
    check("ab|cd", "vhd", "a|d");
    check("a|bcd", "vllohd", "|");
    check("|a\nb\nc", "Vjd", "|c");
    check("|foo bar", "viwd", "| bar");
    check("f(a|b)", "vi(cx<Esc>", "f(|x)");
    check("|abc", "vlU", "|ABc");
    check("|abc", "v$y$p", "abcab|c");
    check("|a\nb\nc", "Vj>", "  |a\n  b\nc");
    check("|a\nb\nc", "VjJ", "a| b\nc");
    check("|abcd", "vlrx", "|xxcd");
    check("|foo bar", "yiwwviwp", "foo fo|o");
    check("|abc", "v<Esc>x", "|bc");
    check("|abcd", "vl<Esc>gvd", "|cd");
    check("|foo(a) b", "vf)d", "| b");
    check("|a\nb\nc", "vjVd", "|c");
    check("|abc def", "vey$p", "abc defab|c");
}

#[test]
fn visual_block_works_on_columns() {
    check("a|bc\nabc\nabc", "<Ctrl-V>jjd", "a|c\nac\nac");
    check("|abc\nabc", "<Ctrl-V>jIx<Esc>", "|xabc\nxabc");
    check("a|bc\nabc", "<Ctrl-V>jAx<Esc>", "a|bxc\nabxc");
    check("a|bc\nab", "<Ctrl-V>j$Ax<Esc>", "a|bcx\nabx");
    check("a|bc\nabc", "<Ctrl-V>jcx<Esc>", "a|xc\naxc");
    check("|ab\nab", "<Ctrl-V>jy$p", "ab|a\naba");
    check("|ab\nab", "<Ctrl-V>jrx", "|xb\nxb");
    check("|abc\nabc", "<Ctrl-V>jlU", "|ABc\nABc");
}

#[test]
fn searching_goes_to_matches() {
    check("|a b a b", "/b<Enter>", "a |b a b");
    check("|a b a b", "/b<Enter>n", "a b a |b");
    check("|a b a b", "/b<Enter>nn", "a |b a b");
    check("|a b a b", "/b<Enter>nN", "a |b a b");
    check("a b a |b", "?a<Enter>", "a b |a b");
    check("a b a |b", "?a<Enter>n", "|a b a b");
    check("|foo food foo", "*", "foo food |foo");
    check("foo food |foo", "#", "|foo food foo");
    check("|foo food foo", "g*", "foo |food foo");
    check("|a b c", "d/c<Enter>", "|c");
    check("|ab a1", r"/a\d<Enter>", "ab |a1");
    check("|ab abb", r"/ab\+$<Enter>", "ab |abb");
    check("|a b", "/b<Esc>x", "| b");
    check("|a b", "/zz<Enter>", "|a b");
    check("|a x a", "/a<Enter>ggn", "a x |a");
}

#[test]
fn marks_are_gone_back_to() {
    check("a|bc\nd", "majx`a", "a|bc\n");
    check("a|bc\n  d", "jmagg'a", "abc\n  |d");
    check("|a\nb\nc", "majd'a", "|c");
    check("a|b\nc\nd", "G``", "a|b\nc\nd");
    check("a|b\nc\nd", "G<Ctrl-O>", "a|b\nc\nd");
    check("a|b", "mxOnew<Esc>`x", "new\na|b");
}

#[test]
fn macros_are_recorded_and_played() {
    check("|a\nb\nc", "qaA;<Esc>jq@a", "a;\nb;\n|c");
    check("|a\nb\nc\nd", "qaA;<Esc>jq2@a", "a;\nb;\nc;\n|d");
    check("|1\n1\n1", "qa<Ctrl-A>jq@@", "2\n|1\n1");
    check("|1\n1\n1\n1", "qa<Ctrl-A>jq@a@@", "2\n2\n2\n|1");
    // A register is a macro, and a macro a register.
    check("|Ax\nb", "\"ayyj@a", "Ax\nbx\n|");
    check("|a\nb", "qaxqj\"ap", "\nb|x");
    // A motion that leads nowhere ends it.
    check("|a\nb", "qaxjq9@a", "\n|");
}

#[test]
fn lines_after_a_colon() {
    check("|a\nb\nc", ":3<Enter>", "a\nb\n|c");
    check("|a\nb\nc", ":$<Enter>", "a\nb\n|c");
    check("|a a\na", ":s/a/b/<Enter>", "|b a\na");
    check("|a a\na", ":%s/a/b/g<Enter>", "b b\n|b");
    check("|a a\na", ":%s/a/b/g<Enter>u", "|a a\na");
    check("|a a\na", ":2s#a#b<Enter>", "a a\n|b");
    check("|foo=bar", r":s/\(\w\+\)=\(\w\+\)/\2=\1/<Enter>", "|bar=foo");
    check("|a,b", r":s/,/\r/<Enter>", "a\n|b");
    check("|A a", ":s/a/x/gi<Enter>", "|x x");
    check("|a\na\na", "Vj:s/a/b/<Enter>", "b\n|b\na");
    check("|a\na\na", ":1,2s/a/b/<Enter>j&", "b\nb\n|b");
    check("|a\nb\nc", ":2d<Enter>", "a\n|c");
    check("|a\nb\nc", ":m$<Enter>", "b\nc\n|a");
    check("a\nb\n|c", ":m0<Enter>", "|c\na\nb");
    check("|a\nb", ":t.<Enter>", "a\n|a\nb");
    check("|a1\nb\na2", ":g/a/d<Enter>", "|b");
    check("|a1\nb\na2", ":g/a/s/$/;/<Enter>", "a1;\nb\n|a2;");
    check("|a1\nb\na2", ":g/a/normal Ax<Enter>u", "a|1\nb\na2");
    check("|a1\nb\na2", ":%normal! Ax<Enter>", "a1x\nbx\na2|x");
    check("|a\nb\nc", ":/c/d<Enter>", "a\n|b");
    check("|a b a", ":s/a/x/gc<Enter><Enter>", "x b ^a|");
    check("|a1\nb\na2", ":v/a/d<Enter>", "a1\n|a2");
    check("|b\na\n", ":sort<Enter>gg", "|a\nb\n");
    check("|a\nb", ":.,+1j<Enter>", "|a b");
    check("|a", ":zzz<Enter>x", "|");
    check("|a b", ":s/x/y/<Enter>", "|a b");
}

#[test]
fn writing_and_quitting_are_effects() {
    let ending = |effect: &Effect| match effect {
        Effect::Quit => Some("quit"),
        Effect::Close => Some("close"),
        Effect::QuitAll { is_failure: false } => Some("all"),
        Effect::QuitAll { is_failure: true } => Some("failed"),
        Effect::Copy { .. } => Some("copy"),
        Effect::Arrange(Arrange::SaveAllAndQuit) => Some("save all, quit"),
        _ => None,
    };
    let effects = |keys: &str| {
        let mut bench = bench("|a");
        let keys = super::parse(keys);
        let mut all = Vec::new();
        for key in keys {
            for effect in update(&mut bench.model, Msg::Key(key), bench.now) {
                match effect {
                    Effect::Save { .. } => {
                        all.push("save");
                        let revision = bench.model.revision;
                        let done =
                            Msg::Saved { revision, result: Ok(crate::editor::SaveDone::Written(None)) };
                        let quits = update(&mut bench.model, done, bench.now);
                        all.extend(quits.iter().filter_map(ending));
                    }
                    other => all.extend(ending(&other)),
                }
            }
        }
        all
    };
    assert_eq!(effects(":w<Enter>"), ["save"]);
    assert_eq!(effects("x:wq<Enter>"), ["save", "close"]);
    assert_eq!(effects("x:x<Enter>"), ["save", "close"]);
    assert_eq!(effects(":x<Enter>"), ["close"]);
    assert_eq!(effects("xZZ"), ["save", "close"]);
    assert_eq!(effects("xZQ"), ["close"]);
    assert_eq!(effects(":q<Enter>"), ["close"]);
    assert_eq!(effects("x:q<Enter>"), [""; 0]);
    assert_eq!(effects("x:q!<Enter>"), ["close"]);
    assert_eq!(effects("x:q<Enter>d"), ["close"]);
    assert_eq!(effects("x:q<Enter>c<Ctrl-Q>d"), ["quit"]);
    assert_eq!(effects(":qa<Enter>"), ["quit"]);
    assert_eq!(effects("x:wqa<Enter>"), ["save all, quit"]);
    assert_eq!(effects("x:qa!<Enter>"), ["all"]);
    assert_eq!(effects("x:cq<Enter>"), ["failed"]);
    assert_eq!(effects("x:w other<Enter>"), ["copy"]);
    assert_eq!(effects("x:sav other<Enter>"), ["save"]);
    assert_eq!(effects("<Ctrl-S>"), ["save"]);
}

#[test]
fn the_view_follows_and_the_mode_is_told() {
    let text: String = std::iter::once("|".to_owned()).chain((0..100).map(|n| format!("{n}\n"))).collect();
    let mut bench = bench(&text);
    let rows = usize::from(bench.model.layout().text_rows);
    bench.press("<Ctrl-F>");
    assert_eq!(bench.model.scroll.top, rows - 2);
    bench.press("<Ctrl-B>50Gzt");
    assert_eq!((bench.model.scroll.top, bench.model.line()), (49, 49));
    bench.press("zb");
    assert_eq!(bench.model.scroll.top, 50 - rows);
    bench.press("zz");
    assert_eq!(bench.model.scroll.top, 49 - rows / 2);
    bench.press("<Ctrl-D>");
    assert_eq!(bench.model.line(), 49 + rows / 2);
    bench.press("<Ctrl-U>ztH");
    assert_eq!(bench.model.line(), 49);
    bench.press("L");
    assert_eq!(bench.model.line(), 48 + rows);
    bench.press("<Ctrl-E><Ctrl-Y>");
    assert_eq!(bench.model.scroll.top, 49);
    assert_eq!(bench.model.vim.words(), "NORMAL");
    bench.press("2d");
    assert_eq!(bench.model.vim.words(), "NORMAL 2d");
    bench.press("<Esc>V");
    assert_eq!(bench.model.vim.words(), "V-LINE");
    bench.press("<Esc>qa");
    assert_eq!(bench.model.vim.words(), "NORMAL recording @a");
    bench.press("qi");
    assert_eq!(bench.model.vim.words(), "INSERT");
}

#[test]
fn keys_that_vim_has_no_use_for_do_what_they_always_do() {
    check("|ab", "<F1><Esc>x", "|b");
    check("|a b", "<Ctrl-P>line doub<Esc>x", "| b");
    check("|abc", "i<Right>x<Esc>", "a|xbc");
    check("|abc", "Q", "|abc");
    check("|abc\nd", "ix<Alt-j>x", "xabc\n|");
}

#[test]
fn what_normal_did_is_what_is_repeated() {
    check("|abcdef", ":normal x<Enter>.", "|cdef");
    check("|a\nb\nc", ":normal dd<Enter>.", "|c");
    check("|abc", ":normal Ax<Enter>.", "abcx|x");
    check("|a\na\nb", ":g/a/normal Ax<Enter>G.", "ax\nax\nb|x");
}

#[test]
fn a_change_that_repeats_ends() {
    let mut bench = bench("|abcdefgh");
    bench.press("ia<Ctrl-O>.<Ctrl-O>xb<Esc>...");
    assert!(bench.model.caret() <= bench.model.rope().len_chars());
}

#[test]
fn an_empty_text_stands_every_key() {
    for keys in [
        "vJ",
        "VJ",
        "das",
        "vas",
        "dap",
        "gJ",
        "5J",
        "vip",
        "R<Backspace>",
        "gv",
        "ggVGd",
        "cis<Esc>",
        "%",
        "gqq",
    ] {
        bench("|").press(keys);
    }
}

#[test]
fn whatever_is_pressed_the_text_stays_sound() {
    let mut rng = crate::base::rng::Rng::new(11);
    let letters: Vec<char> =
        "hjklwbeWBEGg0^$%fFtT;,xXdcyYpPuiaAIoOJrs~.vVnN*#mq@/?:\"zZ<>{}()123 ab\\'`".chars().collect();
    for _ in 0..300 {
        let mut bench = bench("fn f(a: [u8]) {\n\t\"é漢\"\n\n}\n\n  x|\n");
        for _ in 0..60 {
            let key = match rng.below(12) {
                0 => "<Esc>".to_owned(),
                1 => "<Enter>".to_owned(),
                2 => ["<Ctrl-V>", "<Ctrl-R>", "<Ctrl-A>", "<Ctrl-D>", "<Ctrl-O>", "<Left>"]
                    [rng.below(6) as usize]
                    .to_owned(),
                _ => match letters[rng.below(letters.len() as u64) as usize] {
                    '<' => "<lt>".to_owned(),
                    c => c.to_string(),
                },
            };
            bench.press(&key);
            assert!(bench.model.caret() <= bench.model.rope().len_chars());
        }
    }
}
