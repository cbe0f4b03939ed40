//! The thread that parses. Compiling a grammar's queries and parsing a large text take longer than a key may.
//!
//! It is started with the first text that has a grammar, sleeps while nothing is asked, and always works on the
//! last thing that was asked.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::editor::highlight::{Painted, Wanted};
use crate::syntax::highlighter::Highlighter;

/// How long the visible part waits for the whole text's tree; after that it is parsed alone first.
const WAIT_MAX: Duration = Duration::from_millis(8);

/// How long the whole text may take.
const PARSE_MAX: Duration = Duration::from_secs(8);

/// How long one change of the text is after the one before, at least: colours that come later than this would be seen to, and more often
/// nobody sees, as in a key held down.
const CHANGE_EVERY: Duration = Duration::from_millis(40);

/// How long the last text must have taken for the next one to wait for a pause in the typing.
const COSTLY: Duration = Duration::from_millis(3);

/// How long a pause is, as a multiple of what the last text took, and at most.
const PAUSE_FACTOR: u32 = 4;
const PAUSE_MAX: Duration = Duration::from_millis(120);

/// What the thread has to say.
#[derive(Debug)]
pub enum Answer {
    /// What the parts of the text are.
    Painted(Painted),
    /// The text cannot be parsed in good time: it stays plain.
    TooSlow,
}

/// The near end of the thread.
pub struct Highlights {
    thread: Option<Sender<Wanted>>,
    answers: UnboundedReceiver<Answer>,
    /// Kept for the thread that is not there yet.
    answer_to: UnboundedSender<Answer>,
    /// What was asked last.
    asked: Option<Wanted>,
}

impl Highlights {
    /// Makes the near end; the thread starts when it is needed.
    pub fn new() -> Highlights {
        let (answer_to, answers) = unbounded_channel();
        Highlights { thread: None, answers, answer_to, asked: None }
    }

    /// Asks, unless that is what was asked last.
    pub fn ask(&mut self, wanted: Wanted) {
        let is_same = |asked: &Wanted| {
            (asked.revision, &asked.chars, asked.grammar) == (wanted.revision, &wanted.chars, wanted.grammar)
        };
        if self.asked.as_ref().is_some_and(is_same) {
            return;
        }
        self.asked = Some(wanted.clone());
        let thread = self.thread.get_or_insert_with(|| start(self.answer_to.clone()));
        // A thread that is gone leaves the text plain, which is all there is to lose.
        let _ = thread.send(wanted);
    }

    /// Waits for an answer; for ever while nothing was asked.
    pub async fn answer(&mut self) -> Answer {
        match self.answers.recv().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

impl Default for Highlights {
    fn default() -> Highlights {
        Highlights::new()
    }
}

fn start(answers: UnboundedSender<Answer>) -> Sender<Wanted> {
    let (sender, asked) = channel();
    let thread = std::thread::Builder::new().name("highlighter".to_owned());
    // Without a thread the sender has no far end: the text stays plain.
    let _ = thread.spawn(move || {
        let mut worker = Worker {
            highlighter: Highlighter::new(),
            asked,
            next: None,
            spent: Duration::ZERO,
            cost: Duration::ZERO,
            revision: None,
            begun: None,
        };
        while let ControlFlow::Continue(()) = worker.turn(&answers) {}
    });
    sender
}

struct Worker {
    highlighter: Highlighter,
    asked: Receiver<Wanted>,
    /// What came while something else was worked on.
    next: Option<Wanted>,
    /// How long the tree that is not there yet took so far.
    spent: Duration,
    /// What the last change of the text cost.
    cost: Duration,
    /// Which text was worked on last.
    revision: Option<u64>,
    /// Since when.
    begun: Option<Instant>,
}

impl Worker {
    /// Answers one question, the last that was asked.
    fn turn(&mut self, answers: &UnboundedSender<Answer>) -> ControlFlow<()> {
        let wanted = match self.next.take() {
            Some(wanted) => wanted,
            None => self.asked.recv().map_or(ControlFlow::Break(()), ControlFlow::Continue)?,
        };
        let wanted = self.after_a_pause(self.asked.try_iter().last().unwrap_or(wanted));
        let is_changed = self.revision.replace(wanted.revision) != Some(wanted.revision);
        self.highlighter.set_text(wanted.grammar, &wanted.text);
        let start = Instant::now();
        if is_changed {
            self.begun = Some(start);
        }
        let is_done = self.highlighter.advance(&mut || start.elapsed() < WAIT_MAX);
        self.answer(&wanted, answers)?;
        if is_changed {
            self.cost = start.elapsed();
        }
        if is_done {
            self.spent = Duration::ZERO;
            return ControlFlow::Continue(());
        }
        let (asked, next) = (&self.asked, &mut self.next);
        let left = PARSE_MAX.saturating_sub(self.spent);
        let mut is_over = false;
        let is_done = self.highlighter.advance(&mut || {
            match asked.try_recv() {
                Ok(wanted) => *next = Some(wanted),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => is_over = true,
            }
            next.is_none() && !is_over && start.elapsed() < left
        });
        self.spent += start.elapsed();
        if is_done {
            self.spent = Duration::ZERO;
            return self.answer(&wanted, answers);
        }
        if PARSE_MAX <= self.spent {
            let _ = answers.send(Answer::TooSlow);
            return ControlFlow::Break(());
        }
        if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// In a large text even a small change costs some milliseconds of a core that the typing may need: such a text is
    /// worked on in pauses. One that comes in quick succession is not worked on each time. What is known of it moves along meanwhile.
    fn after_a_pause(&self, mut wanted: Wanted) -> Wanted {
        if self.revision.is_none_or(|last| last == wanted.revision) {
            return wanted;
        }
        if self.cost < COSTLY {
            // Asleep, and not waiting for questions: that would wake the thread with each of them.
            let since = self.begun.map_or(CHANGE_EVERY, |begun| begun.elapsed());
            std::thread::sleep(CHANGE_EVERY.saturating_sub(since));
            return self.asked.try_iter().last().unwrap_or(wanted);
        }
        while let Ok(newer) = self.asked.recv_timeout(PAUSE_MAX.min(self.cost * PAUSE_FACTOR)) {
            wanted = newer;
        }
        wanted
    }

    fn answer(&mut self, wanted: &Wanted, answers: &UnboundedSender<Answer>) -> ControlFlow<()> {
        let spans = self.highlighter.spans(wanted.chars.clone());
        let painted = Painted { revision: wanted.revision, spans };
        match answers.send(Answer::Painted(painted)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::grammar::Grammar;
    use crate::syntax::kind::Kind;
    use ropey::Rope;

    fn wanted(text: &str, revision: u64) -> Wanted {
        let text = Rope::from_str(text);
        Wanted { chars: 0..text.len_chars().min(1_000), text, revision, grammar: Grammar::Rust }
    }

    #[tokio::test]
    async fn the_last_question_is_answered() {
        let mut highlights = Highlights::new();
        for revision in 0..50 {
            highlights.ask(wanted(&"fn f() {}\n".repeat(1 + revision), revision as u64));
        }
        loop {
            let Answer::Painted(painted) = highlights.answer().await else { panic!("a short text") };
            if painted.revision == 49 {
                assert_eq!(painted.spans[0].kind, Kind::Keyword);
                return;
            }
        }
    }

    #[tokio::test]
    async fn a_large_text_s_visible_part_comes_before_the_whole_is_parsed() {
        let mut highlights = Highlights::new();
        highlights.ask(wanted(&"fn f() {}\n".repeat(100_000), 1));
        for _ in 0..2 {
            let Answer::Painted(painted) = highlights.answer().await else {
                panic!("a text within the limits")
            };
            assert_eq!((painted.revision, painted.spans[0].kind), (1, Kind::Keyword));
        }
    }
}
