//! The single-byte G1 sets, as tables of the 128 upper codes.

use std::sync::LazyLock;

use encoding_rs::{
    Encoding, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5, ISO_8859_6, ISO_8859_7, ISO_8859_8,
    ISO_8859_15, WINDOWS_874, WINDOWS_1252, WINDOWS_1254,
};

/// A single-byte set that lies in G1, by its place in [`SETS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SingleByte(u8);

/// ISO-IR registration number, final bytes of its escape sequence after `ESC`, and the encoding that holds the table.
/// The Windows code pages equal the ISO sets above 9F; below it, where the ISO sets have nothing, they hold the
/// quotation marks and dashes that Windows software writes under these names.
static SETS: [(&str, &[u8], &Encoding); 11] = [
    ("100", b"-A", WINDOWS_1252),
    ("101", b"-B", ISO_8859_2),
    ("109", b"-C", ISO_8859_3),
    ("110", b"-D", ISO_8859_4),
    ("126", b"-F", ISO_8859_7),
    ("127", b"-G", ISO_8859_6),
    ("138", b"-H", ISO_8859_8),
    ("144", b"-L", ISO_8859_5),
    ("148", b"-M", WINDOWS_1254),
    ("166", b"-T", WINDOWS_874),
    ("203", b"-b", ISO_8859_15),
];

static TABLES: LazyLock<Vec<[char; 128]>> =
    LazyLock::new(|| SETS.iter().map(|(_, _, encoding)| table(encoding)).collect());

impl SingleByte {
    pub(super) fn by_registration(number: &str) -> Option<Self> {
        Self::position(|(registration, _, _)| *registration == number)
    }

    /// `escape` without its ESC: `-A`.
    pub(super) fn by_escape(escape: &[u8]) -> Option<Self> {
        Self::position(|(_, bytes, _)| *bytes == escape)
    }

    /// The character of a byte from 80 to FF; U+FFFD where the set has none.
    pub(super) fn decode(self, byte: u8) -> char {
        let code = usize::from(byte & 0x7F);
        TABLES
            .get(usize::from(self.0))
            .and_then(|table| table.get(code))
            .copied()
            .unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn position(wanted: impl Fn(&(&str, &[u8], &Encoding)) -> bool) -> Option<Self> {
        SETS.iter().position(wanted).and_then(|at| u8::try_from(at).ok()).map(Self)
    }
}

fn table(encoding: &'static Encoding) -> [char; 128] {
    std::array::from_fn(|code| {
        let byte = [code as u8 | 0x80];
        let (text, _) = encoding.decode_without_bom_handling(&byte);
        // C1 controls stand for codes without a character; DICOM does not use them (PS3.5 6.1.3).
        text.chars().next().filter(|letter| !letter.is_control()).unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}
