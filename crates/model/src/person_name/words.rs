//! The words of a name, and how each is written in Latin letters.

use std::borrow::Cow;

use super::fold;

/// Words of one name that are looked at; a longer name is no name of a person.
const MOST: usize = 256;

/// The words of all groups of a name, folded: what stands between anything that is neither letter, digit nor mark.
///
/// `"Müller-Lüdenscheidt^Jörg=山田"` gives `muller`, `ludenscheidt`, `jorg`, `山田`. An apostrophe parts no word:
/// `"O'Brien"` gives `obrien`.
pub fn words(name: &str) -> Vec<String> {
    let folded = fold(name);
    let mut words: Vec<String> = folded
        .split(|letter: char| !is_of_word(letter) && !is_apostrophe(letter))
        .map(|word| word.chars().filter(|letter| !is_apostrophe(*letter)).collect::<String>())
        .filter(|word| !word.is_empty())
        .take(MOST)
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// The longest part of a pattern without wildcards that lies within one word, folded; `None` when there is none.
pub fn literal_part(pattern: &str) -> Option<String> {
    let folded = fold(pattern);
    let parts = folded.split(|letter: char| !is_of_word(letter)).filter(|part| !part.is_empty());
    parts.max_by_key(|part| part.chars().count()).map(str::to_owned)
}

/// A folded word in lower-case Latin letters and digits: Cyrillic, Greek, Kana, Hangul and others letter by letter, Han
/// as Mandarin reads it. A word of which nothing can be written so stays as it is.
pub fn latin(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()) {
        return Cow::Borrowed(word);
    }
    let mut plain = deunicode::deunicode_with_tofu(word, "");
    plain.retain(|letter| letter.is_ascii_alphanumeric());
    plain.make_ascii_lowercase();
    if plain.is_empty() { Cow::Borrowed(word) } else { Cow::Owned(plain) }
}

fn is_apostrophe(letter: char) -> bool {
    matches!(letter, '\'' | '`' | '´' | 'ʼ' | '‘' | '’')
}

/// Letters and digits of all scripts, and the marks that make another letter of one.
pub(crate) fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric()
        || (!letter.is_ascii() && unicode_normalization::char::is_combining_mark(letter))
        || matches!(letter, 'ー' | 'ｰ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_words() {
        for (name, expected) in [
            ("", vec![]),
            ("^^=^", vec![]),
            ("Doe^John^^Dr.^Jr", vec!["doe", "dr", "john", "jr"]),
            ("Müller-Lüdenscheidt^Jörg", vec!["jorg", "ludenscheidt", "muller"]),
            ("O'Brien^Mary Ann", vec!["ann", "mary", "obrien"]),
            (
                "Yamada^Tarou=山田^太郎=やまだ^たろう",
                vec!["tarou", "yamada", "たろう", "やまだ", "太郎", "山田"],
            ),
            ("Doe^Doe", vec!["doe"]),
            ("ﾀﾛｰ", vec!["タロー"]),
        ] {
            assert_eq!(words(name), expected, "{name:?}");
        }
        assert_eq!(words(&"a b c d e f g ".repeat(50)).len(), 7);
    }

    #[test]
    fn parts_of_patterns() {
        for (pattern, expected) in [
            ("*SMITH*", Some("smith")),
            ("*mith^J*", Some("mith")),
            ("*o'br*", Some("br")),
            ("?*", None),
            ("*太郎", Some("太郎")),
            ("M?LLER*", Some("ller")),
        ] {
            assert_eq!(literal_part(pattern).as_deref(), expected, "{pattern}");
        }
    }

    #[test]
    fn words_in_latin_letters() {
        for (word, expected) in [
            ("smith", "smith"),
            ("иванов", "ivanov"),
            ("щукин", "shchukin"),
            ("παπαδοπουλοσ", "papadopoulos"),
            ("やまだ", "yamada"),
            ("ヤマダ", "yamada"),
            ("たろう", "tarou"),
            ("김", "gim"),
            ("王", "wang"),
            ("r2d2", "r2d2"),
            ("\u{E000}", "\u{E000}"),
        ] {
            assert_eq!(latin(word), expected, "{word:?}");
        }
    }
}
