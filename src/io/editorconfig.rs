//! What the `.editorconfig` files above a file say about it (<https://spec.editorconfig.org>).

use std::path::Path;

use ec4rs::property::{
    Charset, EndOfLine, FinalNewline, IndentSize, IndentStyle, MaxLineLen, TabWidth, TrimTrailingWs,
};

use crate::base::text_format::LineEnding;
use crate::base::text_format::encoding::Encoding;
use crate::editor::glyph;
use crate::editor::indentation::BLANKS_MAX;
use crate::editor::settings::FileSettings;

/// Bytes of one that is read: more than anybody writes.
const BYTES_MAX: u64 = 1 << 20;

/// The widest line that is believed.
const LINE_CELLS_MAX: usize = 10_000;

/// Reads what they say, the nearest file first, up to one with `root = true`. A property that is unset or that nobody
/// knows says nothing.
///
/// # Errors
/// In one sentence, when one of them cannot be read.
pub fn of(path: &Path) -> Result<FileSettings, String> {
    // Relative names would be looked for below the file system's root.
    let path =
        std::path::absolute(path).map_err(|error| format!(".editorconfig is not looked at: {error}"))?;
    if !is_there(&path)? {
        return Ok(FileSettings::default());
    }
    let mut said = ec4rs::properties_of(path)
        .map_err(|error| format!(".editorconfig is not used: {}", words(&error)))?;
    said.use_fallbacks();
    let number = |n: usize| u8::try_from(n).unwrap_or(u8::MAX).clamp(1, BLANKS_MAX);
    let tab_width = said.get::<TabWidth>().ok().map(|TabWidth::Value(n)| number(n));
    let size = match said.get::<IndentSize>() {
        Ok(IndentSize::Value(n)) => Some(number(n)),
        Ok(IndentSize::UseTabWidth) => tab_width,
        Err(_) => None,
    };
    let indent = match (said.get::<IndentStyle>(), size) {
        (Ok(IndentStyle::Tabs), _) => Some(0),
        (Ok(IndentStyle::Spaces), size) => size.or(Some(4)),
        // A size alone says nothing about what blanks are made of.
        (Err(_), _) => None,
    };
    let line_ending = match said.get::<EndOfLine>() {
        Ok(EndOfLine::Lf) => Some(LineEnding::Lf),
        Ok(EndOfLine::CrLf) => Some(LineEnding::CrLf),
        // A lone carriage return ends no line here.
        Ok(EndOfLine::Cr) | Err(_) => None,
    };
    let encoding = match said.get::<Charset>() {
        Ok(Charset::Utf8) => Some("UTF-8"),
        Ok(Charset::Utf8Bom) => Some("UTF-8 BOM"),
        Ok(Charset::Utf16Le) => Some("UTF-16LE"),
        Ok(Charset::Utf16Be) => Some("UTF-16BE"),
        Ok(Charset::Latin1) => Some("windows-1252"),
        Err(_) => None,
    };
    let text_width = match said.get::<MaxLineLen>() {
        Ok(MaxLineLen::Value(n)) => Some(n).filter(|n| (1..=LINE_CELLS_MAX).contains(n)),
        Ok(MaxLineLen::Off) | Err(_) => None,
    };
    Ok(FileSettings {
        indent,
        text_width,
        tab_width: tab_width.or(size.filter(|_| indent == Some(0))).map(glyph::TabWidth::new),
        trim_blanks: said.get::<TrimTrailingWs>().ok().map(|TrimTrailingWs::Value(is_on)| is_on),
        final_newline: said.get::<FinalNewline>().ok().map(|FinalNewline::Value(is_on)| is_on),
        line_ending,
        encoding: encoding.and_then(Encoding::from_name),
    })
}

/// Returns whether there is any. What is no ordinary file is not even opened: a pipe could keep the editor for ever.
fn is_there(path: &Path) -> Result<bool, String> {
    let mut is_any = false;
    for folder in path.ancestors().skip(1) {
        let file = folder.join(".editorconfig");
        match std::fs::metadata(&file) {
            Ok(about) if !about.is_file() || BYTES_MAX < about.len() => {
                return Err(format!("{} is not used: it is no text of settings", file.display()));
            }
            Ok(_) => is_any = true,
            Err(_) => {}
        }
    }
    Ok(is_any)
}

/// What is wrong, with the line.
fn words(error: &ec4rs::Error) -> String {
    match error {
        ec4rs::Error::InFile(path, line, error) => format!("{} line {line}: {error}", path.display()),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_says_most_and_root_ends_the_search() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).expect("a folder");
        std::fs::write(
            folder.path().join(".editorconfig"),
            "root = true\n[*]\nindent_style = space\nindent_size = 2\ncharset = latin1\nend_of_line = crlf\n[*.go]\nindent_style = tab\ntab_width = 8\n",
        )
        .expect("written");
        std::fs::write(
            inner.join(".editorconfig"),
            "[*.py]\nindent_size = 4\ntrim_trailing_whitespace = true\ninsert_final_newline = false\nend_of_line = unset\nmax_line_length = 72\n",
        )
        .expect("written");
        let outer = of(&folder.path().join("a.py")).expect("sound");
        assert_eq!(
            (outer.indent, outer.line_ending, outer.trim_blanks),
            (Some(2), Some(LineEnding::CrLf), None)
        );
        assert_eq!(outer.encoding.map(Encoding::name).as_deref(), Some("windows-1252"));
        let python = of(&inner.join("a.py")).expect("sound");
        assert_eq!((python.indent, python.line_ending), (Some(4), None));
        assert_eq!((python.trim_blanks, python.final_newline), (Some(true), Some(false)));
        assert_eq!((python.text_width, outer.text_width), (Some(72), None));
        let go = of(&inner.join("new.go")).expect("sound");
        assert_eq!((go.indent, go.tab_width), (Some(0), Some(glyph::TabWidth::new(8))));
        std::fs::write(inner.join(".editorconfig"), "root = true\n").expect("written");
        assert_eq!(of(&inner.join("a.py")).expect("sound"), FileSettings::default());
    }

    #[test]
    fn what_is_no_editorconfig_is_told_in_a_sentence() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(".editorconfig"), "root = true\n[*]\nindent_size\n")
            .expect("written");
        let error = of(&folder.path().join("a")).expect_err("a line that says nothing");
        assert!(error.contains(".editorconfig line 3") && !error.contains('\n'), "{error}");
        std::fs::create_dir_all(folder.path().join("b/.editorconfig")).expect("a folder");
        assert!(of(&folder.path().join("b/a")).is_err(), "a folder is no settings");
        std::fs::write(
            folder.path().join(".editorconfig"),
            "root=true\n[*]\nindent_style=space\nindent_size=9999\ntab_width=x\n",
        )
        .expect("written");
        assert_eq!(of(&folder.path().join("a")).expect("sound").indent, Some(BLANKS_MAX));
    }
}
