//! The DICOM JSON model (PS3.18 Annex F): made from a data set as it streams by, cut and merged for search results, and
//! read when a client stores with it.
//!
//! Stored JSON does not know under which address it will be served. Where an absolute URL goes, it holds the byte
//! [`MARK`], which no JSON has otherwise, and then the path; [`complete`] puts the rest in.
//!
//! Where PS3.18 leaves a choice:
//!
//! | in the data set | in the JSON |
//! |---|---|
//! | two elements with one tag | the later one, as most readers of DICOM have it |
//! | DS, IS | a number when its text is a JSON number that loses nothing, else the text |
//! | SV, UV beyond 2^53 | a string |
//! | FL, FD with a NaN or an infinity | a BulkDataURI |
//! | numbers whose bytes do not divide into words | UN, so that nothing is lost |
//! | UN of undefined length | SQ |
//! | UN of an element whose VR the dictionary knows | that VR |
//! | a long value of a VR that may not be a BulkDataURI | UN with one |
//! | group lengths, group 0002 | nothing |
//! | text that cannot be decoded | U+FFFD for each bad byte |

mod bulk;
mod complete;
mod limits;
mod number;
pub mod object;
mod read;
mod text;
mod token;
mod value;
mod writer;

pub use bulk::{Bulk, BulkError, BulkTable};
pub use complete::{MARK, complete};
pub use limits::Limits;
pub use read::{ReadError, Reader};
pub use token::{JsonError, Token, TokenLimits, Tokenizer};
pub use writer::JsonWriter;
