//! `coedit link` and `coedit people`: what the owner of a document does with its links and with those who are in it.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use crate::app::docs;
use crate::app::run::Usage;
use crate::app::setting::Setting;
use crate::io::transport::connect::Network;
use crate::io::transport::dial::DialError;
use crate::io::{clock, entropy, http};
use crate::protocol::capability::Secret;
use crate::protocol::link_url::LinkUrl;
use crate::sync::room::DENIED;
use crate::view::safe;

/// What to do with a document's links.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LinkOptions {
    /// The link that the document was shared with
    pub link: String,
    /// Make another link to it, and print only that
    #[arg(long)]
    pub new: bool,
    /// The new link can only read
    #[arg(long, requires = "new")]
    pub read_only: bool,
    /// The new link ends after this time, as in 30m, 8h or 7d
    #[arg(long, value_name = "TIME", requires = "new", value_parser = span)]
    pub expires: Option<Duration>,
    /// Whom the new link is for, as the list shows it
    #[arg(long, value_name = "NAME", requires = "new", default_value = "")]
    pub label: String,
    /// Put a new link in the place of this one, and print it: this one ends, and the one that reads; people may come by the new one
    #[arg(long, conflicts_with_all = ["new", "revoke"])]
    pub replace: bool,
    /// End a link, named by its number in the list, its label, or itself: whoever is here by it leaves, and nobody comes by it again
    #[arg(long, value_name = "NUMBER|LABEL|LINK", conflicts_with = "new")]
    pub revoke: Option<String>,
}

/// What to do with those who are in a document.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PeopleOptions {
    /// The link that the document was shared with
    pub link: String,
    /// End the visit of this person; they may come again
    #[arg(long, value_name = "NUMBER|NAME", group = "act")]
    pub kick: Option<String>,
    /// End the visit of this person until they open coedit again; --replace of `coedit link` keeps people out
    #[arg(long, value_name = "NUMBER|NAME", group = "act")]
    pub block: Option<String>,
    /// Let this person only read until they open coedit again
    #[arg(long, value_name = "NUMBER|NAME", group = "act")]
    pub demote: Option<String>,
    /// Let this person write
    #[arg(long, value_name = "NUMBER|NAME", group = "act")]
    pub promote: Option<String>,
}

/// Reads `30s`, `15m`, `8h`, `7d`.
fn span(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("a time is a number and s, m, h or d".to_owned()),
    };
    let number = number.parse::<u32>().map_err(|_| "a time is a number and s, m, h or d".to_owned())?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

/// Does what is asked with a document's links. Returns what to print.
///
/// # Errors
/// In one sentence: not the owner's link, not reachable, refused.
pub async fn links(setting: &Setting, options: &LinkOptions) -> anyhow::Result<String> {
    let link = parse(&options.link)?;
    if let Some(revoked) = &options.revoke {
        let hash = if LinkUrl::is_meant(revoked) {
            let revoked = parse(revoked)?;
            if revoked.document != link.document {
                bail!("the two links lead to different documents");
            }
            URL_SAFE_NO_PAD.encode(revoked.secret.token().hash().0)
        } else {
            hash_of(&ask(setting, &link, &json!({ "do": "links" })).await?, revoked)?
        };
        return Ok(list(&ask(setting, &link, &json!({ "do": "revoke", "hash": hash })).await?));
    }
    if options.replace {
        return replace(setting, &link).await;
    }
    if !options.new {
        return Ok(list(&ask(setting, &link, &json!({ "do": "links" })).await?));
    }
    let secret = Secret::from_random(entropy::bytes());
    let secret = if options.read_only { secret.read_only() } else { secret };
    let expires = options.expires.map(|span| clock::wall_now().0 + span.as_millis() as u64);
    let order = json!({
        "do": "grant",
        "hash": URL_SAFE_NO_PAD.encode(secret.token().hash().0),
        "mode": if options.read_only { "read" } else { "write" },
        "expires": expires,
        "label": options.label,
    });
    ask(setting, &link, &order).await?;
    Ok(format!("{}\n", LinkUrl { secret, ..link }))
}

/// Puts a new link in the place of the one that the document was shared with, here as well: an open editor takes it from there.
async fn replace(setting: &Setting, old: &LinkUrl) -> anyhow::Result<String> {
    let secret = Secret::from_random(entropy::bytes());
    let access = secret.access().ok_or_else(|| anyhow!("a new link could not be made; try again"))?;
    let new = LinkUrl { secret, ..old.clone() };
    let [write, read] = [access.write.0, access.read.0].map(|hash| URL_SAFE_NO_PAD.encode(hash));
    // First, so that whoever is stopped in between has both: the old one is what was given.
    docs::repoint(&setting.paths, old, &new)?;
    let order = json!({ "do": "replace", "write": write, "read": read });
    let Err(error) = ask(setting, old, &order).await else { return Ok(format!("{new}\n")) };
    // An answer that was lost says nothing.
    if ask(setting, &new, &json!({ "do": "links" })).await.is_ok() {
        return Ok(format!("{new}\n"));
    }
    docs::repoint(&setting.paths, &new, old)?;
    if error.is::<DialError>() {
        bail!("{error}; should the old link be refused from now on, the new one is {new}");
    }
    Err(error)
}

/// Does what is asked with those who are in a document. Returns who is there then.
///
/// # Errors
/// As [`links`].
pub async fn people(setting: &Setting, options: &PeopleOptions) -> anyhow::Result<String> {
    let link = parse(&options.link)?;
    let acts = [
        ("kick", &options.kick),
        ("block", &options.block),
        ("demote", &options.demote),
        ("promote", &options.promote),
    ];
    let act = acts.into_iter().find_map(|(act, whom)| Some((act, whom.as_deref()?)));
    let mut report = ask(setting, &link, &json!({ "do": "people" })).await?;
    if let Some((act, whom)) = act {
        let order = json!({ "do": act, "connection": number_of(&report, whom)? });
        report = ask(setting, &link, &order).await?;
    }
    let mut out = String::new();
    for person in report["people"].as_array().into_iter().flatten() {
        let (name, mode) = (person["name"].as_str().unwrap_or(""), person["mode"].as_str().unwrap_or(""));
        let number = person["connection"].as_u64().unwrap_or(0);
        let name = safe::name(name, u32::try_from(number).unwrap_or(u32::MAX));
        let line = format!("{number:>6}  {mode:<5}  {name}");
        let _ = writeln!(out, "{}", line.trim_end());
    }
    Ok(out)
}

/// Returns the number of the person that was meant: by that number, or by a name that nobody else here has.
fn number_of(report: &Value, whom: &str) -> anyhow::Result<u64> {
    let people: Vec<&Value> = report["people"].as_array().into_iter().flatten().collect();
    let number = |person: &&Value| person["connection"].as_u64();
    let asked = whom.parse().ok().filter(|_| !whom.starts_with('+'));
    if let Some(asked) = asked.filter(|&asked| people.iter().any(|person| number(person) == Some(asked))) {
        return Ok(asked);
    }
    let is_called = |person: &&Value| {
        person["name"].as_str().is_some_and(|name| name == whom || safe::line(name).trim() == whom)
    };
    let found: Vec<u64> = people.iter().filter(|person| is_called(person)).filter_map(number).collect();
    match found[..] {
        [number] => Ok(number),
        [] => bail!(
            "nobody here has the number or the name {}; without options, people lists who is here",
            safe::line(whom)
        ),
        _ => {
            let numbers: Vec<String> = found.iter().map(u64::to_string).collect();
            bail!(
                "several people here are called {}; give a number: {}",
                safe::line(whom),
                numbers.join(", ")
            )
        }
    }
}

fn parse(link: &str) -> anyhow::Result<LinkUrl> {
    LinkUrl::parse(link).map_err(|error| Usage(error.to_string()).into())
}

/// Returns the hash of the link that was meant: by its number in the list, or by a label that no other has.
fn hash_of(report: &Value, meant: &str) -> anyhow::Result<String> {
    let links: Vec<&Value> = report["links"].as_array().into_iter().flatten().collect();
    let numbered = meant.parse::<usize>().ok().and_then(|n| links.get(n.checked_sub(1)?));
    let labelled: Vec<&&Value> =
        links.iter().filter(|link| link["label"] == *meant && !meant.is_empty()).collect();
    let found = match (labelled[..].len(), numbered) {
        (1, _) => Some(labelled[0]),
        (0, numbered) => numbered,
        _ => bail!("several links have the label {}; give a number of the list", safe::line(meant)),
    };
    let hash = found.and_then(|link| link["hash"].as_str());
    hash.map(str::to_owned).ok_or_else(|| {
        anyhow!("there is no link {}; without options, link lists those there are", safe::line(meant))
    })
}

fn list(report: &Value) -> String {
    let mut out = String::new();
    for (n, link) in report["links"].as_array().into_iter().flatten().enumerate() {
        let left = link["expires"].as_u64().map(|at| at.saturating_sub(clock::wall_now().0) / 60_000);
        let ends = left.map_or_else(|| "does not expire".to_owned(), |minutes| format!("{minutes} min left"));
        let (mode, label) = (link["mode"].as_str().unwrap_or(""), link["label"].as_str().unwrap_or(""));
        let line = safe::line(&format!("{:>3}  {mode:<5}  {ends}  {label}", n + 1));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// Returns whether a link is the one that owns its document, at the relay that has it.
///
/// # Errors
/// In one sentence: not reachable, no relay.
pub async fn is_owner(network: &Network, link: &LinkUrl) -> anyhow::Result<bool> {
    let answer = post(network, link, &json!({ "do": "links" })).await?;
    match answer.status {
        200 => Ok(true),
        403 => Ok(false),
        status => bail!("{} answered with HTTP {status}", link.server),
    }
}

async fn post(network: &Network, link: &LinkUrl, order: &Value) -> Result<http::Answer, DialError> {
    let token = URL_SAFE_NO_PAD.encode(link.secret.token().as_bytes());
    let path = format!("/d/{}/manage", link.document);
    let body = Bytes::from(order.to_string());
    http::request(network, &link.server, Method::POST, &path, Some(&token), body).await
}

async fn ask(setting: &Setting, link: &LinkUrl, order: &Value) -> anyhow::Result<Value> {
    let answer = post(&setting.network, link, order).await?;
    let text = String::from_utf8_lossy(&answer.body);
    match answer.status {
        200 => serde_json::from_str(&text)
            .map_err(|_| anyhow!("{} answered with something else: it is not a coedit relay", link.server)),
        403 if text.trim() == DENIED => {
            bail!("{}; only the link that `coedit share` printed may do this", safe::line(text.trim()))
        }
        403 => bail!("{}", safe::line(text.trim())),
        400 | 503 => bail!("{}", safe::line(text.trim())),
        404 => bail!(
            "{} is an editor that hosts the text: only a relay knows links and people by command; F2 there shows them",
            link.server
        ),
        status => bail!("{} answered with HTTP {status}", link.server),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_meant_by_number_or_by_a_name_that_only_one_has() {
        let person = |number: u64, name: &str| json!({ "connection": number, "name": name });
        let report =
            json!({ "people": [person(10, "ana"), person(16, "ben"), person(17, "ben"), person(18, "10")] });
        assert_eq!(number_of(&report, "16").ok(), Some(16));
        assert_eq!(number_of(&report, "ana").ok(), Some(10));
        assert_eq!(number_of(&report, "10").ok(), Some(10), "a number comes before a name");
        let two = number_of(&report, "ben").unwrap_err().to_string();
        assert!(two.contains("16, 17"), "{two}");
        for nobody in ["0010x", "11", "an", ""] {
            assert!(number_of(&report, nobody).is_err(), "{nobody}");
        }
    }

    #[test]
    fn a_link_is_meant_by_number_or_by_a_label_that_only_one_has() {
        let link = |hash: &str, label: &str| json!({ "hash": hash, "label": label });
        let report = json!({ "links": [link("a", "ben"), link("b", ""), link("c", "eve"), link("d", "eve"), link("e", "2")] });
        let meant = |text| hash_of(&report, text).ok();
        assert_eq!(meant("ben").as_deref(), Some("a"));
        assert_eq!(meant("1").as_deref(), Some("a"));
        assert_eq!(meant("4").as_deref(), Some("d"));
        assert_eq!(meant("2").as_deref(), Some("e"), "somebody gave it that label");
        for nobody in ["eve", "", "0", "6", "-1", "bea"] {
            assert_eq!(meant(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn spans_are_a_number_and_a_unit() {
        assert_eq!(span("30m"), Ok(Duration::from_secs(1_800)));
        assert_eq!(span("7d"), Ok(Duration::from_secs(604_800)));
        for odd in ["", "m", "30", "-1h", "1é", "99999999999s"] {
            assert!(span(odd).is_err(), "{odd}");
        }
    }
}
