//! The theme that is asked for, at the depth that this terminal has.

use std::path::Path;

use crate::app::config::suggestion;
use crate::view::theme::depth::Depth;
use crate::view::theme::{Theme, file};

/// Returns a theme: compiled in, or `themes/NAME.toml` in the folder of the configuration, which comes first.
///
/// # Errors
/// In one sentence, when there is none of this name or its file is wrong.
pub fn load(name: &str, folder: &Path) -> Result<Theme, String> {
    let depth = depth();
    let own = folder.join("themes").join(format!("{name}.toml"));
    let is_name = !name.is_empty() && !name.contains(['/', '\\', '\0']);
    match std::fs::read_to_string(&own) {
        Ok(text) if is_name => {
            let theme = file::parse(&text).map_err(|what| format!("{}: {what}", own.display()))?;
            return Ok(theme.at(depth));
        }
        Err(error) if is_name && error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("{} cannot be read ({})", own.display(), error.kind()));
        }
        _ => {}
    }
    let theme = Theme::built_in(name).map(|theme| theme.at(depth));
    theme.ok_or_else(|| {
        let known: Vec<&str> = file::BUILT_IN.iter().map(|(name, _)| *name).collect();
        format!(
            "there is no theme {name:?}{}; there are {}, and files in {}",
            suggestion(name, known.iter().copied()),
            known.join(", "),
            folder.join("themes").display()
        )
    })
}

/// Returns the names of all that there are: those that are compiled in, and the files of one's own.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = file::BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
    let own = std::fs::read_dir(folder.join("themes")).into_iter().flatten().flatten();
    let own = own.filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".toml")?.to_owned()));
    let mut own: Vec<String> = own.filter(|name| !names.contains(name)).collect();
    own.sort();
    names.extend(own);
    names
}

/// Returns the theme of those who asked for none.
pub fn by_default() -> Theme {
    Theme::default().at(depth())
}

fn depth() -> Depth {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    Depth::of(&variable("NO_COLOR"), &variable("COLORTERM"), &variable("TERM"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_one_s_own_comes_before_what_is_compiled_in() {
        let folder = tempfile::tempdir().expect("a folder");
        let themes = folder.path().join("themes");
        std::fs::create_dir(&themes).expect("a folder");
        assert!(load("dark", folder.path()).is_ok());
        std::fs::write(themes.join("mine.toml"), "").expect("a file");
        assert_eq!(names(folder.path()), ["terminal", "dark", "light", "contrast", "mine"]);
        std::fs::write(themes.join("dark.toml"), "[syntax]\nkeyword = \"pinkish\"\n").expect("a file");
        let what = load("dark", folder.path()).expect_err("a mistake");
        assert!(what.contains("dark.toml") && what.contains("pinkish"), "{what}");
    }

    #[test]
    fn an_unknown_name_is_told_with_those_that_there_are() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["darkk", "", "../dark", "/etc/passwd"] {
            let what = load(name, folder.path()).expect_err("no such theme");
            assert!(what.contains("terminal, dark, light, contrast"), "{what}");
        }
    }
}
