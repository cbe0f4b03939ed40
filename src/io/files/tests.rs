use ropey::Rope;

use super::*;
use crate::editor::SaveDone;

/// The file, saved as one that does not lie in a folder for temporary files, where those of tests do.
fn lasting(file: OpenFile) -> OpenFile {
    OpenFile { is_passing: false, ..file }
}

/// Loads `bytes` from a file, saves them unchanged, and returns the text and what is in the file then.
fn round_trip(bytes: &[u8]) -> (Loaded, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    fs::write(&path, bytes).unwrap();
    let loaded = load(&path).unwrap();
    let mut file = lasting(loaded.file.clone().unwrap());
    let done = file.save(&loaded.text, loaded.meta.format, false).unwrap();
    assert_eq!(done, SaveDone::Written(None));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    (loaded, fs::read(&path).unwrap())
}

#[test]
fn what_is_not_edited_is_saved_byte_for_byte() {
    for bytes in ["", "a", "a\n", "a\r\nb\r\n", "a\r\nb\n", "\u{feff}a\r\n", "a\rb", "\n\n", "é漢\n"] {
        assert_eq!(round_trip(bytes.as_bytes()).1, bytes.as_bytes(), "{bytes:?}");
    }
}

#[test]
fn names_that_no_file_can_have_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(load(Path::new("")), Err(FileError::NoName)));
    assert!(matches!(load(&folder.path().join("new/")), Err(FileError::EndsInSlash(_))));
    assert!(matches!(load(folder.path()), Err(FileError::Directory(_))));
    let mut file = OpenFile::new(folder.path().to_owned());
    let saved = file.save(&Rope::new(), TextFormat::default(), false);
    assert!(matches!(saved, Err(FileError::Directory(_))), "before anybody is asked to overwrite it");
}

#[test]
fn line_ends_are_noticed() {
    assert_eq!(round_trip(b"a\r\nb\r\n").0.meta.format.line_ending, LineEnding::CrLf);
    assert_eq!(round_trip(b"a\r\nb\r\n").0.text.to_string(), "a\nb\n");
    assert_eq!(round_trip(b"a\r\nb\n").0.meta.format.line_ending, LineEnding::Mixed);
    assert_eq!(round_trip(b"a\n").0.meta.format.line_ending, LineEnding::Lf);
}

#[test]
fn bytes_that_are_not_utf8_are_shown_and_cannot_be_edited() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latin1");
    fs::write(&path, "café".as_bytes().iter().chain(b"\xff!").copied().collect::<Vec<u8>>()).unwrap();
    let loaded = load(&path).unwrap();
    assert_eq!(loaded.text.to_string(), "café<ff>!");
    assert!(loaded.meta.read_only.is_some() && loaded.meta.is_undecoded);
}

#[test]
fn any_bytes_can_be_edited_as_one_character_each() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("any");
    let bytes: Vec<u8> = (0..=255).rev().chain(*b"\xc3\xa9\r\n\n").collect();
    fs::write(&path, &bytes).unwrap();
    assert!(load(&path).unwrap().meta.is_undecoded);
    let latin = Encoding::from_name("windows-1252").unwrap();
    let mut loaded = load_as(&path, Reading::As(latin)).unwrap();
    assert!(loaded.meta.read_only.is_none());
    loaded.text.insert(1, "!");
    lasting(loaded.file.unwrap()).save(&loaded.text, loaded.meta.format, false).unwrap();
    let expected = [&bytes[..1], b"!", &bytes[1..]].concat();
    assert_eq!(fs::read(&path).unwrap(), expected);
}

#[test]
fn every_encoding_is_kept_byte_for_byte() {
    for bytes in
        [&b"caf\xe9\r\n\x80 \x81"[..], b"\xff\xfea\0\r\0\n\0", b"\xfe\xff\0a\xd8\x3d\xde\0", b"\xef\xbb\xbf"]
    {
        assert_eq!(round_trip(bytes).1, bytes, "{bytes:?}");
    }
    assert_eq!(round_trip(b"caf\xe9").0.text, "café");
    assert_eq!(round_trip(b"\xff\xfe\xe9\0").0.text, "é");
}

#[test]
fn an_encoding_that_is_said_holds_for_a_file_of_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let config = "root = true\n[*.l1]\ncharset = latin1\n[*.u16]\ncharset = utf-16le\n";
    fs::write(folder.path().join(".editorconfig"), config).unwrap();
    for n_lines in [1, loading::LARGE_BYTES as usize / 4 + 1] {
        let text = "abc\n".repeat(n_lines);
        let wide = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (name, bytes, encoding) in
            [("a.l1", text.clone().into_bytes(), "windows-1252"), ("a.u16", wide, "UTF-16LE without BOM")]
        {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            let loaded = load(&path).unwrap();
            assert_eq!(loaded.meta.format.encoding.name(), encoding, "{n_lines} lines");
            assert!(loaded.text == text, "{name} of {n_lines} lines is what it says");
        }
    }
}

#[test]
fn a_character_that_the_encoding_does_not_have_is_refused_before_the_file_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latin1");
    fs::write(&path, b"caf\xe9\n").unwrap();
    let loaded = load(&path).unwrap();
    let mut file = lasting(loaded.file.clone().unwrap());
    let text = Rope::from_str(&format!("{}\n漢\n", "é\n".repeat(5_000)));
    let error = file.save(&text, loaded.meta.format, false).unwrap_err().to_string();
    assert!(
        error.contains("windows-1252 has no '漢', which is in line 5002") && error.contains("UTF-8"),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), b"caf\xe9\n");
    assert_eq!(file.save(&text, TextFormat::default(), false).unwrap(), SaveDone::Written(None));
    assert_eq!(fs::read_to_string(&path).unwrap(), text.to_string());
}

#[test]
fn a_directory_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let error = load(folder.path()).err().unwrap().to_string();
    assert!(error.ends_with("is a directory; name a file in it"), "{error}");
}

#[test]
fn a_change_by_another_program_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "one").unwrap();
    let loaded = load(&path).unwrap();
    let mut file = lasting(loaded.file.clone().unwrap());
    fs::write(&path, "two!").unwrap();
    assert!(file.is_changed_outside());
    let text = Rope::from_str("mine");
    assert_eq!(file.save(&text, loaded.meta.format, false).unwrap(), SaveDone::ChangedOutside);
    assert_eq!(fs::read_to_string(&path).unwrap(), "two!");
    assert_eq!(file.save(&text, loaded.meta.format, true).unwrap(), SaveDone::Written(None));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert!(!file.is_changed_outside());
}

#[test]
fn a_file_that_is_as_expected_is_not_read_again_to_see_that() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "one").unwrap();
    let mut file = load(&path).unwrap().file.unwrap();
    let before = file.stamp.clone();
    file.expect(file.hash());
    assert_eq!(file.stamp, before);
    file.expect(Some(FileHash([7; 32])));
    assert!(file.is_changed_outside());
}

#[test]
fn a_file_that_appeared_meanwhile_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new");
    let loaded = load(&path).unwrap();
    let mut file = lasting(loaded.file.clone().unwrap());
    fs::write(&path, "theirs").unwrap();
    assert_eq!(file.save(&Rope::from_str("mine"), loaded.meta.format, false).unwrap(), SaveDone::Exists);
}

#[cfg(unix)]
#[test]
fn mode_symbolic_link_and_hard_link_are_kept() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (path, link, other) =
        (folder.path().join("a"), folder.path().join("link"), folder.path().join("other"));
    fs::write(&path, "one").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("a", &link).unwrap();
    let loaded = load(&link).unwrap();
    let mut file = lasting(loaded.file.clone().unwrap());
    file.save(&Rope::from_str("two"), loaded.meta.format, false).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);

    fs::hard_link(&path, &other).unwrap();
    let done = file.save(&Rope::from_str("3"), loaded.meta.format, false).unwrap();
    assert!(matches!(done, SaveDone::Written(Some(_))));
    assert_eq!(fs::read_to_string(&other).unwrap(), "3");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_never_replaced_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let (text, meta) = (Rope::from_str("mine"), TextFormat::default());
    let error = OpenFile::new(pipe).save(&text, meta, true).unwrap_err().to_string();
    assert!(error.contains("is not an ordinary file"), "{error}");
    let error = OpenFile::new(folder.path().to_path_buf()).save(&text, meta, true).unwrap_err().to_string();
    assert!(error.contains("is a directory"), "{error}");
}

#[test]
fn file_with_the_longest_name_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n".repeat(255));
    let done =
        lasting(OpenFile::new(path.clone())).save(&Rope::from_str("mine"), TextFormat::default(), false);
    assert_eq!(done.unwrap(), SaveDone::Written(None));
    assert_eq!(fs::read_to_string(path).unwrap(), "mine");
}

#[test]
fn file_that_is_gone_or_became_unreadable_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "one").unwrap();
    let file = load(&path).unwrap().file.unwrap();
    fs::remove_file(&path).unwrap();
    assert!(file.is_gone() && !file.is_changed_outside());
    fs::create_dir(&path).unwrap();
    assert!(!file.is_gone() && file.is_changed_outside());
}

#[cfg(target_os = "linux")]
#[test]
fn extended_attributes_and_access_lists_are_kept() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "one").unwrap();
    // An access list: the owner may do all, group 0 may read, by name.
    let list: Vec<u8> = [2_u32.to_le_bytes().to_vec()]
        .into_iter()
        .chain([(1, 6, u32::MAX), (4, 4, u32::MAX), (8, 4, 0), (16, 4, u32::MAX), (32, 0, u32::MAX)].map(
            |(tag, may, id): (u16, u16, u32)| {
                [&tag.to_le_bytes()[..], &may.to_le_bytes()[..], &id.to_le_bytes()[..]].concat()
            },
        ))
        .flatten()
        .collect();
    let wanted = [("user.origin", b"here".to_vec()), ("system.posix_acl_access", list)];
    let set = |(name, value): &&(&str, Vec<u8>)| setxattr(&path, *name, value, XattrFlags::empty()).is_ok();
    // Not every file system has both.
    let kept: Vec<_> = wanted.iter().filter(set).collect();
    let before = fs::metadata(&path).unwrap();
    let loaded = load(&path).unwrap();
    let mut file = lasting(loaded.file.clone().unwrap());
    let done = file.save(&Rope::from_str("two"), loaded.meta.format, false).unwrap();
    assert_eq!(done, SaveDone::Written(None));
    for (name, value) in kept {
        let mut found = vec![0; 1_024];
        let n_bytes = getxattr(&path, *name, &mut found[..]).unwrap();
        assert_eq!(&found[..n_bytes], &value[..], "{name}");
    }
    assert_eq!(fs::metadata(&path).unwrap().permissions(), before.permissions());
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
}

#[test]
fn a_temporary_file_stays_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "a long first text").unwrap();
    let mut before = File::open(&path).unwrap();
    let loaded = load(&path).unwrap();
    let mut file = loaded.file.clone().unwrap();
    let done = file.save(&Rope::from_str("two"), loaded.meta.format, false).unwrap();
    assert!(matches!(done, SaveDone::Written(Some(why)) if why.contains("temporary")));
    let mut text = String::new();
    before.read_to_string(&mut text).unwrap();
    assert_eq!(text, "two");
}
