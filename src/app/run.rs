//! From the command line to the command.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use clap::Parser;

use crate::app::cli::{self, Cli, Command};
use crate::app::relay::options::{RelayAction, RelayOptions, RelaySettings, StoreOptions};
use crate::app::session::How;
use crate::app::setting::Setting;
use crate::app::{
    cat, config, docs, doctor, join, manage, manual, put, relay, settings, share, simulate, text,
};
use crate::editor::command::keys_page;
use crate::io::paths::Paths;
use crate::io::transport::connect::Network;
use crate::protocol::link_url::{LinkUrl, ServerUrl};
use crate::view::safe;

/// The command line asks for something that makes no sense: the program ends with 2 instead of 1.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// What the editor is to open.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The files and the place in them.
    pub files: cli::Files,
    /// How the first file is opened.
    pub how: How,
}

/// Reads the command line and does what it says. Commands with a screen go to `edit`.
///
/// # Errors
/// In one sentence, for people.
pub fn run(edit: impl FnOnce(Setting, Launch) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let cli = Cli::parse_from(cli::arranged(std::env::args_os()));
    match cli.command.clone() {
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut cli::description(), "coedit", &mut script);
            return print(&script);
        }
        Some(Command::Man) => return print(&manual::page()?),
        Some(Command::Keys) => return print(keys_page().as_bytes()),
        Some(Command::Config { .. }) => {
            let paths = Paths::of_user()?;
            let config = config::read(&paths.config);
            print(settings::shown(&paths, &config, &cli.global).as_bytes())?;
            let Some((last, mistakes)) = config.mistakes.split_last() else {
                config.warnings.iter().for_each(|warning| say(warning));
                return Ok(());
            };
            mistakes.iter().for_each(|mistake| say(mistake));
            return Err(anyhow!("{last}"));
        }
        Some(Command::Simulate { seed, seeds, repeat }) => {
            return print(simulate::simulate(seed, seeds, repeat)?.as_bytes());
        }
        _ => {}
    }
    let mut setting = setting(&cli.global)?;
    // On a screen the status line says it.
    let has_screen =
        matches!(cli.command, None | Some(Command::Join { .. } | Command::Share { detach: false, .. }));
    if let Some(remark) = setting.remark.as_ref().filter(|_| !has_screen) {
        say(remark);
    }
    match cli.command {
        None => match joined(&cli.files)? {
            Some((link, file)) => edit_link(edit, setting, link, file),
            None => edit(setting, Launch { files: cli::files(&cli.files), how: How::Edit }),
        },
        Some(Command::Share { file, relay, detach: true, create_token, .. }) => {
            setting.take_create_token(create_token);
            let Some(file) = file else {
                return Err(
                    Usage("--detach needs a file: coedit share FILE --relay URL --detach".into()).into()
                );
            };
            let link = block_on(share::detached(&setting, &file, server(relay)?))?;
            print(format!("{link}\n").as_bytes())
        }
        Some(Command::Share { file, relay, listen, create_token, .. }) => {
            setting.take_create_token(create_token);
            let relay = server(relay)?.or_else(|| setting.relay.clone()).filter(|_| listen.is_none());
            let files = cli::files(&file.into_iter().map(Into::into).collect::<Vec<OsString>>());
            edit(setting, Launch { files, how: How::Share { relay, listen } })
        }
        Some(Command::Join { link, file }) => {
            let link = LinkUrl::parse(&link).map_err(|error| Usage(error.to_string()))?;
            edit_link(edit, setting, link, file)
        }
        Some(Command::Relay { action: None, options }) => {
            let settings =
                RelaySettings::of(&options, &setting.paths.config, &setting.paths.data.join("relay"))?;
            relay::log_to_stderr(settings.log_format);
            // One thread for all sockets and the decisions: handing each packet from thread to thread costs more than
            // all that is done with it. The disk has a thread of its own.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(relay::run(settings))
        }
        Some(Command::Relay { action: Some(action), .. }) => ask_relay(&setting, action),
        Some(Command::Cat { target }) => print_text(&block_on(cat::text_of(&setting, &target))?),
        Some(Command::Put { target, base, allow_empty }) => {
            let base = base.map(|file| text::read_file(&file)).transpose()?;
            let text = text::read_standard_input()?;
            block_on(put::put(&setting, &target, put::Wanted { text, base, may_be_empty: allow_empty }))
        }
        Some(Command::Edit { target, allow_empty, command }) => {
            block_on(put::edit(&setting, &target, command, allow_empty))
        }
        Some(Command::Link { options }) => print(block_on(manage::links(&setting, &options))?.as_bytes()),
        Some(Command::People { options }) => print(block_on(manage::people(&setting, &options))?.as_bytes()),
        Some(Command::Doctor { link }) => {
            print(doctor::this_machine(&setting).as_bytes())?;
            let Some(link) = link else { return Ok(()) };
            let link = LinkUrl::parse(&link).map_err(|error| Usage(error.to_string()))?;
            let (lines, is_reached) = block_on(async { Ok(doctor::ways_to(&setting.network, &link).await) })?;
            print(lines.as_bytes())?;
            if is_reached { Ok(()) } else { Err(anyhow!("no way leads to {}", link.server)) }
        }
        Some(Command::Docs { links }) => {
            let lines: String =
                docs::lines(&setting.paths, links)?.iter().map(|line| format!("{line}\n")).collect();
            print(lines.as_bytes())
        }
        Some(
            Command::Completions { .. }
            | Command::Man
            | Command::Keys
            | Command::Config { .. }
            | Command::Simulate { .. },
        ) => Ok(()),
    }
}

/// Returns the link, and the file for it, if that is what stands where files are expected.
fn joined(names: &[OsString]) -> Result<Option<(LinkUrl, Option<PathBuf>)>, Usage> {
    // One with a slip in it must not become a file's name, secret and all.
    let link = names.iter().filter_map(|name| name.to_str()).find(|name| LinkUrl::is_meant(name));
    match (link, names) {
        (None, _) => match cli::meant_command(names) {
            Some(command) => {
                let name = names[0].to_string_lossy();
                let sentence = format!(
                    "there is no file {name:?} and no such command, did you mean {command:?}? ./{name} begins the file"
                );
                Err(Usage(sentence))
            }
            None => Ok(None),
        },
        (Some(link), [first, rest @ ..]) if first == link && rest.len() < 2 => {
            let link = LinkUrl::parse(link).map_err(|error| Usage(error.to_string()))?;
            Ok(Some((link, rest.first().map(PathBuf::from))))
        }
        (Some(_), _) => Err(Usage("a link is opened with coedit join LINK [FILE]".to_owned())),
    }
}

fn edit_link(
    edit: impl FnOnce(Setting, Launch) -> anyhow::Result<()>,
    setting: Setting,
    link: LinkUrl,
    file: Option<PathBuf>,
) -> anyhow::Result<()> {
    let path = match file {
        Some(file) => file,
        None => block_on(join::default_file(&setting, &link, Path::new(".")))?,
    };
    let named = vec![cli::Named { path, line_col: None }];
    let files = cli::Files { named, ..cli::Files::default() };
    edit(setting, Launch { files, how: How::Join(link) })
}

fn ask_relay(setting: &Setting, action: RelayAction) -> anyhow::Result<()> {
    let folder = |store: &StoreOptions| {
        let (data, config) = (store.data.clone(), store.config.clone());
        let options = RelayOptions { data, config, ..RelayOptions::default() };
        let settings = RelaySettings::of(&options, &setting.paths.config, &setting.paths.data.join("relay"))?;
        anyhow::Ok(settings.data)
    };
    match action {
        RelayAction::Status { url, operator_token, json } => {
            let Some(server) = server(Some(url))? else { return Ok(()) };
            let asked = relay::status::ask(&setting.network, &server, operator_token.as_deref(), json);
            let (lines, is_ready) = block_on(asked)?;
            print(lines.as_bytes())?;
            if is_ready { Ok(()) } else { Err(anyhow!("{server} takes no work at the moment")) }
        }
        RelayAction::Check { file, store } => {
            let path = file.map_or_else(|| folder(&store), Ok)?;
            relay::upkeep::check(&path, |line| drop(print(format!("{line}\n").as_bytes())))
        }
        RelayAction::Backup { file, store } => relay::upkeep::backup(&folder(&store)?, &file),
        RelayAction::Restore { file, store } => {
            relay::upkeep::restore(&file, &folder(&store)?)?;
            print(b"restored; links that were revoked or replaced since that backup are as they were then: end them again\n")
        }
    }
}

fn setting(global: &cli::Global) -> anyhow::Result<Setting> {
    let paths = Paths::of_user()?;
    let config = config::read(&paths.config);
    let (editor, remark) = (config.settings(), config.remark().map(str::to_owned));
    let relay = server(config.relay)?;
    let name = global.name.clone().or(config.name).or_else(|| std::env::var("USER").ok());
    let name = name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "somebody".to_owned());
    let color = global.color.or(config.color).map(|color| color % 16);
    let network =
        Arc::new(Network::from_environment(global.ca.clone()).with_ways_in(paths.data.join("ways.json")));
    let create_token = std::env::var("COEDIT_CREATE_TOKEN").unwrap_or_default().into_bytes();
    let theme = global.theme.clone();
    Ok(Setting { paths, name, color, relay, create_token, theme, editor, remark, network })
}

fn server(url: Option<String>) -> anyhow::Result<Option<ServerUrl>> {
    let Some(url) = url else { return Ok(None) };
    match ServerUrl::parse(&url) {
        Ok(server) => Ok(Some(server)),
        Err(_) => {
            Err(Usage(format!("{url} is not a relay's address; it looks like http://HOST:PORT")).into())
        }
    }
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Says what does not keep the program from its work.
fn say(remark: &str) {
    // Nobody may be there to be told.
    let _ = writeln!(std::io::stderr(), "coedit: {}", safe::line(remark));
}

/// Prints a text that others may have written: as it is, unless a terminal would take what is in it for orders.
fn print_text(text: &str) -> anyhow::Result<()> {
    if std::io::stdout().is_terminal() { print(safe::text(text).as_bytes()) } else { print(text.as_bytes()) }
}

/// Prints; whoever closed the pipe has read enough.
fn print(text: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow!("cannot print: {}", error.kind()))
        }
        _ => Ok(()),
    }
}
