//! What one end answers to bytes written by hand: golden bytes, tolerated oddities, refused ones.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::*;
use dimse::command::{Dataset, Message, Request};
use dimse::{
    Abort, AbortReason, Association, End, Event, Limits, ProtocolError, Reject, State, Timer, Timers,
};

fn acceptor() -> (Association, Instant) {
    let now = Instant::now();
    (Association::acceptor(Limits::default(), Timers::default(), OURS, now), now)
}

fn request(items: &[Vec<u8>]) -> Vec<u8> {
    associate_rq(1, b"OVERREAD        ", b"CT1             ", items)
}

fn plain_request() -> Vec<u8> {
    request(&[
        application_context(),
        context(1, VERIFICATION, &["1.2.840.10008.1.2"]),
        context(3, CT, &["1.2.840.10008.1.2.1"]),
        user(&[maximum_length(16_384), item(0x52, b"1.2.9")]),
    ])
}

/// An acceptor whose association is established.
fn established() -> (Association, Instant) {
    let (mut end, now) = acceptor();
    let events = feed(&mut end, &plain_request(), now);
    let [Event::Requested(asked)] = &events[..] else { panic!("{events:?}") };
    assert!(end.accept(asked, &catalogue(), None, now));
    sent(&mut end);
    (end, now)
}

fn abort_of(reason: AbortReason) -> Vec<u8> {
    vec![7, 0, 0, 0, 0, 4, 0, 0, 2, reason as u8]
}

const ECHO: &[u8] = b"\0\0\x02\0\x12\0\0\x001.2.840.10008.1.1\0\
    \0\0\0\x01\x02\0\0\0\x30\0\0\0\x10\x01\x02\0\0\0\x07\0\0\0\0\x08\x02\0\0\0\x01\x01";

const STORE: &[u8] = b"\0\0\0\x01\x02\0\0\0\x01\0\0\0\x10\x01\x02\0\0\0\x07\0\0\0\0\x08\x02\0\0\0\0\0";

/// DIMSE-001, DIMSE-020: the A-ASSOCIATE-AC, byte by byte.
#[test]
fn the_accept_as_bytes() {
    let (mut end, now) = acceptor();
    let events = feed(
        &mut end,
        &request(&[
            application_context(),
            context(5, VERIFICATION, &["1.2.840.10008.1.2"]),
            context(7, "1.2.3", &["1.2.840.10008.1.2"]),
            user(&[maximum_length(0), item(0x53, &[0, 0, 0, 5])]),
        ]),
        now,
    );
    let [Event::Requested(asked)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(asked.user.operations_window, Some((0, 5)));
    end.accept(asked, &catalogue(), None, now);
    let mut body = vec![0, 1, 0, 0];
    body.extend_from_slice(b"OVERREAD        CT1             ");
    body.extend_from_slice(&[0; 32]);
    body.extend_from_slice(b"\x10\0\0\x151.2.840.10008.3.1.1.1");
    body.extend_from_slice(b"\x21\0\0\x19\x05\0\0\0\x40\0\0\x111.2.840.10008.1.2");
    body.extend_from_slice(b"\x21\0\0\x19\x07\0\x03\0\x40\0\0\x111.2.840.10008.1.2");
    // DIMSE-049: an operations window of 1/1 where one was asked for.
    body.extend_from_slice(
        b"\x50\0\0\x25\x51\0\0\x04\0\x04\0\0\x52\0\0\x071.2.3.4\x53\0\0\x04\0\x01\0\x01\x55\0\0\x06TEST_1",
    );
    let mut golden = vec![2, 0, 0, 0, 0, body.len() as u8];
    golden.extend_from_slice(&body);
    // Sub-items in ascending order are a habit, not a rule: compare what is there.
    let accept = sent(&mut end);
    assert_eq!(sorted_user_items(&accept), sorted_user_items(&golden));
}

/// The PDU up to User Information, and its sub-items sorted.
fn sorted_user_items(pdu: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let start = pdu.windows(2).rposition(|window| window == [0x50, 0]).unwrap();
    let mut items = Vec::new();
    let mut rest = &pdu[start + 4..];
    while !rest.is_empty() {
        let length = 4 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        items.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    items.sort();
    (pdu[..start + 4].to_vec(), items)
}

/// DIMSE-001: the PDUs of four bytes.
#[test]
fn short_pdus_as_bytes() {
    assert_eq!(dimse::pdu::write_release_rq(), [5, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    assert_eq!(dimse::pdu::write_release_rp(), [6, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    assert_eq!(dimse::pdu::write_abort(Abort::USER), [7, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    assert_eq!(
        dimse::pdu::write_associate_rj(Reject::LocalLimitExceeded.code()),
        [3, 0, 0, 0, 0, 4, 0, 2, 3, 2]
    );
    assert_eq!(
        dimse::pdu::pdata_head(9, dimse::pdu::Value::Data, true, 0x0102),
        [4, 0, 0, 0, 1, 8, 0, 0, 1, 4, 9, 2]
    );
}

/// DIMSE-008, DIMSE-009, DIMSE-010: what the provider refuses by itself.
#[test]
fn requests_are_rejected_with_the_standards_numbers() {
    let good: &[u8; 16] = b"OVERREAD        ";
    for (version, called, calling, context, expected) in [
        (1, good, b"CT1             ", "1.2.840.10008.3.1.1.1", None),
        (3, good, b"  CT 1          ", "1.2.840.10008.3.1.1.1", None),
        (0xFFFF, good, b"0123456789ABCDEF", "1.2.840.10008.3.1.1.1", None),
        (0, good, b"CT1             ", "1.2.840.10008.3.1.1.1", Some(Reject::ProtocolVersionNotSupported)),
        (2, good, b"CT1             ", "1.2.840.10008.3.1.1.1", Some(Reject::ProtocolVersionNotSupported)),
        (1, good, b"CT1             ", "1.2.840.10008.3.1.1.2", Some(Reject::ApplicationContextNotSupported)),
        (1, good, b"CT1             ", "", Some(Reject::ApplicationContextNotSupported)),
        (1, good, b"                ", "1.2.840.10008.3.1.1.1", Some(Reject::CallingAeTitleNotRecognized)),
        (1, good, b"CT\x1b[2J          ", "1.2.840.10008.3.1.1.1", Some(Reject::CallingAeTitleNotRecognized)),
        (1, good, b"CT\\1            ", "1.2.840.10008.3.1.1.1", Some(Reject::CallingAeTitleNotRecognized)),
        (
            1,
            b"                ",
            b"CT1             ",
            "1.2.840.10008.3.1.1.1",
            Some(Reject::CalledAeTitleNotRecognized),
        ),
    ] {
        let (mut end, now) = acceptor();
        let items =
            [item(0x10, context.as_bytes()), common::context(1, CT, &["1.2.840.10008.1.2"]), user(&[])];
        let events = feed(&mut end, &associate_rq(version, called, calling, &items), now);
        match (&events[..], expected) {
            ([Event::Requested(_)], None) => assert_eq!(end.state(), State::Sta3),
            ([Event::Refused { reject, .. }], Some(expected)) => {
                assert_eq!(*reject, expected);
                let code = expected.code();
                assert_eq!(sent(&mut end), [3, 0, 0, 0, 0, 4, 0, code.result, code.source, code.reason]);
                assert_eq!(end.state(), State::Sta13);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// DIMSE-002, DIMSE-003: reserved bytes and unknown items are no errors.
#[test]
fn odd_requests_that_are_good() {
    let sub_context = |extra: Vec<u8>| {
        let mut content = vec![1, 9, 9, 9];
        content.extend(item(0x30, b"1.2.840.10008.1.1\0"));
        content.extend(extra);
        content.extend(item(0x40, b"1.2.840.10008.1.2"));
        item(0x20, &content)
    };
    for (name, items) in [
        ("unknown item", vec![application_context(), item(0x7E, b"??"), sub_context(vec![]), user(&[])]),
        ("unknown context sub-item", vec![application_context(), sub_context(item(0x4F, b"abc")), user(&[])]),
        (
            "unknown user sub-item",
            vec![application_context(), sub_context(vec![]), user(&[item(0x7F, b"xyz")])],
        ),
        ("no user information", vec![application_context(), sub_context(vec![])]),
        ("items in another order", vec![user(&[]), sub_context(vec![]), application_context()]),
        (
            "maximum length with more behind it",
            vec![
                application_context(),
                sub_context(vec![]),
                user(&[item(0x51, &[0, 0, 0x40, 0, 1, 2]), item(0x52, b"1.2")]),
            ],
        ),
        (
            "role selection with more behind it",
            vec![
                application_context(),
                sub_context(vec![]),
                user(&[item(0x54, b"\0\x051.2.3\x01\x00\xFF\xFF"), item(0x55, b"V")]),
            ],
        ),
        (
            "identity of a type to come",
            vec![application_context(), sub_context(vec![]), user(&[item(0x58, &[9, 1, 0, 1, 65, 0, 0])])],
        ),
        (
            "identity without its empty secondary field",
            vec![application_context(), sub_context(vec![]), user(&[item(0x58, &[1, 1, 0, 1, 65])])],
        ),
    ] {
        let (mut end, now) = acceptor();
        let events = feed(&mut end, &request(&items), now);
        let [Event::Requested(asked)] = &events[..] else { panic!("{name}: {events:?}") };
        assert!(end.accept(asked, &catalogue(), None, now), "{name}");
        assert_eq!(end.negotiated().contexts().len(), 1, "{name}");
    }
}

/// DIMSE-004 and the table of bad input: A-ABORT from the provider, invalid parameter value.
#[test]
fn odd_requests_that_are_bad() {
    let with = |item: Vec<u8>| vec![application_context(), item, user(&[])];
    let mut long = item(0x20, &[1, 0, 0, 0]);
    long[3] = 200;
    for (name, items) in [
        ("even id", with(context(2, CT, &["1.2.840.10008.1.2"]))),
        ("id 0", with(context(0, CT, &["1.2.840.10008.1.2"]))),
        ("id twice", with([context(1, CT, &["1.2"]), context(1, MR, &["1.2"])].concat())),
        ("context longer than the PDU", vec![application_context(), long]),
        ("context of three bytes", with(item(0x20, &[1, 0, 0]))),
        ("no abstract syntax", with(item(0x20, &[&[1, 0, 0, 0][..], &item(0x40, b"1.2")].concat()))),
        ("no transfer syntax", with(context(1, CT, &[]))),
        (
            "two abstract syntaxes",
            with(item(
                0x20,
                &[vec![1, 0, 0, 0], item(0x30, b"1.2"), item(0x30, b"1.3"), item(0x40, b"1.2")].concat(),
            )),
        ),
        ("maximum length of 2 bytes", vec![application_context(), user(&[item(0x51, &[0, 1])])]),
        ("role selection past its item", vec![application_context(), user(&[item(0x54, b"\0\xFF1.2")])]),
        ("sub-item past its item", vec![application_context(), user(&[vec![0x51, 0, 0, 9, 1]])]),
        ("three bytes of an item", vec![application_context(), vec![0x50, 0, 0]]),
        (
            "identity field past its item",
            vec![application_context(), user(&[item(0x58, &[1, 0, 0, 200, 65])])],
        ),
    ] {
        let (mut end, now) = acceptor();
        let events = feed(&mut end, &request(&items), now);
        assert!(
            matches!(&events[..], [Event::Ended(End::Protocol(ProtocolError::Item { .. }))]),
            "{name}: {events:?}"
        );
        assert_eq!(sent(&mut end), abort_of(AbortReason::InvalidParameterValue), "{name}");
        assert_eq!(end.state(), State::Sta13);
        let deadline = end.wait(now).unwrap();
        assert!(deadline - now <= Duration::from_secs(1), "closed within a second");
    }
}

/// DIMSE-013, DIMSE-017: refused from the header alone, before a byte of the body.
#[test]
fn headers_that_are_refused() {
    for (name, header, open, reason) in [
        ("P-DATA before the association", &[4u8, 0, 0, 0, 0, 10][..], false, AbortReason::UnexpectedPdu),
        ("A-RELEASE-RQ before the association", &[5, 0, 0, 0, 0, 4], false, AbortReason::UnexpectedPdu),
        ("A-ASSOCIATE-AC to an acceptor", &[2, 0, 0, 0, 0, 100], false, AbortReason::UnexpectedPdu),
        ("A-ASSOCIATE-RQ over the limit", &[1, 0, 0, 4, 0, 1], false, AbortReason::InvalidParameterValue),
        (
            "A-ASSOCIATE-RQ of 4 GiB",
            &[1, 0, 0xFF, 0xFF, 0xFF, 0xFF],
            false,
            AbortReason::InvalidParameterValue,
        ),
        ("A-ASSOCIATE-RQ too short", &[1, 0, 0, 0, 0, 67], false, AbortReason::InvalidParameterValue),
        ("unknown PDU", &[9, 0, 0, 0, 0, 4], false, AbortReason::UnrecognizedPdu),
        ("unknown PDU later", &[0x47, 0x45, 0x54, 0x20, 0x2F, 0x20], true, AbortReason::UnrecognizedPdu),
        ("P-DATA over the own maximum", &[4, 0, 0, 4, 0, 1], true, AbortReason::InvalidParameterValue),
        ("P-DATA of 4 GiB", &[4, 0, 0xFF, 0xFF, 0xFF, 0xFF], true, AbortReason::InvalidParameterValue),
        ("second A-ASSOCIATE-RQ", &[1, 0, 0, 0, 0, 200], true, AbortReason::UnexpectedPdu),
        ("A-RELEASE-RP unasked", &[6, 0, 0, 0, 0, 4], true, AbortReason::UnexpectedPdu),
        ("A-RELEASE-RQ of 5 bytes", &[5, 0, 0, 0, 0, 5], true, AbortReason::InvalidParameterValue),
        ("A-ABORT of 4 GiB", &[7, 0, 0xFF, 0xFF, 0xFF, 0xFF], true, AbortReason::InvalidParameterValue),
    ] {
        let (mut end, now) = if open { established() } else { acceptor() };
        let events = feed(&mut end, header, now);
        assert!(matches!(&events[..], [Event::Ended(End::Protocol(_))]), "{name}: {events:?}");
        assert_eq!(sent(&mut end), abort_of(reason), "{name}");
        // What follows is dropped and gets no second answer.
        assert!(feed(&mut end, &[0xFF; 1000], now).is_empty());
        assert!(end.input().is_empty() && sent(&mut end).is_empty());
    }
}

/// HTTP or TLS on the DIMSE port: closed, nothing answered.
#[test]
fn other_protocols_get_no_answer() {
    for (name, bytes) in [
        ("HTTP", &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..]),
        ("HTTP", b"POST /studies HTTP/1.1\r\n"),
        ("HTTP", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"),
    ] {
        let (mut end, now) = acceptor();
        let events = feed(&mut end, bytes, now);
        assert!(
            matches!(&events[..], [Event::Ended(End::Protocol(ProtocolError::ForeignProtocol(found)))] if *found == name),
            "{events:?}"
        );
        assert!(sent(&mut end).is_empty() && end.is_closed());
    }
}

/// DIMSE-014: any number of PDVs in a PDU, fragments of two bytes, empty ones, reserved bits.
#[test]
fn fragments_however_they_come() {
    let two: Vec<(u8, u8, &[u8])> = ECHO
        .chunks(2)
        .enumerate()
        .map(|(n, chunk)| (1, if (n + 1) * 2 == ECHO.len() { 3 } else { 1 }, chunk))
        .collect();
    let each: Vec<u8> = two.iter().flat_map(|value| pdata(&[*value])).collect();
    let (first, second) = ECHO.split_at(13);
    for (name, bytes) in [
        ("one", pdata(&[(1, 3, ECHO)])),
        ("reserved bits", pdata(&[(1, 0xFF, ECHO)])),
        ("all in one PDU, two bytes each", pdata(&two)),
        ("a PDU each, two bytes each", each),
        ("odd ones", pdata(&[(1, 1, first), (1, 3, second)])),
        ("empty ones", pdata(&[(1, 1, b""), (1, 1, first), (1, 1, b""), (1, 1, second), (1, 3, b"")])),
        ("an empty PDU before", [pdata(&[]), pdata(&[(1, 3, ECHO)])].concat()),
    ] {
        let (mut end, now) = established();
        let events = feed(&mut end, &bytes, now);
        assert!(
            matches!(&events[..], [Event::Message(1, Message::Request(Request::Echo(echo), Dataset::None))] if echo.message_id == 7),
            "{name}: {events:?}"
        );
        assert!(!end.inside_message(), "{name}");
    }
}

/// A command and its data set in one PDU, then the next message.
#[test]
fn command_and_data_in_one_pdu() {
    let (mut end, now) = established();
    let bytes = [pdata(&[(3, 3, STORE), (3, 0, b"abc"), (3, 2, b"de")]), pdata(&[(1, 3, ECHO)])].concat();
    let events = feed(&mut end, &bytes, now);
    let [
        Event::Message(3, _),
        Event::Data { bytes: a, last: false },
        Event::Data { bytes: b, last: true },
        Event::Message(1, _),
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((&a[..], &b[..]), (&b"abc"[..], &b"de"[..]));
}

/// A fragment is given out before it is whole, so a PDU of a mebibyte is never held.
#[test]
fn data_is_not_held() {
    let (mut end, now) = established();
    let bytes = pdata(&[(3, 3, STORE), (3, 2, &[7; 100_000])]);
    let mut received = 0;
    for chunk in bytes.chunks(1460) {
        for event in feed(&mut end, chunk, now) {
            if let Event::Data { bytes, .. } = event {
                received += bytes.len();
            }
        }
        assert!(end.input().len() < 12);
    }
    assert_eq!(received, 100_000);
    assert!(!end.inside_message());
}

/// Fragments that belong to nothing end the association.
#[test]
fn fragments_that_are_refused() {
    let big = vec![0u8; 65_537];
    for (name, bytes, reason) in [
        (
            "PDV of one byte",
            [&[4, 0, 0, 0, 0, 6][..], &[0, 0, 0, 1, 1, 3]].concat(),
            AbortReason::InvalidParameterValue,
        ),
        (
            "PDV of no bytes",
            [&[4, 0, 0, 0, 0, 6][..], &[0, 0, 0, 0, 1, 3]].concat(),
            AbortReason::InvalidParameterValue,
        ),
        (
            "PDV past its PDU",
            [&[4, 0, 0, 0, 0, 8][..], &[0, 0, 0, 5, 1, 3]].concat(),
            AbortReason::InvalidParameterValue,
        ),
        (
            "PDV of 4 GiB",
            [&[4, 0, 0, 0, 0, 8][..], &[0xFF, 0xFF, 0xFF, 0xFF, 1, 3]].concat(),
            AbortReason::InvalidParameterValue,
        ),
        (
            "PDU of three bytes",
            [&[4, 0, 0, 0, 0, 3][..], &[0, 0, 0]].concat(),
            AbortReason::InvalidParameterValue,
        ),
        ("context not accepted", pdata(&[(5, 3, ECHO)]), AbortReason::InvalidParameterValue),
        ("even context", pdata(&[(2, 3, ECHO)]), AbortReason::InvalidParameterValue),
        ("data without a command", pdata(&[(3, 2, b"ab")]), AbortReason::UnexpectedPdu),
        (
            "data after a command without data",
            pdata(&[(1, 3, ECHO), (1, 2, b"ab")]),
            AbortReason::UnexpectedPdu,
        ),
        ("data inside a command", pdata(&[(1, 1, &ECHO[..10]), (1, 2, b"ab")]), AbortReason::UnexpectedPdu),
        (
            "command inside data",
            pdata(&[(3, 3, STORE), (3, 0, b"ab"), (1, 3, ECHO)]),
            AbortReason::UnexpectedPdu,
        ),
        ("data on another context", pdata(&[(3, 3, STORE), (1, 2, b"ab")]), AbortReason::UnexpectedPdu),
        (
            "command goes on on another context",
            pdata(&[(3, 1, &ECHO[..10]), (1, 3, &ECHO[10..])]),
            AbortReason::UnexpectedPdu,
        ),
        ("command set over 64 KiB", pdata(&[(1, 1, &big)]), AbortReason::InvalidParameterValue),
        (
            "command set over 64 KiB in pieces",
            pdata(&[(1, 1, &big[..40_000]), (1, 1, &big[..40_000])]),
            AbortReason::InvalidParameterValue,
        ),
        (
            "command set that breaks off",
            pdata(&[(1, 3, &ECHO[..ECHO.len() - 1])]),
            AbortReason::InvalidParameterValue,
        ),
        ("command set of nothing", pdata(&[(1, 3, b"")]), AbortReason::InvalidParameterValue),
    ] {
        let (mut end, now) = established();
        let events = feed(&mut end, &bytes, now);
        assert!(matches!(events.last(), Some(Event::Ended(End::Protocol(_)))), "{name}: {events:?}");
        assert_eq!(sent(&mut end), abort_of(reason), "{name}");
        assert_eq!(end.state(), State::Sta13);
    }
}

/// DIMSE-016 and the timers of our own, each as a deadline that the machine gives.
#[test]
fn times_run_out() {
    // Sta2: ARTIM, from the connection, whatever trickles in.
    let (mut end, now) = acceptor();
    let deadline = end.wait(now).unwrap();
    assert_eq!(deadline - now, Duration::from_secs(10));
    feed(&mut end, &plain_request()[..20], now);
    assert_eq!(end.wait(now + Duration::from_secs(9)), Some(deadline));
    assert!(end.timeout(deadline - Duration::from_millis(1)).is_none());
    assert!(matches!(end.timeout(deadline), Some(Event::Ended(End::TimedOut(Timer::Artim)))));
    assert!(end.is_closed() && sent(&mut end).is_empty());

    // Sta6: nothing comes.
    let (mut end, now) = established();
    let deadline = end.wait(now).unwrap();
    assert_eq!(deadline - now, Duration::from_secs(60));
    assert!(matches!(end.timeout(deadline), Some(Event::Ended(End::TimedOut(Timer::Idle)))));
    assert_eq!(sent(&mut end), abort_of(AbortReason::NotSpecified));
    // Sta13: half a second to close.
    let closing = end.wait(deadline).unwrap();
    assert_eq!(closing - deadline, Duration::from_millis(500));
    assert!(end.timeout(closing).is_none() && end.is_closed());
}

/// A message that trickles is cut; time that this end takes for itself does not count against the peer.
#[test]
fn slow_messages_are_cut() {
    for (bytes_a_second, busy, cut) in [(100, 0, true), (2_000, 0, false), (100, 1, true), (2_000, 20, false)]
    {
        let (mut end, mut now) = established();
        feed(&mut end, &pdata(&[(3, 3, STORE)]), now);
        let mut ended = None;
        for _ in 0..100 {
            let _ = end.wait(now);
            now += Duration::from_secs(1);
            let fragment = vec![0; bytes_a_second];
            end.input().extend_from_slice(&pdata(&[(3, 0, &fragment)]));
            ended = end.received(bytes_a_second, now);
            if ended.is_some() {
                break;
            }
            while end.poll(now).is_some() {}
            now += Duration::from_secs(busy);
        }
        let found = matches!(ended, Some(Event::Ended(End::TimedOut(Timer::Rate))));
        assert_eq!(found, cut, "{bytes_a_second} B/s, busy {busy} s");
    }
}

/// DIMSE-019: ten thousand aborted associations leave nothing behind but themselves.
#[test]
fn aborts_at_any_byte() {
    let whole = [plain_request(), pdata(&[(3, 3, STORE), (3, 2, b"abcd")])].concat();
    let abort = pdu(7, &[0, 0, 0, 0]);
    for at in 0..whole.len() {
        let (mut end, now) = acceptor();
        let mut events = feed(&mut end, &whole[..at], now);
        if let Some(Event::Requested(asked)) = events.pop() {
            end.accept(&asked, &catalogue(), None, now);
            feed(&mut end, &[], now);
        }
        feed(&mut end, &abort, now);
        end.lost();
        assert!(end.is_closed(), "at {at}");
    }
}
