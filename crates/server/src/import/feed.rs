//! Reads the files below paths, on a thread of its own.

use std::fs::File;
use std::path::PathBuf;

use archive::unpack::{self, Offer};
use tokio::sync::mpsc;

use super::walk::Walk;

/// Reads everything below the paths. Ends early when nobody takes the offers any more.
pub fn read(paths: &[PathBuf], offers: &mpsc::Sender<Offer>) {
    for found in Walk::of(paths) {
        let told = match found {
            Ok(found) => {
                let what = found.path.display().to_string();
                unpack::offer_file(what, found.named, || File::open(&found.path), offers)
            }
            Err(unreadable) => {
                let what = unreadable.path.display().to_string();
                unpack::say_unreadable(offers, &what, &unreadable.error.to_string())
            }
        };
        if told.is_err() {
            return;
        }
    }
}
