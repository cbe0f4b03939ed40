use super::*;
use crate::base::rng::Rng;

/// Paints a text whole and draws the kinds as `kind(text)`.
fn painted(highlighter: &mut Highlighter, grammar: Grammar, text: &Rope) -> String {
    highlighter.set_text(grammar, text);
    assert!(highlighter.advance(&mut || true));
    drawn(text, &highlighter.spans(0..text.len_chars()))
}

fn drawn(text: &Rope, spans: &[Span]) -> String {
    let parts = spans.iter().map(|span| format!("{:?}({})", span.kind, text.slice(span.chars.clone())));
    parts.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(grammar: Grammar, text: &str, wanted: &str) {
    let found = painted(&mut Highlighter::new(), grammar, &Rope::from_str(text));
    assert!(found.contains(wanted), "{text:?} is {found}");
}

#[test]
fn every_grammar_has_queries_that_fit_and_colour_something() {
    let mut wrong = Vec::new();
    for (name, text, wanted) in [
        ("rust", "fn main() { let é = \"x\\n\"; }", "Keyword(fn) Function(main)"),
        ("python", "def f(a):\n  return 1", "Keyword(def) Function(f)"),
        ("javascript", "const a = `x${b}`;", "Keyword(const)"),
        ("typescript", "interface A { b: string }", "Keyword(interface) Type(A)"),
        ("tsx", "const a = <B c=\"d\">e</B>;", "Type(B) Attribute(c)"),
        ("go", "func main() { f() }", "Keyword(func) Function(main)"),
        ("c", "int main(void) { return 0; }", "Type(int) Function(main)"),
        ("c++", "class A { virtual int f(); };", "Keyword(class) Type(A)"),
        ("java", "class A { int b() { return 1; } }", "Keyword(class) Type(A)"),
        ("json", "{\"a\": [1, true]}", "Property(\"a\")"),
        ("toml", "[a]\nb = \"c\" # d", "String(\"c\")"),
        ("yaml", "a: b # c", "Property(a)"),
        ("markdown", "# A\n\n*b* `c`\n", "Heading(A)"),
        ("bash", "if true; then echo \"$A\"; fi", "Keyword(if) Function(true)"),
        ("html", "<p class=\"a\">b</p>", "Tag(p) Attribute(class)"),
        ("css", "a { color: red; }", "Tag(a)"),
        ("sql", "SELECT a FROM b -- c", "Keyword(SELECT)"),
    ] {
        let grammar = Grammar::named(name).unwrap_or_else(|| panic!("{name}"));
        let found = painted(&mut Highlighter::new(), grammar, &Rope::from_str(text));
        if !found.contains(wanted) {
            wrong.push(format!("{name}: {text:?} is {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_name_that_is_more_than_a_variable_stays_that() {
    check(Grammar::Go, "package a\nfunc main() { run() }", "Function(run)");
    check(Grammar::JavaScript, "run(a.go())", "Function(run)");
    check(Grammar::JavaScript, "run(a.go())", "Function(go)");
}

#[test]
fn other_languages_inside_have_their_own_kinds() {
    check(Grammar::Markdown, "a *b*\n\n```rust\nfn f() {}\n```\n", "Keyword(fn) Function(f)");
    check(Grammar::Markdown, "a *b* `c`\n", "Emphasis(b)");
    check(Grammar::Html, "<script>let a = 1;</script>", "Keyword(let)");
    check(Grammar::Html, "<style>a { color: red }</style>", "Property(color)");
    check(Grammar::Markdown, "```html\n<script>let a = 1;</script>\n```\n", "Keyword(let)");
    check(Grammar::Markdown, "```nonsense\nfn f() {}\n```\n", "Raw");
}

#[test]
fn spans_count_characters_and_not_bytes() {
    let text = Rope::from_str("// äöü\nfn é() {}");
    let mut highlighter = Highlighter::new();
    let found = painted(&mut highlighter, Grammar::Rust, &text);
    assert!(found.starts_with("Comment(// äöü) Keyword(fn) Function(é)"), "{found}");
    let part = drawn(&text, &highlighter.spans(8..11));
    assert_eq!(part, "Keyword(n) Function(é)");
}

#[test]
fn after_any_edits_the_kinds_are_those_of_a_fresh_parse() {
    let source = include_str!("../highlighter.rs");
    let mut rng = Rng::new(7);
    for grammar in [Grammar::Rust, Grammar::Markdown, Grammar::JavaScript] {
        let mut highlighter = Highlighter::new();
        let mut text = Rope::from_str(source);
        painted(&mut highlighter, grammar, &text);
        for _ in 0..30 {
            let at = rng.below(text.len_chars() as u64) as usize;
            let end = (at + rng.below(20) as usize).min(text.len_chars());
            text.remove(at..end);
            text.insert(at, ["\"", "é", "/*", "*/", "fn x() {", "}", "\n", "```\n"][rng.below(8) as usize]);
            let kept = painted(&mut highlighter, grammar, &text);
            let fresh = painted(&mut Highlighter::new(), grammar, &text);
            assert_eq!(kept, fresh, "{grammar:?}");
        }
    }
}

#[test]
fn the_difference_of_two_texts_leads_from_one_to_the_other() {
    let mut rng = Rng::new(3);
    for _ in 0..500 {
        let letter = |rng: &mut Rng| ["a", "é", "è", "日", "本", "\n"][rng.below(6) as usize];
        let text: String = (0..rng.below(3_000)).map(|_| letter(&mut rng)).collect();
        let old = Rope::from_str(&text);
        let mut new = old.clone();
        let at = rng.below(old.len_chars() as u64 + 1) as usize;
        let end = (at + rng.below(9) as usize).min(old.len_chars());
        new.remove(at..end);
        new.insert(at, &(0..rng.below(5)).map(|_| letter(&mut rng)).collect::<String>());
        let Some(edit) = difference(&old, &new) else {
            assert_eq!(old, new);
            continue;
        };
        let (old, new) = (old.to_string(), new.to_string());
        assert_eq!(old[..edit.start_byte], new[..edit.start_byte]);
        assert_eq!(old[edit.old_end_byte..], new[edit.new_end_byte..]);
    }
}

#[test]
fn a_parse_that_is_stopped_goes_on_and_shows_the_window_meanwhile() {
    let text = Rope::from_str(&"fn f() { let a = \"b\"; }\n".repeat(20_000));
    let mut highlighter = Highlighter::new();
    highlighter.set_text(Grammar::Rust, &text);
    let mut n_steps = 0;
    let mut is_done = false;
    while !is_done {
        let mut n_left = 20;
        is_done = highlighter.advance(&mut || {
            n_left -= 1;
            0 < n_left
        });
        n_steps += 1;
        let from = text.line_to_char(10_000);
        let shown = drawn(&text, &highlighter.spans(from..from + 6));
        assert_eq!(shown, "Keyword(fn) Function(f) Punctuation(())", "step {n_steps}");
        assert!(n_steps < 100_000);
    }
    assert!(2 < n_steps);
}

#[test]
fn an_edit_during_the_first_parse_is_worked_in_after_it() {
    let mut text = Rope::from_str(&"fn f() {}\n".repeat(5_000));
    let mut highlighter = Highlighter::new();
    highlighter.set_text(Grammar::Rust, &text);
    assert!(!highlighter.advance(&mut || false));
    text.insert(0, "/* ");
    highlighter.set_text(Grammar::Rust, &text);
    assert!(highlighter.advance(&mut || true));
    let fresh = painted(&mut Highlighter::new(), Grammar::Rust, &text);
    assert_eq!(drawn(&text, &highlighter.spans(0..text.len_chars())), fresh);
}

#[test]
fn a_line_of_megabytes_is_painted_where_it_is_seen() {
    let text = Rope::from_str(&"[\"é\", 1], ".repeat(80_000));
    let mut highlighter = Highlighter::new();
    highlighter.set_text(Grammar::Json, &text);
    assert!(!highlighter.advance(&mut || false));
    assert!(!highlighter.spans(500_000..500_100).is_empty());
    assert!(highlighter.advance(&mut || true));
    assert!(!highlighter.spans(500_000..500_100).is_empty());
}

#[test]
fn a_large_text_has_colours_without_a_tree_and_gets_one_when_it_shrinks() {
    let mut text = Rope::from_str(&"int f(void)\n{\n\treturn 1;\n}\n\n".repeat(60_000));
    let mut highlighter = Highlighter::new();
    highlighter.set_text(Grammar::C, &text);
    assert!(highlighter.advance(&mut || panic!("there is nothing to do")));
    let from = text.line_to_char(150_000);
    let shown = drawn(&text, &highlighter.spans(from..from + 30));
    assert!(shown.starts_with("Type(int) Function(f)"), "{shown}");
    text.insert(from, "// ");
    highlighter.set_text(Grammar::C, &text);
    let shown = drawn(&text, &highlighter.spans(from..from + 30));
    assert!(shown.starts_with("Comment(// int"), "{shown}");
    text.remove(1_000..text.len_chars());
    let kept = painted(&mut highlighter, Grammar::C, &text);
    assert_eq!(kept, painted(&mut Highlighter::new(), Grammar::C, &text));
}
