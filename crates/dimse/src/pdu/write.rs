//! Writes PDUs: A-ASSOCIATE-RQ and -AC by dicom-ul, those of four bytes and the heads of P-DATA-TF here.

use dicom_ul::pdu::{AssociationAC, AssociationRQ, Pdu, write_pdu};

use super::{HEADER, PduKind, Value};
use crate::{Abort, Rejection};

/// PDU header, PDV length, context and control header: what goes before a fragment that has a PDU of its own.
pub const PDV_HEAD: usize = HEADER + 6;

/// An association PDU whose texts do not fit their fields. Those that this crate makes fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot write the PDU: {0}")]
pub struct WriteError(String);

/// A whole A-ASSOCIATE-RQ.
///
/// # Errors
/// [`WriteError`] when an AE title is blank, longer than 16 bytes or not encodable.
pub fn write_associate_rq(request: AssociationRQ) -> Result<Vec<u8>, WriteError> {
    write(&Pdu::AssociationRQ(request))
}

/// A whole A-ASSOCIATE-AC.
///
/// # Errors
/// As [`write_associate_rq`].
pub fn write_associate_ac(accept: AssociationAC) -> Result<Vec<u8>, WriteError> {
    write(&Pdu::AssociationAC(accept))
}

/// A whole A-ASSOCIATE-RJ.
pub const fn write_associate_rj(rejection: Rejection) -> [u8; 10] {
    short(PduKind::AssociateRj, [0, rejection.result, rejection.source, rejection.reason])
}

/// A whole A-RELEASE-RQ.
pub const fn write_release_rq() -> [u8; 10] {
    short(PduKind::ReleaseRq, [0; 4])
}

/// A whole A-RELEASE-RP.
pub const fn write_release_rp() -> [u8; 10] {
    short(PduKind::ReleaseRp, [0; 4])
}

/// A whole A-ABORT.
pub const fn write_abort(abort: Abort) -> [u8; 10] {
    short(PduKind::Abort, [0, 0, abort.source, abort.reason])
}

/// What goes before a fragment of `length` bytes (at most 2³² − 7) in a P-DATA-TF of its own.
pub const fn pdata_head(context: u8, value: Value, last: bool, length: u32) -> [u8; PDV_HEAD] {
    let [a, b, c, d] = (length + 6).to_be_bytes();
    let [e, f, g, h] = (length + 2).to_be_bytes();
    let value = match value {
        Value::Command => 1,
        Value::Data => 0,
    };
    let control = value | if last { 2 } else { 0 };
    [PduKind::PData as u8, 0, a, b, c, d, e, f, g, h, context, control]
}

const fn short(kind: PduKind, body: [u8; 4]) -> [u8; 10] {
    let [a, b, c, d] = body;
    [kind as u8, 0, 0, 0, 0, 4, a, b, c, d]
}

fn write(pdu: &Pdu) -> Result<Vec<u8>, WriteError> {
    let mut bytes = Vec::with_capacity(1024);
    write_pdu(&mut bytes, pdu).map_err(|e| WriteError(e.to_string()))?;
    Ok(bytes)
}
