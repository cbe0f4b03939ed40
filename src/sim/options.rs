//! What a seed's world is like: who is there, what the network is like, which faults happen and how often.

use crate::base::rng::Rng;

/// Servers in one world, at most.
pub const N_SERVERS_MAX: usize = 3;

/// Who is there besides honest members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostile {
    /// Nobody.
    None,
    /// Somebody without a token that means anything.
    Outsider,
    /// Somebody with a link that may only read, who sends whatever was ever sent, whole or damaged.
    Reader,
    /// Somebody with a link that may write, who sends what makes no sense.
    Writer,
}

/// Everything that is drawn once for each seed. Weights are relative to each other; 0 never happens.
#[derive(Clone, Debug)]
pub struct Options {
    /// Servers, each with a document of its own.
    pub n_servers: usize,
    /// Of which of them the first client serves the document instead of a relay.
    pub hosts: [bool; N_SERVERS_MAX],
    /// Clients that may write, the first included.
    pub n_writers: usize,
    /// Clients that may only read, and edit all the same.
    pub n_readers: usize,
    /// How many of the clients come only later.
    pub n_late: usize,
    /// Who else is there.
    pub hostile: Hostile,
    /// Whether somebody dials with the same document's name and another history.
    pub has_stranger: bool,
    /// Characters that the text begins with.
    pub n_chars_first: usize,
    /// Milliseconds that a packet takes at least, and what chance adds at most.
    pub latency_ms: u64,
    /// See `latency_ms`.
    pub jitter_ms: u64,
    /// Bytes per millisecond of each connection.
    pub bytes_per_ms: u64,
    /// Milliseconds that a disk takes at most for one transaction.
    pub disk_ms: u64,
    /// Percent of the connections for which there is no WebSocket, so that plain requests carry them: streams or polls.
    pub requests_percent: u64,
    /// Packets of a thousand that arrive twice; the connection breaks within a minute.
    pub duplicated: u64,
    /// Packets of a thousand that overtake others; the connection breaks within a minute.
    pub reordered: u64,
    /// Packets of a thousand that are lost; the connection breaks within a minute.
    pub lost: u64,
    /// Records after which the relay makes a snapshot.
    pub snapshot_after_records: u64,
    /// Bytes of the largest batch that the server takes from a client.
    pub upload_bytes_max: usize,
    /// Bytes of the document in the relay's store past which it can only be read.
    pub document_bytes_max: u64,
    /// Documents that the relay may have in its store.
    pub documents_stored_max: u64,
    /// Things that happen before the faults stop.
    pub n_acts: u64,
    /// Milliseconds between two of them, at most.
    pub gap_ms: u64,
    /// Percent of the edits that are undo or redo.
    pub undo_percent: u64,
    /// Percent of the edits that are at one place.
    pub hot_percent: u64,
    /// Characters in one edit, at most.
    pub n_chars_edit: u64,
    /// Weight of an edit.
    pub edit: u64,
    /// … of a connection that is cut, each end told at its own time.
    pub cut: u64,
    /// … of a connection that dies and nobody is told.
    pub half_open: u64,
    /// … of a client that is out of reach for a while.
    pub partition: u64,
    /// … of a client's program that is killed.
    pub kill_client: u64,
    /// … of a client's program that is ended properly.
    pub quit_client: u64,
    /// … of the server being killed.
    pub kill_server: u64,
    /// … of a computer that loses power: as a kill, and nobody is told.
    pub power: u64,
    /// … of a disk becoming full, or free again.
    pub full: u64,
    /// … of a write or a sync that fails, after which some of it may be on the disk all the same.
    pub refused: u64,
    /// … of a disk that cannot be read the next time.
    pub unreadable: u64,
    /// … of a bit that flips on a disk.
    pub flip: u64,
    /// … of a dead machine's disk being replaced by an older copy.
    pub restore: u64,
    /// … of a machine that sleeps, its clock running on or not.
    pub sleep: u64,
    /// … of somebody pressing "try again".
    pub retry: u64,
    /// … of a file being saved, which cuts the journal.
    pub save: u64,
    /// … of somebody showing where he is.
    pub presence: u64,
    /// Whether everybody presses "try again" when the faults stop.
    pub presses_retry: bool,
}

impl Options {
    /// A world without faults: two writers at a relay.
    pub fn quiet() -> Options {
        Options {
            n_servers: 1,
            hosts: [false; N_SERVERS_MAX],
            n_writers: 2,
            n_readers: 0,
            n_late: 0,
            hostile: Hostile::None,
            has_stranger: false,
            n_chars_first: 15,
            latency_ms: 0,
            jitter_ms: 30,
            bytes_per_ms: 10_000,
            disk_ms: 10,
            requests_percent: 0,
            duplicated: 0,
            reordered: 0,
            lost: 0,
            snapshot_after_records: crate::base::limits::SNAPSHOT_AFTER_RECORDS,
            upload_bytes_max: crate::base::limits::UPLOAD_BYTES_MAX,
            document_bytes_max: crate::base::limits::DOCUMENT_STORED_BYTES_MAX,
            documents_stored_max: crate::base::limits::RELAY_DOCUMENTS_STORED_MAX,
            n_acts: 0,
            gap_ms: 60,
            undo_percent: 0,
            hot_percent: 0,
            n_chars_edit: 1,
            edit: 40,
            cut: 0,
            half_open: 0,
            partition: 0,
            kill_client: 0,
            quit_client: 0,
            kill_server: 0,
            power: 0,
            full: 0,
            refused: 0,
            unreadable: 0,
            flip: 0,
            restore: 0,
            sleep: 0,
            retry: 0,
            save: 0,
            presence: 0,
            presses_retry: false,
        }
    }

    /// Draws a world from a seed.
    pub fn draw(seed: u64) -> Options {
        let mut draw = Draw(Rng::new(seed ^ 0x6f70_7469_6f6e));
        let n_writers = if seed % 10 == 9 { 14 } else { 2 + draw.below(5) as usize };
        let n_readers = draw.or_none(2, 2) as usize;
        let is_large = draw.chance(3);
        Options {
            n_servers: if draw.chance(30) { 2 + draw.below(2) as usize } else { 1 },
            hosts: std::array::from_fn(|_| draw.chance(25)),
            n_writers,
            n_readers,
            n_late: draw.below((n_writers + n_readers) as u64 / 2 + 1) as usize,
            hostile: [Hostile::None, Hostile::Outsider, Hostile::Reader, Hostile::Writer]
                [draw.below(4) as usize],
            has_stranger: draw.chance(15),
            n_chars_first: draw.below(60) as usize,
            latency_ms: [0, 1, 20, 150, 900][draw.below(5) as usize],
            jitter_ms: [1, 30, 300, 3_000][draw.below(4) as usize],
            bytes_per_ms: [1, 20, 1_000, 100_000][draw.below(4) as usize],
            disk_ms: [1, 10, 200, 4_000][draw.below(4) as usize],
            requests_percent: [0, 0, 30, 100][draw.below(4) as usize],
            duplicated: draw.or_none(3, 100),
            reordered: draw.or_none(4, 20),
            lost: draw.or_none(4, 20),
            snapshot_after_records: [3, 20, 200, 10_000][draw.below(4) as usize],
            upload_bytes_max: [1_000, 100_000, 1 << 26][draw.below(3) as usize],
            n_acts: 100 + draw.below(300),
            gap_ms: [20, 200, 2_000][draw.below(3) as usize],
            undo_percent: draw.or_none(2, 25),
            hot_percent: [0, 0, 50, 100][draw.below(4) as usize],
            n_chars_edit: if is_large { 2_000 } else { [1, 3, 40][draw.below(3) as usize] },
            edit: 40,
            cut: draw.or_none(2, 6),
            half_open: draw.or_none(2, 4),
            partition: draw.or_none(2, 3),
            kill_client: draw.or_none(2, 4),
            quit_client: draw.or_none(2, 3),
            kill_server: draw.or_none(2, 4),
            power: draw.or_none(2, 3),
            full: draw.or_none(2, 3),
            refused: draw.or_none(2, 4),
            unreadable: draw.or_none(3, 3),
            flip: draw.or_none(5, 2),
            restore: draw.or_none(5, 3),
            sleep: draw.or_none(3, 2),
            retry: draw.or_none(2, 3),
            save: draw.or_none(2, 4),
            presence: draw.or_none(2, 8),
            presses_retry: draw.chance(50),
            ..Options::quiet()
        }
    }
}

struct Draw(Rng);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0.below(n)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.0.below(100) < percent
    }

    /// Returns 1 to `max` in one of `one_in` cases, else 0.
    fn or_none(&mut self, one_in: u64, max: u64) -> u64 {
        let value = 1 + self.0.below(max);
        if self.0.below(one_in) == 0 { value } else { 0 }
    }
}
