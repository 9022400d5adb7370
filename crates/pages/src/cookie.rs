//! The cookie by which a browser shows its session.

use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// The `__Host-` prefix binds the cookie to this host, to HTTPS and to the whole site (RFC 6265bis 4.1.3.2).
const SECURE_NAME: &str = "__Host-overread";
const PLAIN_NAME: &str = "overread";

/// The session's identifier that a request carries.
pub fn id(headers: &HeaderMap, https: bool) -> Option<&str> {
    let wanted = name(https);
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == wanted).then_some(value)
    })
}

/// The cookie that gives a browser its session for so long.
pub fn give(id: &str, lasts: Duration, https: bool) -> Option<HeaderValue> {
    line(id, lasts.as_secs(), https)
}

/// The cookie that takes it away.
pub fn take(https: bool) -> Option<HeaderValue> {
    line("", 0, https)
}

fn line(value: &str, age: u64, https: bool) -> Option<HeaderValue> {
    let secure = if https { "; Secure" } else { "" };
    let name = name(https);
    HeaderValue::from_str(&format!(
        "{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"
    ))
    .ok()
}

fn name(https: bool) -> &'static str {
    if https { SECURE_NAME } else { PLAIN_NAME }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies() {
        for (line, https, expected) in [
            ("__Host-overread=abc", true, Some("abc")),
            ("a=b; __Host-overread=abc; c=d", true, Some("abc")),
            ("overread=abc", true, None),
            ("overread=abc", false, Some("abc")),
            ("x__Host-overread=abc", true, None),
            ("", true, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::from_str(line).unwrap());
            assert_eq!(id(&headers, https), expected, "{line}");
        }
        let given = give("abc", Duration::from_secs(43_200), true).unwrap();
        assert_eq!(given, "__Host-overread=abc; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(take(false).unwrap(), "overread=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    }
}
