//! What the storage promises, on real files.

mod flips;
mod journal;
mod relay;

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rusqlite::Connection;

/// Makes every write fail while a file `refuse-writes` lies next to the database.
pub(super) fn refuse_writes_if_asked(database: &Path, connection: &Connection) {
    let refuse = database.with_file_name("refuse-writes").exists();
    connection.pragma_update(None, "query_only", refuse).expect("query_only is always settable");
}

/// Fails as [`refuse_writes_if_asked`] does, or once if a file `fail-sync-N` says so: at the N-th sync from then on.
pub(super) fn fail_if_asked(folder: &Path) -> std::io::Result<()> {
    let fails = |kind| Err(std::io::Error::from_raw_os_error(kind));
    if folder.join("refuse-writes").exists() {
        return fails(28);
    }
    let n_left = (1..100).find(|n| folder.join(format!("fail-sync-{n}")).exists());
    if let Some(n) = n_left {
        fs::remove_file(folder.join(format!("fail-sync-{n}"))).expect("removed");
        match n {
            1 => return fails(5),
            n => fs::write(folder.join(format!("fail-sync-{}", n - 1)), "").expect("written"),
        }
    }
    Ok(())
}

fn refuse_writes(folder: &Path) {
    fs::write(folder.join("refuse-writes"), "").expect("written");
}

fn allow_writes(folder: &Path) {
    fs::remove_file(folder.join("refuse-writes")).expect("removed");
}

/// Copies the files of a database as a crash would leave them: the log is not folded in.
fn copy_as_after_crash(from: &Path, to: &Path, name: &str) {
    for name in [name, &format!("{name}-wal"), "relay.redo-0", "relay.redo-1"] {
        match fs::copy(from.join(name), to.join(name)) {
            Err(error) if !name.contains("redo") => panic!("{name}: {error}"),
            _ => {}
        }
    }
}

/// Returns where events go, and the function that sends them there.
fn events<E: Send + 'static>() -> (Receiver<E>, Box<dyn Fn(E) + Send>) {
    let (sender, receiver) = mpsc::channel();
    (receiver, Box::new(move |event| drop(sender.send(event))))
}

fn next<E>(events: &Receiver<E>) -> E {
    events.recv_timeout(Duration::from_secs(20)).expect("an event comes")
}

fn assert_quiet<E: std::fmt::Debug>(events: &Receiver<E>, millis: u64) {
    if let Ok(event) = events.recv_timeout(Duration::from_millis(millis)) {
        panic!("nothing was to be told, but: {event:?}");
    }
}
