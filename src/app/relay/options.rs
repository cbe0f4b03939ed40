//! What a relay is told: by flags, by the environment, by `relay.toml`, in this order of precedence.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde::Deserialize;

use crate::app::run::Usage;
use crate::base::limits;
use crate::base::time::Millis;
use crate::io::server::Bounds;
use crate::protocol::link_url::ServerUrl;
use crate::relay::{CreatePolicy, RelayConfig};

/// Flags of `coedit relay`. Each has its name in `relay.toml`, and `COEDIT_` and its name in the environment.
#[derive(Clone, Debug, Default, Args)]
pub struct RelayOptions {
    /// Where to listen; port 0 takes any free one [default: 127.0.0.1:7878]
    #[arg(long, value_name = "ADDR", env = "COEDIT_LISTEN")]
    pub listen: Option<String>,
    /// The folder for the texts
    #[arg(long, value_name = "DIR", env = "COEDIT_DATA")]
    pub data: Option<PathBuf>,
    /// The file with more settings [default: relay.toml in coedit's configuration folder]
    #[arg(long, value_name = "FILE", env = "COEDIT_RELAY_CONFIG")]
    pub config: Option<PathBuf>,
    /// Speak TLS with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", env = "COEDIT_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM); both files are read again when they change
    #[arg(long, value_name = "FILE", env = "COEDIT_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// Only who shows this token may create documents; empty: nobody may; may be repeated, each with documents of its own
    #[arg(long, value_name = "TOKEN", env = "COEDIT_CREATE_TOKEN", hide_env_values = true)]
    pub create_token: Vec<String>,
    /// Whoever shows this token sees status and metrics; without one, only who asks from this machine
    #[arg(long, value_name = "TOKEN", env = "COEDIT_OPERATOR_TOKEN", hide_env_values = true)]
    pub operator_token: Option<String>,
    /// Where clients go when this relay ends: the address of one that has its texts by then [default: here again]
    #[arg(long, value_name = "URL", env = "COEDIT_ELSEWHERE")]
    pub elsewhere: Option<String>,
    /// How the log on standard error is written [default: text]
    #[arg(long, value_enum, env = "COEDIT_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Change a limit of relay.toml, as in connections-per-address=200; may be repeated
    #[arg(long, value_name = "NAME=NUMBER", env = "COEDIT_LIMITS", value_delimiter = ',')]
    pub limit: Vec<String>,
}

/// What can be done with a relay besides running it.
#[derive(Clone, Debug, Subcommand)]
pub enum RelayAction {
    /// Ask a running relay how it is
    #[command(after_help = "Example:\n  coedit relay status https://relay.example --operator-token TOKEN")]
    Status {
        /// The relay
        #[arg(value_name = "URL", default_value = "http://127.0.0.1:7878")]
        url: String,
        /// The token that it was started with
        #[arg(long, value_name = "TOKEN", env = "COEDIT_OPERATOR_TOKEN", hide_env_values = true)]
        operator_token: Option<String>,
        /// Print all that it says, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Read all that a relay has stored, or a backup, and say what is damaged; the relay may run meanwhile
    #[command(
        after_help = "Examples:\n  coedit relay check --data /var/lib/coedit\n  coedit relay check /backup/coedit-monday"
    )]
    Check {
        /// A backup, to be looked through instead of the relay's folder
        #[arg(conflicts_with = "data")]
        file: Option<PathBuf>,
        /// The folder of the relay
        #[command(flatten)]
        store: StoreOptions,
    },
    /// Copy all that a relay has stored into a new file; the relay may run meanwhile
    #[command(after_help = "Example:\n  coedit relay backup /backup/coedit-monday --data /var/lib/coedit")]
    Backup {
        /// The new file
        file: PathBuf,
        /// The folder of the relay
        #[command(flatten)]
        store: StoreOptions,
    },
    /// Make a backup what a relay has stored; its folder must have nothing yet
    #[command(after_help = "Example:\n  coedit relay restore /backup/coedit-monday --data /var/lib/coedit")]
    Restore {
        /// The backup
        file: PathBuf,
        /// The folder of the relay
        #[command(flatten)]
        store: StoreOptions,
    },
}

/// Where a relay's texts are.
#[derive(Clone, Debug, Default, Args)]
pub struct StoreOptions {
    /// The folder for the texts
    #[arg(long, value_name = "DIR", env = "COEDIT_DATA")]
    pub data: Option<PathBuf>,
    /// The file that may name it [default: relay.toml in coedit's configuration folder]
    #[arg(long, value_name = "FILE", env = "COEDIT_RELAY_CONFIG")]
    pub config: Option<PathBuf>,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line, for programs.
    Json,
}

/// `relay.toml` with flags and environment laid over it. Anything else in it is an error.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Merged {
    listen: Option<String>,
    data: Option<PathBuf>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    create_token: Option<OneOrMany>,
    operator_token: Option<String>,
    elsewhere: Option<String>,
    log_format: LogFormat,
    limits: Limits,
}

/// A value, or several in brackets.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// What strangers may use. docs/RELAY.md says what each means.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Limits {
    connections: usize,
    connections_per_address: usize,
    connections_from_this_machine: usize,
    connections_per_document: usize,
    connections_without_hello: usize,
    handshakes_per_second: u64,
    handshakes_per_address: u64,
    request_seconds: u64,
    documents: u64,
    documents_per_token: u64,
    documents_open: usize,
    document_bytes: u64,
    packet_bytes: usize,
    queue_bytes: usize,
    upload_bytes: usize,
    bytes_per_second: u64,
    frames_per_second: u64,
    operations_per_second: u64,
    waiting_operations: usize,
    presence_bytes: usize,
    presences_per_second: u64,
    unload_seconds: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        let bounds = Bounds::default();
        Limits {
            connections: bounds.n_connections_max,
            connections_per_address: bounds.n_per_address_max,
            connections_from_this_machine: bounds.n_loopback_max,
            connections_per_document: limits::ROOM_LINKS_MAX,
            connections_without_hello: limits::RELAY_GREETING_MAX,
            handshakes_per_second: limits::RELAY_HANDSHAKES_PER_S_MAX,
            handshakes_per_address: bounds.n_new_per_address_per_s,
            request_seconds: bounds.request_timeout.as_secs(),
            documents: limits::RELAY_DOCUMENTS_STORED_MAX,
            documents_per_token: limits::TOKEN_DOCUMENTS_MAX,
            documents_open: limits::RELAY_DOCUMENTS_MAX,
            document_bytes: limits::DOCUMENT_STORED_BYTES_MAX,
            packet_bytes: limits::PACKET_BYTES_MAX,
            queue_bytes: limits::LINK_QUEUE_BYTES_MAX,
            upload_bytes: limits::UPLOAD_BYTES_MAX,
            bytes_per_second: limits::LINK_BYTES_PER_S_MAX,
            frames_per_second: limits::LINK_FRAMES_PER_S_MAX,
            operations_per_second: limits::LINK_OPS_PER_S_MAX,
            waiting_operations: limits::WAITING_CHANGES_MAX,
            presence_bytes: limits::PRESENCE_BYTES_MAX,
            presences_per_second: 1_000 / limits::PRESENCE_INTERVAL_MS,
            unload_seconds: limits::UNLOAD_AFTER_MS / 1_000,
        }
    }
}

/// Bytes of a message that every client must be let send: a fragment, or a hello about a document that thousands of programs have edited.
const PACKET_BYTES_MIN: usize = limits::PACKET_BYTES_MAX / 2;

/// Bytes that must be let wait for a client: a catch-up is sent in pieces of half as much.
const QUEUE_BYTES_MIN: usize = 2 * limits::LINK_QUEUE_BYTES_LOW;

impl Limits {
    /// Says which number is none that the protocol allows.
    fn check(&self) -> Result<(), Usage> {
        let of = |name, value: u64, from: usize, to: usize| match (from as u64..=to as u64).contains(&value) {
            true => Ok(()),
            false => Err(Usage(format!("{name} is from {from} to {to}, not {value}"))),
        };
        of("packet-bytes", self.packet_bytes as u64, PACKET_BYTES_MIN, limits::PACKET_BYTES_MAX)?;
        of("queue-bytes", self.queue_bytes as u64, QUEUE_BYTES_MIN, limits::LINK_QUEUE_BYTES_MAX)?;
        of("presence-bytes", self.presence_bytes as u64, 0, limits::PRESENCE_BYTES_MAX)?;
        of("presences-per-second", self.presences_per_second, 1, 1_000)
    }
}

/// What a relay is, for as long as it runs.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// Where it listens.
    pub listen: String,
    /// Where its texts are.
    pub data: PathBuf,
    /// Certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Who sees status and metrics.
    pub operator_token: Option<String>,
    /// How it writes its log.
    pub log_format: LogFormat,
    /// Bounds on connections.
    pub bounds: Bounds,
    /// Everything else; the seed is to be set.
    pub relay: RelayConfig,
}

impl RelaySettings {
    /// Reads the file and lays the options over it. `folder` is where `relay.toml` is by default, `data` the folder for the
    /// texts by default.
    ///
    /// # Errors
    /// In one sentence: the file, the key, and what is wrong with it.
    pub fn of(options: &RelayOptions, folder: &Path, data: &Path) -> anyhow::Result<RelaySettings> {
        let file = options.config.clone().unwrap_or_else(|| folder.join("relay.toml"));
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && options.config.is_none() => {
                String::new()
            }
            Err(error) => {
                bail!("{} cannot be read ({}); check --config, or leave it out", file.display(), error.kind())
            }
        };
        let merged = merge(&text, options).map_err(|error| match error {
            Wrong::InFile { line, what } => anyhow!("{} line {line}: {what}", file.display()),
            Wrong::InOptions(sentence) => Usage(sentence).into(),
        })?;
        merged.settings(data)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    InFile { line: usize, what: String },
    InOptions(String),
}

fn merge(text: &str, options: &RelayOptions) -> Result<Merged, Wrong> {
    // Read twice: as what it must be, for errors that name the line, and as a table that options can be laid over.
    let in_file = |error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count() + 1;
        Wrong::InFile { line, what: error.message().replace('\n', " ") }
    };
    toml::from_str::<Merged>(text).map_err(in_file)?;
    let mut table = toml::from_str::<toml::Table>(text).map_err(in_file)?;
    let path = |path: &PathBuf| path.to_string_lossy().into_owned();
    let laid_over = [
        ("listen", options.listen.clone()),
        ("data", options.data.as_ref().map(path)),
        ("tls-cert", options.tls_cert.as_ref().map(path)),
        ("tls-key", options.tls_key.as_ref().map(path)),
        ("operator-token", options.operator_token.clone()),
        ("elsewhere", options.elsewhere.clone()),
        ("log-format", options.log_format.map(|format| format!("{format:?}").to_lowercase())),
    ];
    for (key, value) in laid_over {
        if let Some(value) = value {
            table.insert(key.to_owned(), value.into());
        }
    }
    if !options.create_token.is_empty() {
        table.insert("create-token".to_owned(), options.create_token.clone().into());
    }
    let limits = table.entry("limits").or_insert_with(|| toml::Table::new().into());
    for limit in &options.limit {
        let (name, number) = limit.split_once('=').unwrap_or((limit, ""));
        let Ok(number) = number.trim().parse::<u32>() else {
            return Err(Wrong::InOptions(format!("--limit takes NAME=NUMBER, not {limit}")));
        };
        if let Some(limits) = limits.as_table_mut() {
            limits.insert(name.trim().to_owned(), i64::from(number).into());
        }
    }
    let merged = Merged::deserialize(table);
    merged.map_err(|error| Wrong::InOptions(format!("--limit: {}", error.message().replace('\n', " "))))
}

impl Merged {
    fn settings(self, data: &Path) -> anyhow::Result<RelaySettings> {
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => return Err(Usage("TLS needs both tls-cert and tls-key".to_owned()).into()),
        };
        let mut relay = RelayConfig::new(0);
        relay.create = match self.create_token {
            None => CreatePolicy::Anybody,
            Some(OneOrMany::One(token)) => create_policy(vec![token])?,
            Some(OneOrMany::Many(tokens)) => create_policy(tokens)?,
        };
        let elsewhere = self.elsewhere.filter(|url| !url.is_empty()).map(|url| ServerUrl::parse(&url));
        relay.elsewhere = elsewhere.transpose().map_err(|error| Usage(format!("elsewhere: {error}")))?;
        let limits = self.limits;
        limits.check()?;
        relay.link_limits.packet_bytes_max = limits.packet_bytes;
        relay.link_limits.queue_bytes_max = limits.queue_bytes;
        relay.link_limits.upload_bytes_max = limits.upload_bytes;
        relay.link_limits.bytes_per_s = limits.bytes_per_second;
        relay.link_limits.bytes_burst = (2 * limits.upload_bytes as u64).max(limits.bytes_per_second);
        relay.link_limits.frames_per_s = limits.frames_per_second;
        relay.link_limits.frames_burst = 10 * limits.frames_per_second;
        relay.link_limits.ops_per_s = limits.operations_per_second;
        relay.link_limits.ops_burst = (2 * limits.upload_bytes as u64).max(limits.operations_per_second);
        relay.link_limits.waiting_max = limits.waiting_operations;
        relay.link_limits.presence_bytes_max = limits.presence_bytes;
        relay.link_limits.presence_interval = Millis(1_000 / limits.presences_per_second);
        relay.handshakes =
            (limits.handshakes_per_second, limits.handshakes_per_second.max(limits.connections as u64));
        relay.documents_per_token_max = limits.documents_per_token;
        relay.link_limits.links_max = limits.connections_per_document;
        relay.links_max = limits.connections;
        relay.greeting_max = limits.connections_without_hello;
        relay.documents_max = limits.documents_open;
        relay.documents_stored_max = limits.documents;
        relay.document_bytes_max = limits.document_bytes;
        relay.unload_after = Millis(1_000 * limits.unload_seconds);
        Ok(RelaySettings {
            listen: self.listen.unwrap_or_else(|| "127.0.0.1:7878".to_owned()),
            data: self.data.unwrap_or_else(|| data.to_owned()),
            tls,
            operator_token: self.operator_token.filter(|token| !token.is_empty()),
            log_format: self.log_format,
            bounds: Bounds {
                n_connections_max: limits.connections,
                n_per_address_max: limits.connections_per_address,
                n_loopback_max: limits.connections_from_this_machine,
                n_new_per_address_per_s: limits.handshakes_per_address,
                request_timeout: std::time::Duration::from_secs(limits.request_seconds),
            },
            relay,
        })
    }
}

/// Returns who may create documents by tokens: nobody, if none has a character.
fn create_policy(tokens: Vec<String>) -> anyhow::Result<CreatePolicy> {
    if tokens.iter().any(|token| limits::OPERATOR_TOKEN_BYTES_MAX < token.len()) {
        let sentence = format!("create-token has at most {} bytes", limits::OPERATOR_TOKEN_BYTES_MAX);
        return Err(Usage(sentence).into());
    }
    let tokens: Vec<_> =
        tokens.into_iter().filter(|token| !token.is_empty()).map(String::into_bytes).collect();
    Ok(if tokens.is_empty() { CreatePolicy::Nobody } else { CreatePolicy::OperatorTokens(tokens) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_laid_over_the_file_and_the_file_over_the_defaults() {
        let text =
            "listen = \"[::]:1\"\nlog-format = \"json\"\n[limits]\ndocuments = 7\nunload-seconds = 5\n";
        let options = RelayOptions {
            listen: Some("0.0.0.0:2".to_owned()),
            limit: vec!["documents=8".to_owned()],
            create_token: vec![String::new()],
            ..RelayOptions::default()
        };
        let settings = merge(text, &options).expect("sound").settings(Path::new("/d")).expect("sound");
        assert_eq!((settings.listen.as_str(), settings.log_format), ("0.0.0.0:2", LogFormat::Json));
        assert_eq!((settings.relay.documents_stored_max, settings.relay.unload_after), (8, Millis(5_000)));
        assert_eq!(settings.relay.create, CreatePolicy::Nobody);
        let many =
            "create-token = [\"a\", \"b\"]\n[limits]\npresences-per-second = 5\nhandshakes-per-address = 3\n";
        let settings = merge(many, &RelayOptions::default()).expect("sound").settings(Path::new("/d"));
        let settings = settings.expect("sound");
        assert_eq!(settings.relay.create, CreatePolicy::OperatorTokens(vec![b"a".to_vec(), b"b".to_vec()]));
        assert_eq!(settings.relay.link_limits.presence_interval, Millis(200));
        assert_eq!(settings.bounds.n_new_per_address_per_s, 3);
        let defaults =
            merge("", &RelayOptions::default()).expect("sound").settings(Path::new("/d")).expect("sound");
        assert_eq!((defaults.listen.as_str(), defaults.data.as_path()), ("127.0.0.1:7878", Path::new("/d")));
        let fixed = RelayConfig::new(0);
        assert_eq!(
            format!("{:?}", defaults.relay),
            format!("{fixed:?}"),
            "the file's defaults are the machine's"
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let wrong = |text: &str, limit: &[&str]| {
            let limit = limit.iter().map(|&limit| limit.to_owned()).collect();
            merge(text, &RelayOptions { limit, ..RelayOptions::default() }).expect_err("wrong")
        };
        assert!(matches!(wrong("data = \"/d\"\nlissen = 1\n", &[]), Wrong::InFile { line: 2, .. }));
        assert!(matches!(wrong("[limits]\ndocuments = -1\n", &[]), Wrong::InFile { line: 2, .. }));
        let Wrong::InOptions(sentence) = wrong("", &["dokuments=1"]) else { panic!("in the file?") };
        assert!(sentence.contains("dokuments"), "{sentence}");
        assert_eq!(
            wrong("", &["documents"]),
            Wrong::InOptions("--limit takes NAME=NUMBER, not documents".into())
        );
        let over = |limits| Merged { limits, ..Merged::default() }.settings(Path::new("/d"));
        assert!(over(Limits { presence_bytes: 1_025, ..Limits::default() }).is_err());
        assert!(over(Limits { presences_per_second: 0, ..Limits::default() }).is_err());
        assert!(over(Limits { queue_bytes: (1 << 20) + 1, ..Limits::default() }).is_err());
        let sentence =
            over(Limits { packet_bytes: 1_000, ..Limits::default() }).expect_err("too few").to_string();
        assert_eq!(sentence, "packet-bytes is from 131072 to 262144, not 1000");
        let settings = over(Limits {
            packet_bytes: 200_000,
            queue_bytes: 300_000,
            connections_without_hello: 9,
            ..Limits::default()
        });
        let relay = settings.expect("sound").relay;
        let found =
            (relay.link_limits.packet_bytes_max, relay.link_limits.queue_bytes_max, relay.greeting_max);
        assert_eq!(found, (200_000, 300_000, 9));
        let half = Merged { tls_key: Some("k".into()), ..Merged::default() };
        assert!(half.settings(Path::new("/d")).expect_err("half").to_string().contains("tls-cert"));
    }
}
