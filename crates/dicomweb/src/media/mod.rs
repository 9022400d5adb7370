//! Media types, and the choice among them: `Accept`, the `accept` parameter, transfer syntaxes (PS3.18 8.7).
//!
//! What can be given of a resource is a list of [`Offer`]s, what is wanted an [`Accept`]; [`Accept::choose`] brings
//! them together. An instance's offers depend on the transfer syntax it is stored in, so a study is negotiated
//! instance by instance.

mod accept;
mod media_type;
mod offers;
mod range;
mod rendered;

pub use accept::{Accept, AcceptError, MissingAccept, Resource};
pub use media_type::MediaType;
pub use offers::{
    Framing, Offer, all_bulk_offer, bulk_offers, frame_offers, instance_offers, model_offers, response_offers,
};
pub use rendered::{Pictures, picture_offers, text_offers, thumbnail_offers, video_offers};

/// `application/dicom`, a Part 10 file.
pub const DICOM: &str = "application/dicom";
/// `application/dicom+json`, the DICOM JSON model (PS3.18 Annex F).
pub const DICOM_JSON: &str = "application/dicom+json";
/// `application/dicom+xml`, the Native DICOM Model (PS3.19 A.1).
pub const DICOM_XML: &str = "application/dicom+xml";
/// `application/octet-stream`, bulk data without compression.
pub const OCTET_STREAM: &str = "application/octet-stream";
