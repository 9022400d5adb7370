//! What an acceptor offers: for each abstract syntax the transfer syntaxes it takes, in its own order of preference.

use std::collections::HashMap;
use std::sync::Arc;

use dicom_ul::pdu::RequestorRoles;
use model::transfer_syntax::{self, Encoding, Lossy, Pixels, Syntax};

/// What an acceptor does with an abstract syntax. `None` is result 3, abstract syntax not supported.
pub trait Policy {
    /// The offer for this abstract syntax.
    fn offer(&self, abstract_syntax: &str) -> Option<&Offer>;
}

/// How one abstract syntax is served.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Which transfer syntaxes, and which of them rather.
    pub preference: Preference,
    /// Which roles the requestor may take. Storage and queries: SCU.
    pub roles: RequestorRoles,
    /// What is said to SOP Class Extended Negotiation (56H).
    pub extended: Extended,
}

/// The answer to SOP Class Extended Negotiation (PS3.7 D.3.3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extended {
    /// None: the item is left out of the A-ASSOCIATE-AC.
    None,
    /// Storage (PS3.4 B.3.1): level 2, bit preserving, nothing coerced.
    Storage,
    /// Byte by byte, 1 where both ends can (PS3.4 C.5.1.1), and never more bytes than were offered.
    Flags(Vec<u8>),
}

impl Extended {
    /// What is answered to `offered`.
    pub fn answer(&self, offered: &[u8]) -> Option<Vec<u8>> {
        match self {
            Extended::None => None,
            // Level of support 2, digital signature level 3 (stored as they came), element coercion 0.
            Extended::Storage => Some(vec![2, 0, 3, 0, 0, 0]),
            Extended::Flags(flags) => Some(
                offered
                    .iter()
                    .zip(flags)
                    .map(|(&offered, &own)| u8::from(offered == 1 && own == 1))
                    .collect(),
            ),
        }
    }
}

/// Transfer syntaxes in an order of preference. Implicit VR Little Endian is always among them (PS3.5 10.1).
#[derive(Clone, Debug)]
pub struct Preference {
    ranks: Vec<(Syntax, u8)>,
}

impl Preference {
    /// Groups of syntaxes, the best first; within a group the requestor's order decides. At most 255 groups count.
    pub fn new(groups: &[&[Syntax]]) -> Self {
        let mut ranks = Vec::new();
        for (rank, group) in (0u8..=254).zip(groups) {
            ranks.extend(group.iter().map(|syntax| (*syntax, rank)));
        }
        if ranks.iter().all(|(syntax, _)| *syntax != transfer_syntax::IMPLICIT_LE) {
            ranks.push((transfer_syntax::IMPLICIT_LE, u8::MAX));
        }
        Self { ranks }
    }

    /// For storage: lossless compressed as proposed, then Explicit LE, Implicit LE, the other native ones, then what may
    /// be lossy, then what is.
    pub fn storage() -> Self {
        let ranks = transfer_syntax::ALL.iter().map(|syntax| (syntax, storage_rank(syntax))).collect();
        Self { ranks }
    }

    /// For messages without pixels: Explicit LE, then Implicit LE.
    pub fn plain() -> Self {
        Self::new(&[&[transfer_syntax::EXPLICIT_LE], &[transfer_syntax::IMPLICIT_LE]])
    }

    /// Lower is better; `None` is not taken.
    pub fn rank(&self, syntax: Syntax) -> Option<u8> {
        self.ranks.iter().find(|(known, _)| *known == syntax).map(|(_, rank)| *rank)
    }

    /// The best of those proposed, ties going to the one proposed first.
    pub fn choose<'a>(&self, proposed: impl IntoIterator<Item = &'a str>) -> Option<Syntax> {
        let known = proposed.into_iter().filter_map(transfer_syntax::by_uid);
        let ranked = known.filter_map(|syntax| Some((self.rank(syntax)?, syntax)));
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, syntax)| syntax)
    }
}

fn storage_rank(syntax: Syntax) -> u8 {
    match (syntax.encoding, syntax.pixels, syntax.lossy) {
        (_, Pixels::Encapsulated, Lossy::No) => 0,
        (Encoding::ExplicitLe, Pixels::Native, _) => 1,
        (Encoding::ImplicitLe, Pixels::Native, _) => 2,
        (Encoding::Deflated, Pixels::Native, _) => 3,
        (Encoding::ExplicitBe, Pixels::Native, _) => 4,
        (_, Pixels::Encapsulated, Lossy::Maybe) => 5,
        (_, Pixels::Encapsulated, Lossy::Yes) => 6,
    }
}

/// A policy as a map.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    offers: HashMap<Box<str>, Arc<Offer>>,
}

impl Catalogue {
    /// Adds one offer under several abstract syntaxes.
    pub fn with<'a>(mut self, abstract_syntaxes: impl IntoIterator<Item = &'a str>, offer: Offer) -> Self {
        let offer = Arc::new(offer);
        for abstract_syntax in abstract_syntaxes {
            self.offers.insert(abstract_syntax.into(), Arc::clone(&offer));
        }
        self
    }

    /// Verification (C-ECHO), the requestor being SCU.
    pub fn with_verification(self) -> Self {
        let offer = Offer { preference: Preference::plain(), roles: SCU, extended: Extended::None };
        self.with([model::sop_class::VERIFICATION], offer)
    }

    /// These storage classes, the requestor being SCU.
    pub fn with_storage<'a>(self, classes: impl IntoIterator<Item = &'a str>) -> Self {
        let offer = Offer { preference: Preference::storage(), roles: SCU, extended: Extended::Storage };
        self.with(classes, offer)
    }
}

/// What a requestor is without role selection.
pub(crate) const SCU: RequestorRoles = RequestorRoles { scu: true, scp: false };

impl Policy for Catalogue {
    fn offer(&self, abstract_syntax: &str) -> Option<&Offer> {
        self.offers.get(abstract_syntax).map(Arc::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const J2K: &str = "1.2.840.10008.1.2.4.90";
    const JLS: &str = "1.2.840.10008.1.2.4.80";
    const JPEG: &str = "1.2.840.10008.1.2.4.50";
    const EXPLICIT: &str = "1.2.840.10008.1.2.1";
    const IMPLICIT: &str = "1.2.840.10008.1.2";
    const BIG: &str = "1.2.840.10008.1.2.2";

    /// The acceptor decides: lossless compressed as proposed, Explicit LE, Implicit LE, lossy.
    #[test]
    fn the_best_of_those_proposed() {
        let storage = Preference::storage();
        let plain = Preference::plain();
        let own = Preference::new(&[&[transfer_syntax::EXPLICIT_BE]]);
        for (preference, proposed, chosen) in [
            (&storage, &[IMPLICIT, EXPLICIT][..], Some(EXPLICIT)),
            (&storage, &[EXPLICIT, JLS, J2K], Some(JLS)),
            (&storage, &[EXPLICIT, J2K, JLS], Some(J2K)),
            (&storage, &[JPEG, BIG, IMPLICIT], Some(IMPLICIT)),
            (&storage, &[JPEG], Some(JPEG)),
            (&storage, &["1.2.3", "1.2.840.10008.1.2.4.94"], None),
            (&storage, &[], None),
            (&plain, &[IMPLICIT, EXPLICIT], Some(EXPLICIT)),
            (&plain, &[IMPLICIT], Some(IMPLICIT)),
            (&plain, &[JLS], None),
            (&own, &[IMPLICIT, BIG], Some(BIG)),
            (&own, &[IMPLICIT], Some(IMPLICIT)),
        ] {
            assert_eq!(preference.choose(proposed.iter().copied()).map(|s| s.uid), chosen, "{proposed:?}");
        }
    }

    #[test]
    fn every_syntax_that_is_known_is_stored() {
        assert!(transfer_syntax::ALL.iter().all(|syntax| Preference::storage().rank(syntax).is_some()));
    }

    /// PS3.4 C.5.1.1: never more bytes than offered, 1 only where both can.
    #[test]
    fn extended_negotiation() {
        let find = Extended::Flags(vec![1, 1, 1, 0]);
        for (extended, offered, answer) in [
            (&find, &[1][..], Some(vec![1])),
            (&find, &[0, 1, 1, 1, 1], Some(vec![0, 1, 1, 0])),
            (&find, &[], Some(vec![])),
            (&Extended::None, &[1], None),
            (&Extended::Storage, &[2, 0, 1, 0, 0, 0], Some(vec![2, 0, 3, 0, 0, 0])),
        ] {
            assert_eq!(extended.answer(offered), answer, "{offered:?}");
        }
    }
}
