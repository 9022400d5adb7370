//! Where a listener listens, if anywhere.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An address to listen on (port 0 takes a free one), or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Listen {
    /// Not at all.
    Off,
    /// On this address and port.
    At(SocketAddr),
}

/// Why a text is no address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address to listen on: write IP:PORT, such as 127.0.0.1:8443 or [::1]:8443, or off")]
pub struct ListenError(String);

impl Listen {
    /// The address, when it is on.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Listen::Off => None,
            Listen::At(address) => Some(address),
        }
    }

    /// Whether nobody but this machine can reach it.
    pub fn is_local(self) -> bool {
        self.address().is_none_or(|address| address.ip().to_canonical().is_loopback())
    }
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Listen::Off);
        }
        text.parse().map(Listen::At).map_err(|_| ListenError(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for Listen {
    type Error = ListenError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        listen.to_string()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Off => f.write_str("off"),
            Listen::At(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, read, local) in [
            ("off", Some("off"), true),
            ("127.0.0.1:0", Some("127.0.0.1:0"), true),
            ("127.8.9.1:104", Some("127.8.9.1:104"), true),
            ("[::1]:8443", Some("[::1]:8443"), true),
            ("[::ffff:127.0.0.1]:1", Some("[::ffff:127.0.0.1]:1"), true),
            ("0.0.0.0:8443", Some("0.0.0.0:8443"), false),
            ("[::]:8443", Some("[::]:8443"), false),
            ("192.0.2.7:1", Some("192.0.2.7:1"), false),
            ("localhost:1", None, false),
            ("127.0.0.1", None, false),
            ("127.0.0.1:65536", None, false),
            ("OFF", None, false),
            ("", None, false),
        ] {
            let parsed = text.parse::<Listen>().ok();
            assert_eq!(parsed.map(|l| l.to_string()).as_deref(), read, "{text}");
            if let Some(listen) = parsed {
                assert_eq!(listen.is_local(), local, "{text}");
            }
        }
    }
}
