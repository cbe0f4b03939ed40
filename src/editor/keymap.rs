//! Which keys run which command: the table's own keys, changed by the configuration.

use std::collections::{HashMap, HashSet};

use super::command::{Action, COMMANDS, Command};
use super::key::{Key, KeyCode, KeyParseError};

/// One change that the configuration makes: these keys, one after the other, run this command, or nothing.
pub type Binding = (Vec<Key>, Option<&'static Command>);

/// What some keys are bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// An action; with `true`, a motion that extends the selection.
    Action(Action, bool),
    /// The start of a longer chord.
    Chord,
    /// Nothing.
    Nothing,
}

/// The bindings in force.
#[derive(Clone, Debug)]
pub struct Keymap {
    bound: HashMap<Vec<Key>, &'static Command>,
    /// Every proper start of a chord.
    starts: HashSet<Vec<Key>>,
}

impl Default for Keymap {
    fn default() -> Keymap {
        Keymap::new(&[])
    }
}

impl Keymap {
    /// Makes the table's bindings with these changes.
    pub fn new(changes: &[Binding]) -> Keymap {
        let defaults =
            COMMANDS.iter().flat_map(|command| command.keys.iter().map(move |&keys| (keys, command)));
        let mut bound: HashMap<_, _> =
            defaults.filter_map(|(keys, command)| Some((parse(keys).ok()?, command))).collect();
        for (keys, command) in changes {
            match command {
                Some(command) => drop(bound.insert(keys.clone(), *command)),
                None => drop(bound.remove(keys)),
            }
        }
        let starts = bound.keys().flat_map(|keys| (1..keys.len()).map(|n| keys[..n].to_vec())).collect();
        Keymap { bound, starts }
    }

    /// Returns what these keys, pressed one after the other, do. O(1).
    pub fn find(&self, keys: &[Key]) -> Found {
        let keys: Vec<Key> = keys.iter().copied().map(folded).collect();
        if let Some(command) = self.bound.get(&keys) {
            return Found::Action(command.action, false);
        }
        if self.starts.contains(&keys) {
            return Found::Chord;
        }
        // A motion extends the selection with Shift.
        match keys.as_slice() {
            [key] if key.shift => match self.bound.get([Key { shift: false, ..*key }].as_slice()) {
                Some(Command { action: action @ Action::Move(_), .. }) => Found::Action(*action, true),
                _ => Found::Nothing,
            },
            _ => Found::Nothing,
        }
    }

    /// Returns why a binding may not do what is meant, if so.
    pub fn doubt(&self, (keys, command): &Binding) -> Option<String> {
        command.as_ref()?;
        let name = shown(keys);
        if let Some((key, other)) = keys.iter().find_map(|key| Some((key, key.twin()?))) {
            return Some(format!(
                "most terminals send the same for {key} and {other}, and then {name} never comes; choose another key"
            ));
        }
        if let Some(n) = (1..keys.len()).find(|&n| self.bound.contains_key(&keys[..n])) {
            let start = shown(&keys[..n]);
            return Some(format!(
                "{start} runs a command by itself, so {name} never comes; unbind {start} with \"none\""
            ));
        }
        let mut hidden: Vec<_> =
            self.bound.keys().filter(|other| keys.len() < other.len() && other.starts_with(keys)).collect();
        hidden.sort_by_key(|keys| shown(keys));
        let first = shown(hidden.first()?);
        let more = match hidden.len() - 1 {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        Some(format!("{name} is the start of other keys, which never come now: {first}{more}"))
    }

    /// Returns the keys of a command as people read them, those of the table first.
    pub fn keys_of(&self, command: &Command) -> Vec<String> {
        let mut bound: Vec<_> = self.bound.iter().filter(|(_, other)| other.name == command.name).collect();
        let place =
            |keys: &[Key]| command.keys.iter().position(|own| parse(own).is_ok_and(|own| own == keys));
        bound.sort_by_key(|(keys, _)| (place(keys).unwrap_or(usize::MAX), shown(keys)));
        bound.into_iter().map(|(keys, _)| shown(keys)).collect()
    }
}

/// Reads keys that are pressed one after the other, with blanks between them: `Ctrl-K Ctrl-C`.
///
/// # Errors
/// With the part that is not a key.
pub fn parse(text: &str) -> Result<Vec<Key>, KeyParseError> {
    let keys: Vec<Key> =
        text.split_whitespace().map(|key| key.parse().map(folded)).collect::<Result<_, _>>()?;
    if keys.is_empty() { Err(KeyParseError(text.to_owned())) } else { Ok(keys) }
}

/// Writes keys that are pressed one after the other.
pub fn shown(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
}

/// With Ctrl or Alt the case of a letter says nothing.
fn folded(key: Key) -> Key {
    match key.code {
        KeyCode::Char(c) if key.ctrl || key.alt => Key { code: KeyCode::Char(c.to_ascii_lowercase()), ..key },
        _ => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::editor::command::{Motion, named};

    fn keys(text: &str) -> Vec<Key> {
        parse(text).unwrap()
    }

    #[test]
    fn every_key_of_the_table_parses_and_is_bound_once() {
        let map = Keymap::default();
        let mut seen = HashSet::new();
        for command in COMMANDS {
            for name in command.keys {
                assert!(seen.insert(keys(name)), "{name} is bound twice");
                assert_eq!(map.find(&keys(name)), Found::Action(command.action, false), "{name}");
                assert_eq!(shown(&keys(name)), **name);
            }
        }
        // No key is a command and the start of a chord at once.
        assert!(map.starts.iter().all(|start| !map.bound.contains_key(start)));
    }

    #[test]
    fn shift_extends_motions_only() {
        let map = Keymap::default();
        assert_eq!(map.find(&keys("Shift-Left")), Found::Action(Action::Move(Motion::Left), true));
        assert_eq!(map.find(&keys("Ctrl-Shift-Home")), Found::Action(Action::Move(Motion::TextStart), true));
        assert_eq!(map.find(&keys("Shift-F9")), Found::Nothing);
    }

    #[test]
    fn the_configuration_binds_and_unbinds_chords_too() {
        let save = named("save").unwrap();
        let map = Keymap::new(&[
            (keys("ctrl-x Ctrl-S"), Some(save)),
            (keys("Ctrl-X"), None),
            (keys("F9"), Some(save)),
            (keys("Ctrl-Q"), None),
        ]);
        assert_eq!(map.find(&keys("Ctrl-X")), Found::Chord);
        assert_eq!(map.find(&keys("Ctrl-X Ctrl-S")), Found::Action(Action::Save, false));
        assert_eq!(map.find(&keys("Ctrl-Q")), Found::Nothing);
        assert_eq!(map.keys_of(save), ["Ctrl-S", "Ctrl-X Ctrl-S", "F9"]);
        assert!(parse("Ctrl-X Foo").is_err() && parse(" ").is_err());
    }
}
