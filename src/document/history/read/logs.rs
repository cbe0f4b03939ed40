//! The operations of each author, in the order in which they were made.

use std::ops::Range;

use super::Authors;
use super::ops::Ops;
use super::stamps::Stamps;
use super::text::Text;
use crate::document::columns::Columns;

/// Hands the operations out to their authors' logs, which are empty.
pub(super) fn fill_logs(
    logs: &mut [Columns],
    stamps: &Stamps,
    mut ops: Ops,
    authors: &Authors,
    text: &Text<'_>,
) {
    make_room(logs, &ops, authors, text);
    let mut ends = vec![0; logs.len()];
    let (mut at, mut stamp) = (0, 0);
    for &(author, n) in &authors.stretches {
        let stretch = at..at + n as usize;
        at = stretch.end;
        let log = &mut logs[author as usize];
        while let Some(&(op, _)) = stamps.list.get(stamp).filter(|&&(op, _)| (op as usize) < stretch.end) {
            let causes = stamps.causes_of(stamp).iter();
            let deps =
                causes.map(|&(cause, back)| (authors.local[cause as usize], ends[cause as usize] - back));
            let first = ops.first(op);
            log.push_stamp(first.seq, first.lamport, deps);
            stamp += 1;
        }
        if let Some(last) = ops.runs[stretch.clone()].last() {
            ends[author as usize] = last.end();
        }
        hand_out(log, stretch, &mut ops, text);
    }
}

/// Appends operations that stand side by side to their author's log.
fn hand_out(log: &mut Columns, stretch: Range<usize>, ops: &mut Ops, text: &Text<'_>) {
    let mut at = stretch.start;
    for (op, rope) in text.large_in(&stretch) {
        let op = *op as usize;
        push_texts(log, at..op, ops, text);
        ops.runs[op].text = log.text.len() as u32;
        log.keep_large(ops.runs[op].seq, rope.clone());
        at = op + 1;
    }
    push_texts(log, at..stretch.end, ops, text);
    if stretch.len() == ops.runs.len() {
        // What one author did alone is the log.
        log.ops = std::mem::take(&mut ops.runs);
    } else {
        log.ops.extend_from_slice(&ops.runs[stretch]);
    }
}

/// Appends the texts of operations that stand side by side, none of which is large, to their author's.
fn push_texts(log: &mut Columns, stretch: Range<usize>, ops: &mut Ops, text: &Text<'_>) {
    let piece = piece_of(&stretch, ops, text);
    let (from, to) = (piece.start as u32, log.text.len() as u32);
    if from != to {
        ops.runs[stretch].iter_mut().for_each(|run| run.text = run.text - from + to);
    }
    log.text.push_str(&text.all[piece]);
}

/// Returns where the text of operations that stand side by side is in that of all.
fn piece_of(stretch: &Range<usize>, ops: &Ops, text: &Text<'_>) -> Range<usize> {
    let start = |at: usize| ops.runs.get(at).map_or(text.all.len(), |run| run.text as usize);
    start(stretch.start)..start(stretch.end)
}

fn make_room(logs: &mut [Columns], ops: &Ops, authors: &Authors, text: &Text<'_>) {
    let mut room = vec![(0, 0); logs.len()];
    let mut at = 0;
    for &(author, n) in &authors.stretches {
        let stretch = at..at + n as usize;
        at = stretch.end;
        let n_large: usize = text.large_in(&stretch).iter().map(|(_, rope)| rope.len_bytes()).sum();
        let (n_ops, n_bytes) = &mut room[author as usize];
        *n_ops += stretch.len();
        *n_bytes += piece_of(&stretch, ops, text).len() - n_large;
    }
    for (log, (n_ops, n_bytes)) in logs.iter_mut().zip(room) {
        log.ops.reserve_exact(if n_ops == ops.runs.len() { 0 } else { n_ops });
        log.text.reserve_exact(n_bytes);
    }
}
