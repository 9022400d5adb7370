//! The query of a DELETE.

use super::QueryError;
use super::pairs;
use super::retrieve::set;

/// What a DELETE may say beside its path. Both are ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteRequest {
    /// `custodian`: whose holding of the study, where several are in reach.
    pub custodian: Option<String>,
    /// `reason`: why, for the record.
    pub reason: Option<String>,
}

impl DeleteRequest {
    /// Reads a query string, still percent-encoded. What it does not know it refuses: a parameter that was meant to
    /// narrow a deletion must not be passed over.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn parse(query: &str) -> Result<Self, QueryError> {
        let mut request = Self::default();
        for (name, value) in pairs::read(query)? {
            match name.as_ref() {
                "custodian" => set(&mut request.custodian, &name, value.into_owned())?,
                "reason" => set(&mut request.reason, &name, value.into_owned())?,
                "access_token" => return Err(QueryError::Token),
                _ => {
                    let name = name.chars().take(80).collect();
                    return Err(QueryError::Value { name, problem: "is no parameter of DELETE".to_owned() });
                }
            }
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletions() {
        for (query, expected) in [
            ("", Some((None, None))),
            ("custodian=a&reason=sent%20twice", Some((Some("a"), Some("sent twice")))),
            ("reason=", Some((None, Some("")))),
            ("version=2", None),
            ("PatientID=1", None),
            ("reason=a&reason=b", None),
            ("access_token=x", None),
        ] {
            let found = DeleteRequest::parse(query).ok();
            let expected = expected.map(|(custodian, reason): (Option<&str>, Option<&str>)| DeleteRequest {
                custodian: custodian.map(str::to_owned),
                reason: reason.map(str::to_owned),
            });
            assert_eq!(found, expected, "{query}");
        }
    }
}
