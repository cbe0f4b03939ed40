//! The files below a folder, without those that git would ignore.

use std::path::Path;

use ignore::WalkBuilder;

/// Files that are listed at most.
const FILES_MAX: usize = 50_000;

/// Returns the files below a folder, as paths from there, in order. What `.gitignore` and its like name is left out, and so
/// is what is hidden. Reads folders until there are 50,000 files; run it beside the loop.
pub fn files_below(folder: &Path) -> Vec<String> {
    let walk = WalkBuilder::new(folder).require_git(false).sort_by_file_name(std::cmp::Ord::cmp).build();
    let files = walk.flatten().filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
    let inside = files.filter_map(|entry| {
        let path = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        path.to_str().map(str::to_owned)
    });
    inside.take(FILES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_and_hidden_files_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("src/deep")).unwrap();
        std::fs::create_dir_all(folder.path().join("target")).unwrap();
        let files = [".gitignore", "b.txt", "src/a.rs", "src/deep/c.rs", "target/x", "notes.log"];
        for file in files {
            std::fs::write(folder.path().join(file), "target\n*.log\n").unwrap();
        }
        assert_eq!(files_below(folder.path()), ["b.txt", "src/a.rs", "src/deep/c.rs"]);
    }
}
