//! Claims (RFC 7519 4), read one by one.

use serde_json::{Map, Value};

use crate::{Fault, SKEW};

/// The longest subject that is looked at, in bytes (OpenID Connect Core 2).
const SUBJECT: usize = 255;

pub(crate) type Claims = Map<String, Value>;

/// A text that must be there, and not be empty.
pub(crate) fn text<'a>(claims: &'a Claims, name: &'static str) -> Result<&'a str, Fault> {
    match claims.get(name) {
        None | Some(Value::Null) => Err(Fault::Missing(name)),
        Some(Value::String(text)) if text.is_empty() => Err(Fault::Missing(name)),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Fault::Malformed),
    }
}

/// Who it is about, in characters that a log takes.
pub(crate) fn subject(claims: &Claims) -> Result<&str, Fault> {
    let subject = text(claims, "sub")?;
    let good = subject.len() <= SUBJECT && !subject.chars().any(char::is_control);
    good.then_some(subject).ok_or(Fault::Malformed)
}

/// A moment (RFC 7519 2: a number, which may have a fraction), if it is there.
pub(crate) fn moment(claims: &Claims, name: &'static str) -> Result<Option<i64>, Fault> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => {
            // As far as a year of five digits; beyond it nothing is meant.
            let seconds = number.as_f64().filter(|seconds| seconds.abs() < 1e12).ok_or(Fault::Malformed)?;
            Ok(Some(seconds.floor() as i64))
        }
        Some(_) => Err(Fault::Malformed),
    }
}

/// Whether it counts at this moment: `exp` and `iat` must be there, `nbf` may.
pub(crate) fn in_time(claims: &Claims, now: i64) -> Result<(), Fault> {
    let expires = moment(claims, "exp")?.ok_or(Fault::Missing("exp"))?;
    let issued = moment(claims, "iat")?.ok_or(Fault::Missing("iat"))?;
    let begins = moment(claims, "nbf")?.unwrap_or(issued);
    if now >= expires.saturating_add(SKEW) {
        return Err(Fault::Expired);
    }
    if issued.max(begins) > now.saturating_add(SKEW) {
        return Err(Fault::Early);
    }
    Ok(())
}

/// Whom it is for: one text or several (RFC 7519 4.1.3).
pub(crate) fn audience(claims: &Claims) -> Result<Vec<&str>, Fault> {
    match claims.get("aud") {
        None => Err(Fault::Missing("aud")),
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(all)) => {
            all.iter().map(|one| one.as_str().ok_or(Fault::Malformed)).collect::<Result<_, _>>()
        }
        Some(_) => Err(Fault::Malformed),
    }
}
