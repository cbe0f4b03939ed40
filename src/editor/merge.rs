//! Working another program's change of the file into the text, as the smallest edits by line.

use imara_diff::{Algorithm, Diff, InternedInput};

/// One edit, in characters of the text it is made for. A list of them is made from the last to the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineEdit {
    /// Where it starts.
    pub at: usize,
    /// Characters to take away.
    pub n_deleted: usize,
    /// What to put there.
    pub text: String,
}

/// A changed range of lines, in lines of the text before and after.
struct Hunk {
    before: (usize, usize),
    after: (usize, usize),
}

/// Returns the edits, in order, that carry the change from `base` to `theirs` over to `ours`. Where both
/// changed the same lines, ours stay and theirs are put after them: nothing is lost in either direction.
///
/// Beside edits of our own a line that only ends otherwise is not changed: ours keeps its end.
pub fn merge(base: &str, ours: &str, theirs: &str) -> Vec<LineEdit> {
    let has_returns = [base, ours, theirs].iter().any(|text| text.contains("\r\n"));
    let is_folded = has_returns && base != ours;
    let hunks = |before: &str, after: &str| match is_folded {
        true => hunks(&fold(before), &fold(after)),
        false => hunks(before, after),
    };
    let own = hunks(base, ours);
    let starts = line_starts(ours);
    let our_lines: Vec<&str> = ours.split_inclusive('\n').collect();
    let their_lines: Vec<&str> = theirs.split_inclusive('\n').collect();
    let mut edits = Vec::new();
    for hunk in hunks(base, theirs) {
        let text = their_lines[hunk.after.0..hunk.after.1].concat();
        match own.iter().rev().find(|own| touches(own, &hunk)) {
            // Both did the same: it is there already.
            Some(own) if fold(&our_lines[own.after.0..own.after.1].concat()) == fold(&text) => {}
            Some(own) => edits.push(LineEdit { at: starts[own.after.1], n_deleted: 0, text }),
            None => {
                let from = carry(&own, hunk.before.0);
                let is_insertion = hunk.before.0 == hunk.before.1;
                let to = if is_insertion { from } else { carry_end(&own, hunk.before.1) };
                edits.push(LineEdit { at: starts[from], n_deleted: starts[to] - starts[from], text });
            }
        }
    }
    edits.retain(|edit| 0 < edit.n_deleted || !edit.text.is_empty());
    for edit in &mut edits {
        keep_lines_apart(edit, ours, starts[starts.len() - 1]);
    }
    edits
}

/// Returns the lines that both texts have, in order: what they are taken to have started from when nothing better is
/// known.
pub fn common(ours: &str, theirs: &str) -> String {
    let lines: Vec<&str> = ours.split_inclusive('\n').collect();
    let mut at = 0;
    let mut common = String::new();
    for hunk in hunks(&fold(ours), &fold(theirs)) {
        common.push_str(&lines[at..hunk.before.0].concat());
        at = hunk.before.1;
    }
    common.push_str(&lines[at..].concat());
    common
}

/// Ends every line alike. The number of lines stays.
fn fold(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// A last line without a line feed does not grow together with what comes after it.
fn keep_lines_apart(edit: &mut LineEdit, ours: &str, n_chars: usize) {
    let is_at_end = edit.at == n_chars && edit.n_deleted == 0;
    if is_at_end && 0 < n_chars && !ours.ends_with('\n') && !edit.text.starts_with('\n') {
        edit.text.insert(0, '\n');
    }
    let is_before_more = edit.at + edit.n_deleted < n_chars;
    if is_before_more && !edit.text.is_empty() && !edit.text.ends_with('\n') {
        edit.text.push('\n');
    }
}

fn hunks(before: &str, after: &str) -> Vec<Hunk> {
    let input = InternedInput::new(before, after);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let pair = |range: std::ops::Range<u32>| (range.start as usize, range.end as usize);
    diff.hunks().map(|hunk| Hunk { before: pair(hunk.before), after: pair(hunk.after) }).collect()
}

/// Whether two changes of the base meet. Two insertions at one place do; neighbours do not.
fn touches(a: &Hunk, b: &Hunk) -> bool {
    let ((a0, a1), (b0, b1)) = (a.before, b.before);
    a.before == b.before || (a0 < b1 && b0 < a1) || (a0 == a1 && b0 < a0 && a0 < b1)
}

/// Carries a line of the base that no own change covers over to our text.
fn carry(own: &[Hunk], line: usize) -> usize {
    let last = own.iter().rev().find(|hunk| hunk.before.1 <= line);
    last.map_or(line, |hunk| line - hunk.before.1 + hunk.after.1)
}

/// Carries the end of a changed range over: what we inserted right behind it is not part of it.
fn carry_end(own: &[Hunk], line: usize) -> usize {
    let is_before = |hunk: &&Hunk| hunk.before.1 < line || (hunk.before.1 == line && hunk.before.0 < line);
    let last = own.iter().rev().find(is_before);
    last.map_or(line, |hunk| line - hunk.before.1 + hunk.after.1)
}

/// Where each line starts, in characters, and the text's end.
fn line_starts(text: &str) -> Vec<usize> {
    let mut at = 0;
    let ends = text.split_inclusive('\n').map(|line| {
        at += line.chars().count();
        at
    });
    std::iter::once(0).chain(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &str, ours: &str, theirs: &str, merged: &str) {
        let mut rope = ropey::Rope::from_str(ours);
        for edit in merge(base, ours, theirs).into_iter().rev() {
            rope.remove(edit.at..edit.at + edit.n_deleted);
            rope.insert(edit.at, &edit.text);
        }
        assert_eq!(rope.to_string(), merged);
    }

    #[test]
    fn changes_in_different_lines_both_stay() {
        check("a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\n", "A\nb\nc\nD\n");
        check("a\nb\nc\n", "x\na\nb\nc\n", "a\nc\n", "x\na\nc\n");
        check("a\nb\n", "a\nb\n", "ä\nb\nc", "ä\nb\nc");
    }

    #[test]
    fn where_both_changed_a_line_nothing_is_lost() {
        check("a\nb\nc\n", "a\nours\nc\n", "a\ntheirs\nc\n", "a\nours\ntheirs\nc\n");
    }

    #[test]
    fn lines_of_ours_beside_a_change_of_theirs_stay() {
        check("a\nb\nc\n", "a\nb\nMINE\nc\n", "a\nB\nc\n", "a\nB\nMINE\nc\n");
        check("a\nb\nc\n", "a\nMINE\nb\nc\n", "a\nB\nc\n", "a\nMINE\nB\nc\n");
        check("a\nb\n", "a\nb\nMINE\n", "", "MINE\n");
        check("a\nb\n", "MINE\na\nb\n", "", "MINE\n");
    }

    #[test]
    fn a_last_line_without_a_line_feed_stays_a_line() {
        check("", "mine", "theirs\n", "mine\ntheirs\n");
        check("a\nb\n", "a\nb\nmine\n", "a\nB", "a\nB\nmine\n");
    }

    #[test]
    fn texts_of_unknown_origin_keep_what_they_share_once() {
        let (ours, theirs) = ("alpha\nbeta\ngamma\n", "alpha\nBETA\ngamma\n");
        check(&common(ours, theirs), ours, theirs, "alpha\nbeta\nBETA\ngamma\n");
        assert_eq!(common("a\nb\n", "a\nb\n"), "a\nb\n");
        assert_eq!(common("", "x\n"), "");
    }

    #[test]
    fn whatever_both_did_no_line_of_either_is_lost() {
        let mut rng = crate::base::rng::Rng::new(9);
        let edit = |rng: &mut crate::base::rng::Rng, base: &[String], mark: char| {
            let mut lines = base.to_vec();
            for n in 0..rng.below(4) {
                let at = rng.below(lines.len() as u64 + 1) as usize;
                match rng.below(3) {
                    0 if at < lines.len() => drop(lines.remove(at)),
                    1 if at < lines.len() => lines[at] = format!("{mark}{n}"),
                    _ => lines.insert(at, format!("{mark}{n}")),
                }
            }
            lines
        };
        for _ in 0..3_000 {
            let base: Vec<String> = (0..rng.below(7)).map(|n| format!("base{n}")).collect();
            let (ours, theirs) = (edit(&mut rng, &base, 'o'), edit(&mut rng, &base, 't'));
            let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let mut rope = ropey::Rope::from_str(&text(&ours));
            for edit in merge(&text(&base), &text(&ours), &text(&theirs)).into_iter().rev() {
                rope.remove(edit.at..edit.at + edit.n_deleted);
                rope.insert(edit.at, &edit.text);
            }
            let merged = rope.to_string();
            for line in ours.iter().chain(&theirs).filter(|line| !line.starts_with("base")) {
                assert!(
                    merged.lines().any(|other| other == line),
                    "{line} of {ours:?} and {theirs:?} from {base:?}: {merged}"
                );
            }
        }
    }

    #[test]
    fn lines_whose_end_changed_are_not_doubled() {
        check("a\r\nb\n", "a!\r\nb\n", "a\nb\n", "a!\r\nb\n");
        check("a\r\nb\n", "a!\r\nb\n", "a\r\nb\r\nc\r\n", "a!\r\nb\nc\r\n");
        check("a\r\nb\n", "a\r\nb\n", "a\nb\r\n", "a\nb\r\n");
    }

    #[test]
    fn the_same_change_on_both_sides_is_made_once() {
        check("a\nb\n", "a\nB\n", "a\nB\n", "a\nB\n");
    }

    #[test]
    fn without_own_changes_the_result_is_theirs() {
        check("a\nb\nc", "a\nb\nc", "", "");
        check("", "", "x\ny", "x\ny");
        check("a\nb\nc\n", "a\nb\nc\n", "c\nb\na\n", "c\nb\na\n");
    }
}
