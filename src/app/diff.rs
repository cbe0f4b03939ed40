//! The smallest edits that make one text of another: by lines first, then by characters inside what differs.

use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

use crate::document::{Document, EditError};

/// Characters of a changed stretch past which it is replaced whole: refining it would cost more than it saves.
const REFINE_CHARS_MAX: usize = 20_000;

/// Replaces a range of characters of the old text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Which characters of the old text.
    pub range: Range<usize>,
    /// What takes their place.
    pub text: String,
}

/// Returns the edits from `before` to `after`, ascending and apart.
pub fn edits(before: &str, after: &str) -> Vec<Edit> {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let mut input = InternedInput::default();
    input.update_before(old.iter().copied());
    input.update_after(new.iter().copied());
    let (mut found, mut at, mut line) = (Vec::new(), 0, 0);
    for hunk in Diff::compute(Algorithm::Histogram, &input).hunks() {
        let (removed, added) = (span(&hunk.before), span(&hunk.after));
        at += old[line..removed.start].iter().map(|line| line.chars().count()).sum::<usize>();
        let (gone, come) = (old[removed.clone()].concat(), new[added].concat());
        refine(at, &gone, &come, &mut found);
        at += gone.chars().count();
        line = removed.end;
    }
    found
}

/// Makes the document's text equal `text`, as few and small edits, in one group for undo.
///
/// # Errors
/// If the document is full.
pub fn make_equal(doc: &mut Document, text: &str) -> Result<usize, EditError> {
    let edits = edits(&doc.to_string(), text);
    doc.end_undo_group();
    // From the end, so that what comes earlier stays where the edits say.
    for edit in edits.iter().rev() {
        if !edit.range.is_empty() {
            doc.delete(edit.range.clone())?;
        }
        if !edit.text.is_empty() {
            doc.insert(edit.range.start, &edit.text)?;
        }
    }
    doc.end_undo_group();
    Ok(edits.len())
}

fn span(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

fn refine(at: usize, gone: &str, come: &str, found: &mut Vec<Edit>) {
    let (old, new): (Vec<char>, Vec<char>) = (gone.chars().collect(), come.chars().collect());
    if REFINE_CHARS_MAX < old.len() + new.len() {
        found.push(Edit { range: at..at + old.len(), text: come.to_owned() });
        return;
    }
    let mut input = InternedInput::default();
    input.update_before(old.iter().copied());
    input.update_after(new.iter().copied());
    for hunk in Diff::compute(Algorithm::Myers, &input).hunks() {
        let range = span(&hunk.before);
        found.push(Edit {
            range: at + range.start..at + range.end,
            text: new[span(&hunk.after)].iter().collect(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::crdt::ReplicaId;

    fn edit(range: Range<usize>, text: &str) -> Edit {
        Edit { range, text: text.to_owned() }
    }

    #[test]
    fn one_changed_character_is_one_edit() {
        assert_eq!(edits("one\ntwo\nthree\n", "one\ntWo\nthree\n"), vec![edit(5..6, "W")]);
        assert_eq!(edits("äö\nü", "äö\nüx"), vec![edit(4..4, "x")]);
        assert_eq!(edits("same\n", "same\n"), vec![]);
        assert_eq!(edits("", "new"), vec![edit(0..0, "new")]);
        assert_eq!(edits("old", ""), vec![edit(0..3, "")]);
    }

    #[test]
    fn any_text_becomes_any_other() {
        let mut rng = Rng::new(11);
        let mut text = |n| {
            (0..rng.below(n)).map(|_| ['a', 'b', 'ü', '\n', '日'][rng.below(5) as usize]).collect::<String>()
        };
        for round in 0..500 {
            let (before, after) = (text(40), text(40));
            let mut doc = Document::new(ReplicaId::new(1));
            doc.insert(0, &before).expect("in range");
            make_equal(&mut doc, &after).expect("in range");
            assert_eq!(doc.to_string(), after, "round {round}: {before:?}");
        }
    }
}
