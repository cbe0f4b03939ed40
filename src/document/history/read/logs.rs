//! The operations of each author, in the order in which they were made.

use super::text::Text;
use super::{Authors, Killed, Op, Stamps, What};
use crate::base::bytes::Malformed;
use crate::document::columns::{Columns, Kind, OpRun, ROOT};
use crate::document::text::push_short;

pub(super) fn fill_logs(
    logs: &mut [Columns],
    stamps: &Stamps,
    ops: &[Op],
    authors: &Authors,
    killed: Killed,
    directions: &[u8],
    text: &Text<'_>,
) -> Result<(), Malformed> {
    make_room(logs, ops, text);
    // One author's text is all of it.
    let is_alone = logs.len() == 1 && text.large.is_empty();
    let mut directions = directions.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
    let mut scratch = Vec::new();
    let mut ends = vec![0; logs.len()];
    let (mut stamp, mut text_at) = (0, 0);
    for (at, op) in ops.iter().enumerate() {
        if stamps.list.get(stamp).is_some_and(|&(op, _)| op as usize == at) {
            let causes = stamps.causes_of(stamp).iter();
            let deps =
                causes.map(|&(cause, back)| (authors.local[cause as usize], ends[cause as usize] - back));
            logs[op.author as usize].push_stamp(op.lamport, deps);
            stamp += 1;
        }
        let log = &mut logs[op.author as usize];
        let (seq, len) = (op.seq, op.len);
        ends[op.author as usize] = seq + len;
        match op.what {
            What::Insert { reference } => {
                let (replica, target) =
                    reference.map_or((ROOT, 0), |(author, seq)| (authors.local[author as usize], seq));
                let start = if is_alone { text_at } else { log.text.len() } as u32;
                let piece = text_at..op.text as usize;
                text_at = piece.end;
                let op = OpRun { seq, len, kind: Kind::Insert, replica, target, text: start };
                match text.large(at as u32) {
                    Some(rope) => log.push_large(op, rope.clone()),
                    None => {
                        if !is_alone {
                            push_short(&mut log.text, &text.all[piece]);
                        }
                        log.ops.push(op);
                    }
                }
            }
            What::Delete { head } => {
                let target = killed.stretch(op, head, &mut scratch)?;
                let is_backward = 1 < len && directions.next().ok_or(Malformed("a direction is missing"))?;
                let (kind, first) = match is_backward {
                    true => (Kind::DeleteBackward, target.seq + (len - 1)),
                    false => (Kind::DeleteForward, target.seq),
                };
                let replica = authors.local[target.author as usize];
                let text = if is_alone { text_at } else { log.text.len() };
                log.ops.push(OpRun { seq, len, kind, replica, target: first, text: text as u32 });
            }
            What::Unnamed => unreachable!("refused when times were given"),
        }
    }
    if directions.any(|is_backward| is_backward) {
        return Err(Malformed("directions are left over"));
    }
    if let [log] = logs
        && is_alone
    {
        log.text.push_str(text.all);
    }
    Ok(())
}

fn make_room(logs: &mut [Columns], ops: &[Op], text: &Text<'_>) {
    let mut room = vec![(0, 0); logs.len()];
    let mut text_at = 0;
    for (number, op) in (0..).zip(ops) {
        let (n_ops, n_bytes) = &mut room[op.author as usize];
        *n_ops += 1;
        if let What::Insert { .. } = op.what {
            *n_bytes += if text.large(number).is_some() { 0 } else { op.text - text_at };
            text_at = op.text;
        }
    }
    for (log, (n_ops, n_bytes)) in logs.iter_mut().zip(room) {
        log.ops.reserve_exact(n_ops);
        log.text.reserve_exact(n_bytes as usize);
    }
}
