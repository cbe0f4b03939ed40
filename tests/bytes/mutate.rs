//! Damage that gets past the first check: what is changed inside a stretch with a length gets the right length again.

use coedit::base::bytes::put_varint;
use coedit::base::rng::Rng;

/// What is known of how the bytes are made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Frames, each a varint with its length and as many bytes.
    Frames,
    /// Numbers, and blocks of a varint with a length and as many bytes, anywhere.
    Blocks,
    /// Text.
    Text,
}

/// Numbers at which a decoder may stumble.
const ODD_NUMBERS: [u64; 14] = [
    0,
    1,
    127,
    128,
    16_383,
    16_384,
    1 << 20,
    1 << 28,
    (1 << 31) - 1,
    1 << 31,
    u32::MAX as u64 - 1,
    u32::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// Pieces of text at which a parser may stumble.
const ODD_TEXTS: [&str; 12] = [
    "",
    "\u{0}",
    "://",
    "[[",
    "]]",
    "\"\"\"",
    "#",
    "\u{feff}",
    "\u{202e}",
    "%00",
    "9223372036854775808",
    "\r",
];

/// Returns one of the corpus, damaged a few times.
pub fn damaged(corpus: &[Vec<u8>], shape: Shape, rng: &mut Rng) -> Vec<u8> {
    let mut bytes = pick(corpus, rng).clone();
    for _ in 0..1 + rng.below(4) {
        match shape {
            Shape::Text => damage_text(&mut bytes, rng),
            Shape::Blocks => damage_block(&mut bytes, corpus, rng),
            Shape::Frames => damage_frame(&mut bytes, corpus, rng),
        }
    }
    bytes
}

/// Returns a place, in half of the cases near one end: where much is text, that is where the rest lies.
fn place(len: usize, rng: &mut Rng) -> usize {
    const NEAR: u64 = 300;
    let near = rng.below(NEAR.min(len as u64 + 1)) as usize;
    match rng.below(4) {
        0 => near,
        1 => len - near,
        _ => rng.below(len as u64 + 1) as usize,
    }
}

fn pick<'a>(corpus: &'a [Vec<u8>], rng: &mut Rng) -> &'a Vec<u8> {
    &corpus[rng.below(corpus.len() as u64) as usize]
}

/// Changes the inside of one frame and gives it its length again.
fn damage_frame(packet: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    if rng.below(8) == 0 {
        return damage(packet, corpus, rng);
    }
    let mut frames = Vec::new();
    let mut at = 0;
    while let Some((start, end)) = stretch(packet, at) {
        frames.push(packet[start..end].to_vec());
        at = end;
    }
    if frames.is_empty() {
        return damage(packet, corpus, rng);
    }
    let chosen = rng.below(frames.len() as u64) as usize;
    match rng.below(10) {
        0 => frames.push(frames[chosen].clone()),
        1 => drop(frames.remove(chosen)),
        _ => damage_block(&mut frames[chosen], corpus, rng),
    }
    packet.clear();
    for frame in frames {
        put_varint(packet, frame.len() as u64);
        packet.extend(frame);
    }
}

/// Changes the inside of something that looks like a length with as many bytes behind it, and the length with it.
fn damage_block(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    let at = place(bytes.len(), rng);
    match stretch(bytes, at) {
        Some((start, end)) if start < end && rng.below(3) != 0 => {
            let mut inside = bytes[start..end].to_vec();
            damage(&mut inside, corpus, rng);
            let mut block = Vec::new();
            put_varint(&mut block, inside.len() as u64);
            block.extend(inside);
            bytes.splice(at..end, block);
        }
        _ => damage(bytes, corpus, rng),
    }
}

/// Returns where the bytes lie whose length a varint at `at` says.
fn stretch(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let (mut len, mut start) = (0usize, at);
    for shift in [0, 7, 14, 21] {
        let byte = usize::from(*bytes.get(start)?);
        start += 1;
        len |= (byte & 0x7f) << shift;
        if byte < 0x80 {
            return (start + len <= bytes.len()).then_some((start, start + len));
        }
    }
    None
}

/// Changes, adds or takes away some bytes anywhere.
fn damage(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    let at = place(bytes.len(), rng);
    let end = (at + 1 + rng.below(8) as usize).min(bytes.len());
    match rng.below(7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
        1 if at < bytes.len() => bytes[at] = rng.next_u64() as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let mut number = Vec::new();
            put_varint(&mut number, ODD_NUMBERS[rng.below(ODD_NUMBERS.len() as u64) as usize]);
            bytes.splice(at..if rng.below(2) == 0 { at } else { (at + 1).min(bytes.len()) }, number);
        }
        5 => {
            let repeated = bytes[at..end].repeat(1 + rng.below(5) as usize);
            bytes.splice(at..at, repeated);
        }
        _ => {
            let other = pick(corpus, rng);
            let from = rng.below(other.len() as u64 + 1) as usize;
            let to = (from + rng.below(40) as usize).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
    }
}

fn damage_text(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let at = rng.below(bytes.len() as u64 + 1) as usize;
    let end = (at + rng.below(6) as usize).min(bytes.len());
    match rng.below(4) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let repeated = bytes[at..end].repeat(1 + rng.below(50) as usize);
            bytes.splice(at..at, repeated);
        }
        _ => {
            let odd = ODD_TEXTS[rng.below(ODD_TEXTS.len() as u64) as usize];
            bytes.splice(at..end, odd.bytes());
        }
    }
}
