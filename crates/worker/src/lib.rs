//! A bounded pool of worker processes, and the inside of one.
//!
//! A job is a few bytes of head and a payload; so is its answer. What they mean is the caller's: this crate must not
//! know pixels, DICOM or any protocol. A worker that crashes, hangs or grows past its limits costs one job an error.
