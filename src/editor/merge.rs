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
pub fn merge(base: &str, ours: &str, theirs: &str) -> Vec<LineEdit> {
    let own = hunks(base, ours);
    let starts = line_starts(ours);
    let our_lines: Vec<&str> = ours.split_inclusive('\n').collect();
    let their_lines: Vec<&str> = theirs.split_inclusive('\n').collect();
    let mut edits = Vec::new();
    for hunk in hunks(base, theirs) {
        let text = their_lines[hunk.after.0..hunk.after.1].concat();
        match own.iter().rev().find(|own| touches(own, &hunk)) {
            // Both did the same: it is there already.
            Some(own) if our_lines[own.after.0..own.after.1].concat() == text => {}
            Some(own) => edits.push(LineEdit { at: starts[own.after.1], n_deleted: 0, text }),
            None => {
                let (from, to) = (carry(&own, hunk.before.0), carry(&own, hunk.before.1));
                edits.push(LineEdit { at: starts[from], n_deleted: starts[to] - starts[from], text });
            }
        }
    }
    edits.retain(|edit| 0 < edit.n_deleted || !edit.text.is_empty());
    edits
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
