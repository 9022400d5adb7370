//! The presentation contexts of an association, and the way that each instance takes over it.

use std::collections::HashSet;

use dimse::Negotiated;
use dimse::negotiate::{MOST_CONTEXTS, ProposedContext};
use dimse::pdu::PresentationContextResultReason;
use model::SopClassUid;
use model::transfer_syntax::{EXPLICIT_LE, IMPLICIT_LE, Lossy, Pixels, Syntax};

use crate::SendError;

/// What an instance is and how it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// Its SOP class.
    pub class: SopClassUid,
    /// Its transfer syntax.
    pub syntax: Syntax,
}

impl Pair {
    /// Every syntax that it is proposed in, each in a context of its own so that the peer can take all of them. PS3.5
    /// section 10.1 wants Implicit VR Little Endian among them, unless the pixels exist only with loss.
    fn syntaxes(&self) -> impl Iterator<Item = Syntax> {
        let others: &[Syntax] = match (self.syntax.pixels, self.syntax.lossy) {
            (Pixels::Native, _) => &[EXPLICIT_LE, IMPLICIT_LE],
            (Pixels::Encapsulated, Lossy::No) => &[IMPLICIT_LE],
            (Pixels::Encapsulated, Lossy::Maybe | Lossy::Yes) => &[],
        };
        let stored = self.syntax;
        std::iter::once(stored).chain(others.iter().copied().filter(move |other| *other != stored))
    }
}

/// How an instance goes to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// On this presentation context.
    pub(crate) context: u8,
    /// In this transfer syntax.
    pub(crate) syntax: Syntax,
    /// Whether it must be converted to it.
    pub(crate) convert: bool,
}

/// What one association proposes.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    contexts: Vec<ProposedContext>,
    pairs: HashSet<Pair>,
}

impl Plan {
    /// As many of the pairs as fit one association, the first ones first.
    pub(crate) fn of(pairs: impl IntoIterator<Item = Pair>) -> Self {
        let mut plan = Self::default();
        for pair in pairs {
            if !plan.covers(pair) {
                plan.add(pair);
            }
        }
        plan
    }

    fn add(&mut self, pair: Pair) {
        let class = pair.class.as_str();
        let new: Vec<_> = pair
            .syntaxes()
            .map(|syntax| ProposedContext {
                abstract_syntax: class.to_owned(),
                transfer_syntaxes: vec![syntax],
            })
            .filter(|context| !self.contexts.contains(context))
            .collect();
        if self.contexts.len() + new.len() <= MOST_CONTEXTS {
            self.contexts.extend(new);
            self.pairs.insert(pair);
        }
    }

    pub(crate) fn contexts(&self) -> &[ProposedContext] {
        &self.contexts
    }

    /// How many pairs are in it.
    pub(crate) fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// Whether the pair was proposed with everything that it can be sent as.
    pub(crate) fn covers(&self, pair: Pair) -> bool {
        self.pairs.contains(&pair)
    }

    /// The context that an instance goes on and the transfer syntax there: as stored where the peer takes that, else
    /// uncompressed in another encoding. What is uncompressed and of odd length goes in another encoding if that can
    /// be: as stored, it has no even fragments (PS3.8 annex F).
    ///
    /// # Errors
    /// [`SendError::Class`] or [`SendError::Syntax`], as the peer refused.
    pub(crate) fn way(&self, pair: Pair, odd: bool, negotiated: &Negotiated) -> Result<Way, SendError> {
        let on = |syntax: Syntax| {
            let mut contexts = negotiated.contexts().iter();
            let fits =
                contexts.find(|c| c.transfer_syntax == syntax && *c.abstract_syntax == *pair.class.as_str());
            fits.map(|context| context.id)
        };
        let stored = || Some(Way { context: on(pair.syntax)?, syntax: pair.syntax, convert: false });
        let converted = || {
            let others =
                [EXPLICIT_LE, IMPLICIT_LE].into_iter().filter(|_| pair.syntax.pixels == Pixels::Native);
            let mut ways =
                others.filter_map(|syntax| Some(Way { context: on(syntax)?, syntax, convert: true }));
            ways.next()
        };
        let way = if odd { converted().or_else(stored) } else { stored().or_else(converted) };
        way.ok_or_else(|| match self.class_is_refused(pair, negotiated) {
            true => SendError::Class(pair.class),
            false => SendError::Syntax { class: pair.class, syntax: pair.syntax },
        })
    }

    fn class_is_refused(&self, pair: Pair, negotiated: &Negotiated) -> bool {
        let ids = (1..=u8::MAX).step_by(2);
        let of_class = ids.zip(&self.contexts).filter(|(_, c)| c.abstract_syntax == pair.class.as_str());
        let unsupported = PresentationContextResultReason::AbstractSyntaxNotSupported;
        of_class
            .flat_map(|(id, _)| negotiated.refused().iter().filter(move |(refused, _)| *refused == id))
            .any(|(_, reason)| *reason == unsupported)
    }
}

#[cfg(test)]
mod tests {
    use model::transfer_syntax::{ALL, DEFLATED, EXPLICIT_BE, by_uid};

    use super::*;

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    const MR: &str = "1.2.840.10008.5.1.4.1.1.4";

    fn pair(class: &str, syntax: Syntax) -> Pair {
        Pair { class: class.parse().unwrap(), syntax }
    }

    fn shown(plan: &Plan) -> Vec<(&str, &str)> {
        plan.contexts().iter().map(|c| (c.abstract_syntax.as_str(), c.transfer_syntaxes[0].uid)).collect()
    }

    /// PS3.5 section 10.1: each syntax in a context of its own, Implicit LE beside it unless there is loss.
    #[test]
    fn what_is_proposed() {
        let jls = by_uid("1.2.840.10008.1.2.4.80").unwrap();
        let jpeg = by_uid("1.2.840.10008.1.2.4.50").unwrap();
        let j2k = by_uid("1.2.840.10008.1.2.4.91").unwrap();
        let (implicit, explicit) = (IMPLICIT_LE.uid, EXPLICIT_LE.uid);
        for (pairs, contexts) in [
            (vec![pair(CT, EXPLICIT_LE)], vec![(CT, explicit), (CT, implicit)]),
            (vec![pair(CT, IMPLICIT_LE)], vec![(CT, implicit), (CT, explicit)]),
            (vec![pair(CT, EXPLICIT_BE)], vec![(CT, EXPLICIT_BE.uid), (CT, explicit), (CT, implicit)]),
            (vec![pair(CT, DEFLATED)], vec![(CT, DEFLATED.uid), (CT, explicit), (CT, implicit)]),
            (vec![pair(CT, jls)], vec![(CT, jls.uid), (CT, implicit)]),
            (vec![pair(CT, jpeg)], vec![(CT, jpeg.uid)]),
            (vec![pair(CT, j2k)], vec![(CT, j2k.uid)]),
            (
                vec![pair(CT, EXPLICIT_LE), pair(CT, jls), pair(MR, jpeg), pair(CT, IMPLICIT_LE)],
                vec![(CT, explicit), (CT, implicit), (CT, jls.uid), (MR, jpeg.uid)],
            ),
        ] {
            let plan = Plan::of(pairs.clone());
            assert_eq!(shown(&plan), contexts);
            assert!(pairs.iter().all(|pair| plan.covers(*pair)));
        }
    }

    #[test]
    fn no_more_than_128_contexts_and_then_another_plan() {
        let classes: Vec<String> = (1..=50).map(|n| format!("1.2.3.{n}")).collect();
        let mut left: Vec<Pair> =
            classes.iter().flat_map(|class| ALL.iter().map(|syntax| pair(class, syntax))).collect();
        let mut plans = 0;
        while !left.is_empty() {
            let plan = Plan::of(left.iter().copied());
            assert!(plan.covers(left[0]) && (1..=MOST_CONTEXTS).contains(&plan.contexts().len()));
            left.retain(|pair| !plan.covers(*pair));
            plans += 1;
        }
        assert!(plans >= 50 * ALL.len() / MOST_CONTEXTS);
    }
}
