//! Names of documents, histories, processes and connections.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Names a document on whatever serves it: 16 random bytes, shown as 22 url-safe characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId([u8; 16]);

impl DocumentId {
    /// Makes the id of these bytes, which must be random for a new document.
    pub const fn from_bytes(bytes: [u8; 16]) -> DocumentId {
        DocumentId(bytes)
    }

    /// Returns the bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads the id from the 22 characters that `Display` writes; `None` if it is anything else.
    pub fn parse(text: &str) -> Option<DocumentId> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(DocumentId)
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "doc:{self}")
    }
}

/// Names one history: 16 random bytes, drawn when a text first enters a document. Two histories are never
/// united.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch([u8; 16]);

impl Epoch {
    /// Makes the epoch of these bytes, which must be random for a new history.
    pub const fn from_bytes(bytes: [u8; 16]) -> Epoch {
        Epoch(bytes)
    }

    /// Returns the bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch:{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// Proves to a server that a second connection comes from the process that made the first: 16 random bytes
/// for each process, never shown to other members. So a client whose old connection hangs takes it over,
/// and nobody else can take a replica id that is in use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// Makes the id of these random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> SessionId {
        SessionId(bytes)
    }

    /// Returns the bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("session:(hidden)")
    }
}

/// Names a connection to the serving side of a room, which hands the numbers out; 0 is the serving side
/// itself. Presence is keyed by it, never by a field that the sender fills in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_id_is_read_back_from_its_text() {
        let id = DocumentId::from_bytes([0xfb; 16]);
        assert_eq!(id.to_string().len(), 22);
        assert_eq!(DocumentId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn document_id_refuses_other_lengths_padding_and_loose_bits() {
        for text in
            ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAA+A"]
        {
            assert_eq!(DocumentId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn session_is_never_printed() {
        assert!(!format!("{:?}", SessionId::from_bytes([7; 16])).contains('7'));
    }
}
