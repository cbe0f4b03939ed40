//! The characters in document order, as they stand in the bytes.

use super::{IMPOSSIBLE, Lens};
use crate::base::bytes::{Malformed, Reader};
use crate::base::limits::DOCUMENT_CHARS_MAX;
use crate::document::history::numbers::Numbers;
use crate::document::history::{BEGINS, DEAD, ENDS, Forecast, LEN_LONG, LEN_SHIFT};

/// All characters in document order. Each fragment that goes on has an open operation to go on with, and all end.
pub(super) struct Fragments<'a> {
    pub tags: &'a [u8],
    pub list: Vec<Fragment>,
}

/// Characters side by side of one operation that share their fate.
pub(super) struct Fragment {
    pub op: u32,
    pub len: u32,
    /// The operation that deleted them, if their tag says so.
    pub killer: u32,
}

impl Fragments<'_> {
    /// Reads the fragments, and adds to `lens` what they say of each operation.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, lens: &mut Lens) -> Result<Fragments<'a>, Malformed> {
        let tags = reader.block()?;
        let (mut longs, mut begins, mut kills) =
            (Numbers::read(reader)?, Numbers::read(reader)?, Numbers::read(reader)?);
        let mut forecast = Forecast::default();
        let mut list = Vec::with_capacity(tags.len());
        let mut n_chars = 0;
        for &tag in tags {
            let mut len = u32::from(tag >> LEN_SHIFT);
            if len == LEN_LONG {
                len = len.checked_add(longs.next_u32()?).ok_or(IMPOSSIBLE)?;
            }
            n_chars += len as usize;
            if len == 0 || DOCUMENT_CHARS_MAX <= n_chars {
                return Err(IMPOSSIBLE);
            }
            let op = if tag & BEGINS != 0 {
                let op = begins.next_from(forecast.next_begin())?;
                lens.begin_inserted(op, len)?;
                forecast.begin(op);
                op
            } else {
                let op = forecast.go_on().ok_or(Malformed("text goes on that did not begin"))?;
                lens.add_inserted(op, len);
                op
            };
            let mut killer = 0;
            if tag & DEAD != 0 {
                killer = kills.next_from(forecast.next_killer())?;
                lens.add_deleted(killer, len)?;
                forecast.kill(killer);
            }
            forecast.end_fragment(tag & ENDS != 0);
            list.push(Fragment { op, len, killer });
        }
        [longs, begins, kills].iter().try_for_each(Numbers::finish)?;
        match forecast.open.is_empty() {
            true => Ok(Fragments { tags, list }),
            false => Err(Malformed("text does not end")),
        }
    }
}
