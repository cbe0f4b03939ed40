//! Rank 3: the editor as a value: `(model, message, time) -> effects`.
//!
//! `Model` is everything the screen shows. `update` advances it by one message and returns what the shell
//! must do; it never waits and never fails.

pub mod bracket;
pub mod caret;
pub mod column;
pub mod command;
pub(crate) mod complete;
pub mod cursors;
pub mod edit;
pub mod edits;
pub mod file;
pub mod find;
mod format;
pub mod glyph;
pub mod grapheme;
pub mod help;
pub mod hidden;
pub mod highlight;
mod history;
pub mod indentation;
pub mod input;
pub mod key;
pub mod keymap;
pub mod layout;
pub mod line_input;
pub mod lines;
pub mod merge;
mod message;
pub mod mouse;
mod notice;
mod outline;
pub mod pair;
pub mod panes;
pub mod people;
pub mod picker;
pub mod prompt;
mod scan;
pub mod search;
pub mod selection;
pub mod settings;
mod steps;
mod update;
pub mod views;
pub mod vim;
pub mod wrap;

#[cfg(test)]
mod tests;

use ropey::Rope;

use crate::base::limits::PRESENCE_SELECTIONS_MAX;
use crate::base::text_format::{LineEnding, TextFormat};
use crate::base::time::MonoTime;
use crate::document::{Anchor, Bias, Document};
use crate::protocol::ConnectionId;
use crate::protocol::link_url::LinkUrl;
use crate::protocol::presence::{Activity, Presence};
use crate::sync::Status;
use crate::syntax::language::{self, Language};

use edit::Run;
use file::FileMeta;
use find::Find;
use glyph::TabWidth;
use hidden::Hidden;
use highlight::Highlights;
use indentation::Indentation;
use key::Key;
use layout::Layout;
pub use message::{Effect, Msg, SaveDone};
use mouse::Clicks;
pub use notice::{NOTICE_MS, Notice};
use people::{LastSeen, Peer};
use picker::Picker;
use prompt::{Kept, Prompt};
use selection::Selection;
use settings::{Chosen, FileSettings, Settings};
pub use update::update;
use vim::Vim;

/// A box over the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlay {
    /// None is open.
    #[default]
    None,
    /// The keys; scrolled down by so many rows.
    Help(usize),
    /// The link, and who is here; scrolled down by so many rows.
    People(usize),
    /// The last messages; scrolled down by so many rows.
    Messages(usize),
}

/// What part of the text is on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    /// The first line shown.
    pub top: usize,
    /// Which of its rows is the first, where lines are wrapped. May be more than it has, once it is shorter: see `Model::top`.
    pub row: usize,
    /// The first column shown.
    pub left: usize,
}

/// Cut or copied text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clipboard {
    /// What each selection held; together they are the text.
    pub parts: Vec<String>,
    /// Whole lines are pasted above the caret's line.
    pub is_lines: bool,
}

/// Everything the editor knows.
pub struct Model {
    document: Document,
    pub(crate) file: FileMeta,
    /// The selection that the view follows.
    pub(crate) selection: Selection,
    /// The others, in no order.
    pub(crate) others: Vec<Selection>,
    /// The word that `add-next-match` selected around a bare caret. Cleared when anything else is done.
    word: Option<String>,
    /// The word that is being completed.
    completion: Option<complete::Completion>,
    pub(crate) scroll: Scroll,
    size: (u16, u16),
    /// The columns and rows of the whole screen, of which this text may have a part.
    screen: (u16, u16),
    pub(crate) prompt: Option<Prompt>,
    pub(crate) overlay: Overlay,
    pub(crate) picker: Option<Picker>,
    /// Where the rows of the open list lead.
    listed: Vec<Anchor>,
    pub(crate) settings: Settings,
    /// What an `.editorconfig` says about the file.
    pub(crate) file_settings: FileSettings,
    /// What the user chose for this text.
    pub(crate) chosen: Chosen,
    pub(crate) indentation: Indentation,
    pub(crate) tab_width: TabWidth,
    /// The keys of a chord that is not finished.
    pub(crate) chord: Vec<Key>,
    pub(crate) notice: Option<Notice>,
    told: notice::Told,
    pub(crate) find: Find,
    pub(crate) history: history::History,
    /// Which of how many open texts it is, where there is no row for their names; and whether another one is not saved.
    pub(crate) number: Option<(usize, usize, bool)>,
    pub(crate) language: &'static Language,
    pub(crate) highlights: Highlights,
    pub(crate) hidden: Hidden,
    pub(crate) vim: Vim,
    pub(crate) people: Vec<Peer>,
    /// Whose cursor this one goes along with. Set by its user, cleared with the next key, or when they leave.
    following: Option<ConnectionId>,
    /// Whom the rows of the open list mean.
    listed_people: Vec<ConnectionId>,
    pub(crate) connection: Status,
    pub(crate) own_name: String,
    own_color: u8,
    pub(crate) link: Option<LinkUrl>,
    /// Whether others can join by the link, as far as is known here: whoever serves it has been reached.
    pub(crate) is_shared_yet: bool,
    /// When its user was told that quitting ends the visit of others.
    warned_of_guests: Option<MonoTime>,
    seen: LastSeen,
    activity: Activity,
    /// What is remembered of steps of undo, the oldest first.
    steps: Vec<steps::Step>,
    clipboard: Clipboard,
    run: Option<Run>,
    clicks: Clicks,
    /// Grows with every change of the text, own or others'.
    revision: u64,
    saved_revision: u64,
    /// The revision that was found to be what the file has, after edits were taken back.
    same_revision: u64,
    /// How the file is written now.
    saved_format: TextFormat,
    /// How the lines end once no carriage return is left in a text where they ended differently.
    even_ending: LineEnding,
    /// The text as the file last had it; what a merge with another program's change starts from.
    base: Rope,
    /// The text of the save that is under way.
    saving: Rope,
    saving_format: TextFormat,
    quits_after_save: bool,
    /// Quitting means only this text.
    closes_only: bool,
    /// Where the text is being saved to, if not to its own file.
    save_path: Option<String>,
    /// Where the caret goes once so much of the file was read: line and column. Cleared when its user does anything else.
    wanted_place: Option<(usize, usize)>,
    /// The caret's line and the first shown character after the last message: where they were before an edit of others.
    caret_line: usize,
    top_at: usize,
}

impl Model {
    /// Makes an editor of `document`, whose text is what the file holds.
    pub fn new(document: Document, file: FileMeta) -> Model {
        let base = document.rope().clone();
        let (language, hidden) = (language::detect(&file.name, &base), Hidden::of(&base));
        let format = file.format;
        let (settings, file_settings) = (Settings::default(), FileSettings::default());
        let (chosen, tab_width) = (Chosen::default(), settings.tab_width);
        let indentation = Indentation::of(&base, &chosen, &file_settings, &settings, language);
        Model {
            document,
            file,
            selection: Selection::default(),
            others: Vec::new(),
            word: None,
            completion: None,
            scroll: Scroll::default(),
            size: (80, 24),
            screen: (80, 24),
            prompt: None,
            overlay: Overlay::None,
            picker: None,
            listed: Vec::new(),
            settings,
            file_settings,
            chosen,
            indentation,
            tab_width,
            chord: Vec::new(),
            notice: None,
            told: notice::Told::default(),
            find: Find::default(),
            history: history::History::default(),
            number: None,
            language,
            highlights: Highlights::default(),
            hidden,
            vim: Vim::default(),
            people: Vec::new(),
            following: None,
            listed_people: Vec::new(),
            connection: Status::Alone,
            own_name: String::new(),
            own_color: 0,
            link: None,
            is_shared_yet: false,
            warned_of_guests: None,
            seen: LastSeen::default(),
            activity: Activity::Idle,
            steps: Vec::new(),
            clipboard: Clipboard::default(),
            run: None,
            clicks: Clicks::default(),
            revision: 0,
            saved_revision: 0,
            same_revision: 0,
            saved_format: format,
            even_ending: LineEnding::Lf,
            saving: base.clone(),
            saving_format: format,
            base,
            quits_after_save: false,
            closes_only: false,
            save_path: None,
            wanted_place: None,
            caret_line: 0,
            top_at: 0,
        }
    }

    /// Returns the document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Returns the document, for merging others' edits into it and for setting its time. Every change must be
    /// followed by `Msg::RemoteApplied`.
    pub fn document_mut(&mut self) -> &mut Document {
        &mut self.document
    }

    /// Returns what is known of the file.
    pub fn file(&self) -> &FileMeta {
        &self.file
    }

    /// Returns what is known of the file, to set whether it may be edited.
    pub fn file_mut(&mut self) -> &mut FileMeta {
        &mut self.file
    }

    /// Returns the text.
    pub fn rope(&self) -> &Rope {
        self.document.rope()
    }

    /// Returns where the caret is, in characters.
    pub fn caret(&self) -> usize {
        self.selection.head
    }

    /// Returns whether the text, or how it is to be written, differs from the file.
    pub fn is_modified(&self) -> bool {
        self.revision != self.saved_revision || self.file.format != self.saved_format
    }

    /// Returns whether the text is to be marked as modified: not if undo brought it back to what the file has.
    pub fn is_marked(&self) -> bool {
        self.is_modified() && (self.revision != self.same_revision || self.file.format != self.saved_format)
    }

    /// Returns whether the text is what the file last had, edits that were taken back by hand included. O(n) if it is.
    pub fn is_as_saved(&self) -> bool {
        !self.is_modified() || (self.file.format == self.saved_format && *self.rope() == self.base)
    }

    /// The text has a file of this name from now on.
    pub fn set_file_name(&mut self, name: String) {
        (self.file.name, self.file.has_path) = (name, true);
        self.language = language::detect(&self.file.name, self.document.rope());
        self.look_at_indentation();
    }

    /// Says that the text is not what the file holds: it was recovered or came from a shared document. `base`
    /// is what the file held when it was last in step, for a later merge.
    pub fn mark_modified(&mut self, base: Rope) {
        self.base = base;
        self.revision += 1;
    }

    /// Sets the name and the colour (of 16) that others see, and the link to show, if the document is shared.
    pub fn set_identity(&mut self, name: String, color: u8, link: Option<LinkUrl>) {
        (self.own_name, self.own_color, self.link) = (name, color, link);
    }

    /// Says that the text was shared before: others may be there already.
    pub fn set_shared_before(&mut self) {
        self.is_shared_yet = true;
    }

    /// Sets the link to show.
    pub fn set_link(&mut self, link: Option<LinkUrl>) {
        self.link = link;
    }

    /// Puts the caret at a line and column, both from 1 and clamped to the text: at once, or when so much of the file is here.
    pub fn go_to(&mut self, line: usize, column: usize) {
        if self.file.loading.is_some() && self.rope().len_lines() <= line {
            self.wanted_place = Some((line, column));
            return;
        }
        let at = self.position_of(line, column);
        self.select(Selection::caret(at));
        self.center();
    }

    /// Returns what others are shown of this user.
    pub fn presence(&self) -> Presence {
        let ends = |range: std::ops::Range<usize>| {
            (self.document.anchor(range.start, Bias::Right), self.document.anchor(range.end, Bias::Left))
        };
        let selected = std::iter::once(&self.selection).chain(&self.others).map(Selection::range);
        let selected = selected.filter(|range| !range.is_empty()).take(PRESENCE_SELECTIONS_MAX);
        Presence {
            name: self.own_name.clone(),
            color: self.own_color,
            cursor: Some(self.document.anchor(self.selection.head, Bias::Left)),
            selections: selected.map(ends).collect(),
            activity: self.activity,
        }
    }

    /// Returns when a `Msg::Tick` is due; `None` when nothing on the screen changes by itself.
    pub fn deadline(&self, now: MonoTime) -> Option<MonoTime> {
        let notice = self.notice.as_ref().and_then(|notice| notice.until);
        let labels = self.people.iter().filter_map(|peer| peer.label_until).filter(|&until| now < until);
        let activity = self.link.as_ref().and_then(|_| self.seen.next_change(now));
        labels.chain(notice).chain(self.connection.next_change(now)).chain(activity).min()
    }

    /// Returns where the text stays when it is not saved.
    pub fn kept(&self) -> Kept {
        match &self.connection {
            Status::NotKept { .. } => Kept::Nowhere,
            _ if self.link.is_none() => Kept::Unshared,
            // Served from here alone, and without a file there is no way back to it.
            Status::Hosting { .. } if !self.file.has_path => Kept::Unshared,
            status if 0 < status.n_waiting() => Kept::Here,
            _ => Kept::Shared,
        }
    }

    /// Returns the columns and rows of the screen.
    pub fn size(&self) -> (u16, u16) {
        self.size
    }

    /// Sets the columns and rows of the whole screen: lists, boxes, questions and long messages are drawn over all of it.
    pub fn set_screen(&mut self, columns: u16, rows: u16) {
        self.screen = (columns, rows);
    }

    /// Returns the columns and rows of the whole screen.
    pub fn screen(&self) -> (u16, u16) {
        self.screen
    }

    /// Says which of how many open texts this is, from 1, and whether another one is not saved: where no row names them.
    pub fn set_number(&mut self, number: Option<(usize, usize, bool)>) {
        self.number = number;
    }

    /// Returns whether a list or a box is open, which takes what the mouse does anywhere on the screen.
    pub fn is_covered(&self) -> bool {
        self.overlay != Overlay::None || self.picker.is_some()
    }

    /// Returns how the screen is divided.
    pub fn layout(&self) -> Layout {
        let (n_lines, is_spoken) = (self.rope().len_lines(), self.settings.is_spoken);
        let has_prompt = self.prompt.is_some() || (is_spoken && self.notice.is_some());
        let layout = Layout::new(self.size.0, self.size.1, n_lines, has_prompt);
        let has_scrollbar = self.settings.scrollbar && !is_spoken;
        let layout = if has_scrollbar { layout.with_scrollbar(n_lines) } else { layout };
        if is_spoken || !self.has_numbers() { layout.without_numbers() } else { layout }
    }
}
