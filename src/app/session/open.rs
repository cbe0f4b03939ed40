//! How a session begins: from a file, its journal, and what the user asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use ropey::Rope;

use super::keep::{self, Keep};
use super::{Channels, Session};
use crate::app::setting::Setting;
use crate::app::{address, manage};
use crate::base::limits::UNDO_REPLICAS_MAX;
use crate::base::text_format::TextFormat;
use crate::crdt::ReplicaId;
use crate::document::Document;
use crate::io::entropy;
use crate::io::files::Loaded;
use crate::io::paths::{self, Paths, may_be_remembered};
use crate::io::server::desk::Desk;
use crate::io::storage::StorageError;
use crate::io::storage::journal::{Journal, StoredDocument, Uid};
use crate::io::transport::connect::Network;
use crate::journal::{FileHash, Finding, Linked, Record, Role};
use crate::protocol::capability::Secret;
use crate::protocol::link_url::{LinkUrl, ServerUrl};
use crate::protocol::{DocumentId, Epoch, SessionId};
use crate::sync::event::{Create, LinkLimits};
use crate::sync::{RoomConfig, Serve, Upstream};

/// What the user asked for.
#[derive(Clone, Debug)]
pub enum How {
    /// Edit; go online if the file is linked.
    Edit,
    /// As [`How::Edit`], for a moment and without a screen: what this machine hosts is not offered to others for that.
    Visit,
    /// Share: at this relay, or from this machine.
    Share {
        /// The relay; with none, this machine hosts.
        relay: Option<ServerUrl>,
        /// Where a host listens.
        listen: Option<String>,
    },
    /// Join.
    Join(LinkUrl),
}

/// A session that began.
pub struct Opened {
    /// The journal and the connections.
    pub session: Session,
    /// The document; lent to the session from now on.
    pub doc: Document,
    /// What the user must be told, and asked.
    pub finding: Finding,
    /// The text that the file had when it was last in step with the document.
    pub base: Rope,
    /// The hash that the file had then.
    pub expected: Option<FileHash>,
    /// How it was written then; `None` if that is not known.
    pub format: Option<TextFormat>,
    /// Why it may only be read here, if so.
    pub read_only: Option<String>,
    /// Whether that is because another process has it.
    pub is_taken: bool,
    /// Whether a document is joined that this machine has nothing of yet.
    pub is_new_guest: bool,
}

/// What a new session is made of.
struct Plan {
    doc: Document,
    record: Record,
    finding: Finding,
    /// Under which name the journal has it.
    uid: Option<Uid>,
    path: Option<PathBuf>,
    /// What the user should know from the start.
    warning: Option<String>,
    read_only: Option<String>,
    /// Whether that is because another process has it.
    is_taken: bool,
    /// The record says that file and document differ, and their texts are equal.
    is_in_step: bool,
    /// Whether the document is shared for the first time: nobody else has ever had anything of it.
    is_first_share: bool,
}

impl Plan {
    /// Begins with a document of which there is nothing else to say.
    fn new(doc: Document, record: Record, path: Option<PathBuf>) -> Plan {
        Plan {
            doc,
            record,
            finding: Finding::Same,
            uid: None,
            path,
            warning: None,
            read_only: None,
            is_taken: false,
            is_in_step: false,
            is_first_share: false,
        }
    }

    /// Begins with the text of a file, or with nothing.
    fn of_text(
        text: Rope,
        (file, format): (Option<FileHash>, Option<TextFormat>),
        has_epoch: bool,
        path: Option<PathBuf>,
    ) -> anyhow::Result<Plan> {
        let doc = Document::of_text(ReplicaId::new(entropy::u64()), text)?;
        let epoch = has_epoch.then(entropy::bytes);
        let record = Record { epoch, file, format, saved: doc.version(), ..Record::default() };
        Ok(Plan::new(doc, record, path))
    }
}

/// Opens a file: from its journal if there is one, else from its text; then as `how` says.
///
/// # Errors
/// In one sentence: in use by another process, a damaged journal, a port in use, a link to another document.
pub async fn open(setting: &Setting, loaded: &Loaded, how: How) -> anyhow::Result<Opened> {
    let channels = Channels::new();
    let (journal, mut plan) = match start_journal(setting, &channels).and_then(|journal| {
        let plan = plan(&journal, loaded, &how)?;
        Ok((Some(journal), plan))
    }) {
        Ok(planned) => planned,
        Err(error) => (None, plan_without_journal(loaded, &how, error)?),
    };
    let mut accepting = None;
    let had_link = plan.record.linked.is_some();
    let is_join = is_join(&how);
    let is_visit = matches!(how, How::Visit);
    match how {
        How::Edit | How::Visit => {}
        How::Join(link) => join(&mut plan, &link, &setting.network).await?,
        How::Share { relay: Some(relay), .. } if had_link => share_again_at(&mut plan, relay)?,
        How::Share { relay: Some(relay), .. } => share_at(&mut plan, relay, Role::Owner),
        How::Share { relay: None, ref listen } if !had_link => {
            let listen = listen.clone().unwrap_or_else(|| "0.0.0.0:0".to_owned());
            accepting = Some(host(&mut plan, &listen, &channels).await?);
            plan.record.listen = Some(listen);
        }
        // Hosted before: from now on where it is asked for.
        How::Share { relay: None, ref listen } => {
            if let Some(listen) = listen {
                plan.record.listen = Some(listen.clone());
            }
        }
    }
    // A file that was hosted is hosted again, so that its link goes on working.
    let role = plan.record.linked.as_ref().map(|linked| linked.role);
    if role == Some(Role::Host) && accepting.is_none() && !is_visit {
        let before = plan.record.linked.clone();
        accepting = Some(host_again(&mut plan, &channels).await?);
        if plan.record.linked != before {
            plan.warning = Some("new address: give the others the new link (F2)".to_owned());
        }
    }
    let link = plan.record.linked.as_ref().map(|linked| LinkUrl::parse(&linked.url)).transpose()?;
    // Whoever joins for the first time begins a record once there is something to keep.
    let is_new_guest = is_join && plan.uid.is_none();
    let must_begin = plan.record.linked.is_some() && !is_new_guest;
    let Plan {
        mut doc,
        mut record,
        finding,
        uid,
        path,
        warning,
        read_only,
        is_taken,
        is_in_step,
        is_first_share,
    } = plan;
    let base = match finding {
        Finding::Same => doc.rope().clone(),
        _ => doc.text_at(&record.saved).context("the journal's note of the last save is damaged")?,
    };
    let (expected, format) = (record.file, record.format);
    let name = path.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let mut config = config(&doc, &record, link.as_ref(), name.unwrap_or_default(), &setting.create_token);
    if let Some(upstream) = &mut config.upstream {
        upstream.is_first = is_first_share;
    }
    (record.snapshot, record.batches) = (Vec::new(), Vec::new());
    let keeps_undo = setting.editor.keep_undo && path.as_deref().is_some_and(may_be_remembered);
    let mut keep = journal.map(|journal| Keep::new(journal, uid, path, record, keeps_undo));
    let is_unkept = keep.is_none() && read_only.is_none();
    let is_kept = keep.as_ref().is_none_or(|keep| keep.takes(&doc));
    let too_large = || "so large a text is not kept from a crash: what is not saved would be lost".to_owned();
    let warning = warning.or_else(|| (!is_kept).then(too_large));
    if let Some(keep) = keep.as_mut().filter(|_| must_begin) {
        keep.begin_now(&mut doc)?;
    }
    let upstream = link.clone().filter(|_| config.upstream.is_some());
    let mut session = Session::new(config, channels, keep, upstream, Arc::clone(&setting.network), &mut doc);
    session.link = link;
    session.warning = warning;
    session.is_unkept = is_unkept;
    session.accepting = accepting;
    if is_in_step && let Some(hash) = expected {
        session.saved(&mut doc, hash, loaded.meta.format);
    }
    Ok(Opened { session, doc, finding, base, expected, format, read_only, is_taken, is_new_guest })
}

/// Begins with a text that is only looked at: without a journal, and alone.
///
/// # Errors
/// If the text is longer than a document can be.
pub fn open_view(network: Arc<Network>, text: Rope) -> anyhow::Result<(Session, Document)> {
    let mut doc = Document::of_text(ReplicaId::new(entropy::u64()), text)?;
    let config = config(&doc, &Record::default(), None, String::new(), &[]);
    let session = Session::new(config, Channels::new(), None, None, network, &mut doc);
    Ok((session, doc))
}

/// Joins without a file or a journal, for commands that end at once.
pub fn open_link(network: Arc<Network>, link: LinkUrl) -> (Session, Document) {
    let mut doc = Document::new(ReplicaId::new(entropy::u64()));
    let url = link.to_string();
    let record = Record { linked: Some(Linked { url, role: Role::Guest }), ..Record::default() };
    let config = config(&doc, &record, Some(&link), String::new(), &[]);
    let session = Session::new(config, Channels::new(), None, Some(link), network, &mut doc);
    (session, doc)
}

/// Returns the files, of no shared text, that lack edits which this machine has: those whose record is damaged too. What other
/// processes have is left out, and nothing is changed by asking.
///
/// # Errors
/// If the journal cannot be read.
pub fn unsaved_files(paths: &Paths) -> Result<Vec<PathBuf>, StorageError> {
    if !paths.data.exists() {
        return Ok(Vec::new());
    }
    let journal = Journal::start(paths.data.clone(), Box::new(|_| {}))?;
    let lacks = |uid| match journal.find_by_uid(uid) {
        Ok(Some(stored)) => {
            let record = keep::record(stored);
            let doc = record.recover(ReplicaId::new(entropy::u64()));
            doc.map_or(true, |doc| !is_undo_alone(&record, &doc))
        }
        Ok(None) | Err(StorageError::Locked { .. }) => false,
        Err(_) => true,
    };
    let known = journal.list()?.into_iter().filter(|known| known.link.is_none());
    Ok(known.filter_map(|known| known.path.filter(|_| lacks(known.uid))).collect())
}

fn plan(journal: &Journal, loaded: &Loaded, how: &How) -> anyhow::Result<Plan> {
    let path = loaded.file.as_ref().map(|file| file.canonical()).transpose()?;
    // What is not text is only shown: nothing is kept for it.
    let path = path.filter(|_| loaded.meta.read_only.is_none());
    let hash = loaded.file.as_ref().and_then(|file| file.hash());
    let stored = match &path {
        Some(path) => match (journal.find_by_path(path)?, how) {
            (None, How::Join(link)) => find_without_file(journal, link),
            (stored, _) => stored,
        },
        // What was typed into no file before a crash comes back when no file is named.
        None if loaded.text.len_chars() == 0 && matches!(how, How::Edit) => {
            journal.find_untitled().ok().flatten()
        }
        None => None,
    };
    if let Some(stored) = stored {
        let stored_uid = stored.uid;
        let mut record = keep::record(stored);
        // Nothing is moved or deleted: what is damaged may still be read by somebody who knows how.
        let doc = record.recover(ReplicaId::new(entropy::u64()))?;
        let mut finding = record.compare(&doc, hash);
        let is_gone = matches!(finding, Finding::FileGone { .. });
        // The program may have ended between the file's save and its note here, or what was typed was taken back.
        let is_in_step = finding != Finding::Same && !is_gone && *doc.rope() == loaded.text;
        if is_in_step {
            finding = Finding::Same;
            (record.file, record.format) = (hash, Some(loaded.meta.format));
            record.saved = doc.version();
        }
        if is_of_no_use(&record, &doc, &finding) || (is_undo_alone(&record, &doc) && is_join(how)) {
            journal.remove(stored_uid)?;
            return begin(loaded, how, path, hash);
        }
        return Ok(Plan { finding, uid: Some(stored_uid), is_in_step, ..Plan::new(doc, record, path) });
    }
    begin(loaded, how, path, hash)
}

/// Finds what was shared under a link and has no file: it gets one now.
fn find_without_file(journal: &Journal, link: &LinkUrl) -> Option<StoredDocument> {
    let stored = journal.find_by_link(&link.to_string()).ok().flatten()?;
    if stored.path.is_some() {
        // It has another file, and stays with that.
        let _ = journal.release(stored.uid);
        return None;
    }
    Some(stored)
}

/// Whether a record that holds nothing but undo cannot be gone on with: the file is another one now, or its history
/// has become too long.
fn is_of_no_use(record: &Record, doc: &Document, finding: &Finding) -> bool {
    let is_too_long = UNDO_REPLICAS_MAX < record.saved.len();
    is_undo_alone(record, doc) && (*finding != Finding::Same || is_too_long)
}

/// Whether a record has nothing that its file lacks, and no link.
fn is_undo_alone(record: &Record, doc: &Document) -> bool {
    record.linked.is_none() && doc.version() == record.saved
}

fn is_join(how: &How) -> bool {
    matches!(how, How::Join(_))
}

/// Begins with what the file holds.
fn begin(loaded: &Loaded, how: &How, path: Option<PathBuf>, hash: Option<FileHash>) -> anyhow::Result<Plan> {
    // Whoever joins takes the history that is there, and what the file holds is asked about when it is saved.
    let is_join = is_join(how);
    let file = (hash, hash.map(|_| loaded.meta.format));
    let (text, file) = if is_join { (Rope::new(), (None, None)) } else { (loaded.text.clone(), file) };
    Plan::of_text(text, file, !is_join, path)
}

/// The journal cannot be had. A file can still be edited, or looked at; sharing needs it.
fn plan_without_journal(loaded: &Loaded, how: &How, error: anyhow::Error) -> anyhow::Result<Plan> {
    let hash = loaded.file.as_ref().and_then(|file| file.hash());
    let plan =
        |path| Plan::of_text(loaded.text.clone(), (hash, hash.map(|_| loaded.meta.format)), true, path);
    match error.downcast_ref::<StorageError>() {
        Some(StorageError::Locked { .. }) if matches!(how, How::Edit | How::Visit) => {
            let words = "it is open in another coedit here; once that ends, any key makes it yours";
            Ok(Plan { read_only: Some(words.to_owned()), is_taken: true, ..plan(None)? })
        }
        Some(StorageError::NotOpened { .. } | StorageError::Failed { .. })
            if matches!(how, How::Edit | How::Visit) =>
        {
            let words = format!("edits are not kept until you save: {error}");
            Ok(Plan { warning: Some(words), ..plan(None)? })
        }
        _ => Err(error),
    }
}

fn start_journal(setting: &Setting, channels: &Channels) -> anyhow::Result<Journal> {
    let folder = &setting.paths.data;
    paths::create_private_folder(folder)
        .map_err(|why| StorageError::NotOpened { path: folder.clone(), why })?;
    let on_journal = channels.on_journal.clone();
    Ok(Journal::start(setting.paths.data.clone(), Box::new(move |event| drop(on_journal.send(event))))?)
}

/// Links a file to what is joined.
async fn join(plan: &mut Plan, link: &LinkUrl, network: &Network) -> anyhow::Result<()> {
    let Some(linked) = &plan.record.linked else {
        if plan.uid.is_some() {
            bail!(
                "that file has unsaved edits of another text; open it and save or discard them, or name another file"
            );
        }
        plan.record.linked = Some(Linked { url: link.to_string(), role: Role::Guest });
        return Ok(());
    };
    let known = LinkUrl::parse(&linked.url)?;
    if known.document != link.document {
        bail!("that file belongs to another shared document; name another file: coedit join LINK FILE");
    }
    if linked.role == Role::Host {
        // It is hosted at its own link.
        return Ok(());
    }
    if !may_take(&known, link, linked.role, network).await? {
        bail!(
            "that file has another link, which can do more or leads elsewhere: coedit FILE opens it by that; this one needs a file of its own: coedit join LINK FILE"
        );
    }
    plan.record.linked = Some(Linked { url: link.to_string(), role: linked.role });
    Ok(())
}

/// Returns whether a file goes on by another link to its document. Whoever makes up a link knows the document's name at most: the text
/// goes to no server that the file's own secret was not given for, and what may be done with the document gets no less.
async fn may_take(known: &LinkUrl, link: &LinkUrl, role: Role, network: &Network) -> anyhow::Result<bool> {
    if known.secret.token().hash() == link.secret.token().hash() {
        // The server moved.
        return Ok(true);
    }
    if known.server != link.server {
        return Ok(false);
    }
    match role {
        // The owner's link may have been replaced from another machine.
        Role::Owner => manage::is_owner(network, link).await,
        _ => Ok(link.secret.access().is_some() || known.secret.access().is_none()),
    }
}

/// It is linked already. One that no relay ever took may go to another; one that others may have stays where it is.
fn share_again_at(plan: &mut Plan, server: ServerUrl) -> anyhow::Result<()> {
    let Some(linked) = &mut plan.record.linked else { return Ok(()) };
    let link = LinkUrl::parse(&linked.url)?;
    if link.server == server {
        // Whoever has the link that writes may make the document anew, with all of its history, where the relay lost it.
        if linked.role == Role::Guest && link.secret.access().is_some() {
            linked.role = Role::Owner;
        }
        return Ok(());
    }
    if linked.role != Role::Owner || !plan.record.acknowledged.is_empty() {
        bail!(
            "that file is shared at {} already; open it to go on there, or copy it to share the copy at {server}",
            link.server
        );
    }
    linked.url = LinkUrl { server, ..link }.to_string();
    Ok(())
}

fn share_at(plan: &mut Plan, server: ServerUrl, role: Role) {
    let document = DocumentId::from_bytes(entropy::bytes());
    let link = LinkUrl { server, document, secret: Secret::from_random(entropy::bytes()) };
    plan.is_first_share = true;
    plan.record.linked = Some(Linked { url: link.to_string(), role });
}

type Accepting = tokio::task::JoinHandle<()>;

async fn host(plan: &mut Plan, listen: &str, channels: &Channels) -> anyhow::Result<Accepting> {
    let server = address::listen(listen).await?;
    let url = ServerUrl::parse(&format!("http://{}", address::reachable(server.local_addr())))?;
    match &plan.record.linked {
        None => share_at(plan, url, Role::Host),
        Some(linked) => {
            let link = LinkUrl { server: url, ..LinkUrl::parse(&linked.url)? };
            plan.record.linked = Some(Linked { url: link.to_string(), role: Role::Host });
        }
    }
    let on_accepted = channels.on_accepted.clone();
    Ok(tokio::spawn(server.run(on_accepted, Desk::default(), std::future::pending())))
}

async fn host_again(plan: &mut Plan, channels: &Channels) -> anyhow::Result<Accepting> {
    let url = plan.record.linked.as_ref().map(|linked| LinkUrl::parse(&linked.url)).transpose()?;
    let port = url.map_or(0, |url| url.server.port);
    // On the addresses that were asked for, and no others.
    let asked = plan.record.listen.clone().unwrap_or_else(|| "0.0.0.0:0".to_owned());
    let (ip, asked_port) = asked.rsplit_once(':').unwrap_or((&asked, "0"));
    let port = if asked_port == "0" { port.to_string() } else { asked_port.to_owned() };
    match host(plan, &format!("{ip}:{port}"), channels).await {
        Ok(accepting) => Ok(accepting),
        // The port went to another program meanwhile; the link changes, the document does not.
        Err(_) => host(plan, &format!("{ip}:0"), channels).await,
    }
}

fn config(
    doc: &Document,
    record: &Record,
    link: Option<&LinkUrl>,
    name: String,
    create_token: &[u8],
) -> RoomConfig {
    let role = record.linked.as_ref().map(|linked| linked.role);
    let access = link.and_then(|link| link.secret.access());
    let serve = access.filter(|_| role == Some(Role::Host));
    let create = access.filter(|_| role == Some(Role::Owner));
    let upstream = link.filter(|_| role != Some(Role::Host)).map(|link| Upstream {
        token: link.secret.token(),
        create: create.map(|access| Create { access, operator_token: create_token.to_vec() }),
        acknowledged: record.acknowledged.clone(),
        is_first: false,
    });
    RoomConfig {
        document: link.map_or(DocumentId::from_bytes([0; 16]), |link| link.document),
        epoch: record.epoch.map(Epoch::from_bytes),
        session: SessionId::from_bytes(entropy::bytes()),
        name,
        seed: entropy::u64(),
        // All that the document begins with is in the file or in the journal.
        durable: doc.version(),
        serve: serve.map(|access| Serve {
            access,
            grants: Vec::new(),
            limits: LinkLimits::default(),
            elsewhere: None,
        }),
        upstream,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::session::Ending;
    use crate::crdt::VersionVector;
    use crate::io::paths::create_private_folder;
    use crate::sync::PersistToken;

    #[test]
    fn what_is_kept_for_its_undo_is_not_among_what_was_not_saved() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = Paths { data: folder.path().join("data"), config: folder.path().to_owned() };
        create_private_folder(&paths.data).expect("made");
        let keep = |name: &str, is_typed: bool| {
            let journal = Journal::start(paths.data.clone(), Box::new(|_| {})).expect("a thread");
            let plan =
                Plan::of_text(Rope::from("text"), (Some(FileHash([0; 32])), None), true, Some(name.into()))
                    .expect("it fits");
            let (mut doc, before) = (plan.doc, plan.record.saved.clone());
            let mut keep = Keep::new(journal, None, plan.path, plan.record, true);
            keep.begin_now(&mut doc).expect("written");
            if is_typed {
                doc.insert(0, "typed ").expect("it fits");
                let batch = doc.changes_since(&before);
                keep.append(&mut doc, PersistToken(1), batch).expect("taken");
            }
            keep.end(&mut doc, &VersionVector::default(), Ending::Abrupt);
        };
        assert_eq!(unsaved_files(&paths).expect("readable"), Vec::<PathBuf>::new());
        keep("saved", false);
        keep("typed", true);
        assert_eq!(unsaved_files(&paths).expect("readable"), [PathBuf::from("typed")]);
        // Asking has changed nothing, and holds nothing.
        let journal = Journal::start(paths.data.clone(), Box::new(|_| {})).expect("a thread");
        assert!(journal.find_by_path(Path::new("saved")).expect("readable").is_some());
    }
}
