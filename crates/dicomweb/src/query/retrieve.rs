//! The parameters of a retrieve (PS3.18 8.3).

use super::{QueryError, pairs, shown};

/// What a retrieve says beside its path. Parameters that it does not know are ignored (PS3.18 8.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetrieveRequest {
    /// `accept`, a media range: see [`crate::media::Accept`].
    pub accept: Option<String>,
    /// `custodian`: whose holding of the study, where several are in reach. Ours.
    pub custodian: Option<String>,
    /// `version`: which of several instances under one UID, from 1 on. Ours.
    pub version: Option<u32>,
}

impl RetrieveRequest {
    /// Reads a query string, still percent-encoded.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn parse(query: &str) -> Result<Self, QueryError> {
        let mut request = Self::default();
        for (name, value) in pairs::read(query)? {
            match name.as_ref() {
                "accept" => set(&mut request.accept, &name, value.into_owned())?,
                "custodian" => set(&mut request.custodian, &name, value.into_owned())?,
                "version" => set(&mut request.version, &name, version(&value)?)?,
                "access_token" => return Err(QueryError::Token),
                _ => {}
            }
        }
        Ok(request)
    }
}

/// Sets a parameter that may be given once.
pub(super) fn set<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), QueryError> {
    if slot.replace(value).is_some() {
        return Err(QueryError::Repeated(shown(name)));
    }
    Ok(())
}

fn version(text: &str) -> Result<u32, QueryError> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|&number: &u32| digits && number > 0);
    number.ok_or_else(|| QueryError::Value {
        name: "version".to_owned(),
        problem: "is no number from 1 on".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retrieves() {
        let version = |problem: &str| {
            Err(QueryError::Value { name: "version".to_owned(), problem: problem.to_owned() })
        };
        let none = RetrieveRequest::default();
        for (query, expected) in [
            ("", Ok(none.clone())),
            ("unknown=1&viewport=", Ok(none.clone())),
            (
                "accept=application%2Fdicom;transfer-syntax=*",
                Ok(RetrieveRequest {
                    accept: Some("application/dicom;transfer-syntax=*".to_owned()),
                    ..none.clone()
                }),
            ),
            (
                "version=2&custodian=local",
                Ok(RetrieveRequest { version: Some(2), custodian: Some("local".to_owned()), ..none.clone() }),
            ),
            ("version=0", version("is no number from 1 on")),
            ("version=+1", version("is no number from 1 on")),
            ("version=4294967296", version("is no number from 1 on")),
            ("version=", version("is no number from 1 on")),
            ("version=1&version=1", Err(QueryError::Repeated("version".to_owned()))),
            ("access_token=x", Err(QueryError::Token)),
        ] {
            assert_eq!(RetrieveRequest::parse(query), expected, "{query:?}");
        }
    }
}
