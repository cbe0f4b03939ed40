//! What was typed at prompts before, to be had again.

/// Lines that are kept of each kind.
const LINES_MAX: usize = 100;

/// What a line was typed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// What to find.
    Find,
    /// What replaces it.
    Replace,
    /// Which line to go to.
    Goto,
    /// A command of vim.
    Command,
    /// A pattern of vim.
    Pattern,
}

/// Lines that were typed, the same in all open texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// By what they were typed for, the newest last.
    lines: [Vec<String>; 5],
    /// Which of them is shown, and what was typed before that. Gone once something is typed, or the prompt closes.
    walk: Option<(usize, String)>,
}

impl History {
    /// Adds a line; one that was typed before is the newest again.
    pub fn add(&mut self, asked: Asked, line: &str) {
        self.walk = None;
        if line.is_empty() {
            return;
        }
        let lines = &mut self.lines[asked as usize];
        lines.retain(|other| other != line);
        lines.push(line.to_owned());
        let n_more = lines.len().saturating_sub(LINES_MAX);
        lines.drain(..n_more);
    }

    /// Something else is done than going through the lines.
    pub fn stop(&mut self) {
        self.walk = None;
    }

    /// Returns whether one of the lines is shown.
    pub fn is_walking(&self) -> bool {
        self.walk.is_some()
    }

    /// Returns the line before the one that is shown, or behind it, among those that begin with what was typed: behind the last
    /// one that itself. `None` if there is none.
    pub fn step(&mut self, asked: Asked, is_back: bool, shown: &str) -> Option<String> {
        let lines = &self.lines[asked as usize];
        let (at, typed) = self.walk.clone().unwrap_or((lines.len(), shown.to_owned()));
        let fits = |n: &usize| lines[*n].starts_with(&typed) && lines[*n] != shown;
        let to = if is_back {
            (0..at.min(lines.len())).rev().find(fits)
        } else {
            (at + 1..lines.len()).find(fits)
        };
        match to {
            Some(n) => {
                let line = lines[n].clone();
                self.walk = Some((n, typed));
                Some(line)
            }
            None if is_back || self.walk.is_none() => None,
            None => {
                self.walk = None;
                Some(typed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_that_begin_with_what_was_typed() {
        let mut history = History::default();
        ["set nu", "w", "set wrap", "w"].into_iter().for_each(|line| history.add(Asked::Command, line));
        let mut step = |is_back, shown: &str| history.step(Asked::Command, is_back, shown);
        assert_eq!(step(true, "").as_deref(), Some("w"));
        assert_eq!(step(true, "w").as_deref(), Some("set wrap"));
        assert_eq!(step(false, "set wrap").as_deref(), Some("w"));
        assert_eq!(step(false, "w").as_deref(), Some(""), "what was typed");
        assert_eq!(step(false, ""), None);
        assert_eq!(step(true, "set").as_deref(), Some("set wrap"));
        assert_eq!(step(true, "set wrap").as_deref(), Some("set nu"));
        assert_eq!(step(true, "set nu"), None);
        assert_eq!(step(false, "set nu").as_deref(), Some("set wrap"));
        history.add(Asked::Command, "");
        assert!(!history.is_walking());
        assert_eq!(history.step(Asked::Find, true, ""), None);
    }
}
