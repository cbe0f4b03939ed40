//! Where things lie on this machine: `XDG_*` on Linux, the platform's own places elsewhere.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The two folders of this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The journal, and the locks of the documents that are open.
    pub data: PathBuf,
    /// `config.toml`.
    pub config: PathBuf,
}

/// Why a folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PathsError {
    /// The system does not say where this user's files are.
    #[error(
        "cannot tell where your files are, because you have no home directory; set HOME or XDG_DATA_HOME"
    )]
    NoHome,
}

impl Paths {
    /// Returns the folders of this user. Nothing is created yet.
    ///
    /// # Errors
    /// If the user has no home.
    pub fn of_user() -> Result<Paths, PathsError> {
        let found = directories::ProjectDirs::from("", "", "coedit").ok_or(PathsError::NoHome)?;
        Ok(Paths { data: found.data_dir().to_path_buf(), config: found.config_dir().to_path_buf() })
    }
}

/// Creates a folder that only this user can enter, with its parents. One that is there stays as it is.
///
/// # Errors
/// If the system refuses.
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens a file for reading and writing that only this user can read, creating it if need be.
///
/// # Errors
/// If the system refuses.
pub fn open_private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Returns the absolute path of `file` with symbolic links followed, whether or not the file exists.
///
/// # Errors
/// If its folder does not exist or cannot be entered.
pub fn canonical(file: &Path) -> io::Result<PathBuf> {
    match file.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = match file.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?;
            Ok(folder.canonicalize()?.join(name))
        }
        result => result,
    }
}

/// Returns whether traces of a file may outlive it here: not those of a message that git wants, nor of what lies where
/// programs put what must not stay.
pub fn may_be_remembered(path: &Path) -> bool {
    !is_passing(path) && !path.components().any(|part| part.as_os_str() == ".git")
}

/// Returns whether a file lies in a folder for temporary files.
pub fn is_passing(path: &Path) -> bool {
    [Path::new("/dev/shm"), Path::new("/var/tmp"), &std::env::temp_dir()]
        .into_iter()
        .any(|folder| path.starts_with(folder) || folder.canonicalize().is_ok_and(|f| path.starts_with(f)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_file_are_one_path() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a"), "").expect("written");
        let one = canonical(&folder.path().join("a")).expect("there");
        let name = folder.path().file_name().expect("named");
        assert_eq!(one, canonical(&folder.path().join("./../").join(name).join("a")).expect("there"));
    }

    #[test]
    fn file_that_is_not_there_yet_has_a_path() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(canonical(&folder.path().join("new")).is_ok());
        assert!(canonical(&folder.path().join("no").join("new")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn folder_and_file_are_for_this_user_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("inner");
        create_private_folder(&inner).expect("created");
        open_private_file(&inner.join("file")).expect("created");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&inner), mode(&inner.join("file"))), (0o700, 0o600));
    }
}
