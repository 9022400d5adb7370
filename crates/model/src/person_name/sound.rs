//! How a word sounds, as a short key: words that are spelt differently and spoken alike share it.
//!
//! The key is a run of classes of consonants. A vowel counts only where the word begins with it, and behind the only
//! consonant of a short word.
//!
//! | class | spellings |
//! |---|---|
//! | `P` | b, p |
//! | `F` | f, v, ph, pf at the beginning, w before a vowel or sk |
//! | `T` | d, t, th, dt |
//! | `S` | s, z, ts, tz, sh, sch, zh, cz, sz, tsch, tch, shch; c before e, i, y; ch before a vowel |
//! | `K` | k, q, qu, ck, kh; g but at the beginning before e, i; other c and ch; gh before a vowel |
//! | `J` | j before a vowel, y at the beginning before a vowel, dj, dzh, dsch; g at the beginning before e, i |
//! | `L` `R` `M` `N` | l, r, m, n; kn and gn at the beginning are `N`, wr is `R` |
//! | `H` | h at the beginning |
//! | `A` | a vowel at the beginning |
//! | `KS` | x |
//! | `I` `O` | behind an only consonant: e, i, y; and a, o, u |
//!
//! Two letters of one class beside one another count once. Other h, w, j and gh are silent. Digits stand for themselves.

/// The key of a word in lower-case Latin letters; empty when it has none.
pub fn sound(latin: &str) -> String {
    let letters = latin.as_bytes();
    let mut key = Key::default();
    let mut at = 0;
    while let Some(rest) = letters.get(at..).filter(|rest| !rest.is_empty()) {
        let (classes, length) = read(rest, at == 0);
        key.add(classes, rest);
        at += length;
    }
    key.finish()
}

/// Whether a word has this key: tells most that do not by their first letters.
pub(crate) fn has_sound(latin: &str, key: &str) -> bool {
    let letters = latin.as_bytes();
    if letters.is_empty() {
        return key.is_empty();
    }
    let (classes, _) = read(letters, true);
    match (classes.as_bytes().first(), key.as_bytes().first()) {
        (Some(found), Some(wanted)) if found != wanted => false,
        _ => sound(latin) == key,
    }
}

/// Letters, and the classes that they stand for.
type Spelling = (&'static [u8], &'static str);

/// Spellings of several letters, the longer before the shorter.
const SPELLINGS: &[Spelling] = &[
    (b"tsch", "S"),
    (b"shch", "S"),
    (b"dsch", "J"),
    (b"dzh", "J"),
    (b"wsk", "FSK"),
    (b"sch", "S"),
    (b"tch", "S"),
    (b"dj", "J"),
    (b"sh", "S"),
    (b"zh", "S"),
    (b"cz", "S"),
    (b"sz", "S"),
    (b"ts", "S"),
    (b"tz", "S"),
    (b"ck", "K"),
    (b"kh", "K"),
    (b"qu", "K"),
    (b"ph", "F"),
    (b"th", "T"),
    (b"dt", "T"),
];

/// Spellings that only stand for this at the beginning.
const FIRST: &[Spelling] =
    &[(b"kn", "N"), (b"gn", "N"), (b"wr", "R"), (b"pf", "F"), (b"ge", "J"), (b"gi", "J")];

/// The classes of what comes next, and how many letters that is.
fn read(rest: &[u8], first: bool) -> (&'static str, usize) {
    let listed = |table: &'static [Spelling]| table.iter().find(|(spelling, _)| rest.starts_with(spelling));
    if let Some((spelling, class)) = listed(FIRST).filter(|_| first).copied() {
        // The vowel of `ge` and `gi` is read on its own.
        return (class, if class == "J" { 1 } else { spelling.len() });
    }
    if let Some((spelling, class)) = listed(SPELLINGS).copied() {
        return (class, spelling.len());
    }
    let next = rest.get(1).copied().unwrap_or(b' ');
    let class = match rest.first().copied().unwrap_or(b' ') {
        b'c' if next == b'h' => {
            let behind = rest.get(2).copied().unwrap_or(b' ');
            let hard = !is_vowel(behind) || rest.get(2..4) == Some(b"ae");
            return (if hard { "K" } else { "S" }, 2);
        }
        b'g' if next == b'h' => {
            let spoken = first || rest.get(2).is_some_and(|behind| is_vowel(*behind));
            return (if spoken { "K" } else { "" }, 2);
        }
        b'b' | b'p' => "P",
        b'f' | b'v' => "F",
        b'd' | b't' => "T",
        b's' | b'z' => "S",
        b'c' if matches!(next, b'e' | b'i' | b'y') => "S",
        b'c' | b'g' | b'k' | b'q' => "K",
        b'l' => "L",
        b'r' => "R",
        b'm' => "M",
        b'n' => "N",
        b'x' => "KS",
        b'w' if is_vowel(next) => "F",
        b'j' if is_vowel(next) => "J",
        b'y' if first && is_vowel(next) => "J",
        b'h' if first => "H",
        letter if is_vowel(letter) && first => "A",
        b'0' => "0",
        b'1' => "1",
        b'2' => "2",
        b'3' => "3",
        b'4' => "4",
        b'5' => "5",
        b'6' => "6",
        b'7' => "7",
        b'8' => "8",
        b'9' => "9",
        _ => "",
    };
    (class, 1)
}

fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

/// A key as it grows.
#[derive(Default)]
struct Key {
    classes: String,
    /// The last letter was of this class; a vowel between ends it.
    last: Option<char>,
    consonants: usize,
    /// The class of the first vowel behind the first consonant.
    vowel: Option<char>,
}

impl Key {
    fn add(&mut self, classes: &str, letters: &[u8]) {
        let vowel = letters.first().copied().filter(|letter| classes.is_empty() && is_vowel(*letter));
        if let Some(letter) = vowel {
            self.last = None;
            if self.consonants == 1 && self.vowel.is_none() {
                self.vowel = Some(if matches!(letter, b'e' | b'i' | b'y') { 'I' } else { 'O' });
            }
        }
        for class in classes.chars().filter(|class| self.last != Some(*class)) {
            self.classes.push(class);
            self.consonants += usize::from(class != 'A');
        }
        if let Some(class) = classes.chars().last() {
            self.last = Some(class);
        }
    }

    fn finish(mut self) -> String {
        if self.consonants == 1 {
            self.classes.extend(self.vowel);
        }
        self.classes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_sound_alike_share_a_key() {
        for alike in [
            &["smith", "smyth", "smithe", "schmidt", "schmitt", "schmid"][..],
            &["meyer", "meier", "maier", "mayr", "meir"],
            &["catherine", "katherine", "kathryn", "katarina"],
            &["stephen", "steven", "stefan"],
            &["jeffrey", "geoffrey", "geoffry"],
            &["yusuf", "yousef", "josef", "joseph"],
            &["mohamed", "muhammad", "mohammed"],
            &["chaikovsky", "tschaikowsky", "tchaikovski"],
            &["lee", "li", "leigh", "lie"],
            &["wagner", "vagner"],
            &["peterson", "petersen", "pedersen"],
            &["philip", "filip", "phillip"],
            &["christos", "kristos", "khristos"],
            &["michael", "mikael"],
            &["nilsson", "nielsen"],
            &["knight", "night", "nite"],
        ] {
            let keys: Vec<String> = alike.iter().map(|word| sound(word)).collect();
            assert!(keys.windows(2).all(|pair| pair[0] == pair[1]), "{alike:?} {keys:?}");
            assert!(alike.iter().all(|word| has_sound(word, &keys[0])), "{alike:?}");
            assert!(!keys[0].is_empty());
        }
    }

    #[test]
    fn words_that_sound_otherwise_do_not() {
        for (one, other) in [
            ("smith", "jones"),
            ("lee", "lo"),
            ("meyer", "mueller"),
            ("anna", "hanna"),
            ("ali", "olu"),
            ("rajesh", "rakesh"),
            ("john", "jim"),
        ] {
            assert_ne!(sound(one), sound(other), "{one} {other}");
            assert!(!has_sound(one, &sound(other)), "{one} {other}");
        }
    }

    #[test]
    fn keys() {
        for (word, expected) in [
            ("", ""),
            ("smith", "SMT"),
            ("xavier", "KSFR"),
            ("lee", "LI"),
            ("lo", "LO"),
            ("a", "A"),
            ("ali", "ALI"),
            ("ng", "NK"),
            ("patient01", "PTNT01"),
            ("山", ""),
        ] {
            assert_eq!(sound(word), expected, "{word}");
        }
    }
}
