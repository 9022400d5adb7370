//! Several data sets as one answer: a JSON array, or a multipart body of XML documents (PS3.18 10.4.4, 10.6.4).

use archive::ReadError;
use dicomweb::json::complete;
use dicomweb::media::{DICOM_JSON, DICOM_XML, Offer};
use dicomweb::multipart::{Boundary, Writer};
use dicomweb::xml;

/// The type of one part.
const PART: &str = "application/dicom+xml; charset=utf-8";

/// Gathers data sets; take [`Sheet::out`] away whenever it is long enough.
pub(crate) struct Sheet {
    pub(crate) out: Vec<u8>,
    form: Form,
}

enum Form {
    /// What stands before the next object.
    Json(&'static [u8]),
    /// The parts, and memory that is used for each.
    Xml(Writer, Vec<u8>),
}

impl Sheet {
    /// An answer without data sets, in the form that was chosen.
    pub(crate) fn new(offer: &Offer, boundary: Boundary) -> Self {
        let form = match offer.media {
            DICOM_XML => Form::Xml(Writer::new(boundary), Vec::new()),
            _ => Form::Json(b"["),
        };
        Self { out: Vec::new(), form }
    }

    /// The value of `Content-Type`.
    pub(crate) fn content_type(&self) -> String {
        match &self.form {
            Form::Json(_) => DICOM_JSON.to_owned(),
            Form::Xml(writer, _) => writer.content_type(DICOM_XML),
        }
    }

    /// Adds stored JSON with this address in it.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] when what is stored is no JSON.
    pub(crate) fn push(&mut self, stored: &[u8], address: &str) -> Result<(), ReadError> {
        match &mut self.form {
            Form::Json(next) => {
                self.out.extend_from_slice(next);
                *next = b",";
                complete(stored, address, &mut self.out);
            }
            Form::Xml(writer, json) => {
                self.out.extend_from_slice(&writer.head(&[("Content-Type", PART)]));
                json.clear();
                complete(stored, address, json);
                xml::document(json, &mut self.out)
                    .map_err(|error| ReadError::Damaged(format!("metadata in the index: {error}")))?;
            }
        }
        Ok(())
    }

    /// Ends it.
    pub(crate) fn close(&mut self) {
        match &self.form {
            Form::Json(next) => {
                if *next == b"[" {
                    self.out.extend_from_slice(b"[");
                }
                self.out.extend_from_slice(b"]");
            }
            Form::Xml(writer, _) => self.out.extend_from_slice(&writer.close()),
        }
    }
}
