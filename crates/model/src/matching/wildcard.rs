//! Wildcards: `*` for any run of characters and `?` for exactly one (PS3.4 section C.2.2.2.4).

/// Whether the whole text fits the pattern, case counting.
///
/// It takes at most as many steps as pattern and text have characters multiplied: only the last `*` that was met is
/// ever tried again.
pub fn matches_wildcard(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // What to go back to: the pattern behind the last `*`, and the text that it has not yet swallowed.
    let mut again = None;
    loop {
        let (rest_of_pattern, rest_of_text) = (pattern.clone(), text.clone());
        match (pattern.next(), text.next()) {
            (Some('*'), _) => {
                again = Some((pattern.clone(), rest_of_text.clone()));
                text = rest_of_text;
                continue;
            }
            (Some('?'), Some(_)) => continue,
            (Some(wanted), Some(found)) if wanted == found => continue,
            (None, None) => return true,
            (_, None) if rest_of_pattern.clone().any(|c| c != '*') => return false,
            (_, None) => return true,
            _ => {}
        }
        let Some((behind, swallowed)) = &mut again else {
            return false;
        };
        swallowed.next();
        pattern = behind.clone();
        text = swallowed.clone();
    }
}

/// The pattern for SQL's `LIKE … ESCAPE '\'`. What `LIKE` makes of case is the engine's affair.
pub fn like_pattern(pattern: &str) -> String {
    let mut like = String::with_capacity(pattern.len() + 8);
    for letter in pattern.chars() {
        match letter {
            '*' => like.push('%'),
            '?' => like.push('_'),
            '%' | '_' | '\\' => like.extend(['\\', letter]),
            _ => like.push(letter),
        }
    }
    like
}

/// The pattern for SQLite's `GLOB`, in which case counts.
pub fn glob_pattern(pattern: &str) -> String {
    pattern.replace('[', "[[]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("**", "", true),
            ("?", "", false),
            ("?", "a", true),
            ("?", "ab", false),
            ("?*", "", false),
            ("?*", "a", true),
            ("a*", "abc", true),
            ("a*", "bac", false),
            ("*c", "abc", true),
            ("*c", "abcd", false),
            ("*c", "abcdc", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("*ab*ab*", "abab", true),
            ("*ab*ab*", "aba", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*?b", "ab", true),
            ("*?b", "b", false),
            ("SMITH*", "Smith", false),
            ("M?ller", "Müller", true),
            ("*한?", "대한글", true),
            ("a%", "ab", false),
            ("[a]", "a", false),
        ] {
            assert_eq!(matches_wildcard(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// Thousands of wildcards take no time.
    #[test]
    fn many_wildcards_are_cheap() {
        let pattern = "*a".repeat(3_000) + "b";
        let text = "a".repeat(10_000);
        let start = std::time::Instant::now();
        assert!(!matches_wildcard(&pattern, &text));
        assert!(!matches_wildcard(&"*?a".repeat(3_000), &"b".repeat(10_000)));
        assert!(start.elapsed().as_secs() < 1, "{:?}", start.elapsed());
    }

    #[test]
    fn sql_patterns_take_nothing_literally_for_a_wildcard() {
        for (pattern, like, glob) in [
            ("SMITH*", "SMITH%", "SMITH*"),
            ("a?c", "a_c", "a?c"),
            ("100%_\\*", "100\\%\\_\\\\%", "100%_\\*"),
            ("[a]*", "[a]%", "[[]a]*"),
        ] {
            assert_eq!((like_pattern(pattern).as_str(), glob_pattern(pattern).as_str()), (like, glob));
        }
    }
}
