//! Where one was in the files that were open lately, and which were open last.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::paths::{may_be_remembered, open_private_file};

/// Files that are remembered.
const PLACES_MAX: usize = 200;

/// Folders of which is remembered what was open.
const FOLDERS_MAX: usize = 50;

/// Files that are opened again together.
const OPENED_MAX: usize = 20;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The canonical path.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

/// What is remembered, the latest first. Losing it costs nobody a text, so it is not synced to the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// The files, the latest first.
    #[serde(default)]
    pub places: Vec<Place>,
    /// What was open in which folder, the latest first.
    #[serde(default)]
    folders: Vec<Opened>,
}

/// What was open when the program, started in a folder, ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    folder: PathBuf,
    /// The files, in the order of their tabs.
    pub files: Vec<PathBuf>,
    /// Which of them had the keyboard.
    pub current: usize,
}

impl Places {
    /// Reads what is remembered in `folder`; nothing if that cannot be read.
    pub fn load(folder: &Path) -> Places {
        let text = fs::read_to_string(folder.join("places.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Writes it in one step, so that another program never reads half of it.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn store(&self, folder: &Path) -> std::io::Result<()> {
        let temporary = folder.join(format!(".places-{}.tmp", std::process::id()));
        let mut file = open_private_file(&temporary)?;
        file.set_len(0)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(&temporary, folder.join("places.json"))
    }

    /// Remembers what is open in a folder. With nothing that may be remembered, what was before stays.
    pub fn note_open(&mut self, folder: PathBuf, files: Vec<PathBuf>, current: Option<&Path>) {
        let mut files: Vec<PathBuf> = files.into_iter().filter(|file| may_be_remembered(file)).collect();
        files.truncate(OPENED_MAX);
        if files.is_empty() {
            return;
        }
        let current = files.iter().position(|file| Some(file.as_path()) == current).unwrap_or(0);
        self.folders.retain(|other| other.folder != folder);
        self.folders.insert(0, Opened { folder, files, current });
        self.folders.truncate(FOLDERS_MAX);
    }

    /// Returns what was open in a folder.
    pub fn opened_in(&self, folder: &Path) -> Option<&Opened> {
        self.folders.iter().find(|opened| opened.folder == folder)
    }

    /// Remembers a place as the latest. A message to git is written anew each time, under the same name.
    pub fn note(&mut self, place: Place) {
        if !may_be_remembered(&place.path) {
            return;
        }
        self.places.retain(|other| other.path != place.path);
        self.places.insert(0, place);
        self.places.truncate(PLACES_MAX);
    }

    /// Returns the place in a file.
    pub fn of(&self, path: &Path) -> Option<&Place> {
        self.places.iter().find(|place| place.path == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_open_is_remembered_for_each_folder() {
        let mut places = Places::default();
        let open = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        places.note_open("/one".into(), open(&["/one/a", "/one/b"]), Some(Path::new("/one/b")));
        places.note_open("/two".into(), open(&["/c"]), None);
        places.note_open("/one".into(), open(&["/one/.git/COMMIT_EDITMSG"]), None);
        let opened = places.opened_in(Path::new("/one")).expect("remembered");
        assert_eq!((&opened.files, opened.current), (&open(&["/one/a", "/one/b"]), 1));
        for n in 0..FOLDERS_MAX {
            places.note_open(format!("/{n}").into(), open(&["/x"; OPENED_MAX + 1]), None);
        }
        assert_eq!(places.folders.len(), FOLDERS_MAX);
        assert_eq!(places.folders[0].files.len(), OPENED_MAX);
        assert_eq!(places.opened_in(Path::new("/one")), None);
    }

    #[test]
    fn the_latest_place_of_each_file_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut places = Places::load(folder.path());
        assert_eq!(places, Places::default());
        for (name, line) in [("a", 1), ("b", 2), ("a", 3), ("x/.git/COMMIT_EDITMSG", 9)] {
            places.note(Place { path: name.into(), line, column: 1 });
        }
        places.store(folder.path()).unwrap();
        let places = Places::load(folder.path());
        assert_eq!(places.places.iter().map(|place| place.line).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(places.of(Path::new("a")).map(|place| place.line), Some(3));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let about = std::fs::metadata(folder.path().join("places.json")).unwrap();
            assert_eq!(about.permissions().mode() & 0o077, 0, "nobody else's business");
        }
        std::fs::write(folder.path().join("places.json"), "{").unwrap();
        assert_eq!(Places::load(folder.path()), Places::default());
    }
}
