//! Person names (VR `PN`): groups, components, and the key that names are compared by.
//!
//! PS3.5 6.2.1: up to three component groups apart by `=`, each of up to five components apart by `^`. PS3.4 C.2.2.2.1
//! lets a server match names without regard to case and accents: [`fold`] makes both sides comparable.

mod sound;
mod words;

pub(crate) use sound::has_sound;
pub use sound::sound;
pub(crate) use words::is_of_word;
pub use words::{latin, literal_part, words};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// The component groups of one name. Empty groups are `""`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Groups<'a> {
    /// First group: in a single-byte script, usually Latin.
    pub alphabetic: &'a str,
    /// Second group: in the script of the language, such as Kanji or Hanja.
    pub ideographic: &'a str,
    /// Third group: how it sounds, such as Hiragana or Hangul.
    pub phonetic: &'a str,
}

impl<'a> Groups<'a> {
    /// Splits one decoded value. Padding around each group is removed; groups past the third are ignored.
    pub fn split(name: &'a str) -> Self {
        let mut groups = name.split('=').map(|group| group.trim_matches([' ', '\0']));
        let mut next = || groups.next().unwrap_or_default();
        Groups { alphabetic: next(), ideographic: next(), phonetic: next() }
    }

    /// Whether no group has any text.
    pub fn is_empty(&self) -> bool {
        self.iter().all(str::is_empty)
    }

    /// Alphabetic, ideographic, phonetic.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> {
        [self.alphabetic, self.ideographic, self.phonetic].into_iter()
    }
}

/// Family name, given name, middle name, prefix and suffix of one group, trimmed; absent ones are `""`.
pub fn components(group: &str) -> [&str; 5] {
    let mut parts = group.split('^').map(|part| part.trim_matches(' '));
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// A name or group as it should be compared: each group folded by [`fold`] without padding and empty trailing
/// components, empty trailing groups left out.
///
/// `"Müller ^ANNA^^"` gives `"muller^anna"`. Wildcards of a pattern stay what they are.
pub fn key(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    for (position, group) in Groups::split(name).iter().enumerate() {
        if position > 0 {
            key.push('=');
        }
        let mut end = key.len();
        for part in group.split('^').map(|part| fold(part.trim_matches(' '))) {
            key.push_str(&part);
            if !part.is_empty() {
                end = key.len();
            }
            key.push('^');
        }
        key.truncate(end);
    }
    key.truncate(key.trim_end_matches('=').len());
    key
}

/// Text without case, accents and presentation forms.
///
/// Letters of all scripts are lowered; marks that Latin, Greek and Cyrillic letters carry are dropped, and ligatures and
/// stroked letters become plain ones (`ß` ss, `Ø` o, `Ł` l); full-width Latin and half-width Katakana become usual
/// ones. Marks that make another letter (Kana voicing, Hangul, Thai, Arabic) stay. The characters that mean something
/// in a name or a pattern (`^ = \ * ?`) neither vanish nor arise.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if stands_for_syntax(letter) {
            plain.push(letter);
        } else {
            decompose_compatible(letter, |part| plain.extend(part.to_lowercase()));
        }
    }
    let mut folded = String::with_capacity(plain.len());
    for letter in plain.nfd().filter(|&letter| !is_accent(letter)) {
        match stroked(letter) {
            Some(replacement) => folded.push_str(replacement),
            None => folded.push(letter),
        }
    }
    folded.nfc().collect()
}

/// Full-width and small forms whose plain form is syntax.
fn stands_for_syntax(letter: char) -> bool {
    let mut syntax = false;
    if !letter.is_ascii() {
        decompose_compatible(letter, |part| syntax |= matches!(part, '^' | '=' | '\\' | '*' | '?'));
    }
    syntax
}

fn is_accent(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36F}') && is_combining_mark(letter)
}

/// Letters that Unicode does not decompose though their readers do.
fn stroked(letter: char) -> Option<&'static str> {
    let plain = match letter {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ı' => "i",
        'ĸ' => "k",
        'ł' => "l",
        'ŋ' => "n",
        'þ' => "th",
        'ŧ' => "t",
        'ς' => "σ",
        _ => return None,
    };
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups() {
        let check = |name, alphabetic, ideographic, phonetic| {
            assert_eq!(Groups::split(name), Groups { alphabetic, ideographic, phonetic }, "{name:?}");
        };
        check("", "", "", "");
        check("Adams^John", "Adams^John", "", "");
        check("Yamada^Tarou=山田^太郎=やまだ^たろう ", "Yamada^Tarou", "山田^太郎", "やまだ^たろう");
        check("=山田", "", "山田", "");
        check("==やまだ", "", "", "やまだ");
        check(" A ^B = C =D\0", "A ^B", "C", "D");
        check("A=B=C=D", "A", "B", "C");
        assert!(Groups::split("== ").is_empty());
    }

    #[test]
    fn name_components() {
        assert_eq!(
            components("Adams^John Robert Quincy^^Rev.^B.A. M.Div."),
            ["Adams", "John Robert Quincy", "", "Rev.", "B.A. M.Div."]
        );
        assert_eq!(components(" Adams ^ J"), ["Adams", "J", "", "", ""]);
        assert_eq!(components("a^b^c^d^e^f"), ["a", "b", "c", "d", "e"]);
        assert_eq!(components(""), [""; 5]);
    }

    #[test]
    fn folding() {
        let check = |text: &str, folded: &str| {
            assert_eq!(fold(text), folded, "{text:?}");
            assert_eq!(fold(&fold(text)), folded, "{text:?} twice");
        };
        check("", "");
        check("ADAMS^John", "adams^john");
        check("Müller^Bjørn Łukasz", "muller^bjorn lukasz");
        check("Mu\u{308}ller", "muller");
        check("Éric Þór ÆSIR ŒUVRE Groß GROẞ", "eric thor aesir oeuvre gross gross");
        check("İSTANBUL ılık", "istanbul ilik");
        check("Nguyễn Văn Đạt", "nguyen van dat");
        check("Люкceмбypг ЁЖ", "люкceмбypг еж");
        check("ΔΙΟΝΥΣΙΟΣ Διονύσιος", "διονυσιοσ διονυσιοσ");
        check("ﾔﾏﾀﾞ^ﾀﾛｳ", "ヤマダ^タロウ");
        check("ヤマダ がか", "ヤマダ がか");
        check("김희중", "김희중");
        check("王^小東", "王^小東");
        check("ＡＢＣ１２", "abc12");
        check("＊？＾＝＼ *?^=\\", "＊？＾＝＼ *?^=\\");
        check("قباني", "قباني");
        check("שרון", "שרון");
    }

    #[test]
    fn keys() {
        let check = |name: &str, expected: &str| assert_eq!(key(name), expected, "{name:?}");
        check("", "");
        check("Müller ^ANNA^^", "muller^anna");
        check("Yamada^Tarou=山田^太郎=", "yamada^tarou=山田^太郎");
        check("=山田", "=山田");
        check("A^^^Dr", "a^^^dr");
        check("^^", "");
        check("ADA*^?oh*", "ada*^?oh*");
        check("==", "");
    }
}
