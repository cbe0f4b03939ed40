//! Reading and writing the file that is edited: never half written, never silently changed.

mod save;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ropey::Rope;
use sha2::{Digest, Sha256};

use crate::base::limits::DOCUMENT_CHARS_MAX;
use crate::base::text_format::encoding::Encoding;
use crate::base::text_format::{LineEnding, TextFormat};
use crate::editor::file::FileMeta;
use crate::editor::settings::FileSettings;
use crate::io::loading::{self, Outcome, Streamed};
use crate::io::{editorconfig, paths};
use crate::journal::FileHash;

/// A file that is edited, and how it looked when it was last read or written.
#[derive(Clone, Debug)]
pub struct OpenFile {
    /// Where it is, as the user named it.
    pub path: PathBuf,
    stamp: Option<Stamp>,
    /// Whether it lies in a folder for temporary files: whoever made it there may wait for this very file.
    is_passing: bool,
}

/// What tells cheaply that a file was written, or is gone: when it was, and its bytes.
pub type Look = Option<(Option<SystemTime>, u64)>;

/// What a file was when it was last in step with the editor.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    n_bytes: u64,
    hash: FileHash,
}

/// Why a file could not be read or written. Each says what happened, why, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no name at all.
    #[error("a file needs a name, and this one is empty; leave it out for a new text")]
    NoName,
    /// The path names a directory, which does not exist.
    #[error("{0} would be a directory; name a file without a slash at its end")]
    EndsInSlash(PathBuf),
    /// The path is that of a directory.
    #[error("{0} is a directory; name a file in it")]
    Directory(PathBuf),
    /// The path is that of a device, a socket or a pipe.
    #[error("{0} is not an ordinary file; copy what it holds into one")]
    Special(PathBuf),
    /// The file holds other bytes than text.
    #[error(
        "{0} is not text in an encoding that can be told; convert it to UTF-8 first, with iconv for example"
    )]
    NotText(PathBuf),
    /// The file's folder is not there.
    #[error("{path} cannot be opened: {error}; create its folder first, or name another file")]
    NoFolder {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file holds more than a document can.
    #[error(
        "{path} has {n_bytes} bytes, and a document holds at most {DOCUMENT_CHARS_MAX} characters; split the file"
    )]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size.
        n_bytes: u64,
    },
    /// The system refused to read it.
    #[error("cannot read {path}: {error}; check the name and your permissions")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The encoding that the file is to be saved in does not have every character of the text.
    #[error(
        "cannot save {path}: {encoding} has no {char:?}, which is in line {line}; take it out, or save in UTF-8 with the command `encoding`"
    )]
    NotInEncoding {
        /// Which file.
        path: PathBuf,
        /// The encoding's name.
        encoding: String,
        /// The first such character.
        char: char,
        /// Its line, from 1.
        line: usize,
    },
    /// The system refused to write it.
    #[error("cannot save {path}: {error}; the text is still here, and the file is as it was")]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The system failed in the middle of writing over a file that had to stay the same file.
    #[error("{path} was only partly saved: {error}; the text is still here, save it again")]
    HalfWritten {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// A file's text with what is known beside it.
pub struct Loaded {
    /// The file, for saving to it; `None` for a text that has none yet.
    pub file: Option<OpenFile>,
    /// The text, with line feeds only.
    pub text: Rope,
    /// What the editor shows and keeps.
    pub meta: FileMeta,
    /// What an `.editorconfig` says about it, or what is wrong with that.
    pub settings: Result<FileSettings, String>,
}

/// Reads a file. One that does not exist is an empty text that saving will create.
///
/// # Errors
///
/// When it is no ordinary file, too large, or cannot be read.
pub fn load(path: &Path) -> Result<Loaded, FileError> {
    load_as(path, Reading::Guess)
}

/// How a file's bytes are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// In the encoding that they look like.
    Guess,
    /// The file was in this encoding before.
    Again(Encoding),
    /// In this encoding.
    As(Encoding),
}

/// Reads a file as `load` does, understood in this way.
///
/// # Errors
///
/// As `load`.
pub fn load_as(path: &Path, reading: Reading) -> Result<Loaded, FileError> {
    let loaded = load_in_pieces(path, reading, |_, _| true)?;
    Ok(loaded.expect("only one that does not want more gets nothing"))
}

/// Reads a file as `load_as` does. A large one is read block by block: `wants_more` is told the text and the bytes so far
/// after each block. Returns `None` once it wants no more.
///
/// # Errors
///
/// As `load`.
pub fn load_in_pieces(
    path: &Path,
    reading: Reading,
    wants_more: impl FnMut(&Rope, u64) -> bool,
) -> Result<Option<Loaded>, FileError> {
    let refused = |error| FileError::Read { path: path.to_owned(), error };
    check_name(path)?;
    let mut meta = FileMeta {
        name: name_of(path),
        path: path.to_string_lossy().into_owned(),
        has_path: true,
        ..FileMeta::default()
    };
    let settings = editorconfig::of(path);
    let said = settings.clone().unwrap_or_default();
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = OpenFile::new(path.to_owned());
            let line_ending = said.line_ending.unwrap_or_default();
            meta.format = TextFormat { encoding: said.encoding.unwrap_or_default(), line_ending };
            return Ok(Some(Loaded { file: Some(file), text: Rope::new(), meta, settings }));
        }
        Err(error) => return Err(refused(error)),
    };
    if !about.is_file() {
        return Err(FileError::Special(path.to_owned()));
    }
    if is_too_large(about.len()) {
        return Err(FileError::TooLarge { path: path.to_owned(), n_bytes: about.len() });
    }
    let reading = match (reading, said.encoding) {
        (Reading::Guess, Some(encoding)) => Reading::Again(encoding),
        _ => reading,
    };
    let (text, n_bytes, hash) = match read(path, about.len(), reading, wants_more, &mut meta) {
        Ok(Some(read)) => read,
        Ok(None) => return Ok(None),
        Err(error) => return Err(refused(error)),
    };
    let stamp = Stamp { modified: about.modified().ok(), n_bytes, hash };
    if text.len_chars() == 0 {
        meta.format.line_ending = said.line_ending.unwrap_or_default();
    }
    meta.is_locked = !may_write(path);
    let file = OpenFile { stamp: Some(stamp), ..OpenFile::new(path.to_owned()) };
    Ok(Some(Loaded { file: Some(file), text, meta, settings }))
}

/// Reads the bytes: block by block, if they are many and UTF-8, and nothing else was said of them. `None` once nobody wants more.
fn read(
    path: &Path,
    n_bytes: u64,
    reading: Reading,
    wants_more: impl FnMut(&Rope, u64) -> bool,
    meta: &mut FileMeta,
) -> io::Result<Option<(Rope, u64, FileHash)>> {
    // Plain ASCII is UTF-8 as well, so what was said of the file counts before its bytes are looked at.
    let is_said_otherwise =
        matches!(reading, Reading::As(encoding) | Reading::Again(encoding) if !encoding.is_utf_8());
    if loading::LARGE_BYTES < n_bytes && !is_said_otherwise {
        match loading::stream(|| File::open(path), wants_more)? {
            Outcome::Whole(Streamed { text, format, n_bytes, hash }) => {
                meta.format = format;
                return Ok(Some((text, n_bytes, hash)));
            }
            Outcome::Ended => return Ok(None),
            Outcome::Otherwise => {}
        }
    }
    let mut bytes = Vec::with_capacity(n_bytes as usize + 1);
    File::open(path)?.read_to_end(&mut bytes)?;
    let (n_bytes, hash) = (bytes.len() as u64, hash_of(&bytes));
    Ok(Some((Rope::from(decode(bytes, reading, meta)), n_bytes, hash)))
}

/// Returns what a file is called on the screen.
pub fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned()
}

/// Returns whether a file is not even read: the limit is in characters, and it has more bytes than that.
pub fn is_too_large(n_bytes: u64) -> bool {
    DOCUMENT_CHARS_MAX as u64 <= n_bytes
}

/// Returns the path that a user typed: `~/` is the home, as in a shell.
pub fn at_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// Refuses what cannot be the name of a file.
fn check_name(path: &Path) -> Result<(), FileError> {
    let ends_in_slash = path.as_os_str().as_encoded_bytes().ends_with(b"/");
    match path {
        _ if path.as_os_str().is_empty() => Err(FileError::NoName),
        _ if path.is_dir() => Err(FileError::Directory(path.to_owned())),
        _ if ends_in_slash => Err(FileError::EndsInSlash(path.to_owned())),
        _ => Ok(()),
    }
}

/// Reads a file as `load` does, for a program that has no screen to show other bytes on.
///
/// # Errors
///
/// As `load`, and when it is not text in UTF-8.
pub fn load_text(path: &Path) -> Result<Loaded, FileError> {
    let loaded = load(path)?;
    match loaded.meta.read_only {
        None => Ok(loaded),
        Some(_) => Err(FileError::NotText(path.to_owned())),
    }
}

impl Loaded {
    /// Makes a text that has no file yet.
    pub fn untitled(text: String) -> Loaded {
        let meta = FileMeta { name: "untitled".to_owned(), ..FileMeta::default() };
        Loaded { file: None, text: Rope::from(text), meta, settings: Ok(FileSettings::default()) }
    }

    /// Returns whether there is no such file yet.
    pub fn is_new(&self) -> bool {
        self.file.as_ref().is_none_or(|file| file.stamp.is_none())
    }
}

/// Turns a file's bytes into text, and notes in `meta` what the text does not say.
pub fn decode(bytes: Vec<u8>, reading: Reading, meta: &mut FileMeta) -> String {
    let encoding = match reading {
        Reading::Guess => Encoding::guess(&bytes),
        Reading::Again(encoding) => Some(encoding.guess_again(&bytes)),
        Reading::As(encoding) => Some(encoding),
    };
    let decoded = match encoding {
        Some(encoding) => encoding.decode(bytes),
        None => Err(bytes),
    };
    let (text, encoding) = decoded.unwrap_or_else(|bytes| {
        let name = encoding.map_or_else(|| "text in a known encoding".to_owned(), Encoding::name);
        meta.read_only = Some(format!(
            "not {name}; `reopen-encoding` reads it otherwise: with windows-1252 it can be edited and no byte is lost"
        ));
        meta.is_undecoded = true;
        (show_invalid(&bytes), Encoding::UTF_8)
    });
    let n_crlf = text.matches("\r\n").count();
    let line_ending = match n_crlf {
        0 => LineEnding::Lf,
        n if n == text.bytes().filter(|&byte| byte == b'\n').count() => LineEnding::CrLf,
        _ => LineEnding::Mixed,
    };
    meta.format = TextFormat { encoding, line_ending };
    if line_ending == LineEnding::CrLf { text.replace("\r\n", "\n") } else { text }
}

/// Returns the name of these bytes.
fn hash_of(bytes: &[u8]) -> FileHash {
    FileHash(Sha256::digest(bytes).into())
}

/// Writes each byte that is not part of valid UTF-8 as `<ff>`.
fn show_invalid(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            out.push_str(&format!("<{byte:02x}>"));
        }
    }
    out
}

impl OpenFile {
    /// Returns whether the file is another than when it was last read or written here. Its bytes decide; they
    /// are read only when its time or size differ, and what cannot be read counts as changed.
    pub fn is_changed_outside(&self) -> bool {
        let about = fs::metadata(&self.path);
        match (&self.stamp, about) {
            (None, about) => about.is_ok(),
            // Gone: saving creates it anew, nobody's change is written over.
            (Some(_), Err(_)) => false,
            // Reading from a pipe or a device could take for ever.
            (Some(_), Ok(about)) if !about.is_file() => true,
            (Some(stamp), Ok(about)) => {
                let same = stamp.n_bytes == about.len()
                    && stamp.modified.is_some()
                    && stamp.modified == about.modified().ok();
                !same && fs::read(&self.path).map_or(true, |bytes| hash_of(&bytes) != stamp.hash)
            }
        }
    }

    /// Returns what the file looks like now, without reading it.
    pub fn look(&self) -> Look {
        look(&self.path)
    }

    /// Returns whether the file was there when it was last read or written, and is not any more.
    pub fn is_gone(&self) -> bool {
        self.stamp.is_some() && !self.path.exists()
    }

    /// Returns a file that is to be written for the first time: one that is there already counts as changed outside.
    pub fn new(path: PathBuf) -> OpenFile {
        let is_passing = paths::canonical(&path).is_ok_and(|path| paths::is_passing(&path));
        OpenFile { path, stamp: None, is_passing }
    }

    /// Returns the absolute path with symbolic links followed.
    ///
    /// # Errors
    ///
    /// When the file's folder is not there.
    pub fn canonical(&self) -> Result<PathBuf, FileError> {
        paths::canonical(&self.path).map_err(|error| FileError::NoFolder { path: self.path.clone(), error })
    }

    /// Returns the hash of the bytes that were last read or written; `None` while there is no file.
    pub fn hash(&self) -> Option<FileHash> {
        self.stamp.as_ref().map(|stamp| stamp.hash)
    }

    /// Says what the file was when the text that is edited was last in step with it: not now, but in an earlier run.
    pub fn expect(&mut self, hash: Option<FileHash>) {
        // As it was read just now: what is known of it saves reading it once more.
        if self.hash() == hash {
            return;
        }
        self.stamp = hash.map(|hash| Stamp { modified: None, n_bytes: 0, hash });
    }
}

fn look(path: &Path) -> Look {
    let about = fs::metadata(path).ok()?;
    Some((about.modified().ok(), about.len()))
}

/// Whether this user may write to the file, by whatever rule the system has.
#[cfg(unix)]
fn may_write(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn may_write(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| !about.permissions().readonly())
}

#[cfg(test)]
mod tests;
