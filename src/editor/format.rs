//! How the text is written in its file: what shows it, what changes it, and what of it other programs changed.

use ropey::Rope;

use crate::base::text_format::LineEnding;
use crate::base::text_format::encoding::Encoding;
use crate::base::time::MonoTime;
use crate::document::{Bias, TextChange};

use super::edits::Edit;
use super::file::{FileMeta, align};
use super::picker::{Item, Picker, PickerKind};
use super::selection::{Selection, shift_left, shift_right};
use super::{Effect, Model, merge};

/// Changes of one burst up to which each is looked at by itself.
const CHANGES_MAX: usize = 64;

impl Model {
    /// Asks which encoding the file is to be saved in, or read again in.
    pub(crate) fn pick_encoding(&mut self, kind: PickerKind, now: MonoTime) {
        if kind == PickerKind::ReopenEncodings && (self.is_modified() || !self.file.has_path) {
            return self.notify("save the text first: it is read again from its file", now);
        }
        let item = |(encoding, about): &(Encoding, &str)| Item {
            text: format!("{} ({about})", encoding.name()),
            detail: if *encoding == self.file.format.encoding { "now" } else { "" }.to_owned(),
        };
        self.picker = Some(Picker::new(kind, Encoding::ALL.iter().map(item).collect()));
    }

    /// The file is saved in this encoding from now on.
    pub(crate) fn save_in(&mut self, encoding: Encoding, now: MonoTime) {
        if self.may_edit(now) {
            self.file.format.encoding = encoding;
            self.notify(format!("saving writes {} from now on", encoding.name()), now);
        }
    }

    /// Every line ends like this from now on.
    pub(crate) fn end_lines_with(&mut self, ending: LineEnding, now: MonoTime) {
        if !self.may_edit(now) {
            return;
        }
        self.even_ending = ending;
        if self.file.format.line_ending == LineEnding::Mixed {
            let edits = returns_before_ends(self.rope());
            self.make_whole(&edits, now);
            self.document.end_undo_group();
        }
        self.file.format.line_ending = ending;
        self.notify(format!("saving ends every line with {} from now on", ending.name()), now);
    }

    /// Notes what undo, or somebody else, did to the ends of lines: a carriage return that came into the text is a
    /// character of it, and with the last one gone lines end alike again.
    pub(crate) fn watch_line_ends(&mut self, changes: &[TextChange]) {
        let format = &mut self.file.format;
        if format.line_ending != LineEnding::Mixed {
            if has_new_returns(self.document.rope(), changes) {
                self.even_ending = format.line_ending;
                format.line_ending = LineEnding::Mixed;
            }
        } else if changes.iter().any(|change| 0 < change.n_deleted) && !has_returns(self.document.rope()) {
            format.line_ending = self.even_ending;
        }
    }

    /// Asks the shell to read the file, unless what it holds could not be taken in: the shell takes what it read for known
    /// from then on, and would write over it.
    pub(crate) fn read_file(&mut self, effect: Effect, now: MonoTime, effects: &mut Vec<Effect>) {
        // What could not be decoded may not be edited, but is nobody's.
        let is_undecoded = self.file.is_undecoded && matches!(effect, Effect::Reopen(_));
        if is_undecoded || self.may_edit(now) {
            effects.push(effect);
        }
    }

    /// Works in what another program wrote to the file, as one edit of our own.
    pub(crate) fn merge_theirs(
        &mut self,
        theirs: String,
        meta: &FileMeta,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) {
        if !self.may_edit(now) {
            return;
        }
        let (ours, theirs_end) = (self.file.format.line_ending, meta.format.line_ending);
        let (theirs, line_ending) = match self.is_modified() {
            true => align(ours, theirs_end, theirs),
            // Nothing of ours is to be kept as it is: the text becomes theirs, ends of lines included.
            false => (theirs, theirs_end),
        };
        self.saved_format = meta.format;
        self.file.format = meta.format;
        self.file.format.line_ending = line_ending;
        let n = self.take_theirs(theirs, now);
        self.document.end_undo_group();
        if line_ending == LineEnding::Mixed && !has_returns(self.rope()) {
            self.file.format.line_ending = LineEnding::Lf;
        }
        let is_in_step = self.is_as_saved();
        let places = if n == 1 { "place" } else { "places" };
        let next = if is_in_step { "" } else { "; Ctrl-S saves the result" };
        self.notify(format!("took in the other program's changes in {n} {places}{next}"), now);
        if is_in_step {
            self.saved_revision = self.revision;
            effects.push(Effect::InStep);
        }
    }

    /// Takes the text that the file holds when it is read in another encoding. What was undone before would be brought
    /// back in the wrong one, so undo begins anew.
    pub(crate) fn reopened(
        &mut self,
        text: String,
        meta: &FileMeta,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) {
        if self.file.is_undecoded {
            (self.file.read_only, self.file.is_undecoded) = (None, false);
        }
        if !self.may_edit(now) {
            return;
        }
        (self.file.format, self.saved_format) = (meta.format, meta.format);
        self.take_theirs(text, now);
        self.document.clear_undo();
        self.saved_revision = self.revision;
        self.notify(format!("read as {}", meta.format.encoding.name()), now);
        effects.push(Effect::InStep);
    }

    /// Takes the text that the file holds in the place of ours, as one edit that undo takes back.
    pub(crate) fn reverted(
        &mut self,
        text: String,
        meta: &FileMeta,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) {
        if !self.may_edit(now) {
            return;
        }
        self.saved_format = meta.format;
        self.base = Rope::from(text);
        let n = self.put_back(now);
        let places = if n == 1 { "place" } else { "places" };
        self.notify(format!("read again ({n} {places}); undo takes it back"), now);
        effects.push(Effect::InStep);
    }

    /// Puts the text that the file has in the place of ours, as one edit that undo takes back. Returns in how many places.
    pub fn put_back(&mut self, now: MonoTime) -> usize {
        let theirs = self.base.to_string();
        // Nothing of ours is to be kept: what differs is what they changed.
        self.base = self.rope().clone();
        self.file.format = self.saved_format;
        let n = self.take_theirs(theirs, now);
        self.document.end_undo_group();
        self.saved_revision = self.revision;
        n
    }

    /// Puts the text of another file before a line, and the caret on its first word.
    pub(crate) fn insert_lines(&mut self, line: usize, text: String, now: MonoTime) {
        if text.is_empty() {
            return self.notify("there is nothing in that file", now);
        }
        let rope = self.rope();
        let text = if text.ends_with('\n') { text } else { text + "\n" };
        // Behind a last line that has no line feed.
        let (at, text, start) = match line < rope.len_lines() {
            true => (rope.line_to_char(line), text, rope.line_to_char(line)),
            false => (rope.len_chars(), format!("\n{}", text.trim_end_matches('\n')), rope.len_chars() + 1),
        };
        self.make_whole(&[Edit::insert(at, text)], now);
        self.document.end_undo_group();
        let start = start.min(self.rope().len_chars());
        let n_blanks = self.rope().chars_at(start).take_while(|c| matches!(c, ' ' | '\t')).count();
        self.select(Selection::caret(start + n_blanks));
    }

    /// Makes the edits that bring their text into ours, which starts from it from now on. Returns how many there were.
    fn take_theirs(&mut self, theirs: String, now: MonoTime) -> usize {
        let (ours, mut base) = (self.rope().to_string(), self.base.to_string());
        if base.is_empty() {
            base = merge::common(&ours, &theirs);
        }
        let edits = merge::merge(&base, &ours, &theirs).into_iter();
        let edits: Vec<Edit> =
            edits.map(|edit| Edit { range: edit.at..edit.at + edit.n_deleted, text: edit.text }).collect();
        self.make_biased(&edits, Bias::Left, now);
        self.base = Rope::from(theirs);
        self.revision += 1;
        edits.len()
    }
}

/// Returns whether lines end with carriage returns in the text. A chunk never ends inside such an end. O(n).
fn has_returns(rope: &Rope) -> bool {
    rope.chunks().any(|chunk| memchr::memmem::find(chunk.as_bytes(), b"\r\n").is_some())
}

/// Returns whether what the changes, which follow each other, inserted ends lines with carriage returns.
fn has_new_returns(rope: &Rope, changes: &[TextChange]) -> bool {
    if CHANGES_MAX < changes.len() {
        return has_returns(rope);
    }
    changes.iter().enumerate().any(|(n, change)| {
        let inserted = (change.at, change.at + change.n_inserted);
        let carried = |(start, end), later: &TextChange| (shift_left(start, later), shift_right(end, later));
        let (start, end) = changes[n + 1..].iter().fold(inserted, carried);
        // The line feed may have been there before.
        let end = (end + 1).min(rope.len_chars());
        let mut before = None;
        start < end && rope.slice(start..end).chars().any(|c| before.replace(c) == Some('\r') && c == '\n')
    })
}

/// Returns what takes the carriage returns at the ends of lines away.
fn returns_before_ends(rope: &Rope) -> Vec<Edit> {
    let (mut edits, mut at, mut start) = (Vec::new(), 0, None);
    for c in rope.chars() {
        match (c, start) {
            ('\r', None) => start = Some(at),
            ('\r', Some(_)) => {}
            ('\n', Some(from)) => {
                edits.push(Edit::delete(from..at));
                start = None;
            }
            _ => start = None,
        }
        at += 1;
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::text_format::TextFormat;
    use crate::editor::settings::Settings;
    use crate::editor::tests::{Bench, parse};
    use crate::editor::{Msg, SaveDone, update};
    use crate::sync::{Status, Via};

    fn bench(text: &str, line_ending: LineEnding) -> Bench {
        let mut bench = Bench::new(text, Settings::default());
        bench.model.file_mut().format.line_ending = line_ending;
        bench.model.saved_format.line_ending = line_ending;
        bench
    }

    fn ending(bench: &Bench) -> LineEnding {
        bench.model.file().format.line_ending
    }

    fn merge(bench: &mut Bench, theirs: &str, line_ending: LineEnding) {
        let format = TextFormat { line_ending, ..TextFormat::default() };
        let meta = FileMeta { format, ..FileMeta::default() };
        update(&mut bench.model, Msg::Theirs(Ok((theirs.to_owned(), meta))), bench.now);
    }

    #[test]
    fn lines_are_made_to_end_alike_and_undo_makes_them_differ_again() {
        let mut bench = bench("a\r\nb\nc\r\r\nd\re", LineEnding::Mixed);
        bench.model.end_lines_with(LineEnding::CrLf, bench.now);
        assert_eq!((bench.drawn().as_str(), ending(&bench)), ("|a\nb\nc\nd\re", LineEnding::CrLf));
        assert!(bench.model.is_modified());
        bench.press("<Ctrl-Z>");
        assert_eq!(bench.model.rope().to_string(), "a\r\nb\nc\r\r\nd\re");
        assert_eq!(ending(&bench), LineEnding::Mixed);
        bench.press("<Ctrl-Y>");
        // The one in the middle of a line is a character, and stays one.
        assert_eq!(bench.model.rope().to_string(), "a\nb\nc\nd\re");
        assert_eq!(ending(&bench), LineEnding::CrLf);
    }

    #[test]
    fn who_may_not_edit_does_not_count_the_file_as_read() {
        let mut bench = bench("a\n", LineEnding::Lf);
        let reads = Status::ReadOnly { n_kept: 0, rtt: None, via: Via::WebSocket };
        update(&mut bench.model, Msg::Connection(reads), bench.now);
        let mut effects = update(&mut bench.model, Msg::FileChanged, bench.now);
        let changed = Ok(SaveDone::ChangedOutside);
        effects.extend(update(&mut bench.model, Msg::Saved { revision: 0, result: changed }, bench.now));
        assert!(bench.model.is_asking());
        for key in parse("m<Ctrl-P>reload<Enter><Ctrl-P>reopen-encoding<Enter><Enter>") {
            effects.extend(update(&mut bench.model, Msg::Key(key), bench.now));
        }
        let reads_it =
            |effect: &Effect| matches!(effect, Effect::LoadTheirs | Effect::Revert | Effect::Reopen(_));
        assert!(!effects.iter().any(reads_it), "{effects:?}");
        // What is no text in a known encoding can be read in another one.
        let file = bench.model.file_mut();
        (file.read_only, file.is_undecoded) = (Some("not UTF-8".to_owned()), true);
        let mut effects = Vec::new();
        for key in parse("<Ctrl-P>reopen-encoding<Enter><Enter>") {
            effects.extend(update(&mut bench.model, Msg::Key(key), bench.now));
        }
        assert!(effects.iter().any(reads_it));
    }

    #[test]
    fn another_format_is_something_to_save_and_no_edit() {
        let mut bench = bench("a\n", LineEnding::Lf);
        assert!(bench.model.is_as_saved());
        bench.model.end_lines_with(LineEnding::CrLf, bench.now);
        assert!(bench.model.is_modified() && !bench.model.is_as_saved());
        bench.model.end_lines_with(LineEnding::Lf, bench.now);
        assert!(!bench.model.is_modified());
        let utf_16 = Encoding::from_name("UTF-16LE").expect("known");
        bench.model.save_in(utf_16, bench.now);
        assert!(bench.model.is_modified());
        let effects = update(&mut bench.model, Msg::Command(crate::editor::command::Action::Save), bench.now);
        let Some(Effect::Save { revision, .. }) = effects.first() else { panic!("{effects:?}") };
        let saved = Msg::Saved { revision: *revision, result: Ok(SaveDone::Written(None)) };
        update(&mut bench.model, saved, bench.now);
        assert!(!bench.model.is_modified());
    }

    #[test]
    fn a_text_that_is_not_edited_becomes_theirs_with_its_ends_of_lines() {
        for (ours, our_end) in [("a\nb\n", LineEnding::Lf), ("a\r\nb\n", LineEnding::Mixed)] {
            for (theirs, their_end) in
                [("a\nb\n", LineEnding::CrLf), ("a\nb\r\nc\n", LineEnding::Mixed), ("b\n", LineEnding::Lf)]
            {
                let mut bench = bench(ours, our_end);
                merge(&mut bench, theirs, their_end);
                assert_eq!((bench.model.rope().to_string().as_str(), ending(&bench)), (theirs, their_end));
                assert!(!bench.model.is_modified());
            }
        }
    }

    #[test]
    fn whatever_ends_the_lines_none_is_doubled_and_none_lost() {
        let mut rng = crate::base::rng::Rng::new(4);
        let endings = [LineEnding::Lf, LineEnding::CrLf, LineEnding::Mixed];
        let mut ended = |lines: &[String], ending: LineEnding| -> String {
            let mut end = |n: usize| match ending {
                LineEnding::Mixed if n == 0 || rng.below(2) == 0 => "\r\n",
                _ => "\n",
            };
            lines.iter().enumerate().map(|(n, line)| format!("{line}{}", end(n))).collect()
        };
        let base: Vec<String> = (0..6).map(|n| format!("line{n}")).collect();
        for n in 0..2_000 {
            let (our_end, their_end) = (endings[n % 3], endings[n / 3 % 3]);
            let mut bench = bench(&ended(&base, our_end), our_end);
            let edited = n / 9 % 6;
            bench.model.go_to(edited + 1, 1);
            bench.press("MINE");
            let mut theirs = base.clone();
            let other = (edited + 1 + n / 54 % 5) % 6;
            theirs[other].push_str("theirs");
            merge(&mut bench, &ended(&theirs, their_end), their_end);
            let mut expected = theirs;
            expected[edited].insert_str(0, "MINE");
            let merged = bench.model.rope().to_string();
            let lines: Vec<&str> = merged.lines().map(|line| line.trim_end_matches('\r')).collect();
            assert_eq!(lines, expected, "{our_end:?} and {their_end:?}: {merged:?}");
        }
    }

    #[test]
    fn what_somebody_else_typed_can_mix_the_ends() {
        let mut bench = bench("a\nb\n", LineEnding::CrLf);
        let (document, now) = (bench.model.document_mut(), bench.now);
        document.insert(1, "\r\nx").expect("in range");
        let changes = vec![TextChange { at: 1, n_deleted: 0, n_inserted: 3 }];
        let applied = crate::document::Applied { changes, n_waiting: 0 };
        update(&mut bench.model, Msg::RemoteApplied(applied), now);
        assert_eq!(ending(&bench), LineEnding::Mixed);
    }
}
