//! A viewer that was built for the root of a site, moved below a prefix.
//!
//! Three places say where it lives: absolute links of the page, `url(/…)` of its styles, and the public path in the
//! runtimes of its bundles. Whoever builds a viewer for `/viewer/` has none of these to be changed.

use std::borrow::Cow;

use memchr::memmem;

/// The text with its paths below `prefix`, which begins and ends with a slash.
pub(super) fn relocate<'t>(ending: &str, text: &'t str, prefix: &str) -> Cow<'t, str> {
    match ending {
        "html" => page(text, prefix),
        "css" => replace(text, "url(/", &format!("url({prefix}"), prefix),
        "js" | "mjs" => script(text, prefix),
        "json" => replace(text, "\"src\": \"/", &format!("\"src\": \"{prefix}"), prefix),
        _ => Cow::Borrowed(text),
    }
}

fn page<'t>(text: &'t str, prefix: &str) -> Cow<'t, str> {
    let mut moved = Cow::Borrowed(text);
    for before in ["href=\"/", "src=\"/", "content=\"/"] {
        let after = format!("{}{prefix}", before.trim_end_matches('/'));
        moved = Cow::Owned(replace(&moved, before, &after, prefix).into_owned());
    }
    // The page is found at places of many depths, so it names its own.
    for quote in ['\'', '"'] {
        let before = format!("window.PUBLIC_URL = {quote}/{quote}");
        let after = format!("window.PUBLIC_URL = {quote}{prefix}{quote}");
        moved = Cow::Owned(moved.replace(&before, &after));
    }
    moved
}

/// The runtime of webpack, as it is written with and without names kept.
fn script<'t>(text: &'t str, prefix: &str) -> Cow<'t, str> {
    const RUNTIMES: [&str; 2] = ["__webpack_require__.p = \"/\";", "__webpack_require__.p=\"/\";"];
    let has = |needle: &str| memmem::find(text.as_bytes(), needle.as_bytes()).is_some();
    if !RUNTIMES.iter().any(|needle| has(needle)) {
        return Cow::Borrowed(text);
    }
    let after = format!("__webpack_require__.p = \"{prefix}\";");
    Cow::Owned(RUNTIMES.iter().fold(text.to_owned(), |text, before| text.replace(before, &after)))
}

/// Replaces `before`, which ends with a slash, unless a second slash follows (another host) or the prefix is there.
fn replace<'t>(text: &'t str, before: &str, after: &str, prefix: &str) -> Cow<'t, str> {
    let mut moved = String::new();
    let mut from = 0;
    for at in memmem::find_iter(text.as_bytes(), before.as_bytes()) {
        let rest = text.get(at + before.len()..).unwrap_or_default();
        let there = format!("/{rest}").starts_with(prefix);
        if rest.starts_with('/') || there {
            continue;
        }
        moved.push_str(text.get(from..at).unwrap_or_default());
        moved.push_str(after);
        from = at + before.len();
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    moved.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(moved)
}
