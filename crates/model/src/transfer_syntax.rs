//! Transfer syntaxes (PS3.5 section 10 and Annex A, PS3.6 Table A-1) as one table: how the data set is encoded, how the
//! pixel data lies in it, and the media type that carries its frames on the web (PS3.18 section 8.7.3).
//!
//! JPIP (pixel data behind a URL) and SMPTE ST 2110 (never a file) are left out: an unknown UID is refused.

use std::hash::{Hash, Hasher};

/// How elements are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// No VR in the data, little endian.
    ImplicitLe,
    /// VR in the data, little endian.
    ExplicitLe,
    /// VR in the data, big endian (retired, read only).
    ExplicitBe,
    /// As [`Encoding::ExplicitLe`], the whole data set in one raw deflate stream (RFC 1951, PS3.5 Annex A.5).
    Deflated,
}

/// How pixel data lies in the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pixels {
    /// One value.
    Native,
    /// Fragments (PS3.5 Annex A.4).
    Encapsulated,
}

/// What the syntax alone says of loss; the record of it is Lossy Image Compression (0028,2110).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lossy {
    /// Cannot lose anything.
    No,
    /// May hold either.
    Maybe,
    /// Always loses.
    Yes,
}

/// One transfer syntax. Equal when the UID is.
#[derive(Clone, Copy, Debug)]
pub struct TransferSyntax {
    /// Its UID.
    pub uid: &'static str,
    /// Its name in PS3.6.
    pub name: &'static str,
    /// How elements are encoded.
    pub encoding: Encoding,
    /// How pixel data lies in the data set.
    pub pixels: Pixels,
    /// Whether pixel data lost something on its way in.
    pub lossy: Lossy,
    /// Media type of its bulk data on the web, e.g. `image/jls` (PS3.18 Tables 8.7.3-2 to -5).
    pub media_type: &'static str,
    /// Whether it is what [`TransferSyntax::media_type`] stands for when no transfer syntax is named beside it.
    pub default_for_media: bool,
}

/// A row of [`ALL`].
pub type Syntax = &'static TransferSyntax;

impl PartialEq for TransferSyntax {
    fn eq(&self, other: &TransferSyntax) -> bool {
        self.uid == other.uid
    }
}

impl Eq for TransferSyntax {}

impl Hash for TransferSyntax {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uid.hash(state);
    }
}

/// Every transfer syntax that is accepted.
pub const ALL: &[TransferSyntax] = &TABLE;
/// Implicit VR Little Endian: every DICOM node knows it (PS3.5 section 10.1).
pub const IMPLICIT_LE: Syntax = &TABLE[0];
/// Explicit VR Little Endian: the default on the web.
pub const EXPLICIT_LE: Syntax = &TABLE[1];
/// Explicit VR Big Endian, retired.
pub const EXPLICIT_BE: Syntax = &TABLE[2];
/// Deflated Explicit VR Little Endian.
pub const DEFLATED: Syntax = &TABLE[3];

/// The accepted transfer syntax of this UID.
pub fn by_uid(uid: &str) -> Option<Syntax> {
    TABLE.iter().find(|row| row.uid == uid)
}

const fn row(
    uid: &'static str,
    name: &'static str,
    encoding: Encoding,
    pixels: Pixels,
    lossy: Lossy,
    media_type: &'static str,
    default_for_media: bool,
) -> TransferSyntax {
    TransferSyntax { uid, name, encoding, pixels, lossy, media_type, default_for_media }
}

#[rustfmt::skip]
static TABLE: [TransferSyntax; 53] = [
    row("1.2.840.10008.1.2", "Implicit VR Little Endian", Encoding::ImplicitLe, Pixels::Native, Lossy::No, "application/octet-stream", false),
    row("1.2.840.10008.1.2.1", "Explicit VR Little Endian", Encoding::ExplicitLe, Pixels::Native, Lossy::No, "application/octet-stream", true),
    row("1.2.840.10008.1.2.2", "Explicit VR Big Endian (Retired)", Encoding::ExplicitBe, Pixels::Native, Lossy::No, "application/octet-stream", false),
    row("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian", Encoding::Deflated, Pixels::Native, Lossy::No, "application/octet-stream", false),
    row("1.2.840.10008.1.2.1.98", "Encapsulated Uncompressed Explicit VR Little Endian", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::No, "application/octet-stream", false),
    row("1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::No, "application/octet-stream", false),
    row("1.2.840.10008.1.2.5", "RLE Lossless", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::No, "image/dicom-rle", true),
    row("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 and 4)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.52", "JPEG Extended (Process 3 and 5) (Retired)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.53", "JPEG Spectral Selection, Non-Hierarchical (Process 6 and 8) (Retired)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.54", "JPEG Spectral Selection, Non-Hierarchical (Process 7 and 9) (Retired)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.55", "JPEG Full Progression, Non-Hierarchical (Process 10 and 12) (Retired)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.56", "JPEG Full Progression, Non-Hierarchical (Process 11 and 13) (Retired)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical (Process 14)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::No, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.58", "JPEG Lossless, Non-Hierarchical (Process 15) (Retired)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::No, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.59", "JPEG Extended, Hierarchical (Process 16 and 18) (Retired)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.60", "JPEG Extended, Hierarchical (Process 17 and 19) (Retired)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.61", "JPEG Spectral Selection, Hierarchical (Process 20 and 22) (Retired)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.62", "JPEG Spectral Selection, Hierarchical (Process 21 and 23) (Retired)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.63", "JPEG Full Progression, Hierarchical (Process 24 and 26) (Retired)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.64", "JPEG Full Progression, Hierarchical (Process 25 and 27) (Retired)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.65", "JPEG Lossless, Hierarchical (Process 28) (Retired)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::No, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.66", "JPEG Lossless, Hierarchical (Process 29) (Retired)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::No, "image/jpeg", false),
    row("1.2.840.10008.1.2.4.70", "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14, Selection Value 1)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::No, "image/jpeg", true),
    row("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::No, "image/jls", true),
    row("1.2.840.10008.1.2.4.81", "JPEG-LS Lossy (Near-Lossless)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Maybe, "image/jls", false),
    row("1.2.840.10008.1.2.4.90", "JPEG 2000 (Lossless Only)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::No, "image/jp2", true),
    row("1.2.840.10008.1.2.4.91", "JPEG 2000", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Maybe, "image/jp2", false),
    row("1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Multi-component (Lossless Only)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::No, "image/jpx", true),
    row("1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2 Multi-component", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Maybe, "image/jpx", false),
    row("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/mpeg", true),
    row("1.2.840.10008.1.2.4.100.1", "Fragmentable MPEG2 Main Profile / Main Level", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/mpeg", false),
    row("1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/mpeg", false),
    row("1.2.840.10008.1.2.4.101.1", "Fragmentable MPEG2 Main Profile / High Level", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/mpeg", false),
    row("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/mp4", true),
    row("1.2.840.10008.1.2.4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/mp4", false),
    row("1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/mp4", false),
    row("1.2.840.10008.1.2.4.103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/mp4", false),
    row("1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/mp4", false),
    row("1.2.840.10008.1.2.4.104.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/mp4", false),
    row("1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/mp4", false),
    row("1.2.840.10008.1.2.4.105.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/mp4", false),
    row("1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/mp4", false),
    row("1.2.840.10008.1.2.4.106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/mp4", false),
    row("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile / Level 5.1", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/H265", true),
    row("1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Yes, "video/H265", false),
    row("1.2.840.10008.1.2.4.110", "JPEG XL Lossless", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::No, "image/jxl", true),
    row("1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Maybe, "image/jxl", false),
    row("1.2.840.10008.1.2.4.112", "JPEG XL", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Maybe, "image/jxl", false),
    row("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 (Lossless Only)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::No, "image/jphc", true),
    row("1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL Options (Lossless Only)", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::No, "image/jphc", false),
    row("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000", Encoding::ExplicitLe, Pixels::Encapsulated, Lossy::Maybe, "image/jphc", false),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_what_they_say() {
        for (syntax, uid, encoding) in [
            (IMPLICIT_LE, "1.2.840.10008.1.2", Encoding::ImplicitLe),
            (EXPLICIT_LE, "1.2.840.10008.1.2.1", Encoding::ExplicitLe),
            (EXPLICIT_BE, "1.2.840.10008.1.2.2", Encoding::ExplicitBe),
            (DEFLATED, "1.2.840.10008.1.2.1.99", Encoding::Deflated),
        ] {
            assert_eq!((syntax.uid, syntax.encoding), (uid, encoding));
            assert_eq!(by_uid(uid), Some(syntax));
        }
    }

    #[test]
    fn every_row_is_a_uid_of_its_own_and_each_media_type_has_one_default() {
        for syntax in ALL {
            assert!(syntax.uid.parse::<crate::Uid>().is_ok());
            assert_eq!(ALL.iter().filter(|other| *other == syntax).count(), 1);
            let defaults = ALL.iter().filter(|o| o.media_type == syntax.media_type && o.default_for_media);

            assert_eq!(defaults.count(), 1, "{}", syntax.media_type);
        }
    }

    #[test]
    fn syntaxes_that_are_no_files_are_unknown() {
        for uid in ["1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.204", "1.2.840.10008.1.2.7.1", "1.2.3", ""]
        {
            assert_eq!(by_uid(uid), None, "{uid}");
        }
    }
}
