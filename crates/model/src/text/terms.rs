//! The defined terms of Specific Character Set (PS3.3 C.12.1.1.2).

use super::iso2022::{G0, G1, Repertoire};
use super::single_byte::SingleByte;
use super::{CharacterSets, Coding};

/// What one term asks for.
#[derive(Clone, Copy)]
enum Term {
    Whole(Coding),
    Part(G0, G1),
    /// A set that escape sequences invoke and that cannot come first, such as `ISO 2022 IR 87`.
    Extension(G1),
}

pub(super) fn parse(value: &[u8]) -> CharacterSets {
    let mut sets = CharacterSets::default();
    let mut repertoire = Repertoire::default();
    for (position, text) in value.split(|&byte| byte == b'\\').enumerate() {
        match term(&squeeze(text)) {
            // Sets without code extensions stand alone (PS3.3 C.12.1.1.2): whatever follows the first means nothing.
            Some(Term::Whole(coding)) if position == 0 => {
                return CharacterSets { coding, unknown: false };
            }
            Some(Term::Part(g0, g1)) if position == 0 => (repertoire.g0, repertoire.g1) = (g0, g1),
            Some(Term::Part(_, g1) | Term::Extension(g1)) => repertoire.offer(g1),
            Some(Term::Whole(_)) | None => sets.unknown = true,
        }
    }
    sets.coding = Coding::Iso2022(repertoire);
    sets
}

/// Letters and digits alone, upper case: real files write `ISO_IR_100`, `ISO-IR 100`, `ISO2022 IR 87`.
fn squeeze(text: &[u8]) -> String {
    text.iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(|byte| byte.to_ascii_uppercase() as char)
        .collect()
}

fn term(squeezed: &str) -> Option<Term> {
    let term = match squeezed {
        "" => Term::Part(G0::Ascii, G1::Empty),
        "ISOIR192" | "ISO2022IR192" | "UTF8" => Term::Whole(Coding::Utf8),
        "GB18030" | "GBK" | "ISO2022GBK" => Term::Whole(Coding::Gb18030),
        _ => match squeezed.strip_prefix("ISO2022IR").or_else(|| squeezed.strip_prefix("ISOIR"))? {
            "6" => Term::Part(G0::Ascii, G1::Empty),
            "13" => Term::Part(G0::Romaji, G1::Katakana),
            "58" => Term::Extension(G1::Gb2312),
            "87" | "159" => Term::Extension(G1::Empty),
            "149" => Term::Extension(G1::Ksx1001),
            number => Term::Part(G0::Ascii, G1::Single(SingleByte::by_registration(number)?)),
        },
    };
    Some(term)
}
