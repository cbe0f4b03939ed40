//! A screen that is drawn again and again: of each row it is known what it was drawn from, so that a frame costs what changed.

use std::hash::{BuildHasher, Hash};
use std::ops::{Index, IndexMut};

use foldhash::quality::FixedState;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

/// Returns a number for all that a row is drawn from: equal rows look equal.
pub fn source_of(from: impl Hash) -> u64 {
    FixedState::with_seed(0).hash_one(from)
}

/// The cells of a screen or of a part of it.
#[derive(Clone, Debug)]
pub struct Screen {
    cells: Buffer,
    rows: Vec<Row>,
}

/// What is known of a row.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    /// What it was drawn from, as a number; `None` when something else was written into it since.
    source: Option<u64>,
    /// Whether it may differ from what the terminal, or whoever took it last, shows.
    is_changed: bool,
}

impl Screen {
    /// Makes a screen of blanks.
    pub fn new(columns: u16, rows: u16) -> Screen {
        let row = Row { source: None, is_changed: true };
        Screen { cells: Buffer::empty(Rect::new(0, 0, columns, rows)), rows: vec![row; rows.into()] }
    }

    /// Becomes blank, unless it has this size.
    pub fn fit(&mut self, columns: u16, rows: u16) {
        if (self.width(), self.height()) != (columns, rows) {
            *self = Screen::new(columns, rows);
        }
    }

    /// Becomes blank, and is drawn whole next time.
    pub fn forget(&mut self) {
        *self = Screen::new(self.width(), self.height());
    }

    /// Returns the number of columns.
    pub fn width(&self) -> u16 {
        self.cells.area.width
    }

    /// Returns the number of rows.
    pub fn height(&self) -> u16 {
        self.cells.area.height
    }

    /// Returns whether a cell is on it.
    pub fn contains(&self, at: Position) -> bool {
        self.cells.area.contains(at)
    }

    /// Returns the cells.
    pub fn cells(&self) -> &Buffer {
        &self.cells
    }

    /// Returns whether a row must be drawn because it was drawn from something else; it is blank then.
    pub fn starts(&mut self, y: u16, source: u64, style: Style) -> bool {
        let is_same = self.rows.get(usize::from(y)).is_none_or(|row| row.source == Some(source));
        if !is_same {
            self.clear(y, style);
        }
        !is_same
    }

    /// A row is drawn: the next frame may leave it, if it is made of the same.
    pub fn ends(&mut self, y: u16, source: u64) {
        self.rows[usize::from(y)].source = Some(source);
    }

    /// Makes a row blank.
    pub fn clear(&mut self, y: u16, style: Style) {
        let blank = {
            let mut blank = Cell::EMPTY;
            blank.set_style(style);
            blank
        };
        let (y, width) = (usize::from(y), usize::from(self.width()));
        self.cells.content[y * width..][..width].fill(blank);
        self.rows[y] = Row { source: None, is_changed: true };
    }

    /// Writes a cell of a row whose source does not count it.
    pub fn set_beside(&mut self, x: u16, y: u16, symbol: &str, style: Style) {
        let mut cell = Cell::EMPTY;
        cell.set_symbol(symbol).set_style(style);
        if self.contains(Position::new(x, y)) && self.cells[(x, y)] != cell {
            self.cells[(x, y)] = cell;
            self.rows[usize::from(y)].is_changed = true;
        }
    }

    /// Takes over the changed rows of a part of the screen, with its corner at `x` and `y`.
    pub fn paste(&mut self, part: &mut Screen, x: u16, y: u16) {
        for row in part.take_changed() {
            for column in 0..part.width() {
                self[(x + column, y + row)] = part.cells[(column, row)].clone();
            }
        }
    }

    /// Returns the rows that may have changed since this was last called.
    pub fn take_changed(&mut self) -> Vec<u16> {
        let rows = (0..).zip(&mut self.rows);
        rows.filter_map(|(y, row)| std::mem::take(&mut row.is_changed).then_some(y)).collect()
    }
}

impl Index<(u16, u16)> for Screen {
    type Output = Cell;

    fn index(&self, at: (u16, u16)) -> &Cell {
        &self.cells[at]
    }
}

impl IndexMut<(u16, u16)> for Screen {
    fn index_mut(&mut self, at: (u16, u16)) -> &mut Cell {
        self.rows[usize::from(at.1)] = Row { source: None, is_changed: true };
        &mut self.cells[at]
    }
}

impl Index<Position> for Screen {
    type Output = Cell;

    fn index(&self, at: Position) -> &Cell {
        &self[(at.x, at.y)]
    }
}

impl IndexMut<Position> for Screen {
    fn index_mut(&mut self, at: Position) -> &mut Cell {
        &mut self[(at.x, at.y)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::base::time::MonoTime;
    use crate::crdt::clock::ReplicaId;
    use crate::document::{Bias, Document};
    use crate::editor::file::FileMeta;
    use crate::editor::highlight::Painted;
    use crate::editor::key::{Key, KeyCode};
    use crate::editor::settings::Settings;
    use crate::editor::{Model, Msg, update};
    use crate::protocol::ConnectionId;
    use crate::protocol::presence::{Activity, Presence};
    use crate::syntax::highlighter::Highlighter;
    use crate::view::paint::Painter;
    use crate::view::theme::Theme;

    const KEYS: &[KeyCode] = &[
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::PageDown,
        KeyCode::PageUp,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Enter,
        KeyCode::Backspace,
        KeyCode::Esc,
        KeyCode::F(1),
        KeyCode::F(2),
        KeyCode::F(3),
    ];

    fn a_key(rng: &mut Rng) -> Key {
        let is_char = rng.below(2) == 0;
        let code = match is_char {
            true => KeyCode::Char(['a', '漢', '(', '}', '\t', '"', ' ', '\u{202e}'][rng.below(8) as usize]),
            false => KEYS[rng.below(KEYS.len() as u64) as usize],
        };
        let ctrl = match rng.below(12) {
            0 => Some(['d', 'f', 'g', 'z', 'p', 'a'][rng.below(6) as usize]),
            _ => None,
        };
        Key {
            code: ctrl.map_or(code, KeyCode::Char),
            ctrl: ctrl.is_some(),
            alt: false,
            shift: !is_char && rng.below(3) == 0,
        }
    }

    fn somebody(model: &Model, rng: &mut Rng) -> (ConnectionId, Presence) {
        let mut anchor =
            || model.document().anchor(rng.below(model.rope().len_chars() as u64) as usize, Bias::Left);
        let (cursor, from, to) = (anchor(), anchor(), anchor());
        let selections = vec![(from, to)];
        let presence = Presence {
            name: "ana".to_owned(),
            color: 3,
            cursor: Some(cursor),
            selections,
            activity: Activity::Idle,
        };
        (ConnectionId(5), presence)
    }

    fn painted(model: &Model, highlighter: &mut Highlighter) -> Option<Msg> {
        let wanted = model.wanted_highlights()?;
        highlighter.set_text(wanted.grammar, &wanted.text);
        highlighter.advance(&mut || true);
        Some(Msg::Painted(Painted { revision: wanted.revision, spans: highlighter.spans(wanted.chars) }))
    }

    #[test]
    fn a_screen_that_is_drawn_again_and_again_looks_as_one_that_is_drawn_once() {
        let text = "fn f() {\n\tlet a = (\"漢字\", 1); // x\n}\n\n".repeat(12) + &"long ".repeat(60);
        let mut highlighter = Highlighter::new();
        for seed in 0..12 {
            let mut rng = Rng::new(seed);
            let (columns, rows) = (20 + rng.below(60) as u16, 6 + rng.below(20) as u16);
            let mut document = Document::new(ReplicaId::new(1));
            document.insert(0, &text).expect("it fits");
            let meta = FileMeta { name: "a.rs".to_owned(), ..FileMeta::default() };
            let mut model = Model::new(document, meta);
            model.set_settings(Settings { wrap: seed % 2 == 1, ..Settings::default() });
            let (theme, mut now) = (Theme::default(), MonoTime(0));
            update(&mut model, Msg::Resize(columns, rows), now);
            let (mut screen, mut painter) = (Screen::new(columns, rows), Painter::new());
            let size = (rows.try_into().expect("rows"), columns.try_into().expect("columns"));
            let mut terminal = vt100::Parser::new(size.0, size.1, 0);
            for _ in 0..60 {
                now = MonoTime(now.0 + rng.below(900));
                let msg = match rng.below(12) {
                    0 => Some(Msg::People(vec![somebody(&model, &mut rng)])),
                    1 => Some(Msg::People(Vec::new())),
                    2 => Some(Msg::Tick),
                    3 | 4 => painted(&model, &mut highlighter),
                    _ => Some(Msg::Key(a_key(&mut rng))),
                };
                let Some(msg) = msg else { continue };
                let what = format!("{msg:?}");
                update(&mut model, msg, now);
                let cursor = crate::view::draw(&model, &theme, now, &mut screen);
                let mut once = Screen::new(columns, rows);
                crate::view::draw(&model, &theme, now, &mut once);
                assert_eq!(screen.cells(), once.cells(), "seed {seed} after {what}");
                terminal.process(&painter.frame(&mut screen, cursor));
                let mut whole = vt100::Parser::new(size.0, size.1, 0);
                whole.process(&Painter::new().frame(&mut once, cursor));
                for at in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                    let looks = |parser: &vt100::Parser| {
                        let cell = parser.screen().cell(at.0, at.1).expect("on the screen");
                        let text = cell.contents().trim().to_owned();
                        let fg = (!text.is_empty()).then(|| (cell.fgcolor(), cell.bold(), cell.italic()));
                        (text, fg, cell.bgcolor(), cell.inverse(), cell.underline())
                    };
                    assert_eq!(looks(&terminal), looks(&whole), "seed {seed} after {what} at {at:?}");
                }
                assert_eq!(terminal.screen().cursor_position(), whole.screen().cursor_position());
            }
        }
    }
}
