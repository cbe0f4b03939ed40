//! `coedit put` and `coedit edit`: change a document as few and small edits, and wait until they are acknowledged.

use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow, bail};

use crate::app::cat::{self, Target, Working};
use crate::app::session::{Ending, Session};
use crate::app::setting::Setting;
use crate::app::{diff, share};
use crate::document::Document;
use crate::editor::merge::merge;

/// What to make of a document.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its text.
    pub text: String,
    /// The text as it was read before, if that is known: then only what differs from it is changed, and what others wrote since stays.
    pub base: Option<String>,
    /// Whether it may become empty.
    pub may_be_empty: bool,
}

/// Makes the document what is wanted.
///
/// # Errors
/// In one sentence: not a link, not reachable, refused, read only, nothing in place of something.
pub async fn put(setting: &Setting, named: &str, wanted: Wanted) -> anyhow::Result<()> {
    let mut editing = Editing::begin(setting, named).await?;
    let made = match editing.may_edit() {
        Ok(()) => change(&mut editing.doc, &wanted),
        Err(error) => Err(error),
    };
    editing.finish(made, named).await
}

/// Hands the text to a command, and puts back what the command changed; what others type meanwhile stays.
///
/// # Errors
/// As [`put`], and if the command fails: then nothing is changed.
pub async fn edit(
    setting: &Setting,
    named: &str,
    command: Vec<OsString>,
    may_be_empty: bool,
) -> anyhow::Result<()> {
    let mut editing = Editing::begin(setting, named).await?;
    let made = match editing.may_edit() {
        Ok(()) => run_beside(&mut editing, command, may_be_empty).await,
        Err(error) => Err(error),
    };
    editing.finish(made, named).await
}

/// A shared document that is opened to be changed.
struct Editing {
    session: Session,
    doc: Document,
    is_kept: bool,
    /// Whether it was in sync when it was opened, or why not.
    settled: Result<(), String>,
}

impl Editing {
    /// Opens what a user named, and waits until it is in sync.
    async fn begin(setting: &Setting, named: &str) -> anyhow::Result<Editing> {
        let target = cat::target(setting, named)?;
        if let Target::File(_, false) = target {
            bail!("{named} is not shared; share it first with coedit share {named}");
        }
        let Working { mut session, mut doc, is_kept } = cat::open(setting, target).await?;
        let settled = session.settle(&mut doc, share::PATIENCE).await;
        Ok(Editing { session, doc, is_kept, settled })
    }

    /// Says why nothing can be changed, if so.
    fn may_edit(&self) -> anyhow::Result<()> {
        match &self.settled {
            // The edits to a file are kept in its journal, so they can be made offline, too.
            Err(sentence) if !self.is_kept => bail!("{sentence}"),
            _ if self.session.may_only_read() => bail!("this link can only read; nothing was changed"),
            _ => Ok(()),
        }
    }

    /// Hands on what was made, if anything, and ends the session.
    async fn finish(mut self, made: anyhow::Result<bool>, named: &str) -> anyhow::Result<()> {
        let done = match (made, self.settled.clone()) {
            (Ok(true), _) => self.hand_on(named).await,
            (Ok(false), settled) => {
                settled.map_err(|sentence| anyhow!("not in sync: {sentence}; nothing had to be changed here"))
            }
            (Err(error), _) => Err(error),
        };
        self.session.end(&mut self.doc, Ending::Abrupt).await;
        done
    }

    /// Waits until what was made is acknowledged; what is kept here goes out later as well.
    async fn hand_on(&mut self, named: &str) -> anyhow::Result<()> {
        self.session.edited(&mut self.doc, &mut Vec::new());
        let Err(sentence) = self.session.settle(&mut self.doc, share::PATIENCE).await else { return Ok(()) };
        if self.is_kept && self.session.keep_all(&mut self.doc, share::PATIENCE).await.is_ok() {
            bail!("not sent yet: {sentence}; the edits are kept and sent when {named} is opened again");
        }
        bail!("{sentence}; the edits may have arrived: look with coedit cat before you try again")
    }
}

/// Runs the command while the session goes on. Returns whether it changed anything.
async fn run_beside(
    editing: &mut Editing,
    command: Vec<OsString>,
    may_be_empty: bool,
) -> anyhow::Result<bool> {
    let Editing { session, doc, .. } = editing;
    let base = Document::to_string(doc);
    let input = base.clone();
    let mut running = tokio::task::spawn_blocking(move || run(&command, input));
    let text = loop {
        tokio::select! {
            ended = &mut running => break ended.context("the command could not be run")??,
            event = session.next_event() => session.handle(event, doc, &mut Vec::new()),
        }
    };
    change(doc, &Wanted { text, base: Some(base), may_be_empty })
}

/// Returns what the command makes of the text.
fn run(command: &[OsString], input: String) -> anyhow::Result<String> {
    let (program, arguments) = command.split_first().context("no command was given")?;
    let name = program.to_string_lossy();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| anyhow!("{name} could not be run: {}", error.kind()))?;
    // Beside the reading: a command may answer before it has read all. One that needs no input may close it.
    let stdin = child.stdin.take();
    let writing = std::thread::spawn(move || drop(stdin.map(|mut stdin| stdin.write_all(input.as_bytes()))));
    let output = child.wait_with_output().with_context(|| format!("{name} broke off"))?;
    let _ = writing.join();
    if !output.status.success() {
        bail!("{name} failed ({}); nothing was changed", output.status);
    }
    // The text went there in UTF-8. Nothing is guessed, and nothing taken away.
    String::from_utf8(output.stdout)
        .map_err(|_| anyhow!("what {name} printed is not UTF-8; nothing was changed"))
}

/// Makes the edits. Returns whether there were any.
fn change(doc: &mut Document, wanted: &Wanted) -> anyhow::Result<bool> {
    let now = Document::to_string(doc);
    if wanted.text.is_empty() && !wanted.may_be_empty && !now.is_empty() {
        bail!(
            "there is nothing to put in place of the text; if it is to become empty, say so with --allow-empty"
        );
    }
    let Some(base) = &wanted.base else { return Ok(diff::make_equal(doc, &wanted.text)? != 0) };
    let mut merged = ropey::Rope::from_str(&now);
    for edit in merge(base, &now, &wanted.text).into_iter().rev() {
        merged.remove(edit.at..edit.at + edit.n_deleted);
        merged.insert(edit.at, &edit.text);
    }
    Ok(diff::make_equal(doc, &merged.to_string())? != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crdt::ReplicaId;

    #[track_caller]
    fn check(now: &str, base: Option<&str>, text: &str, after: Option<&str>) {
        let mut doc = Document::new(ReplicaId::new(1));
        doc.insert(0, now).expect("it fits");
        let wanted = Wanted { text: text.to_owned(), base: base.map(str::to_owned), may_be_empty: false };
        let done = change(&mut doc, &wanted);
        assert_eq!(done.is_ok(), after.is_some(), "{done:?}");
        assert_eq!(Document::to_string(&doc), after.unwrap_or(now));
    }

    #[test]
    fn with_a_base_only_what_differs_from_it_is_changed() {
        check("one\ntwo\nben's\n", Some("one\ntwo\n"), "ONE\ntwo\n", Some("ONE\ntwo\nben's\n"));
        check("one\ntwo\nben's\n", None, "ONE\ntwo\n", Some("ONE\ntwo\n"));
        check("ben's one\n", Some("one\n"), "my one\n", Some("ben's one\nmy one\n"));
    }

    #[test]
    fn nothing_never_takes_the_place_of_a_text_unasked() {
        check("one\n", None, "", None);
        check("one\n", Some("one\n"), "", None);
        check("", None, "", Some(""));
    }
}
