//! The cookies by which a browser shows its session, and how far it is on the way to one.

use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// How long a way in lasts.
pub const WAY_LASTS: Duration = Duration::from_secs(10 * 60);

/// Whoever is in.
pub const SESSION: Cookie = Cookie { secure: "__Host-overread", plain: "overread" };
/// Whoever is asked for one thing more.
pub const WAY: Cookie = Cookie { secure: "__Host-overread-way", plain: "overread-way" };

/// Whether keys go to pages.
pub const KEYS: Cookie = Cookie { secure: "__Host-overread-keys", plain: "overread-keys" };

/// A cookie of ours. The `__Host-` prefix binds it to this host, to HTTPS and to the whole site (RFC 6265bis 4.1.3.2).
#[derive(Clone, Copy, Debug)]
pub struct Cookie {
    secure: &'static str,
    plain: &'static str,
}

impl Cookie {
    /// Its value in a request.
    pub fn find(self, headers: &HeaderMap, https: bool) -> Option<&str> {
        let wanted = self.name(https);
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies.flat_map(|line| line.split(';')).find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == wanted).then_some(value)
        })
    }

    /// The line that gives it to a browser for so long.
    pub fn give(self, value: &str, lasts: Duration, https: bool) -> Option<HeaderValue> {
        self.line(value, lasts.as_secs(), https)
    }

    /// The line that takes it away.
    pub fn take(self, https: bool) -> Option<HeaderValue> {
        self.line("", 0, https)
    }

    fn line(self, value: &str, age: u64, https: bool) -> Option<HeaderValue> {
        let secure = if https { "; Secure" } else { "" };
        let name = self.name(https);
        let line = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
        HeaderValue::from_str(&line).ok()
    }

    fn name(self, https: bool) -> &'static str {
        if https { self.secure } else { self.plain }
    }
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
            ("__Host-overread-way=abc", true, None),
            ("overread-way=abc", false, None),
            ("x__Host-overread=abc", true, None),
            ("", true, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::from_str(line).unwrap());
            assert_eq!(SESSION.find(&headers, https), expected, "{line}");
        }
        let given = SESSION.give("abc", Duration::from_secs(43_200), true).unwrap();
        assert_eq!(given, "__Host-overread=abc; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(SESSION.take(false).unwrap(), "overread=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    }
}
