//! The gate for texts that are not the document: names, titles, messages, errors.
//!
//! What comes out is one line of plain characters: controls are written out, so that no name, file or message
//! can act on a terminal, hide, or reverse what stands beside it. `editor::glyph` is the same gate for the
//! document's own text, cluster by cluster.

use unicode_segmentation::UnicodeSegmentation;

use crate::editor::glyph::{TabWidth, bounded, glyph, is_plain, is_private, written_out};
pub use crate::editor::glyph::{line, text};

/// Cells of a name.
pub const NAME_CELLS_MAX: usize = 32;

/// Characters of the terminal window's title.
pub const TITLE_CHARS_MAX: usize = 64;

/// Combining marks on one base in a name.
const NAME_MARKS_MAX: usize = 8;

/// Returns several lines, each made harmless; only their line feeds stay.
pub fn lines(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Returns somebody's name: one line, at most `NAME_CELLS_MAX` cells, never invisible. Private characters and
/// lone joiners are written out here although a text may hold them.
pub fn name(text: &str, id: u32) -> String {
    let mut out = String::new();
    let mut cells = 0;
    let bounded = bounded(text.trim());
    for cluster in bounded.graphemes(true) {
        let shown = name_cluster(cluster);
        let wide = unicode_width::UnicodeWidthStr::width(shown.as_str());
        if NAME_CELLS_MAX - 1 < cells + wide {
            out.push('…');
            return out;
        }
        out.push_str(&shown);
        cells += wide;
    }
    if out.trim().is_empty() { format!("(unnamed) {id}") } else { out }
}

fn name_cluster(cluster: &str) -> String {
    let has_other_blank = cluster.chars().any(|c| c.is_whitespace() && c != ' ');
    if has_other_blank || cluster.chars().any(is_private) {
        return cluster
            .chars()
            .map(|c| {
                if is_plain(c) && !is_private(c) && c != '\u{3000}' { c.to_string() } else { written_out(c) }
            })
            .collect();
    }
    let n_chars = cluster.chars().count();
    let capped: String = cluster.chars().take(1 + NAME_MARKS_MAX).collect();
    let shown = glyph(&capped, 0, TabWidth::default()).text.into_owned();
    if capped.len() < cluster.len() { format!("{shown}+{}", n_chars - 1 - NAME_MARKS_MAX) } else { shown }
}

/// Returns a title for the terminal's window: printable, short, without its terminator.
pub fn title(text: &str) -> String {
    line(text).chars().filter(|c| !c.is_control()).take(TITLE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever goes in, nothing that acts, hides or reorders comes out.
    #[track_caller]
    fn check_harmless(shown: &str) {
        let bad = |c: char| {
            c.is_control()
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
        };
        assert!(!shown.chars().any(bad), "{shown:?}");
    }

    #[test]
    fn controls_and_direction_marks_in_a_line_are_written_out() {
        assert_eq!(line("a\x1b[31mb\u{202e}c\u{9b}d"), "a^[[31mb<U+202E>c<U+009B>d");
        assert_eq!(line("\u{2028}\u{fff9}\u{feff}\u{2066}"), "<U+2028><U+FFF9><U+FEFF><U+2066>");
        assert_eq!(line("grüße 日本 👩"), "grüße 日本 👩");
    }

    #[test]
    fn sequences_are_shown_and_not_executed() {
        for (hostile, shown) in [
            ("\u{1b}]52;c;aGk=\u{7}", "^[]52;c;aGk=^G"),
            ("\u{1b}]0;title", "^[]0;title"),
            ("\u{1b}P$q\u{1b}\\", "^[P$q^[\\"),
            ("\u{1b}[2J\u{1b}[H", "^[[2J^[[H"),
            ("\u{1b}[31mred", "^[[31mred"),
            ("\u{9b}31m\u{9d}0;x\u{9c}", "<U+009B>31m<U+009D>0;x<U+009C>"),
            ("\u{1b}[\u{1b}[31m31m", "^[[^[[31m31m"),
            ("\0\u{7}\u{8}\u{b}\u{c}\u{e}\u{11}\u{13}\u{1a}\u{7f}", "^@^G^H^K^L^N^Q^S^Z^?"),
            ("a\rb", "a^Mb"),
            ("a\nb\tc", "a^Jb c"),
            ("a\r\nb", "a^M^Jb"),
            ("\u{202e}abc\u{2066}", "<U+202E>abc<U+2066>"),
            ("a\u{200b}b\u{feff}", "a<U+200B>b<U+FEFF>"),
            ("\u{85}", "<U+0085>"),
        ] {
            assert_eq!(line(hostile), shown);
            check_harmless(&line(hostile));
        }
    }

    #[test]
    fn a_text_keeps_its_line_ends_and_tabs_alone() {
        assert_eq!(text("a\tb\x1b[31m\r\n\u{9b}c\rd\n"), "a\tb^[[31m\r\n<U+009B>c^Md\n");
        // A long line is a line all the same.
        let long = "x".repeat(100_000);
        assert!(text(&long) == long && line(&long).ends_with("x…"));
    }

    #[test]
    fn every_character_alone_and_after_a_letter_is_harmless() {
        for c in (0..0x11_0000).filter_map(char::from_u32) {
            for text in [c.to_string(), format!("a{c}"), format!("{c}a")] {
                check_harmless(&line(&text));
                check_harmless(&name(&text, 1));
            }
        }
    }

    #[test]
    fn names_are_cut_and_never_empty() {
        assert_eq!(name("ana", 1), "ana");
        assert_eq!(name("", 0x1a2b), "(unnamed) 6699");
        assert_eq!(name("   ", 0x1a2b), "(unnamed) 6699");
        let long = name(&"n".repeat(65_536), 1);
        assert_eq!(long, "n".repeat(31) + "…");
        let wide = name(&"漢".repeat(100), 1);
        assert!(unicode_width::UnicodeWidthStr::width(wide.as_str()) <= NAME_CELLS_MAX);
        assert_eq!(name("a\nb", 1), "a^Jb");
        let marks = name(&("a".to_owned() + &"\u{301}".repeat(300)), 1);
        assert_eq!(marks, "a".to_owned() + &"\u{301}".repeat(8) + "+292");
        assert_eq!(name("\u{e000}", 1), "<U+E000>");
    }

    #[test]
    fn titles_are_short_and_printable() {
        assert_eq!(title("x\u{7}\u{1b}\\y"), "x^G^[\\y");
        assert_eq!(title(&"t".repeat(500)).chars().count(), 64);
    }

    #[test]
    fn several_lines_keep_only_their_line_feeds() {
        assert_eq!(lines("a\u{1b}\nb\r"), "a^[\nb^M");
    }
}
