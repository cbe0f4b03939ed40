//! The editor's event loop: one document, its session and the screen.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::app::cli::Files;
use crate::app::config::Watch;
use crate::app::run::{Launch, Usage};
use crate::app::session::{self, Ending, Event, How, News, Opened, Session};
use crate::app::setting::Setting;
use crate::app::{share, text, theme};
use crate::base::time::MonoTime;
use crate::editor::file::FileMeta;
use crate::editor::settings::Settings;
use crate::editor::{Effect, Model, Msg, SaveDone, update};
use crate::io::files::{self, Loaded, OpenFile};
use crate::io::highlighter::{Answer, Highlights};
use crate::io::signals::{Request, Requests};
use crate::io::terminal::Terminal;
use crate::io::{clock, entropy};
use crate::journal::Finding;
use crate::protocol::presence::N_COLORS;
use crate::view::{self, paint::Painter, theme::Theme};

/// How many messages of others are taken in before a frame shows them.
const EVENTS_PER_FRAME_MAX: usize = 256;

/// Opens what the command line asks for and edits it until the user quits.
///
/// # Errors
///
/// When it cannot be opened or there is no terminal.
pub fn launch(setting: Setting, launch: Launch) -> anyhow::Result<()> {
    if !std::io::stdout().is_terminal() {
        bail!("coedit needs a terminal for its screen; run it in one, or use `coedit cat` and `coedit put`");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(edit(&setting, launch))
}

async fn edit(setting: &Setting, launch: Launch) -> anyhow::Result<()> {
    let loaded = load(&launch.files)?;
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
    let mut shell = Shell::new(setting, loaded, opened)?;
    if let Some(link) = link {
        let is_copied = shell.terminal.copy(&link)?;
        shell.handle(Msg::Shared { is_copied })?;
    }
    if let Some((line, column)) = launch.files.line_col {
        shell.model.go_to(line, column);
    }
    let done = shell.run().await;
    let ending = shell.ending.unwrap_or(Ending::Abrupt);
    let is_unsaved = shell.model.is_modified();
    // The terminal first: whatever the journal has to say is then seen.
    drop(shell.terminal);
    shell.session.end(shell.model.document_mut(), ending).await;
    done?;
    match (ending, is_unsaved) {
        // Whoever started an editor for one file, as git does, must not take this for a finished edit.
        (Ending::Abrupt, true) => bail!("ended from outside; what was not saved comes back with coedit"),
        (Ending::Abrupt, false) => bail!("ended from outside; everything was saved"),
        (Ending::Clean | Ending::Forget, _) => Ok(()),
    }
}

fn load(files: &Files) -> anyhow::Result<Loaded> {
    match (files.paths.as_slice(), files.is_standard_input) {
        ([], true) => Ok(Loaded::untitled(text::read_standard_input()?)),
        ([], false) => Ok(Loaded::untitled(String::new())),
        ([path], false) => Ok(files::load(path)?),
        _ => Err(Usage(
            "coedit edits one file at a time; start it once for each, in terminals side by side".to_owned(),
        )
        .into()),
    }
}

/// What woke the loop.
enum Woken {
    /// `None` when the terminal is gone.
    Terminal(Option<Vec<Msg>>),
    Session(Box<Event>),
    Request(Request),
    Highlights(Answer),
    Deadline,
}

/// The shell around the model. It decides nothing.
struct Shell {
    model: Model,
    file: Option<OpenFile>,
    session: Session,
    terminal: Terminal,
    painter: Painter,
    highlights: Highlights,
    theme: Theme,
    /// That of the command line, which the configuration does not change.
    fixed_theme: Option<String>,
    /// The folder of the configuration.
    config_folder: PathBuf,
    config: Watch,
    /// The document was edited since the session was told.
    is_edited: bool,
    /// What others see of the user changed since the session was told.
    is_moved: bool,
    ending: Option<Ending>,
}

impl Shell {
    fn new(setting: &Setting, loaded: Loaded, opened: Opened) -> anyhow::Result<Shell> {
        let Opened { session, doc, finding, base, expected, line_ending, read_only, .. } = opened;
        let Loaded { file, mut meta, text: text_of_file } = loaded;
        meta.read_only = meta.read_only.or(read_only);
        let (name, is_shared) = (meta.name.clone(), session.link().is_some());
        let is_locked = meta.is_locked;
        // A recovered text has the ends of line it was edited with, whatever the file has now.
        if finding != Finding::Same {
            meta.line_ending = line_ending.unwrap_or(meta.line_ending);
        }
        let mut model = Model::new(doc, meta);
        model.set_settings(setting.editor.clone());
        let color = setting.color.unwrap_or_else(|| (entropy::u64() % u64::from(N_COLORS)) as u8);
        model.set_identity(setting.name.clone(), color, session.link().cloned());
        // A file that is new to this document may hold its very text: then it is in step with it.
        let is_new_to_it = expected.is_none() && file.as_ref().is_some_and(|file| file.hash().is_some());
        let is_in_step = is_new_to_it && *model.rope() == text_of_file;
        let is_gone = matches!(finding, Finding::FileGone { .. });
        if !is_in_step && (is_gone || *model.rope() != base) {
            model.mark_modified(base);
        }
        let wanted_theme = setting.theme.as_ref().unwrap_or(&setting.editor.theme);
        let theme = theme::load(wanted_theme, &setting.paths.config).map_err(Usage)?;
        let terminal = Terminal::take().context("coedit needs a terminal for its screen; run it in one")?;
        let mut shell = Shell {
            model,
            file,
            session,
            terminal,
            painter: Painter::new(),
            highlights: Highlights::new(),
            theme,
            fixed_theme: setting.theme.clone(),
            config_folder: setting.paths.config.clone(),
            config: Watch::new(&setting.paths.config),
            is_edited: false,
            is_moved: true,
            ending: None,
        };
        match &mut shell.file {
            Some(file) if is_in_step => {
                if let Some(hash) = file.hash() {
                    shell.session.saved(shell.model.document(), hash, shell.model.file().line_ending);
                }
            }
            Some(file) => file.expect(expected),
            None => {}
        }
        shell.terminal.set_title(&format!("{name} · coedit"))?;
        shell.fit()?;
        shell.handle(Msg::Connection(shell.session.status().clone()))?;
        shell.handle(Msg::People(shell.session.people()))?;
        let words = match finding {
            Finding::Same if is_new_to_it && !is_in_step => {
                format!("{name} exists and holds something else; saving will ask")
            }
            Finding::Same if is_locked => format!("{name} is read-only for you; saving will not work"),
            Finding::Same => String::new(),
            Finding::Unsaved { n_edits } if is_shared => {
                format!("{} of the shared text not in {name} yet; Ctrl-S saves", edits(n_edits))
            }
            Finding::Unsaved { n_edits } => format!("recovered {} not saved; Ctrl-S saves", edits(n_edits)),
            Finding::FileGone { .. } => format!("{name} is gone; Ctrl-S writes it again"),
            Finding::FileChanged { n_edits: 0 } => String::new(),
            Finding::FileChanged { n_edits } => format!("recovered {} not in {name}", edits(n_edits)),
        };
        if !words.is_empty() {
            shell.handle(Msg::Notice(words))?;
        }
        if let Finding::FileChanged { .. } = finding {
            shell.handle(Msg::Conflict)?;
        }
        if let Some(words) = shell.session.warning() {
            shell.handle(Msg::Notice(words))?;
        }
        Ok(shell)
    }

    async fn run(&mut self) -> anyhow::Result<()> {
        let mut input = self.terminal.input()?;
        let mut requests = Requests::listen()?;
        self.flush()?;
        while self.ending.is_none() {
            self.draw()?;
            // After the frame: nobody waits for colours.
            if let Some(wanted) = self.model.wanted_highlights() {
                self.highlights.ask(wanted);
            }
            let deadline = self.model.deadline(clock::mono_now());
            let woken = tokio::select! {
                msgs = drain(&mut input) => Woken::Terminal(msgs),
                event = self.session.next_event() => Woken::Session(Box::new(event)),
                request = requests.next() => Woken::Request(request),
                answer = self.highlights.answer() => Woken::Highlights(answer),
                () = sleep_until(deadline) => Woken::Deadline,
            };
            self.wake(woken)?;
            self.flush()?;
        }
        Ok(())
    }

    fn wake(&mut self, woken: Woken) -> anyhow::Result<()> {
        match woken {
            Woken::Terminal(None) => self.ending = Some(Ending::Abrupt),
            Woken::Terminal(Some(msgs)) => {
                for msg in msgs {
                    self.handle(msg)?;
                    if self.ending.is_some() {
                        break;
                    }
                }
            }
            Woken::Session(event) => {
                self.lend(|session, doc, news| session.handle(*event, doc, news))?;
                for _ in 0..EVENTS_PER_FRAME_MAX {
                    let Some(event) = self.session.try_next_event() else { break };
                    self.lend(|session, doc, news| session.handle(event, doc, news))?;
                }
            }
            Woken::Request(Request::End) => self.ending = Some(Ending::Abrupt),
            Woken::Request(Request::Stop) => self.suspend()?,
            Woken::Request(Request::Resume) => {
                self.terminal.take_again()?;
                self.redraw_all()?;
            }
            Woken::Request(Request::Resize) => self.fit()?,
            Woken::Highlights(Answer::Painted(painted)) => self.handle(Msg::Painted(painted))?,
            Woken::Highlights(Answer::TooSlow) => self.handle(Msg::TooSlow)?,
            Woken::Deadline => self.handle(Msg::Tick)?,
        }
        Ok(())
    }

    /// Lends the document to the session and works in what comes of it.
    fn lend(
        &mut self,
        work: impl FnOnce(&mut Session, &mut crate::document::Document, &mut Vec<News>),
    ) -> anyhow::Result<()> {
        let mut news = Vec::new();
        work(&mut self.session, self.model.document_mut(), &mut news);
        for item in news {
            let msg = match item {
                News::TextChanged(applied) => Msg::RemoteApplied(applied),
                News::People => Msg::People(self.session.people()),
                News::Status => Msg::Connection(self.session.status().clone()),
                News::JournalFailed(sentence) => Msg::Notice(sentence),
            };
            self.handle(msg)?;
        }
        Ok(())
    }

    /// Tells the session what was edited and where the user is now: once for all that came together.
    fn flush(&mut self) -> anyhow::Result<()> {
        if std::mem::take(&mut self.is_edited) {
            self.lend(|session, doc, news| session.edited(doc, news))?;
        }
        if std::mem::take(&mut self.is_moved) && self.session.link().is_some() {
            let presence = self.model.presence();
            self.lend(|session, doc, news| session.presence(Some(presence), doc, news))?;
        }
        Ok(())
    }

    fn handle(&mut self, msg: Msg) -> anyhow::Result<()> {
        for effect in update(&mut self.model, msg, clock::mono_now()) {
            self.carry_out(effect)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, effect: Effect) -> anyhow::Result<()> {
        match effect {
            Effect::Save { text, revision, overwrite, path } => {
                // What is saved must be in the journal first, or it would count as newer than the file.
                self.flush()?;
                let result = self.save(&text, overwrite, path).map_err(|error| format!("{error:#}"));
                self.handle(Msg::Saved { revision, result })?;
            }
            Effect::LoadTheirs => {
                let theirs = self.load_theirs().map_err(|error| format!("{error:#}"));
                self.handle(Msg::Theirs(theirs))?;
            }
            Effect::CheckFile => {
                let file = self.file.as_ref();
                if file.is_some_and(OpenFile::is_gone) {
                    self.handle(Msg::FileGone { quits: false })?;
                } else if file.is_some_and(OpenFile::is_changed_outside) {
                    self.handle(Msg::FileChanged)?;
                }
            }
            Effect::CheckConfig => {
                if let Some(config) = self.config.news() {
                    let settings = config.map(|config| config.settings());
                    let settings =
                        settings.and_then(|settings| self.take_theme(&settings).map(|()| settings));
                    self.handle(Msg::Settings(Box::new(settings)))?;
                }
            }
            Effect::InStep => {
                self.flush()?;
                self.in_step();
            }
            Effect::Quit
                if !self.model.is_modified() && self.file.as_ref().is_some_and(OpenFile::is_gone) =>
            {
                self.handle(Msg::FileGone { quits: true })?;
            }
            Effect::Quit => self.ending = Some(Ending::Clean),
            Effect::Suspend => self.suspend()?,
            Effect::CopyToClipboard(text) => {
                if !self.terminal.copy(&text)? {
                    let words = "too long for the terminal's clipboard; Ctrl-V pastes it within coedit";
                    self.handle(Msg::Notice(words.to_owned()))?;
                }
            }
            Effect::DocumentEdited => self.is_edited = true,
            Effect::PresenceChanged => self.is_moved = true,
            Effect::RetryNow => self.lend(|session, doc, news| session.retry_now(doc, news))?,
        }
        Ok(())
    }

    /// Draws in the theme of the configuration from now on, unless the command line gave one.
    fn take_theme(&mut self, settings: &Settings) -> Result<(), String> {
        if self.fixed_theme.is_none() && self.model.settings().theme != settings.theme {
            self.theme = theme::load(&settings.theme, &self.config_folder)?;
            self.painter.forget();
        }
        Ok(())
    }

    fn save(
        &mut self,
        text: &ropey::Rope,
        overwrite: bool,
        path: Option<String>,
    ) -> anyhow::Result<SaveDone> {
        let mut file = match (path, self.file.take()) {
            (Some(path), _) => OpenFile::new(at_home(&path)),
            (None, Some(file)) => file,
            (None, None) => bail!("this text has no file"),
        };
        let is_new = !self.model.file().has_path;
        let done = file.save(text, self.model.file(), overwrite);
        if is_new {
            // Only a file that was written is the text's from now on.
            let Ok(SaveDone::Written(_)) = done else { return Ok(done?) };
            let path = file.canonical()?;
            let name = Path::file_name(&path).unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            self.terminal.set_title(&format!("{name} · coedit"))?;
            self.model.set_file_name(name);
            self.session.moved(path);
        }
        self.file = Some(file);
        let done = done?;
        if let SaveDone::Written(_) = done {
            self.in_step();
        }
        Ok(done)
    }

    /// File and document hold the same text now.
    fn in_step(&mut self) {
        if let Some(hash) = self.file.as_ref().and_then(OpenFile::hash) {
            self.session.saved(self.model.document(), hash, self.model.file().line_ending);
        }
    }

    fn load_theirs(&mut self) -> anyhow::Result<(String, FileMeta)> {
        let file = self.file.as_ref().ok_or_else(|| anyhow!("this text has no file"))?;
        let loaded = files::load(&file.path)?;
        if loaded.is_new() {
            self.file = loaded.file;
            bail!("{} is gone; Ctrl-S writes it again", self.model.file().name);
        }
        if let Some(why) = loaded.meta.read_only {
            bail!("not merged: {why}");
        }
        self.file = loaded.file;
        Ok((loaded.text, loaded.meta))
    }

    fn suspend(&mut self) -> anyhow::Result<()> {
        self.terminal.suspend()?;
        self.redraw_all()
    }

    fn redraw_all(&mut self) -> anyhow::Result<()> {
        self.painter.forget();
        self.fit()
    }

    /// Takes the size that the terminal has now.
    fn fit(&mut self) -> anyhow::Result<()> {
        let (columns, rows) = self.terminal.size();
        self.handle(Msg::Resize(columns, rows))
    }

    fn draw(&mut self) -> anyhow::Result<()> {
        let (columns, rows) = self.model.size();
        let mut buffer = view::blank(columns, rows);
        let cursor = view::draw(&self.model, &self.theme, clock::mono_now(), &mut buffer);
        let frame = self.painter.frame(buffer, cursor);
        Ok(self.terminal.write(&frame)?)
    }
}

/// Waits for what the user does and takes all that is there with it: it shares one frame. `None` when the terminal
/// is gone.
async fn drain(input: &mut UnboundedReceiver<Vec<Msg>>) -> Option<Vec<Msg>> {
    let mut msgs = input.recv().await?;
    while let Ok(more) = input.try_recv() {
        msgs.extend(more);
    }
    Some(msgs)
}

/// Waits until a time; for ever when there is none.
async fn sleep_until(deadline: Option<MonoTime>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(clock::instant(at).into()).await,
        None => std::future::pending().await,
    }
}

/// `1 edit` or `12 edits`.
fn edits(n: u64) -> String {
    if n == 1 { "1 edit".to_owned() } else { format!("{n} edits") }
}

/// Reads a path as a shell does: `~/` is the user's home.
fn at_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}
