//! The header of a data element as the scanner saw it.

use dicom_core::{Tag, VR};

/// A data element's header (PS3.5 section 7.1) and where its value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// (gggg,eeee).
    pub tag: Tag,
    /// Its VR. Explicit VR: as encoded, an unknown pair of capital letters becomes UN. Implicit VR: from the
    /// dictionary of the Standard; LO for private creators, UL for group lengths, UN for other private or unknown
    /// elements, SQ when the length is undefined and it is not pixel data. Where the dictionary says *US or SS*,
    /// Pixel Representation (0028,0103) of the same data set or item or of what encloses it decides, else US; where it
    /// says *OB or OW*, OW, but OB for encapsulated pixel data.
    pub vr: VR,
    /// Bytes of the value; `None` is undefined length.
    pub length: Option<u32>,
    /// Where the value's first byte is, from the first byte of the (inflated) data set.
    pub offset: u64,
    /// How many sequences it is in: 0 at the top.
    pub depth: u16,
    /// Whether its header was in Explicit VR. In an UN of undefined length it is not (PS3.5 section 6.2.2).
    pub explicit: bool,
    /// Whether numbers in its value are big endian.
    pub big_endian: bool,
}
