//! Reads the bodies of A-ASSOCIATE-RQ, -AC, -RJ and A-ABORT.
//!
//! Every item's length is honoured: what an item says of itself never reaches past it, and what follows a known
//! field inside it is skipped. Unknown items and sub-items are skipped (PS3.8 9.3.1), reserved bytes are not looked at.
//! dicom-ul's reader ignores the lengths of sub-items 51H, 54H and 58H, refuses unknown items, and drops 53H and 57H.

use std::collections::HashSet;

use dicom_ul::pdu::{
    AssociationAC, AssociationRQ, PresentationContextProposed, PresentationContextResult,
    PresentationContextResultReason, RequestorRoles, UserIdentity, UserIdentityType, UserVariableItem,
};

use crate::{Abort, ProtocolError, Rejection};

/// The body of an A-ASSOCIATE-RQ (PS3.8 9.3.2).
///
/// AE titles are as sent, without trailing spaces; protocol version and application context are not judged here.
///
/// # Errors
/// [`ProtocolError::Item`] for lengths that lie, presentation context ids that are even or come twice, and items
/// without what the Standard demands of them.
pub fn read_associate_rq(body: &[u8]) -> Result<AssociationRQ, ProtocolError> {
    let parts = Parts::read(body, Side::Request)?;
    Ok(AssociationRQ {
        protocol_version: parts.version,
        called_ae_title: parts.called,
        calling_ae_title: parts.calling,
        application_context_name: parts.application_context,
        presentation_contexts: parts.proposed,
        user_variables: parts.user,
    })
}

/// The body of an A-ASSOCIATE-AC (PS3.8 9.3.3).
///
/// # Errors
/// As [`read_associate_rq`].
pub fn read_associate_ac(body: &[u8]) -> Result<AssociationAC, ProtocolError> {
    let parts = Parts::read(body, Side::Accept)?;
    Ok(AssociationAC {
        protocol_version: parts.version,
        called_ae_title: parts.called,
        calling_ae_title: parts.calling,
        application_context_name: parts.application_context,
        presentation_contexts: parts.results,
        user_variables: parts.user,
    })
}

/// The body of an A-ASSOCIATE-RJ (PS3.8 9.3.4): reserved, result, source, reason. `None` when it is not 4 bytes.
pub fn read_associate_rj(body: &[u8]) -> Option<Rejection> {
    let &[_, result, source, reason] = body else { return None };
    Some(Rejection { result, source, reason })
}

/// The body of an A-ABORT (PS3.8 9.3.8): two reserved, source, reason. `None` when it is not 4 bytes.
pub fn read_abort(body: &[u8]) -> Option<Abort> {
    let &[_, _, source, reason] = body else { return None };
    Some(Abort { source, reason })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Accept,
}

/// What RQ and AC have in common.
struct Parts {
    version: u16,
    called: String,
    calling: String,
    application_context: String,
    proposed: Vec<PresentationContextProposed>,
    results: Vec<PresentationContextResult>,
    user: Vec<UserVariableItem>,
}

impl Parts {
    fn read(body: &[u8], side: Side) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(body);
        let version = reader.u16()?;
        reader.skip(2)?;
        let called = title(reader.take(16)?);
        let calling = title(reader.take(16)?);
        reader.skip(32)?;
        let mut parts = Self {
            version,
            called,
            calling,
            application_context: String::new(),
            proposed: Vec::new(),
            results: Vec::new(),
            user: Vec::new(),
        };
        let mut ids = HashSet::new();
        while let Some(item) = reader.item()? {
            match (item.item, side) {
                (0x10, _) if parts.application_context.is_empty() => {
                    parts.application_context = uid(item.rest())
                }
                (0x20, Side::Request) => parts.proposed.push(proposed(item, &mut ids)?),
                (0x21, Side::Accept) => parts.results.push(result(item, &mut ids)?),
                (0x50, _) => parts.user.extend(user_items(item)?),
                _ => {}
            }
        }
        Ok(parts)
    }
}

/// PS3.8 9.3.2.2: id, three reserved, one abstract syntax, one or more transfer syntaxes.
fn proposed(
    mut item: Reader<'_>,
    ids: &mut HashSet<u8>,
) -> Result<PresentationContextProposed, ProtocolError> {
    let id = context_id(&mut item, ids)?;
    item.skip(3)?;
    let mut abstract_syntax = None;
    let mut transfer_syntaxes = Vec::new();
    while let Some(sub) = item.item()? {
        match sub.item {
            0x30 if abstract_syntax.is_some() => {
                return Err(sub.wrong("is the second abstract syntax of its context"));
            }
            0x30 => abstract_syntax = Some(uid(sub.rest())),
            0x40 => transfer_syntaxes.push(uid(sub.rest())),
            _ => {}
        }
    }
    let Some(abstract_syntax) = abstract_syntax else { return Err(item.wrong("has no abstract syntax")) };
    if transfer_syntaxes.is_empty() {
        return Err(item.wrong("has no transfer syntax"));
    }
    Ok(PresentationContextProposed { id, abstract_syntax, transfer_syntaxes })
}

/// PS3.8 9.3.3.2: id, reserved, result, reserved, one transfer syntax that only means something when accepted.
fn result(mut item: Reader<'_>, ids: &mut HashSet<u8>) -> Result<PresentationContextResult, ProtocolError> {
    let id = context_id(&mut item, ids)?;
    item.skip(1)?;
    let reason = match item.u8()? {
        0 => PresentationContextResultReason::Acceptance,
        1 => PresentationContextResultReason::UserRejection,
        3 => PresentationContextResultReason::AbstractSyntaxNotSupported,
        4 => PresentationContextResultReason::TransferSyntaxesNotSupported,
        _ => PresentationContextResultReason::NoReason,
    };
    item.skip(1)?;
    let mut transfer_syntax = String::new();
    if reason != PresentationContextResultReason::Acceptance {
        return Ok(PresentationContextResult { id, reason, transfer_syntax });
    }
    while let Some(sub) = item.item()? {
        if sub.item == 0x40 {
            transfer_syntax = uid(sub.rest());
        }
    }
    Ok(PresentationContextResult { id, reason, transfer_syntax })
}

/// Odd and new: there are 128 of them at most.
fn context_id(item: &mut Reader<'_>, ids: &mut HashSet<u8>) -> Result<u8, ProtocolError> {
    let id = item.u8()?;
    if id.is_multiple_of(2) {
        return Err(item.wrong("has an even presentation context id"));
    }
    if !ids.insert(id) {
        return Err(item.wrong("has a presentation context id that came before"));
    }
    Ok(id)
}

/// PS3.7 Annex D: the sub-items of User Information.
fn user_items(mut item: Reader<'_>) -> Result<Vec<UserVariableItem>, ProtocolError> {
    let mut found = Vec::new();
    while let Some(mut sub) = item.item()? {
        found.push(match sub.item {
            0x51 => UserVariableItem::MaxLength(sub.u32()?),
            0x52 => UserVariableItem::ImplementationClassUID(uid(sub.rest())),
            0x54 => {
                let class = uid(sub.counted()?);
                let roles = RequestorRoles { scu: sub.u8()? != 0, scp: sub.u8()? != 0 };
                UserVariableItem::ScuScpRoleSelectionSubItem(class, roles)
            }
            0x55 => UserVariableItem::ImplementationVersionName(title(sub.rest())),
            0x56 => {
                let class = uid(sub.counted()?);
                UserVariableItem::SopClassExtendedNegotiationSubItem(class, sub.rest().to_vec())
            }
            0x58 => identity(sub)?,
            other => UserVariableItem::Unknown(other, sub.rest().to_vec()),
        });
    }
    Ok(found)
}

/// PS3.7 D.3.3.7.1: type, positive response requested, primary field, secondary field.
/// A type that PS3.7 does not have stays unknown: nobody answers it.
fn identity(mut sub: Reader<'_>) -> Result<UserVariableItem, ProtocolError> {
    let whole = sub.rest();
    let kind = match sub.u8()? {
        1 => UserIdentityType::Username,
        2 => UserIdentityType::UsernamePassword,
        3 => UserIdentityType::KerberosServiceTicket,
        4 => UserIdentityType::SamlAssertion,
        5 => UserIdentityType::Jwt,
        _ => return Ok(UserVariableItem::Unknown(0x58, whole.to_vec())),
    };
    let answer = sub.u8()? != 0;
    let primary = sub.counted()?.to_vec();
    // Some senders leave the empty secondary field of types 1 and 3 to 5 out altogether.
    let secondary = if sub.is_empty() { Vec::new() } else { sub.counted()?.to_vec() };
    Ok(UserVariableItem::UserIdentityItem(UserIdentity::new(answer, kind, primary, secondary)))
}

/// A UID as text: padding that some senders add is not part of it. It is judged where it is used.
fn uid(bytes: &[u8]) -> String {
    latin1(bytes).trim_end_matches(['\0', ' ']).to_owned()
}

/// Trailing spaces of an AE title or version name mean nothing.
fn title(bytes: &[u8]) -> String {
    latin1(bytes).trim_end_matches(' ').to_owned()
}

/// Every byte as the character of its number, so that nothing is lost before it is judged.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| char::from(b)).collect()
}

/// The content of an item, or of the body.
#[derive(Clone, Copy)]
struct Reader<'a> {
    /// Type of the item; 00H is the body itself.
    item: u8,
    /// Where the item begins in the body.
    start: usize,
    /// Where the next byte lies in the body.
    at: usize,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(body: &'a [u8]) -> Self {
        Self { item: 0, start: 0, at: 0, bytes: body }
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn wrong(&self, problem: &'static str) -> ProtocolError {
        ProtocolError::Item { item: self.item, at: self.start, problem }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], ProtocolError> {
        let Some((taken, rest)) = self.bytes.split_at_checked(count) else {
            return Err(self.wrong("is too short for what it holds"));
        };
        self.bytes = rest;
        self.at += count;
        Ok(taken)
    }

    fn skip(&mut self, count: usize) -> Result<(), ProtocolError> {
        self.take(count).map(drop)
    }

    fn u8(&mut self) -> Result<u8, ProtocolError> {
        Ok(self.array::<1>()?[0])
    }

    fn u16(&mut self) -> Result<u16, ProtocolError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, ProtocolError> {
        self.array().map(u32::from_be_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtocolError> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.wrong("is too short for what it holds"))
    }

    /// A field with its own 16-bit length before it.
    fn counted(&mut self) -> Result<&'a [u8], ProtocolError> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// The next item inside this one: type, reserved, 16-bit length, content.
    fn item(&mut self) -> Result<Option<Reader<'a>>, ProtocolError> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let start = self.at;
        let item = self.u8()?;
        self.skip(1)?;
        let length = self.u16()?;
        let at = self.at;
        match self.take(usize::from(length)) {
            Ok(bytes) => Ok(Some(Reader { item, start, at, bytes })),
            Err(_) => Err(ProtocolError::Item { item, at: start, problem: "is longer than what holds it" }),
        }
    }
}
