//! Why the head of a file was refused.

use dicom_core::Tag;

/// Why the head of a file was refused. The text names the element and the byte, never a value; offsets count from the
/// first byte of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Neither a preamble with `DICM`, nor File Meta Information, nor the first element of a data set.
    #[error("this is not DICOM: there is neither DICM behind a preamble nor the start of a data set")]
    NotDicom,
    /// The file ends inside the head.
    #[error("the file ends at byte {end} inside its File Meta Information")]
    Cut {
        /// Length of the file.
        end: usize,
    },
    /// The head is longer than [`super::LIMIT`], or has more elements than any head.
    #[error("the File Meta Information is longer than any may be")]
    TooLong,
    /// An element of the head without a VR of the Standard that may be there.
    #[error("({:04X},{:04X}) at byte {offset} in the File Meta Information has no VR that may be there", tag.0, tag.1)]
    Vr {
        /// The element.
        tag: Tag,
        /// Where it starts.
        offset: usize,
    },
    /// (0002,0000) does not agree with where group 0002 ends.
    #[error("(0002,0000) says that the File Meta Information ends at byte {claimed}, it does not")]
    GroupLength {
        /// Where it should end.
        claimed: u64,
    },
    /// (0002,0010) is missing or empty.
    #[error("(0002,0010) Transfer Syntax UID is missing")]
    NoTransferSyntax,
}
