//! What one grapheme cluster looks like on a screen: the allow-list that every drawn text goes through.
//!
//! Whatever is not known to be harmless is written out (`^[`, `<U+202E>`), so that no text from a file, a
//! person or the network can act on the terminal or hide. The editor measures columns with the same function
//! that the view draws with, so the cursor is always on the cell of its character.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Cells from one tab stop to the next, 1 to `TabWidth::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TabWidth(u8);

impl TabWidth {
    /// The widest.
    pub const MAX: u8 = 16;

    /// Makes one of so many cells; more or fewer than there can be become the nearest that can.
    pub fn new(n_cells: u8) -> TabWidth {
        TabWidth(n_cells.clamp(1, TabWidth::MAX))
    }

    /// Returns the number of cells.
    pub fn cells(self) -> u8 {
        self.0
    }

    /// Returns how many cells a tab takes that starts `column` cells from the start of its line.
    fn cells_at(self, column: usize) -> usize {
        let width = usize::from(self.0);
        width - column % width
    }
}

impl Default for TabWidth {
    fn default() -> TabWidth {
        TabWidth(4)
    }
}

/// Characters of a name or a message that are looked at; what lies behind is cut, so that a huge one costs nothing.
const INPUT_CHARS_MAX: usize = 4_096;

/// Combining marks drawn on one base; the others are counted in a `+n`.
pub const MARKS_MAX: usize = 32;

/// How a glyph is to be coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlyphKind {
    /// The text as it is.
    Text,
    /// Blank cells that stand for a tab.
    Tab,
    /// A written-out character that would act or be invisible.
    Mark,
}

/// One grapheme cluster as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glyph<'a> {
    /// Harmless text.
    pub text: Cow<'a, str>,
    /// How many cells it takes; at least 1.
    pub cells: usize,
    /// How to colour it.
    pub kind: GlyphKind,
}

/// Returns what `cluster` looks like when it starts `column` cells from the start of its line. A line feed or
/// an empty cluster takes one blank cell.
pub fn glyph(cluster: &str, column: usize, tab: TabWidth) -> Glyph<'_> {
    let mut chars = cluster.chars();
    match (chars.next(), chars.as_str()) {
        (None | Some('\n'), "") => Glyph { text: " ".into(), cells: 1, kind: GlyphKind::Text },
        (Some('\t'), "") => {
            const BLANKS: &str = "                ";
            let cells = tab.cells_at(column);
            Glyph { text: BLANKS[..cells].into(), cells, kind: GlyphKind::Tab }
        }
        (Some(' '..='~'), "") => Glyph { text: cluster.into(), cells: 1, kind: GlyphKind::Text },
        (Some(c), "") if !is_plain(c) => {
            let text = written_out(c);
            Glyph { cells: text.len(), text: text.into(), kind: GlyphKind::Mark }
        }
        _ => composed(cluster),
    }
}

/// Returns a message or an error as one line that is harmless on any terminal.
pub fn line(text: &str) -> String {
    let bounded = bounded(text);
    let mut out = harmless(bounded, |cluster| match cluster {
        "\n" => Some("^J"),
        "\t" => Some(" "),
        _ => None,
    });
    if bounded.len() < text.len() {
        out.push('…');
    }
    out
}

/// Returns all of a text for a terminal: line ends and tabs stay, other controls are written out.
pub fn text(text: &str) -> String {
    harmless(text, |cluster| match cluster {
        "\n" => Some("\n"),
        "\r\n" => Some("\r\n"),
        "\t" => Some("\t"),
        _ => None,
    })
}

/// Writes out what must not reach a terminal, but for the clusters that `instead` knows better.
fn harmless(text: &str, instead: impl Fn(&str) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    for cluster in text.graphemes(true) {
        match instead(cluster) {
            Some(known) => out.push_str(known),
            None => out.push_str(&glyph(cluster, 0, TabWidth::default()).text),
        }
    }
    out
}

/// Returns as much of a name or a message as is looked at.
pub fn bounded(text: &str) -> &str {
    text.char_indices().nth(INPUT_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}

/// Returns whether a character can be drawn as it is when it stands alone or starts a cluster.
pub fn is_plain(c: char) -> bool {
    !c.is_control() && !is_hidden(c) && !is_joiner(c) && c.width().is_some()
}

/// Returns the visible form of a character that must not reach the terminal.
pub fn written_out(c: char) -> String {
    match c as u32 {
        code @ 0..0x20 => format!("^{}", char::from(b'@' + code as u8)),
        0x7f => "^?".to_owned(),
        code => format!("<U+{code:04X}>"),
    }
}

/// Returns whether a character changes the order in which text is shown.
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Returns whether a character is invisible, changes the direction, or is no character at all.
pub fn is_hidden(c: char) -> bool {
    is_bidi_control(c)
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fdd0}'..='\u{fdef}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || c as u32 & 0xfffe == 0xfffe
}

/// What stands for a blank that is no space.
const ODD_BLANK: &str = "␣";

/// Joiners and variation selectors: they have a meaning only inside a cluster, after a base.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// Returns whether a character is a blank that looks like a space and is none: those that do not break a line, of other widths, and of Braille. The wide one of
/// Chinese and Japanese is ordinary text.
pub fn is_odd_blank(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{2800}')
}

/// Returns whether a character has no meaning but what somebody agreed on: what it looks like is up to the font.
pub fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

/// Draws a cluster that is more than one plain ASCII character.
fn composed(cluster: &str) -> Glyph<'_> {
    if cluster.chars().all(is_odd_blank) {
        return Glyph { text: ODD_BLANK.into(), cells: 1, kind: GlyphKind::Mark };
    }
    // After a letter of ASCII, a joiner or a variation selector has no use but to make two names look like one.
    let hides = |c: char| is_joiner(c) && cluster.starts_with(|base: char| base.is_ascii_alphabetic());
    let mut kept = String::new();
    let mut marks = String::new();
    let (mut n_marks, mut n_cut) = (0, 0);
    for (i, c) in cluster.chars().enumerate() {
        let extends = 0 < i && (is_joiner(c) || c.width() == Some(0));
        if c.is_control() || is_hidden(c) || hides(c) || (i == 0 && is_joiner(c)) {
            marks.push_str(&written_out(c));
        } else if extends && MARKS_MAX <= n_marks {
            n_cut += 1;
        } else {
            n_marks += usize::from(extends);
            if i == 0 && c.width() == Some(0) {
                // A mark with no base would land on the cell before it.
                kept.push('\u{25cc}');
            }
            kept.push(c);
        }
    }
    if 0 < n_cut {
        let _ = write!(marks, "+{n_cut}");
    }
    let cells = UnicodeWidthStr::width(kept.as_str());
    if marks.is_empty() && 0 < cells && kept.len() == cluster.len() {
        return Glyph { text: cluster.into(), cells, kind: GlyphKind::Text };
    }
    let kind = if marks.is_empty() { GlyphKind::Text } else { GlyphKind::Mark };
    if cells == 0 && !kept.is_empty() {
        marks = kept.chars().map(written_out).collect::<String>() + &marks;
        kept.clear();
    }
    let cells = (cells + marks.len()).max(1);
    Glyph { text: (kept + &marks).into(), cells, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cluster: &str, text: &str, cells: usize) {
        let glyph = glyph(cluster, 0, TabWidth::default());
        assert_eq!((glyph.text.as_ref(), glyph.cells), (text, cells), "{cluster:?}");
    }

    #[test]
    fn plain_text_is_drawn_as_it_is() {
        check("a", "a", 1);
        check("漢", "漢", 2);
        check("e\u{301}", "e\u{301}", 1);
        check("👩‍👩‍👧", "👩‍👩‍👧", 2);
        check("🇩🇪", "🇩🇪", 2);
        check("❤\u{fe0f}", "❤\u{fe0f}", 2);
        check("👍🏽", "👍🏽", 2);
        check("\u{e0b0}", "\u{e0b0}", 1);
    }

    #[test]
    fn what_would_act_or_hide_is_written_out() {
        check("\u{1b}", "^[", 2);
        check("\0", "^@", 2);
        check("\r", "^M", 2);
        check("\u{7f}", "^?", 2);
        check("\u{9b}", "<U+009B>", 8);
        check("\u{202e}", "<U+202E>", 8);
        check("\u{200b}", "<U+200B>", 8);
        check("\u{feff}", "<U+FEFF>", 8);
        check("\u{3164}", "<U+3164>", 8);
        check("\u{fffe}", "<U+FFFE>", 8);
        check("\u{200d}", "<U+200D>", 8);
        check("\u{fe0f}", "<U+FE0F>", 8);
        check("a\u{e0041}", "a<U+E0041>", 10);
        check("a\u{200d}", "a<U+200D>", 9);
        check("a\u{fe0f}", "a<U+FE0F>", 9);
        check("1\u{fe0f}\u{20e3}", "1\u{fe0f}\u{20e3}", 2);
        check("\u{a0}", "␣", 1);
        check("\u{2003}", "␣", 1);
        check("\u{3000}", "\u{3000}", 2);
        check("\r\n", "^M^J", 4);
    }

    #[test]
    fn a_mark_without_base_gets_one() {
        check("\u{301}", "\u{25cc}\u{301}", 1);
    }

    #[test]
    fn marks_are_capped_and_counted() {
        let cluster = "a".to_owned() + &"\u{301}".repeat(300);
        let shown = glyph(&cluster, 0, TabWidth::default());
        assert_eq!(shown.text, "a".to_owned() + &"\u{301}".repeat(32) + "+268");
        assert_eq!(shown.cells, 5);
    }

    #[test]
    fn tab_goes_to_the_next_stop() {
        let cells = |column, width| glyph("\t", column, TabWidth::new(width)).cells;
        assert_eq!([cells(0, 4), cells(3, 4), cells(5, 4)], [4, 1, 3]);
        assert_eq!([cells(0, 8), cells(3, 8), cells(8, 8)], [8, 5, 8]);
        assert_eq!([cells(7, 1), cells(7, 0), cells(0, 99)], [1, 1, 16]);
    }
}
