//! What the storage promises, on real files.

use std::path::Path;

use rusqlite::Connection;

/// Makes every write fail while a file `refuse-writes` lies next to the database.
pub(super) fn refuse_writes_if_asked(database: &Path, connection: &Connection) {
    let refuse = database.with_file_name("refuse-writes").exists();
    connection.pragma_update(None, "query_only", refuse).expect("query_only is always settable");
}
