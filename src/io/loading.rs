//! Reading a large file in pieces: its first screen at once, the rest on a thread behind it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::thread;

use ropey::Rope;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::files::{self, FileError, Loaded, Reading};
use crate::base::text_format::encoding::Encoding;
use crate::base::text_format::{LineEnding, TextFormat};
use crate::journal::FileHash;

/// Files of more bytes than this are read behind the first screen: smaller ones are read within a frame or two.
pub const LARGE_BYTES: u64 = 4 << 20;

/// Bytes of the first screens, which are read at once.
const FIRST_BYTES: usize = 256 << 10;

/// Bytes that are read at a time.
const BLOCK_BYTES: usize = 4 << 20;

/// Bytes after which what is here is shown: often enough to move on in, seldom enough to cost nothing.
const SHOWN_EVERY: u64 = 32 << 20;

/// What comes of a file that is read on a thread.
pub enum Piece {
    /// The text so far, and how much of the file that is, in percent.
    Text(Rope, u8),
    /// All of it.
    Whole(Box<Loaded>),
    /// It cannot be read.
    Failed(FileError),
}

/// A file that is being read. Dropping it ends the reading.
pub struct Loading {
    /// Which file.
    pub path: PathBuf,
    pieces: UnboundedReceiver<Piece>,
}

impl Loading {
    /// Waits for what comes next; for ever once all has come.
    pub async fn next(&mut self) -> Piece {
        match self.pieces.recv().await {
            Some(piece) => piece,
            None => std::future::pending().await,
        }
    }
}

/// Begins to read a large file: returns its first screens, and what comes behind them. `None` if it is not large, or not an
/// ordinary file: then it is to be read as others are.
pub fn begin(path: &Path) -> Option<(Loaded, Loading)> {
    let about = std::fs::metadata(path).ok()?;
    if !about.is_file() || about.len() <= LARGE_BYTES || files::is_too_large(about.len()) {
        return None;
    }
    let first = first_screens(path).ok()?;
    let (sender, pieces) = unbounded_channel();
    let (n_bytes, whole) = (about.len(), path.to_owned());
    let reading = thread::Builder::new().name("load".to_owned());
    reading.spawn(move || read_all(&whole, n_bytes, &sender)).ok()?;
    Some((first, Loading { path: path.to_owned(), pieces }))
}

fn first_screens(path: &Path) -> io::Result<Loaded> {
    let mut bytes = Vec::with_capacity(FIRST_BYTES);
    File::open(path)?.take(FIRST_BYTES as u64).read_to_end(&mut bytes)?;
    // A last line that is cut would look as if it ended there. One that is longer than all of this is cut all the same.
    if let Some(end) = memchr::memrchr(b'\n', &bytes) {
        bytes.truncate(end + 1);
    } else if let Some(chunk) = bytes.utf8_chunks().last().filter(|chunk| chunk.invalid().len() < 4) {
        bytes.truncate(bytes.len() - chunk.invalid().len());
    }
    let mut loaded = Loaded::untitled(String::new());
    loaded.meta.name = files::name_of(path);
    loaded.text = Rope::from(files::decode(bytes, Reading::Guess, &mut loaded.meta));
    loaded.meta.has_path = true;
    loaded.meta.loading = Some(0);
    loaded.meta.read_only =
        Some("the file is still being read; it can be edited once it is whole".to_owned());
    Ok(loaded)
}

/// Whoever waited may be gone: then nobody needs the rest.
fn read_all(path: &Path, n_bytes: u64, sender: &UnboundedSender<Piece>) {
    let mut shown = 0;
    let loaded = files::load_in_pieces(path, Reading::Guess, |text, n_read| {
        if shown + SHOWN_EVERY <= n_read {
            shown = n_read;
            let percent = (n_read.saturating_mul(100) / n_bytes.max(1)).min(99) as u8;
            return sender.send(Piece::Text(text.clone(), percent)).is_ok();
        }
        !sender.is_closed()
    });
    let piece = match loaded {
        Ok(Some(loaded)) => Piece::Whole(Box::new(loaded)),
        Ok(None) => return,
        Err(error) => Piece::Failed(error),
    };
    let _ = sender.send(piece);
}

/// A file's text in UTF-8, read block by block, so that its bytes are never in memory beside it.
pub(super) struct Streamed {
    /// The text, with line feeds only if all lines end in CR and LF.
    pub text: Rope,
    /// How it is written.
    pub format: TextFormat,
    /// Its bytes.
    pub n_bytes: u64,
    /// Their name.
    pub hash: FileHash,
}

/// What came of reading block by block.
pub(super) enum Outcome {
    /// All of it.
    Whole(Streamed),
    /// It is not UTF-8.
    Otherwise,
    /// Nobody wants it any more.
    Ended,
}

/// Reads UTF-8 from `source`. `wants_more` is asked after each block, with the text so far and the bytes read.
///
/// # Errors
/// Those of the source.
pub(super) fn stream(
    open: impl Fn() -> io::Result<File>,
    mut wants_more: impl FnMut(&Rope, u64) -> bool,
) -> io::Result<Outcome> {
    // Whether every line ends in CR and LF is known at the end only. The first block says what is likely, and the file is
    // read once more if that was wrong; a file that changes meanwhile is taken with its carriage returns.
    let mut strips = None;
    loop {
        match Stream::new(strips).run(open()?, &mut wants_more)? {
            Ok(outcome) => return Ok(outcome),
            Err(is_other) => strips = Some(is_other && strips.is_none()),
        }
    }
}

struct Stream {
    text: Rope,
    hash: Sha256,
    n_bytes: u64,
    has_mark: bool,
    /// Whether carriage returns before line feeds are left out; `None` until the first block says.
    strips: Option<bool>,
    n_crlf: u64,
    n_lf: u64,
}

impl Stream {
    fn new(strips: Option<bool>) -> Stream {
        Stream {
            text: Rope::new(),
            hash: Sha256::new(),
            n_bytes: 0,
            has_mark: false,
            strips,
            n_crlf: 0,
            n_lf: 0,
        }
    }

    /// Reads all of it. An error inside says whether carriage returns have to be left out instead, or kept.
    fn run(
        mut self,
        mut file: File,
        wants_more: &mut impl FnMut(&Rope, u64) -> bool,
    ) -> io::Result<Result<Outcome, bool>> {
        let is_guessed = self.strips.is_none();
        let mut block = Vec::with_capacity(BLOCK_BYTES + 4);
        loop {
            let n_kept = block.len();
            let n_read = (&mut file).take((BLOCK_BYTES - n_kept) as u64).read_to_end(&mut block)?;
            self.hash.update(&block[n_kept..]);
            if self.n_bytes == 0 && block.starts_with(b"\xef\xbb\xbf") {
                self.has_mark = true;
                block.drain(..3);
            }
            self.n_bytes += n_read as u64;
            let is_last = n_read == 0;
            let Some(n_taken) = self.take(&block, is_last) else { return Ok(Ok(Outcome::Otherwise)) };
            if self.strips == Some(true) && self.n_crlf != self.n_lf {
                return Ok(Err(false));
            }
            if is_last {
                let is_even = 0 < self.n_crlf && self.n_crlf == self.n_lf;
                return Ok(match is_guessed && is_even && self.strips == Some(false) {
                    true => Err(true),
                    false => Ok(Outcome::Whole(self.finish())),
                });
            }
            block.drain(..n_taken);
            if !wants_more(&self.text, self.n_bytes) {
                return Ok(Ok(Outcome::Ended));
            }
        }
    }

    /// Appends as much of the block as is whole characters and whole ends of lines, and returns how much that was.
    /// `None` if it is not UTF-8.
    fn take(&mut self, block: &[u8], is_last: bool) -> Option<usize> {
        let text = match std::str::from_utf8(block) {
            Ok(text) => text,
            Err(error) if is_last || error.error_len().is_some() => return None,
            Err(error) => std::str::from_utf8(&block[..error.valid_up_to()]).ok()?,
        };
        let text = if is_last { text } else { text.strip_suffix('\r').unwrap_or(text) };
        let n_crlf = memchr::memmem::find_iter(text.as_bytes(), b"\r\n").count() as u64;
        self.n_crlf += n_crlf;
        self.n_lf += memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64;
        let strips = *self.strips.get_or_insert(0 < n_crlf && self.n_crlf == self.n_lf);
        let piece = match strips {
            true => Rope::from_str(&text.replace("\r\n", "\n")),
            false => Rope::from_str(text),
        };
        self.text.append(piece);
        Some(text.len())
    }

    fn finish(self) -> Streamed {
        let line_ending = match self.n_crlf {
            0 => LineEnding::Lf,
            _ if self.strips == Some(true) => LineEnding::CrLf,
            _ => LineEnding::Mixed,
        };
        let name = if self.has_mark { "UTF-8 BOM" } else { "UTF-8" };
        let encoding = Encoding::from_name(name).unwrap_or_default();
        Streamed {
            text: self.text,
            format: TextFormat { encoding, line_ending },
            n_bytes: self.n_bytes,
            hash: FileHash(self.hash.finalize().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::editor::file::FileMeta;

    /// Reads bytes in pieces, and returns what came of it and how often more was asked for.
    fn streamed(bytes: &[u8]) -> (Outcome, usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, bytes).expect("written");
        let mut n = 0;
        let outcome = stream(
            || File::open(&path),
            |_, _| {
                n += 1;
                true
            },
        );
        (outcome.expect("readable"), n)
    }

    #[track_caller]
    fn check(bytes: &[u8]) {
        let mut meta = FileMeta::default();
        let text = files::decode(bytes.to_vec(), Reading::Guess, &mut meta);
        let (Outcome::Whole(streamed), _) = streamed(bytes) else { panic!("it is UTF-8") };
        assert!(streamed.text == text, "the text");
        assert_eq!((streamed.format, streamed.n_bytes), (meta.format, bytes.len() as u64));
        assert_eq!(streamed.hash, FileHash(Sha256::digest(bytes).into()));
        streamed.text.assert_integrity();
    }

    #[test]
    fn what_is_read_in_pieces_is_what_is_read_at_once() {
        let block = BLOCK_BYTES;
        check(b"");
        check(b"a\r\nb");
        check("\u{feff}é".as_bytes());
        // A character, and an end of line, that a block ends inside of.
        for n in block - 3..block + 2 {
            check(format!("{}漢\r\n{}\r\n", "x".repeat(n), "y".repeat(n)).as_bytes());
            check(format!("{}\n{}\r\n", "x".repeat(n), "y".repeat(n)).as_bytes());
            check(format!("\u{feff}{}\r\nz\r\n", "x".repeat(n)).as_bytes());
        }
        // Ends of lines that the first block says nothing, or something else, about.
        check(format!("{}\r\n{}\n", "x\r\n".repeat(block / 3), "y".repeat(block)).as_bytes());
        check(format!("{}\r\n", "x".repeat(2 * block)).as_bytes());
        check(format!("a\r{}\r", "x".repeat(block)).as_bytes());
    }

    #[test]
    fn other_bytes_are_left_to_others_and_nobody_has_to_wait_to_the_end() {
        let late = [&b"x".repeat(BLOCK_BYTES)[..], b"\xff"].concat();
        for bytes in [&b"caf\xe9"[..], b"\xff\xfea\0", b"\xc3", &late] {
            assert!(matches!(streamed(bytes).0, Outcome::Otherwise));
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "x".repeat(3 * BLOCK_BYTES)).expect("written");
        let outcome = stream(|| File::open(&path), |_, n_bytes| n_bytes < 2 * BLOCK_BYTES as u64);
        assert!(matches!(outcome, Ok(Outcome::Ended)));
    }

    #[tokio::test]
    async fn a_large_file_shows_its_first_lines_at_once_and_then_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.txt");
        let text = "a line of text\n".repeat(6_000_000);
        std::fs::write(&path, &text).expect("written");
        let (first, mut loading) = begin(&path).expect("it is large");
        assert!(first.text.len_bytes() <= FIRST_BYTES && first.text.len_lines() > 1_000);
        assert!(first.meta.read_only.is_some() && first.file.is_none());
        let (mut n_pieces, mut shown) = (0, 0);
        loop {
            match loading.next().await {
                Piece::Text(text, percent) => {
                    assert!(shown < percent && percent < 100 && 0 < text.len_bytes());
                    (n_pieces, shown) = (n_pieces + 1, percent);
                }
                Piece::Whole(loaded) => {
                    assert!(loaded.text == text && loaded.meta.read_only.is_none());
                    assert!(loaded.file.is_some_and(|file| !file.is_changed_outside()));
                    break;
                }
                Piece::Failed(error) => panic!("{error}"),
            }
        }
        assert_eq!(n_pieces, 2);
        std::fs::write(&path, "small").expect("written");
        assert!(begin(&path).is_none());
    }
}
