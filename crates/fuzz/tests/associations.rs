//! PDUs and command sets: what a DIMSE peer sends.

use std::time::Instant;

use bytes::{Buf, Bytes};
use dimse::command::{CommandSet, Message};
use dimse::negotiate::Catalogue;
use dimse::{Association, Event, Implementation, Limits, Timers};
use fuzz::{Target, behaviour, magnitude};

const OURS: Implementation = Implementation { class: "2.25.1", version: "FUZZ" };
const LIMITS: Limits = Limits { associate: 4_096, p_data: 2_048, command: 512, send: 2_048 };

#[rustfmt::skip]
const WORDS: &[&[u8]] = &[
    b"\x01\0\0\0", b"\x04\0\0\0", b"\x05\0\0\0\0\x04\0\0\0\0", b"\x07\0\0\0\0\x04\0\0\0\0", b"\x10\0\0\x15",
    b"\x20\0\0\x2e", b"\x30\0\0\x11", b"\x40\0\0\x11", b"\x50\0\0\x3a", b"\x51\0\0\x04\0\0\x40\0",
    b"\x53\0\0\x04\0\0\0\0", b"\x54\0\0\x08\0\x04\x31\x2e\x32\0\x01\x01",
    b"\x56\0\0\x08\0\x04\x31\x2e\x32\0\x01\x01", b"\x58\0\0\x06\x01\x01\0\0\0\0", b"1.2.840.10008.1.1",
    b"1.2.840.10008.1.2", b"OVERREAD        ", b"\0\0\0\x02\x01\x03", b"\0\0\0\0\x04\0\0\0",
    b"\0\0\x02\0\x12\0\0\0", b"\0\0\0\x01\x02\0\0\0\x30\0", b"\0\0\x10\x01\x02\0\0\0\x01\0",
    b"\0\0\0\x08\x02\0\0\0\x01\x01",
];

fn item(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, 0], &(value.len() as u16).to_be_bytes()[..], value].concat()
}

fn pdu(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0], &(body.len() as u32).to_be_bytes()[..], body].concat()
}

fn pdv(control: u8, fragment: &[u8]) -> Vec<u8> {
    [&(fragment.len() as u32 + 2).to_be_bytes()[..], &[1, control], fragment].concat()
}

fn request(abstract_syntax: &[u8]) -> Vec<u8> {
    let context = [
        &[1, 0, 0, 0][..],
        &item(0x30, abstract_syntax),
        &item(0x40, b"1.2.840.10008.1.2"),
        &item(0x40, b"1.2.840.10008.1.2.1"),
    ]
    .concat();
    let user =
        [item(0x51, &[0, 0, 0x40, 0]), item(0x52, b"2.25.9"), item(0x53, &[0, 5, 0, 5]), item(0x55, b"X")]
            .concat();
    let titles = b"OVERREAD        FUZZ            ";
    pdu(
        1,
        &[
            &[0, 1, 0, 0][..],
            titles,
            &[0; 32],
            &item(0x10, b"1.2.840.10008.3.1.1.1"),
            &item(0x20, &context),
            &item(0x50, &user),
        ]
        .concat(),
    )
}

fn element(number: u16, value: &[u8]) -> Vec<u8> {
    [&[0, 0][..], &number.to_le_bytes(), &(value.len() as u32).to_le_bytes(), value].concat()
}

fn command(elements: &[Vec<u8>]) -> Vec<u8> {
    let body = elements.concat();
    [element(0, &(body.len() as u32).to_le_bytes()), body].concat()
}

fn echo() -> Vec<u8> {
    command(&[
        element(2, b"1.2.840.10008.1.1\0"),
        element(0x100, &[0x30, 0]),
        element(0x110, &[1, 0]),
        element(0x800, &[1, 1]),
    ])
}

fn store() -> Vec<u8> {
    command(&[
        element(2, b"1.2.840.10008.5.1.4.1.1.2\0"),
        element(0x100, &[1, 0]),
        element(0x110, &[1, 0]),
        element(0x700, &[0, 0]),
        element(0x800, &[0, 0]),
        element(0x1000, b"1.2.3\0"),
        element(0x1030, b"MOVER "),
        element(0x1031, &[7, 0]),
    ])
}

/// Everything that a peer says on one connection.
#[test]
fn association() {
    let release = pdu(5, &[0; 4]);
    let ct = b"1.2.840.10008.5.1.4.1.1.2";
    let seeds = vec![
        [request(b"1.2.840.10008.1.1"), pdu(4, &pdv(3, &echo())), release.clone()].concat(),
        [
            request(ct),
            pdu(4, &pdv(3, &store())),
            pdu(4, &pdv(0, &[7; 100])),
            pdu(4, &pdv(2, &[8; 50])),
            release.clone(),
        ]
        .concat(),
        [
            request(ct),
            pdu(4, &[pdv(1, &store()[..40]), pdv(3, &store()[40..]), pdv(2, &[9; 30])].concat()),
            pdu(7, &[0; 4]),
        ]
        .concat(),
        request(b"1.2.3"),
        pdu(2, &request(ct)[6..]),
    ];
    let target = Target { name: "association", seeds, words: WORDS, longest: 8_192 };
    target.fuzz(|input, random| {
        let whole = drive(&[input]);
        let cut = drive(&random.pieces(input));
        assert_eq!(whole, cut, "the same however it is cut");
        let kinds = whole
            .0
            .iter()
            .map(|event| event.chars().filter(|c| c.is_alphabetic()).take(24).collect::<String>());
        behaviour((magnitude(whole.1.len()), kinds.take(8).collect::<Vec<_>>()))
    });
}

/// What happened and what went out, in order.
fn drive(pieces: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
    let now = Instant::now();
    let catalogue = Catalogue::default().with_verification().with_storage(["1.2.840.10008.5.1.4.1.1.2"]);
    let mut association = Association::acceptor(LIMITS, Timers::default(), OURS, now);
    let (mut events, mut written) = (Vec::new(), Vec::new());
    for piece in pieces {
        association.input().extend_from_slice(piece);
        let mut next = association.received(piece.len(), now).or_else(|| association.poll(now));
        while let Some(event) = next {
            take(event, &mut association, &catalogue, &mut events, now);
            // At once, since an abort forgets what was not written.
            write(&mut association, &mut written);
            next = association.poll(now);
        }
        write(&mut association, &mut written);
        assert!(association.held() <= LIMITS.command, "a command set is bounded");
        assert!(association.wants() <= 1 << 20, "nothing is asked for by a declared length");
        if association.is_closed() {
            break;
        }
    }
    (events, written)
}

fn write(association: &mut Association, written: &mut Vec<u8>) {
    let output = association.output();
    while output.has_remaining() {
        let chunk = output.chunk().to_vec();
        output.advance(chunk.len());
        written.extend(chunk);
    }
}

fn take(
    event: Event,
    association: &mut Association,
    catalogue: &Catalogue,
    events: &mut Vec<String>,
    now: Instant,
) {
    let said = match event {
        Event::Requested(request) => {
            association.accept(&request, catalogue, None, now);
            format!("requested by {}", request.calling)
        }
        Event::Message(context, message) => {
            if let Message::Request(request, _) = &message
                && let Some(response) = request.respond(dimse::Status(0))
            {
                let _ = association.respond(context, &response);
            }
            format!("{message:?}")
        }
        Event::Data { bytes, last } => {
            let before =
                events.pop_if(|event| event.starts_with("data")).unwrap_or_else(|| "data".to_owned());
            format!("{}{before}{}", if last { "whole " } else { "" }, bytes.as_ref().escape_ascii())
        }
        Event::Ended(end) => format!("ended: {end}"),
        other => format!("{other:?}"),
    };
    events.push(said);
}

#[test]
fn command_set() {
    let find = command(&[
        element(2, b"1.2\0\0\0"),
        element(0x100, &[0x20, 0]),
        element(0x110, &[1, 0]),
        element(0x800, &[0, 0]),
        element(0x600, b"X "),
    ]);
    let target =
        Target { name: "command_set", seeds: vec![echo(), store(), find], words: WORDS, longest: 1_024 };
    target.fuzz(|input, _| {
        let bytes = Bytes::copy_from_slice(input);
        let set = CommandSet::read(bytes.clone());
        if let Ok(set) = &set {
            for (number, value) in set.elements() {
                assert!(value.len() <= input.len());
                assert!(set.get(number).is_some());
                let _ = (set.short(number), set.uid(number), set.text(number));
            }
        }
        match Message::read(bytes) {
            Ok(message) => {
                assert!(set.is_ok());
                if let Message::Request(request, data) = &message
                    && let Some(response) = request.respond(dimse::Status(0xC000))
                {
                    let written = response.write(*data);
                    assert!(Message::read(Bytes::from(written)).is_ok(), "what we answer can be read");
                }
                behaviour(std::mem::discriminant(&message))
            }
            Err(error) => {
                behaviour(error.to_string().chars().filter(|c| c.is_alphabetic()).collect::<String>())
            }
        }
    });
}
