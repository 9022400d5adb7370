//! Both ends of an association in one test, without a socket.
#![allow(dead_code)]

use std::time::{Duration, Instant};

use bytes::Buf;
use dimse::negotiate::{Catalogue, Proposal, ProposedContext};
use dimse::{Association, Event, Implementation, Limits, Timers};
use model::transfer_syntax::{EXPLICIT_LE, IMPLICIT_LE, Syntax};

pub const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub const MR: &str = "1.2.840.10008.5.1.4.1.1.4";
pub const VERIFICATION: &str = "1.2.840.10008.1.1";

pub const OURS: Implementation = Implementation { class: "1.2.3.4", version: "TEST_1" };

pub fn catalogue() -> Catalogue {
    Catalogue::default().with_verification().with_storage([CT, MR])
}

pub fn proposal(contexts: &[(&str, &[Syntax])]) -> Proposal {
    Proposal {
        called: "OVERREAD".parse().unwrap(),
        calling: "CT1".parse().unwrap(),
        contexts: contexts
            .iter()
            .map(|(class, syntaxes)| ProposedContext {
                abstract_syntax: (*class).to_owned(),
                transfer_syntaxes: syntaxes.to_vec(),
            })
            .collect(),
        roles: Vec::new(),
        identity: None,
    }
}

/// A requestor and an acceptor, their outputs tied to each other's inputs.
pub struct Pair {
    pub requestor: Association,
    pub acceptor: Association,
    pub now: Instant,
    /// Bytes moved at a time.
    pub step: usize,
}

/// Which end an event happened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Requestor,
    Acceptor,
}

impl Pair {
    pub fn new(proposal: Proposal) -> Self {
        Self::with(proposal, Limits::default(), Limits::default())
    }

    pub fn with(proposal: Proposal, requestor: Limits, acceptor: Limits) -> Self {
        let now = Instant::now();
        Self {
            requestor: Association::requestor(requestor, Timers::default(), OURS, proposal, now).unwrap(),
            acceptor: Association::acceptor(acceptor, Timers::default(), OURS, now),
            now,
            step: usize::MAX,
        }
    }

    /// An established association for C-ECHO and C-STORE of CT.
    pub fn established() -> Self {
        let contexts: &[(&str, &[Syntax])] =
            &[(VERIFICATION, &[IMPLICIT_LE]), (CT, &[EXPLICIT_LE, IMPLICIT_LE])];
        let mut pair = Self::new(proposal(contexts));
        pair.establish();
        pair
    }

    pub fn establish(&mut self) {
        let events = self.run();
        let [(End::Acceptor, Event::Requested(request))] = &events[..] else { panic!("{events:?}") };
        assert!(self.acceptor.accept(request, &catalogue(), None, self.now));
        let events = self.run();
        assert!(matches!(&events[..], [(End::Requestor, Event::Accepted)]), "{events:?}");
    }

    /// Moves bytes in both directions until nothing moves; what happened, in order.
    pub fn run(&mut self) -> Vec<(End, Event)> {
        let mut events = Vec::new();
        loop {
            let moved = shift(&mut self.requestor, &mut self.acceptor, self.step, self.now);
            while let Some(event) = self.acceptor.poll(self.now) {
                events.push((End::Acceptor, event));
            }
            let back = shift(&mut self.acceptor, &mut self.requestor, self.step, self.now);
            while let Some(event) = self.requestor.poll(self.now) {
                events.push((End::Requestor, event));
            }
            if moved + back == 0 {
                return events;
            }
        }
    }

    pub fn advance(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }
}

/// Moves at most `step` bytes of one end's output into the other's input.
fn shift(from: &mut Association, to: &mut Association, step: usize, now: Instant) -> usize {
    to.wait(now);
    let mut left = step.min(from.unwritten());
    let moved = left;
    while left > 0 {
        let output = from.output();
        let take = output.chunk().len().min(left);
        to.input().extend_from_slice(&output.chunk()[..take]);
        output.advance(take);
        left -= take;
    }
    if moved > 0 {
        assert!(to.received(moved, now).is_none());
    }
    moved
}

/// Everything that an end wants to send, taken out.
pub fn sent(association: &mut Association) -> Vec<u8> {
    let mut bytes = vec![0; association.unwritten()];
    association.output().copy_to_slice(&mut bytes);
    bytes
}

/// Gives bytes to an end and collects what happens.
pub fn feed(association: &mut Association, bytes: &[u8], now: Instant) -> Vec<Event> {
    association.input().extend_from_slice(bytes);
    let mut events = Vec::new();
    while let Some(event) = association.poll(now) {
        events.push(event);
    }
    events
}

/// A request written by hand: whatever items.
pub fn associate_rq(version: u16, called: &[u8; 16], calling: &[u8; 16], items: &[Vec<u8>]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend_from_slice(&[0xAA, 0xBB]);
    body.extend_from_slice(called);
    body.extend_from_slice(calling);
    body.extend_from_slice(&[0xCC; 32]);
    body.extend(items.iter().flatten());
    pdu(1, &body)
}

pub fn pdu(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0x5A];
    bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// An item with a non-zero reserved byte, as no receiver may mind (DIMSE-002).
pub fn item(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0x77];
    bytes.extend_from_slice(&(content.len() as u16).to_be_bytes());
    bytes.extend_from_slice(content);
    bytes
}

pub fn application_context() -> Vec<u8> {
    item(0x10, b"1.2.840.10008.3.1.1.1")
}

pub fn context(id: u8, abstract_syntax: &str, transfer_syntaxes: &[&str]) -> Vec<u8> {
    let mut content = vec![id, 1, 2, 3];
    content.extend(item(0x30, abstract_syntax.as_bytes()));
    for syntax in transfer_syntaxes {
        content.extend(item(0x40, syntax.as_bytes()));
    }
    item(0x20, &content)
}

pub fn user(items: &[Vec<u8>]) -> Vec<u8> {
    item(0x50, &items.concat())
}

pub fn maximum_length(length: u32) -> Vec<u8> {
    item(0x51, &length.to_be_bytes())
}

/// A P-DATA-TF of these PDVs: context, control header, fragment.
pub fn pdata(values: &[(u8, u8, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (context, control, fragment) in values {
        body.extend_from_slice(&(fragment.len() as u32 + 2).to_be_bytes());
        body.extend_from_slice(&[*context, *control]);
        body.extend_from_slice(fragment);
    }
    pdu(4, &body)
}
