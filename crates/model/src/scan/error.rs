//! Why a data set was refused, and where.

use dicom_core::Tag;

/// Why a data set was refused. The text names the element and the byte, never a value.
///
/// Offsets count from the first byte of the (inflated) data set and point at the tag of the element, item or delimiter
/// in question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// The data set ends inside this value or fragment.
    #[error("{} at byte {offset} claims {claimed} bytes, {left} are left", Name(tag))]
    PastEnd {
        /// The element, or the item of a fragment.
        tag: Tag,
        /// Where it starts.
        offset: u64,
        /// The length it declares.
        claimed: u32,
        /// The bytes that are there.
        left: u64,
    },
    /// The data set ends inside an element's header.
    #[error("the data set ends at byte {end} inside the header of an element at byte {offset}")]
    CutHeader {
        /// Where the header starts.
        offset: u64,
        /// Where the bytes end.
        end: u64,
    },
    /// The data set ends in a sequence, item or encapsulated pixel data of undefined length.
    #[error("{} at byte {offset} is not closed when the data set ends", Name(tag))]
    Unclosed {
        /// The innermost open element or item.
        tag: Tag,
        /// Where it starts.
        offset: u64,
    },
    /// A length reaches beyond the sequence or item around it.
    #[error("{} at byte {offset} claims {claimed} bytes, {left} are left in what encloses it", Name(tag))]
    PastParent {
        /// The element or item.
        tag: Tag,
        /// Where it starts.
        offset: u64,
        /// The length it declares.
        claimed: u32,
        /// The bytes that the enclosing sequence or item has left for its value.
        left: u64,
    },
    /// The enclosing item or sequence ends inside the header of an element.
    #[error("an element at byte {offset} has its header cut by the end of what encloses it")]
    HeaderPastParent {
        /// Where the header starts.
        offset: u64,
    },
    /// The VR is not two capital letters.
    #[error("{} at byte {offset} has no VR but {:02X}{:02X}H", Name(tag), vr[0], vr[1])]
    NoVr {
        /// The element.
        tag: Tag,
        /// Where it starts.
        offset: u64,
        /// The bytes in place of a VR.
        vr: [u8; 2],
    },
    /// This VR, or a fragment, may not have undefined length.
    #[error("{} at byte {offset} has undefined length, which {vr} may not have", Name(tag))]
    UndefinedLength {
        /// The element or item.
        tag: Tag,
        /// Where it starts.
        offset: u64,
        /// Its VR as text, or what else it is.
        vr: &'static str,
    },
    /// An item or delimiter where an element, or none of them, may be.
    #[error("{} at byte {offset} stands where it may not", Name(tag))]
    Stray {
        /// The item or delimiter.
        tag: Tag,
        /// Where it starts.
        offset: u64,
    },
    /// Something else than an item in a sequence or in encapsulated pixel data.
    #[error("{} at byte {offset} stands where an item of {} should", Name(tag), Name(parent))]
    NotAnItem {
        /// What is there.
        tag: Tag,
        /// Where it starts.
        offset: u64,
        /// The sequence or pixel data.
        parent: Tag,
    },
    /// A delimiter with a length other than 0.
    #[error("the delimiter {} at byte {offset} has length {length}", Name(tag))]
    DelimiterLength {
        /// The delimiter.
        tag: Tag,
        /// Where it starts.
        offset: u64,
        /// Its length.
        length: u32,
    },
    /// Too many sequences inside each other.
    #[error("{} at byte {offset} is nested deeper than {limit} levels", Name(tag))]
    TooDeep {
        /// The sequence.
        tag: Tag,
        /// Where it starts.
        offset: u64,
        /// [`super::Limits::depth`].
        limit: usize,
    },
    /// Too many elements, items and fragments.
    #[error("{} at byte {offset} is one more than {limit} elements and items", Name(tag))]
    TooMany {
        /// The element or item too many.
        tag: Tag,
        /// Where it starts.
        offset: u64,
        /// [`super::Limits::elements`].
        limit: u64,
    },
    /// The deflated data set is damaged, or not deflated.
    #[error("the deflate stream is damaged after {offset} inflated bytes")]
    Inflate {
        /// Inflated bytes before the damage.
        offset: u64,
    },
    /// The deflated data set ends before its deflate stream does.
    #[error("the deflate stream is cut after {offset} inflated bytes")]
    InflateCut {
        /// Inflated bytes so far.
        offset: u64,
    },
    /// The deflated data set grows beyond its limit.
    #[error("the deflate stream grows beyond {offset} bytes")]
    InflateTooMuch {
        /// The bytes allowed for the input so far; how that was cut when it was pushed shows in it.
        offset: u64,
    },
    /// Bytes follow the end of the deflate stream that are neither its one byte of padding nor a gzip trailer that fits.
    #[error("bytes follow the end of the deflate stream, which holds {offset} bytes")]
    AfterDeflate {
        /// Length of the inflated data set.
        offset: u64,
    },
}

impl ScanError {
    /// Where, from the first byte of the (inflated) data set.
    pub fn offset(&self) -> u64 {
        use ScanError::*;
        match self {
            PastEnd { offset, .. }
            | CutHeader { offset, .. }
            | Unclosed { offset, .. }
            | PastParent { offset, .. }
            | HeaderPastParent { offset }
            | NoVr { offset, .. }
            | UndefinedLength { offset, .. }
            | Stray { offset, .. }
            | NotAnItem { offset, .. }
            | DelimiterLength { offset, .. }
            | TooDeep { offset, .. }
            | TooMany { offset, .. }
            | Inflate { offset }
            | InflateCut { offset }
            | InflateTooMuch { offset }
            | AfterDeflate { offset } => *offset,
        }
    }

    /// What: the element, item or delimiter in question.
    pub fn tag(&self) -> Option<Tag> {
        use ScanError::*;
        match self {
            PastEnd { tag, .. }
            | Unclosed { tag, .. }
            | PastParent { tag, .. }
            | NoVr { tag, .. }
            | UndefinedLength { tag, .. }
            | Stray { tag, .. }
            | NotAnItem { tag, .. }
            | DelimiterLength { tag, .. }
            | TooDeep { tag, .. }
            | TooMany { tag, .. } => Some(*tag),
            CutHeader { .. }
            | HeaderPastParent { .. }
            | Inflate { .. }
            | InflateCut { .. }
            | InflateTooMuch { .. }
            | AfterDeflate { .. } => None,
        }
    }
}

/// A tag in the form that people search for: (7FE0,0010).
struct Name<'a>(&'a Tag);

impl std::fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({:04X},{:04X})", self.0.0, self.0.1)
    }
}
