//! What is offered: verification, and storage of the classes that the archive takes.

use archive::Archive;
use dimse::negotiate::{Extended, Offer, Policy, Preference};
use dimse::pdu::RequestorRoles;
use model::sop_class::VERIFICATION;

pub(crate) struct Services {
    archive: Archive,
    verification: Offer,
    storage: Offer,
}

impl Services {
    pub(crate) fn new(archive: Archive) -> Self {
        // Here this end is always the SCP.
        let roles = RequestorRoles { scu: true, scp: false };
        Self {
            archive,
            verification: Offer { preference: Preference::plain(), roles, extended: Extended::None },
            storage: Offer { preference: Preference::storage(), roles, extended: Extended::Storage },
        }
    }
}

impl Policy for Services {
    fn offer(&self, abstract_syntax: &str) -> Option<&Offer> {
        if abstract_syntax == VERIFICATION {
            return Some(&self.verification);
        }
        self.archive.accepts_class(abstract_syntax).then_some(&self.storage)
    }
}
