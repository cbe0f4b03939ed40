//! One open text: its model, its file and its session.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{anyhow, bail};

use crate::app::join;
use crate::app::session::{self, Ending, Event, News, Opened, Session};
use crate::app::setting::Setting;
use crate::base::limits::UNDO_TEXT_BYTES_MAX;
use crate::document::Document;
use crate::editor::file::FileMeta;
use crate::editor::{Effect, Model, Msg, SaveDone, update};
use crate::io::files::{self, Loaded, Look, OpenFile, Reading};
use crate::io::highlighter::{Answer, Highlights};
use crate::io::loading::{Loading, Piece};
use crate::io::paths;
use crate::io::places::Place;
use crate::io::{clock, editorconfig, entropy};
use crate::journal::Finding;
use crate::protocol::presence::N_COLORS;
use crate::sync::Status;
use crate::view::safe;

/// Names a buffer for as long as it is open.
pub type BufferId = u64;

/// How many messages of others are taken in before a frame shows them.
const EVENTS_PER_FRAME_MAX: usize = 256;

/// What happened to a text.
pub enum Happened {
    /// In its session.
    Session(Box<Event>),
    /// Its colours are there, or will not be.
    Highlights(Answer),
    /// More of its file was read.
    Read(Piece),
}

/// One open text.
pub struct Buffer {
    /// Which one.
    pub id: BufferId,
    /// What the screen shows of it.
    pub model: Model,
    /// Its journal and its connections.
    pub session: Session,
    /// Whether the user, who wants to quit, has answered for it.
    pub is_released: bool,
    /// Its colours.
    pub highlights: Highlights,
    file: Option<OpenFile>,
    /// Whether it can only be read because another process has it.
    pub is_taken: bool,
    /// What its file looked like when it was last compared with what is here.
    looked: Option<Look>,
    /// What is still to come of its file; then the text is only looked at.
    loading: Option<Loading>,
    /// The document was edited since the session was told.
    is_edited: bool,
    /// What others see of the user changed since the session was told.
    is_moved: bool,
}

impl Buffer {
    /// Makes an open text of what was opened, and says in it what there is to say. What the whole program must do for it
    /// is appended to `out`.
    pub fn new(id: BufferId, setting: &Setting, loaded: Loaded, opened: Opened) -> (Buffer, Vec<Effect>) {
        let Opened { session, doc, finding, base, expected, format, read_only, is_taken, .. } = opened;
        let Loaded { file, mut meta, text: text_of_file, settings } = loaded;
        meta.read_only = meta.read_only.or(read_only);
        let (name, is_shared) = (meta.name.clone(), session.link().is_some());
        let is_locked = meta.is_locked;
        // A text that the journal has is written as it was last, whatever the file looks like now.
        meta.format = format.unwrap_or(meta.format);
        let mut model = Model::new(doc, meta);
        model.set_settings(setting.editor.clone());
        model.set_file_settings(settings.clone().unwrap_or_default());
        let color = setting.color.unwrap_or_else(|| (entropy::u64() % u64::from(N_COLORS)) as u8);
        model.set_identity(setting.name.clone(), color, session.link().cloned());
        if !session.is_unknown_elsewhere() {
            model.set_shared_before();
        }
        // A file that is new to this document may hold its very text: then it is in step with it.
        let is_new_to_it = expected.is_none() && file.as_ref().is_some_and(|file| file.hash().is_some());
        let is_in_step = is_new_to_it && *model.rope() == text_of_file;
        let is_gone = matches!(finding, Finding::FileGone { .. });
        if !is_in_step && (is_gone || *model.rope() != base) {
            model.mark_modified(base);
        }
        let mut buffer = Buffer {
            id,
            model,
            session,
            is_released: false,
            highlights: Highlights::new(),
            file,
            is_taken,
            looked: None,
            loading: None,
            is_edited: false,
            is_moved: true,
        };
        let mut out = Vec::new();
        match &mut buffer.file {
            Some(file) if is_in_step => {
                if let Some(hash) = file.hash() {
                    let format = buffer.model.file().format;
                    buffer.session.saved(buffer.model.document_mut(), hash, format);
                }
            }
            Some(file) => file.expect(expected),
            None => {}
        }
        buffer.handle(Msg::Connection(buffer.session.status()), &mut out);
        buffer.handle(Msg::People(buffer.session.people()), &mut out);
        let is_other = is_new_to_it && !is_in_step;
        let mut words = words_of(&finding, &name, is_other, is_locked, is_shared);
        let encoding = buffer.model.file().format.encoding;
        if words.is_empty() && !encoding.has_all() {
            words = format!("read as {}; `reopen-encoding` reads it otherwise", encoding.name());
        }
        if !words.is_empty() {
            buffer.handle(Msg::Notice(words), &mut out);
        }
        if let Err(words) = settings {
            buffer.handle(Msg::Notice(words), &mut out);
        }
        if let Finding::FileChanged { .. } = finding {
            buffer.handle(Msg::Conflict, &mut out);
        }
        if let Some(words) = buffer.session.warning() {
            buffer.handle(Msg::Notice(words), &mut out);
        }
        (buffer, out)
    }

    /// Makes an open text of the first part of a file, to be looked at while the rest is read.
    ///
    /// # Errors
    /// If even that is longer than a document can be.
    pub fn first_part(
        id: BufferId,
        setting: &Setting,
        first: Loaded,
        loading: Loading,
    ) -> anyhow::Result<Buffer> {
        let (session, doc) = session::open_view(Arc::clone(&setting.network), first.text)?;
        let mut model = Model::new(doc, first.meta);
        model.set_settings(setting.editor.clone());
        Ok(Buffer {
            id,
            model,
            session,
            is_released: false,
            highlights: Highlights::new(),
            file: None,
            is_taken: false,
            looked: None,
            loading: Some(loading),
            is_edited: false,
            is_moved: false,
        })
    }

    /// Shows more of its file.
    fn grow(&mut self, text: ropey::Rope, percent: u8) {
        if let Ok(document) = Document::of_text(self.model.document().replica(), text) {
            self.model.grow(document, percent);
        }
    }

    /// The rest of its file will not come.
    pub fn stay_in_part(&mut self, why: String, out: &mut Vec<Effect>) {
        self.loading = None;
        let file = self.model.file_mut();
        file.loading = None;
        file.read_only = Some(format!("this is not the whole file: {why}"));
        self.handle(Msg::Notice(why), out);
    }

    /// Returns the canonical path of its file, if it has one.
    pub fn path(&self) -> Option<PathBuf> {
        if let Some(loading) = &self.loading {
            return paths::canonical(&loading.path).ok();
        }
        self.file.as_ref().filter(|_| self.model.file().has_path).and_then(|file| file.canonical().ok())
    }

    /// Returns where the caret is in the file.
    pub fn place(&self) -> Option<Place> {
        let (line, column) = self.model.place();
        self.path().filter(|_| self.loading.is_none()).map(|path| Place { path, line, column })
    }

    /// Takes in what happened to it.
    pub fn on(&mut self, happened: Happened, out: &mut Vec<Effect>) {
        let event = match happened {
            Happened::Session(event) => *event,
            Happened::Highlights(Answer::Painted(painted)) => return self.handle(Msg::Painted(painted), out),
            Happened::Highlights(Answer::TooSlow) => return self.handle(Msg::TooSlow, out),
            Happened::Read(Piece::Text(text, percent)) => return self.grow(text, percent),
            Happened::Read(Piece::Failed(error)) => return self.stay_in_part(error.to_string(), out),
            // The shell takes it before: it opens the text anew.
            Happened::Read(Piece::Whole(_)) => return,
        };
        self.lend(out, |session, doc, news| session.handle(event, doc, news));
        for _ in 0..EVENTS_PER_FRAME_MAX {
            let Some(event) = self.session.try_next_event() else { break };
            self.lend(out, |session, doc, news| session.handle(event, doc, news));
        }
    }

    /// Lends the document to the session and works in what comes of it, if anything.
    fn lend(
        &mut self,
        out: &mut Vec<Effect>,
        work: impl FnOnce(&mut Session, &mut Document, &mut Vec<News>),
    ) -> bool {
        let mut news = Vec::new();
        work(&mut self.session, self.model.document_mut(), &mut news);
        let is_news = !news.is_empty();
        for item in news {
            let msg = match item {
                News::TextChanged(applied) => Msg::RemoteApplied(applied),
                News::People => Msg::People(self.session.people()),
                News::Link => {
                    self.model.set_link(self.session.link().cloned());
                    Msg::Notice("the link of this document was replaced; F2 shows the new one".to_owned())
                }
                News::Status => Msg::Connection(self.session.status()),
                News::JournalFailed(sentence) => Msg::Notice(sentence),
                News::Rewritten => {
                    self.is_moved = true;
                    continue;
                }
            };
            self.handle(msg, out);
        }
        is_news
    }

    /// Tells the session what was edited and where the user is now: once for all that came together. Returns whether the session
    /// had something to say to that.
    pub fn flush(&mut self, out: &mut Vec<Effect>) -> bool {
        let mut is_news = false;
        if std::mem::take(&mut self.is_edited) {
            is_news |= self.lend(out, |session, doc, news| session.edited(doc, news));
        }
        if std::mem::take(&mut self.is_moved) && self.session.link().is_some() {
            let presence = self.model.presence();
            is_news |= self.lend(out, |session, doc, news| session.presence(Some(presence), doc, news));
        }
        is_news
    }

    /// Works a message in and carries out what concerns this text alone. The rest is appended to `out`.
    pub fn handle(&mut self, msg: Msg, out: &mut Vec<Effect>) {
        for effect in update(&mut self.model, msg, clock::mono_now()) {
            self.carry_out(effect, out);
        }
    }

    fn carry_out(&mut self, effect: Effect, out: &mut Vec<Effect>) {
        match effect {
            Effect::Save { text, revision, overwrite, path } => {
                // What is saved must be in the journal first, or it would count as newer than the file.
                self.flush(out);
                let result = self.save(&text, overwrite, path).map_err(|error| format!("{error:#}"));
                self.handle(Msg::Saved { revision, result }, out);
            }
            Effect::Copy { text, path, overwrite } => {
                let mut file = OpenFile::new(files::at_home(&path));
                let words = match file.save(&text, self.model.file().format, overwrite) {
                    Ok(SaveDone::Written(_)) => format!("a copy is in {path}"),
                    Ok(_) => format!("{path} is there already; :w! {path} writes over it"),
                    Err(error) => error.to_string(),
                };
                self.handle(Msg::Notice(words), out);
            }
            Effect::LoadTheirs => {
                let theirs = self
                    .load_theirs(Reading::Again(self.model.file().format.encoding))
                    .map_err(|error| format!("{error:#}"));
                self.handle(Msg::Theirs(theirs), out);
            }
            Effect::Reopen(encoding) => {
                let read = self.load_theirs(Reading::As(encoding)).map_err(|error| format!("{error:#}"));
                self.handle(Msg::Reopened(read), out);
            }
            Effect::Revert => {
                let again = Reading::Again(self.model.file().format.encoding);
                let read = self.load_theirs(again).map_err(|error| format!("{error:#}"));
                self.handle(Msg::Reverted(read), out);
            }
            Effect::Insert { path, line } => {
                let text = match files::load_text(&files::at_home(&path)) {
                    Ok(loaded) if loaded.is_new() => Err(format!("there is no file {path}")),
                    Ok(loaded) => Ok(loaded.text.to_string()),
                    Err(error) => Err(error.to_string()),
                };
                self.handle(Msg::Inserted { line, text }, out);
            }
            Effect::CheckFile => {
                let file = self.file.as_ref();
                if file.is_some_and(OpenFile::is_gone) {
                    self.handle(Msg::FileGone { quits: false }, out);
                } else if file.is_some_and(OpenFile::is_changed_outside) {
                    self.handle(Msg::FileChanged, out);
                }
            }
            Effect::InStep => {
                self.flush(out);
                self.in_step();
            }
            Effect::Quit | Effect::Close if !self.model.is_modified() && self.is_gone() => {
                self.handle(Msg::FileGone { quits: true }, out);
            }
            Effect::DocumentEdited => self.is_edited = true,
            Effect::PresenceChanged => self.is_moved = true,
            Effect::RetryNow => {
                self.lend(out, |session, doc, news| session.retry_now(doc, news));
            }
            other => out.push(other),
        }
    }

    fn save(
        &mut self,
        text: &ropey::Rope,
        overwrite: bool,
        path: Option<String>,
    ) -> anyhow::Result<SaveDone> {
        let format = self.model.file().format;
        // Its own file by another name is its own file: what another program wrote there is asked about.
        let is_own = |path: &PathBuf| {
            self.file.as_ref().is_some_and(|file| file.canonical().ok() == paths::canonical(path).ok())
        };
        let path = path.map(|path| files::at_home(&path)).filter(|path| !is_own(path));
        let done = match (path, &mut self.file) {
            (Some(path), _) => {
                let mut file = OpenFile::new(path);
                let done = file.save(text, format, overwrite)?;
                // Only a file that was written is the text's from now on.
                if let SaveDone::Written(_) = done {
                    self.move_to(file)?;
                }
                done
            }
            (None, Some(file)) => file.save(text, format, overwrite)?,
            (None, None) => bail!("this text has no file"),
        };
        if let SaveDone::Written(_) = done {
            self.in_step();
        }
        Ok(done)
    }

    /// The text is that file's from now on.
    fn move_to(&mut self, file: OpenFile) -> anyhow::Result<()> {
        let path = file.canonical()?;
        self.model.set_file_name(files::name_of(&path));
        self.model.file_mut().path = path.to_string_lossy().into_owned();
        self.model.set_file_settings(editorconfig::of(&path).unwrap_or_default());
        self.session.moved(path);
        self.file = Some(file);
        Ok(())
    }

    /// Compares its file with what is here, if it looks otherwise than the last time. A question that is open is not to be
    /// disturbed: then that has time.
    pub fn look_outside(&mut self, out: &mut Vec<Effect>) {
        if self.model.is_asking() {
            return;
        }
        let look = self.file.as_ref().map(OpenFile::look);
        if look.is_some() && look != std::mem::replace(&mut self.looked, look) {
            self.carry_out(Effect::CheckFile, out);
        }
    }

    /// Returns whether its file was there and is not any more.
    pub fn is_gone(&self) -> bool {
        self.file.as_ref().is_some_and(OpenFile::is_gone)
    }

    /// Returns whether its user has something to answer before it is left.
    pub fn must_ask(&self) -> bool {
        let is_left = 0 < self.model.n_guests_to_ask_for(clock::mono_now());
        self.model.is_modified() || self.is_gone() || is_left
    }

    /// File and document hold the same text now.
    fn in_step(&mut self) {
        if let Some(hash) = self.file.as_ref().and_then(OpenFile::hash) {
            let format = self.model.file().format;
            self.session.saved(self.model.document_mut(), hash, format);
        }
    }

    fn load_theirs(&mut self, reading: Reading) -> anyhow::Result<(String, FileMeta)> {
        let file = self.file.as_ref().ok_or_else(|| anyhow!("this text has no file"))?;
        let loaded = files::load_as(&file.path, reading)?;
        if loaded.is_new() {
            self.file = loaded.file;
            bail!("{} is gone; Ctrl-S writes it again", self.model.file().name);
        }
        if let Some(why) = loaded.meta.read_only {
            bail!("not taken in: {why}");
        }
        // What could not be decoded was only shown, and nothing was kept for it.
        if let Some(path) = self.path().filter(|_| self.model.file().is_undecoded) {
            self.session.moved(path);
        }
        self.file = loaded.file;
        Ok((loaded.text.to_string(), loaded.meta))
    }

    /// Waits for what happens to it next. May be dropped at any time without losing anything.
    pub async fn next(&mut self) -> Happened {
        let loading = async {
            match &mut self.loading {
                Some(loading) => loading.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            piece = loading => Happened::Read(piece),
            event = self.session.next_event() => Happened::Session(Box::new(event)),
            answer = self.highlights.answer() => Happened::Highlights(answer),
        }
    }

    /// Writes the text to a file that was not there, beside its own or else in `folder`. Returns which.
    pub fn keep_copy(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let path = self.path();
        let folder = path.as_deref().and_then(Path::parent).unwrap_or(folder);
        let name = path.as_deref().map_or_else(|| "untitled".to_owned(), files::name_of);
        let kept = join::unused(folder, &format!("mine-{name}"));
        match OpenFile::new(kept.clone()).save(self.model.rope(), self.model.file().format, false)? {
            SaveDone::Written(_) => Ok(kept),
            _ => bail!("{} was made by another program just now; try again", kept.display()),
        }
    }

    /// Ends the session and forgets all that it kept; `nothing` takes its place. The text is only looked at from now on.
    pub async fn end_session(&mut self, nothing: Session, why: &str, out: &mut Vec<Effect>) {
        self.flush(out);
        let session = std::mem::replace(&mut self.session, nothing);
        session.end(self.model.document_mut(), Ending::Forget).await;
        self.model.set_link(None);
        self.model.file_mut().read_only = Some(why.to_owned());
        self.handle(Msg::People(Vec::new()), out);
        self.handle(Msg::Connection(self.session.status()), out);
        self.handle(Msg::Notice(why.to_owned()), out);
    }

    /// Returns what is to be said when the program ends before the other side has everything.
    pub fn unsent(&self) -> Option<String> {
        let (status, name) = (self.session.status(), safe::line(&self.model.file().name));
        let n = status.n_waiting();
        let words = match status {
            _ if n == 0 => return None,
            Status::ReadOnly { .. } => "stay here: the link can only read".to_owned(),
            Status::Denied { sentence, .. } => format!("stay here: {}", safe::line(&sentence)),
            _ => format!("were not sent yet; that goes on when {name} is opened again"),
        };
        Some(format!("{} of {name} {words}", edits(n)))
    }

    /// Whether discarding its edits can be one edit more: the text is nobody else's, and its file has what it had.
    fn may_put_back(&self) -> bool {
        let is_small = self.model.rope().len_bytes() <= UNDO_TEXT_BYTES_MAX;
        let has_file = self.file.as_ref().is_some_and(|file| file.hash().is_some() && !file.is_gone());
        is_small && has_file && self.session.link().is_none() && self.model.file().read_only.is_none()
    }

    /// Ends the session.
    pub async fn end(mut self, ending: Ending) {
        // What was typed and taken back by hand leaves nothing to save, and stays in undo.
        if ending == Ending::Clean && self.model.is_modified() {
            // What is discarded becomes one more edit that undo takes back: all that was kept before stays with it.
            if !self.model.is_as_saved() && self.may_put_back() {
                self.model.put_back(clock::mono_now());
                self.is_edited = true;
            }
            if self.model.is_as_saved() {
                self.flush(&mut Vec::new());
                self.in_step();
            }
        }
        self.session.end(self.model.document_mut(), ending).await;
    }
}

/// What the user must be told of a text that was opened; nothing when it is as expected.
fn words_of(finding: &Finding, name: &str, is_other: bool, is_locked: bool, is_shared: bool) -> String {
    match *finding {
        Finding::Same if is_other => {
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
    }
}

/// `1 edit` or `12 edits`.
fn edits(n: u64) -> String {
    if n == 1 { "1 edit".to_owned() } else { format!("{n} edits") }
}
