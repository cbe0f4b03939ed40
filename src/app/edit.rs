//! The editor's event loop: the open texts, the panes that show them, and the screen.

mod arrange;
mod buffer;
mod screen;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use futures_util::StreamExt;
use futures_util::future::{LocalBoxFuture, select_all};
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::app::cli::{Files, Named};
use crate::app::config::Watch;
use crate::app::run::Launch;
use crate::app::session::{self, Ending, How};
use crate::app::setting::Setting;
use crate::app::{share, text, theme};
use crate::base::time::MonoTime;
use crate::editor::command::Action;
use crate::editor::panes::{Area, Panes};
use crate::editor::picker::{Item, PickerKind};
use crate::editor::settings::Settings;
use crate::editor::views::View;
use crate::editor::{Effect, Msg};
use crate::io::clock;
use crate::io::files::{self, Loaded};
use crate::io::loading::{self, Loading, Piece};
use crate::io::places::Places;
use crate::io::signals::{Request, Requests};
use crate::io::terminal::{self, Terminal, input};
use crate::syntax::outline::Symbol;
use crate::view::{paint::Painter, screen::Screen, theme::Theme};

use buffer::{Buffer, BufferId, Happened};

/// Opens what the command line asks for and edits it until the user quits.
///
/// # Errors
///
/// When it cannot be opened or there is no terminal.
pub fn launch(setting: Setting, launch: Launch) -> anyhow::Result<()> {
    if !std::io::stdout().is_terminal() {
        bail!("coedit needs a terminal for its screen; run it in one, or use `coedit cat` and `coedit put`");
    }
    let is_bare = launch.files == Files::default() && matches!(launch.how, How::Edit);
    if is_bare && !std::io::stdin().is_terminal() {
        bail!("coedit edits what is piped into it when that is named as -, as in: git diff | coedit -");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(edit(&setting, launch))
}

async fn edit(setting: &Setting, launch: Launch) -> anyhow::Result<()> {
    let may_be_part = matches!(launch.how, How::Edit);
    let (first, more) = load(&launch.files, may_be_part)?;
    let (loaded, loading) = match first {
        First::Whole(loaded) => (*loaded, None),
        First::Part(loaded, loading) => (*loaded, Some(loading)),
    };
    if let Some(loading) = loading {
        let shell = Shell::new(setting, Buffer::first_part(0, setting, loaded, loading)?)?;
        return shell.live(&launch.files, more, Vec::new()).await;
    }
    let is_share = matches!(launch.how, How::Share { .. });
    let mut opened = session::open(setting, &loaded, launch.how).await?;
    if opened.is_new_guest {
        // Nothing to look at yet, and a link that leads nowhere is better said here than on an empty screen.
        let host = opened.session.link().map(|link| link.server.to_string());
        let settled = opened.session.catch_up(&mut opened.doc, share::PATIENCE).await;
        if let Err(sentence) = settled {
            opened.session.end(&mut opened.doc, Ending::Forget).await;
            return Err(anyhow!("could not join {}: {sentence}", host.unwrap_or_default()));
        }
    }
    let link = opened.session.link().map(ToString::to_string).filter(|_| is_share);
    if let Some(link) = &link {
        // Before the screen is taken, so that it is still there afterwards.
        writeln!(std::io::stdout(), "{link}")?;
    }
    let (first, effects) = Buffer::new(0, setting, loaded, opened);
    let mut shell = Shell::new(setting, first)?;
    if let Some(link) = link {
        let is_copied = shell.terminal.copy(&link)?;
        shell.tell(Msg::Shared { is_copied })?;
    }
    shell.live(&launch.files, more, effects).await
}

/// The first text.
enum First {
    Whole(Box<Loaded>),
    /// A large file's first screens, and what comes behind them.
    Part(Box<Loaded>, Loading),
}

/// Reads the first text, and returns which files come beside it.
fn load(files: &Files, may_be_part: bool) -> anyhow::Result<(First, Vec<Named>)> {
    let mut paths = files.named.iter().cloned();
    let whole = |loaded| First::Whole(Box::new(loaded));
    let first = match (files.is_standard_input, paths.next()) {
        (true, first) => {
            let rest = first.into_iter().chain(paths).collect();
            return Ok((whole(Loaded::untitled(text::read_standard_input()?)), rest));
        }
        (false, None) => whole(Loaded::untitled(String::new())),
        (false, Some(Named { path, .. })) => match loading::begin(&path).filter(|_| may_be_part) {
            Some((loaded, loading)) => First::Part(Box::new(loaded), loading),
            None => whole(files::load(&path)?),
        },
    };
    Ok((first, paths.collect()))
}

/// What woke the loop.
enum Woken {
    /// `None` when the terminal is gone.
    Terminal(Option<Vec<Msg>>),
    Buffer(usize, Happened),
    Request(Request),
    /// What took long to list.
    Listed(Listed),
    Rejoined(Box<Rejoined>),
    Deadline,
}

/// What cannot be done at once, because others are waited for.
enum Wanted {
    /// Open a file and show it.
    Open(PathBuf),
    /// Open a file, and leave on the screen what is there.
    Beside(Named),
    /// Begin a new text.
    New,
    /// The session of a text that was closed ends.
    End(Box<Buffer>),
    /// Open the shared text anew in the place of one that has what nobody else will get.
    Anew(BufferId),
    /// All of a file was read whose first part is shown.
    Whole(BufferId, Box<Loaded>),
    /// Edit what another process had until now, if it has let go.
    Taken(BufferId),
    /// Show the shared text that was opened anew.
    Rejoined(Box<Rejoined>),
}

/// A shared text that was joined again in the place of one that was dropped.
struct Rejoined {
    id: BufferId,
    /// Where what was dropped is.
    kept: PathBuf,
    /// The text, and whether all of it is here.
    opened: anyhow::Result<(Loaded, session::Opened, Result<(), String>)>,
}

/// What a thread lists, because it may take long.
enum Listed {
    /// The files below the folder.
    Files(Vec<String>),
    /// What a text defines; `None` when that took too long.
    Symbols(BufferId, Option<Vec<Symbol>>),
}

/// A part of the screen.
struct Pane {
    /// What it shows.
    buffer: BufferId,
    /// How, while another pane has the keyboard.
    view: Option<View>,
    /// What is drawn of it, while it is not all of the screen.
    screen: Screen,
}

impl Pane {
    fn new(buffer: BufferId) -> Pane {
        Pane { buffer, view: None, screen: Screen::new(0, 0) }
    }
}

/// The shell around the models. It decides nothing about texts.
struct Shell {
    setting: Setting,
    /// The open texts, in the order of their tabs; never empty.
    buffers: Vec<Buffer>,
    panes: Panes<Pane>,
    n_opened: BufferId,
    terminal: Terminal,
    screen: Screen,
    /// Where the panes were drawn last; none for a text that has all of the screen.
    areas: Vec<Area>,
    /// Whether a box, a list, a question or a message was drawn over the panes.
    is_drawn_over: bool,
    painter: Painter,
    theme: Theme,
    /// That of the command line, which the configuration does not change.
    fixed_theme: Option<String>,
    /// What is wrong with the configuration: told once, at the start.
    remark: Option<String>,
    /// The title of the terminal's window.
    title: String,
    config: Watch,
    /// When it was last looked at what other programs did, and whether somebody was there since.
    looked: MonoTime,
    is_attended: bool,
    places: Places,
    wanted: Vec<Wanted>,
    /// The shared texts that are joined again.
    joining: FuturesUnordered<LocalBoxFuture<'static, Rejoined>>,
    on_listed: UnboundedSender<Listed>,
    listed: UnboundedReceiver<Listed>,
    ending: Option<Ending>,
    /// Whether its user wants whoever started the program to know that nothing came of it.
    is_failure: bool,
}

impl Shell {
    fn new(setting: &Setting, first: Buffer) -> anyhow::Result<Shell> {
        let (on_listed, listed) = unbounded_channel();
        let wanted_theme = setting.theme.as_ref().unwrap_or(&setting.editor.theme);
        let mut painter = Painter::new();
        if !terminal::has_cursor_shapes() {
            painter.leave_shape();
        }
        // A theme that is not there must not keep anybody from editing.
        let (theme, remark) = match theme::load(wanted_theme, &setting.paths.config) {
            Ok(theme) => (theme, setting.remark.clone()),
            Err(why) => (theme::by_default(), Some(why)),
        };
        Ok(Shell {
            setting: setting.clone(),
            panes: Panes::new(Pane::new(first.id)),
            n_opened: 1,
            buffers: vec![first],
            terminal: Terminal::take().context("coedit needs a terminal for its screen; run it in one")?,
            screen: Screen::new(0, 0),
            areas: Vec::new(),
            is_drawn_over: false,
            painter,
            theme,
            fixed_theme: setting.theme.clone(),
            remark,
            title: String::new(),
            config: Watch::new(&setting.paths.config),
            looked: clock::mono_now(),
            is_attended: false,
            places: Places::load(&setting.paths.data),
            wanted: Vec::new(),
            joining: FuturesUnordered::new(),
            on_listed,
            listed,
            ending: None,
            is_failure: false,
        })
    }

    /// Edits until the user quits.
    async fn live(mut self, files: &Files, more: Vec<Named>, effects: Vec<Effect>) -> anyhow::Result<()> {
        self.carry_out(effects)?;
        self.wanted.extend(more.into_iter().map(Wanted::Beside));
        self.begin(files.line_col)?;
        if let Some(remark) = self.remark.take() {
            self.notify(remark)?;
        }
        let is_bare = files.named.is_empty() && !files.is_standard_input;
        // What came back from a crash is looked at first.
        if is_bare && self.setting.editor.restores && !self.buffers[0].model.is_modified() {
            self.restore().await?;
        }
        if is_bare {
            self.recover_rest().await?;
        }
        let done = self.run().await;
        self.end(done).await
    }

    /// Shows the first text at the place that is asked for, or where its user was.
    fn begin(&mut self, line_col: Option<(usize, usize)>) -> anyhow::Result<()> {
        self.fit()?;
        match line_col {
            Some((line, column)) => self.buffers[0].model.go_to(line, column),
            None => self.go_to_place(0),
        }
        // Most of the work for the first of them is to begin: that goes on beside the first frame.
        self.ask_for_colors();
        Ok(())
    }

    /// Ends every session, and says how the program ends.
    async fn end(mut self, done: anyhow::Result<()>) -> anyhow::Result<()> {
        let ending = self.ending.unwrap_or(Ending::Abrupt);
        let is_failure = self.is_failure;
        let is_unsaved = self.buffers.iter().any(|buffer| buffer.model.is_modified());
        self.note_places();
        let unsent: Vec<String> = self.buffers.iter().filter_map(Buffer::unsent).collect();
        // The terminal first: whatever the journal has to say is then seen.
        terminal::give_back();
        for line in unsent {
            // Whoever closed the terminal reads nothing any more.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
        for mut buffer in std::mem::take(&mut self.buffers) {
            buffer.flush(&mut Vec::new());
            buffer.end(ending).await;
        }
        for wanted in std::mem::take(&mut self.wanted) {
            if let Wanted::End(buffer) = wanted {
                buffer.end(Ending::Clean).await;
            }
        }
        done?;
        if is_failure {
            bail!("ended as failed, as you asked");
        }
        match (ending, is_unsaved) {
            // Whoever started an editor for one file, as git does, must not take this for a finished edit.
            (Ending::Abrupt, true) => bail!("ended from outside; what was not saved comes back with coedit"),
            (Ending::Abrupt, false) => bail!("ended from outside; everything was saved"),
            (Ending::Clean | Ending::Forget, _) => Ok(()),
        }
    }

    async fn run(&mut self) -> anyhow::Result<()> {
        let mut input = input::open()?;
        let mut requests = Requests::listen()?;
        // What it became before anybody listened.
        self.terminal.measure();
        self.fit()?;
        while self.ending.is_none() {
            self.settle().await?;
            let is_searching = self.search_on();
            self.draw()?;
            // After the frame: it waits for no journal, no room, no colours and no other program's files.
            if self.flush()? | self.look_outside()? {
                self.draw()?;
            }
            self.ask_for_colors();
            if !self.wanted.is_empty() {
                continue;
            }
            let now = clock::mono_now();
            let deadline = self.buffers.iter().filter_map(|buffer| buffer.model.deadline(now)).min();
            let happened = select_all(self.buffers.iter_mut().map(|buffer| Box::pin(buffer.next())));
            let woken = tokio::select! {
                msgs = input.next() => Woken::Terminal(msgs),
                (happened, n, _) = happened => Woken::Buffer(n, happened),
                request = requests.next() => Woken::Request(request),
                Some(listed) = self.listed.recv() => Woken::Listed(listed),
                Some(rejoined) = self.joining.next() => Woken::Rejoined(Box::new(rejoined)),
                () = sleep_until(deadline) => Woken::Deadline,
                // Not before the others were asked: a key comes before the rest of a search.
                () = tokio::task::yield_now(), if is_searching => continue,
            };
            self.wake(woken)?;
        }
        Ok(())
    }

    fn ask_for_colors(&mut self) {
        for buffer in &mut self.buffers {
            if let Some(wanted) = buffer.model.wanted_highlights() {
                buffer.highlights.ask(wanted);
            }
        }
    }

    /// Searches large texts a piece further, for what is typed into a prompt. Returns whether there is more to search.
    fn search_on(&mut self) -> bool {
        let models = self.buffers.iter_mut().map(|buffer| &mut buffer.model);
        models.filter(|model| model.is_searching()).fold(false, |is_more, model| {
            model.search_on();
            model.is_searching() || is_more
        })
    }

    fn wake(&mut self, woken: Woken) -> anyhow::Result<()> {
        match woken {
            Woken::Terminal(None) => self.ending = Some(Ending::Abrupt),
            Woken::Terminal(Some(msgs)) => {
                self.is_attended = true;
                for msg in msgs {
                    self.input(msg)?;
                    if self.ending.is_some() {
                        break;
                    }
                }
            }
            Woken::Buffer(n, Happened::Read(Piece::Whole(loaded))) => {
                self.wanted.push(Wanted::Whole(self.buffers[n].id, loaded));
            }
            Woken::Buffer(n, happened) => {
                let mut out = Vec::new();
                self.buffers[n].on(happened, &mut out);
                self.carry_out(out)?;
            }
            Woken::Request(Request::End) => self.ending = Some(Ending::Abrupt),
            Woken::Request(Request::Stop) => self.suspend()?,
            Woken::Request(Request::Resume) => {
                self.terminal.take_again()?;
                self.redraw_all()?;
            }
            Woken::Request(Request::Resize) => {
                self.resized()?;
            }
            Woken::Listed(listed) => self.show_list(listed)?,
            Woken::Rejoined(rejoined) => self.wanted.push(Wanted::Rejoined(rejoined)),
            Woken::Deadline => {
                for n in 0..self.buffers.len() {
                    let mut out = Vec::new();
                    self.buffers[n].handle(Msg::Tick, &mut out);
                    self.carry_out(out)?;
                }
            }
        }
        Ok(())
    }

    /// Tells every session what was edited and where the user is now. Returns whether that may have changed the screen.
    fn flush(&mut self) -> anyhow::Result<bool> {
        let mut out = Vec::new();
        let mut is_news = false;
        for buffer in &mut self.buffers {
            is_news |= buffer.flush(&mut out);
        }
        self.carry_out(out)?;
        Ok(is_news)
    }

    /// Tells the text that has the keyboard something.
    fn tell(&mut self, msg: Msg) -> anyhow::Result<()> {
        let mut out = Vec::new();
        let current = self.current();
        self.buffers[current].handle(msg, &mut out);
        self.carry_out(out)
    }

    fn notify(&mut self, words: impl Into<String>) -> anyhow::Result<()> {
        self.tell(Msg::Notice(words.into()))
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> anyhow::Result<()> {
        for effect in effects {
            match effect {
                Effect::CheckConfig => {
                    if let Some(config) = self.config.news() {
                        // What was in force stays so until the file is right again.
                        let settings = match config.mistakes.first() {
                            Some(mistake) => Err(mistake.clone()),
                            None => self.take_theme(&config.settings()).map(|()| config.settings()),
                        };
                        for buffer in &mut self.buffers {
                            buffer.handle(Msg::Settings(Box::new(settings.clone())), &mut Vec::new());
                        }
                        if let Some(warning) = config.remark() {
                            self.notify(warning)?;
                        }
                    }
                }
                Effect::Quit => self.quit()?,
                Effect::QuitAll { is_failure } => {
                    (self.ending, self.is_failure) = (Some(Ending::Clean), is_failure);
                }
                Effect::Close => self.close_text()?,
                Effect::Suspend => self.suspend()?,
                Effect::CopyToClipboard(text) => {
                    let is_copied = self.terminal.copy(&text)?;
                    if !is_copied {
                        self.notify("too long for the terminal's clipboard; Ctrl-V pastes it within coedit")?;
                    }
                }
                Effect::DropMine => self.wanted.push(Wanted::Anew(self.buffers[self.current()].id)),
                Effect::Outline { text, grammar } => self.list_symbols(text, grammar),
                Effect::Arrange(arrange) => self.arrange(arrange)?,
                Effect::ListThemes => self.list_themes()?,
                Effect::Theme { name, is_chosen } => self.draw_in(name, is_chosen)?,
                Effect::Open(path) => self.wanted.push(Wanted::Open(files::at_home(&path))),
                Effect::Show(n) => self.show(n)?,
                Effect::ShowNamed(name) => self.show_named(&name)?,
                // The text itself has carried these out.
                _ => {}
            }
        }
        Ok(())
    }

    /// The name of the theme that is in force.
    fn theme_name(&self) -> String {
        self.fixed_theme.clone().unwrap_or_else(|| self.buffers[0].model.settings().theme.clone())
    }

    /// Lists the themes, the one in force first: nothing changes until another one is chosen.
    fn list_themes(&mut self) -> anyhow::Result<()> {
        let mut names = theme::names(&self.setting.paths.config);
        let current = self.theme_name();
        names.sort_by_key(|name| *name != current);
        let item = |text: String| Item { detail: String::new(), text };
        self.tell(Msg::List(PickerKind::Themes, names.into_iter().map(item).collect()))
    }

    /// Draws in a theme, or again in the one that is in force. One that is chosen stays, whatever the configuration says.
    fn draw_in(&mut self, name: Option<String>, is_chosen: bool) -> anyhow::Result<()> {
        let wanted = name.clone().unwrap_or_else(|| self.theme_name());
        match theme::load(&wanted, &self.setting.paths.config) {
            Ok(theme) => {
                self.theme = theme;
                self.fixed_theme = name.filter(|_| is_chosen).or(self.fixed_theme.take());
                self.forget_screen();
                Ok(())
            }
            Err(why) => self.notify(why),
        }
    }

    /// Draws in the theme of the configuration from now on, unless the command line gave one.
    fn take_theme(&mut self, settings: &Settings) -> Result<(), String> {
        if self.fixed_theme.is_none() && self.buffers[0].model.settings().theme != settings.theme {
            self.theme = theme::load(&settings.theme, &self.setting.paths.config)?;
            self.forget_screen();
        }
        Ok(())
    }

    /// The text with the keyboard may go. Ends when all of them may; goes to the first that may not, otherwise.
    fn quit(&mut self) -> anyhow::Result<()> {
        let current = self.current();
        self.buffers[current].is_released = true;
        let next = self.buffers.iter().position(|buffer| !buffer.is_released && buffer.must_ask());
        match next {
            Some(n) => {
                self.show(n)?;
                self.tell(Msg::Command(Action::Quit))
            }
            None => {
                self.ending = Some(Ending::Clean);
                Ok(())
            }
        }
    }

    fn suspend(&mut self) -> anyhow::Result<()> {
        self.terminal.suspend()?;
        self.redraw_all()
    }
}

impl Drop for Shell {
    /// Where a fault ends the program between a key and the next flush, the key is in the journal all the same.
    fn drop(&mut self) {
        self.buffers.iter_mut().for_each(|buffer| _ = buffer.flush(&mut Vec::new()));
    }
}

/// Waits until a time; for ever when there is none.
async fn sleep_until(deadline: Option<MonoTime>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(clock::instant(at).into()).await,
        None => std::future::pending().await,
    }
}
