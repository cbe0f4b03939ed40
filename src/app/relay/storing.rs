//! What the store says, and to whom it matters.

use super::Actor;
use crate::base::time::WallTime;
use crate::io::server::desk::Answer;
use crate::io::storage::relay_store::{LoadedDocument, RelayEvent, RelayLink, Request};
use crate::protocol::capability::{Access, Mode, TokenHash};
use crate::protocol::{DocumentId, Epoch};
use crate::relay::{Input, Stored};
use crate::sync::PersistToken;
use crate::sync::event::Grant;

/// What an owner is told whose change of links the store refused.
const LINKS_NOT_KEPT: &str = "the relay could not keep this change of links, so it holds only until the relay forgets it; \
     ask its operator, who finds the reason in its log\n";

impl Actor {
    pub(super) fn on_store(&mut self, event: RelayEvent) {
        match event {
            RelayEvent::Loaded { doc_id, document } => {
                let document = document.map(|loaded| stored(*loaded));
                self.step(Input::Loaded { document: DocumentId::from_bytes(doc_id), result: Ok(document) });
            }
            RelayEvent::NotShown { doc_id, shown } => {
                let document = DocumentId::from_bytes(doc_id);
                self.step(Input::NotShown { document, shown: TokenHash(shown) });
            }
            RelayEvent::LoadFailed { doc_id, sentence } => {
                self.step(Input::Loaded { document: DocumentId::from_bytes(doc_id), result: Err(sentence) });
            }
            RelayEvent::Created { doc_id } => {
                self.step(Input::Created { document: DocumentId::from_bytes(doc_id), result: Ok(()) });
            }
            RelayEvent::Persisted { doc_id, token } => {
                let document = DocumentId::from_bytes(doc_id);
                self.step(Input::Appended { document, token: PersistToken(token) });
                self.note_fan_out(document, token);
            }
            RelayEvent::SnapshotStored { doc_id, .. } => {
                self.step(Input::SnapshotStored { document: DocumentId::from_bytes(doc_id), result: Ok(()) });
            }
            RelayEvent::AccessStored { doc_id } => {
                self.access_stored(DocumentId::from_bytes(doc_id), None);
            }
            RelayEvent::Refused { doc_id, request, sentence } => {
                self.on_refused(DocumentId::from_bytes(doc_id), request, sentence);
            }
            // The store keeps what waits and goes on trying; nothing is acknowledged meanwhile.
            RelayEvent::PersistFailed { sentence } => {
                tracing::error!(%sentence, "edits could not be written");
                self.numbers.n_sync_failures += 1;
                self.disk_trouble = Some("the disk takes no edits at the moment".to_owned());
            }
            RelayEvent::Synced { took } => self.numbers.sync.note(took),
            RelayEvent::LogDamaged { sentence } => {
                tracing::error!(%sentence, "the log was damaged");
                self.numbers.n_log_damages += 1;
            }
            RelayEvent::Recovered => {
                tracing::info!("edits are written again");
                self.disk_trouble = None;
            }
        }
    }

    fn on_refused(&mut self, document: DocumentId, request: Request, sentence: String) {
        // A failing disk was told of once; the rooms ask again every other second.
        match self.disk_trouble {
            Some(_) => tracing::debug!(%document, ?request, %sentence, "the store refused"),
            None => tracing::error!(%document, ?request, %sentence, "the store refused"),
        }
        match request {
            Request::Append(_) => {
                self.appended.remove(&document);
                self.step(Input::AppendFailed { document, sentence });
            }
            Request::Snapshot => self.step(Input::SnapshotStored { document, result: Err(sentence) }),
            Request::Create => self.step(Input::Created { document, result: Err(sentence) }),
            Request::Access => self.access_stored(document, Some(Answer::unavailable(LINKS_NOT_KEPT))),
        }
    }

    /// Notes how long the appends of a document took until they were written and sent on.
    fn note_fan_out(&mut self, document: DocumentId, upto: u64) {
        let Some(appended) = self.appended.get_mut(&document) else { return };
        while let Some((_, asked_at)) = appended.pop_front_if(|(token, _)| *token <= upto) {
            self.numbers.fan_out.note(asked_at.elapsed());
        }
        if appended.is_empty() {
            self.appended.remove(&document);
        }
    }

    /// Says the first of the answers that waited for the store, or what takes its place.
    fn access_stored(&mut self, document: DocumentId, instead: Option<Answer>) {
        let Some(unsaid) = self.unsaid.get_mut(&document) else { return };
        if let Some((reply, answer)) = unsaid.pop_front() {
            // Whoever asked may have gone.
            let _ = reply.send(instead.unwrap_or(answer));
        }
        if unsaid.is_empty() {
            self.unsaid.remove(&document);
        }
    }
}

fn stored(loaded: LoadedDocument) -> Stored {
    let LoadedDocument { document, links, snapshot, batches, created: WallTime(_) } = loaded;
    let grant = |link: RelayLink| Grant {
        hash: TokenHash(link.hash),
        mode: if link.may_write { Mode::Write } else { Mode::Read },
        expires: link.expires,
        label: link.label,
    };
    Stored {
        epoch: Epoch::from_bytes(document.epoch),
        access: Access { write: TokenHash(document.write_hash), read: TokenHash(document.read_hash) },
        name: document.name,
        grants: links.into_iter().map(grant).collect(),
        snapshot: snapshot.map(|snapshot| snapshot.bytes.into()),
        tail: batches.into_iter().map(Into::into).collect(),
    }
}
