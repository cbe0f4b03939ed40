//! What of a document is on the disk here, and what waits to be.

use std::collections::VecDeque;

use crate::base::limits;
use crate::base::planted::{Defect, is_planted};
use crate::base::time::{Millis, MonoTime};
use crate::crdt::{ReplicaId, ReplicaTable, VersionVector};
use crate::document::Document;
use crate::sync::event::{LinkId, Output, PersistToken};

/// Operations, as the entries of a version vector that they raised.
pub(super) type Growth = Vec<(ReplicaId, u64)>;

/// What one persist asked for.
#[derive(Debug)]
struct Asked {
    token: PersistToken,
    growth: Growth,
    /// The link that sent all of it and so needs none of it; `None` if it is from here, or mixed.
    origin: Option<LinkId>,
}

/// What is on the disk and what waits.
#[derive(Debug)]
pub(super) struct Store {
    durable: VersionVector,
    /// What the document has, as far as it was looked at: `durable` and all that was asked for since.
    seen: VersionVector,
    /// Operations that came into the document since this was made.
    n_ops_seen: u64,
    asked: VecDeque<Asked>,
    /// The document was rewritten: the disk still has operations that it has not. Cleared once that is written.
    rewriting: Option<PersistToken>,
    next_token: u64,
    failure: Option<Failure>,
    /// Why nothing is written at the moment, while the shell keeps what was asked for.
    stall: Option<String>,
}

/// The disk refuses.
#[derive(Debug)]
struct Failure {
    sentence: String,
    /// Everything since `durable`, asked for again; answered by this token.
    retry: Option<(PersistToken, VersionVector)>,
    /// When it is asked for again, if it is not just now.
    retry_at: Option<MonoTime>,
}

impl Store {
    pub(super) fn new(durable: VersionVector) -> Store {
        let seen = durable.clone();
        Store {
            seen,
            durable,
            n_ops_seen: 0,
            asked: VecDeque::new(),
            rewriting: None,
            next_token: 0,
            failure: None,
            stall: None,
        }
    }

    /// Returns what is on the disk.
    pub(super) fn durable(&self) -> &VersionVector {
        &self.durable
    }

    /// Returns what the document had when it was last looked at.
    pub(super) fn seen(&self) -> &VersionVector {
        &self.seen
    }

    /// Returns how many operations the document was seen to take in.
    pub(super) fn n_ops_seen(&self) -> u64 {
        self.n_ops_seen
    }

    /// Returns why nothing can be written, while that is so.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_ref().map(|failure| failure.sentence.as_str())
    }

    /// Returns why others must send nothing: the disk refuses, or takes nothing at the moment.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.failure().or(self.stall.as_deref())
    }

    /// Takes in that the disk takes nothing at the moment. Returns whether that is news.
    pub(super) fn stall(&mut self, sentence: String) -> bool {
        let is_news = self.trouble().is_none();
        self.stall = Some(sentence);
        is_news
    }

    /// Takes in that the disk takes edits again. Returns whether others may send again.
    pub(super) fn go_on(&mut self) -> bool {
        self.stall.take().is_some() && self.failure.is_none()
    }

    /// Returns the last token that waits.
    pub(super) fn last_asked(&self) -> Option<PersistToken> {
        self.asked.back().map(|asked| asked.token)
    }

    /// Returns the first token that waits.
    pub(super) fn first_asked(&self) -> Option<PersistToken> {
        self.asked.front().map(|asked| asked.token)
    }

    /// Looks at how the document has grown since the last look, asks for that to be written, and returns it.
    pub(super) fn look(&mut self, doc: &Document, origin: Option<LinkId>, out: &mut Vec<Output>) -> Growth {
        let growth: Growth = doc.growth_since(&self.seen);
        if growth.is_empty() {
            return growth;
        }
        if self.failure.is_none() {
            let bytes = doc.changes_since(&self.seen);
            let token = self.take_token();
            out.push(Output::Persist { token, bytes: bytes.into() });
            self.asked.push_back(Asked { token, growth: growth.clone(), origin });
        }
        for &(replica, next) in &growth {
            self.n_ops_seen += next - self.seen.get(replica);
            self.seen.advance(replica, next);
        }
        growth
    }

    /// Takes in that the document was rewritten, and asks for all of it to be written in the place of what was.
    pub(super) fn rewritten(&mut self, doc: &Document, out: &mut Vec<Output>) {
        let token = self.take_token();
        self.seen = doc.version();
        self.durable.limit_to(&self.seen);
        self.asked.clear();
        self.asked.push_back(Asked { token, growth: doc.growth_since(&self.durable), origin: None });
        out.push(Output::Rewrite { token });
        self.rewriting = Some(token);
    }

    /// Returns what a rewritten document waits for, while the disk has it as it was.
    pub(super) fn rewriting(&self) -> Option<PersistToken> {
        self.rewriting
    }

    /// Takes what `token` says is written, as far as it comes from one link, moving `durable` past it. Returns the link, if it is
    /// of one, and how the document grew by it.
    pub(super) fn next_written_run(&mut self, token: PersistToken) -> Option<(Option<LinkId>, Growth)> {
        self.rewriting.take_if(|rewriting| *rewriting <= token);
        let Asked { origin, mut growth, .. } = self.asked.pop_front_if(|asked| asked.token <= token)?;
        while let Some(more) = self.asked.pop_front_if(|asked| asked.token <= token && asked.origin == origin)
        {
            growth.extend(more.growth);
        }
        for &(replica, next) in &growth {
            self.durable.advance(replica, next);
        }
        Some((origin, growth))
    }

    /// Returns whether `token` ends a failure; then everything up to its time is on the disk.
    pub(super) fn recovered(&mut self, token: PersistToken) -> bool {
        let is_retry =
            |failure: &mut Failure| failure.retry.as_ref().is_some_and(|(retry, _)| *retry <= token);
        let Some((_, version)) = self.failure.take_if(is_retry).and_then(|failure| failure.retry) else {
            return false;
        };
        self.rewriting = None;
        self.durable = version.clone();
        self.seen = version;
        true
    }

    /// Takes in that the disk refused. Returns whether that is news.
    pub(super) fn fail(&mut self, sentence: String, now: MonoTime) -> bool {
        if is_planted(Defect::FailedSyncForgotten) {
            return false;
        }
        let is_news = self.failure.is_none();
        self.asked.clear();
        let retry_at = Some(now.after(Millis(limits::PERSIST_RETRY_MS)));
        self.failure = Some(Failure { sentence, retry: None, retry_at });
        is_news
    }

    /// Returns when the disk is tried again.
    pub(super) fn retry_at(&self) -> Option<MonoTime> {
        self.failure.as_ref()?.retry_at
    }

    /// Tries the disk again if it is time.
    pub(super) fn retry(&mut self, doc: &Document, now: MonoTime, out: &mut Vec<Output>) {
        if self.retry_at().is_none_or(|at| now < at) {
            return;
        }
        let token = self.take_token();
        let Some(failure) = &mut self.failure else { return };
        let version = doc.version();
        failure.retry_at = None;
        failure.retry = Some((token, version.clone()));
        if self.rewriting.is_some() {
            return out.push(Output::Rewrite { token });
        }
        let from = if is_planted(Defect::RetryFromAsked) { &self.seen } else { &self.durable };
        let bytes = doc.changes_between(from, &version, &ReplicaTable::default());
        out.push(Output::Persist { token, bytes: bytes.into() });
    }

    fn take_token(&mut self) -> PersistToken {
        self.next_token += 1;
        PersistToken(self.next_token)
    }
}
