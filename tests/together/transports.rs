//! Ways to a relay: TLS.

use crate::support::home::{Home, assert_document_becomes};
use crate::support::relay::Relay;

/// Writes a certificate for 127.0.0.1, its own authority, and its key into `home`; returns the two paths.
fn certificate(home: &Home) -> [String; 2] {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let files = [("cert.pem", made.cert.pem()), ("key.pem", made.signing_key.serialize_pem())];
    files.map(|(name, pem)| home.file(name, pem).display().to_string())
}

#[test]
fn a_text_is_shared_and_read_over_tls_by_whoever_trusts_the_relay() {
    let ana = Home::new("ana");
    let [cert, key] = certificate(&ana);
    let relay = Relay::start_with(&["--tls-cert", &cert, "--tls-key", &key]);
    ana.file("secret.txt", "only for us\n");
    let link = ana.ok(&["share", "secret.txt", "--relay", &relay.url(), "--detach", "--ca", &cert]);
    assert!(link.starts_with("https://127.0.0.1:"), "{link}");
    assert_eq!(ana.ok(&["cat", &link, "--ca", &cert]), "only for us");
    let stranger = Home::new("ben").run(&["cat", &link]);
    assert_eq!(stranger.code, Some(1));
    assert!(stranger.stderr.contains("could not prove who it is"), "{}", stranger.stderr);
    assert!(stranger.stderr.contains("--ca FILE"), "{}", stranger.stderr);
    // Whoever speaks plain HTTP there learns nothing and harms nobody.
    let plain = Home::new("eve").run(&["cat", &link.replace("https", "http")]);
    assert_eq!(plain.code, Some(1), "{}", plain.stderr);
    assert_eq!(ana.ok(&["cat", &link, "--ca", &cert]), "only for us");
}

#[test]
fn a_relay_without_tls_is_named_as_such_to_whoever_expects_it() {
    let relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("notes.txt", "plain\n");
    let link = ana.share("notes.txt", &relay.url());
    let outcome = ana.run(&["cat", &link.replace("http:", "https:")]);
    assert_eq!(outcome.code, Some(1));
    assert_document_becomes(&link, "plain\n");
}
