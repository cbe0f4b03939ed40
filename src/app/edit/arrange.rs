//! Opening, showing and closing texts; splitting the screen among them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ropey::Rope;

use crate::app::cli::Named;
use crate::app::session::{self, Ending, How, Opened};
use crate::app::setting::Setting;
use crate::app::{docs, share};
use crate::base::time::Millis;
use crate::editor::command::Action;
use crate::editor::panes::{Arrange, Panes};
use crate::editor::picker::{Item, PickerKind};
use crate::editor::{Effect, Msg};
use crate::io::clock;
use crate::io::files::{self, Loaded};
use crate::io::listing;
use crate::io::loading;
use crate::io::paths;
use crate::io::storage::journal::ListedDocument;
use crate::protocol::link_url::LinkUrl;
use crate::syntax::grammar::Grammar;
use crate::syntax::outline::outline;

use super::buffer::{Buffer, BufferId};
use super::{Listed, Pane, Rejoined, Shell, Wanted};

/// How often it is looked at most what other programs did.
const LOOK_EVERY: Millis = Millis(1_500);

/// How long a text may be parsed for its outline.
const OUTLINE_MAX: Duration = Duration::from_secs(5);

impl Shell {
    /// Does what had to wait: opens files, ends sessions.
    pub(super) async fn settle(&mut self) -> anyhow::Result<()> {
        for wanted in std::mem::take(&mut self.wanted) {
            let (opened, is_shown) = match wanted {
                Wanted::End(buffer) => {
                    buffer.end(Ending::Clean).await;
                    continue;
                }
                Wanted::Whole(id, loaded) => {
                    self.complete(id, *loaded).await?;
                    continue;
                }
                Wanted::Anew(id) => {
                    self.drop_mine(id).await?;
                    continue;
                }
                Wanted::Rejoined(rejoined) => {
                    self.rejoined(*rejoined).await?;
                    continue;
                }
                Wanted::Taken(id) => {
                    self.take_over(id).await?;
                    continue;
                }
                Wanted::New => (self.open(Loaded::untitled(String::new())).await, true),
                Wanted::Open(path) => (self.open_path(&path).await, true),
                Wanted::Beside(Named { path, line_col }) => {
                    let opened = self.open_path(&path).await;
                    if let (Ok(n), Some((line, column))) = (&opened, line_col) {
                        self.buffers[*n].model.go_to(line, column);
                    }
                    (opened, false)
                }
            };
            match opened {
                Ok(n) if is_shown => self.show(n)?,
                Ok(_) => self.fit()?,
                Err(error) => self.notify(format!("{error:#}"))?,
            }
        }
        Ok(())
    }

    /// Opens a file, unless it is open. Returns its place among the open texts.
    async fn open_path(&mut self, path: &Path) -> anyhow::Result<usize> {
        let wanted = paths::canonical(path).ok();
        let known = self.buffers.iter().position(|buffer| wanted.is_some() && buffer.path() == wanted);
        match known {
            Some(n) => Ok(n),
            None => match loading::begin(path) {
                Some((first, loading)) => {
                    let buffer = Buffer::first_part(self.n_opened, &self.setting, first, loading)?;
                    Ok(self.add(buffer))
                }
                None => self.open(files::load(path)?).await,
            },
        }
    }

    /// Returns the files that were open when the program last ended in this folder and are still there, and which of them
    /// had the keyboard.
    fn opened_here(&self) -> Option<(Vec<PathBuf>, usize)> {
        let folder = std::env::current_dir().ok()?;
        let opened = self.places.opened_in(&folder)?;
        let current = opened.files.get(opened.current);
        let files: Vec<PathBuf> = opened.files.iter().filter(|file| file.is_file()).cloned().collect();
        let at = files.iter().position(|file| Some(file) == current).unwrap_or(0);
        (!files.is_empty()).then_some((files, at))
    }

    /// Opens what was open in the folder last, in the place of the empty text that the program began with.
    pub(super) async fn restore(&mut self) -> anyhow::Result<()> {
        let Some((files, current)) = self.opened_here() else { return Ok(()) };
        let mut shown = None;
        for (n, file) in files.iter().enumerate() {
            // What cannot be opened now is told when its user asks for it.
            let opened = self.open_path(file).await.ok();
            shown = if n == current { opened.or(shown) } else { shown.or(opened) };
        }
        let Some(shown) = shown else { return Ok(()) };
        self.show(shown)?;
        self.buffers.remove(0).end(Ending::Clean).await;
        self.fit()
    }

    /// Opens what else was not saved when the program was cut off: texts without a file, and files.
    pub(super) async fn recover_rest(&mut self) -> anyhow::Result<()> {
        let n_before = self.buffers.len();
        let is_empty =
            |buffer: &Buffer| !buffer.model.file().has_path && buffer.model.rope().len_chars() == 0;
        let had_nothing = is_empty(&self.buffers[0]);
        let mut failed = None;
        // The newest text without a file came first; as long as there is one there may be another.
        while !had_nothing && !is_empty(&self.buffers[self.buffers.len() - 1]) {
            match self.open(Loaded::untitled(String::new())).await {
                Ok(n) if is_empty(&self.buffers[n]) => {
                    self.buffers.remove(n).end(Ending::Clean).await;
                    break;
                }
                Ok(_) => {}
                Err(error) => {
                    failed = Some(format!("a text without a file did not come back: {error:#}"));
                    break;
                }
            }
        }
        // Those alone: what is kept for its undo may go when it is opened.
        for path in session::unsaved_files(&self.setting.paths).unwrap_or_default() {
            if self.buffers.iter().any(|buffer| buffer.path().as_ref() == Some(&path)) {
                continue;
            }
            let opened = match files::load(&path) {
                Ok(loaded) => self.open(loaded).await,
                Err(error) => Err(error.into()),
            };
            match opened {
                Ok(n) if !self.buffers[n].model.is_modified() => {
                    self.buffers.remove(n).end(Ending::Clean).await;
                }
                Ok(_) => {}
                Err(error) => failed = Some(format!("{} did not come back: {error:#}", path.display())),
            }
        }
        if let Some(words) = failed {
            self.notify(words)?;
        }
        let n_recovered = self.buffers.len() - n_before;
        if n_recovered == 0 {
            return Ok(());
        }
        if had_nothing {
            self.show(n_before)?;
            self.buffers.remove(0).end(Ending::Clean).await;
        }
        self.fit()?;
        let n_all = n_recovered + usize::from(!had_nothing);
        self.notify(format!(
            "{n_all} texts were not saved when coedit was cut off, and are back; Alt-T lists them"
        ))
    }

    /// All of a file is here whose first part was shown: opens it for editing.
    async fn complete(&mut self, id: BufferId, loaded: Loaded) -> anyhow::Result<()> {
        let opened = session::open(&self.setting, &loaded, How::Edit).await;
        let Some(n) = self.place_of(id) else { return Ok(()) };
        match opened {
            Ok(opened) => self.go_on_with(n, loaded, opened).await,
            Err(error) => {
                let mut effects = Vec::new();
                self.buffers[n].stay_in_part(format!("{error:#}"), &mut effects);
                self.carry_out(effects)
            }
        }
    }

    fn place_of(&self, id: BufferId) -> Option<usize> {
        self.buffers.iter().position(|buffer| buffer.id == id)
    }

    /// Goes on with what was opened in the place of a text that was only looked at, where its user is.
    async fn go_on_with(&mut self, n: usize, loaded: Loaded, opened: Opened) -> anyhow::Result<()> {
        let (mut buffer, effects) = Buffer::new(self.buffers[n].id, &self.setting, loaded, opened);
        buffer.model.go_on_from(&mut self.buffers[n].model);
        std::mem::replace(&mut self.buffers[n], buffer).end(Ending::Clean).await;
        self.carry_out(effects)?;
        self.fit()
    }

    /// Puts a text in a file of its own, forgets what only this machine had of it, and joins it again. Until the shared text is
    /// here, which may take a while, what is dropped is still looked at.
    async fn drop_mine(&mut self, id: BufferId) -> anyhow::Result<()> {
        let Some(n) = self.place_of(id) else { return Ok(()) };
        let Some(link) = self.buffers[n].session.link().cloned() else { return Ok(()) };
        let kept = match self.buffers[n].keep_copy(&self.setting.paths.data) {
            Ok(kept) => kept,
            Err(error) => return self.notify(format!("nothing was dropped: {error:#}")),
        };
        let path = self.buffers[n].path();
        // A text has its record to itself: the former must end before the next begins.
        let nothing = session::open_view(Arc::clone(&self.setting.network), Rope::new())?.0;
        let mut effects = Vec::new();
        let why = format!("what you had is in {}; the shared text is on its way", kept.display());
        self.buffers[n].end_session(nothing, &why, &mut effects).await;
        self.carry_out(effects)?;
        let setting = self.setting.clone();
        self.joining.push(Box::pin(async move {
            let opened = rejoin(&setting, path.as_deref(), link).await;
            Rejoined { id, kept, opened }
        }));
        Ok(())
    }

    /// Shows the shared text in the place of what was dropped, or says why it is not here.
    async fn rejoined(&mut self, Rejoined { id, kept, opened }: Rejoined) -> anyhow::Result<()> {
        let Some(n) = self.place_of(id) else { return Ok(()) };
        let missing = match opened {
            Ok((loaded, opened, caught_up)) => {
                self.go_on_with(n, loaded, opened).await?;
                caught_up.err().map(|why| format!("; the shared text is not here yet: {why}"))
            }
            Err(why) => Some(format!("; the shared text could not be opened: {why:#}")),
        };
        let words = format!("what you had is in {}{}", kept.display(), missing.unwrap_or_default());
        let mut effects = Vec::new();
        self.buffers[n].handle(Msg::Notice(words), &mut effects);
        self.carry_out(effects)
    }

    /// Looks now and then, when somebody is there, what other programs did to the text with the keyboard and to the
    /// configuration: not every terminal tells when its window gets the keyboard. Returns whether it looked.
    pub(super) fn look_outside(&mut self) -> anyhow::Result<bool> {
        let now = clock::mono_now();
        if !std::mem::take(&mut self.is_attended) || now.since(self.looked) < LOOK_EVERY {
            return Ok(false);
        }
        self.looked = now;
        let current = self.current();
        let buffer = &mut self.buffers[current];
        let mut effects = vec![Effect::CheckConfig];
        if buffer.is_taken {
            self.wanted.push(Wanted::Taken(buffer.id));
        } else {
            buffer.look_outside(&mut effects);
        }
        self.carry_out(effects)?;
        Ok(true)
    }

    /// Edits what another process had, unless that has it still.
    async fn take_over(&mut self, id: BufferId) -> anyhow::Result<()> {
        let Some(n) = self.place_of(id) else { return Ok(()) };
        let Some(path) = self.buffers[n].path() else { return Ok(()) };
        match load_and_open(&self.setting, &path, How::Edit).await {
            Ok((_, mut opened)) if opened.is_taken => {
                opened.session.end(&mut opened.doc, Ending::Clean).await;
                Ok(())
            }
            Ok((loaded, opened)) => {
                self.go_on_with(n, loaded, opened).await?;
                self.notify("the other coedit has ended: it can be edited here now")
            }
            Err(why) => self.notify(format!("it cannot be edited here yet: {why:#}")),
        }
    }

    async fn open(&mut self, loaded: Loaded) -> anyhow::Result<usize> {
        let opened = session::open(&self.setting, &loaded, How::Edit).await?;
        let (buffer, effects) = Buffer::new(self.n_opened, &self.setting, loaded, opened);
        let n = self.add(buffer);
        self.carry_out(effects)?;
        Ok(n)
    }

    /// Puts a text behind the others, and returns its place.
    fn add(&mut self, mut buffer: Buffer) -> usize {
        self.n_opened += 1;
        // What was copied in one text can be pasted in all of them.
        buffer.model.take_shared(self.buffers[self.current()].model.shared());
        self.buffers.push(buffer);
        let n = self.buffers.len() - 1;
        self.go_to_place(n);
        n
    }

    /// Puts the caret where its user was when the file was last closed.
    pub(super) fn go_to_place(&mut self, n: usize) {
        let buffer = &mut self.buffers[n];
        if let Some(place) = buffer.path().and_then(|path| self.places.of(&path)) {
            buffer.model.go_to(place.line, place.column);
        }
    }

    /// Remembers where the user is in every file, and which are open.
    pub(super) fn note_places(&mut self) {
        let current = self.current();
        let order = (0..self.buffers.len()).filter(|&n| n != current).chain([current]);
        for place in order.filter_map(|n| self.buffers[n].place()) {
            self.places.note(place);
        }
        let open: Vec<_> = self.buffers.iter().filter_map(Buffer::path).collect();
        // A text without a file leaves nothing to remember, and no folder is made for it.
        if open.is_empty() {
            return;
        }
        let current = self.buffers[current].path();
        if let Ok(folder) = std::env::current_dir() {
            self.places.note_open(folder, open, current.as_deref());
        }
        if let Err(error) = self.places.store(&self.setting.paths.data) {
            tracing::debug!(%error, "the places in files could not be kept");
        }
    }

    /// Returns the place of the text that has the keyboard.
    pub(super) fn current(&self) -> usize {
        let id = self.panes.all()[self.panes.focus()].buffer;
        self.buffers.iter().position(|buffer| buffer.id == id).unwrap_or(0)
    }

    /// Shows a text in the pane with the keyboard.
    pub(super) fn show(&mut self, n: usize) -> anyhow::Result<()> {
        let Some(id) = self.buffers.get(n).map(|buffer| buffer.id) else { return Ok(()) };
        let current = self.current();
        if current != n {
            let shared = self.buffers[current].model.shared();
            self.buffers[n].model.take_shared(shared);
        }
        let focus = self.panes.focus();
        if let Some(pane) = self.panes.all_mut().into_iter().nth(focus) {
            *pane = Pane::new(id);
        }
        self.fit()
    }

    /// Gives the keyboard to another pane.
    pub(super) fn focus(
        &mut self,
        to: impl FnOnce(&mut crate::editor::panes::Panes<Pane>),
    ) -> anyhow::Result<()> {
        let (from, current) = (self.panes.focus(), self.current());
        let (view, shared) = (self.buffers[current].model.view(), self.buffers[current].model.shared());
        if let Some(pane) = self.panes.all_mut().into_iter().nth(from) {
            pane.view = Some(view);
        }
        to(&mut self.panes);
        let (focus, current) = (self.panes.focus(), self.current());
        self.buffers[current].model.take_shared(shared);
        if let Some(view) = self.panes.all_mut().into_iter().nth(focus).and_then(|pane| pane.view.take()) {
            let size = self.buffers[current].model.size();
            self.buffers[current].model.show(&view, size);
        }
        self.fit()
    }

    pub(super) fn arrange(&mut self, arrange: Arrange) -> anyhow::Result<()> {
        let (current, n) = (self.current(), self.buffers.len());
        match arrange {
            Arrange::ListFiles => {
                let on_listed = self.on_listed.clone();
                tokio::task::spawn_blocking(move || {
                    drop(on_listed.send(Listed::Files(listing::files_below(Path::new(".")))))
                });
                self.tell(Msg::Await(PickerKind::Files))
            }
            Arrange::ListRecent => {
                let places = self.places.places.iter();
                let items = places
                    .map(|place| item(place.path.display().to_string(), format!("line {}", place.line)));
                let items = items.collect();
                self.tell(Msg::List(PickerKind::Files, items))
            }
            Arrange::ListTexts => {
                let items = self.buffers.iter().map(|buffer| {
                    let path = buffer.path().map_or_else(String::new, |path| path.display().to_string());
                    let mark = if buffer.model.is_marked() { "modified" } else { "" };
                    let name = if path.is_empty() { buffer.model.file().name.clone() } else { path };
                    item(name, mark.to_owned())
                });
                let items = items.collect();
                self.tell(Msg::List(PickerKind::Texts, items))
            }
            Arrange::Reopen => match self.opened_here() {
                Some((files, _)) => {
                    self.wanted.extend(files.into_iter().map(Wanted::Open));
                    Ok(())
                }
                None => self.notify("no files that are still there were open here"),
            },
            Arrange::ListShared => {
                let known = match docs::all(&self.setting.paths) {
                    Ok(known) => known,
                    Err(error) => return self.notify(error.to_string()),
                };
                let items: Vec<Item> = known.iter().filter_map(shared_item).collect();
                match items.is_empty() {
                    true => self.notify("no file is shared from this machine"),
                    false => self.tell(Msg::List(PickerKind::Files, items)),
                }
            }
            Arrange::New => {
                self.wanted.push(Wanted::New);
                Ok(())
            }
            Arrange::Next => self.show((current + 1) % n),
            Arrange::Previous => self.show((current + n - 1) % n),
            Arrange::SaveAll => self.save_all(),
            Arrange::SaveAllAndQuit => {
                self.save_all()?;
                match self.buffers.iter().position(Buffer::must_ask) {
                    // What kept it from being saved is asked or told there.
                    Some(n) => {
                        self.show(n)?;
                        let is_modified = self.buffers[n].model.is_modified();
                        if is_modified { Ok(()) } else { self.tell(Msg::Command(Action::Quit)) }
                    }
                    None => {
                        self.ending = Some(Ending::Clean);
                        Ok(())
                    }
                }
            }
            // The model asks, and then says so with an effect of its own.
            Arrange::Close => Ok(()),
            Arrange::Split(axis) => {
                if !self.panes.may_split(axis, self.area_of_panes()) {
                    return self.notify("there is no room for one more pane");
                }
                let (buffer, view) = (self.buffers[current].id, self.buffers[current].model.view());
                let focus = self.panes.focus();
                if let Some(pane) = self.panes.all_mut().into_iter().nth(focus) {
                    pane.view = Some(view);
                }
                self.panes.split(axis, Pane::new(buffer));
                self.fit()
            }
            Arrange::FocusNext => self.focus(|panes| panes.step(true)),
            Arrange::FocusPrevious => self.focus(|panes| panes.step(false)),
            Arrange::FocusBeside(direction) => match self.panes.beside(direction, self.area_of_panes()) {
                Some(n) => self.focus(|panes| panes.set_focus(n)),
                None => Ok(()),
            },
            Arrange::OnlyPane => self.focus(Panes::only),
            Arrange::ClosePane => {
                if self.panes.all().len() == 1 {
                    return self.notify("this is the only pane; Ctrl-Q quits");
                }
                self.focus(|panes| drop(panes.close()))
            }
        }
    }

    /// Saves every text that is modified; what keeps one from it is asked or told where it is shown.
    fn save_all(&mut self) -> anyhow::Result<()> {
        let mut out = Vec::new();
        let mut n_saved = 0;
        for buffer in self.buffers.iter_mut().filter(|buffer| buffer.model.is_modified()) {
            buffer.handle(Msg::Command(Action::Save), &mut out);
            n_saved += usize::from(!buffer.model.is_modified());
        }
        self.carry_out(out)?;
        match self.buffers.iter().filter(|buffer| buffer.model.is_modified()).count() {
            0 => self.notify(format!("saved {n_saved} {}", if n_saved == 1 { "text" } else { "texts" })),
            n => self.notify(format!("saved {n_saved}, {n} not: Alt-T shows which")),
        }
    }

    /// Shows the text whose name holds what is asked for: the only one, or the one whose name is just that.
    pub(super) fn show_named(&mut self, wanted: &str) -> anyhow::Result<()> {
        let names: Vec<String> = self.buffers.iter().map(|buffer| buffer.model.file().name.clone()).collect();
        let holding: Vec<usize> = (0..names.len()).filter(|&n| names[n].contains(wanted)).collect();
        match (names.iter().position(|name| name == wanted), holding.as_slice()) {
            (Some(n), _) | (None, &[n]) => self.show(n),
            (None, []) => self.notify(format!("no open text is called {wanted}; Alt-T lists them")),
            (None, _) => self.notify(format!("several open texts are called {wanted}; Alt-T lists them")),
        }
    }

    /// Closes the text with the keyboard, or only its pane when another one shows it. The last one takes the program with it.
    pub(super) fn close_text(&mut self) -> anyhow::Result<()> {
        let id = self.buffers[self.current()].id;
        if 1 < self.panes.all().iter().filter(|pane| pane.buffer == id).count() {
            return self.focus(|panes| drop(panes.close()));
        }
        if self.buffers.len() == 1 {
            self.ending = Some(Ending::Clean);
            return Ok(());
        }
        let current = self.current();
        if let Some(place) = self.buffers[current].place() {
            self.places.note(place);
        }
        let closed = self.buffers.remove(current);
        let next = self.buffers[current.min(self.buffers.len() - 1)].id;
        if 1 < self.panes.all().len() {
            // Its pane goes with it.
            self.panes.close();
        }
        for pane in self.panes.all_mut().into_iter().filter(|pane| pane.buffer == closed.id) {
            *pane = Pane::new(next);
        }
        self.wanted.push(Wanted::End(Box::new(closed)));
        self.fit()
    }

    /// Finds out what the text with the keyboard defines, beside the loop: a large one takes a second.
    pub(super) fn list_symbols(&self, text: ropey::Rope, grammar: Grammar) {
        let (on_listed, id) = (self.on_listed.clone(), self.buffers[self.current()].id);
        tokio::task::spawn_blocking(move || {
            let start = Instant::now();
            let symbols = outline(grammar, &text, &mut || start.elapsed() < OUTLINE_MAX);
            drop(on_listed.send(Listed::Symbols(id, symbols)));
        });
    }

    /// Shows what was listed, unless another text has the keyboard by now.
    pub(super) fn show_list(&mut self, listed: Listed) -> anyhow::Result<()> {
        match listed {
            Listed::Files(files) => {
                let items = files.into_iter().map(|file| item(file, String::new())).collect();
                self.tell(Msg::Listed(PickerKind::Files, items))
            }
            Listed::Symbols(id, symbols) if id == self.buffers[self.current()].id => {
                self.tell(Msg::Symbols(symbols))
            }
            Listed::Symbols(..) => Ok(()),
        }
    }

    /// The answers to the question of quitting count only while it is asked.
    pub(super) fn forget_releases(&mut self) {
        let current = self.current();
        if self.ending.is_none() && !self.buffers[current].model.is_asking() {
            self.buffers.iter_mut().for_each(|buffer| buffer.is_released = false);
        }
    }
}

async fn load_and_open(setting: &Setting, path: &Path, how: How) -> anyhow::Result<(Loaded, Opened)> {
    let loaded = files::load(path)?;
    let opened = session::open(setting, &loaded, how).await?;
    Ok((loaded, opened))
}

/// Joins a shared text again, and waits until it is here or cannot be had.
async fn rejoin(
    setting: &Setting,
    path: Option<&Path>,
    link: LinkUrl,
) -> anyhow::Result<(Loaded, Opened, Result<(), String>)> {
    let loaded = path.map_or_else(|| Ok(Loaded::untitled(String::new())), files::load)?;
    let mut opened = session::open(setting, &loaded, How::Join(link)).await?;
    let caught_up = opened.session.catch_up(&mut opened.doc, share::PATIENCE).await;
    Ok((loaded, opened, caught_up))
}

/// Returns the row of a document that is shared and has a file.
fn shared_item(known: &ListedDocument) -> Option<Item> {
    let link = LinkUrl::parse(known.link.as_ref()?).ok()?;
    Some(item(known.path.as_ref()?.display().to_string(), link.public_text()))
}

fn item(text: String, detail: String) -> Item {
    Item { text, detail }
}
