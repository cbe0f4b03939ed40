//! Inputs that are kept: each came to something that none before it did.

use std::path::PathBuf;

/// What is larger is not kept: the corpus stays small, and what it came to is found again soon.
const KEPT_BYTES_MAX: usize = 2_048;

fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/corpus").join(target.replace(' ', "-"))
}

/// Returns what is kept for a target, always in the same order.
pub fn kept(target: &str) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder(target)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("readable")).collect()
}

/// Keeps an input, if that is asked for and it is small.
pub fn keep(target: &str, input: &[u8]) {
    if std::env::var("COEDIT_CORPUS").as_deref() != Ok("write") || KEPT_BYTES_MAX < input.len() {
        return;
    }
    let folder = folder(target);
    std::fs::create_dir_all(&folder).expect("created");
    let n = std::fs::read_dir(&folder).expect("readable").count();
    std::fs::write(folder.join(format!("{n:03}")), input).expect("written");
}
