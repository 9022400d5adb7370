//! Fuzzy matching of person names (PS3.4 section C.2.2.2.1.1 leaves its rules to the server).

use super::matches_wildcard;
use crate::person_name::{fold, has_sound, is_of_word, latin, sound, words};

/// What a fuzzy key asks for.
///
/// A name fits when each word of the key fits one of its words, in whatever order and whichever of its groups. A word
/// fits when it begins with the key's, both in Latin letters, or when both sound alike ([`crate::person_name::sound`]).
/// A key's word with a wildcard inside is a pattern for the beginning of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fuzzy {
    words: Vec<Wanted>,
}

/// One word of a fuzzy key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// In Latin letters: a word that begins so fits.
    pub latin: String,
    /// A word of this sound fits; empty when none is asked for.
    pub sound: String,
    /// With a wildcard inside: instead of both, the folded pattern of the whole word.
    pub pattern: Option<String>,
}

/// Shortest word that is looked for by its sound.
const HEARD: usize = 2;

impl Fuzzy {
    /// Reads a key's text.
    pub fn of(text: &str) -> Self {
        let folded = fold(text).replace(['\'', '’'], "");
        let words = folded
            .split(|letter: char| !is_of_word(letter) && !matches!(letter, '*' | '?'))
            .filter(|word| word.chars().any(|letter| letter != '*'))
            .map(Wanted::of)
            .collect();
        Self { words }
    }

    /// Its words; none fits every name.
    pub fn words(&self) -> &[Wanted] {
        &self.words
    }

    /// Whether a name, with all its groups, fits.
    pub fn matches(&self, name: &str) -> bool {
        // Most names, as they are looked for among a million: nothing to fold, and nothing to write down.
        let plain = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase() && !matches!(byte, b'\'' | b'`');
        if name.bytes().all(plain) {
            let found =
                || name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
            return self.words.iter().all(|wanted| found().any(|word| wanted.fits(word)));
        }
        let found = words(name);
        self.words.iter().all(|wanted| found.iter().any(|word| wanted.fits(word)))
    }
}

impl Wanted {
    fn of(word: &str) -> Self {
        let begin = word.trim_end_matches('*');
        if begin.contains(['*', '?']) {
            return Self { latin: String::new(), sound: String::new(), pattern: Some(format!("{begin}*")) };
        }
        let latin = latin(begin).into_owned();
        let heard = begin.len() == word.len() && latin.chars().count() >= HEARD;
        let sound = if heard { sound(&latin) } else { String::new() };
        Self { latin, sound, pattern: None }
    }

    /// Whether one folded word of a name fits.
    pub fn fits(&self, word: &str) -> bool {
        if let Some(pattern) = &self.pattern {
            return matches_wildcard(pattern, word);
        }
        let latin = latin(word);
        latin.starts_with(self.latin.as_str()) || (!self.sound.is_empty() && has_sound(&latin, &self.sound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qido_033_fuzzy_names() {
        for (text, name, expected) in [
            // Order, prefixes, case and accents.
            ("john smith", "SMITH^JOHN", true),
            ("Smith^John", "SMITH^JOHN^^^", true),
            ("smi jo", "SMITH^JOHN", true),
            ("smi jo", "SMITH^PETER", false),
            ("Jörg muller", "Müller-Lüdenscheidt^Jorg", true),
            ("obrien", "O'Brien^A", true),
            ("o'brien", "OBRIEN^A", true),
            ("anna", "Smith^Mary Ann", false),
            ("ann", "Smith^Mary Anna", true),
            // Sound.
            ("smyth", "SMITH^JOHN", true),
            ("meier", "Mayr^A", true),
            ("mohammed yusuf", "YOUSEF^MUHAMAD", true),
            ("jones", "SMITH^JOHN", false),
            // A wildcard asks for what is written, not for its sound.
            ("smy*", "SMITH^JOHN", false),
            ("smi*", "SMITH^JOHN", true),
            ("s?ith", "SMITH^JOHN", true),
            ("*ith", "SMITH^JOHN", true),
            ("*", "", true),
            ("", "anything", true),
            ("a", "", false),
            // Scripts.
            ("ivanov", "Иванов^Иван", true),
            ("Иванов", "IVANOV^IVAN", true),
            ("Чайковский", "Tschaikowsky^Peter", true),
            ("papadopoulos", "Παπαδόπουλος^Γ", true),
            ("yamada", "=山田^太郎=やまだ^たろう", true),
            ("ヤマダ", "Yamada^Tarou=山田^太郎=やまだ^たろう", true),
            ("山田", "Yamada^Tarou=山田^太郎=やまだ^たろう", true),
            ("太郎 yamada", "Yamada^Tarou=山田^太郎=やまだ^たろう", true),
            ("鈴木", "Yamada^Tarou=山田^太郎=やまだ^たろう", false),
            ("wang", "=王^小東", true),
            ("Hong", "Hong^Gildong=洪^吉洞=홍^길동", true),
            ("길동", "Hong^Gildong", true),
        ] {
            assert_eq!(Fuzzy::of(text).matches(name), expected, "{text:?} {name:?}");
            assert_eq!(Fuzzy::of(text).matches(&fold(name)), expected, "{text:?} {name:?} folded");
        }
    }
}
