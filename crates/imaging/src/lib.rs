//! Pixel data: where its frames lie, what their samples are, and how they are shown.
//!
//! Pure: bytes come in as slices, ranges and bytes go out. This crate must not know files, sockets, storage or any
//! protocol. Nothing panics on outside bytes and nothing is allocated by what they claim.
//!
//! | module | what it knows |
//! |---|---|
//! | [`frames`] | the frames of native and encapsulated pixel data (PS3.5 sections 8 and A.4) |
//! | [`pixel`] | the samples of a frame (PS3.3 C.7.6.3) |
//! | [`image`] | what a data set says about how a frame is to be shown |
//! | [`render`] | a frame or a document as a picture or page |
//! | [`transcode`] | a frame in another transfer syntax, and what its data set then says |
//! | [`job`] | what a worker process is asked to do |
#![cfg_attr(
    not(test),
    warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod frames;
pub mod image;
pub mod job;
pub mod pixel;
pub mod render;
pub mod transcode;
