//! Bytes that nobody meant: no end panics, and how they are cut makes no difference.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Instant;

use common::*;
use dimse::command::Message;
use dimse::{Association, Event, Limits, Timers};
use model::transfer_syntax::{EXPLICIT_LE, IMPLICIT_LE};
use proptest::collection::vec;
use proptest::prelude::*;

/// What happened, as text, with the pieces of data put together again.
fn outcome(association: &mut Association, bytes: &[u8], cut: usize, now: Instant) -> (Vec<String>, Vec<u8>) {
    let mut log = Vec::new();
    let mut data = Vec::new();
    for chunk in bytes.chunks(cut.max(1)) {
        association.input().extend_from_slice(chunk);
        while let Some(event) = association.poll(now) {
            match event {
                Event::Requested(request) => {
                    log.push(format!("{request:?}"));
                    association.accept(&request, &catalogue(), Some(b""), now);
                }
                Event::Data { bytes, last } => {
                    data.extend_from_slice(&bytes);
                    if last {
                        log.push(format!("{data:?}"));
                        data.clear();
                    }
                }
                other => log.push(format!("{other:?}")),
            }
        }
    }
    log.push(format!("{data:?}"));
    (log, sent(association))
}

fn acceptor(now: Instant) -> Association {
    Association::acceptor(Limits::default(), Timers::default(), OURS, now)
}

fn requestor(now: Instant) -> Association {
    let proposal = proposal(&[(CT, &[EXPLICIT_LE, IMPLICIT_LE]), (VERIFICATION, &[IMPLICIT_LE])]);
    Association::requestor(Limits::default(), Timers::default(), OURS, proposal, now).unwrap()
}

/// A conversation that is good.
fn conversation() -> Vec<u8> {
    let echo = dimse::command::Echo::write(1);
    let store: &[u8] = b"\0\0\0\x01\x02\0\0\0\x01\0\0\0\x10\x01\x02\0\0\0\x07\0\0\0\0\x08\x02\0\0\0\0\0";
    [
        associate_rq(
            1,
            b"OVERREAD        ",
            b"CT1             ",
            &[
                application_context(),
                context(1, VERIFICATION, &["1.2.840.10008.1.2"]),
                context(3, CT, &["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]),
                user(&[
                    maximum_length(16_384),
                    item(0x52, b"1.2.9"),
                    item(0x54, b"\0\x191.2.840.10008.5.1.4.1.1.2\x01\x01"),
                    item(0x56, b"\0\x191.2.840.10008.5.1.4.1.1.2\x02\0\0\0\0\0"),
                    item(0x57, b"\0\x031.2\0\x031.3\0\0"),
                    item(0x58, &[2, 1, 0, 1, 65, 0, 1, 66]),
                ]),
            ],
        ),
        pdata(&[(1, 3, &echo)]),
        pdata(&[(3, 1, &store[..9]), (3, 3, &store[9..]), (3, 0, b"abcdef")]),
        pdata(&[(3, 2, b"gh")]),
        pdu(5, &[0; 4]),
    ]
    .concat()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise(bytes in vec(any::<u8>(), 0..2_000), kind in 1u8..8, cut in 1usize..300) {
        let now = Instant::now();
        let framed = pdu(kind, &bytes);
        for bytes in [&bytes, &framed] {
            let whole = outcome(&mut acceptor(now), bytes, usize::MAX, now);
            let pieces = outcome(&mut acceptor(now), bytes, cut, now);
            prop_assert_eq!(whole.0, pieces.0);
            prop_assert_eq!(whole.1, pieces.1);
            outcome(&mut requestor(now), bytes, cut, now);
        }
    }

    #[test]
    fn a_conversation_with_changed_bytes(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in any::<prop::sample::Index>(),
        cut in 1usize..100,
    ) {
        let now = Instant::now();
        let mut bytes = conversation();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(end.index(bytes.len() + 1));
        let whole = outcome(&mut acceptor(now), &bytes, usize::MAX, now);
        let pieces = outcome(&mut acceptor(now), &bytes, cut, now);
        prop_assert_eq!(whole.0, pieces.0);
        prop_assert_eq!(whole.1, pieces.1);
    }

    #[test]
    fn command_sets(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Message::read(bytes.into());
    }

    #[test]
    fn command_sets_of_good_heads(
        elements in vec((prop::sample::select(vec![0x0000u16, 0x0002, 0x0100, 0x0110, 0x0120, 0x0800, 0x0900, 0x1000, 0x1030, 0x1031]), vec(any::<u8>(), 0..6)), 0..12)
    ) {
        let mut bytes = Vec::new();
        for (element, value) in elements {
            bytes.extend_from_slice(&[0, 0]);
            bytes.extend_from_slice(&element.to_le_bytes());
            bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&value);
        }
        if let Ok(Message::Request(request, _)) = Message::read(bytes.into()) {
            let _ = request.respond(dimse::Status::SUCCESS);
        }
    }
}

/// The conversation itself is good: otherwise the test above would test nothing.
#[test]
fn the_conversation_is_good() {
    let now = Instant::now();
    let (log, _) = outcome(&mut acceptor(now), &conversation(), 50, now);
    let shapes: Vec<&str> = log.iter().filter_map(|line| line.split([' ', '(']).next()).collect();
    assert_eq!(shapes[0..3], ["AssociateRequest", "Message", "Message"], "{log:#?}");
    assert_eq!(log[3..], ["[97, 98, 99, 100, 101, 102, 103, 104]", "Released", "[]"]);
}
