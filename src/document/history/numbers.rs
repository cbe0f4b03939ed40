//! Columns of numbers that are mostly small, cut so that a general compressor finds what repeats.

use crate::base::bytes::{Malformed, Reader, put_bytes, put_varint};

/// First bytes below this are the number itself.
const SHORT: u64 = 192;
/// The first byte of a number that is written as a varint in the second column.
const VARINT: u8 = u8::MAX;
/// One past the highest number in two bytes: the first says the upper part, the second column the lower 8 bits.
const TWO_BYTES: u64 = SHORT + ((VARINT as u64 - SHORT) << 8);

/// Numbers on their way out: one byte for each in `first`, what does not fit there in `second`.
#[derive(Default)]
pub(super) struct Writer {
    first: Vec<u8>,
    second: Vec<u8>,
}

impl Writer {
    pub(super) fn push(&mut self, value: u64) {
        if value < SHORT {
            self.first.push(value as u8);
        } else if value < TWO_BYTES {
            let rest = value - SHORT;
            self.first.push((SHORT + (rest >> 8)) as u8);
            self.second.push(rest as u8);
        } else {
            self.first.push(VARINT);
            put_varint(&mut self.second, value);
        }
    }

    /// Writes a number that may be negative.
    pub(super) fn push_signed(&mut self, value: i64) {
        self.push((value << 1 ^ value >> 63) as u64);
    }

    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        put_bytes(out, &self.first);
        put_bytes(out, &self.second);
    }
}

/// Numbers on their way in.
pub(super) struct Numbers<'a> {
    first: Reader<'a>,
    second: Reader<'a>,
}

impl<'a> Numbers<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Numbers<'a>, Malformed> {
        Ok(Numbers { first: Reader::new(reader.block()?), second: Reader::new(reader.block()?) })
    }

    /// Returns how many numbers are left.
    pub(super) fn len(&self) -> usize {
        self.first.rest().len()
    }

    #[inline]
    pub(super) fn next(&mut self) -> Result<u64, Malformed> {
        let first = self.first.byte()?;
        if u64::from(first) < SHORT {
            return Ok(u64::from(first));
        }
        if first == VARINT {
            let value = self.second.varint()?;
            return if TWO_BYTES <= value {
                Ok(value)
            } else {
                Err(Malformed("a number is written wrongly"))
            };
        }
        Ok(SHORT + ((u64::from(first) - SHORT) << 8) + u64::from(self.second.byte()?))
    }

    pub(super) fn next_u32(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.next()?).map_err(|_| Malformed("a number is too large"))
    }

    /// Reads a difference and returns `base` with it.
    #[inline]
    pub(super) fn next_from(&mut self, base: i64) -> Result<u32, Malformed> {
        let value = self.next()?;
        let difference = (value >> 1) as i64 ^ -((value & 1) as i64);
        let sum = base.checked_add(difference).and_then(|sum| u32::try_from(sum).ok());
        sum.ok_or(Malformed("an operation is named that is not there"))
    }

    pub(super) fn finish(&self) -> Result<(), Malformed> {
        match self.first.rest().is_empty() && self.second.rest().is_empty() {
            true => Ok(()),
            false => Err(Malformed("numbers are left over")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_each_in_one_spelling() {
        let values = [0, 1, 191, 192, 447, 448, TWO_BYTES - 1, TWO_BYTES, u64::from(u32::MAX)];
        let mut writer = Writer::default();
        values.iter().for_each(|&value| writer.push(value));
        let mut out = Vec::new();
        writer.write_to(&mut out);
        let mut numbers = Numbers::read(&mut Reader::new(&out)).expect("valid");
        values.iter().for_each(|&value| assert_eq!(numbers.next(), Ok(value)));
        assert_eq!(numbers.finish(), Ok(()));
        for difference in [0, 1, -1, 100, -100, 70_000, -70_000] {
            let (mut writer, mut out) = (Writer::default(), Vec::new());
            writer.push_signed(difference);
            writer.write_to(&mut out);
            let mut numbers = Numbers::read(&mut Reader::new(&out)).expect("valid");
            assert_eq!(numbers.next_from(100_000), Ok((100_000 + difference) as u32));
        }
    }
}
