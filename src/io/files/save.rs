//! Writing a text to its file: never half of it, never to another file than was meant.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use ropey::Rope;
use sha2::{Digest, Sha256};

use super::{FileError, Look, OpenFile, Stamp, check_name, look, may_write};
use crate::base::text_format::encoding::Encoding;
use crate::base::text_format::{LineEnding, TextFormat};
use crate::editor::SaveDone;
use crate::journal::FileHash;

/// Bytes of the names, and of one value, of extended attributes: the most that Linux has.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
const ATTRIBUTES_BYTES_MAX: usize = 64 << 10;

impl OpenFile {
    /// Saves the text. Unless `overwrite` is set, a file that another program changed is left alone.
    ///
    /// # Errors
    ///
    /// When it cannot be written; the file is then as it was.
    pub fn save(&mut self, text: &Rope, format: TextFormat, overwrite: bool) -> Result<SaveDone, FileError> {
        check_name(&self.path)?;
        let is_others = if self.stamp.is_some() { SaveDone::ChangedOutside } else { SaveDone::Exists };
        // What it looks like comes first: a change behind that is seen when the new file takes its place.
        let before = look(&self.path);
        if !overwrite && self.is_changed_outside() {
            return Ok(is_others);
        }
        if let Some((char, line)) = first_missing(text, format) {
            let (path, encoding) = (self.path.clone(), format.encoding.name());
            return Err(FileError::NotInEncoding { path, encoding, char, line });
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
        let why_in_place = about.as_ref().and_then(|about| self.why_in_place(about));
        let replaced = if overwrite { Replaced::Whatever } else { Replaced::Only(before) };
        let (stamp, remark) = match why_in_place {
            Some(why) => self.write_in_place(&target, text, format, why)?,
            None => match write_beside(&target, about.as_ref(), replaced, text, format) {
                Ok(stamp) => (stamp, None),
                Err(Refused::Changed) => return Ok(is_others),
                // A folder that may not be written, a file that is mounted: its content can be written all the same.
                Err(Refused::Folder(_)) if about.is_some() => {
                    self.write_in_place(&target, text, format, "its folder takes no new file")?
                }
                Err(Refused::Attributes) => {
                    self.write_in_place(&target, text, format, "a new file could not have its attributes")?
                }
                Err(Refused::Folder(error) | Refused::Other(error)) => return Err(failed(error)),
            },
        };
        self.stamp = Some(stamp);
        Ok(SaveDone::Written(remark))
    }

    /// Why the file cannot be replaced by another one without losing something of it.
    fn why_in_place(&self, about: &fs::Metadata) -> Option<&'static str> {
        match about {
            about if has_other_names(about) => Some("the file has other hard links"),
            _ if self.is_passing => Some("a temporary file may be waited for"),
            about if !may_own(about) => Some("it belongs to somebody else"),
            _ => None,
        }
    }

    /// Writes over the file itself, for one that must stay the same file. Its length is cut only after the whole new text
    /// is in it, and room for all of it is reserved first.
    fn write_in_place(
        &self,
        target: &Path,
        text: &Rope,
        format: TextFormat,
        why: &str,
    ) -> Result<(Stamp, Option<String>), FileError> {
        let path = &self.path;
        let failed = |error| FileError::Write { path: path.clone(), error };
        let file = OpenOptions::new().write(true).open(target).map_err(failed)?;
        reserve(&file, n_bytes_max(text, format)).map_err(failed)?;
        let written = (|| {
            let (hash, n_bytes) = write_text(&file, text, format)?;
            file.set_len(n_bytes)?;
            file.sync_all()?;
            Ok(stamp_of(&file, hash, n_bytes))
        })();
        let stamp = written.map_err(|error| FileError::HalfWritten { path: path.clone(), error })?;
        Ok((stamp, Some(format!("in place: {why}"))))
    }
}

/// What a new file may take the place of.
enum Replaced {
    /// Of whatever is there.
    Whatever,
    /// Only of a file that looks like this.
    Only(Look),
}

/// Returns what the file is from now on. Its time is asked of the open file: by its name it could be another one already.
fn stamp_of(file: &File, hash: FileHash, n_bytes: u64) -> Stamp {
    let modified = file.metadata().and_then(|about| about.modified()).ok();
    Stamp { modified, n_bytes, hash }
}

/// Why a new file could not be put in the place of the old one. Nothing has changed then.
enum Refused {
    /// None can be put into the folder, whatever it holds.
    Folder(io::Error),
    /// It could not have the attributes of the old one.
    Attributes,
    /// Another program wrote the old one, or made one, while the new one was written.
    Changed,
    /// The system failed otherwise.
    Other(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Refused {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
        match error.kind() {
            PermissionDenied | ReadOnlyFilesystem | ResourceBusy => Refused::Folder(error),
            _ => Refused::Other(error),
        }
    }
}

/// Returns how many bytes the file may have at most.
fn n_bytes_max(text: &Rope, format: TextFormat) -> u64 {
    let n_returns = if format.line_ending == LineEnding::CrLf { text.len_lines() - 1 } else { 0 };
    format.encoding.n_bytes_max(text.len_bytes() + n_returns, text.len_chars() + n_returns) as u64
}

/// Returns the first character that the encoding does not have, and its line from 1.
fn first_missing(text: &Rope, format: TextFormat) -> Option<(char, usize)> {
    if format.encoding.has_all() {
        return None;
    }
    let (mut at_byte, mut bytes) = (0, Vec::new());
    for chunk in text.chunks() {
        bytes.clear();
        if let Err(missing) = format.encoding.encode(chunk, &mut bytes) {
            let in_chunk = chunk.find(missing).unwrap_or(0);
            return Some((missing, text.byte_to_line(at_byte + in_chunk) + 1));
        }
        at_byte += chunk.len();
    }
    None
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
    replaced: Replaced,
    text: &Rope,
    format: TextFormat,
) -> Result<Stamp, Refused> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (temporary, file) = create_beside(folder)?;
    let written = (|| {
        if let Some(about) = about {
            // The owner first: a change of owner takes some bits of the mode away.
            keep_owner(&file, about);
            file.set_permissions(about.permissions())?;
            // Behind the mode, whose bits for the group an access list redefines.
            keep_attributes(target, &file)?;
        }
        let (hash, n_bytes) = write_text(&file, text, format)?;
        file.sync_all()?;
        // The disk may have taken its time, and this is the last moment to see it.
        if matches!(replaced, Replaced::Only(before) if before != look(target)) {
            return Err(Refused::Changed);
        }
        let stamp = stamp_of(&file, hash, n_bytes);
        fs::rename(&temporary, target)?;
        Ok(stamp)
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

/// Gives the new file the extended attributes of the old one, access lists included. Those of `security.` are the system's:
/// it gives and takes them by its own rules.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn keep_attributes(from: &Path, to: &File) -> Result<(), Refused> {
    use rustix::fs::{XattrFlags, fsetxattr, getxattr, listxattr};
    let mut names = vec![0; ATTRIBUTES_BYTES_MAX];
    // A file system without any says so.
    let Ok(n_bytes) = listxattr(from, &mut names[..]) else { return Ok(()) };
    let mut value = vec![0; ATTRIBUTES_BYTES_MAX];
    for name in names[..n_bytes].split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        if name.starts_with(b"security.") {
            continue;
        }
        let kept = getxattr(from, name, &mut value[..])
            .and_then(|n_bytes| fsetxattr(to, name, &value[..n_bytes], XattrFlags::empty()));
        if kept.is_err() {
            return Err(Refused::Attributes);
        }
    }
    Ok(())
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn keep_attributes(_from: &Path, _to: &File) -> Result<(), Refused> {
    Ok(())
}

/// Writes the text as the file has it: with its byte order mark and its line ends.
fn write_text(file: &File, text: &Rope, format: TextFormat) -> io::Result<(FileHash, u64)> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    let mut hash = Sha256::new();
    let mut n_bytes = 0;
    let mut put = |bytes: &[u8]| {
        hash.update(bytes);
        n_bytes += bytes.len() as u64;
        out.write_all(bytes)
    };
    put(format.encoding.mark())?;
    let mut encoded = Vec::new();
    for chunk in text.chunks() {
        let chunk = match format.line_ending {
            LineEnding::CrLf => Cow::Owned(chunk.replace('\n', "\r\n")),
            LineEnding::Lf | LineEnding::Mixed => Cow::Borrowed(chunk),
        };
        if format.encoding == Encoding::UTF_8 {
            put(chunk.as_bytes())?;
            continue;
        }
        encoded.clear();
        let missing = |c| io::Error::other(format!("the encoding has no {c:?}"));
        format.encoding.encode(&chunk, &mut encoded).map_err(missing)?;
        put(&encoded)?;
    }
    out.flush()?;
    Ok((FileHash(hash.finalize().into()), n_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_program_writes_during_a_save_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.txt");
        let put = |replaced| write_beside(&path, None, replaced, &Rope::from("mine"), TextFormat::default());
        // It was not there when the save began.
        fs::write(&path, "theirs").expect("written");
        assert!(matches!(put(Replaced::Only(None)), Err(Refused::Changed)));
        // It was another one.
        let before = look(&path);
        fs::write(&path, "theirs, longer").expect("written");
        assert!(matches!(put(Replaced::Only(before)), Err(Refused::Changed)));
        assert_eq!(fs::read_to_string(&path).expect("readable"), "theirs, longer");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1, "nothing is left beside it");
        let stamp = put(Replaced::Only(look(&path))).ok().expect("it is as it was");
        assert_eq!(Some((stamp.modified, stamp.n_bytes)), look(&path));
        assert!(put(Replaced::Whatever).is_ok());
    }
}
