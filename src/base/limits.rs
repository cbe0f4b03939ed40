//! Every bound of the program, with its unit and where the number comes from.

/// Characters in one document: the run tree counts in 32 bits.
pub const DOCUMENT_CHARS_MAX: usize = 1 << 31;

/// Operations of one replica in one document (each inserted and each deleted character is one).
pub const REPLICA_OPS_MAX: u64 = u32::MAX as u64 - 1;

/// Replicas that one document can name: those whose version vector still fits a packet. One is one process start
/// that edited; 16,384 are years of daily work on one text.
pub const DOCUMENT_REPLICAS_MAX: usize = 16_384;

/// Operations that may wait for their causes in one document, counted in changes.
pub const WAITING_CHANGES_MAX: usize = 10_000;

/// Authors of whom nothing is here and who are named, as causes, by what waits: each takes the place of one who writes.
pub const WAITING_AUTHORS_MAX: usize = 1_024;

/// Encoded bytes that may wait for their causes in one document.
pub const WAITING_BYTES_MAX: usize = 4 << 20;

/// Bytes in one transport message. Small enough that a heartbeat never waits long behind one, and the
/// largest that a stranger can make a reader hold before anything is checked.
pub const PACKET_BYTES_MAX: usize = 256 << 10;

/// Bytes of one frame inside a packet, its length prefix excluded (which is at most 3 bytes here).
pub const FRAME_BYTES_MAX: usize = PACKET_BYTES_MAX - 3;

/// Bytes of a batch that travels in one frame; a larger one is cut into fragments of this size. A
/// quarter of the packet, so that frames of other kinds find room between two fragments.
pub const FRAGMENT_BYTES_MAX: usize = 64 << 10;

/// Bytes of a batch from which on it is worth to compress it.
pub const PACK_BYTES_MIN: usize = 4 << 10;

/// The largest window that a compressed transfer may ask its reader to keep: 8 MiB, what RFC 8878 recommends.
pub const PACKED_WINDOW_LOG_MAX: u32 = 23;

/// Bytes of one fragmented batch or snapshot that a client accepts from whoever serves it: a text of
/// 100 MB with its history, and as much again.
pub const TRANSFER_BYTES_MAX: usize = 256 << 20;

/// Bytes of one fragmented batch that a server accepts from one link: a text of 50 MB entering at once.
/// Half of what a client accepts is not needed by anybody who types.
pub const UPLOAD_BYTES_MAX: usize = 64 << 20;

/// Operations that one transfer to a client carries: a text of 8 MB at once, and even with 32 bytes for each still
/// within [`TRANSFER_BYTES_MAX`]. A longer history goes in several.
pub const TRANSFER_OPS_MAX: u64 = 8 << 20;

/// Bytes that an operation of a transfer to a server is taken to cost, to cut what is longer than the server takes.
/// One of random edits costs some 12.
pub const UPLOAD_OP_BYTES: u64 = 16;

/// Entries of a version vector in a hello or a welcome: at some 13 bytes each they fill most of a packet.
pub const WIRE_VERSION_ENTRIES_MAX: usize = DOCUMENT_REPLICAS_MAX;

/// Entries of one acknowledgement; more go into several. At most 15 bytes each, so that one is no longer than a
/// fragment and a half.
pub const ACK_ENTRIES_MAX: usize = 6_000;

/// Replicas that the serving side of a room gives short numbers. Others are named in full, which costs
/// 8 bytes more for each of their runs; so the table stays small in a room that lives for months.
pub const WIRE_REPLICAS_MAX: usize = 4_096;

/// Bytes of a refusal's or a goodbye's sentence, and of every other text written for people.
pub const SENTENCE_BYTES_MAX: usize = 512;

/// Bytes of what a document is called: the longest file name of common file systems.
pub const DOCUMENT_NAME_BYTES_MAX: usize = 255;

/// Bytes of an operator's token for creating documents.
pub const OPERATOR_TOKEN_BYTES_MAX: usize = 64;

/// Bytes of a presence payload: a name, a colour, a cursor and some 40 selections.
pub const PRESENCE_BYTES_MAX: usize = 1_024;

/// Bytes of a name in a presence; what does not fit is cut at a character.
pub const NAME_BYTES_MAX: usize = 64;

/// Selections in a presence: more cursors than this are not shown to others.
pub const PRESENCE_SELECTIONS_MAX: usize = 32;

/// Milliseconds between two presence frames of one sender: at most 20 a second, which looks smooth.
pub const PRESENCE_INTERVAL_MS: u64 = 50;

/// Milliseconds after which a presence that was not heard again is dropped: two heartbeats.
pub const PRESENCE_EXPIRY_MS: u64 = 60_000;

/// People whose presence one room keeps; later ones are let in but not shown.
pub const ROOM_PEOPLE_MAX: usize = 1_024;

/// Milliseconds of silence to send after which a link sends a heartbeat.
pub const HEARTBEAT_MS: u64 = 30_000;

/// Heartbeats that may be missed before a link is given up.
pub const HEARTBEATS_MISSED_MAX: u64 = 3;

/// Milliseconds within which a hello must arrive, and must be answered.
pub const HELLO_TIMEOUT_MS: u64 = 10_000;

/// Milliseconds of silence after which a client with unacknowledged edits asks "are you there?".
pub const SUSPECT_AFTER_MS: u64 = 5_000;

/// Milliseconds of silence after which a client with unacknowledged edits gives the link up.
pub const GIVE_UP_AFTER_MS: u64 = 10_000;

/// Milliseconds without a sign of life after which a client asks for one: early enough that a dead link is given up within a heartbeat.
pub const QUIET_AFTER_MS: u64 = HEARTBEAT_MS - GIVE_UP_AFTER_MS;

/// Milliseconds after which the round trip is measured again with the next thing that is sent.
pub const ROUND_TRIP_FRESH_MS: u64 = 5_000;

/// Milliseconds between signs of life while a long transfer arrives, so that its sender, who waits for
/// an acknowledgement, does not take a slow line for a dead one. Well under [`SUSPECT_AFTER_MS`].
pub const TRANSFER_SIGN_MS: u64 = 2_000;

/// Milliseconds before the first redial; doubled with each failure.
pub const BACKOFF_BASE_MS: u64 = 1_000;

/// Milliseconds that the doubling stops at.
pub const BACKOFF_MAX_MS: u64 = 30_000;

/// Percent of the delay that chance may add: thousands of clients of one relay must not return at once.
pub const BACKOFF_JITTER_PERCENT: u64 = 30;

/// Milliseconds that a link must have been live before the count of failures starts again.
pub const BACKOFF_RESET_AFTER_MS: u64 = 10_000;

/// Milliseconds that a server may ask a client to stay away; a longer wish is cut to this.
pub const RETRY_AFTER_MS_MAX: u64 = 300_000;

/// Milliseconds over which the links of a server that stops are told to return.
pub const DRAIN_SPREAD_MS: u64 = 3_000;

/// Milliseconds between two tries to write what a failing disk refused.
pub const PERSIST_RETRY_MS: u64 = 2_000;

/// Bytes given to the shell for one link and not yet written, past which nothing live is queued for it:
/// it is served from the document once it has drained.
pub const LINK_QUEUE_BYTES_MAX: usize = 1 << 20;

/// How many times that may be given to the shell for one link and not yet written before the link is ended: it reads nothing, and goes
/// on asking for answers.
pub const LINK_UNREAD_QUEUES_MAX: usize = 4;

/// Bytes still queued for a link under which a catch-up goes on. Keeps a heartbeat from waiting behind
/// more than this, and a fast link from ever running dry.
pub const LINK_QUEUE_BYTES_LOW: usize = 128 << 10;

/// Bytes that one link may send per second in the long run: ten times the fastest paste.
pub const LINK_BYTES_PER_S_MAX: u64 = 16 << 20;

/// Bytes that one link may send at once: the largest upload and something to spare.
pub const LINK_BYTES_BURST: u64 = 2 * UPLOAD_BYTES_MAX as u64;

/// Frames that one link may send per second in the long run. A person sends ten; a program that replays
/// a recorded history one edit at a time is served too.
pub const LINK_FRAMES_PER_S_MAX: u64 = 100_000;

/// Frames that one link may send at once.
pub const LINK_FRAMES_BURST: u64 = 1_000_000;

/// Operations that one link may bring per second in the long run: a replayed history of a long text, or a paste of 1 MB each second.
pub const LINK_OPS_PER_S_MAX: u64 = 1_000_000;

/// Operations that one link may bring at once: the largest upload, were each of its bytes one, and as much again.
pub const LINK_OPS_BURST: u64 = LINK_BYTES_BURST;

/// Links in one room.
pub const ROOM_LINKS_MAX: usize = 4_096;

/// Links at one relay, those that have not said hello included.
pub const RELAY_LINKS_MAX: usize = 20_000;

/// Links that may be opened at one relay per second in the long run. One costs some 50 µs.
pub const RELAY_HANDSHAKES_PER_S_MAX: u64 = 5_000;

/// Links that may be opened at one relay at once: everybody, as after a restart.
pub const RELAY_HANDSHAKES_BURST: u64 = RELAY_LINKS_MAX as u64;

/// Links at one relay that have not said hello yet: what a stranger can hold costs little. With one more the oldest of them goes: who
/// means to come in says hello within a round trip.
pub const RELAY_GREETING_MAX: usize = 4_096;

/// Packets of one link that a relay holds while it loads the document. A client sends one (its hello)
/// and then waits for the welcome.
pub const LOADING_PACKETS_MAX: usize = 4;

/// Documents that a relay keeps in memory at once, links or not.
pub const RELAY_DOCUMENTS_MAX: usize = 10_000;

/// Links of a document besides the two that it was shared with.
pub const DOCUMENT_GRANTS_MAX: usize = 256;

/// Bytes of what a link is called in its owner's list.
pub const LABEL_BYTES_MAX: usize = 64;

/// Processes about which a room keeps what its owner decided; of more the oldest is forgotten.
pub const ROOM_VERDICTS_MAX: usize = 1_024;

/// Owners' orders that wait for their documents to be loaded.
pub const RELAY_ORDERS_MAX: usize = 1_024;

/// Bytes of a text that a browser is shown.
pub const VIEW_BYTES_MAX: usize = 1 << 20;

/// Documents that a relay keeps in its store at once.
pub const RELAY_DOCUMENTS_STORED_MAX: u64 = 1_000_000;

/// Documents that may be created with one of a relay's tokens: no bound of its own by default.
pub const TOKEN_DOCUMENTS_MAX: u64 = RELAY_DOCUMENTS_STORED_MAX;

/// Bytes that one document may take in a relay's store: what still fits a transfer to those who join.
pub const DOCUMENT_STORED_BYTES_MAX: u64 = TRANSFER_BYTES_MAX as u64;

/// Milliseconds without links after which a relay forgets a document that is wholly durable.
pub const UNLOAD_AFTER_MS: u64 = 60_000;

/// How long after a hello or an order a relay says that there is no such document or that the secret is wrong: the time tells
/// nothing of which.
pub const DENIED_AFTER_MS: u64 = 500;

/// Denials that a relay holds back at once; further ones are hung up. Each keeps its connection's place under the bounds until then.
pub const RELAY_DENIALS_MAX: usize = 4_096;

/// Bytes appended to a document's log after which a new snapshot replaces it.
pub const SNAPSHOT_AFTER_BYTES: u64 = 1 << 20;

/// Records appended to a document's log after which a new snapshot replaces it: reading them one by one
/// is what makes loading slow.
pub const SNAPSHOT_AFTER_RECORDS: u64 = 4_000;

/// Bytes of a snapshot that are read in about the time of one record: a large document's log may grow until it doubles the
/// time that loading takes.
pub const SNAPSHOT_BYTES_PER_RECORD: u64 = 100;

/// Operations past a kept snapshot up to which it still serves those who join with nothing.
pub const JOIN_TAIL_OPS_MAX: u64 = 20_000;

/// Bytes of a snapshot that are one row of the journal: enough that a row costs nothing, and little beside any text that has more.
pub const SNAPSHOT_PART_BYTES: usize = 1 << 20;

/// Bytes of a text whose unsaved edits are kept in the journal: with a longer one, its beginning is written for seconds, twice.
pub const JOURNAL_TEXT_BYTES_MAX: usize = 512 << 20;

/// Steps of undo that are kept of one document beyond the end of the program: weeks of work on one text.
pub const UNDO_GROUPS_MAX: usize = 10_000;

/// Stretches brought back by undo or redo that are kept of one document; with more, undo begins anew.
pub const UNDO_REVIVALS_MAX: usize = 100_000;

/// Bytes of a text whose undo is kept once its file has everything: what is encoded and written within a few tens of
/// milliseconds at the end of the program.
pub const UNDO_TEXT_BYTES_MAX: usize = 4 << 20;

/// Bytes of a text with its history up to which its undo is kept: a text that was written anew a few times.
pub const UNDO_KEPT_BYTES_MAX: usize = 16 << 20;

/// Replicas of a text up to which its undo is kept: as many runs of the program that edited it.
pub const UNDO_REPLICAS_MAX: usize = 1_024;

/// Bytes of text for each run of operations that nobody has seen: in a text larger than that, they are sent as they are.
/// Rewriting them replays what was seen.
pub const SQUASH_BYTES_PER_RUN: usize = 16 << 10;

/// Runs of operations in the whole history for each of those, likewise.
pub const SQUASH_RUNS_PER_RUN: usize = 1 << 10;

/// Replicas of a document from which on nothing is rewritten: each time adds one.
pub const SQUASH_REPLICAS_MAX: usize = 1_024;

/// Spans side by side that are left out, at most: undo looks along them.
pub const SQUASH_DROPPED_MAX: usize = 1_000;

/// Files whose undo is kept in one journal; those that were closed longest ago go first.
pub const UNDO_FILES_MAX: usize = 200;

/// Bytes in one journal that are kept for nothing but undo; those that were closed longest ago go first.
pub const UNDO_JOURNAL_BYTES_MAX: u64 = 64 << 20;
