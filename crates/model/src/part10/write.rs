//! Writing the head of a file.

use crate::AeTitle;

/// (0002,0012) of files that are written here, and the same in associations (PS3.7 section D.3.3.2).
pub const IMPLEMENTATION_CLASS: &str = "2.25.89602923138998045826809172791308562479";
/// (0002,0013) of files that are written here.
pub const IMPLEMENTATION_VERSION: &str = "OVERREAD_0_1";
/// (0002,0100) beside private information of ours.
pub const PRIVATE_CREATOR: &str = "2.25.130895672433280301225486030098916875895";

/// What a new head says.
#[derive(Clone, Copy, Debug)]
pub struct NewMeta<'a> {
    /// (0002,0002), at most 64 characters.
    pub sop_class: &'a str,
    /// (0002,0003), at most 64 characters.
    pub sop_instance: &'a str,
    /// (0002,0010), at most 64 characters.
    pub transfer_syntax: &'a str,
    /// (0002,0016).
    pub source_ae: Option<AeTitle>,
    /// (0002,0102), under [`PRIVATE_CREATOR`].
    pub private: Option<&'a [u8]>,
}

/// Writes a head: a preamble of zeros, `DICM` and group 0002 with its length (PS3.10 section 7.1).
///
/// With private information, `total` pads it with zeros so that the head has exactly this many bytes; it must be even.
/// What does not fit makes the head longer, so the caller compares. All but the private information takes at most
/// 534 bytes.
pub fn write_head(meta: &NewMeta<'_>, total: Option<usize>) -> Vec<u8> {
    let mut out = Vec::with_capacity(total.unwrap_or(512));
    out.resize(128, 0);
    out.extend_from_slice(b"DICM");
    let group_length = out.len() + 8;
    short(&mut out, 0x0000, b"UL", &[0; 4], 0);
    long(&mut out, 0x0001, &[0, 1], 2);
    short(&mut out, 0x0002, b"UI", meta.sop_class.as_bytes(), 0);
    short(&mut out, 0x0003, b"UI", meta.sop_instance.as_bytes(), 0);
    short(&mut out, 0x0010, b"UI", meta.transfer_syntax.as_bytes(), 0);
    short(&mut out, 0x0012, b"UI", IMPLEMENTATION_CLASS.as_bytes(), 0);
    short(&mut out, 0x0013, b"SH", IMPLEMENTATION_VERSION.as_bytes(), b' ');
    if let Some(title) = &meta.source_ae {
        short(&mut out, 0x0016, b"AE", title.as_str().as_bytes(), b' ');
    }
    if let Some(private) = meta.private {
        short(&mut out, 0x0100, b"UI", PRIVATE_CREATOR.as_bytes(), 0);
        let room = total.unwrap_or(0).saturating_sub(out.len() + 12);
        long(&mut out, 0x0102, private, room);
    }
    let length = (out.len() - group_length - 4) as u32;
    if let Some(place) = out.get_mut(group_length..group_length + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    out
}

/// An element with a length of 16 bits, padded to an even one. Callers give at most 64 bytes or so; more is cut.
fn short(out: &mut Vec<u8>, element: u16, vr: &[u8; 2], value: &[u8], pad: u8) {
    let value = value.get(..usize::from(u16::MAX - 1)).unwrap_or(value);
    let odd = value.len() % 2;
    header(out, element, vr);
    out.extend_from_slice(&((value.len() + odd) as u16).to_le_bytes());
    out.extend_from_slice(value);
    out.extend(std::iter::repeat_n(pad, odd));
}

/// An OB element, padded with zeros to an even length of at least `least`.
fn long(out: &mut Vec<u8>, element: u16, value: &[u8], least: usize) {
    let length = value.len().max(least).next_multiple_of(2);
    header(out, element, b"OB");
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&(length as u32).to_le_bytes());
    out.extend_from_slice(value);
    out.extend(std::iter::repeat_n(0, length - value.len()));
}

fn header(out: &mut Vec<u8>, element: u16, vr: &[u8; 2]) {
    out.extend_from_slice(&0x0002_u16.to_le_bytes());
    out.extend_from_slice(&element.to_le_bytes());
    out.extend_from_slice(vr);
}
