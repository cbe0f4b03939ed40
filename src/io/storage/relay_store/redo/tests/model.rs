//! The log beside a plain list, through whatever may happen to a disk: syncs that fail, power cuts that leave any pages of what was not
//! synced, bits that flip, and starts in between.

use super::*;
use crate::base::rng::Rng;

/// Seeds in one run, unless `COEDIT_REDO_SEEDS` says otherwise, and what happens in each.
const N_SEEDS: u64 = 60;
const N_STEPS: u64 = 40;

/// Bytes of each file: a few groups.
const TURN_BYTES: u64 = 1 << 15;

/// What a disk writes whole, and what it writes at a time.
const SECTOR: usize = 512;
const PAGE: usize = 4096;

struct World {
    seed: u64,
    rng: Rng,
    folder: tempfile::TempDir,
    redo: Redo,
    /// Up to where the database has everything.
    mark: Mark,
    /// What was acknowledged beyond that, each with the place behind it.
    acknowledged: Vec<(Change, Mark)>,
    /// Groups that were refused since the last that was not. The first changes of one of them may be read back.
    refused: Vec<Vec<Change>>,
    /// Both files as they were last synced.
    synced: [Vec<u8>; 2],
    n_changes: u64,
}

impl World {
    fn new(seed: u64) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let redo = Redo::open_with(folder.path(), SALT, Mark::default(), TURN_BYTES).expect("opened");
        let mut world = World {
            seed,
            rng: Rng::new(seed),
            folder,
            redo,
            mark: Mark::default(),
            acknowledged: Vec::new(),
            refused: Vec::new(),
            synced: Default::default(),
            n_changes: 0,
        };
        world.synced = world.files();
        world
    }

    fn step(&mut self) {
        match self.rng.below(20) {
            0..=10 => self.write(false),
            11..=13 => self.write(true),
            14..=15 => self.settle(),
            16 => self.start(false),
            17..=18 => {
                self.cut_power();
                self.start(false);
            }
            _ => {
                let is_flipped = self.flip();
                self.start(is_flipped);
            }
        }
    }

    fn files(&self) -> [Vec<u8>; 2] {
        FILES.map(|name| std::fs::read(self.folder.path().join(name)).expect("a file"))
    }

    fn group(&mut self) -> Vec<Change> {
        (0..=self.rng.below(4))
            .map(|_| {
                self.n_changes += 1;
                let n_bytes = match self.rng.below(6) {
                    0 => self.rng.below(TURN_BYTES),
                    1 => self.rng.below(5_000),
                    _ => self.rng.below(60),
                };
                change(self.n_changes, n_bytes as usize)
            })
            .collect()
    }

    fn write(&mut self, fails: bool) {
        let group = self.group();
        let fail = self.folder.path().join("fail-sync-1");
        if fails {
            std::fs::write(&fail, "").expect("written");
        }
        let settled = self.mark.generation.saturating_sub(1);
        let result = self.redo.write(&group, settled);
        assert_eq!(result.is_err(), fails, "seed {}: {result:?}", self.seed);
        if fails {
            return self.refused.push(group);
        }
        self.refused.clear();
        let mut end = self.redo.end();
        let lens = group.iter().map(|change| (HEAD_BYTES + change.bytes.len()) as u64);
        end.offset -= lens.sum::<u64>();
        for change in group {
            end.offset += (HEAD_BYTES + change.bytes.len()) as u64;
            self.acknowledged.push((change, end));
        }
        self.synced = self.files();
    }

    /// The database has some of it.
    fn settle(&mut self) {
        let n = self.rng.below(self.acknowledged.len() as u64 + 1) as usize;
        for (_, end) in self.acknowledged.drain(..n) {
            self.mark = end;
        }
    }

    /// Of what was written since the last sync any pages are there, and of the last of them only some sectors.
    fn cut_power(&mut self) {
        let now = self.files();
        for (n, file) in now.into_iter().enumerate() {
            let mut left = self.synced[n].clone();
            left.resize(left.len().max(file.len()), 0);
            let n_pages = left.len().div_ceil(PAGE);
            for page in 0..n_pages {
                let (start, end) = (page * PAGE, ((page + 1) * PAGE).min(file.len()));
                let n_sectors = match self.rng.below(5) {
                    0..=1 => 0,
                    2..=3 => PAGE / SECTOR,
                    _ => self.rng.below((PAGE / SECTOR) as u64) as usize,
                };
                let written = start..end.min(start + n_sectors * SECTOR);
                if written.start < written.end {
                    left[written.clone()].copy_from_slice(&file[written]);
                }
            }
            std::fs::write(self.folder.path().join(FILES[n]), left).expect("written");
        }
    }

    /// Flips a bit of what is not in the database yet. Returns whether there is any.
    fn flip(&mut self) -> bool {
        let Some((_, last)) = self.acknowledged.last() else { return false };
        let generation = self.mark.generation.max(1) + self.rng.below(2);
        let start = if generation == self.mark.generation { self.mark.offset } else { 0 };
        let mut files = self.files();
        let bytes = &mut files[(generation % 2) as usize];
        let end =
            if generation == last.generation { last.offset } else { TURN_BYTES.min(bytes.len() as u64) };
        if end <= start || last.generation < generation {
            return false;
        }
        let at = (start + self.rng.below(end - start)) as usize;
        bytes[at] ^= 1 << self.rng.below(8);
        let name = FILES[(generation % 2) as usize];
        std::fs::write(self.folder.path().join(name), bytes).expect("written");
        true
    }

    /// Starts anew, as a relay does, and looks at what is read.
    fn start(&mut self, is_flipped: bool) {
        let seed = self.seed;
        let found = read(self.folder.path(), SALT, self.mark).expect("readable");
        let read: Vec<&Change> = found.changes.iter().map(|(change, _)| change).collect();
        let acknowledged: Vec<&Change> = self.acknowledged.iter().map(|(change, _)| change).collect();
        let n_common = read.len().min(acknowledged.len());
        assert!(read[..n_common] == acknowledged[..n_common], "seed {seed}: not what was written, in order");
        let more = &read[n_common..];
        let is_first_of = |group: &Vec<Change>| group.iter().take(more.len()).eq(more.iter().copied());
        assert!(
            more.is_empty() || self.refused.iter().any(is_first_of),
            "seed {seed}: what nobody wrote behind that"
        );
        let n_lost = acknowledged.len() - n_common;
        assert!(is_flipped || n_lost == 0, "seed {seed}: {n_lost} are lost, {:?}", found.damage);
        // The very last one may be lost untold.
        assert!(n_lost <= 1 || found.damage.is_some(), "seed {seed}: {n_lost} are lost, and nothing is said");
        assert!(
            is_flipped || !self.refused.is_empty() || found.damage.is_none(),
            "seed {seed}: {:?} for nothing",
            found.damage
        );
        self.mark = match &found.damage {
            None => found.end,
            Some(damage) => Mark { generation: damage.last_generation + 1, offset: 0 },
        };
        self.acknowledged.clear();
        self.refused.clear();
        self.redo = Redo::open_with(self.folder.path(), SALT, self.mark, TURN_BYTES).expect("opened");
        self.synced = self.files();
    }
}

#[test]
fn whatever_happens_what_was_acknowledged_is_read_back_in_order_or_damage_is_told() {
    let n_seeds = std::env::var("COEDIT_REDO_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(N_SEEDS);
    for seed in 0..n_seeds {
        let mut world = World::new(seed);
        (0..N_STEPS).for_each(|_| world.step());
        world.start(false);
    }
}
