//! What keys make of a text in Vim 9 itself (`vim -u NONE -N`, `sw=4 et ai ic scs`), recorded in `vim.tsv` by `record_vim.py`:
//! before, keys, after, with a tab between them and `¶` for a line feed. `|` is before the character that the caret is on.

use super::{Bench, Settings, parse};
use crate::editor::{Msg, update};

#[test]
fn keys_do_what_they_do_in_vim() {
    let cases = include_str!("vim.tsv");
    let mut wrong = Vec::new();
    for case in cases.lines() {
        let mut columns =
            case.split('\t').map(|text| text.replace('¶', "\n").replace('→', "\t").replace("\\\\", "\\"));
        let [before, keys, after] = [(); 3].map(|()| columns.next().unwrap_or_else(|| panic!("{case}")));
        let got = result(&(before + "\n"), &keys);
        if got.trim_end_matches('\n') != after.trim_end_matches('\n') {
            wrong.push(format!("{case}\t{}", got.replace('\n', "¶")));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.lines().count(), wrong.join("\n"));
}

/// What keys make of a text.
fn result(before: &str, keys: &str) -> String {
    let settings = Settings { is_vim: true, indent: Some(4), ..Settings::default() };
    let mut bench = Bench::new(before, settings);
    for key in parse(keys) {
        update(&mut bench.model, Msg::Key(key), bench.now);
    }
    bench.drawn()
}
