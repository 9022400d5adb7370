//! What arrives at a peer, and how.
#![allow(clippy::unwrap_used)]

mod support;

use dimse::negotiate::Catalogue;
use model::recode::ToExplicitLe;
use model::scan::{Limits as ScanLimits, Scanner};
use model::sop_class;
use model::transfer_syntax::{DEFLATED, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Syntax, by_uid};
use support::*;
use testkit::{DataSet, Instance};
use transfer::{Delivery, Limits, Outgoing, SendError, Sender};

/// A CT in this transfer syntax: its file's data set.
fn encoded(syntax: Syntax, number: u32) -> (Instance, Vec<u8>) {
    let instance = instance(number, 16);
    let data = match syntax {
        _ if syntax == EXPLICIT_LE => instance.data_set(),
        _ if syntax == IMPLICIT_LE => instance.implicit(),
        _ if syntax == EXPLICIT_BE => DataSet::big_endian()
            .text(0x0008_0016, b"UI", CT)
            .text(0x0008_0018, b"UI", &instance.sop_instance)
            .us(0x0028_0100, 16)
            .put(0x7FE0_0010, b"OW", &[1, 2, 3, 4])
            .into_bytes(),
        _ => DataSet::explicit()
            .text(0x0008_0016, b"UI", CT)
            .text(0x0008_0018, b"UI", &instance.sop_instance)
            .fragments(&[b"abcd"])
            .into_bytes(),
    };
    (instance, data)
}

fn explicit(syntax: Syntax, data: &[u8]) -> Vec<u8> {
    let (mut scanner, mut out) = (Scanner::new(syntax, ScanLimits::default()), ToExplicitLe::new());
    scanner.push(data, &mut out).unwrap();
    scanner.finish(&mut out).unwrap();
    out.out
}

/// The data set arrives as it lies in the file, whatever the peer's maximum is (DIMSE-011, DIMSE-015).
#[tokio::test]
async fn as_stored_byte_for_byte() {
    for maximum in [64, 4_096, 16_384, 262_144] {
        let limits = dimse::Limits { p_data: maximum, ..dimse::Limits::default() };
        let peer = Peer::new(Like { limits, ..Like::default() }).await;
        let files = Files::new();
        let mut expected = Vec::new();
        for (n, syntax) in
            [EXPLICIT_LE, IMPLICIT_LE, EXPLICIT_BE, by_uid(JLS).unwrap()].into_iter().enumerate()
        {
            let (instance, data) = encoded(syntax, n as u32);
            let outgoing = files.outgoing(&format!("{n}"), &instance.file(syntax.uid, &data));
            assert_eq!((outgoing.pair().syntax, outgoing.length()), (syntax, data.len() as u64));
            expected.push((outgoing, syntax, data));
        }
        // 800,000 bytes: several pieces; and a bare data set.
        for (n, file) in [instance(10, 632).part10(), instance(11, 300).implicit()].iter().enumerate() {
            let outgoing = files.outgoing(&format!("large{n}"), file);
            let (syntax, data) =
                (outgoing.pair().syntax, file[file.len() - outgoing.length() as usize..].to_vec());
            expected.push((outgoing, syntax, data));
        }
        let mut delivery = Delivery::new(peer.route(), Limits::default());
        let sent = send(&mut delivery, expected.iter().map(|(outgoing, ..)| outgoing.clone())).await;
        delivery.finish().await;
        for (sent, (outgoing, syntax, data)) in sent.iter().zip(&expected) {
            let delivered = sent.result.as_ref().unwrap();
            assert_eq!((delivered.syntax, delivered.bytes), (*syntax, data.len() as u64));
            let log = peer.log();
            let got =
                log.got.iter().find(|got| got.store.sop_instance == Ok(outgoing.sop_instance())).unwrap();
            assert!(got.whole && got.data == *data && got.syntax == syntax.uid, "{maximum} {outgoing}");
        }
        assert_eq!((peer.end(0).await.as_str(), peer.log().associations), ("released", 1));
    }
}

/// DIMSE-041: what the peer does not take as stored goes uncompressed in another encoding.
#[tokio::test]
async fn recoded_for_peers_that_take_less() {
    for (taken, explicit_at_peer) in [(&[EXPLICIT_LE][..], true), (&[IMPLICIT_LE][..], false)] {
        let peer = Peer::new(Like::taking(CT, taken)).await;
        let files = Files::new();
        let mut delivery = Delivery::new(peer.route(), Limits::default());
        let mut expected = Vec::new();
        for (n, syntax) in [EXPLICIT_LE, EXPLICIT_BE].into_iter().enumerate() {
            let (instance, data) = encoded(syntax, n as u32);
            expected.push(explicit(syntax, &data));
            delivery.push(files.outgoing(&format!("{n}"), &instance.file(syntax.uid, &data)));
        }
        let large = instance(9, 700);
        expected.push(large.data_set());
        delivery.push(files.outgoing("large", &large.file(EXPLICIT_LE.uid, &large.data_set())));
        let sent = send(&mut delivery, []).await;
        assert!(sent.iter().all(|sent| sent.result.is_ok()), "{:?}", words(&sent));
        for (got, expected) in peer.log().got.iter().zip(expected) {
            let syntax = if explicit_at_peer { EXPLICIT_LE } else { IMPLICIT_LE };
            assert_eq!(got.syntax, syntax.uid);
            assert!(explicit(syntax, &got.data) == expected, "{:?}", got.store);
        }
    }
}

/// Implicit LE comes out as somebody else writes it.
#[tokio::test]
async fn implicit_as_written_by_hand() {
    let peer = Peer::new(Like::taking(CT, &[IMPLICIT_LE])).await;
    let files = Files::new();
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    let large = instance(1, 500);
    let nested = |set: fn() -> DataSet| {
        let item = set().text(0x0008_1150, b"UI", "1.2.3").put(0x0009_1001, b"UN", b"ab");
        set()
            .text(0x0008_0016, b"UI", CT)
            .text(0x0008_0018, b"UI", "1.2.3")
            .sequence(0x0008_1140, &[item.clone(), set(), item])
            .text(0x0009_0010, b"LO", "PRIVATE")
            .put(0x0009_1002, b"OB", &[7; 70_000])
            .into_bytes()
    };
    delivery.push(files.outgoing("1", &large.part10()));
    delivery.push(files.outgoing("2", &large.file(EXPLICIT_LE.uid, &nested(DataSet::explicit))));
    let sent = send(&mut delivery, []).await;
    assert_eq!(words(&sent), ["0000H", "0000H"]);
    let log = peer.log();
    assert!(log.got[0].data == large.implicit());
    assert!(log.got[1].data == nested(DataSet::implicit));
}

/// A deflated data set that the peer does not take is inflated as it goes.
#[tokio::test]
async fn deflated_goes_inflated() {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/deflated.dcm")).unwrap();
    let files = Files::new();
    let outgoing = files.outgoing("d", &bytes);
    assert_eq!(outgoing.pair().syntax, DEFLATED);
    let expected = explicit(DEFLATED, &bytes[bytes.len() - outgoing.length() as usize..]);
    let class = outgoing.sop_class().to_string();
    let peer = Peer::new(Like::taking(&class, &[EXPLICIT_LE])).await;
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    let sent = send(&mut delivery, [outgoing]).await;
    assert_eq!(sent[0].result.as_ref().unwrap().syntax, EXPLICIT_LE);
    assert!(peer.log().got[0].data == expected);
}

/// PS3.8 annex F: fragments are even, so a data set of odd length is padded where the Standard says how.
#[tokio::test]
async fn odd_lengths_are_made_even() {
    let mut data = instance(1, 8).data_set();
    data.extend_from_slice(b"\xE1\x7F\x10\x00LO\x03\x00abc");
    let files = Files::new();
    let peer = Peer::new(Like::default()).await;
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    let sent = send(&mut delivery, [files.outgoing("1", &instance(1, 8).file(EXPLICIT_LE.uid, &data))]).await;
    assert_eq!(words(&sent), ["0000H"]);
    let log = peer.log();
    assert!(log.got[0].data.ends_with(b"LO\x04\x00abc ") && log.got[0].data.len() == data.len() + 1);
}

/// What the peer takes in no way is said of the instance, and the others go.
#[tokio::test]
async fn what_is_not_taken_is_named() {
    let peer = Peer::new(Like::taking(CT, &[EXPLICIT_LE])).await;
    let files = Files::new();
    let (jls, data) = encoded(by_uid(JLS).unwrap(), 1);
    let mr = DataSet::explicit().text(0x0008_0016, b"UI", MR).text(0x0008_0018, b"UI", "1.2.3").into_bytes();
    let outgoing = [
        files.outgoing("jls", &jls.file(JLS, &data)),
        files.outgoing("mr", &jls.file(EXPLICIT_LE.uid, &mr)),
        files.outgoing("ct", &instance(2, 8).part10()),
    ];
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    let sent = send(&mut delivery, outgoing).await;
    delivery.finish().await;
    assert_eq!(
        words(&sent),
        [
            "the peer does not take CT Image Storage (1.2.840.10008.5.1.4.1.1.2) in JPEG-LS Lossless, and it cannot be \
             decompressed yet",
            "the peer does not take MR Image Storage (1.2.840.10008.5.1.4.1.1.4)",
            "0000H",
        ]
    );
    assert!(matches!(sent[0].result, Err(SendError::Syntax { .. })));
    assert!(matches!(sent[1].result, Err(SendError::Class(_))));
    assert_eq!((peer.end(0).await.as_str(), peer.log().associations), ("released", 1));
}

/// DIMSE-026: failures are failures, warnings are stored; neither stops the others.
#[tokio::test]
async fn statuses_are_told() {
    let act = |_, n| match n {
        0 => Act::Explain(0xA700, "disk full"),
        1 => Act::Answer(0xB000),
        2 => Act::Answer(0x0122),
        3 => Act::Explain(0xC001, "no\u{7}bell"),
        _ => Act::Answer(0),
    };
    let peer = Peer::new(Like { act, ..Like::default() }).await;
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    let sent = send(&mut delivery, Files::new().several(0)).await;
    assert!(sent.is_empty() && peer.log().associations == 0, "nothing to send, nobody to bother");
    let files = Files::new();
    let sent = send(&mut delivery, files.several(5)).await;
    assert_eq!(
        words(&sent),
        [
            "the peer answered A700H out of resources: disk full",
            "B000H",
            "the peer answered 0122H SOP class not supported",
            "the peer answered C001H cannot understand: no?bell",
            "0000H",
        ]
    );
    let ids: Vec<_> = peer.log().got.iter().map(|got| got.store.message_id).collect();
    assert_eq!((ids, peer.log().associations), (vec![1, 2, 3, 4, 5], 1));
}

/// Peers that write a PDU in pieces wait for our acknowledgement of the first: 40 ms unless it is sent at once.
#[tokio::test]
async fn answers_in_pieces_cost_no_time() {
    let peer = Peer::new(Like { act: |_, _| Act::AnswerInPieces, ..Like::default() }).await;
    let files = Files::new();
    let outgoing = files.several(100);
    let start = std::time::Instant::now();
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    let sent = send(&mut delivery, outgoing).await;
    assert!(sent.iter().all(|sent| sent.result.is_ok()));
    assert!(start.elapsed().as_millis() < 2_500, "{:?}", start.elapsed());
}

/// More SOP classes than one association has contexts for.
#[tokio::test]
async fn several_associations_when_contexts_run_out() {
    let classes: Vec<&str> = sop_class::STORAGE.iter().map(|(uid, _)| *uid).take(150).collect();
    let catalogue = Catalogue::default().with_storage(classes.iter().copied());
    let peer = Peer::new(Like { catalogue, ..Like::default() }).await;
    let files = Files::new();
    let mut outgoing = Vec::new();
    // Each class twice, far apart.
    for round in 0..2 {
        for (n, class) in classes.iter().enumerate() {
            let uid = format!("1.2.3.{round}.{n}");
            let set = DataSet::explicit().text(0x0008_0016, b"UI", class).text(0x0008_0018, b"UI", &uid);
            let file = instance(1, 1).file(EXPLICIT_LE.uid, &set.into_bytes());
            outgoing.push(files.outgoing(&uid, &file));
        }
    }
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    let sent = send(&mut delivery, outgoing).await;
    delivery.finish().await;
    assert!(sent.len() == 300 && sent.iter().all(|sent| sent.result.is_ok()), "{:?}", words(&sent));
    let log = peer.log();
    assert_eq!((log.associations, log.most_contexts, log.got.len()), (3, 128, 300));
}

/// A sender by itself, and what it refuses to connect for.
#[tokio::test]
async fn one_association_by_hand() {
    let peer = Peer::new(Like::default()).await;
    let files = Files::new();
    let outgoing = files.several(2);
    let limits = Limits::default();
    let none = Sender::connect(&peer.route(), [], &limits).await.err().unwrap().to_string();
    assert!(none.ends_with("0 pairs of SOP class and transfer syntax do not fit one association"), "{none}");
    let pairs = outgoing.iter().map(Outgoing::pair);
    let mut route = peer.route();
    route.originator = Some((title("VIEWER"), 77));
    let mut sender = Sender::connect(&route, pairs, &limits).await.unwrap();
    let mut told = Vec::new();
    for one in &outgoing {
        assert!(sender.is_open() && sender.covers(one.pair()));
        let delivered = sender.store(one, |bytes| told.push(bytes)).await.unwrap();
        assert_eq!(told.last(), Some(&delivered.bytes));
    }
    assert_eq!(sender.answered(), 2);
    sender.release().await;
    assert_eq!(peer.end(0).await, "released");
    // DIMSE-037.
    assert_eq!(peer.log().got[0].store.move_originator, Some(("VIEWER".to_owned(), 77)));
}
