//! What the storage promises, on real files.

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

fn refuse_writes(folder: &Path) {
    fs::write(folder.join("refuse-writes"), "").expect("written");
}

fn allow_writes(folder: &Path) {
    fs::remove_file(folder.join("refuse-writes")).expect("removed");
}

/// Copies the files of a database as a crash would leave them: the log is not folded in.
fn copy_as_after_crash(from: &Path, to: &Path, name: &str) {
    for suffix in ["", "-wal"] {
        let name = format!("{name}{suffix}");
        fs::copy(from.join(&name), to.join(&name)).expect("copied");
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
