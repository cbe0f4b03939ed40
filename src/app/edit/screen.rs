//! The panes on the screen: where each is drawn, and whose a click is.

use crate::editor::Msg;
use crate::editor::key::{Mouse, MouseKind};
use crate::editor::panes::Area;
use crate::io::clock;
use crate::view;

use super::Shell;

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
            msg => msg,
        };
        self.tell(msg)?;
        self.forget_releases();
        Ok(())
    }

    /// Gives the keyboard to the pane that was clicked, and counts its cells from its corner.
    fn aimed(&mut self, mouse: Mouse) -> anyhow::Result<Option<Mouse>> {
        let is_press = mouse.kind == MouseKind::Press;
        if self.has_tabs() && mouse.y == 0 && mouse.kind != MouseKind::Drag {
            let tab = view::tab_at(&self.tabs(), self.current(), self.terminal.size().0, mouse.x)
                .filter(|_| is_press);
            if let Some(n) = tab {
                self.show(n)?;
            }
            return Ok(None);
        }
        let areas = self.panes.areas(self.area_of_panes());
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

    /// The names of the open texts and whether each is modified.
    fn tabs(&self) -> Vec<(String, bool)> {
        let tab = |buffer: &super::Buffer| (buffer.model.file().name.clone(), buffer.model.is_modified());
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
        self.tell(Msg::Resize(area.columns, area.rows))
    }

    pub(super) fn redraw_all(&mut self) -> anyhow::Result<()> {
        self.painter.forget();
        self.fit()
    }

    pub(super) fn draw(&mut self) -> anyhow::Result<()> {
        let (columns, rows) = self.terminal.size();
        let now = clock::mono_now();
        let (current, focus) = (self.current(), self.panes.focus());
        let mut whole = view::blank(columns, rows);
        let is_alone = self.panes.all().len() == 1 && !self.has_tabs();
        let cursor = if is_alone {
            view::draw(&self.buffers[current].model, &self.theme, now, &mut whole)
        } else {
            let area = self.area_of_panes();
            if self.has_tabs() {
                view::tabs(&self.tabs(), current, &self.theme, &mut whole);
            }
            let areas = self.panes.areas(area);
            let own = self.buffers[current].model.view();
            for (n, area) in areas.iter().enumerate().filter(|(n, _)| *n != focus) {
                let pane = &self.panes.all()[n];
                let Some(at) = self.buffers.iter().position(|buffer| buffer.id == pane.buffer) else {
                    continue;
                };
                let view = pane.view.clone().unwrap_or_else(|| self.buffers[at].model.view());
                let model = &mut self.buffers[at].model;
                model.show(&view, (area.columns, area.rows));
                view::draw_in(model, &self.theme, now, *area, &mut whole);
            }
            // Last, so that the model is as its user left it.
            let area = areas[focus];
            let model = &mut self.buffers[current].model;
            model.show(&own, (area.columns, area.rows));
            view::draw_in(model, &self.theme, now, area, &mut whole)
        };
        let frame = self.painter.frame(whole, cursor);
        Ok(self.terminal.write(&frame)?)
    }
}
