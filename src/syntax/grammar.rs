//! The grammars and their queries.

use tree_sitter::Query;

use super::kind::Kind;

/// A grammar that is compiled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grammar {
    /// Bash and other shells.
    Bash,
    /// C.
    C,
    /// C++.
    Cpp,
    /// CSS.
    Css,
    /// Go.
    Go,
    /// HTML, and XML as far as it goes.
    Html,
    /// Java.
    Java,
    /// JavaScript with JSX.
    JavaScript,
    /// JSON.
    Json,
    /// Markdown's blocks.
    Markdown,
    /// Markdown within a paragraph.
    MarkdownInline,
    /// Python.
    Python,
    /// Rust.
    Rust,
    /// SQL.
    Sql,
    /// TOML.
    Toml,
    /// TypeScript with JSX.
    Tsx,
    /// TypeScript.
    TypeScript,
    /// YAML.
    Yaml,
}

/// What is inside Markdown. Tables come beside what its grammar's own query has; the rule for metadata between two breaks
/// is left out, because it takes any text between two rulers for YAML.
const MARKDOWN_FENCES: &str = "
(fenced_code_block (info_string (language) @injection.language) (code_fence_content) @injection.content)
((html_block) @injection.content (#set! injection.language \"html\"))
((minus_metadata) @injection.content (#set! injection.language \"yaml\"))
((plus_metadata) @injection.content (#set! injection.language \"toml\"))
((inline) @injection.content (#set! injection.language \"markdown_inline\"))
((pipe_table_cell) @injection.content (#set! injection.language \"markdown_inline\"))
";

/// Its own query says first that a key is a key and then that it is a string.
const JSON_KEYS: &str = "(pair key: (string) @string.special.key)";

const MARKDOWN_HEADINGS: &str = "
(atx_heading (inline) @name) @definition.heading
(setext_heading (paragraph) @name) @definition.heading
";

const TOML_TABLES: &str = "
(table [(bare_key) (dotted_key) (quoted_key)] @name) @definition.table
(table_array_element [(bare_key) (dotted_key) (quoted_key)] @name) @definition.table
";

/// What TypeScript has in common with JavaScript, whose own query names nodes that it has not.
const TYPESCRIPT: &str = "
(class_declaration name: (_) @name) @definition.class
(method_definition name: (property_identifier) @name) @definition.method
(function_declaration name: (identifier) @name) @definition.function
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression)]) @definition.function
(enum_declaration name: (identifier) @name) @definition.type
(type_alias_declaration name: (type_identifier) @name) @definition.type
";

impl Grammar {
    pub(super) fn language(self) -> tree_sitter::Language {
        match self {
            Grammar::Bash => tree_sitter_bash::LANGUAGE.into(),
            Grammar::C => tree_sitter_c::LANGUAGE.into(),
            Grammar::Cpp => tree_sitter_cpp::LANGUAGE.into(),
            Grammar::Css => tree_sitter_css::LANGUAGE.into(),
            Grammar::Go => tree_sitter_go::LANGUAGE.into(),
            Grammar::Html => tree_sitter_html::LANGUAGE.into(),
            Grammar::Java => tree_sitter_java::LANGUAGE.into(),
            Grammar::JavaScript => tree_sitter_javascript::LANGUAGE.into(),
            Grammar::Json => tree_sitter_json::LANGUAGE.into(),
            Grammar::Markdown => tree_sitter_md::LANGUAGE.into(),
            Grammar::MarkdownInline => tree_sitter_md::INLINE_LANGUAGE.into(),
            Grammar::Python => tree_sitter_python::LANGUAGE.into(),
            Grammar::Rust => tree_sitter_rust::LANGUAGE.into(),
            Grammar::Sql => tree_sitter_sequel::LANGUAGE.into(),
            Grammar::Toml => tree_sitter_toml_ng::LANGUAGE.into(),
            Grammar::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
            Grammar::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            Grammar::Yaml => tree_sitter_yaml::LANGUAGE.into(),
        }
    }

    /// The queries that say what is what; a later one decides where two speak of one node.
    fn highlights(self) -> &'static [&'static str] {
        use tree_sitter_javascript as js;
        match self {
            Grammar::Bash => &[tree_sitter_bash::HIGHLIGHT_QUERY],
            Grammar::C => &[tree_sitter_c::HIGHLIGHT_QUERY],
            Grammar::Cpp => &[tree_sitter_c::HIGHLIGHT_QUERY, tree_sitter_cpp::HIGHLIGHT_QUERY],
            Grammar::Css => &[tree_sitter_css::HIGHLIGHTS_QUERY],
            Grammar::Go => &[tree_sitter_go::HIGHLIGHTS_QUERY],
            Grammar::Html => &[tree_sitter_html::HIGHLIGHTS_QUERY],
            Grammar::Java => &[tree_sitter_java::HIGHLIGHTS_QUERY],
            Grammar::JavaScript => &[js::HIGHLIGHT_QUERY, js::JSX_HIGHLIGHT_QUERY],
            Grammar::Json => &[tree_sitter_json::HIGHLIGHTS_QUERY, JSON_KEYS],
            Grammar::Markdown => &[tree_sitter_md::HIGHLIGHT_QUERY_BLOCK],
            Grammar::MarkdownInline => &[tree_sitter_md::HIGHLIGHT_QUERY_INLINE],
            Grammar::Python => &[tree_sitter_python::HIGHLIGHTS_QUERY],
            Grammar::Rust => &[tree_sitter_rust::HIGHLIGHTS_QUERY],
            Grammar::Sql => &[tree_sitter_sequel::HIGHLIGHTS_QUERY],
            Grammar::Toml => &[tree_sitter_toml_ng::HIGHLIGHTS_QUERY],
            Grammar::Tsx => {
                &[js::HIGHLIGHT_QUERY, js::JSX_HIGHLIGHT_QUERY, tree_sitter_typescript::HIGHLIGHTS_QUERY]
            }
            Grammar::TypeScript => &[js::HIGHLIGHT_QUERY, tree_sitter_typescript::HIGHLIGHTS_QUERY],
            Grammar::Yaml => &[tree_sitter_yaml::HIGHLIGHTS_QUERY],
        }
    }

    /// Returns whether a text of this language has an outline.
    pub fn has_definitions(self) -> bool {
        self.definitions().is_some()
    }

    /// The query that finds what a text defines; `None` for a language in which that is nothing in particular.
    pub(super) fn definitions(self) -> Option<String> {
        use tree_sitter_javascript::TAGS_QUERY as JS;
        let parts: &[&str] = match self {
            Grammar::Bash => &["(function_definition name: (word) @name) @definition.function"],
            Grammar::C => &[tree_sitter_c::TAGS_QUERY],
            Grammar::Cpp => &[tree_sitter_cpp::TAGS_QUERY],
            Grammar::Css => &["(rule_set (selectors) @name) @definition.rule"],
            Grammar::Go => &[tree_sitter_go::TAGS_QUERY],
            Grammar::Java => &[tree_sitter_java::TAGS_QUERY],
            Grammar::JavaScript => &[JS],
            Grammar::Markdown => &[MARKDOWN_HEADINGS],
            Grammar::Python => &[tree_sitter_python::TAGS_QUERY],
            Grammar::Rust => &[tree_sitter_rust::TAGS_QUERY],
            Grammar::Toml => &[TOML_TABLES],
            Grammar::Tsx | Grammar::TypeScript => &[TYPESCRIPT, tree_sitter_typescript::TAGS_QUERY],
            Grammar::Html | Grammar::Json | Grammar::MarkdownInline | Grammar::Sql | Grammar::Yaml => {
                return None;
            }
        };
        Some(parts.join("\n"))
    }

    /// The query that finds texts of other languages inside.
    fn injections(self) -> Option<&'static str> {
        match self {
            Grammar::Html => Some(tree_sitter_html::INJECTIONS_QUERY),
            Grammar::Markdown => Some(MARKDOWN_FENCES),
            _ => None,
        }
    }

    /// Returns the grammar that a query or a fence names.
    pub fn named(name: &str) -> Option<Grammar> {
        if name == "markdown_inline" {
            return Some(Grammar::MarkdownInline);
        }
        super::language::named(name).and_then(|language| language.grammar)
    }
}

/// A grammar with its queries ready. Making one takes up to 30 ms: never while somebody waits for a key.
pub struct Compiled {
    pub(super) language: tree_sitter::Language,
    pub(super) highlights: Query,
    /// The kind that each capture of `highlights` stands for.
    pub(super) kinds: Vec<Option<Kind>>,
    pub(super) injections: Option<Query>,
}

impl Compiled {
    /// Prepares a grammar.
    ///
    /// # Panics
    /// If a query does not fit its grammar. Both are compiled in; a test makes every one of them.
    pub fn new(grammar: Grammar) -> Compiled {
        let language = grammar.language();
        let query = |text: &str| Query::new(&language, text).expect("a query made for this grammar");
        let highlights = query(&grammar.highlights().join("\n"));
        let kinds = highlights.capture_names().iter().map(|name| Kind::of_capture(name)).collect();
        let injections = grammar.injections().map(query);
        Compiled { highlights, kinds, injections, language }
    }
}
