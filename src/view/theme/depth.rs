//! How many colours a terminal has, and a theme in so many.

use ratatui::style::{Color, Modifier, Style};

use super::Theme;

/// How many colours a terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// None: what else a style has must do.
    None,
    /// The sixteen that it chooses itself.
    Sixteen,
    /// The 256 of xterm.
    Indexed,
    /// Any.
    True,
}

/// Red, green and blue of the first sixteen, as most terminals have them.
const SIXTEEN: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];

const NAMED: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

impl Depth {
    /// Returns what the environment says: `NO_COLOR` (no-color.org), `COLORTERM` and `TERM`; each empty if not set.
    pub fn of(no_color: &str, colorterm: &str, term: &str) -> Depth {
        let has = |words: &[&str]| words.iter().any(|word| term.contains(word));
        if !no_color.is_empty() || term.is_empty() || term == "dumb" || term.ends_with("-m") {
            Depth::None
        } else if matches!(colorterm, "truecolor" | "24bit") || has(&["direct", "kitty", "ghostty"]) {
            Depth::True
        } else if has(&["256color", "alacritty", "foot", "wezterm"]) {
            Depth::Indexed
        } else if has(&["vt1", "vt2"]) {
            Depth::None
        } else {
            Depth::Sixteen
        }
    }

    /// Returns the nearest colour that there is.
    fn nearest(self, color: Color) -> Color {
        match (self, color) {
            (Depth::None, _) => Color::Reset,
            (Depth::Indexed, Color::Rgb(r, g, b)) => Color::Indexed(indexed((r, g, b))),
            (Depth::Sixteen, Color::Rgb(r, g, b)) => sixteen((r, g, b)),
            (Depth::Sixteen, Color::Indexed(n)) => sixteen(rgb(n)),
            (_, color) => color,
        }
    }

    fn style(self, style: Style) -> Style {
        if self == Depth::None {
            // What a colour behind the text marked is marked by the other thing that every terminal can do.
            let marked = style.bg.is_some_and(|bg| bg != Color::Reset);
            let plain = Style { fg: None, bg: None, ..style };
            return if marked { plain.add_modifier(Modifier::REVERSED) } else { plain };
        }
        let (fg, bg) = (style.fg.map(|fg| self.nearest(fg)), style.bg.map(|bg| self.nearest(bg)));
        let is_lost = fg.is_some() && fg == bg && fg != Some(Color::Reset) && style.fg != style.bg;
        let is_dark = matches!(bg, Some(Color::Black | Color::DarkGray | Color::Blue));
        let other = if is_dark { Color::White } else { Color::Black };
        Style { fg: if is_lost { Some(other) } else { fg }, bg, ..style }
    }
}

impl Theme {
    /// Returns the theme for a terminal with so many colours.
    pub fn at(mut self, depth: Depth) -> Theme {
        if depth == Depth::None {
            // The whole screen has no colour to stand out from.
            self.text.bg = None;
            self.gutter.bg = None;
            self.scroll.bg = None;
            self.mark.bg = None;
        }
        for (_, style) in self.parts_mut() {
            *style = depth.style(*style);
        }
        self.kinds.iter_mut().for_each(|style| *style = depth.style(*style));
        self.people.iter_mut().for_each(|color| *color = depth.nearest(*color));
        self.on_people = depth.nearest(self.on_people);
        self.has_color = depth != Depth::None;
        self
    }
}

/// Returns the colour of xterm's 256 that is nearest: of the cube of six levels, or of the greys.
fn indexed((r, g, b): (u8, u8, u8)) -> u8 {
    let level = |c: u8| if c < 48 { 0 } else { ((u16::from(c) - 35) / 40).min(5) as u8 };
    let cube = 16 + 36 * level(r) + 6 * level(g) + level(b);
    let mean = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    let grey = 232 + (mean.saturating_sub(3) / 10).min(23) as u8;
    if distance(rgb(grey), (r, g, b)) < distance(rgb(cube), (r, g, b)) { grey } else { cube }
}

fn sixteen(rgb: (u8, u8, u8)) -> Color {
    let nearest = (0..16).min_by_key(|&i| distance(SIXTEEN[i], rgb));
    nearest.map_or(Color::Reset, |i| NAMED[i])
}

/// Returns red, green and blue of one of the 256.
fn rgb(n: u8) -> (u8, u8, u8) {
    let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
    match n {
        0..16 => SIXTEEN[usize::from(n)],
        16..232 => (level((n - 16) / 36), level((n - 16) / 6 % 6), level((n - 16) % 6)),
        232.. => (8 + 10 * (n - 232), 8 + 10 * (n - 232), 8 + 10 * (n - 232)),
    }
}

/// How far two colours are apart to the eye: green counts most, blue least.
fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let part = |a: u8, b: u8, weight: u32| u32::from(a.abs_diff(b)).pow(2) * weight;
    part(a.0, b.0, 3) + part(a.1, b.1, 4) + part(a.2, b.2, 2)
}

#[cfg(test)]
mod tests {
    use super::super::file::{BUILT_IN, parse};
    use super::*;

    #[test]
    fn the_environment_says_how_many() {
        assert_eq!(Depth::of("", "truecolor", "xterm-256color"), Depth::True);
        assert_eq!(Depth::of("", "", "xterm-256color"), Depth::Indexed);
        assert_eq!(Depth::of("", "", "tmux-256color"), Depth::Indexed);
        assert_eq!(Depth::of("", "", "linux"), Depth::Sixteen);
        assert_eq!(Depth::of("", "", "xterm"), Depth::Sixteen);
        assert_eq!(Depth::of("1", "truecolor", "xterm"), Depth::None);
        assert_eq!(Depth::of("", "", "vt100"), Depth::None);
        assert_eq!(Depth::of("", "", "dumb"), Depth::None);
    }

    #[test]
    fn the_nearest_colour_is_itself_where_there_is_it() {
        for n in 16..=255 {
            let (r, g, b) = rgb(n);
            let found = rgb(indexed((r, g, b)));
            assert_eq!(found, (r, g, b), "{n}");
        }
        assert_eq!(sixteen((250, 10, 10)), Color::LightRed);
        assert_eq!(sixteen((20, 20, 30)), Color::Black);
    }

    #[test]
    fn no_theme_loses_a_text_at_any_depth() {
        for (name, text) in BUILT_IN {
            for depth in [Depth::None, Depth::Sixteen, Depth::Indexed, Depth::True] {
                let mut theme = parse(text).unwrap().at(depth);
                for (part, style) in theme.parts_mut() {
                    let is_lost =
                        style.fg.is_some() && style.fg == style.bg && style.fg != Some(Color::Reset);
                    assert!(!is_lost, "{name} {depth:?}: {part} {style:?}");
                }
                let bg = theme.text.bg;
                for style in theme.kinds {
                    let is_lost = style.fg.is_some() && style.fg == bg && bg != Some(Color::Reset);
                    assert!(!is_lost, "{name} {depth:?}: {style:?}");
                }
            }
        }
    }

    #[test]
    fn without_colours_what_was_marked_is_still_marked() {
        for (name, text) in BUILT_IN {
            let mut theme = parse(text).unwrap().at(Depth::None);
            for (part, style) in theme.parts_mut() {
                let has_color = style.fg.is_some_and(|fg| fg != Color::Reset)
                    || style.bg.is_some_and(|bg| bg != Color::Reset);
                assert!(!has_color, "{name}: {part}");
            }
            for style in [theme.selection, theme.found, theme.status] {
                assert!(style.add_modifier.contains(Modifier::REVERSED), "{name}");
            }
            assert!(theme.on_person(3).add_modifier.contains(Modifier::REVERSED));
        }
    }
}
