//! What a link's secret allows, and how it is proved without being shown.
//!
//! `read = HKDF(S, "read")`, `key = HKDF(read, "content")`, `write token = HKDF(S, "write token")`,
//! `read token = HKDF(read, "read token")`, each HKDF-SHA256 without salt (RFC 5869). A server is given the
//! hashes of both tokens when a document is created, and a token by whoever joins; it never has S or `read`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// What a link lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Read and write.
    Write,
    /// Read only; edits are refused by whoever serves the document.
    Read,
}

/// The secret part of a link: 32 bytes that let their holder write, or (derived from those) only read.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    mode: Mode,
    bytes: [u8; 32],
}

/// Before the characters of a secret that can only read. No secret that can write starts with it, as base64url
/// has no `.`.
const READ_PREFIX: &str = "r.";

impl Secret {
    /// Makes the secret that can write from 32 random bytes.
    pub const fn from_random(bytes: [u8; 32]) -> Secret {
        Secret { mode: Mode::Write, bytes }
    }

    /// Returns what the secret lets its holder do.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns the secret that can only read the same document. The way back does not exist.
    pub fn read_only(&self) -> Secret {
        match self.mode {
            Mode::Read => self.clone(),
            Mode::Write => Secret { mode: Mode::Read, bytes: derive(&self.bytes, "read") },
        }
    }

    /// Returns the token that proves to a server what this secret allows.
    pub fn token(&self) -> Token {
        let purpose = match self.mode {
            Mode::Write => "write token",
            Mode::Read => "read token",
        };
        Token(derive(&self.bytes, purpose))
    }

    /// Returns the key that seals a document's content; readers and writers get the same one.
    pub fn content_key(&self) -> [u8; 32] {
        derive(&self.read_only().bytes, "content")
    }

    /// Returns what a server is given when the document is created; `None` from a secret that can only read.
    pub fn access(&self) -> Option<Access> {
        match self.mode {
            Mode::Read => None,
            Mode::Write => Some(Access { write: self.token().hash(), read: self.read_only().token().hash() }),
        }
    }

    /// Returns the characters that stand after `#` in a link. They are the secret: never log them.
    pub fn to_text(&self) -> String {
        let characters = URL_SAFE_NO_PAD.encode(self.bytes);
        match self.mode {
            Mode::Write => characters,
            Mode::Read => format!("{READ_PREFIX}{characters}"),
        }
    }

    /// Reads what `to_text` wrote; `None` if it is anything else.
    pub fn parse(text: &str) -> Option<Secret> {
        let (mode, characters) = match text.strip_prefix(READ_PREFIX) {
            Some(rest) => (Mode::Read, rest),
            None => (Mode::Write, text),
        };
        let bytes = URL_SAFE_NO_PAD.decode(characters).ok()?.try_into().ok()?;
        Some(Secret { mode, bytes })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret:({:?}, hidden)", self.mode)
    }
}

/// Returns what stands for an operator's token where it is counted, and does not tell it.
pub fn creator_of(operator_token: &[u8]) -> TokenHash {
    TokenHash(Sha256::digest(operator_token).into())
}

/// Proof of a capability, shown to the serving side in a hello.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// Makes the token of these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Token {
        Token(bytes)
    }

    /// Returns the bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns what a server keeps of the token.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("token:(hidden)")
    }
}

/// The SHA-256 of a token. Not a secret: a token cannot be found from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenHash(pub [u8; 32]);

/// What a server keeps to check the tokens of one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Of the token that lets write.
    pub write: TokenHash,
    /// Of the token that lets read.
    pub read: TokenHash,
}

impl TokenHash {
    /// Compares in a time that does not depend on the bytes.
    pub fn is_same(&self, other: &TokenHash) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl Access {
    /// Returns what `token` allows, or `None` if nothing. Takes the same time whatever the answer.
    pub fn check(&self, token: &Token) -> Option<Mode> {
        self.check_hash(&token.hash())
    }

    /// Returns what a token with this hash allows, as [`Access::check`].
    pub fn check_hash(&self, hash: &TokenHash) -> Option<Mode> {
        let may_write: Choice = hash.is_same(&self.write);
        let may_read: Choice = hash.is_same(&self.read);
        match (bool::from(may_write), bool::from(may_read)) {
            (true, _) => Some(Mode::Write),
            (false, true) => Some(Mode::Read),
            (false, false) => None,
        }
    }
}

fn derive(secret: &[u8; 32], purpose: &str) -> [u8; 32] {
    let mut derived = [0; 32];
    let expanded = Hkdf::<Sha256>::new(None, secret).expand(purpose.as_bytes(), &mut derived);
    assert!(expanded.is_ok(), "32 bytes are fewer than the 8,160 that HKDF-SHA256 can expand to");
    derived
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> Secret {
        Secret::from_random([byte; 32])
    }

    #[test]
    fn write_token_writes_read_token_reads_and_others_do_nothing() {
        let access = secret(1).access().expect("a secret that can write");
        assert_eq!(access.check(&secret(1).token()), Some(Mode::Write));
        assert_eq!(access.check(&secret(1).read_only().token()), Some(Mode::Read));
        assert_eq!(access.check(&secret(2).token()), None);
        assert_eq!(access.check(&secret(2).read_only().token()), None);
    }

    #[test]
    fn reader_cannot_create_and_stays_a_reader() {
        let reader = secret(1).read_only();
        assert_eq!(reader.access(), None);
        assert_eq!(reader.read_only(), reader);
        assert_eq!(reader.content_key(), secret(1).content_key());
    }

    #[test]
    fn secrets_are_read_back_from_their_text() {
        for secret in [secret(9), secret(9).read_only()] {
            assert_eq!(Secret::parse(&secret.to_text()), Some(secret));
        }
        for text in ["", "r.", "r.r.", "abc", "r.abc", &"A".repeat(44), &format!("w.{}", "A".repeat(43))] {
            assert_eq!(Secret::parse(text), None, "{text}");
        }
    }

    #[test]
    fn derivation_is_what_the_protocol_page_says() {
        // From an independent implementation of RFC 5869 with S = 32 bytes of 0x01.
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(&secret(1).read_only().bytes), READ_HEX);
        assert_eq!(hex(secret(1).token().as_bytes()), WRITE_TOKEN_HEX);
        assert_eq!(hex(secret(1).read_only().token().as_bytes()), READ_TOKEN_HEX);
        assert_eq!(hex(&secret(1).content_key()), CONTENT_KEY_HEX);
    }

    const READ_HEX: &str = "b653b9585e965ccb48cc505acd2e875418f75ff25770f8b48885e89b8396522b";
    const WRITE_TOKEN_HEX: &str = "938fd291a55ae5d569250895397e2696b3243476186d1a9370bb08c9d23f5ae6";
    const READ_TOKEN_HEX: &str = "86fff3f75d8f9e2aaa883a0d1ed0b4d84474ab042efee33bf69f9d979b1912b6";
    const CONTENT_KEY_HEX: &str = "7f3989d999e69194a613e1fd87b9da51d5a071cf4192b7492e52f6916db9a906";

    #[test]
    fn nothing_secret_is_printed() {
        let text = format!("{:?} {:?}", secret(0x41), secret(0x41).token());
        assert!(!text.contains("QUFB") && !text.contains("65"), "{text}");
    }
}
