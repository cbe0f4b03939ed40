//! How the characters of a file are written as bytes.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs as charset;

/// Bytes of a file that its encoding is guessed from, beginning with the first that is not ASCII.
const SAMPLE_BYTES: usize = 64 << 10;

/// Bytes beyond ASCII from which an encoding of single bytes is guessed: fewer may be anything, and western Europe is likely.
const SINGLE_BYTES_MIN: usize = 12;

/// How characters are written as bytes. Inside the editor they are always UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    charset: &'static charset::Encoding,
    has_mark: bool,
}

impl Default for Encoding {
    fn default() -> Encoding {
        Encoding::UTF_8
    }
}

impl Encoding {
    /// UTF-8 without a byte order mark.
    pub const UTF_8: Encoding = Encoding { charset: charset::UTF_8, has_mark: false };

    /// Those that can be chosen, and where they are in use. Each begins every file in the same state, so that a text is
    /// written piece by piece.
    pub const ALL: [(Encoding, &str); 22] = [
        (Encoding::UTF_8, "everywhere"),
        (Encoding { charset: charset::UTF_8, has_mark: true }, "some of Windows"),
        (Encoding { charset: charset::UTF_16LE, has_mark: true }, "Windows"),
        (Encoding { charset: charset::UTF_16BE, has_mark: true }, "Unicode, high byte first"),
        (Encoding { charset: charset::UTF_16LE, has_mark: false }, "Windows, inside of programs"),
        (Encoding { charset: charset::UTF_16BE, has_mark: false }, "Java, inside of programs"),
        (Encoding::of(charset::WINDOWS_1252), "Latin-1, western Europe"),
        (Encoding::of(charset::ISO_8859_15), "Latin-9, western Europe"),
        (Encoding::of(charset::WINDOWS_1250), "central Europe"),
        (Encoding::of(charset::ISO_8859_2), "Latin-2, central Europe"),
        (Encoding::of(charset::WINDOWS_1251), "Cyrillic"),
        (Encoding::of(charset::KOI8_R), "Russian"),
        (Encoding::of(charset::WINDOWS_1253), "Greek"),
        (Encoding::of(charset::WINDOWS_1254), "Turkish"),
        (Encoding::of(charset::WINDOWS_1255), "Hebrew"),
        (Encoding::of(charset::WINDOWS_1256), "Arabic"),
        (Encoding::of(charset::SHIFT_JIS), "Japanese"),
        (Encoding::of(charset::EUC_JP), "Japanese"),
        (Encoding::of(charset::GBK), "simplified Chinese"),
        (Encoding::of(charset::GB18030), "simplified Chinese, all of Unicode"),
        (Encoding::of(charset::BIG5), "traditional Chinese"),
        (Encoding::of(charset::EUC_KR), "Korean"),
    ];

    const fn of(charset: &'static charset::Encoding) -> Encoding {
        Encoding { charset, has_mark: false }
    }

    /// Returns the name shown on the status line and kept in the journal.
    pub fn name(self) -> String {
        // UTF-16 has its mark as a rule, UTF-8 has none: what is said is the exception.
        let suffix = match (self.is_utf_16(), self.has_mark) {
            (false, true) => " BOM",
            (true, false) => " without BOM",
            (false, false) | (true, true) => "",
        };
        format!("{}{suffix}", self.charset.name())
    }

    /// Returns the encoding that `name` names.
    pub fn from_name(name: &str) -> Option<Encoding> {
        Encoding::ALL.into_iter().map(|(encoding, _)| encoding).find(|encoding| encoding.name() == name)
    }

    /// Guesses the encoding of a file: by its byte order mark, UTF-8 where the bytes are that, and otherwise by how often which
    /// bytes are beside each other, of those that give the same bytes again. `None` if the bytes are no text. O(n).
    pub fn guess(bytes: &[u8]) -> Option<Encoding> {
        if let Some((charset, _)) = charset::Encoding::for_bom(bytes) {
            return Some(Encoding { charset, has_mark: true });
        }
        let Err(error) = std::str::from_utf8(bytes) else { return Some(Encoding::UTF_8) };
        if has_controls(bytes) {
            return None;
        }
        let from = bytes[..error.valid_up_to()].iter().position(|byte| !byte.is_ascii());
        let sample = &bytes[from.unwrap_or(error.valid_up_to())..];
        let sample = &sample[..sample.len().min(SAMPLE_BYTES)];
        let found = Encoding::likely(sample).filter(|found| found.decode(bytes.to_vec()).is_ok());
        found.or_else(|| is_of_single_bytes(bytes).then(|| Encoding::of(charset::WINDOWS_1252)))
    }

    /// Returns the encoding that a sample of a text looks most like, if there is enough of it.
    fn likely(sample: &[u8]) -> Option<Encoding> {
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(sample, true);
        let guessed = detector.guess(None, Utf8Detection::Deny);
        // The two differ in four letters; what they would lose is found when the text is written again.
        let charset = if guessed == charset::KOI8_U { charset::KOI8_R } else { guessed };
        let (found, _) = Encoding::ALL.into_iter().find(|(encoding, _)| encoding.charset == charset)?;
        let n_beyond = sample.iter().filter(|byte| !byte.is_ascii()).count();
        let is_enough = match charset.is_single_byte() {
            true => is_of_single_bytes(sample) && SINGLE_BYTES_MIN <= n_beyond,
            false => !is_mostly_utf_8(sample),
        };
        is_enough.then_some(found)
    }

    /// Guesses as `guess` does, for a file that was in this encoding before: it still is where nothing speaks against it.
    pub fn guess_again(self, bytes: &[u8]) -> Encoding {
        let may_stay = |found: Encoding| match self.is_utf_16() {
            true => !found.has_mark,
            false => bytes.is_ascii(),
        };
        match Encoding::guess(bytes) {
            Some(found) if found.has_all() && !may_stay(found) => found,
            Some(found) if self.has_all() && !self.is_utf_16() => found,
            _ => self,
        }
    }

    /// Turns a file's bytes into text without its mark, and returns the encoding with or without the mark as the file has
    /// it; as it is for an empty one. Costs no copy for UTF-8.
    ///
    /// # Errors
    /// The bytes, if writing the text again would give others.
    pub fn decode(self, mut bytes: Vec<u8>) -> Result<(String, Encoding), Vec<u8>> {
        if bytes.is_empty() {
            return Ok((String::new(), self));
        }
        let has_mark = charset::Encoding::for_bom(&bytes).is_some_and(|(found, _)| found == self.charset);
        let encoding = Encoding { has_mark, ..self };
        let n_mark = encoding.mark().len();
        let text = if self.charset == charset::UTF_8 {
            bytes.drain(..n_mark);
            String::from_utf8(bytes).map_err(|error| {
                let mark = encoding.mark().to_vec();
                [mark, error.into_bytes()].concat()
            })?
        } else if self.is_utf_16() {
            decode_utf_16(&bytes[n_mark..], self.charset == charset::UTF_16LE).ok_or(bytes)?
        } else {
            let (text, _) = self.charset.decode_without_bom_handling(&bytes);
            let mut again = Vec::with_capacity(bytes.len());
            match self.encode(&text, &mut again) {
                Ok(()) if again == bytes => text.into_owned(),
                _ => return Err(bytes),
            }
        };
        Ok((text, encoding))
    }

    /// Returns what a file begins with.
    pub fn mark(self) -> &'static [u8] {
        match self.has_mark {
            false => b"",
            true if self.charset == charset::UTF_16LE => b"\xff\xfe",
            true if self.charset == charset::UTF_16BE => b"\xfe\xff",
            true => b"\xef\xbb\xbf",
        }
    }

    /// Returns whether it is UTF-8, with or without a mark.
    pub fn is_utf_8(self) -> bool {
        self.charset == charset::UTF_8
    }

    /// Returns whether it has every character, so that no text can be refused.
    pub fn has_all(self) -> bool {
        self.charset == charset::UTF_8 || self.is_utf_16()
    }

    /// Appends a piece of a text as bytes.
    ///
    /// # Errors
    /// The first character that it does not have.
    pub fn encode(self, text: &str, out: &mut Vec<u8>) -> Result<(), char> {
        if self.charset == charset::UTF_8 {
            out.extend_from_slice(text.as_bytes());
        } else if self.is_utf_16() {
            let is_little = self.charset == charset::UTF_16LE;
            out.extend(text.encode_utf16().flat_map(|unit| match is_little {
                true => unit.to_le_bytes(),
                false => unit.to_be_bytes(),
            }));
        } else {
            return self.encode_legacy(text, out);
        }
        Ok(())
    }

    fn encode_legacy(self, mut text: &str, out: &mut Vec<u8>) -> Result<(), char> {
        let mut encoder = self.charset.new_encoder();
        let mut piece = [0; 4096];
        loop {
            let (result, n_read, n_written) =
                encoder.encode_from_utf8_without_replacement(text, &mut piece, true);
            out.extend_from_slice(&piece[..n_written]);
            text = &text[n_read..];
            match result {
                charset::EncoderResult::InputEmpty => return Ok(()),
                charset::EncoderResult::OutputFull => {}
                charset::EncoderResult::Unmappable(c) => return Err(c),
            }
        }
    }

    /// Returns the most bytes that `n_chars` characters, which take `n_bytes` in UTF-8, may take.
    pub fn n_bytes_max(self, n_bytes: usize, n_chars: usize) -> usize {
        let n = if self.charset == charset::UTF_8 { n_bytes } else { n_chars.saturating_mul(4) };
        n + self.mark().len()
    }

    fn is_utf_16(self) -> bool {
        self.charset == charset::UTF_16LE || self.charset == charset::UTF_16BE
    }
}

/// `None` for half a unit or half a pair.
fn decode_utf_16(bytes: &[u8], is_little: bool) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<2>();
    let unit = |pair: &[u8; 2]| match is_little {
        true => u16::from_le_bytes(*pair),
        false => u16::from_be_bytes(*pair),
    };
    if !rest.is_empty() {
        return None;
    }
    char::decode_utf16(units.iter().map(unit)).collect::<Result<String, _>>().ok()
}

/// Returns whether there are control characters that text does not have.
fn has_controls(bytes: &[u8]) -> bool {
    let is_control = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    bytes.iter().any(|&byte| is_control(byte) || byte == 0x7f)
}

/// Returns whether nothing is there that UTF-8 would make more than one byte of.
fn is_of_single_bytes(bytes: &[u8]) -> bool {
    bytes.utf8_chunks().all(|chunk| chunk.valid().is_ascii())
}

/// Returns whether bytes look like UTF-8 with something bad in it. In other encodings two bytes are a character of UTF-8
/// only by chance.
fn is_mostly_utf_8(bytes: &[u8]) -> bool {
    let (mut n_valid, mut n_invalid) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        n_valid += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        n_invalid += usize::from(!chunk.invalid().is_empty());
    }
    n_invalid < 2 * n_valid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_holds_is_guessed() {
        let guess = |bytes: &[u8]| Encoding::guess(bytes).map(Encoding::name);
        assert_eq!(guess(b"").as_deref(), Some("UTF-8"));
        assert_eq!(guess("é".as_bytes()).as_deref(), Some("UTF-8"));
        assert_eq!(guess(b"\xef\xbb\xbfa").as_deref(), Some("UTF-8 BOM"));
        assert_eq!(guess(b"\xff\xfea\0").as_deref(), Some("UTF-16LE"));
        assert_eq!(guess(b"\xfe\xff\0a").as_deref(), Some("UTF-16BE"));
        assert_eq!(guess(b"caf\xe9\n").as_deref(), Some("windows-1252"));
        // UTF-8 with one bad byte, and what is no text.
        assert_eq!(guess(b"caf\xc3\xa9 \xff"), None);
        assert_eq!(guess(b"\x7fELF\x02\x01\x01\0\xff"), None);
    }

    #[test]
    fn texts_of_many_bytes_and_of_other_alphabets_are_told_apart() {
        let texts = [
            ("Shift_JIS", "こんにちは、世界。これは日本語の文章です。"),
            ("EUC-JP", "こんにちは、世界。これは日本語の文章です。"),
            ("GBK", "你好，世界。这是一个用来测试的中文句子。"),
            ("Big5", "你好，世界。這是一個用來測試的中文句子。"),
            ("EUC-KR", "안녕하세요, 세계. 이것은 한국어 문장입니다."),
            ("windows-1251", "Привет, мир. Это русское предложение для проверки."),
            ("KOI8-R", "Привет, мир. Это русское предложение для проверки."),
            ("windows-1253", "Γειά σου Κόσμε. Αυτή είναι μια ελληνική πρόταση."),
            ("windows-1252", "Füße, Größe, Äpfel und Öl: das übt für später."),
        ];
        for (name, text) in texts {
            let encoding = Encoding::from_name(name).expect("known");
            let mut bytes = Vec::new();
            encoding.encode(text, &mut bytes).expect("it has them");
            for before in ["", "/* plain */\n"] {
                let all = [before.as_bytes(), &bytes].concat();
                let found = Encoding::guess(&all).expect("text");
                assert_eq!(found.name(), name);
                assert_eq!(found.decode(all).expect("as it was").0, format!("{before}{text}"));
            }
        }
    }

    #[test]
    fn whatever_is_guessed_gives_the_same_bytes_again() {
        let mut rng = crate::base::rng::Rng::new(5);
        let mut n_found = 0;
        for n in 0..2_000 {
            let bytes: Vec<u8> = (0..n % 40).map(|_| (0x20 + rng.below(0xe0)) as u8).collect();
            let Some(found) = Encoding::guess(&bytes) else { continue };
            n_found += 1;
            let (text, again) = found.decode(bytes.clone()).expect("it can be read");
            let mut out = again.mark().to_vec();
            again.encode(&text, &mut out).expect("it can be written");
            assert_eq!(out, bytes);
        }
        assert!(200 < n_found, "{n_found}");
    }

    #[test]
    fn the_encoding_before_stays_where_nothing_speaks_against_it() {
        let again = |name: &str, bytes: &[u8]| {
            let before = Encoding::from_name(name).expect("known");
            before.guess_again(bytes).name()
        };
        assert_eq!(again("Shift_JIS", b"plain"), "Shift_JIS");
        assert_eq!(again("Shift_JIS", b"\x93\xfa"), "Shift_JIS");
        assert_eq!(again("Shift_JIS", "日".as_bytes()), "UTF-8");
        assert_eq!(again("windows-1252", "é".as_bytes()), "UTF-8");
        assert_eq!(again("UTF-8", b"caf\xe9"), "windows-1252");
        assert_eq!(again("UTF-16LE without BOM", b"a\0"), "UTF-16LE without BOM");
        assert_eq!(again("UTF-16LE", b"\xef\xbb\xbfa"), "UTF-8 BOM");
    }

    #[test]
    fn what_is_decoded_is_encoded_as_it_was() {
        let texts = ["", "plain\n", "é€ž", "日本語 漢字", "Привет", "한국어", "😀", "\u{feff}in it"];
        let mut n_held = 0;
        for (encoding, _) in Encoding::ALL {
            assert_eq!(Encoding::from_name(&encoding.name()), Some(encoding));
            for text in texts {
                let mut bytes = encoding.mark().to_vec();
                if encoding.encode(text, &mut bytes).is_err() {
                    assert!(!encoding.has_all(), "{} of {text:?}", encoding.name());
                    continue;
                }
                assert!(bytes.len() <= encoding.n_bytes_max(text.len(), text.chars().count()));
                if text.starts_with('\u{feff}') && encoding.mark().is_empty() {
                    continue;
                }
                n_held += 1;
                let decoded = encoding.decode(bytes).expect("it can be read");
                assert_eq!(decoded, (text.to_owned(), encoding));
            }
        }
        assert!(80 < n_held, "{n_held}");
    }

    #[test]
    fn every_byte_is_a_character_of_windows_1252() {
        let bytes: Vec<u8> = (0..=255).collect();
        let (text, encoding) = Encoding::of(charset::WINDOWS_1252).decode(bytes.clone()).expect("all");
        let mut again = Vec::new();
        encoding.encode(&text, &mut again).expect("all");
        assert_eq!(again, bytes);
        assert_eq!(encoding.encode("a€漢", &mut Vec::new()), Err('漢'));
    }

    #[test]
    fn bytes_that_would_not_come_back_are_given_back() {
        let utf_16 = Encoding::from_name("UTF-16LE").expect("known");
        for bytes in [&b"\xff\xfea"[..], b"\xff\xfe\x00\xd8", b"\xff\xfe\x00\xdcb\0"] {
            assert_eq!(utf_16.decode(bytes.to_vec()), Err(bytes.to_vec()));
        }
        assert_eq!(Encoding::UTF_8.decode(b"\xef\xbb\xbf\xff".to_vec()), Err(b"\xef\xbb\xbf\xff".to_vec()));
        let japanese = Encoding::of(charset::SHIFT_JIS);
        assert_eq!(japanese.decode(b"\x81".to_vec()), Err(b"\x81".to_vec()));
    }
}
