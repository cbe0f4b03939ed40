//! The table of languages, and which one a text is in.

use ropey::Rope;

use super::grammar::Grammar;

/// What the editor knows of a language.
#[derive(Debug)]
pub struct Language {
    /// Its name, as the status line shows it.
    pub name: &'static str,
    /// Other names, as fences and modelines give them, in lower case. The name itself in lower case counts too.
    pub aliases: &'static [&'static str],
    /// What file names end in, without the dot, in lower case.
    pub extensions: &'static [&'static str],
    /// Whole file names.
    pub file_names: &'static [&'static str],
    /// Programs named in a first line that starts with `#!`, without a version.
    pub interpreters: &'static [&'static str],
    /// What starts a comment up to the end of the line.
    pub line_comment: Option<&'static str>,
    /// What surrounds a comment.
    pub block_comment: Option<(&'static str, &'static str)>,
    /// One level of indentation where a text shows none of its own: a tab or blanks.
    pub indent: &'static str,
    /// What a line ends in when the next one belongs deeper.
    pub opens: &'static [&'static str],
    /// Characters that, first in a line, take it one level back.
    pub closes: &'static [char],
    /// Words that, first in a line, stand as deep as the line that begins with one of those beside them.
    pub middles: &'static [(&'static str, &'static [&'static str])],
    /// How it is parsed; `None` is plain text.
    pub grammar: Option<Grammar>,
}

const NONE: Language = Language {
    name: "Text",
    aliases: &["plain", "plaintext", "txt"],
    extensions: &["txt", "log"],
    file_names: &[],
    interpreters: &[],
    line_comment: None,
    block_comment: None,
    indent: "\t",
    opens: &[],
    closes: &[],
    middles: &[],
    grammar: None,
};

/// What languages with braces have in common.
const BRACES: Language = Language {
    line_comment: Some("//"),
    block_comment: Some(("/*", "*/")),
    indent: "    ",
    opens: &["{", "(", "["],
    closes: &['}', ')', ']'],
    aliases: &[],
    extensions: &[],
    ..NONE
};

/// What languages have in common that are known by their comments alone.
const HASHES: Language = Language { line_comment: Some("#"), aliases: &[], extensions: &[], ..NONE };

/// Text in no language.
pub static PLAIN: Language = NONE;

/// Every language but plain text.
pub static LANGUAGES: &[Language] = &[
    Language {
        name: "Rust",
        aliases: &["rs"],
        extensions: &["rs"],
        interpreters: &["rust-script"],
        grammar: Some(Grammar::Rust),
        ..BRACES
    },
    Language {
        name: "Python",
        aliases: &["py", "python3"],
        extensions: &["py", "pyi", "pyw"],
        file_names: &["SConstruct", "SConscript", "wscript"],
        interpreters: &["python", "pypy"],
        line_comment: Some("#"),
        block_comment: None,
        opens: &[":", "(", "[", "{"],
        middles: &[
            ("else", &["if", "elif", "for", "while", "try", "except"]),
            ("elif", &["if", "elif"]),
            ("except", &["try", "except"]),
            ("finally", &["try", "except", "else"]),
            ("case", &["case"]),
        ],
        grammar: Some(Grammar::Python),
        ..BRACES
    },
    Language {
        name: "JavaScript",
        aliases: &["js", "jsx", "node"],
        extensions: &["js", "mjs", "cjs", "jsx"],
        interpreters: &["node", "nodejs"],
        indent: "  ",
        grammar: Some(Grammar::JavaScript),
        ..BRACES
    },
    Language {
        name: "TypeScript",
        aliases: &["ts"],
        extensions: &["ts", "mts", "cts"],
        interpreters: &["deno", "bun", "ts-node", "tsx"],
        indent: "  ",
        grammar: Some(Grammar::TypeScript),
        ..BRACES
    },
    Language {
        name: "TSX",
        aliases: &["typescriptreact"],
        extensions: &["tsx"],
        indent: "  ",
        grammar: Some(Grammar::Tsx),
        ..BRACES
    },
    Language {
        name: "Go",
        aliases: &["golang"],
        extensions: &["go"],
        indent: "\t",
        grammar: Some(Grammar::Go),
        ..BRACES
    },
    Language { name: "C", extensions: &["c", "h"], grammar: Some(Grammar::C), ..BRACES },
    Language {
        name: "C++",
        aliases: &["cpp", "cc"],
        extensions: &["cpp", "cc", "cxx", "hpp", "hh", "hxx", "ipp", "inl"],
        grammar: Some(Grammar::Cpp),
        ..BRACES
    },
    Language { name: "Java", extensions: &["java"], grammar: Some(Grammar::Java), ..BRACES },
    Language {
        name: "JSON",
        aliases: &["jsonc", "json5"],
        extensions: &["json", "jsonl", "geojson", "webmanifest", "ipynb"],
        file_names: &[".prettierrc", ".babelrc", "composer.lock"],
        line_comment: None,
        block_comment: None,
        indent: "  ",
        grammar: Some(Grammar::Json),
        ..BRACES
    },
    Language {
        name: "TOML",
        extensions: &["toml"],
        file_names: &["Cargo.lock", "poetry.lock", "uv.lock", "Pipfile"],
        line_comment: Some("#"),
        block_comment: None,
        opens: &["[", "{"],
        grammar: Some(Grammar::Toml),
        ..BRACES
    },
    Language {
        name: "YAML",
        aliases: &["yml"],
        extensions: &["yaml", "yml"],
        file_names: &[".clang-format", ".clang-tidy"],
        line_comment: Some("#"),
        block_comment: None,
        indent: "  ",
        opens: &[":", "[", "{"],
        grammar: Some(Grammar::Yaml),
        ..BRACES
    },
    Language {
        name: "Markdown",
        aliases: &["md"],
        extensions: &["md", "markdown", "mdown"],
        block_comment: Some(("<!--", "-->")),
        indent: "    ",
        grammar: Some(Grammar::Markdown),
        ..NONE
    },
    Language {
        name: "Bash",
        aliases: &["sh", "shell", "zsh", "console", "shellscript"],
        extensions: &["sh", "bash", "zsh", "ksh", "ebuild"],
        file_names: &[".bashrc", ".bash_profile", ".bash_aliases", ".profile", ".zshrc", "PKGBUILD"],
        interpreters: &["sh", "bash", "dash", "zsh", "ksh", "ash"],
        line_comment: Some("#"),
        block_comment: None,
        opens: &["{", "(", "then", "do", "else"],
        middles: &[
            ("else", &["if", "elif"]),
            ("elif", &["if", "elif"]),
            ("fi", &["if", "elif", "else"]),
            ("done", &["for", "while", "until", "select"]),
            ("esac", &["case"]),
        ],
        grammar: Some(Grammar::Bash),
        ..BRACES
    },
    Language {
        name: "HTML",
        aliases: &["xhtml", "vue", "svelte"],
        extensions: &["html", "htm", "xhtml", "vue", "svelte"],
        block_comment: Some(("<!--", "-->")),
        indent: "  ",
        grammar: Some(Grammar::Html),
        ..NONE
    },
    Language {
        name: "XML",
        aliases: &["svg", "xsd", "xslt"],
        extensions: &["xml", "svg", "xsd", "xsl", "xslt", "plist", "csproj", "rss", "wsdl"],
        block_comment: Some(("<!--", "-->")),
        indent: "  ",
        grammar: Some(Grammar::Html),
        ..NONE
    },
    Language {
        name: "CSS",
        extensions: &["css"],
        line_comment: None,
        indent: "  ",
        grammar: Some(Grammar::Css),
        ..BRACES
    },
    Language {
        name: "SQL",
        aliases: &["postgresql", "mysql", "sqlite"],
        extensions: &["sql"],
        line_comment: Some("--"),
        opens: &["("],
        closes: &[')'],
        grammar: Some(Grammar::Sql),
        ..BRACES
    },
    Language {
        name: "Lua",
        extensions: &["lua"],
        interpreters: &["lua", "luajit"],
        line_comment: Some("--"),
        ..HASHES
    },
    Language { name: "Haskell", aliases: &["hs"], extensions: &["hs"], line_comment: Some("--"), ..HASHES },
    Language {
        name: "INI",
        aliases: &["dosini"],
        extensions: &["ini"],
        file_names: &[".gitconfig", ".editorconfig", ".gitmodules"],
        line_comment: Some(";"),
        ..HASHES
    },
    Language {
        name: "Configuration",
        aliases: &["conf", "config"],
        extensions: &["conf", "cfg", "properties", "env", "service", "socket", "timer"],
        file_names: &[".env", ".gitignore", ".gitattributes", ".dockerignore", ".ignore", "CODEOWNERS"],
        ..HASHES
    },
    Language {
        name: "Git commit",
        aliases: &["gitcommit", "gitrebase"],
        file_names: &["COMMIT_EDITMSG", "MERGE_MSG", "TAG_EDITMSG", "git-rebase-todo"],
        ..HASHES
    },
    Language {
        name: "Ruby",
        aliases: &["rb"],
        extensions: &["rb", "rake", "gemspec"],
        file_names: &["Gemfile", "Rakefile", "Vagrantfile"],
        interpreters: &["ruby"],
        indent: "  ",
        ..HASHES
    },
    Language { name: "Perl", aliases: &["pl"], extensions: &["pl", "pm"], interpreters: &["perl"], ..HASHES },
    Language { name: "R", extensions: &["r"], interpreters: &["Rscript"], indent: "  ", ..HASHES },
    Language {
        name: "Elixir",
        extensions: &["ex", "exs"],
        interpreters: &["elixir"],
        indent: "  ",
        ..HASHES
    },
    Language {
        name: "Makefile",
        aliases: &["make"],
        extensions: &["mk", "mak"],
        file_names: &["Makefile", "makefile", "GNUmakefile"],
        interpreters: &["make"],
        ..HASHES
    },
    Language {
        name: "CMake",
        extensions: &["cmake"],
        file_names: &["CMakeLists.txt"],
        indent: "  ",
        ..HASHES
    },
    Language {
        name: "Dockerfile",
        aliases: &["docker"],
        extensions: &["dockerfile"],
        file_names: &["Dockerfile", "Containerfile"],
        ..HASHES
    },
    Language { name: "Nix", extensions: &["nix"], indent: "  ", ..HASHES },
    Language {
        name: "Terraform",
        aliases: &["hcl"],
        extensions: &["tf", "tfvars", "hcl"],
        indent: "  ",
        ..HASHES
    },
    Language { name: "GraphQL", aliases: &["gql"], extensions: &["graphql", "gql"], indent: "  ", ..HASHES },
    Language {
        name: "PowerShell",
        aliases: &["pwsh"],
        extensions: &["ps1", "psm1"],
        interpreters: &["pwsh"],
        ..HASHES
    },
    Language { name: "Fish", extensions: &["fish"], interpreters: &["fish"], ..HASHES },
    Language { name: "PHP", extensions: &["php"], interpreters: &["php"], ..BRACES },
    Language { name: "C#", aliases: &["csharp", "cs"], extensions: &["cs"], ..BRACES },
    Language { name: "Kotlin", extensions: &["kt", "kts"], ..BRACES },
    Language { name: "Swift", extensions: &["swift"], ..BRACES },
    Language { name: "Scala", extensions: &["scala", "sbt"], indent: "  ", ..BRACES },
    Language { name: "Dart", extensions: &["dart"], indent: "  ", ..BRACES },
    Language { name: "Zig", extensions: &["zig"], block_comment: None, ..BRACES },
    Language {
        name: "Protocol Buffers",
        aliases: &["proto"],
        extensions: &["proto"],
        indent: "  ",
        ..BRACES
    },
    Language {
        name: "SCSS",
        aliases: &["sass", "less"],
        extensions: &["scss", "less"],
        indent: "  ",
        ..BRACES
    },
    Language {
        name: "TeX",
        aliases: &["latex"],
        extensions: &["tex", "sty", "cls", "bib"],
        line_comment: Some("%"),
        ..HASHES
    },
    Language {
        name: "Vim script",
        aliases: &["vim"],
        extensions: &["vim"],
        file_names: &[".vimrc"],
        line_comment: Some("\""),
        ..HASHES
    },
    Language {
        name: "Lisp",
        aliases: &["clojure", "scheme", "elisp"],
        extensions: &["lisp", "el", "clj", "cljs", "scm", "rkt"],
        line_comment: Some(";;"),
        indent: "  ",
        ..HASHES
    },
];

/// Lines at either end of a text in which a modeline is looked for.
const MODELINE_LINES: usize = 5;

/// Characters of a line that are looked at.
const LINE_CHARS_MAX: usize = 256;

/// Returns the language of this name or other name, whatever its case.
pub fn named(name: &str) -> Option<&'static Language> {
    let name = name.to_lowercase();
    let is = |language: &&Language| {
        language.name.to_lowercase() == name || language.aliases.contains(&name.as_str())
    };
    LANGUAGES.iter().chain([&PLAIN]).find(is)
}

/// Returns the language of a text: a modeline says most, then the file's name, then the program of its first line.
pub fn detect(file_name: &str, text: &Rope) -> &'static Language {
    modeline(text).or_else(|| by_file_name(file_name)).or_else(|| by_interpreter(text)).unwrap_or(&PLAIN)
}

fn by_file_name(file_name: &str) -> Option<&'static Language> {
    let name = file_name.rsplit('/').next().unwrap_or(file_name);
    if let Some(language) = LANGUAGES.iter().find(|language| language.file_names.contains(&name)) {
        return Some(language);
    }
    let extension = name.rsplit_once('.')?.1.to_lowercase();
    let all = LANGUAGES.iter().chain([&PLAIN]);
    all.into_iter().find(|language| language.extensions.contains(&extension.as_str()))
}

fn by_interpreter(text: &Rope) -> Option<&'static Language> {
    let first = line(text, 0);
    let mut words = first.strip_prefix("#!")?.split_whitespace();
    let mut program = words.next()?;
    if program.ends_with("/env") {
        program = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    }
    let program = program.rsplit('/').next()?;
    let program = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    LANGUAGES.iter().find(|language| language.interpreters.contains(&program))
}

/// Reads the language from a line for other editors: `vim: set ft=NAME:` or `-*- mode: NAME -*-`. Nothing else of such
/// a line is taken: a text must not set anything.
fn modeline(text: &Rope) -> Option<&'static Language> {
    let n = text.len_lines();
    let last = n.saturating_sub(MODELINE_LINES).max(MODELINE_LINES.min(n));
    (0..n.min(MODELINE_LINES)).chain(last..n).find_map(|i| language_of_modeline(&line(text, i)))
}

fn language_of_modeline(line: &str) -> Option<&'static Language> {
    let vim = ["vim:", "vi:", "ex:"].iter().find_map(|mark| line.split_once(mark)).map(|(_, rest)| rest);
    let vim = vim.and_then(|rest| {
        let words = rest.split(|c: char| c.is_whitespace() || c == ':');
        words.filter_map(|word| word.split_once('=')).find(|(key, _)| matches!(*key, "ft" | "filetype"))
    });
    if let Some((_, name)) = vim {
        return named(name);
    }
    let inside = line.split_once("-*-")?.1.split_once("-*-")?.0;
    if !inside.contains(':') {
        return named(inside.trim());
    }
    let mut pairs = inside.split(';').filter_map(|pair| pair.split_once(':'));
    pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case("mode")).and_then(|(_, name)| named(name.trim()))
}

/// Returns the start of a line.
fn line(text: &Rope, i: usize) -> String {
    text.line(i).chars().take(LINE_CHARS_MAX).take_while(|&c| c != '\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file_name: &str, text: &str, name: &str) {
        assert_eq!(detect(file_name, &Rope::from_str(text)).name, name, "{file_name:?} {text:?}");
    }

    #[test]
    fn a_file_s_name_tells_its_language() {
        check("main.rs", "", "Rust");
        check("a/b/Main.JAVA", "", "Java");
        check("x.tsx", "", "TSX");
        check("Cargo.lock", "", "TOML");
        check("notes", "", "Text");
        check("notes.txt", "#!/bin/sh", "Text");
        check("rs", "", "Text");
        check("", "", "Text");
    }

    #[test]
    fn languages_without_a_grammar_are_known_by_their_comments() {
        for (file, mark) in
            [("x.lua", "--"), ("x.ini", ";"), ("Gemfile", "#"), ("Makefile", "#"), ("a.kt", "//")]
        {
            assert_eq!(detect(file, &Rope::new()).line_comment, Some(mark), "{file}");
        }
        assert_eq!(detect("a.xml", &Rope::new()).block_comment, Some(("<!--", "-->")));
        assert_eq!((PLAIN.line_comment, PLAIN.block_comment), (None, None));
    }

    #[test]
    fn the_first_line_s_program_tells_it_too() {
        check("run", "#!/usr/bin/env python3.11\n", "Python");
        check("run", "#!/bin/bash -e\n", "Bash");
        check("run", "#! /usr/bin/env -S A=1 node\n", "JavaScript");
        check("run", "#!\n", "Text");
        check("run", "#!/usr/bin/tclsh\n", "Text");
    }

    #[test]
    fn a_modeline_says_the_name_and_nothing_else() {
        check("a.txt", "x\n# vim: set ft=python ts=2:\n", "Python");
        check("a.h", "/* -*- C++ -*- */\n", "C++");
        check("a.h", "/* -*- coding: utf-8; mode: c++ -*- */\n", "C++");
        check("a.rs", "// vim: ts=8\n", "Rust");
        check("a.rs", "// vim: ft=nonsense\n", "Rust");
        check("a.txt", &("\n".repeat(30) + "-- vim:ft=sql"), "SQL");
        check("a.txt", &("\n".repeat(6) + "-- vim:ft=sql" + &"\n".repeat(30)), "Text");
    }

    #[test]
    fn no_name_belongs_to_two_languages() {
        let mut seen = std::collections::HashSet::new();
        for language in LANGUAGES {
            for name in language.extensions.iter().chain(language.file_names) {
                assert!(seen.insert(*name), "{name}");
            }
            assert_eq!(named(language.name).map(|found| found.name), Some(language.name));
        }
    }
}
