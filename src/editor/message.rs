//! What the editor hears and what it asks for: messages and effects.

use ropey::Rope;

use crate::base::text_format::encoding::Encoding;
use crate::document::Applied;
use crate::protocol::ConnectionId;
use crate::protocol::presence::Presence;
use crate::sync::Status;
use crate::syntax::grammar::Grammar;
use crate::syntax::outline::Symbol;

use super::command::Action;
use super::file::FileMeta;
use super::highlight::Painted;
use super::key::{Key, Mouse};
use super::panes::Arrange;
use super::picker::{Item, PickerKind};
use super::settings::Settings;

/// Something that happened, to be worked into the model.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// The mouse did something.
    Mouse(Mouse),
    /// Text was pasted in the terminal. Taken literally.
    Paste(String),
    /// The screen has this many columns and rows.
    Resize(u16, u16),
    /// The deadline was reached.
    Tick,
    /// Edits of others were merged into the document (through `document_mut`).
    RemoteApplied(Applied),
    /// Who is here now, without oneself.
    People(Vec<(ConnectionId, Presence)>),
    /// The state of the connection.
    Connection(Status),
    /// The terminal's window got the keyboard: other programs may have done something meanwhile.
    FocusGained,
    /// The file is not what it was when it was last read or written here: `Effect::CheckFile` found out.
    FileChanged,
    /// There is no file any more: `Effect::CheckFile` or `Effect::Quit` found out.
    FileGone {
        /// Whether the user was about to quit.
        quits: bool,
    },
    /// At the start: the text was recovered, and the file was changed by another program meanwhile.
    Conflict,
    /// The save ended. `revision` is that of the effect.
    Saved {
        /// Which state of the text was written.
        revision: u64,
        /// What came of it.
        result: Result<SaveDone, String>,
    },
    /// The text that is in the file now and what goes with it, asked for by `Effect::LoadTheirs`.
    Theirs(Result<(String, FileMeta), String>),
    /// As `Theirs`, asked for by `Effect::Reopen`.
    Reopened(Result<(String, FileMeta), String>),
    /// As `Theirs`, asked for by `Effect::Revert`.
    Reverted(Result<(String, FileMeta), String>),
    /// What is in the file that `Effect::Insert` named.
    Inserted {
        /// That of the effect.
        line: usize,
        /// The text.
        text: Result<String, String>,
    },
    /// The document has just been shared: the link is shown.
    Shared {
        /// Whether the link was put on the clipboard.
        is_copied: bool,
    },
    /// What the configuration says now, or what is wrong with it.
    Settings(Box<Result<Settings, String>>),
    /// What the parts of the text are that `Model::wanted_highlights` asked for.
    Painted(Painted),
    /// The text takes too long to parse: it stays plain.
    TooSlow,
    /// Run a command.
    Command(Action),
    /// What `Effect::Arrange` asked to be listed.
    List(PickerKind, Vec<Item>),
    /// What `Effect::Arrange` asked to be listed takes a while: the list opens without rows.
    Await(PickerKind),
    /// The rows of a list that waits for them.
    Listed(PickerKind, Vec<Item>),
    /// What the text defines, which `Effect::Outline` asked for; `None` when that took too long.
    Symbols(Option<Vec<Symbol>>),
    /// Something to tell the user.
    Notice(String),
}

/// How a save ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaveDone {
    /// The file holds the text. What else there is to say, if anything.
    Written(Option<String>),
    /// The file was changed by another program since it was read, and was left alone.
    ChangedOutside,
    /// There is a file that this text never had anything to do with; it was left alone.
    Exists,
}

/// Something that the shell must do.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Write the text to the file.
    Save {
        /// The text (a cheap clone).
        text: Rope,
        /// To be handed back in `Msg::Saved`.
        revision: u64,
        /// Whether a change by another program may be written over.
        overwrite: bool,
        /// Where to, if not to its own file: that is its file from then on.
        path: Option<String>,
    },
    /// Look whether another program changed or deleted the file; if so, answer with `Msg::FileChanged` or `Msg::FileGone`.
    CheckFile,
    /// Look whether the configuration changed; if so, answer with `Msg::Settings`.
    CheckConfig,
    /// The text is what the file holds now, as it was last read.
    InStep,
    /// Read the file, and answer with `Msg::Theirs`.
    LoadTheirs,
    /// Read the file in this encoding, and answer with `Msg::Reopened`.
    Reopen(Encoding),
    /// Read the file, and answer with `Msg::Reverted`.
    Revert,
    /// Read another file, and answer with `Msg::Inserted`.
    Insert {
        /// Which.
        path: String,
        /// How many lines of this text come before it.
        line: usize,
    },
    /// Leave the editor. When the text is not modified and its file is gone, answer with `Msg::FileGone` instead.
    Quit,
    /// As `Quit`, for this text alone.
    Close,
    /// Leave the editor, and discard whatever is unsaved in any text.
    QuitAll {
        /// Whether whoever started the program is told that nothing came of it.
        is_failure: bool,
    },
    /// Write the text to another file as well. What comes of it is told with `Msg::Notice`.
    Copy {
        /// The text (a cheap clone).
        text: Rope,
        /// Where to.
        path: String,
        /// Whether a file that is there may be written over.
        overwrite: bool,
    },
    /// Open a file beside the others.
    Open(String),
    /// List the themes that there are, that in force first, with `Msg::List`.
    ListThemes,
    /// Draw in this theme; without one in that before the list was opened.
    Theme {
        /// Which.
        name: Option<String>,
        /// Whether it is chosen, and not only looked at.
        is_chosen: bool,
    },
    /// Show the open text with this number.
    Show(usize),
    /// Show the open text whose name holds this.
    ShowNamed(String),
    /// Do something with the open texts or the panes.
    Arrange(Arrange),
    /// Find out what the text defines, and answer with `Msg::Symbols`.
    Outline {
        /// The text (a cheap clone).
        text: Rope,
        /// How to read it.
        grammar: Grammar,
    },
    /// Give the terminal back to the shell that started us.
    Suspend,
    /// Put a text on the terminal's clipboard.
    CopyToClipboard(String),
    /// The document was edited here: journal it and tell the room.
    DocumentEdited,
    /// What others are shown of this user changed: see `Model::presence`.
    PresenceChanged,
    /// Write the text to a file beside its own, and open the shared text anew in its place.
    DropMine,
    /// Try to connect at once.
    RetryNow,
}
