//! How the screen is divided among open texts.

/// Which way a pane is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Side by side.
    Columns,
    /// One above the other.
    Rows,
}

/// Where another pane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Direction {
    Left,
    Right,
    Up,
    Down,
}

/// What is done with open texts and panes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrange {
    /// Lists the files below the folder, to open one.
    ListFiles,
    /// Lists the files that were open lately.
    ListRecent,
    /// Lists the open texts.
    ListTexts,
    /// Lists the files of shared documents.
    ListShared,
    /// Opens what was open in the folder when the program last ended there.
    Reopen,
    /// Begins a new text.
    New,
    /// Shows the next text.
    Next,
    /// Shows the text before.
    Previous,
    /// Saves every text that is modified.
    SaveAll,
    /// Saves them, and quits when all are saved.
    SaveAllAndQuit,
    /// Closes the text; asks when something is unsaved.
    Close,
    /// Splits the pane.
    Split(Axis),
    /// Goes to the next pane.
    FocusNext,
    /// Goes to the pane before.
    FocusPrevious,
    /// Goes to the pane in a direction.
    FocusBeside(Direction),
    /// Closes the pane; its text stays open.
    ClosePane,
    /// Closes the other panes; their texts stay open.
    OnlyPane,
}

/// A part of the screen, in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// The first column.
    pub x: u16,
    /// The first row.
    pub y: u16,
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

impl Area {
    /// Returns whether a cell is in it.
    pub fn contains(&self, x: u16, y: u16) -> bool {
        (self.x..self.x + self.columns).contains(&x) && (self.y..self.y + self.rows).contains(&y)
    }
}

#[derive(Clone, Debug)]
enum Node<T> {
    Pane(T),
    Split(Axis, Vec<Node<T>>),
}

/// The panes of a screen, each holding a `T`, one of them with the keyboard.
#[derive(Clone, Debug)]
pub struct Panes<T> {
    root: Node<T>,
    focus: usize,
}

/// Cells that a pane needs in either direction to be split.
const SPLIT_COLUMNS_MIN: u16 = 20;
const SPLIT_ROWS_MIN: u16 = 6;

impl<T> Panes<T> {
    /// Makes one pane.
    pub fn new(pane: T) -> Panes<T> {
        Panes { root: Node::Pane(pane), focus: 0 }
    }

    /// Returns every pane in order: from the left, from the top.
    pub fn all(&self) -> Vec<&T> {
        fn walk<'a, T>(node: &'a Node<T>, all: &mut Vec<&'a T>) {
            match node {
                Node::Pane(pane) => all.push(pane),
                Node::Split(_, parts) => parts.iter().for_each(|part| walk(part, all)),
            }
        }
        let mut all = Vec::new();
        walk(&self.root, &mut all);
        all
    }

    /// Returns every pane in order, to be changed.
    pub fn all_mut(&mut self) -> Vec<&mut T> {
        fn walk<'a, T>(node: &'a mut Node<T>, all: &mut Vec<&'a mut T>) {
            match node {
                Node::Pane(pane) => all.push(pane),
                Node::Split(_, parts) => parts.iter_mut().for_each(|part| walk(part, all)),
            }
        }
        let mut all = Vec::new();
        walk(&mut self.root, &mut all);
        all
    }

    /// Returns which pane has the keyboard, as its place in `all`.
    pub fn focus(&self) -> usize {
        self.focus
    }

    /// Gives the keyboard to a pane by its place; one that is not there leaves it where it is.
    pub fn set_focus(&mut self, pane: usize) {
        if pane < self.all().len() {
            self.focus = pane;
        }
    }

    /// Gives the keyboard to the next pane, or the one before, around the ends.
    pub fn step(&mut self, is_forward: bool) {
        let n = self.all().len();
        self.focus = (self.focus + if is_forward { 1 } else { n - 1 }) % n;
    }

    /// Returns the place of the nearest pane in a direction from the one with the keyboard when all have `area`; of those that
    /// are as near, the one that has most of the border in common.
    pub fn beside(&self, direction: Direction, area: Area) -> Option<usize> {
        let areas = self.areas(area);
        let own = areas[self.focus];
        let common =
            |a: u16, a_len: u16, b: u16, b_len: u16| (a + a_len).min(b + b_len).saturating_sub(a.max(b));
        let near = |(n, other): (usize, &Area)| {
            let distance = match direction {
                Direction::Left => own.x.checked_sub(other.x + other.columns),
                Direction::Right => other.x.checked_sub(own.x + own.columns),
                Direction::Up => own.y.checked_sub(other.y + other.rows),
                Direction::Down => other.y.checked_sub(own.y + own.rows),
            };
            let n_common = match direction {
                Direction::Left | Direction::Right => common(own.y, own.rows, other.y, other.rows),
                Direction::Up | Direction::Down => common(own.x, own.columns, other.x, other.columns),
            };
            distance
                .filter(|_| 0 < n_common && n != self.focus)
                .map(|far| (far, std::cmp::Reverse(n_common), n))
        };
        areas.iter().enumerate().filter_map(near).min().map(|(.., n)| n)
    }

    /// Closes every pane but the one with the keyboard.
    pub fn only(&mut self) {
        for _ in 1..self.all().len() {
            let kept = self.focus;
            self.focus = usize::from(kept == 0);
            self.close();
            self.focus = kept.saturating_sub(1);
        }
    }

    /// Splits the pane with the keyboard; the new one is behind it and gets the keyboard.
    pub fn split(&mut self, axis: Axis, pane: T) {
        fn walk<T>(node: Node<T>, left: &mut usize, axis: Axis, new: &mut Option<T>) -> Node<T> {
            match node {
                Node::Pane(old) if *left == 0 && new.is_some() => {
                    let new = new.take().map(Node::Pane);
                    Node::Split(axis, std::iter::once(Node::Pane(old)).chain(new).collect())
                }
                Node::Pane(old) => {
                    *left = left.saturating_sub(1);
                    Node::Pane(old)
                }
                Node::Split(own, parts) => {
                    let mut out = Vec::new();
                    for part in parts {
                        match walk(part, left, axis, new) {
                            // In the same direction: one more beside the others.
                            Node::Split(inner, more) if inner == own => out.extend(more),
                            part => out.push(part),
                        }
                    }
                    Node::Split(own, out)
                }
            }
        }
        let (mut left, mut new) = (self.focus, Some(pane));
        let mut panes = std::mem::take(&mut self.root_parts());
        if let Some(root) = panes.pop() {
            self.root = walk(root, &mut left, axis, &mut new);
        }
        self.focus += 1;
    }

    /// Takes the root out, to be put back.
    fn root_parts(&mut self) -> Vec<Node<T>> {
        let root = std::mem::replace(&mut self.root, Node::Split(Axis::Rows, Vec::new()));
        vec![root]
    }

    /// Closes the pane with the keyboard and returns what it held; the last one stays.
    pub fn close(&mut self) -> Option<T> {
        fn walk<T>(node: Node<T>, left: &mut usize, closed: &mut Option<T>) -> Option<Node<T>> {
            match node {
                Node::Pane(pane) if *left == 0 && closed.is_none() => {
                    *closed = Some(pane);
                    None
                }
                Node::Pane(pane) => {
                    *left = left.saturating_sub(1);
                    Some(Node::Pane(pane))
                }
                Node::Split(axis, parts) => {
                    let mut kept: Vec<_> =
                        parts.into_iter().filter_map(|part| walk(part, left, closed)).collect();
                    if kept.len() == 1 { kept.pop() } else { Some(Node::Split(axis, kept)) }
                }
            }
        }
        if self.all().len() == 1 {
            return None;
        }
        let (mut left, mut closed) = (self.focus, None);
        let root = self.root_parts().pop()?;
        if let Some(root) = walk(root, &mut left, &mut closed) {
            self.root = root;
        }
        self.focus = self.focus.min(self.all().len() - 1);
        closed
    }

    /// Returns where each pane is when all have `area`. Panes side by side have a column between them.
    pub fn areas(&self, area: Area) -> Vec<Area> {
        fn walk<T>(node: &Node<T>, area: Area, all: &mut Vec<Area>) {
            let Node::Split(axis, parts) = node else { return all.push(area) };
            let n = parts.len() as u16;
            let gap = u16::from(*axis == Axis::Columns);
            let whole = if *axis == Axis::Columns { area.columns } else { area.rows };
            let room = whole.saturating_sub(gap * (n - 1));
            let mut at = 0;
            for (i, part) in (0..n).zip(parts) {
                let cells = room / n + u16::from(i < room % n);
                let part_area = match axis {
                    Axis::Columns => Area { x: area.x + at, columns: cells, ..area },
                    Axis::Rows => Area { y: area.y + at, rows: cells, ..area },
                };
                walk(part, part_area, all);
                at += cells + gap;
            }
        }
        let mut all = Vec::new();
        walk(&self.root, area, &mut all);
        all
    }

    /// Returns whether the pane with the keyboard is large enough to be split.
    pub fn may_split(&self, axis: Axis, area: Area) -> bool {
        let areas = self.areas(area);
        match axis {
            Axis::Columns => 2 * SPLIT_COLUMNS_MIN < areas[self.focus].columns,
            Axis::Rows => 2 * SPLIT_ROWS_MIN <= areas[self.focus].rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Area = Area { x: 0, y: 0, columns: 81, rows: 24 };

    #[test]
    fn panes_split_both_ways_and_close_again() {
        let mut panes = Panes::new('a');
        panes.split(Axis::Columns, 'b');
        panes.split(Axis::Rows, 'c');
        panes.set_focus(0);
        panes.split(Axis::Columns, 'd');
        assert_eq!((panes.all(), panes.focus()), (vec![&'a', &'d', &'b', &'c'], 1));
        let areas = panes.areas(SCREEN);
        assert_eq!(areas[0], Area { columns: 27, ..SCREEN });
        assert_eq!((areas[3].x, areas[3].y, areas[3].rows), (55, 12, 12));
        assert_eq!(panes.close(), Some('d'));
        panes.set_focus(2);
        assert_eq!(panes.close(), Some('c'));
        assert_eq!((panes.all(), panes.focus()), (vec![&'a', &'b'], 1));
        assert_eq!(panes.close(), Some('b'));
        assert_eq!(panes.close(), None);
        assert_eq!(panes.areas(SCREEN), [SCREEN]);
    }

    #[test]
    fn the_pane_in_a_direction_is_the_nearest_that_shares_the_border() {
        // a | b
        //   | c
        let mut panes = Panes::new('a');
        panes.split(Axis::Columns, 'b');
        panes.split(Axis::Rows, 'c');
        let beside =
            |panes: &Panes<char>, direction| panes.beside(direction, SCREEN).map(|n| *panes.all()[n]);
        assert_eq!(beside(&panes, Direction::Left), Some('a'));
        assert_eq!(beside(&panes, Direction::Up), Some('b'));
        assert_eq!((beside(&panes, Direction::Down), beside(&panes, Direction::Right)), (None, None));
        panes.set_focus(0);
        assert_eq!(beside(&panes, Direction::Right), Some('b'));
        assert_eq!(beside(&panes, Direction::Up), None);
        panes.set_focus(1);
        assert_eq!(beside(&panes, Direction::Down), Some('c'));
        panes.only();
        assert_eq!((panes.all(), panes.focus()), (vec![&'b'], 0));
    }

    #[test]
    fn areas_never_overlap_and_the_keyboard_goes_round() {
        let mut panes = Panes::new(0);
        for n in 1..6 {
            panes.split(if n % 2 == 0 { Axis::Columns } else { Axis::Rows }, n);
        }
        for (columns, rows) in [(300, 100), (20, 6), (1, 1), (0, 0)] {
            let area = Area { x: 0, y: 1, columns, rows };
            let areas = panes.areas(area);
            assert_eq!(areas.len(), 6);
            for y in 0..rows + 1 {
                for x in 0..columns {
                    assert!(areas.iter().filter(|area| area.contains(x, y)).count() <= 1);
                }
            }
        }
        panes.step(true);
        assert_eq!(panes.focus(), 0);
        panes.step(false);
        assert_eq!(panes.focus(), 5);
    }
}
