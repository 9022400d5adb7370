//! What goes wrong on the way, and whom it hits.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use dimse::{End, Reject};
use support::*;
use transfer::{Broken, ConnectError, Delivery, Fault, Limits, Outgoing, SendError, SourceError};

fn brief() -> Limits {
    Limits {
        connect: Duration::from_millis(300),
        handshake: Duration::from_millis(300),
        answer: Duration::from_millis(300),
        response: Duration::from_millis(300),
        stall: Duration::from_millis(300),
        ..Limits::default()
    }
}

async fn refusal(delivery: &mut Delivery) -> ConnectError {
    delivery.next(|_| {}).await.unwrap_err()
}

/// PS3.8 Table 9-21, in words.
#[tokio::test]
async fn rejections_are_explained() {
    let files = Files::new();
    for (reject, words) in [
        (
            Reject::CalledAeTitleNotRecognized,
            "the association was rejected for good: called AE title not recognized (1,1,7)",
        ),
        (
            Reject::CallingAeTitleNotRecognized,
            "the association was rejected for good: calling AE title not recognized (1,1,3)",
        ),
        (Reject::LocalLimitExceeded, "the association was rejected for now: local limit exceeded (2,3,2)"),
    ] {
        let peer = Peer::new(Like { reject: Some(reject), ..Like::default() }).await;
        let mut delivery = Delivery::new(peer.route(), Limits::default());
        files.several(1).into_iter().for_each(|one| delivery.push(one));
        let error = refusal(&mut delivery).await;
        assert_eq!(error.to_string(), format!("PEER@127.0.0.1:{}: {words}", peer.port));
        assert_eq!((error.fault(), delivery.waiting()), (Fault::Peer, 1));
    }
}

#[tokio::test]
async fn nobody_there_or_nobody_who_answers() {
    let files = Files::new();
    let peer = Peer::new(Like::default()).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for (host, port, fault, words) in [
        ("127.0.0.1", closed, Fault::Network, "cannot connect to PEER@127.0.0.1:"),
        ("nowhere.invalid", 104, Fault::Network, "cannot connect to PEER@nowhere.invalid:104: "),
        (
            "127.0.0.1",
            silent.local_addr().unwrap().port(),
            Fault::Peer,
            "no association: no answer came in time",
        ),
    ] {
        let mut route = peer.route();
        (route.to.host, route.to.port) = (host.to_owned(), port);
        let mut delivery = Delivery::new(route, brief());
        files.several(1).into_iter().for_each(|one| delivery.push(one));
        let error = refusal(&mut delivery).await;
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!((error.fault(), delivery.waiting()), (fault, 1), "{error}");
    }
}

/// One instance that the peer cannot stand does not stop the others.
#[tokio::test]
async fn an_abort_hits_one_instance() {
    // The first association is of use, so the third instance is tried again, alone, and then given up.
    let act = |association, n| match (association, n) {
        (0, 2) | (1, 0) => Act::Abort,
        _ => Act::Answer(0),
    };
    let peer = Peer::new(Like { act, ..Like::default() }).await;
    let files = Files::new();
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    let sent = send(&mut delivery, files.several(5)).await;
    delivery.finish().await;
    assert_eq!(
        words(&sent),
        ["0000H", "0000H", "the peer aborted: abort: by the user (0,0)", "0000H", "0000H"]
    );
    assert_eq!(sent[2].outgoing.path(), Some(files.folder.path().join("3.dcm").as_path()));
    assert_eq!((peer.end(2).await.as_str(), peer.log().associations), ("released", 3));
}

/// A peer that ends associations between instances, in order or not, loses nothing.
#[tokio::test]
async fn associations_that_end_early_are_replaced() {
    let acts: [Acts; 3] = [
        |_, _| Act::AnswerAndClose,
        |_, _| Act::AnswerAndRelease,
        |_, n| if n == 1 { Act::Close } else { Act::Answer(0) },
    ];
    for act in acts {
        let peer = Peer::new(Like { act, ..Like::default() }).await;
        let files = Files::new();
        let mut delivery = Delivery::new(peer.route(), Limits::default());
        for outgoing in files.several(4) {
            let sent = send(&mut delivery, [outgoing]).await;
            assert_eq!(words(&sent), ["0000H"]);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        delivery.finish().await;
        assert_eq!(peer.log().associations, 4);
    }
}

/// A peer that never answers is given up.
#[tokio::test]
async fn fruitless_associations_end_the_delivery() {
    let acts: [(Acts, &str); 4] = [
        (|_, _| Act::Abort, "the peer aborted: abort: by the user (0,0)"),
        (|_, _| Act::Close, "the connection was lost"),
        (|_, _| Act::Silence, "no answer came in time"),
        (|_, _| Act::AnswerAnother, "the peer sent a message that answers nothing"),
    ];
    for (act, expected) in acts {
        let peer = Peer::new(Like { act, ..Like::default() }).await;
        let files = Files::new();
        let mut delivery = Delivery::new(peer.route(), Limits { failures: 2, ..brief() });
        files.several(5).into_iter().for_each(|one| delivery.push(one));
        for _ in 0..2 {
            let sent = delivery.next(|_| {}).await.unwrap().unwrap();
            assert_eq!(words(&[sent]), [expected]);
        }
        let error = refusal(&mut delivery).await;
        assert!(matches!(error, ConnectError::GivenUp { times: 2, .. }), "{error}");
        assert_eq!((peer.log().associations, delivery.waiting()), (2, 3));
    }
}

/// The peer aborts, or reads no more, in the middle of a large instance: that is seen while it is written.
#[tokio::test]
async fn in_the_middle_of_a_large_instance() {
    let files = Files::new();
    let large = instance(1, 4_000);
    let large = files.outgoing("large", &large.part10());
    let peer = Peer::new(Like { act: |_, _| Act::AbortAtOnce, ..Like::default() }).await;
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    let sent = send(&mut delivery, [large.clone()]).await;
    assert_eq!(words(&sent), ["the peer aborted: abort: by the user (0,0)"]);
    let peer = Peer::new(Like { act: |_, _| Act::Deaf, ..Like::default() }).await;
    let mut delivery = Delivery::new(peer.route(), brief());
    let sent = send(&mut delivery, [large]).await;
    assert!(matches!(sent[0].result, Err(SendError::Broken(Broken::Stalled(_)))), "{:?}", sent[0]);
}

/// A source that fails at once spoils nothing; one that fails in the middle ends its association, not the delivery.
#[tokio::test]
async fn sources_that_fail() {
    let peer = Peer::new(Like::default()).await;
    let files = Files::new();
    let mut all = files.several(2);
    std::fs::remove_file(files.folder.path().join("1.dcm")).unwrap();
    let changed = files.outgoing("changed", &instance(7, 8).part10());
    files.put("changed", &instance(7, 9).part10());
    all.push(changed);
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    let sent = send(&mut delivery, all).await;
    assert_eq!(
        words(&sent),
        [
            "cannot be read: No such file or directory (os error 2)",
            "0000H",
            "the file changed since it was looked at"
        ]
    );
    assert!(sent[0].result.as_ref().is_err_and(|error| error.fault() == Fault::Source));
    assert_eq!(peer.log().associations, 1);

    // A data set that breaks off is the peer's to judge; where it must be converted, its end is never reached.
    let large = instance(8, 1_500);
    let whole = files.several(1).remove(0);
    for (file, converted) in
        [(large.file("1.2.840.10008.1.2", &large.implicit()), false), (large.part10(), true)]
    {
        let peer = Peer::new(Like::taking(CT, &[])).await;
        let cut = files.outgoing("cut", &file[..file.len() - 1_002]);
        let mut delivery = Delivery::new(peer.route(), Limits::default());
        let sent = send(&mut delivery, [whole.clone(), cut, whole.clone()]).await;
        delivery.finish().await;
        let failed = matches!(sent[1].result, Err(SendError::Source(SourceError::Conversion { .. })));
        assert!(
            sent[0].result.is_ok() && failed == converted && sent[2].result.is_ok(),
            "{:?}",
            words(&sent)
        );
        let end = if converted { "the peer aborted: abort: by the user (0,0)" } else { "released" };
        assert_eq!(peer.end(0).await, end);
        assert_eq!(peer.log().got.iter().any(|got| !got.whole), converted);
    }
}

/// Whoever drops a delivery aborts: the peer keeps nothing of what was under way.
#[tokio::test]
async fn dropped_is_aborted() {
    let peer =
        Peer::new(Like { act: |_, n| [Act::Answer(0), Act::Silence][n.min(1)], ..Like::default() }).await;
    let files = Files::new();
    // Between two instances.
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    send(&mut delivery, files.several(1)).await;
    drop(delivery);
    assert_eq!(peer.end(0).await, "the peer aborted: abort: by the user (0,0)");
    // While an answer is awaited.
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    files.several(2).into_iter().for_each(|one| delivery.push(one));
    delivery.next(|_| {}).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(300), delivery.next(|_| {})).await;
    assert!(waiting.is_err());
    assert_eq!(peer.end(1).await, "the peer aborted: abort: by the user (0,0)");
    // And on purpose.
    let mut delivery = Delivery::new(peer.route(), Limits::default());
    send(&mut delivery, files.several(1)).await;
    delivery.abort().await;
    assert_eq!(peer.end(2).await, "the peer aborted: abort: by the user (0,0)");
}

/// Something else than DICOM answers.
#[tokio::test]
async fn a_web_server_answers() {
    use tokio::io::AsyncWriteExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut route = Peer::new(Like::default()).await.route();
    route.to.port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let _ = tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let files = Files::new();
    let mut delivery = Delivery::new(route, Limits::default());
    files.several(1).into_iter().for_each(|one| delivery.push(one));
    let error = refusal(&mut delivery).await;
    assert!(matches!(error, ConnectError::Broken { broken: Broken::End(End::Protocol(_)), .. }), "{error}");
}

/// Files that are no instances are told apart from those that are broken.
#[test]
fn what_is_no_instance() {
    let files = Files::new();
    let file = instance(1, 4).part10();
    for (bytes, no_instance) in [
        (&b""[..], true),
        (b"hello", true),
        (&[b'x'; 100_000], true),
        (&file[..140], false),
        (&instance(1, 4).file("1.2.3", b""), false),
    ] {
        let error = Outgoing::file(files.put("x", bytes)).unwrap_err();
        assert_eq!(error.is_no_instance(), no_instance, "{error}");
    }
    let absent = Outgoing::file(files.folder.path().join("absent")).unwrap_err();
    assert!(matches!(absent, SourceError::Io(_)) && !absent.is_no_instance());
}
