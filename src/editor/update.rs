//! One message in, effects out.

use ropey::Rope;

use crate::base::time::MonoTime;
use crate::document::Applied;
use crate::protocol::capability::Mode;
use crate::sync::Status;

use super::command::Action;
use super::edit::Kind;
use super::hidden::Hidden;
use super::key::{Key, KeyCode, Mouse, MouseKind};
use super::keymap::{self, Found};
use super::line_input::LineInput;
use super::panes::Arrange;
use super::picker::{Picker, PickerKind};
use super::prompt::Prompt;
use super::selection::{Selection, shift_right};
use super::{Effect, Model, Msg, Overlay, SaveDone, grapheme};

/// Advances the model by one message and returns what the shell must do, in order.
pub fn update(model: &mut Model, msg: Msg, now: MonoTime) -> Vec<Effect> {
    let mut effects = Vec::new();
    let (revision, selection) = (model.revision, model.selection);
    let n_others = model.others.len();
    let is_remote = matches!(msg, Msg::RemoteApplied(_));
    if matches!(msg, Msg::Key(_) | Msg::Mouse(_) | Msg::Paste(_)) {
        model.seen.input = now;
        model.wanted_place = None;
        model.stop_following(now);
    }
    let is_done = match &msg {
        Msg::Mouse(mouse) => mouse.kind == MouseKind::Press,
        msg => matches!(msg, Msg::Key(_) | Msg::Paste(_)),
    };
    if is_done {
        model.wear_notice();
    }
    let keeps_view = model.dispatch(msg, now, &mut effects);
    model.drop_worn_notice(is_done && revision != model.revision);
    model.join_selections();
    if model.closes_only {
        let own = |effect| if matches!(effect, Effect::Quit) { Effect::Close } else { effect };
        effects = effects.into_iter().map(own).collect();
        model.closes_only = model.prompt.is_some() || model.quits_after_save;
    }
    if revision != model.revision && !is_remote {
        effects.push(Effect::DocumentEdited);
        model.seen.edit = Some(now);
    }
    let activity = model.seen.activity(now);
    let is_other_activity = std::mem::replace(&mut model.activity, activity) != activity;
    if is_other_activity
        || n_others != model.others.len()
        || (selection.anchor, selection.head) != (model.selection.anchor, model.selection.head)
    {
        effects.push(Effect::PresenceChanged);
    }
    if !keeps_view {
        model.keep_caret_visible();
    }
    model.caret_line = model.line();
    model.top_at = model.rope().line_to_char(model.scroll.top);
    effects
}

impl Model {
    /// Returns whether the view stays even where the caret is not on it.
    fn dispatch(&mut self, msg: Msg, now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        match msg {
            Msg::Key(key) => self.key(key, now, effects),
            Msg::Mouse(mouse) if self.overlay == Overlay::None && self.picker.is_none() => {
                return self.mouse(mouse, now, effects);
            }
            Msg::Mouse(mouse) if self.picker.is_some() => self.picker_mouse(mouse, now, effects),
            Msg::Mouse(mouse) => self.overlay_mouse(mouse, now, effects),
            Msg::Paste(text) if self.picker.is_some() => {
                self.picker.iter_mut().for_each(|picker| picker.paste(&text));
            }
            Msg::Paste(_) if self.overlay != Overlay::None => {
                self.notify("nothing was pasted; Esc closes the box", now)
            }
            Msg::Paste(text) if self.prompt.is_some() => self.prompt_paste(&text),
            Msg::Paste(text) if self.settings.is_vim => self.vim_paste(&text, now, effects),
            Msg::Paste(text) => self.paste(&text, now),
            Msg::Resize(columns, rows) => (self.size, self.screen) = ((columns, rows), (columns, rows)),
            Msg::Tick => return self.tick(now),
            Msg::RemoteApplied(applied) => return self.remote(&applied),
            Msg::People(people) => {
                self.set_people(people, now);
                return !self.follow(now);
            }
            Msg::Connection(connection) => {
                self.is_shared_yet |= matches!(
                    connection,
                    Status::Synced { .. }
                        | Status::Sending { .. }
                        | Status::ReadOnly { .. }
                        | Status::Hosting { .. }
                );
                self.connection = connection;
                return true;
            }
            Msg::FocusGained => {
                effects.push(Effect::CheckConfig);
                // A question that is open already is not asked again.
                if self.prompt.is_none() && self.file.has_path {
                    effects.push(Effect::CheckFile);
                }
                return true;
            }
            Msg::FileChanged if self.is_modified() || self.link.is_some() => {
                let words =
                    format!("{} was changed by another program; Ctrl-S asks what to do", self.file.name);
                self.notify(words, now);
                return true;
            }
            // Nothing of ours can be lost, and undo brings it back.
            Msg::FileChanged => self.read_file(Effect::LoadTheirs, now, effects),
            Msg::FileGone { quits } => self.file_gone(quits, now),
            Msg::Conflict => self.prompt = Some(Prompt::Recovered),
            Msg::Saved { revision, result } => self.saved(revision, result, now, effects),
            Msg::Theirs(Ok((text, meta))) => self.merge_theirs(text, &meta, now, effects),
            Msg::Reopened(Ok((text, meta))) => self.reopened(text, &meta, now, effects),
            Msg::Reverted(Ok((text, meta))) => self.reverted(text, &meta, now, effects),
            Msg::Inserted { line, text: Ok(text) } => self.insert_lines(line, text, now),
            Msg::Theirs(Err(why))
            | Msg::Reopened(Err(why))
            | Msg::Reverted(Err(why))
            | Msg::Inserted { text: Err(why), .. } => self.complain(why, now),
            Msg::Shared { is_copied } => {
                self.overlay = Overlay::People(0);
                // A relay has not taken it yet: the link leads nowhere before.
                let words = match (&self.connection, is_copied) {
                    (Status::Hosting { .. }, true) => "shared; the link is on the clipboard",
                    (Status::Hosting { .. }, false) => "shared",
                    (_, true) => "the link is on the clipboard; it works once the relay has the text",
                    (_, false) => "the link works once the relay has the text",
                };
                self.notify(words, now);
            }
            Msg::Settings(settings) => match *settings {
                Ok(settings) => {
                    self.set_settings(settings);
                    self.notify("the configuration was read again", now);
                }
                Err(why) => self.complain(why, now),
            },
            Msg::Painted(painted) => {
                self.painted(painted);
                return true;
            }
            Msg::TooSlow => {
                self.too_slow();
                return true;
            }
            Msg::Command(action) => self.act(action, false, now, effects),
            Msg::List(kind, items) => self.picker = Some(Picker::new(kind, items)),
            Msg::Await(kind) => self.picker = Some(Picker::awaited(kind)),
            Msg::Listed(kind, items) => {
                if let Some(picker) = self.awaiting(kind) {
                    picker.fill(items, 0);
                }
            }
            Msg::Symbols(symbols) => self.list_symbols(symbols, now),
            Msg::Notice(text) => self.notify(text, now),
        }
        false
    }

    fn tick(&mut self, now: MonoTime) -> bool {
        self.notice.take_if(|notice| notice.until.is_some_and(|until| until <= now));
        for peer in &mut self.people {
            peer.label_until.take_if(|until| *until <= now);
        }
        true
    }

    /// Others' edits: the caret stays on its text, and the text stays on its row.
    fn remote(&mut self, applied: &Applied) -> bool {
        let rows = usize::from(self.layout().text_rows);
        let is_shown = (self.scroll.top..self.scroll.top + rows).contains(&self.caret_line);
        self.shift_through(applied);
        if is_shown {
            // The caret's line keeps its row, whatever came or went above; only the start of the text stays in view.
            let row = self.caret_line - self.scroll.top;
            let is_at_start = self.scroll.top == 0 && self.line() < rows;
            self.scroll.top = if is_at_start { 0 } else { self.line().saturating_sub(row) };
        } else {
            let top_at = applied.changes.iter().fold(self.top_at, shift_right);
            self.scroll.top = self.rope().char_to_line(top_at.min(self.document.len_chars()));
        }
        !is_shown
    }

    pub(crate) fn key(&mut self, key: Key, now: MonoTime, effects: &mut Vec<Effect>) {
        if self.overlay != Overlay::None {
            return self.overlay_key(key, now, effects);
        }
        if self.picker.is_some() {
            return self.picker_key(key, now, effects);
        }
        let is_vims = matches!(self.prompt, None | Some(Prompt::CommandLine { .. }));
        if self.settings.is_vim && is_vims && self.chord.is_empty() && self.vim_key(key, now, effects) {
            return;
        }
        let is_text = matches!(key.code, KeyCode::Char(_)) && !key.ctrl && !key.alt;
        let action = match self.command_of(key, now) {
            Found::Action(action, extend) => Some((action, extend)),
            Found::Nothing => None,
            Found::Chord => return,
        };
        // These work at a prompt, too; the others belong to it.
        let always = matches!(
            action,
            Some((Action::Save | Action::Quit | Action::Help | Action::RetryNow | Action::Suspend, _))
        );
        if self.prompt.is_some() && !always {
            return self.prompt_key(key, now, effects);
        }
        match action {
            Some((action, extend)) => self.act(action, extend, now, effects),
            None => {
                if let KeyCode::Char(c) = key.code
                    && is_text
                {
                    self.type_char(c, now);
                }
            }
        }
    }

    /// Returns what a key does after those of the chord before it, which it ends or continues.
    fn command_of(&mut self, key: Key, now: MonoTime) -> Found {
        self.chord.push(key);
        let found = self.settings.keymap.find(&self.chord);
        match found {
            Found::Chord => self.hint(format!("{} …", keymap::shown(&self.chord)), now),
            _ if self.chord.len() == 1 => self.chord.clear(),
            // What ends no chord is not typed, either.
            Found::Nothing => {
                let keys = keymap::shown(&std::mem::take(&mut self.chord));
                self.notify(format!("{keys} is bound to nothing; F1 shows the keys"), now);
                return Found::Chord;
            }
            Found::Action(..) => {
                self.chord.clear();
                self.notice = None;
            }
        }
        found
    }

    /// Works a key into the open box. None of them reaches the text below, or a question there; the commands that have nothing to do
    /// with the text close the box and act.
    fn overlay_key(&mut self, key: Key, now: MonoTime, effects: &mut Vec<Effect>) {
        let (row, n_rows) = match self.overlay {
            Overlay::None => return,
            Overlay::Help(row) => (row, self.help_rows().len().saturating_sub(self.help_rows_shown())),
            Overlay::Messages(row) => (row, self.message_rows().len().saturating_sub(self.help_rows_shown())),
            Overlay::People(row) => (row, self.people_rows_beyond()),
        };
        let scrolled = match key.code {
            KeyCode::Down => row + 1,
            KeyCode::PageDown => row + 10,
            KeyCode::Up => row.saturating_sub(1),
            KeyCode::PageUp => row.saturating_sub(10),
            KeyCode::Home => 0,
            KeyCode::Esc | KeyCode::Enter | KeyCode::F(1 | 2) => return self.overlay = Overlay::None,
            _ => return self.overlay_command(key, now, effects),
        };
        self.overlay = match self.overlay {
            Overlay::People(_) => Overlay::People(scrolled.min(n_rows)),
            Overlay::Messages(_) => Overlay::Messages(scrolled.min(n_rows)),
            _ => Overlay::Help(scrolled.min(n_rows)),
        };
    }

    fn overlay_command(&mut self, key: Key, now: MonoTime, effects: &mut Vec<Effect>) {
        match (self.overlay, key.code) {
            (Overlay::People(_), KeyCode::Char('c')) if key == Key::plain(KeyCode::Char('c')) => {
                return self.copy_link(Mode::Write, now, effects);
            }
            (Overlay::People(_), KeyCode::Char('r')) if key == Key::plain(KeyCode::Char('r')) => {
                return self.copy_link(Mode::Read, now, effects);
            }
            _ => {}
        }
        match self.settings.keymap.find(&[key]) {
            Found::Action(
                action @ (Action::Quit | Action::RetryNow | Action::Suspend | Action::Palette),
                extend,
            ) => {
                self.overlay = Overlay::None;
                self.act(action, extend, now, effects);
            }
            _ => self.notify("Esc closes the box; nothing was done to the text", now),
        }
    }

    /// Works the mouse into the open box: the wheel scrolls it, a click closes it.
    fn overlay_mouse(&mut self, mouse: Mouse, now: MonoTime, effects: &mut Vec<Effect>) {
        match mouse.kind {
            MouseKind::WheelUp => self.overlay_key(Key::plain(KeyCode::Up), now, effects),
            MouseKind::WheelDown => self.overlay_key(Key::plain(KeyCode::Down), now, effects),
            MouseKind::Press => self.overlay = Overlay::None,
            MouseKind::Drag | MouseKind::Release => {}
        }
    }

    pub(crate) fn act(&mut self, action: Action, extend: bool, now: MonoTime, effects: &mut Vec<Effect>) {
        if !matches!(action, Action::AddNextMatch | Action::SelectAllMatches) {
            self.word = None;
        }
        match action {
            Action::Move(motion) => self.move_caret(motion, extend),
            Action::SelectAll => {
                self.end_run();
                self.select(Selection { anchor: 0, head: self.document.len_chars(), goal: None });
            }
            Action::Enter => self.enter(now),
            Action::Indent => self.indent(now),
            Action::Outdent => self.outdent(now),
            Action::DeleteBack => self.delete_back(now),
            Action::DeleteForward => self.delete(grapheme::next, Kind::Forward, now),
            Action::DeleteWordBack => self.delete(grapheme::prev_word, Kind::Whole, now),
            Action::DeleteWordForward => self.delete(grapheme::next_word, Kind::Whole, now),
            Action::Undo => _ = self.undo(false, now),
            Action::Redo => _ = self.undo(true, now),
            Action::Cut => self.copy(true, now, effects),
            Action::Copy => self.copy(false, now, effects),
            Action::Paste => self.paste_clipboard(now),
            Action::LinesUp => self.move_lines(true, now),
            Action::LinesDown => self.move_lines(false, now),
            Action::Duplicate => self.duplicate(now),
            Action::JoinLines => self.join_lines(now),
            Action::SortLines => self.sort_lines(now),
            Action::Comment => self.toggle_comment(now),
            Action::IndentLines => self.indent_lines(now),
            Action::Complete => drop(self.complete(true, now)),
            Action::Theme => effects.push(Effect::ListThemes),
            Action::AddNextMatch => {
                if !self.add_next_match() {
                    self.notify("there is no other place with this text", now);
                }
                self.center();
            }
            Action::SelectAllMatches => {
                let n = self.select_all_matches();
                self.notify(format!("{n} selected"), now);
            }
            Action::AddCaretUp => self.add_caret(true),
            Action::AddCaretDown => self.add_caret(false),
            Action::Replace => {
                self.start_find();
                self.find.wants_replacement = true;
                if self.find.needle.is_empty() { self.ask_what_to_find() } else { self.ask_for_replacement() }
            }
            Action::Find => {
                self.find.wants_replacement = false;
                self.start_find();
                self.ask_what_to_find();
            }
            Action::FindNext => self.find_again(true, now),
            Action::FindPrevious => self.find_again(false, now),
            Action::GotoLine => self.prompt = Some(Prompt::Goto { input: LineInput::default() }),
            Action::Save if matches!(self.prompt, Some(Prompt::SaveAs { .. })) => {}
            Action::Save => {
                self.close_prompt();
                self.save(false, now, effects);
            }
            Action::Quit if self.asks_for_guests(now) => {}
            // Edits that were taken back by hand leave nothing to save.
            Action::Quit if !self.is_as_saved() => {
                self.close_prompt();
                self.prompt = Some(Prompt::Quit);
            }
            Action::Quit => effects.push(Effect::Quit),
            Action::Arrange(Arrange::Close) => {
                self.closes_only = true;
                self.act(Action::Quit, false, now, effects);
            }
            Action::Arrange(arrange) => effects.push(Effect::Arrange(arrange)),
            Action::Palette => self.open_palette(),
            Action::SaveAs => {
                self.prompt = Some(Prompt::SaveAs { input: LineInput::selected(self.file.path.clone()) });
            }
            Action::QuitFailed => effects.push(Effect::QuitAll { is_failure: true }),
            Action::SaveEncoding => self.pick_encoding(PickerKind::SaveEncodings, now),
            Action::ReopenEncoding => self.pick_encoding(PickerKind::ReopenEncodings, now),
            Action::FileInfo => {
                let format = self.file.format;
                let (ending, encoding) = (format.line_ending.name(), format.encoding.name());
                let (step, tab) = (self.indentation.words(), self.tab_width.cells());
                self.notify(format!("{ending}, {encoding}, indented by {step}, a tab is {tab} wide"), now);
            }
            Action::TabWidth => self.pick_tab_width(),
            Action::IndentWith => self.pick_indentation(),
            Action::Revert if !self.file.has_path => self.notify("this text has no file yet", now),
            Action::Revert => self.read_file(Effect::Revert, now, effects),
            Action::ToggleNumbers => self.chosen.numbers = Some(!self.has_numbers()),
            Action::ToggleBlanks => self.chosen.blanks = Some(!self.shows_blanks()),
            Action::EndLines(ending) => self.end_lines_with(ending, now),
            Action::Outline => self.ask_for_outline(now, effects),
            Action::ToggleWrap => {
                self.set_wrap(Some(!self.is_wrapped()));
                self.notify(
                    if self.is_wrapped() { "long lines are wrapped" } else { "long lines are not wrapped" },
                    now,
                );
            }
            Action::Help => self.overlay = Overlay::Help(0),
            Action::People => self.overlay = Overlay::People(0),
            Action::Messages => self.overlay = Overlay::Messages(0),
            Action::CopyLink => self.copy_link(Mode::Write, now, effects),
            Action::CopyReadLink => self.copy_link(Mode::Read, now, effects),
            Action::GoToPerson => self.list_people(PickerKind::People, now),
            Action::Follow => self.list_people(PickerKind::Follow, now),
            Action::Suspend => effects.push(Effect::Suspend),
            Action::DropMine => self.drop_mine(now, effects),
            Action::RetryNow => {
                if self.link.is_none() {
                    self.notify("this text is not shared: there is nothing to connect to", now);
                }
                effects.push(Effect::RetryNow);
            }
            // The first time the other carets go, then what is selected.
            Action::Cancel if !self.others.is_empty() => self.others.clear(),
            Action::Cancel => self.select(Selection::caret(self.selection.head)),
        }
    }

    fn find_again(&mut self, forward: bool, now: MonoTime) {
        if self.find.needle.is_empty() {
            self.notify("nothing was searched for yet; Ctrl-F finds", now);
        } else if self.find_step(forward) {
            self.tell_around(forward, now);
        } else {
            self.notify("not found", now);
        }
    }

    /// Asks the shell to save, or the user where to.
    pub(crate) fn save(&mut self, overwrite: bool, now: MonoTime, effects: &mut Vec<Effect>) {
        if self.file.read_only.is_some() {
            self.quits_after_save = false;
            self.may_edit(now);
            return;
        }
        let path = self.save_path.clone();
        if !self.file.has_path && path.is_none() {
            return self.ask_where_to_save("");
        }
        self.tidy(now);
        (self.saving, self.saving_format) = (self.rope().clone(), self.file.format);
        let (text, revision) = (self.rope().clone(), self.revision);
        effects.push(Effect::Save { text, revision, overwrite, path });
    }

    fn saved(
        &mut self,
        revision: u64,
        result: Result<SaveDone, String>,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) {
        match result {
            Ok(SaveDone::Written(remark)) => {
                (self.saved_revision, self.saved_format) = (revision, self.saving_format);
                self.base = self.saving.clone();
                self.hidden = Hidden::of(&self.base);
                self.save_path = None;
                effects.push(Effect::CheckConfig);
                let remark = remark.map_or(String::new(), |remark| format!(" ({remark})"));
                self.notify(format!("saved {}{remark}", self.file.name), now);
                if std::mem::take(&mut self.quits_after_save) && !self.asks_for_guests(now) {
                    effects.push(Effect::Quit);
                }
            }
            Ok(SaveDone::ChangedOutside) => self.prompt = Some(Prompt::Conflict),
            Ok(SaveDone::Exists) => {
                let may_merge = self.file.has_path && self.save_path.is_none();
                self.prompt = Some(Prompt::Exists { may_merge });
            }
            Err(why) => {
                self.quits_after_save = false;
                // Where it was to go is there to be mended.
                if let Some(path) = self.save_path.take() {
                    self.ask_where_to_save(path);
                }
                self.complain(why, now);
            }
        }
    }

    /// Nothing else has the text now: it counts as unsaved.
    fn file_gone(&mut self, quits: bool, now: MonoTime) {
        self.mark_modified(Rope::new());
        self.notify(format!("{} is gone; Ctrl-S writes it again", self.file.name), now);
        if quits {
            self.prompt = Some(Prompt::Quit);
        }
    }
}
