//! The panes on the screen: where each is drawn, and whose a click is.

use ratatui::layout::Position;

use crate::base::time::MonoTime;
use crate::editor::Msg;
use crate::editor::key::{Mouse, MouseKind};
use crate::editor::panes::Area;
use crate::io::clock;
use crate::view;

use super::Shell;
use super::buffer::Buffer;

/// Rows of a screen that leaves none for tabs.
const TABS_ROWS_MIN: u16 = 8;

impl Shell {
    /// Works in what the user did, for the text it was meant for.
    pub(super) fn input(&mut self, msg: Msg) -> anyhow::Result<()> {
        let msg = match msg {
            Msg::Mouse(mouse) => match self.aimed(mouse)? {
                Some(mouse) => Msg::Mouse(mouse),
                None => return Ok(()),
            },
            Msg::Resize(..) => return self.resized(),
            msg => msg,
        };
        self.tell(msg)?;
        self.forget_releases();
        Ok(())
    }

    /// Gives the keyboard to the pane that was clicked, and counts its cells from its corner.
    fn aimed(&mut self, mouse: Mouse) -> anyhow::Result<Option<Mouse>> {
        let is_press = mouse.kind == MouseKind::Press;
        // What covers the screen counts its cells from there.
        if self.buffers[self.current()].model.is_covered() {
            return Ok(Some(mouse));
        }
        if self.has_tabs() && mouse.y == 0 && mouse.kind != MouseKind::Drag {
            let tab = view::tab_at(&self.tabs(), self.current(), self.terminal.size().0, mouse.x)
                .filter(|_| is_press);
            if let Some(n) = tab {
                self.show(n)?;
            }
            return Ok(None);
        }
        let model = &self.buffers[self.current()].model;
        let areas = self.panes.areas(self.area_of_panes());
        let asks_at = model.layout().prompt.filter(|_| model.is_asking() && is_press);
        if let Some(area) = areas.get(self.panes.focus())
            && asks_at.is_some_and(|row| area.y + row == mouse.y)
        {
            return Ok(Some(Mouse { y: mouse.y - area.y, ..mouse }));
        }
        let under = areas.iter().position(|area| area.contains(mouse.x, mouse.y));
        if let Some(under) = under.filter(|&under| is_press && under != self.panes.focus()) {
            self.focus(|panes| panes.set_focus(under))?;
        }
        let Some(area) = areas.get(self.panes.focus()) else { return Ok(None) };
        Ok(Some(Mouse { x: mouse.x.saturating_sub(area.x), y: mouse.y.saturating_sub(area.y), ..mouse }))
    }

    fn has_tabs(&self) -> bool {
        1 < self.buffers.len() && TABS_ROWS_MIN <= self.terminal.size().1
    }

    /// The names of the open texts and whether each is marked as modified.
    fn tabs(&self) -> Vec<(String, bool)> {
        let tab = |buffer: &Buffer| (buffer.model.file().name.clone(), buffer.model.is_marked());
        self.buffers.iter().map(tab).collect()
    }

    pub(super) fn area_of_panes(&self) -> Area {
        let (columns, rows) = self.terminal.size();
        let y = u16::from(self.has_tabs());
        Area { x: 0, y, columns, rows: rows - y }
    }

    /// Takes the size that the terminal has now.
    pub(super) fn fit(&mut self) -> anyhow::Result<()> {
        let area = self.panes.areas(self.area_of_panes())[self.panes.focus()];
        let name = self.buffers[self.current()].model.file().name.clone();
        if name != self.title {
            self.terminal.set_title(&format!("{name} · coedit"))?;
            self.title = name;
        }
        self.tell(Msg::Resize(area.columns, area.rows))?;
        let (columns, rows) = self.terminal.size();
        let current = self.current();
        self.buffers[current].model.set_screen(columns, rows);
        Ok(())
    }

    /// The terminal has another size, or had one for a moment: then it has lost what it showed outside of that.
    pub(super) fn resized(&mut self) -> anyhow::Result<()> {
        self.terminal.measure();
        self.redraw_all()
    }

    /// Nothing is known of what the terminal shows, or everything looks different from now on.
    pub(super) fn forget_screen(&mut self) {
        self.painter.forget();
        self.screen.forget();
        self.areas.clear();
    }

    pub(super) fn redraw_all(&mut self) -> anyhow::Result<()> {
        self.forget_screen();
        self.fit()
    }

    pub(super) fn draw(&mut self) -> anyhow::Result<()> {
        let (columns, rows) = self.terminal.size();
        let now = clock::mono_now();
        let current = self.current();
        self.screen.fit(columns, rows);
        let is_alone = self.panes.all().len() == 1 && !self.has_tabs();
        let is_other = |(n, buffer): (usize, &Buffer)| n != current && buffer.model.is_marked();
        let is_other_modified = self.buffers.iter().enumerate().any(is_other);
        let number = (current + 1, self.buffers.len(), is_other_modified);
        let is_unnamed = !self.has_tabs() && 1 < self.buffers.len();
        self.buffers[current].model.set_number(is_unnamed.then_some(number));
        let cursor = if is_alone {
            self.areas.clear();
            view::draw(&self.buffers[current].model, &self.theme, now, &mut self.screen)
        } else {
            self.draw_panes(now)
        };
        let mut frame = self.painter.frame(&mut self.screen, cursor);
        frame.extend_from_slice(self.painter.shape(view::cursor_shape(&self.buffers[current].model)));
        Ok(self.terminal.write(&frame)?)
    }

    fn draw_panes(&mut self, now: MonoTime) -> Option<Position> {
        let (current, focus) = (self.current(), self.panes.focus());
        let areas = self.panes.areas(self.area_of_panes());
        // What was drawn over the panes is on none of them.
        if self.areas != areas || std::mem::take(&mut self.is_drawn_over) {
            self.screen.forget();
            self.panes.all_mut().into_iter().for_each(|pane| pane.screen.forget());
            self.areas.clone_from(&areas);
        }
        if self.has_tabs() {
            view::tabs(&self.tabs(), current, &self.theme, &mut self.screen);
        }
        let own = self.buffers[current].model.view();
        let mut cursor = None;
        // That with the keyboard last, so that its model is as its user left it.
        let order = (0..areas.len()).filter(|&n| n != focus).chain([focus]);
        for n in order {
            let area = areas[n];
            let Some(pane) = self.panes.all_mut().into_iter().nth(n) else { continue };
            let Some(at) = self.buffers.iter().position(|buffer| buffer.id == pane.buffer) else { continue };
            let model = &mut self.buffers[at].model;
            let view = match n == focus {
                true => own.clone(),
                false => pane.view.clone().unwrap_or_else(|| model.view()),
            };
            model.show(&view, (area.columns, area.rows));
            pane.screen.fit(area.columns, area.rows);
            cursor = view::draw_pane(model, &self.theme, now, n == focus, &mut pane.screen);
            self.screen.paste(&mut pane.screen, area.x, area.y);
            if 0 < area.x && !model.settings().is_spoken {
                view::border(area.x - 1, area.y..area.y + area.rows, &self.theme, &mut self.screen);
            }
        }
        let area = areas[focus];
        let cursor = cursor.map(|at| Position::new(area.x + at.x, area.y + at.y));
        let model = &self.buffers[current].model;
        let (cursor, is_any) =
            view::draw_over(model, &self.theme, now, (area.x, area.y), cursor, &mut self.screen);
        self.is_drawn_over = is_any;
        cursor
    }
}
