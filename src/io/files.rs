//! Reading and writing the file that is edited: never half written, never silently changed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ropey::Rope;
use sha2::{Digest, Sha256};

use crate::base::limits::DOCUMENT_CHARS_MAX;
use crate::editor::SaveDone;
use crate::editor::file::{FileMeta, LineEnding};
use crate::io::paths;
use crate::journal::FileHash;

/// The byte order mark of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// A file that is edited, and how it looked when it was last read or written.
#[derive(Clone, Debug)]
pub struct OpenFile {
    /// Where it is, as the user named it.
    pub path: PathBuf,
    stamp: Option<Stamp>,
}

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
    #[error("{0} is not text in UTF-8; convert it first, with iconv for example")]
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
    pub text: String,
    /// What the editor shows and keeps.
    pub meta: FileMeta,
}

/// Reads a file. One that does not exist is an empty text that saving will create.
///
/// # Errors
///
/// When it is no ordinary file, too large, or cannot be read.
pub fn load(path: &Path) -> Result<Loaded, FileError> {
    let refused = |error| FileError::Read { path: path.to_owned(), error };
    check_name(path)?;
    let name =
        path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
    let mut meta = FileMeta { name, has_path: true, ..FileMeta::default() };
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = OpenFile { path: path.to_owned(), stamp: None };
            return Ok(Loaded { file: Some(file), text: String::new(), meta });
        }
        Err(error) => return Err(refused(error)),
    };
    if !about.is_file() {
        return Err(FileError::Special(path.to_owned()));
    }
    // The limit is in characters; a file of more bytes than that is not even read.
    if DOCUMENT_CHARS_MAX as u64 <= about.len() {
        return Err(FileError::TooLarge { path: path.to_owned(), n_bytes: about.len() });
    }
    let mut bytes = Vec::with_capacity(about.len() as usize + 1);
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(refused)?;
    let stamp = Stamp { modified: about.modified().ok(), n_bytes: bytes.len() as u64, hash: hash_of(&bytes) };
    let text = decode(bytes, &mut meta);
    meta.is_locked = !may_write(path);
    Ok(Loaded { file: Some(OpenFile { path: path.to_owned(), stamp: Some(stamp) }), text, meta })
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
        Loaded { file: None, text, meta }
    }

    /// Returns whether there is no such file yet.
    pub fn is_new(&self) -> bool {
        self.file.as_ref().is_none_or(|file| file.stamp.is_none())
    }
}

/// Turns a file's bytes into text, and notes in `meta` what the text does not say.
pub fn decode(mut bytes: Vec<u8>, meta: &mut FileMeta) -> String {
    meta.has_bom = bytes.starts_with(BOM);
    if meta.has_bom {
        bytes.drain(..BOM.len());
    }
    let text = String::from_utf8(bytes).unwrap_or_else(|error| {
        meta.read_only = Some(
            "this file is not UTF-8; it is shown, and cannot be edited, so that no byte of it is lost"
                .to_owned(),
        );
        show_invalid(error.as_bytes())
    });
    let n_crlf = text.matches("\r\n").count();
    meta.line_ending = match n_crlf {
        0 => LineEnding::Lf,
        n if n == text.bytes().filter(|&byte| byte == b'\n').count() => LineEnding::CrLf,
        _ => LineEnding::Mixed,
    };
    if meta.line_ending == LineEnding::CrLf { text.replace("\r\n", "\n") } else { text }
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

    /// Returns whether the file was there when it was last read or written, and is not any more.
    pub fn is_gone(&self) -> bool {
        self.stamp.is_some() && !self.path.exists()
    }

    /// Returns a file that is to be written for the first time: one that is there already counts as changed outside.
    pub fn new(path: PathBuf) -> OpenFile {
        OpenFile { path, stamp: None }
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
        self.stamp = hash.map(|hash| Stamp { modified: None, n_bytes: 0, hash });
    }

    /// Saves the text. Unless `overwrite` is set, a file that another program changed is left alone.
    ///
    /// # Errors
    ///
    /// When it cannot be written; the file is then as it was.
    pub fn save(&mut self, text: &Rope, meta: &FileMeta, overwrite: bool) -> Result<SaveDone, FileError> {
        check_name(&self.path)?;
        if !overwrite && self.is_changed_outside() {
            return Ok(if self.stamp.is_some() { SaveDone::ChangedOutside } else { SaveDone::Exists });
        }
        let failed = |error| FileError::Write { path: self.path.clone(), error };
        // Through symbolic links: the file they lead to is written, they stay.
        let target = target_of(&self.path).map_err(failed)?;
        let about = fs::metadata(&target).ok();
        match &about {
            Some(about) if !about.is_file() => return Err(FileError::Special(self.path.clone())),
            Some(_) if !may_write(&target) => {
                return Err(failed(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "you may not write to it",
                )));
            }
            _ => {}
        }
        let why_in_place = about.as_ref().and_then(why_in_place);
        let (hash, n_bytes, remark) = match why_in_place {
            Some(why) => self.write_in_place(&target, text, meta, why)?,
            None => match write_beside(&target, about.as_ref(), text, meta) {
                Ok((hash, n)) => (hash, n, None),
                // A folder that may not be written, a file that is mounted: its content can be written all the same.
                Err(error) if about.is_some() && is_about_the_folder(&error) => {
                    self.write_in_place(&target, text, meta, "its folder takes no new file")?
                }
                Err(error) => return Err(failed(error)),
            },
        };
        let modified = fs::metadata(&target).and_then(|about| about.modified()).ok();
        self.stamp = Some(Stamp { modified, n_bytes, hash });
        Ok(SaveDone::Written(remark))
    }

    /// Writes over the file itself, for one that must stay the same file. Its length is cut only after the whole new text
    /// is in it, and room for all of it is reserved first.
    fn write_in_place(
        &self,
        target: &Path,
        text: &Rope,
        meta: &FileMeta,
        why: &str,
    ) -> Result<(FileHash, u64, Option<String>), FileError> {
        let path = &self.path;
        let failed = |error| FileError::Write { path: path.clone(), error };
        let file = OpenOptions::new().write(true).open(target).map_err(failed)?;
        reserve(&file, n_bytes_of(text, meta)).map_err(failed)?;
        let written = (|| {
            let (hash, n_bytes) = write_text(&file, text, meta)?;
            file.set_len(n_bytes)?;
            file.sync_all()?;
            Ok((hash, n_bytes))
        })();
        let (hash, n_bytes) =
            written.map_err(|error| FileError::HalfWritten { path: path.clone(), error })?;
        Ok((hash, n_bytes, Some(format!("in place: {why}"))))
    }
}

/// Why a file cannot be replaced by another one without losing something of it.
fn why_in_place(about: &fs::Metadata) -> Option<&'static str> {
    if has_other_names(about) {
        return Some("the file has other hard links");
    }
    (!may_own(about)).then_some("it belongs to somebody else")
}

/// Whether a new file cannot be put into the folder, whatever it holds.
fn is_about_the_folder(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | ResourceBusy)
}

/// Returns how many bytes the file will have.
fn n_bytes_of(text: &Rope, meta: &FileMeta) -> u64 {
    let n_returns = if meta.line_ending == LineEnding::CrLf { text.len_lines() - 1 } else { 0 };
    let n_mark = if meta.has_bom { BOM.len() } else { 0 };
    (text.len_bytes() + n_returns + n_mark) as u64
}

/// Follows symbolic links, also to a file that does not exist yet.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..40 {
        match fs::read_link(&path) {
            Ok(to) => path = path.parent().unwrap_or(Path::new("")).join(to),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

#[cfg(unix)]
fn has_other_names(about: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(about) > 1
}

#[cfg(not(unix))]
fn has_other_names(_about: &fs::Metadata) -> bool {
    false
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

/// Whether a new file of this user can have the same owner and group.
#[cfg(unix)]
fn may_own(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let own = rustix::process::geteuid();
    let is_in_group = || {
        let group = rustix::process::Gid::from_raw(about.gid());
        rustix::process::getegid() == group
            || rustix::process::getgroups().is_ok_and(|groups| groups.contains(&group))
    };
    own.is_root() || (own.as_raw() == about.uid() && is_in_group())
}

#[cfg(not(unix))]
fn may_own(_about: &fs::Metadata) -> bool {
    true
}

/// Makes sure that the disk has room for so many bytes, without changing what the file holds.
#[cfg(target_os = "linux")]
fn reserve(file: &File, n_bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, n_bytes.max(1)) {
        // Not every file system can; then writing shows.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(_file: &File, _n_bytes: u64) -> io::Result<()> {
    Ok(())
}

/// Writes a new file beside the old one, makes it durable, and puts it in its place in one step.
fn write_beside(
    target: &Path,
    about: Option<&fs::Metadata>,
    text: &Rope,
    meta: &FileMeta,
) -> io::Result<(FileHash, u64)> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (temporary, file) = create_beside(folder)?;
    let written = (|| {
        if let Some(about) = about {
            // The owner first: a change of owner takes some bits of the mode away.
            keep_owner(&file, about);
            file.set_permissions(about.permissions())?;
        }
        let done = write_text(&file, text, meta)?;
        file.sync_all()?;
        fs::rename(&temporary, target)?;
        Ok(done)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    } else if let Ok(folder) = File::open(folder) {
        // The new name is durable only with its folder; some file systems cannot sync one.
        let _ = folder.sync_all();
    }
    written
}

/// Makes a file that did not exist, so that nobody can have put a link there.
fn create_beside(folder: &Path) -> io::Result<(PathBuf, File)> {
    for attempt in 0..100_u32 {
        // Short, whatever the file is called: some names are as long as names may be.
        let path = folder.join(format!(".coedit-{}-{attempt}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("no free name for a temporary file"))
}

/// Keeps owner and group where we may; a file that changes hands is better than one that cannot be saved.
#[cfg(unix)]
fn keep_owner(file: &File, about: &fs::Metadata) {
    use std::os::unix::fs::MetadataExt;
    let _ = std::os::unix::fs::fchown(file, Some(about.uid()), Some(about.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_file: &File, _about: &fs::Metadata) {}

/// Writes the text as the file has it: with its byte order mark and its line ends.
fn write_text(file: &File, text: &Rope, meta: &FileMeta) -> io::Result<(FileHash, u64)> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    let mut hash = Sha256::new();
    let mut n_bytes = 0;
    let mut put = |bytes: &[u8]| {
        hash.update(bytes);
        n_bytes += bytes.len() as u64;
        out.write_all(bytes)
    };
    if meta.has_bom {
        put(BOM)?;
    }
    for chunk in text.chunks() {
        match meta.line_ending {
            LineEnding::CrLf => put(chunk.replace('\n', "\r\n").as_bytes())?,
            _ => put(chunk.as_bytes())?,
        }
    }
    out.flush()?;
    Ok((FileHash(hash.finalize().into()), n_bytes))
}

#[cfg(test)]
mod tests;
