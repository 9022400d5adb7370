//! The second factor: codes that an app makes from a shared secret and the time (RFC 6238, HMAC-SHA-1, six digits,
//! steps of 30 s), which is what every authenticator app does.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use crate::IdentityError;

/// Seconds of a step.
const STEP: i64 = 30;
/// Steps before and after now whose codes count, for clocks that differ (RFC 6238 5.2).
const AROUND: i64 = 1;
/// Digits of a code.
const DIGITS: usize = 6;
/// Bytes of a secret: as long as the hash (RFC 4226 4, R6).
const SECRET: usize = 20;

/// A shared secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// A new one.
    pub(crate) fn random() -> Result<Self, IdentityError> {
        let mut bytes = vec![0; SECRET];
        getrandom::fill(&mut bytes).map_err(|_| IdentityError::Random)?;
        Ok(Self(bytes))
    }

    /// One that was kept.
    pub(crate) fn kept(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Its bytes, to keep.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As people type it into an app: base 32 (RFC 4648 6) in groups of four.
    pub fn text(&self) -> String {
        let text = BASE32_NOPAD.encode(&self.0);
        text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
    }

    /// As apps scan it: the `otpauth` URI that all of them know, with the defaults left out.
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        let secret = BASE32_NOPAD.encode(&self.0);
        let (issuer, account) = (escaped(issuer), escaped(account));
        format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}")
    }

    /// The step around `now` whose code this is. All codes are compared, each in constant time.
    pub(crate) fn step_of(&self, code: &str, now: i64) -> Option<i64> {
        let here = now.div_euclid(STEP);
        let mut found = None;
        for step in here - AROUND..=here + AROUND {
            if bool::from(self.code(step).as_bytes().ct_eq(code.as_bytes())) {
                found = Some(step);
            }
        }
        found
    }

    /// RFC 4226 5.3, with the step as counter.
    pub(crate) fn code(&self, step: i64) -> String {
        // HMAC takes a key of any length.
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&self.0) else { return String::new() };
        mac.update(&step.to_be_bytes());
        let hash = mac.finalize().into_bytes();
        let at = usize::from(hash[19] & 0x0F);
        let word = u32::from_be_bytes([hash[at] & 0x7F, hash[at + 1], hash[at + 2], hash[at + 3]]);
        format!("{:0DIGITS$}", word % 1_000_000)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Whether it has the form of a code that an app makes.
pub(crate) fn is_code(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a URI takes as it is stays, the rest is percent-encoded (RFC 3986 2.3).
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 Appendix B, SHA-1, the last six of its eight digits.
    #[test]
    fn the_rfcs_codes() {
        let secret = Secret(b"12345678901234567890".to_vec());
        for (now, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.code(now / STEP), code, "{now}");
            for (at, counts) in [(-60, false), (-30, true), (0, true), (30, true), (60, false)] {
                let found = secret.step_of(code, now / STEP * STEP + at);
                assert_eq!(found, counts.then_some(now / STEP), "{now} {at}");
            }
        }
        for wrong in ["", "28708", "2870820", "287083", "28708a"] {
            assert_eq!(secret.step_of(wrong, 59), None, "{wrong}");
        }
    }

    #[test]
    fn forms() {
        let secret = Secret(b"12345678901234567890".to_vec());
        assert_eq!(secret.text(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert_eq!(
            secret.uri("Overread", "dr. a@b"),
            "otpauth://totp/Overread:dr.%20a%40b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Overread"
        );
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_ne!(Secret::random().unwrap(), Secret::random().unwrap());
        for (text, is) in [("123456", true), ("12345", false), ("12345a", false), ("1234567", false)] {
            assert_eq!(is_code(text), is, "{text}");
        }
    }
}
