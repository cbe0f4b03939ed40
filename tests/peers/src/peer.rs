//! What every engine must be able to do, and how each of them does it.

use std::ops::Range;

/// A replica of a text. Positions count Unicode scalar values.
pub trait Peer: Sized {
    const NAME: &'static str;
    /// What one edit is to others.
    type Update: Clone;
    /// What is kept on a disk.
    type Saved;

    fn new(replica: u64) -> Self;
    /// From now on `update` will be called after each edit: whoever must watch for that begins to.
    fn record(&mut self) {}
    fn insert(&mut self, at: usize, text: &str);
    fn delete(&mut self, range: Range<usize>);
    /// Returns what was done here since the last call.
    fn update(&mut self) -> Self::Update;
    fn apply(&mut self, update: &Self::Update);
    fn update_len(update: &Self::Update) -> usize;
    /// Returns the whole history as one update, if there is such a thing.
    fn whole(&self) -> Option<Vec<u8>>;
    fn apply_whole(&mut self, bytes: &[u8]);
    fn save(&self) -> Self::Saved;
    fn saved_bytes(saved: &Self::Saved) -> Vec<u8>;
    fn load(saved: &Self::Saved) -> Self;
    fn text(&self) -> String;
}

pub mod coedit {
    use super::*;
    use ::coedit::crdt::{ReplicaId, VersionVector};
    use ::coedit::document::Document;

    pub struct Coedit {
        doc: Document,
        is_recording: bool,
        told: VersionVector,
    }

    impl Coedit {
        fn of(doc: Document) -> Coedit {
            Coedit { doc, is_recording: false, told: VersionVector::default() }
        }
    }

    impl Peer for Coedit {
        const NAME: &'static str = "coedit";
        type Update = Vec<u8>;
        type Saved = Vec<u8>;

        fn new(replica: u64) -> Coedit {
            Coedit::of(Document::new(ReplicaId::new(replica)))
        }
        fn record(&mut self) {
            self.is_recording = true;
        }
        fn insert(&mut self, at: usize, text: &str) {
            self.doc.insert(at, text).expect("inside");
        }
        fn delete(&mut self, range: Range<usize>) {
            self.doc.delete(range).expect("inside");
        }
        fn update(&mut self) -> Vec<u8> {
            let update = self.doc.changes_since(&self.told);
            self.told = self.doc.version();
            update
        }
        fn apply(&mut self, update: &Vec<u8>) {
            self.doc.apply(update).expect("valid");
            if self.is_recording {
                self.told = self.doc.version();
            }
        }
        fn update_len(update: &Vec<u8>) -> usize {
            update.len()
        }
        fn whole(&self) -> Option<Vec<u8>> {
            Some(self.doc.changes_since(&VersionVector::default()))
        }
        fn apply_whole(&mut self, bytes: &[u8]) {
            self.doc.apply(bytes).expect("valid");
        }
        fn save(&self) -> Vec<u8> {
            self.doc.save()
        }
        fn saved_bytes(saved: &Vec<u8>) -> Vec<u8> {
            saved.clone()
        }
        fn load(saved: &Vec<u8>) -> Coedit {
            let doc = Document::load(ReplicaId::new(u64::MAX), saved).expect("valid");
            Coedit::of(doc)
        }
        fn text(&self) -> String {
            self.doc.to_string()
        }
    }
}

pub mod diamond {
    use super::*;
    use diamond_types::list::ListCRDT;
    use diamond_types::list::encoding::{ENCODE_FULL, ENCODE_PATCH};

    pub struct Diamond {
        doc: ListCRDT,
        agent: diamond_types::AgentId,
        is_recording: bool,
        told: Vec<usize>,
    }

    impl Peer for Diamond {
        const NAME: &'static str = "diamond-types";
        type Update = Vec<u8>;
        type Saved = Vec<u8>;

        fn new(replica: u64) -> Diamond {
            let mut doc = ListCRDT::new();
            let agent = doc.get_or_create_agent_id(&format!("{replica:x}"));
            Diamond { doc, agent, is_recording: false, told: Vec::new() }
        }
        fn record(&mut self) {
            self.is_recording = true;
        }
        fn insert(&mut self, at: usize, text: &str) {
            self.doc.insert(self.agent, at, text);
        }
        fn delete(&mut self, range: Range<usize>) {
            self.doc.delete_without_content(self.agent, range);
        }
        fn update(&mut self) -> Vec<u8> {
            let update = self.doc.oplog.encode_from(ENCODE_PATCH, &self.told);
            self.told = self.doc.oplog.local_version_ref().to_vec();
            update
        }
        fn apply(&mut self, update: &Vec<u8>) {
            self.doc.merge_data_and_ff(update).expect("valid");
            if self.is_recording {
                self.told = self.doc.oplog.local_version_ref().to_vec();
            }
        }
        fn update_len(update: &Vec<u8>) -> usize {
            update.len()
        }
        fn whole(&self) -> Option<Vec<u8>> {
            Some(self.doc.oplog.encode(ENCODE_FULL))
        }
        fn apply_whole(&mut self, bytes: &[u8]) {
            self.doc.merge_data_and_ff(bytes).expect("valid");
        }
        fn save(&self) -> Vec<u8> {
            self.doc.oplog.encode(ENCODE_FULL)
        }
        fn saved_bytes(saved: &Vec<u8>) -> Vec<u8> {
            saved.clone()
        }
        fn load(saved: &Vec<u8>) -> Diamond {
            let mut doc = ListCRDT::load_from(saved).expect("valid");
            let agent = doc.get_or_create_agent_id("loaded");
            Diamond { doc, agent, is_recording: false, told: Vec::new() }
        }
        fn text(&self) -> String {
            self.doc.branch.content().to_string()
        }
    }
}

pub mod colarope {
    use super::*;
    use cola::{Deletion, EncodedReplica, Insertion, Replica};
    use ropey::Rope;

    /// cola knows positions and no text; beside it stands the rope that an editor would have.
    pub struct ColaRope {
        replica: Replica,
        rope: Rope,
        is_recording: bool,
        done: Vec<u8>,
    }

    /// As it travels; cola leaves the text to its user.
    #[derive(serde::Serialize, serde::Deserialize)]
    enum Edit {
        Insertion(Insertion, String),
        Deletion(Deletion),
    }

    impl ColaRope {
        fn integrate(&mut self, edit: &Edit) {
            match edit {
                Edit::Insertion(insertion, text) => {
                    if let Some(at) = self.replica.integrate_insertion(insertion) {
                        self.rope.insert(at, text);
                    }
                }
                Edit::Deletion(deletion) => {
                    for range in self.replica.integrate_deletion(deletion).into_iter().rev() {
                        self.rope.remove(range);
                    }
                }
            }
        }

        fn note(&mut self, edit: impl FnOnce() -> Edit) {
            if self.is_recording {
                self.done = postcard::to_stdvec(&edit()).expect("encoded");
            }
        }
    }

    impl Peer for ColaRope {
        const NAME: &'static str = "cola + ropey";
        type Update = Vec<u8>;
        type Saved = (EncodedReplica<'static>, String);

        fn new(replica: u64) -> ColaRope {
            // All replicas descend from one; ids start at 1.
            let root = Replica::new(u64::MAX - 1, 0);
            ColaRope {
                replica: root.fork(replica + 1),
                rope: Rope::new(),
                is_recording: false,
                done: Vec::new(),
            }
        }
        fn record(&mut self) {
            self.is_recording = true;
        }
        fn insert(&mut self, at: usize, text: &str) {
            let insertion = self.replica.inserted(at, text.chars().count());
            self.rope.insert(at, text);
            self.note(|| Edit::Insertion(insertion, text.to_owned()));
        }
        fn delete(&mut self, range: Range<usize>) {
            let deletion = self.replica.deleted(range.clone());
            self.rope.remove(range);
            self.note(|| Edit::Deletion(deletion));
        }
        fn update(&mut self) -> Vec<u8> {
            std::mem::take(&mut self.done)
        }
        fn apply(&mut self, update: &Vec<u8>) {
            self.integrate(&postcard::from_bytes(update).expect("valid"));
        }
        fn update_len(update: &Vec<u8>) -> usize {
            update.len()
        }
        fn whole(&self) -> Option<Vec<u8>> {
            None
        }
        fn apply_whole(&mut self, _bytes: &[u8]) {}
        fn save(&self) -> Self::Saved {
            (self.replica.encode(), self.rope.to_string())
        }
        fn saved_bytes(saved: &Self::Saved) -> Vec<u8> {
            [saved.0.as_bytes(), saved.1.as_bytes()].concat()
        }
        fn load(saved: &Self::Saved) -> ColaRope {
            let replica = Replica::decode(u64::MAX, &saved.0).expect("valid");
            ColaRope { replica, rope: Rope::from_str(&saved.1), is_recording: false, done: Vec::new() }
        }
        fn text(&self) -> String {
            self.rope.to_string()
        }
    }
}

pub mod yjs {
    use super::*;
    use yrs::updates::decoder::Decode;
    use yrs::{Doc, GetString, OffsetKind, Options, ReadTxn, StateVector, Text, TextRef, Transact, Update};

    pub struct Yrs {
        doc: Doc,
        text: TextRef,
        is_recording: bool,
        done: Vec<u8>,
    }

    impl Peer for Yrs {
        const NAME: &'static str = "yrs";
        type Update = Vec<u8>;
        type Saved = Vec<u8>;

        fn new(replica: u64) -> Yrs {
            let client_id = yrs::block::ClientID::new(replica & 0xffff_ffff);
            let doc = Doc::with_options(Options {
                client_id,
                offset_kind: OffsetKind::Utf16,
                ..Options::default()
            });
            let text = doc.get_or_insert_text("text");
            Yrs { doc, text, is_recording: false, done: Vec::new() }
        }
        fn record(&mut self) {
            self.is_recording = true;
        }
        fn insert(&mut self, at: usize, text: &str) {
            let mut txn = self.doc.transact_mut();
            self.text.insert(&mut txn, at as u32, text);
            if self.is_recording {
                self.done = txn.encode_update_v1();
            }
        }
        fn delete(&mut self, range: Range<usize>) {
            let mut txn = self.doc.transact_mut();
            self.text.remove_range(&mut txn, range.start as u32, range.len() as u32);
            if self.is_recording {
                self.done = txn.encode_update_v1();
            }
        }
        fn update(&mut self) -> Vec<u8> {
            std::mem::take(&mut self.done)
        }
        fn apply(&mut self, update: &Vec<u8>) {
            self.apply_whole(update);
        }
        fn update_len(update: &Vec<u8>) -> usize {
            update.len()
        }
        fn whole(&self) -> Option<Vec<u8>> {
            Some(self.doc.transact().encode_state_as_update_v1(&StateVector::default()))
        }
        fn apply_whole(&mut self, bytes: &[u8]) {
            let update = Update::decode_v1(bytes).expect("valid");
            self.doc.transact_mut().apply_update(update).expect("valid");
        }
        fn save(&self) -> Vec<u8> {
            self.whole().expect("it can")
        }
        fn saved_bytes(saved: &Vec<u8>) -> Vec<u8> {
            saved.clone()
        }
        fn load(saved: &Vec<u8>) -> Yrs {
            let mut loaded = Yrs::new(u64::MAX);
            loaded.apply_whole(saved);
            loaded
        }
        fn text(&self) -> String {
            self.text.get_string(&self.doc.transact())
        }
    }
}

pub mod automerged {
    use super::*;
    use automerge::transaction::Transactable;
    use automerge::{ActorId, AutoCommit, ChangeHash, ObjId, ObjType, ROOT, ReadDoc};
    use std::cell::RefCell;

    pub struct Automerge {
        // Saving wants to change it.
        doc: RefCell<AutoCommit>,
        text: ObjId,
        told: Vec<ChangeHash>,
    }

    impl Automerge {
        fn of(mut doc: AutoCommit, replica: u64) -> Automerge {
            doc.set_actor(ActorId::from(replica.to_be_bytes()));
            let (_, text) = doc.get(ROOT, "text").expect("read").expect("the text is there");
            let told = doc.get_heads();
            Automerge { doc: RefCell::new(doc), text, told }
        }
    }

    impl Peer for Automerge {
        const NAME: &'static str = "automerge";
        type Update = Vec<u8>;
        type Saved = Vec<u8>;

        fn new(replica: u64) -> Automerge {
            // The text must be one object for all: everybody begins with the same first change.
            let mut doc = AutoCommit::new().with_actor(ActorId::from([0; 8]));
            doc.put_object(ROOT, "text", ObjType::Text).expect("made");
            doc.commit_with(automerge::transaction::CommitOptions::default().with_time(0));
            Automerge::of(doc, replica)
        }
        fn insert(&mut self, at: usize, text: &str) {
            self.doc.get_mut().splice_text(&self.text, at, 0, text).expect("inside");
        }
        fn delete(&mut self, range: Range<usize>) {
            self.doc
                .get_mut()
                .splice_text(&self.text, range.start, range.len() as isize, "")
                .expect("inside");
        }
        fn update(&mut self) -> Vec<u8> {
            let doc = self.doc.get_mut();
            let update = doc.save_after(&self.told);
            self.told = doc.get_heads();
            update
        }
        fn apply(&mut self, update: &Vec<u8>) {
            let doc = self.doc.get_mut();
            doc.load_incremental(update).expect("valid");
            self.told = doc.get_heads();
        }
        fn update_len(update: &Vec<u8>) -> usize {
            update.len()
        }
        fn whole(&self) -> Option<Vec<u8>> {
            Some(self.save())
        }
        fn apply_whole(&mut self, bytes: &[u8]) {
            self.doc.get_mut().load_incremental(bytes).expect("valid");
        }
        fn save(&self) -> Vec<u8> {
            self.doc.borrow_mut().save()
        }
        fn saved_bytes(saved: &Vec<u8>) -> Vec<u8> {
            saved.clone()
        }
        fn load(saved: &Vec<u8>) -> Automerge {
            Automerge::of(AutoCommit::load(saved).expect("valid"), u64::MAX)
        }
        fn text(&self) -> String {
            self.doc.borrow().text(&self.text).expect("read")
        }
    }
}

pub mod lorodoc {
    use super::*;
    use loro::{ExportMode, LoroDoc, LoroText, VersionVector};

    pub struct Loro {
        doc: LoroDoc,
        text: LoroText,
        is_recording: bool,
        told: VersionVector,
    }

    impl Peer for Loro {
        const NAME: &'static str = "loro";
        type Update = Vec<u8>;
        type Saved = Vec<u8>;

        fn new(replica: u64) -> Loro {
            let doc = LoroDoc::new();
            doc.set_peer_id(replica).expect("free");
            let text = doc.get_text("text");
            Loro { doc, text, is_recording: false, told: VersionVector::default() }
        }
        fn record(&mut self) {
            self.is_recording = true;
        }
        fn insert(&mut self, at: usize, text: &str) {
            self.text.insert(at, text).expect("inside");
        }
        fn delete(&mut self, range: Range<usize>) {
            self.text.delete(range.start, range.len()).expect("inside");
        }
        fn update(&mut self) -> Vec<u8> {
            self.doc.commit();
            let update = self.doc.export(ExportMode::updates(&self.told)).expect("written");
            self.told = self.doc.oplog_vv();
            update
        }
        fn apply(&mut self, update: &Vec<u8>) {
            self.doc.import(update).expect("valid");
            if self.is_recording {
                self.told = self.doc.oplog_vv();
            }
        }
        fn update_len(update: &Vec<u8>) -> usize {
            update.len()
        }
        fn whole(&self) -> Option<Vec<u8>> {
            Some(self.doc.export(ExportMode::all_updates()).expect("written"))
        }
        fn apply_whole(&mut self, bytes: &[u8]) {
            self.doc.import(bytes).expect("valid");
        }
        fn save(&self) -> Vec<u8> {
            self.doc.export(ExportMode::Snapshot).expect("written")
        }
        fn saved_bytes(saved: &Vec<u8>) -> Vec<u8> {
            saved.clone()
        }
        fn load(saved: &Vec<u8>) -> Loro {
            let loaded = Loro::new(u64::MAX - 1);
            loaded.doc.import(saved).expect("valid");
            loaded
        }
        fn text(&self) -> String {
            self.text.to_string()
        }
    }
}

pub mod rope {
    use super::*;
    use ropey::Rope;

    /// The floor: a text that nobody shares.
    pub struct Bare(Rope);

    impl Peer for Bare {
        const NAME: &'static str = "bare ropey";
        type Update = ();
        type Saved = String;

        fn new(_replica: u64) -> Bare {
            Bare(Rope::new())
        }
        fn insert(&mut self, at: usize, text: &str) {
            self.0.insert(at, text);
        }
        fn delete(&mut self, range: Range<usize>) {
            self.0.remove(range);
        }
        fn update(&mut self) {}
        fn apply(&mut self, (): &()) {}
        fn update_len((): &()) -> usize {
            0
        }
        fn whole(&self) -> Option<Vec<u8>> {
            None
        }
        fn apply_whole(&mut self, _bytes: &[u8]) {}
        fn save(&self) -> String {
            self.0.to_string()
        }
        fn saved_bytes(saved: &String) -> Vec<u8> {
            saved.clone().into_bytes()
        }
        fn load(saved: &String) -> Bare {
            Bare(Rope::from_str(saved))
        }
        fn text(&self) -> String {
            self.0.to_string()
        }
    }
}
