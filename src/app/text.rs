//! Reading text from files and standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use sha2::{Digest, Sha256};

use crate::io::paths;
use crate::journal::FileHash;

/// A file as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNow {
    /// Its canonical path.
    pub path: PathBuf,
    /// Its bytes' hash; `None` if there is no file.
    pub hash: Option<FileHash>,
    /// Its text, with `\n` ends of line; empty if there is no file.
    pub text: String,
}

/// Returns the name of these bytes.
pub fn hash(bytes: &[u8]) -> FileHash {
    FileHash(Sha256::digest(bytes).into())
}

/// Reads a file that need not exist.
///
/// # Errors
/// In one sentence: a folder, not readable, not UTF-8.
pub fn read(file: &Path) -> anyhow::Result<FileNow> {
    let shown = file.display();
    let path =
        paths::canonical(file).map_err(|error| anyhow!("{shown} cannot be opened: {}", reason(&error)))?;
    match std::fs::read(&path) {
        Ok(bytes) => {
            let hash = Some(hash(&bytes));
            let text = decode(bytes).with_context(|| format!("{shown} is not text in UTF-8"))?;
            Ok(FileNow { path, hash, text })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(FileNow { path, hash: None, text: String::new() })
        }
        Err(error) => bail!("{shown} cannot be read: {}", reason(&error)),
    }
}

/// Reads standard input to its end.
///
/// # Errors
/// In one sentence, if it breaks off or is not UTF-8.
pub fn read_standard_input() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).context("standard input broke off")?;
    decode(bytes).context("standard input is not text in UTF-8")
}

fn decode(bytes: Vec<u8>) -> anyhow::Result<String> {
    let text = String::from_utf8(bytes)
        .map_err(|error| anyhow!("byte {} is wrong", error.utf8_error().valid_up_to()))?;
    Ok(if text.contains('\r') { text.replace("\r\n", "\n") } else { text })
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::NotFound => "its folder does not exist".to_owned(),
        kind => kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_with_plain_ends_of_line_and_the_bytes_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        assert_eq!(read(&file).expect("may be missing").hash, None);
        std::fs::write(&file, "a\r\nb\n").expect("written");
        let now = read(&file).expect("readable");
        assert_eq!((now.text.as_str(), now.hash), ("a\nb\n", Some(hash(b"a\r\nb\n"))));
    }

    #[test]
    fn what_cannot_be_read_is_said_in_one_sentence() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        std::fs::write(&file, [b'a', 0xff]).expect("written");
        assert!(format!("{:#}", read(&file).expect_err("not text")).contains("is not text in UTF-8"));
        assert!(read(folder.path()).expect_err("a folder").to_string().contains("it is a folder"));
        let nowhere = folder.path().join("no/b");
        assert!(read(&nowhere).expect_err("nowhere").to_string().contains("its folder does not exist"));
    }
}
