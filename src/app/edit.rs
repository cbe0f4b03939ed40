//! `coedit FILE`: the editor's event loop.

use std::path::PathBuf;
use std::pin::Pin;
use std::task::Poll;
use std::time::Instant;

use anyhow::{Context as _, bail};
use crossterm::event::EventStream;
use futures_util::Stream;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::run::Launch;
use crate::app::session::How;
use crate::app::setting::Setting;
use crate::base::time::MonoTime;
use crate::crdt::ReplicaId;
use crate::document::Document;
use crate::editor::{Effect, Model, Msg, update};
use crate::io::entropy;
use crate::io::files::{self, OpenFile};
use crate::io::terminal::{Terminal, msg_of};
use crate::view::{self, paint::Painter, theme::Theme};

/// What to edit.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file. Need not exist.
    pub path: PathBuf,
    /// The line and column to start at, from 1.
    pub place: Option<(usize, usize)>,
}

/// Edits a file until the user quits.
///
/// # Errors
///
/// When the file cannot be read or there is no terminal.
pub fn run(options: Options) -> anyhow::Result<()> {
    let loaded = files::load(&options.path)?;
    let mut document = Document::new(ReplicaId::new(entropy::u64()));
    document.insert(0, &loaded.text.to_string())?;
    document.clear_undo();
    let mut model = Model::new(document, loaded.meta);
    if let Some((line, column)) = options.place {
        model.go_to(line, column);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(Shell::new(model, loaded.file)?.run())
}

/// Opens what the command line asks for.
///
/// # Errors
///
/// When it cannot be opened, or asks for more than the editor does yet.
pub fn launch(_setting: Setting, launch: Launch) -> anyhow::Result<()> {
    match (launch.how, launch.files.paths.into_iter().next()) {
        (How::Edit, Some(path)) => run(Options { path, place: launch.files.line_col }),
        (How::Edit, None) => bail!("there is nothing to open; name a file, as in `coedit notes.txt`"),
        _ => bail!(
            "shared texts cannot be opened on the screen yet; use `coedit share FILE --relay URL --detach`, \
             `coedit cat LINK` and `coedit put LINK`"
        ),
    }
}

/// What woke the loop.
enum Woken {
    Terminal(Vec<crossterm::event::Event>),
    Terminate,
    Suspend,
    Continued,
    Deadline,
}

/// The signals that end or stop an editor.
struct Signals {
    terminate: Signal,
    hang_up: Signal,
    stop: Signal,
    resume: Signal,
}

/// The shell around the model. It decides nothing.
struct Shell {
    model: Model,
    file: OpenFile,
    terminal: Terminal,
    painter: Painter,
    theme: Theme,
    started: Instant,
    quits: bool,
}

impl Shell {
    fn new(model: Model, file: OpenFile) -> anyhow::Result<Shell> {
        let terminal = Terminal::take().context("coedit needs a terminal for its screen; run it in one")?;
        let (painter, theme) = (Painter::new(), Theme::default());
        Ok(Shell { model, file, terminal, painter, theme, started: Instant::now(), quits: false })
    }

    async fn run(mut self) -> anyhow::Result<()> {
        let mut events = EventStream::new();
        let mut signals = Signals {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            stop: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
            resume: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        };
        let (columns, rows) = self.terminal.size();
        let name = format!("{} · coedit", self.model.file().name);
        self.terminal.set_title(&name)?;
        self.handle(Msg::Resize(columns, rows))?;
        while !self.quits {
            self.draw()?;
            let woken = tokio::select! {
                events = drain(&mut events) => Woken::Terminal(events?),
                _ = signals.terminate.recv() => Woken::Terminate,
                _ = signals.hang_up.recv() => Woken::Terminate,
                _ = signals.stop.recv() => Woken::Suspend,
                _ = signals.resume.recv() => Woken::Continued,
                () = sleep_until(self.started, self.model.deadline(self.now())) => Woken::Deadline,
            };
            self.wake(woken)?;
        }
        Ok(())
    }

    fn wake(&mut self, woken: Woken) -> anyhow::Result<()> {
        match woken {
            Woken::Terminal(events) => {
                for msg in events.into_iter().filter_map(msg_of) {
                    self.handle(msg)?;
                    if self.quits {
                        break;
                    }
                }
            }
            Woken::Terminate => self.quits = true,
            Woken::Suspend => self.suspend()?,
            // Somebody stopped us without asking, and the screen may be anything now.
            Woken::Continued => self.painter.forget(),
            Woken::Deadline => self.handle(Msg::Tick)?,
        }
        Ok(())
    }

    fn now(&self) -> MonoTime {
        MonoTime(self.started.elapsed().as_millis() as u64)
    }

    fn handle(&mut self, msg: Msg) -> anyhow::Result<()> {
        let now = self.now();
        for effect in update(&mut self.model, msg, now) {
            self.carry_out(effect)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, effect: Effect) -> anyhow::Result<()> {
        match effect {
            Effect::Save { text, revision, overwrite } => {
                let result =
                    self.file.save(&text, self.model.file(), overwrite).map_err(|error| error.to_string());
                self.handle(Msg::Saved { revision, result })?;
            }
            Effect::LoadTheirs => {
                let theirs = files::load(&self.file.path).map_err(|error| error.to_string()).map(|loaded| {
                    self.file = loaded.file;
                    loaded.text
                });
                self.handle(Msg::Theirs(theirs))?;
            }
            Effect::Quit => self.quits = true,
            Effect::Suspend => self.suspend()?,
            Effect::CopyToClipboard(text) => self.terminal.copy(&text)?,
            Effect::DocumentEdited | Effect::PresenceChanged | Effect::RetryNow => {}
        }
        Ok(())
    }

    fn suspend(&mut self) -> anyhow::Result<()> {
        self.terminal.suspend()?;
        self.painter.forget();
        let (columns, rows) = self.terminal.size();
        self.handle(Msg::Resize(columns, rows))
    }

    fn draw(&mut self) -> anyhow::Result<()> {
        let (columns, rows) = self.model.size();
        let mut buffer = view::blank(columns, rows);
        let cursor = view::draw(&self.model, &self.theme, self.now(), &mut buffer);
        let frame = self.painter.frame(buffer, cursor);
        Ok(self.terminal.write(&frame)?)
    }
}

/// Waits for an event and takes all that are there with it: they share one frame.
async fn drain(events: &mut EventStream) -> std::io::Result<Vec<crossterm::event::Event>> {
    std::future::poll_fn(|context| {
        let mut taken = Vec::new();
        loop {
            match Pin::new(&mut *events).poll_next(context) {
                Poll::Ready(Some(Ok(event))) => taken.push(event),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => return Poll::Ready(Err(std::io::ErrorKind::UnexpectedEof.into())),
                Poll::Pending if taken.is_empty() => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Ok(taken)),
            }
        }
    })
    .await
}

/// Waits until a time; for ever when there is none.
async fn sleep_until(started: Instant, deadline: Option<MonoTime>) {
    match deadline {
        Some(MonoTime(ms)) => {
            tokio::time::sleep_until((started + std::time::Duration::from_millis(ms)).into()).await;
        }
        None => std::future::pending().await,
    }
}
