//! The Native DICOM Model (PS3.19 A.1): DICOM JSON as XML, and XML that a client stores with.
//!
//! | in the JSON | in the XML |
//! |---|---|
//! | `"00100020"` | `tag="00100020" keyword="PatientID"` |
//! | `"00091101"` of the creator at `"00090011"` | `tag="00090001" privateCreator="…"`: the block is not sent |
//! | `null` among values | an empty `Value` |
//! | a person name | `PersonName` with the components of each group |
//! | `BulkDataURI` | `BulkData` with `uri` |
//! | a control character that XML does not have | U+FFFD |
//!
//! Reading takes no document type declaration, no entity but the five of XML itself, and no `uuid` of bulk data: there
//! is no way to say where that would be.

mod names;
mod read;
mod write;

pub use read::{XmlError, read};
pub use write::document;
