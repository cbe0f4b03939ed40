//! Locks between processes. The system lets go of them when a process dies, however it dies.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::StorageError;
use crate::io::paths::open_private_file;

/// A locked file; dropping it lets go. The empty file stays, because removing it while another process waits
/// at it would let two processes in.
#[derive(Debug)]
pub(super) struct FileLock {
    file: File,
}

fn not_opened(path: &Path, why: std::io::Error) -> StorageError {
    StorageError::NotOpened { path: path.to_path_buf(), why }
}

impl FileLock {
    /// Takes the lock for this process alone; `None` if another one has it.
    pub(super) fn exclusive(path: &Path) -> Result<Option<FileLock>, StorageError> {
        let file = open_private_file(path).map_err(|why| not_opened(path, why))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(FileLock { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(not_opened(path, why)),
        }
    }

    /// Takes the lock together with others who share it. Waits for one who has it alone.
    pub(super) fn shared(path: &Path) -> Result<FileLock, StorageError> {
        let file = open_private_file(path).map_err(|why| not_opened(path, why))?;
        file.lock_shared().map_err(|why| not_opened(path, why))?;
        Ok(FileLock { file })
    }

    /// Runs `action` while no other process shares the lock; `None` if one does.
    pub(super) fn alone<T>(&self, action: impl FnOnce() -> T) -> Option<T> {
        let done = self.file.try_lock().is_ok().then(action);
        // Changing the kind of lock may have lost it, so it is taken again in either case.
        let _ = self.file.lock_shared();
        done
    }
}
