//! Text from standard input.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::base::text_format::LineEnding;
use crate::editor::file::FileMeta;
use crate::io::files::{self, Reading};

/// Bytes of standard input that are taken: what comes without end must not fill the memory.
const INPUT_BYTES_MAX: u64 = 1 << 29;

/// After how long it is told that it is being read, and then how often.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// Reads standard input to its end, with `\n` ends of line.
///
/// # Errors
/// In one sentence, if it breaks off or is not text.
pub fn read_standard_input() -> anyhow::Result<String> {
    let bytes = read_telling().context("standard input broke off")?;
    if INPUT_BYTES_MAX <= bytes.len() as u64 {
        bail!("standard input is longer than {} MB; put it into a file and open that", INPUT_BYTES_MAX >> 20);
    }
    decode(bytes, "standard input")
}

/// Reads a file that has to be there, with `\n` ends of line.
///
/// # Errors
/// In one sentence, if it cannot be read or is not text.
pub fn read_file(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    decode(bytes, &path.display().to_string())
}

/// Reads text in any encoding, with `\n` ends of line. `what` it is begins the sentence if it cannot be read.
///
/// # Errors
/// In one sentence, if it is not text.
pub fn decode(bytes: Vec<u8>, what: &str) -> anyhow::Result<String> {
    let mut meta = FileMeta::default();
    let text = files::decode(bytes, Reading::Guess, &mut meta);
    if meta.read_only.is_some() {
        bail!(
            "{what} is not text in an encoding that can be told; convert it to UTF-8 first, with iconv for example"
        );
    }
    // Where both ends of line occur, those of two characters are ends of line, too.
    Ok(if meta.format.line_ending == LineEnding::Mixed { text.replace("\r\n", "\n") } else { text })
}

/// Reads standard input up to the bound, and tells on a terminal how much is here when that takes long.
fn read_telling() -> std::io::Result<Vec<u8>> {
    let n_read = Arc::new(AtomicU64::new(0));
    let (done, is_done) = mpsc::channel::<()>();
    let telling = std::io::stderr().is_terminal().then(|| {
        let n_read = Arc::clone(&n_read);
        std::thread::spawn(move || tell(&is_done, &n_read))
    });
    let mut input = std::io::stdin().lock().take(INPUT_BYTES_MAX);
    let (mut bytes, mut block) = (Vec::new(), vec![0; 1 << 16]);
    let read = loop {
        match input.read(&mut block) {
            Ok(0) => break Ok(()),
            Ok(n) => {
                bytes.extend_from_slice(&block[..n]);
                n_read.store(bytes.len() as u64, Ordering::Relaxed);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    drop(done);
    if let Some(telling) = telling {
        // Nothing of it may come when the screen is drawn already.
        let _ = telling.join();
    }
    read.map(|()| bytes)
}

fn tell(is_done: &mpsc::Receiver<()>, n_read: &AtomicU64) {
    let mut is_told = false;
    while let Err(RecvTimeoutError::Timeout) = is_done.recv_timeout(TELL_EVERY) {
        let n_kb = n_read.load(Ordering::Relaxed) / 1_000;
        let words = "of standard input are here; it is shown when it ends, Ctrl-C gives up";
        let _ = write!(std::io::stderr(), "\rcoedit: {n_kb} kB {words} ");
        is_told = true;
    }
    if is_told {
        let _ = writeln!(std::io::stderr());
    }
}
