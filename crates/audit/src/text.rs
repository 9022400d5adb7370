//! Outside text made fit for one line of any form.

/// Longest text of an event in bytes, as long as the longest query that is answered; what is beyond is cut.
pub(crate) const LONGEST: usize = 16 << 10;

/// The text with everything that is no plain character written as `\u{…}`: control characters, line and paragraph
/// separators, what turns the direction of writing, and what XML cannot hold.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(LONGEST));
    for c in text.chars() {
        if out.len() >= LONGEST {
            out.push('…');
            break;
        }
        match is_plain(c) {
            true => out.push(c),
            false => out.extend(c.escape_unicode()),
        }
    }
    out
}

/// The same in place; what is clean, as most is, is not copied.
pub(crate) fn clean_in_place(text: &mut String) {
    if text.len() > LONGEST || !text.chars().all(is_plain) {
        *text = clean(text);
    }
}

fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_whatever_comes() {
        for (text, expected) in [
            ("DOE^JANE", "DOE^JANE"),
            ("Müller^Ümit=山田", "Müller^Ümit=山田"),
            ("a\r\nb", "a\\u{d}\\u{a}b"),
            ("\u{1b}[31m\0", "\\u{1b}[31m\\u{0}"),
            ("\u{85}\u{2028}\u{202e}\u{ffff}", "\\u{85}\\u{2028}\\u{202e}\\u{ffff}"),
        ] {
            assert_eq!(clean(text), expected);
            let mut place = text.to_owned();
            clean_in_place(&mut place);
            assert_eq!(place, expected);
        }
        let long = clean(&"é".repeat(LONGEST));
        assert!(long.ends_with('…') && long.len() < LONGEST + 8, "{}", long.len());
    }
}
