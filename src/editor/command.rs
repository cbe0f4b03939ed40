//! Every command as a row of one table: its name, what it does, its keys, and the action. The palette, the help
//! and the page on keys are made from it.

use crate::base::text_format::LineEnding;

use super::panes::{Arrange, Axis, Direction};

/// Where a caret goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Motion {
    Left,
    Right,
    Up,
    Down,
    WordLeft,
    WordRight,
    LineStart,
    LineEnd,
    PageUp,
    PageDown,
    TextStart,
    TextEnd,
    Bracket,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table below describes each")]
pub enum Action {
    Move(Motion),
    SelectAll,
    Enter,
    Indent,
    Outdent,
    DeleteBack,
    DeleteForward,
    DeleteWordBack,
    DeleteWordForward,
    Undo,
    Redo,
    Cut,
    Copy,
    Paste,
    LinesUp,
    LinesDown,
    Duplicate,
    JoinLines,
    SortLines,
    Comment,
    IndentLines,
    Complete,
    Theme,
    AddNextMatch,
    SelectAllMatches,
    AddCaretUp,
    AddCaretDown,
    Replace,
    Find,
    FindNext,
    FindPrevious,
    GotoLine,
    Save,
    Quit,
    SaveAs,
    QuitFailed,
    SaveEncoding,
    ReopenEncoding,
    EndLines(LineEnding),
    TabWidth,
    IndentWith,
    Revert,
    ToggleNumbers,
    ToggleBlanks,
    FileInfo,
    Palette,
    Arrange(Arrange),
    ToggleWrap,
    Outline,
    Help,
    People,
    Messages,
    CopyLink,
    CopyReadLink,
    GoToPerson,
    Follow,
    DropMine,
    Suspend,
    RetryNow,
    Cancel,
}

/// One row of the table.
#[derive(Debug)]
pub struct Command {
    /// The name it is bound by.
    pub name: &'static str,
    /// What it does, in words for the help.
    pub about: &'static str,
    /// The keys it has unless the configuration says otherwise; a chord is several keys with blanks between them.
    pub keys: &'static [&'static str],
    /// What happens.
    pub action: Action,
}

const fn row(
    name: &'static str,
    about: &'static str,
    keys: &'static [&'static str],
    action: Action,
) -> Command {
    Command { name, about, keys, action }
}

/// All commands, in the order in which help shows them.
#[rustfmt::skip]
pub static COMMANDS: &[Command] = &[
    row("save", "Save the file", &["Ctrl-S"], Action::Save),
    row("save-all", "Save every open text", &[], Action::Arrange(Arrange::SaveAll)),
    row("quit", "Quit; asks when something is unsaved", &["Ctrl-Q"], Action::Quit),
    row("undo", "Undo your last edit", &["Ctrl-Z"], Action::Undo),
    row("redo", "Redo it", &["Ctrl-Y", "Ctrl-Shift-Z"], Action::Redo),
    row("cut", "Cut the selection, or the line", &["Ctrl-X", "Shift-Delete"], Action::Cut),
    row("copy", "Copy the selection, or the line", &["Ctrl-C", "Ctrl-Insert"], Action::Copy),
    row("paste", "Paste what was cut or copied", &["Ctrl-V", "Shift-Insert"], Action::Paste),
    row("find", "Find as you type", &["Ctrl-F"], Action::Find),
    row("find-next", "Next match", &["F3"], Action::FindNext),
    row("find-previous", "Previous match", &["Shift-F3"], Action::FindPrevious),
    row("replace", "Find and replace", &["Ctrl-K Ctrl-R", "Alt-H"], Action::Replace),
    row("goto-line", "Go to LINE[:COL]", &["Ctrl-G"], Action::GotoLine),
    row("select-all", "Select everything", &["Ctrl-A"], Action::SelectAll),
    row("add-next-match", "Select the word, then its next place as well", &["Ctrl-D"], Action::AddNextMatch),
    row("select-all-matches", "Select every place with this text", &["Alt-A"], Action::SelectAllMatches),
    row("add-caret-up", "One more caret in the line above", &["Ctrl-Alt-Up", "Alt-Shift-Up"], Action::AddCaretUp),
    row("add-caret-down", "One more caret in the line below", &["Ctrl-Alt-Down", "Alt-Shift-Down"], Action::AddCaretDown),
    row("duplicate", "Duplicate the selection, or the line", &["Alt-D", "Ctrl-Shift-D"], Action::Duplicate),
    row("comment", "Make comments of the lines, or text again", &["Ctrl-/", "Ctrl-7", "Alt-/"], Action::Comment),
    row("complete", "Complete the word from those in the text", &["Ctrl-Space", "Alt-C"], Action::Complete),
    row("join-lines", "Join the lines", &["Alt-J"], Action::JoinLines),
    row("sort-lines", "Sort the selected lines", &[], Action::SortLines),
    row("indent-lines", "Indent the lines", &["Alt-I"], Action::IndentLines),
    row("lines-up", "Move the lines up", &["Alt-Up"], Action::LinesUp),
    row("lines-down", "Move the lines down", &["Alt-Down"], Action::LinesDown),
    row("open", "Open a file", &["Ctrl-O"], Action::Arrange(Arrange::ListFiles)),
    row("open-recent", "Open a file that was open lately", &["Alt-O"], Action::Arrange(Arrange::ListRecent)),
    row("reopen", "Open what was open here when coedit last ended", &[], Action::Arrange(Arrange::Reopen)),
    row("save-as", "Save to another file, and go on with that", &[], Action::SaveAs),
    row("reload", "Read the file again, without what is not saved", &[], Action::Revert),
    row("quit-failed", "Discard what is unsaved, and end with an error", &[], Action::QuitFailed),
    row("encoding", "Save in another encoding", &[], Action::SaveEncoding),
    row("reopen-encoding", "Read the file again in another encoding", &[], Action::ReopenEncoding),
    row("lf", "End every line with a line feed (LF)", &[], Action::EndLines(LineEnding::Lf)),
    row("crlf", "End every line with CR and LF, as Windows does", &[], Action::EndLines(LineEnding::CrLf)),
    row("tab-width", "How wide a tab is drawn in this text", &[], Action::TabWidth),
    row("indent-with", "Indent this text by tabs, or by so many blanks", &[], Action::IndentWith),
    row("file-info", "How the file is written and indented, and why", &[], Action::FileInfo),
    row("open-shared", "Open a file that is shared from this machine", &[], Action::Arrange(Arrange::ListShared)),
    row("new", "A new text beside the others", &["Ctrl-N"], Action::Arrange(Arrange::New)),
    row("texts", "The open texts", &["Alt-T", "F4"], Action::Arrange(Arrange::ListTexts)),
    row("next-text", "The next open text", &["Ctrl-PageDown", "Alt-."], Action::Arrange(Arrange::Next)),
    row("previous-text", "The open text before", &["Ctrl-PageUp", "Alt-,"], Action::Arrange(Arrange::Previous)),
    row("close", "Close this text; asks when something is unsaved", &["Ctrl-K Ctrl-W", "Alt-W"], Action::Arrange(Arrange::Close)),
    row("split-right", "Split the pane into two side by side", &["Alt-V", "Ctrl-K Right"], Action::Arrange(Arrange::Split(Axis::Columns))),
    row("split-down", "Split the pane into two, one above the other", &["Alt-S", "Ctrl-K Down"], Action::Arrange(Arrange::Split(Axis::Rows))),
    row("next-pane", "To the next pane", &["F6"], Action::Arrange(Arrange::FocusNext)),
    row("previous-pane", "To the pane before", &["Shift-F6"], Action::Arrange(Arrange::FocusPrevious)),
    row("pane-left", "To the pane at the left", &[], Action::Arrange(Arrange::FocusBeside(Direction::Left))),
    row("pane-right", "To the pane at the right", &[], Action::Arrange(Arrange::FocusBeside(Direction::Right))),
    row("pane-up", "To the pane above", &[], Action::Arrange(Arrange::FocusBeside(Direction::Up))),
    row("pane-down", "To the pane below", &[], Action::Arrange(Arrange::FocusBeside(Direction::Down))),
    row("only-pane", "Close the other panes; their texts stay open", &[], Action::Arrange(Arrange::OnlyPane)),
    row("close-pane", "Close the pane; its text stays open", &["Alt-Q"], Action::Arrange(Arrange::ClosePane)),
    row("palette", "Find a command by what it does, and run it", &["Ctrl-P", "F8"], Action::Palette),
    row("outline", "What the text defines: functions, types, headings", &["Alt-G", "Ctrl-K Ctrl-O"], Action::Outline),
    row("theme", "Draw in another theme", &[], Action::Theme),
    row("wrap", "Wrap long lines, or no longer", &["Alt-L"], Action::ToggleWrap),
    row("line-numbers", "Show the numbers of lines, or no longer", &[], Action::ToggleNumbers),
    row("show-blanks", "Show blanks and tabs, or no longer", &[], Action::ToggleBlanks),
    row("people", "Who is here, and the link to share this text by", &["F2"], Action::People),
    row("messages", "The last messages, whole", &[], Action::Messages),
    row("copy-link", "Share: copy the link that others join with", &[], Action::CopyLink),
    row("copy-read-link", "Share: copy a link that can only read", &[], Action::CopyReadLink),
    row("go-to-person", "Go to where one of the people here is", &[], Action::GoToPerson),
    row("follow", "Follow one of the people here, until the next key", &[], Action::Follow),
    row("drop-mine", "Drop what only you have; show the shared text again", &[], Action::DropMine),
    row("retry", "Try to connect now", &["F5", "Ctrl-R"], Action::RetryNow),
    row("suspend", "Back to the shell; `fg` returns", &["Alt-Z"], Action::Suspend),
    row("help", "This help", &["F1"], Action::Help),
    row("cancel", "Close, or drop the selection", &["Esc"], Action::Cancel),
    row("left", "One character left", &["Left"], Action::Move(Motion::Left)),
    row("right", "One character right", &["Right"], Action::Move(Motion::Right)),
    row("up", "One line up", &["Up"], Action::Move(Motion::Up)),
    row("down", "One line down", &["Down"], Action::Move(Motion::Down)),
    row("word-left", "One word left", &["Ctrl-Left", "Alt-B"], Action::Move(Motion::WordLeft)),
    row("word-right", "One word right", &["Ctrl-Right", "Alt-F"], Action::Move(Motion::WordRight)),
    row("line-start", "Start of the words, then of the line", &["Home"], Action::Move(Motion::LineStart)),
    row("line-end", "End of the line", &["End", "Ctrl-E"], Action::Move(Motion::LineEnd)),
    row("page-up", "One screen up", &["PageUp"], Action::Move(Motion::PageUp)),
    row("page-down", "One screen down", &["PageDown"], Action::Move(Motion::PageDown)),
    row("text-start", "Start of the text", &["Ctrl-Home"], Action::Move(Motion::TextStart)),
    row("text-end", "End of the text", &["Ctrl-End"], Action::Move(Motion::TextEnd)),
    row("bracket", "To the other bracket of the pair", &["Alt-M", "Ctrl-K Ctrl-B"], Action::Move(Motion::Bracket)),
    row("enter", "New line", &["Enter", "Shift-Enter"], Action::Enter),
    row("indent", "Indent, or insert a tab", &["Tab"], Action::Indent),
    row("outdent", "Take indentation away", &["Shift-Tab", "Alt-U"], Action::Outdent),
    row("delete-back", "Delete to the left", &["Backspace", "Shift-Backspace"], Action::DeleteBack),
    row("delete-forward", "Delete to the right", &["Delete"], Action::DeleteForward),
    row("delete-word-back", "Delete a word to the left", &["Ctrl-Backspace", "Ctrl-W", "Ctrl-H", "Alt-Backspace"], Action::DeleteWordBack),
    row("delete-word-forward", "Delete a word to the right", &["Ctrl-Delete"], Action::DeleteWordForward),
];

/// Returns the command of a name.
pub fn named(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// Returns the page on keys for the documentation.
pub fn keys_page() -> String {
    let mut page = include_str!("keys_page.md").to_owned();
    page.push_str("| keys | command | what it does |\n| --- | --- | --- |\n");
    for command in COMMANDS {
        // A bar or a backslash would end the cell.
        let keys: Vec<String> =
            command.keys.iter().map(|key| format!("`{}`", key.replace('|', "\\|"))).collect();
        page.push_str(&format!("| {} | `{}` | {} |\n", keys.join(" "), command.name, command.about));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_on_keys_is_the_table() {
        let page = include_str!("../../docs/KEYS.md");
        assert_eq!(page, keys_page(), "write it again: coedit keys > docs/KEYS.md");
    }

    #[test]
    fn names_are_lower_case_words_and_used_once() {
        let mut seen = std::collections::HashSet::new();
        for command in COMMANDS {
            assert!(seen.insert(command.name), "{}", command.name);
            assert!(command.name.chars().all(|c| c == '-' || c.is_ascii_lowercase()), "{}", command.name);
            assert!(command.about.len() <= 60 && !command.about.ends_with('.'), "{}", command.about);
        }
    }
}
