//! The User Information item (PS3.7 Annex D), understood.

use dicom_ul::pdu::{RequestorRoles, UserIdentity, UserVariableItem};

/// What the User Information of an A-ASSOCIATE-RQ or -AC says. Sub-items that PS3.7 does not have are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserInformation {
    /// Maximum Length Received (51H): 0 is no limit, and so is its absence.
    pub maximum_length: u32,
    /// Implementation Class UID (52H), not judged.
    pub implementation_class: String,
    /// Implementation Version Name (55H), not judged.
    pub implementation_version: String,
    /// Asynchronous Operations Window (53H): operations invoked and performed, 0 is no limit.
    pub operations_window: Option<(u16, u16)>,
    /// SCP/SCU Role Selection (54H) by SOP class.
    pub roles: Vec<(String, RequestorRoles)>,
    /// SOP Class Extended Negotiation (56H): service class application information by SOP class.
    pub extended: Vec<(String, Vec<u8>)>,
    /// SOP Class Common Extended Negotiation (57H).
    pub common_extended: Vec<CommonExtended>,
    /// User Identity (58H).
    pub identity: Option<UserIdentity>,
}

/// SOP Class Common Extended Negotiation (PS3.7 D.3.3.6): what a SOP class is a kind of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommonExtended {
    /// The SOP class.
    pub sop_class: String,
    /// Its service class, e.g. 1.2.840.10008.4.2 for storage.
    pub service_class: String,
    /// Related general SOP classes.
    pub related: Vec<String>,
}

impl UserInformation {
    pub(crate) fn read(items: Vec<UserVariableItem>) -> Self {
        let mut user = Self::default();
        for item in items {
            match item {
                UserVariableItem::MaxLength(length) => user.maximum_length = length,
                UserVariableItem::ImplementationClassUID(uid) => user.implementation_class = uid,
                UserVariableItem::ImplementationVersionName(name) => user.implementation_version = name,
                UserVariableItem::ScuScpRoleSelectionSubItem(class, roles) => user.roles.push((class, roles)),
                UserVariableItem::SopClassExtendedNegotiationSubItem(class, information) => {
                    user.extended.push((class, information));
                }
                UserVariableItem::UserIdentityItem(identity) => user.identity = Some(identity),
                UserVariableItem::Unknown(0x53, bytes) => user.operations_window = window(&bytes),
                UserVariableItem::Unknown(0x57, bytes) => {
                    user.common_extended.extend(common_extended(&bytes))
                }
                UserVariableItem::Unknown(..) => {}
            }
        }
        user
    }
}

/// Two counts; anything else is no window, so the default of one each holds.
fn window(bytes: &[u8]) -> Option<(u16, u16)> {
    let &[a, b, c, d, ..] = bytes else { return None };
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// SOP class, service class and the list of related general classes, each with its 16-bit length. It is only a hint,
/// so one that cannot be read is left out.
fn common_extended(mut bytes: &[u8]) -> Option<CommonExtended> {
    let sop_class = text(counted(&mut bytes)?);
    let service_class = text(counted(&mut bytes)?);
    let mut list = counted(&mut bytes)?;
    let mut related = Vec::new();
    while !list.is_empty() {
        related.push(text(counted(&mut list)?));
    }
    Some(CommonExtended { sop_class, service_class, related })
}

fn counted<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (&length, rest) = bytes.split_first_chunk::<2>()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(length)))?;
    *bytes = rest;
    Some(value)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches(['\0', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_extended_negotiation_is_read() {
        let mut bytes = Vec::new();
        for part in ["1.2.3", "1.2.840.10008.4.2"] {
            bytes.extend_from_slice(&(part.len() as u16).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        let mut related = bytes.clone();
        related.extend_from_slice(b"\0\x05\0\x031.2");
        let none = [bytes.clone(), b"\0\0".to_vec()].concat();
        for (bytes, expected) in [
            (related, Some(vec!["1.2".to_owned()])),
            (none, Some(Vec::new())),
            (bytes.clone(), None),
            ([bytes, b"\0\x05\0\x091.2".to_vec()].concat(), None),
        ] {
            assert_eq!(common_extended(&bytes).map(|found| found.related), expected, "{bytes:?}");
        }
    }
}
