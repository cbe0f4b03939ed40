//! The difference of two screens as the fewest bytes for a terminal.
//!
//! The terminal's cursor and style are tracked from frame to frame, so a key press costs a move and a
//! character. A whole frame is one buffer, to be written in one call.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Position;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use super::screen::Screen;

/// Bytes from which a frame is wrapped in a synchronized update; a smaller one is drawn at once anyway.
const SYNCHRONIZED_BYTES_MIN: usize = 256;

/// Changed blanks at a row's end from which the row is cleared instead.
const CLEAR_CELLS_MIN: usize = 6;

/// The colours of a text and of what is behind it, and its attributes.
type Style = (Color, Color, Modifier);

/// How the terminal's cursor looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorShape {
    /// A bar: what is typed goes in before the character.
    Bar,
    /// A block on the character: keys are commands.
    Block,
}

/// What is on the terminal.
pub struct Painter {
    shown: Option<Buffer>,
    at: Option<Position>,
    style: Option<Style>,
    /// Where the cursor will stay after the frame.
    cursor: Option<Position>,
    /// The style that the terminal remembers together with that place, once it does.
    saved: Option<Option<Style>>,
    /// `None` while nobody knows.
    is_cursor_shown: Option<bool>,
    /// `None` while nobody knows.
    shape: Option<CursorShape>,
    /// Whether the terminal can change it.
    has_shapes: bool,
}

impl Default for Painter {
    fn default() -> Painter {
        Painter::new()
    }
}

impl Painter {
    /// Makes a painter for a terminal of which nothing is known.
    pub fn new() -> Painter {
        Painter {
            shape: None,
            has_shapes: true,
            shown: None,
            at: None,
            style: None,
            cursor: None,
            saved: None,
            is_cursor_shown: None,
        }
    }

    /// Forgets what is on the terminal: the next frame is drawn whole.
    pub fn forget(&mut self) {
        *self = Painter { has_shapes: self.has_shapes, ..Painter::new() };
    }

    /// Never changes the shape of the cursor: some terminals would print the request.
    pub fn leave_shape(&mut self) {
        self.has_shapes = false;
    }

    /// Returns the bytes that give the cursor a shape (DECSCUSR), if it has another one.
    pub fn shape(&mut self, shape: CursorShape) -> &'static [u8] {
        if !self.has_shapes || self.shape.replace(shape) == Some(shape) {
            return b"";
        }
        match shape {
            CursorShape::Block => b"\x1b[2 q",
            CursorShape::Bar => b"\x1b[6 q",
        }
    }

    /// Returns the bytes that turn what is shown into `next`, with the cursor at `cursor` (hidden for `None`). Only the rows of
    /// `next` that changed since the last frame are looked at.
    pub fn frame(&mut self, next: &mut Screen, cursor: Option<Position>) -> Vec<u8> {
        let mut out = Vec::new();
        let changed = next.take_changed();
        let next = next.cells();
        let before = self.shown.take().filter(|shown| shown.area == next.area);
        let rows = if before.is_some() { changed } else { (0..next.area.height).collect() };
        let mut before = before.unwrap_or_else(|| {
            out.extend_from_slice(b"\x1b[m\x1b[2J");
            self.style = Some((Color::Reset, Color::Reset, Modifier::empty()));
            self.at = None;
            Buffer::empty(next.area)
        });
        (self.cursor, self.saved) = (cursor, None);
        for y in rows {
            let start = before.index_of(0, y);
            let cells = start..start + usize::from(next.area.width);
            if before.content[cells.clone()] != next.content[cells.clone()] {
                self.row(&before, next, y, &mut out);
                before.content[cells.clone()].clone_from_slice(&next.content[cells]);
            }
        }
        self.shown = Some(before);
        if let Some(cursor) = cursor {
            self.go_back(cursor, &mut out);
        }
        let is_long = SYNCHRONIZED_BYTES_MIN <= out.len();
        if is_long {
            out.splice(0..0, *b"\x1b[?2026h\x1b[?25l");
            self.is_cursor_shown = Some(false);
        }
        let shows = cursor.is_some();
        if self.is_cursor_shown.replace(shows) != Some(shows) {
            out.extend_from_slice(if shows { b"\x1b[?25h" } else { b"\x1b[?25l" });
        }
        if is_long {
            out.extend_from_slice(b"\x1b[?2026l");
        }
        out
    }

    fn row(&mut self, before: &Buffer, next: &Buffer, y: u16, out: &mut Vec<u8>) {
        let width = next.area.width;
        let blank_from = blank_from(next, y);
        let mut x = 0;
        // Cells that a wider glyph of before covered are undefined once its first half is overwritten.
        let mut stale_until = 0;
        while x < width {
            let cell = &next[(x, y)];
            if stale_until <= x && cell.symbol().len() == 1 && before[(x, y)] == *cell {
                x += 1;
                continue;
            }
            let cells = (cell.symbol().width() as u16).max(1).min(width - x);
            let changed = x < stale_until || (x..x + cells).any(|x| before[(x, y)] != next[(x, y)]);
            if !changed {
                x += cells;
                continue;
            }
            let before_cells = before[(x, y)].symbol().width() as u16;
            stale_until = stale_until.max(x + before_cells);
            let rest = (x..width).any(|x| before[(x, y)].symbol() != " ");
            if blank_from <= x && rest && CLEAR_CELLS_MIN <= usize::from(width - x) {
                self.go(Position::new(x, y), out);
                self.set_style(&next[(width - 1, y)], out);
                out.extend_from_slice(b"\x1b[K");
                return;
            }
            self.go(Position::new(x, y), out);
            self.set_style(cell, out);
            out.extend_from_slice(cell.symbol().as_bytes());
            x += cells;
            // Terminals differ on the width of whatever is not plain: place the next cell absolutely. After
            // the last column the cursor waits to wrap.
            let is_plain = cell.symbol().is_ascii() || (cell.symbol().chars().count() == 1 && cells == 1);
            self.at = (x < width && is_plain).then_some(Position::new(x, y));
        }
    }

    /// Goes to where the cursor stays, by the shortest way.
    fn go_back(&mut self, to: Position, out: &mut Vec<u8>) {
        match self.saved.take() {
            Some(style) if self.at != Some(to) => {
                out.extend_from_slice(b"\x1b8");
                (self.at, self.style) = (Some(to), style);
            }
            _ => self.go(to, out),
        }
    }

    fn go(&mut self, to: Position, out: &mut Vec<u8>) {
        if self.at.is_some() && self.at == self.cursor && self.at != Some(to) {
            // The frame goes on elsewhere and comes back here: the terminal remembers place and style in fewer bytes.
            out.extend_from_slice(b"\x1b7");
            self.saved = Some(self.style);
        }
        let from = self.at.replace(to);
        let bytes = match from {
            Some(from) if from == to => String::new(),
            Some(from) if from.y == to.y && from.x + 1 == to.x => "\x1b[C".to_owned(),
            Some(from) if from.y == to.y && to.x + 1 == from.x => "\x08".to_owned(),
            Some(from) if from.y == to.y && from.x < to.x => format!("\x1b[{}C", to.x - from.x),
            Some(from) if from.y == to.y && to.x == 0 => "\r".to_owned(),
            Some(from) if from.y == to.y => format!("\x1b[{}D", from.x - to.x),
            Some(from) if from.y + 1 == to.y && to.x == 0 => "\r\n".to_owned(),
            _ if to.x == 0 => format!("\x1b[{}H", to.y + 1),
            _ => format!("\x1b[{};{}H", to.y + 1, to.x + 1),
        };
        out.extend_from_slice(bytes.as_bytes());
    }

    fn set_style(&mut self, cell: &Cell, out: &mut Vec<u8>) {
        let wanted = (cell.fg, cell.bg, cell.modifier);
        if self.style == Some(wanted) {
            return;
        }
        let (fg, bg, modifier) = self.style.replace(wanted).unwrap_or_default();
        let mut codes: Vec<String> = Vec::new();
        // Taking something away is shortest by starting over.
        let starts_over = !wanted.2.contains(modifier)
            || (wanted.0 == Color::Reset && fg != Color::Reset)
            || (wanted.1 == Color::Reset && bg != Color::Reset);
        let (fg, bg, modifier) =
            if starts_over { (Color::Reset, Color::Reset, Modifier::empty()) } else { (fg, bg, modifier) };
        let plain = wanted == (Color::Reset, Color::Reset, Modifier::empty());
        if starts_over && !plain {
            codes.push("0".to_owned());
        }
        for (flag, code) in MODIFIERS {
            if wanted.2.contains(*flag) && !modifier.contains(*flag) {
                codes.push((*code).to_owned());
            }
        }
        if wanted.0 != fg {
            codes.push(color(wanted.0, 30));
        }
        if wanted.1 != bg {
            codes.push(color(wanted.1, 40));
        }
        out.extend_from_slice(format!("\x1b[{}m", codes.join(";")).as_bytes());
    }
}

const MODIFIERS: &[(Modifier, &str)] = &[
    (Modifier::BOLD, "1"),
    (Modifier::DIM, "2"),
    (Modifier::ITALIC, "3"),
    (Modifier::UNDERLINED, "4"),
    (Modifier::REVERSED, "7"),
];

/// The parameters of a colour; `base` is 30 for the text and 40 for what is behind it.
fn color(color: Color, base: u8) -> String {
    let dark = |n: u8| (base + n).to_string();
    let bright = |n: u8| (base + 60 + n).to_string();
    match color {
        Color::Reset => dark(9),
        Color::Black => dark(0),
        Color::Red => dark(1),
        Color::Green => dark(2),
        Color::Yellow => dark(3),
        Color::Blue => dark(4),
        Color::Magenta => dark(5),
        Color::Cyan => dark(6),
        Color::Gray => dark(7),
        Color::DarkGray => bright(0),
        Color::LightRed => bright(1),
        Color::LightGreen => bright(2),
        Color::LightYellow => bright(3),
        Color::LightBlue => bright(4),
        Color::LightMagenta => bright(5),
        Color::LightCyan => bright(6),
        Color::White => bright(7),
        Color::Indexed(n) => format!("{};5;{n}", base + 8),
        Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
    }
}

/// Returns from which column on a row is blank without any style.
fn blank_from(buffer: &Buffer, y: u16) -> u16 {
    let is_blank = |x: &u16| {
        let cell = &buffer[(*x, y)];
        cell.symbol() == " " && cell.bg == Color::Reset && cell.modifier.is_empty()
    };
    (0..buffer.area.width).rev().take_while(is_blank).last().unwrap_or(buffer.area.width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;

    fn draw(rows: &[&str], screen: &mut Screen) {
        for (y, row) in (0..).zip(rows) {
            screen.clear(y, Style::new());
            crate::view::put(screen, 0, 20, y, row, Style::new());
        }
    }

    /// What a terminal shows after the frames, against what the buffers say.
    #[track_caller]
    fn check(frames: &[&[&str]]) -> Vec<usize> {
        let (rows, columns) = (frames[0].len() as u16, 20_u16);
        let mut terminal =
            vt100::Parser::new(rows.try_into().expect("rows"), columns.try_into().expect("columns"), 0);
        let (mut painter, mut screen) = (Painter::new(), Screen::new(columns, rows));
        let mut sizes = Vec::new();
        for frame in frames {
            draw(frame, &mut screen);
            let bytes = painter.frame(&mut screen, Some(Position::new(1, 0)));
            terminal.process(&bytes);
            sizes.push(bytes.len());
            let shown: Vec<String> = terminal.screen().rows(0, columns).collect();
            assert_eq!(shown, *frame);
            assert_eq!(terminal.screen().cursor_position(), (0, 1));
        }
        sizes
    }

    #[test]
    fn the_terminal_shows_the_last_buffer() {
        check(&[
            &["hello", "", "  x"],
            &["hallo", "new", "  x"],
            &["漢字 mixed", "", "12345678901234567890"],
            &["a", "a漢", ""],
            &["ab漢", "aa漢", "x"],
            &["", "", ""],
        ]);
    }

    #[test]
    fn a_typed_character_costs_a_few_bytes() {
        let sizes = check(&[&["h", "", ""], &["he", "", ""], &["he", "", ""]]);
        assert!(sizes[1] <= 5, "{sizes:?}");
        assert_eq!(sizes[2], 0);
    }

    #[test]
    fn after_a_change_elsewhere_the_terminal_goes_back_to_the_place_and_the_style_of_before() {
        let red = Style::new().fg(Color::Red);
        let (mut painter, mut screen) = (Painter::new(), Screen::new(20, 4));
        let mut terminal =
            vt100::Parser::new(4.try_into().expect("rows"), 20.try_into().expect("columns"), 0);
        let mut frame = |text: &str, status: &str, screen: &mut Screen| {
            crate::view::put(screen, 0, 20, 1, text, red);
            crate::view::put(screen, 5, 20, 3, status, Style::new().add_modifier(Modifier::REVERSED));
            let bytes = painter.frame(screen, Some(Position::new(text.len() as u16, 1)));
            terminal.process(&bytes);
            let cell = terminal.screen().cell(1, text.len() as u16 - 1).expect("on the screen");
            assert_eq!(cell.fgcolor(), vt100::Color::Idx(1));
            assert_eq!(terminal.screen().cursor_position(), (1, text.len() as u16));
            assert_eq!(terminal.screen().contents().trim(), format!("{text}\n\n     {status}"));
            bytes.len()
        };
        frame("a", "1", &mut screen);
        frame("ab", "2", &mut screen);
        let n_bytes = frame("abc", "3", &mut screen);
        // A letter, away, a style, a digit, and back.
        assert!(n_bytes <= 1 + 2 + 6 + 6 + 1 + 2, "{n_bytes}");
    }
}
