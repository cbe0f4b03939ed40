//! Where one was in the files that were open lately, and which were open last.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Files that are remembered.
const PLACES_MAX: usize = 200;

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
    /// The files that were open when the program ended.
    #[serde(default)]
    pub open: Vec<PathBuf>,
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
        fs::write(&temporary, serde_json::to_vec(self)?)?;
        fs::rename(&temporary, folder.join("places.json"))
    }

    /// Remembers a place as the latest. A message to git is written anew each time, under the same name.
    pub fn note(&mut self, place: Place) {
        if place.path.components().any(|part| part.as_os_str() == ".git") {
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
        std::fs::write(folder.path().join("places.json"), "{").unwrap();
        assert_eq!(Places::load(folder.path()), Places::default());
    }
}
