//! What a text defines: functions, types, headings, in the order of the text.

use std::collections::HashMap;
use std::ops::Range;

use ropey::Rope;
use tree_sitter::{Node, Parser, Query, QueryCursor, StreamingIterator};

use super::grammar::Grammar;
use super::paint;

/// Symbols of a text; what lies behind more is left out.
const SYMBOLS_MAX: usize = 50_000;

/// Characters of a symbol's name that are shown.
const NAME_CHARS_MAX: usize = 120;

/// Something that a text defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// What it is, in a word.
    pub kind: String,
    /// Where its name begins, in characters.
    pub at: usize,
}

/// Returns what a text defines, or `None` when `keep_going` said no or its grammar has no such query. It parses the whole text:
/// some 0.15 s for each MB.
pub fn outline(grammar: Grammar, text: &Rope, keep_going: &mut dyn FnMut() -> bool) -> Option<Vec<Symbol>> {
    let language = grammar.language();
    let query = Query::new(&language, &grammar.definitions()?).ok()?;
    let mut parser = Parser::new();
    parser.set_language(&language).ok()?;
    let tree = paint::parse(&mut parser, text, None, keep_going)?;
    let name = query.capture_index_for_name("name")?;
    let kinds: HashMap<u32, &str> = (0..)
        .zip(query.capture_names())
        .filter_map(|(index, capture)| Some((index, capture.strip_prefix("definition.")?)))
        .collect();
    let mut cursor = QueryCursor::new();
    let mut matches =
        cursor.matches(&query, tree.root_node(), |node: Node| paint::chunks(text, node.byte_range()));
    // Where two patterns speak of one name, the first one says more.
    let mut found: HashMap<usize, (usize, Symbol)> = HashMap::new();
    while let Some(matched) = matches.next() {
        let captures = matched.captures();
        let Some(kind) = captures.iter().find_map(|capture| kinds.get(&capture.index)) else { continue };
        let Some(node) = captures.iter().find(|capture| capture.index == name) else { continue };
        let bytes = node.node.byte_range();
        if SYMBOLS_MAX <= found.len() {
            break;
        }
        let symbol = symbol(text, bytes.clone(), kind);
        let known = found.get(&bytes.start).is_none_or(|(pattern, _)| matched.pattern_index < *pattern);
        if known {
            found.insert(bytes.start, (matched.pattern_index, symbol));
        }
    }
    let mut symbols: Vec<Symbol> = found.into_values().map(|(_, symbol)| symbol).collect();
    symbols.sort_by_key(|symbol| symbol.at);
    Some(symbols)
}

fn symbol(text: &Rope, bytes: Range<usize>, kind: &str) -> Symbol {
    let at = text.byte_to_char(bytes.start);
    let end = text.byte_to_char(bytes.end).min(at + NAME_CHARS_MAX);
    let name: String = text.slice(at..end).chars().take_while(|&c| c != '\n').collect();
    Symbol { name: name.trim().to_owned(), kind: kind.to_owned(), at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(language: &str, text: &str, wanted: &[(&str, &str)]) {
        let grammar = Grammar::named(language).expect("a language");
        let symbols = outline(grammar, &Rope::from_str(text), &mut || true).expect("an outline");
        let found: Vec<(&str, &str)> =
            symbols.iter().map(|symbol| (symbol.kind.as_str(), symbol.name.as_str())).collect();
        assert_eq!(found, wanted, "{language}");
    }

    #[test]
    fn each_language_has_its_definitions() {
        let rust = "struct A;\nimpl A { fn b(&self) { c(); } }\nfn d() {}\n";
        check("rust", rust, &[("class", "A"), ("method", "b"), ("function", "d")]);
        check("python", "class A:\n  def b(self): c()\n", &[("class", "A"), ("function", "b")]);
        check(
            "javascript",
            "class A { b() {} }\nconst f = () => 1;",
            &[("class", "A"), ("method", "b"), ("function", "f")],
        );
        check("typescript", "interface A {}\nfunction f() {}\n", &[("interface", "A"), ("function", "f")]);
        check("tsx", "function F() { return <p/>; }", &[("function", "F")]);
        check("go", "package a\nfunc F() {}\ntype T struct{}\n", &[("function", "F"), ("type", "T")]);
        check(
            "c",
            "struct a { int b; };\nint f(void) { return g(); }\n",
            &[("class", "a"), ("function", "f")],
        );
        check(
            "c++",
            "class A { void b(); };\nvoid A::b() {}\n",
            &[("class", "A"), ("function", "b"), ("method", "b")],
        );
        check("java", "class A { int b() { return 1; } }", &[("class", "A"), ("method", "b")]);
        check("bash", "f() { g; }\nfunction h { :; }\n", &[("function", "f"), ("function", "h")]);
        check(
            "markdown",
            "# One\n\ntext\n\n## Two *b*\n\nThree\n===\n",
            &[("heading", "One"), ("heading", "Two *b*"), ("heading", "Three")],
        );
        check("css", "a, .b { color: red }\n", &[("rule", "a, .b")]);
        check("toml", "[a.b]\nc = 1\n[[d]]\n", &[("table", "a.b"), ("table", "d")]);
    }

    #[test]
    fn a_language_without_definitions_has_no_outline_and_none_is_made_when_stopped() {
        let text = Rope::from_str(&"fn f() {}\n".repeat(50_000));
        assert_eq!(outline(Grammar::Json, &text, &mut || true), None);
        assert_eq!(outline(Grammar::Rust, &text, &mut || false), None);
    }
}
