//! Recordings of real writing.

use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use serde_json::Value;

/// One replacement: where, how many characters go, what comes.
pub struct Patch {
    pub at: usize,
    pub n_deleted: usize,
    pub text: String,
}

/// What one person did after knowing exactly what `parents` and theirs know.
pub struct Txn {
    pub agent: usize,
    pub parents: Vec<usize>,
    pub patches: Vec<Patch>,
}

pub struct Trace {
    pub name: &'static str,
    pub n_agents: usize,
    pub txns: Vec<Txn>,
    pub end: String,
}

impl Trace {
    /// Reads a trace from `$COEDIT_TRACES`, or from the small ones of the repository; `None` if it is in neither.
    pub fn read(name: &'static str) -> Option<Trace> {
        let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data");
        let folders = std::env::var_os("COEDIT_TRACES").map(PathBuf::from).into_iter().chain([own]);
        let file = folders.map(|folder| folder.join(format!("{name}.json.gz"))).find(|file| file.exists())?;
        let mut json = String::new();
        let compressed = std::fs::read(file).expect("a readable trace");
        GzDecoder::new(&compressed[..]).read_to_string(&mut json).expect("a gzipped trace");
        let value: Value = serde_json::from_str(&json).expect("a trace");
        let number = |value: &Value| value.as_u64().expect("a number") as usize;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let patch = |patch: &Value| Patch {
            at: number(&patch[0]),
            n_deleted: number(&patch[1]),
            text: patch[2].as_str().expect("a text").to_owned(),
        };
        let is_concurrent = value["kind"] == "concurrent";
        let txns = list(&value["txns"]);
        let txns = txns.iter().enumerate().map(|(i, txn)| Txn {
            agent: txn["agent"].as_u64().unwrap_or(0) as usize,
            parents: match is_concurrent {
                true => list(&txn["parents"]).iter().map(number).collect(),
                false => i.checked_sub(1).into_iter().collect(),
            },
            patches: list(&txn["patches"]).iter().map(patch).collect(),
        });
        Some(Trace {
            name,
            n_agents: value["numAgents"].as_u64().unwrap_or(1) as usize,
            txns: txns.collect(),
            end: value["endContent"].as_str().expect("a text").to_owned(),
        })
    }
}
