//! C-ECHO and C-STORE over real connections: what is kept, what is refused, what the sender is told.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use bytes::Bytes;
use dimse::{End, Event, Reject};
use model::transfer_syntax::{EXPLICIT_LE, IMPLICIT_LE, Syntax, by_uid};
use scp::Config;
use support::*;
use testkit::Instance;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// DIMSE-023, DIMSE-025: echo, store, the same again, other bytes under the same UID.
#[tokio::test(flavor = "multi_thread")]
async fn instances_are_kept() {
    let bench = Bench::new().await;
    let mut client = bench.connect().await;
    assert_eq!(client.echo().await, 0x0000);
    let first = Instance::new(1, 1, 1);
    let other = Instance { shade: 99, ..first.clone() };
    for (instance, status, held) in [
        (&first, 0x0000, 1),
        (&first, 0x0000, 1),
        (&other, 0xB000, 1),
        (&first, 0x0000, 1),
        (&Instance::new(1, 1, 2), 0x0000, 2),
        (&Instance { size: 700, ..Instance::new(2, 1, 1) }, 0x0000, 3),
    ] {
        assert_eq!(client.store(instance).await, status);
        assert_eq!(bench.held().await, held);
    }
    client.release().await;
}

/// DIMSE-006, DIMSE-007: contexts by class and syntax; whatever was accepted is stored as it came.
#[tokio::test(flavor = "multi_thread")]
async fn each_accepted_syntax_is_stored() {
    let bench = Bench::new().await;
    let j2k = by_uid("1.2.840.10008.1.2.4.90").unwrap();
    let contexts: &[(&str, &[Syntax])] = &[
        (CT, &[IMPLICIT_LE]),
        (CT, &[IMPLICIT_LE, EXPLICIT_LE]),
        (CT, &[EXPLICIT_LE, j2k]),
        ("1.2.840.10008.5.1.4.31", &[IMPLICIT_LE]),
        (VERIFICATION, &[j2k]),
        ("1.3.46.670589.11.0.0.12.1", &[IMPLICIT_LE]),
    ];
    let mut client = bench.client(contexts).await;
    let negotiated = client.association.negotiated();
    let accepted: Vec<_> = negotiated.contexts().iter().map(|c| (c.id, c.transfer_syntax.uid)).collect();
    let expected = [(1, IMPLICIT_LE.uid), (3, EXPLICIT_LE.uid), (5, j2k.uid), (11, IMPLICIT_LE.uid)];
    assert_eq!(accepted, expected);
    let instance = Instance::new(1, 1, 1);
    assert_eq!(client.store_on(1, CT, &instance.sop_instance, &instance.implicit()).await, 0);
    let instance = Instance::new(1, 1, 2);
    assert_eq!(client.store_on(3, CT, &instance.sop_instance, &instance.data_set()).await, 0);
    assert_eq!(bench.held().await, 2);
}

/// DIMSE-024, DIMSE-026, DIMSE-027 and the table of bad input: the status, and the association goes on.
#[tokio::test(flavor = "multi_thread")]
async fn refused_instances_do_not_end_the_association() {
    let bench = Bench::new().await;
    let contexts: &[(&str, &[Syntax])] =
        &[(VERIFICATION, &[IMPLICIT_LE]), (CT, &[EXPLICIT_LE]), (MR, &[EXPLICIT_LE])];
    let mut client = bench.client(contexts).await;
    let instance = Instance::new(1, 1, 1);
    let uid = instance.sop_instance.as_str();
    let data = instance.data_set();
    let long = [&data[..data.len() - 12], &vec![0u8; 2_000_000][..]].concat();
    for (name, id, class, sop_instance, data, status) in [
        ("another instance than announced", 3, CT, "1.2.3.4", &data[..], 0xA900),
        ("another class than announced", 5, MR, uid, &data, 0xA900),
        ("another class than its context's", 3, MR, uid, &data, 0xA900),
        ("a class that is not stored", 3, "1.2.840.10008.5.1.4.31", uid, &data, 0x0122),
        ("a store on the verification context", 1, CT, uid, &data, 0xA900),
        ("cut off", 3, CT, uid, &data[..data.len() - 100], 0xC000),
        ("no data set but its end", 3, CT, uid, &[], 0xC000),
        ("noise", 3, CT, uid, &[0x5A; 3000], 0xC000),
        ("noise behind the end", 3, CT, uid, &long, 0xC000),
    ] {
        assert_eq!(client.store_on(id, class, sop_instance, data).await, status, "{name}");
        assert_eq!(client.echo().await, 0x0000, "after {name}");
    }
    assert_eq!(bench.held().await, 0);
    assert_eq!(client.store(&instance).await, 0x0000);
}

/// Commands written by hand.
#[tokio::test(flavor = "multi_thread")]
async fn odd_commands_get_their_status() {
    let bench = Bench::new().await;
    let mut client = bench.connect().await;
    let ct = CT.as_bytes();
    for (name, id, field, class, instance, data, status) in [
        ("unknown operation", 1, 0x9999u16, &b"1.2.840.10008.1.1\0"[..], None, None, 0x0211),
        ("unknown operation with data", 3, 0x0009, ct, None, Some(&b"abcd"[..]), 0x0211),
        ("C-FIND on a storage context", 3, 0x0020, ct, None, Some(b"abcd"), 0x0211),
        ("C-FIND of another class", 3, 0x0020, b"1.2.840.10008.5.1.4.1.2.2.1\0", None, Some(b"abcd"), 0x0122),
        ("N-ACTION of another class", 1, 0x0130, b"1.2.840.10008.1.1\0", None, None, 0x0211),
        ("C-ECHO with another class", 1, 0x0030, ct, None, None, 0x0122),
        ("C-ECHO without a class", 1, 0x0030, b"", None, None, 0x0000),
        ("C-ECHO with a data set", 1, 0x0030, b"1.2.840.10008.1.1\0", None, Some(b"abcd"), 0x0000),
        ("C-STORE without a data set", 3, 0x0001, ct, Some(&b"1.2.3\0"[..]), None, 0xC000),
        ("C-STORE without an instance", 3, 0x0001, ct, None, Some(b"abcd"), 0xC000),
        ("C-STORE with an empty instance", 3, 0x0001, ct, Some(b""), Some(b"abcd"), 0xC000),
        ("C-STORE with a path", 3, 0x0001, ct, Some(b"../../../etc/passwd\0"), Some(b"abcd"), 0xA900),
        ("C-STORE with two instances", 3, 0x0001, ct, Some(b"1.2\\1.3\0"), Some(b"abcd"), 0xA900),
        ("C-STORE with a line end", 3, 0x0001, ct, Some(b"1.2\r\n1"), Some(b"abcd"), 0xA900),
        ("C-STORE without a class", 3, 0x0001, b"", Some(b"1.2.3\0"), Some(b"abcd"), 0xC000),
        ("C-STORE with a class of letters", 3, 0x0001, b"abc\0", Some(b"1.2.3\0"), Some(b"abcd"), 0xA900),
    ] {
        let mut command = Vec::new();
        put(&mut command, 0x0002, class);
        put(&mut command, 0x0100, &field.to_le_bytes());
        put(&mut command, 0x0110, &[7, 0]);
        put(&mut command, 0x0800, if data.is_some() { &[0, 0] } else { &[1, 1] });
        if let Some(instance) = instance {
            put(&mut command, 0x1000, instance);
        }
        client.association.command(id, &command).unwrap();
        if let Some(data) = data {
            client.association.data(id, Bytes::from_static(data), true).unwrap();
        }
        let response = client.response().await;
        assert_eq!((response.status.0, response.message_id), (status, 7), "{name}");
        assert_eq!(response.field, field | 0x8000, "{name}");
    }
    // C-CANCEL has no response: the next one is the echo's.
    let mut cancel = Vec::new();
    put(&mut cancel, 0x0100, &[0xFF, 0x0F]);
    put(&mut cancel, 0x0120, &[7, 0]);
    put(&mut cancel, 0x0800, &[1, 1]);
    client.association.command(3, &cancel).unwrap();
    assert_eq!(client.echo().await, 0x0000);
    client.release().await;
}

fn put(command: &mut Vec<u8>, element: u16, value: &[u8]) {
    command.extend_from_slice(&[0, 0]);
    command.extend_from_slice(&element.to_le_bytes());
    command.extend_from_slice(&(value.len() as u32).to_le_bytes());
    command.extend_from_slice(value);
}

/// DIMSE-019: a store that is aborted or cut leaves nothing, and nothing partial is seen.
#[tokio::test(flavor = "multi_thread")]
async fn interrupted_stores_leave_nothing() {
    let bench = Bench::new().await;
    let instance = Instance { size: 700, ..Instance::new(1, 1, 1) };
    let data = instance.data_set();
    for abort in [true, false] {
        for part in [0, 100, 300_000, data.len()] {
            let mut client = bench.connect().await;
            client.begin(3, CT, &instance.sop_instance);
            client.association.data(3, Bytes::copy_from_slice(&data[..part / 2 * 2]), false).unwrap();
            client.flush().await.unwrap();
            if abort {
                client.association.abort(Instant::now());
                client.flush().await.unwrap();
            }
            drop(client);
        }
    }
    let mut client = bench.connect().await;
    assert_eq!(bench.held().await, 0);
    assert_eq!(client.store(&instance).await, 0x0000);
    assert_eq!(bench.held().await, 1);
}

/// DIMSE-052: eight senders, the same instance, at once: one is kept, all are told success.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_instance_from_many_at_once() {
    let bench = Bench::new().await;
    for round in 1..=5 {
        let instance = Instance::new(7, 1, round);
        let mut senders = Vec::new();
        for _ in 0..8 {
            let mut client = bench.connect().await;
            let instance = instance.clone();
            senders.push(tokio::spawn(async move { client.store(&instance).await }));
        }
        for sender in senders {
            assert_eq!(sender.await.unwrap(), 0x0000);
        }
        assert_eq!(bench.held().await, u64::from(round));
    }
}

/// DIMSE-022, DIMSE-049: requests that do not wait are answered one by one, in their order.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_requests() {
    let bench = Bench::new().await;
    let mut client = bench.connect().await;
    let instances: Vec<Instance> = (1..=10).map(|n| Instance::new(1, 1, n)).collect();
    for (id, instance) in (100..).zip(&instances) {
        client.begin(3, CT, &instance.sop_instance);
        client.association.data(3, Bytes::from(instance.data_set()), true).unwrap();
        client.association.command(1, &dimse::command::Echo::write(id)).unwrap();
    }
    for (id, instance) in (100..).zip(&instances) {
        let stored = client.response().await;
        let uid = stored.sop_instance.map(|uid| uid.to_string());
        assert_eq!((stored.status.0, uid.as_deref()), (0x0000, Some(instance.sop_instance.as_str())));
        assert_eq!(client.response().await.message_id, id);
    }
    client.release().await;
}

/// DIMSE-008 over a connection.
#[tokio::test(flavor = "multi_thread")]
async fn callers_are_asked() {
    let bench = Bench::new().await;
    for (called, calling, reject) in [
        ("NOBODY", "CT1", Reject::CalledAeTitleNotRecognized),
        ("OVERREAD", "STRANGER", Reject::CallingAeTitleNotRecognized),
    ] {
        let stream = TcpStream::connect(bench.address).await.unwrap();
        let refused = Client::open(stream, proposal(called, calling, &[(CT, &[EXPLICIT_LE])])).await;
        assert!(matches!(refused, Err(Failed::Rejected(found)) if found == reject.code()));
    }
}

/// Full: a transient rejection at once, and room again when somebody leaves.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_says_so() {
    let bench = Bench::with(Config { associations: 2, rejecting: 1, ..Config::default() }, None).await;
    let contexts: &[(&str, &[Syntax])] = &[(VERIFICATION, &[IMPLICIT_LE])];
    let first = bench.client(contexts).await;
    let second = bench.client(contexts).await;
    let started = Instant::now();
    let third =
        Client::open(TcpStream::connect(bench.address).await.unwrap(), proposal("OVERREAD", "CT1", contexts));
    let code = Reject::LocalLimitExceeded.code();
    assert!(matches!(third.await, Err(Failed::Rejected(found)) if found == code));
    assert!(started.elapsed() < Duration::from_millis(500));
    first.release().await;
    drop(second);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let stream = TcpStream::connect(bench.address).await.unwrap();
        if let Ok(mut client) = Client::open(stream, proposal("OVERREAD", "CT1", contexts)).await {
            assert_eq!(client.echo().await, 0);
            return;
        }
    }
    panic!("no place became free");
}

/// HTTP, TLS and nothing at all on the DIMSE port: closed, and not a byte is answered (DIMSE-016 for the last).
#[tokio::test(flavor = "multi_thread")]
async fn strangers_get_no_answer() {
    let mut config = Config::default();
    config.timers.artim = Duration::from_millis(300);
    let bench = Bench::with(config, None).await;
    for hello in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"",
        b"\x01\x00",
    ] {
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        stream.write_all(hello).await.unwrap();
        let started = Instant::now();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty() && started.elapsed() < Duration::from_secs(2), "{hello:?}");
    }
    assert_eq!(bench.connect().await.echo().await, 0x0000);
}

/// A PDU over the own maximum: A-ABORT 2/6 and closed within a second (DIMSE-013).
#[tokio::test(flavor = "multi_thread")]
async fn protocol_errors_are_answered_and_closed() {
    let bench = Bench::new().await;
    let mut client = bench.connect().await;
    client.flush().await.unwrap();
    client.stream.write_all(&[4, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]).await.unwrap();
    let started = Instant::now();
    let mut answer = Vec::new();
    let _ = client.stream.read_to_end(&mut answer).await;
    assert_eq!(answer, [7, 0, 0, 0, 0, 4, 0, 0, 2, 6]);
    assert!(started.elapsed() < Duration::from_secs(1));
}

/// Without permits for large buffers data sets arrive in small steps; large association requests wait their time out.
#[tokio::test(flavor = "multi_thread")]
async fn buffers_are_a_budget() {
    let mut config = Config { large_reads: 0, ..Config::default() };
    config.timers.artim = Duration::from_millis(500);
    let bench = Bench::with(config, None).await;
    let instance = Instance { size: 700, ..Instance::new(1, 1, 1) };
    assert_eq!(bench.connect().await.store(&instance).await, 0x0000);

    let syntaxes: Vec<Syntax> = model::transfer_syntax::ALL.iter().collect();
    let contexts: Vec<(&str, &[Syntax])> = vec![(CT, &syntaxes[..]); 128];
    let large = || proposal("OVERREAD", "CT1", &contexts);
    let refused = Client::open(TcpStream::connect(bench.address).await.unwrap(), large()).await;
    assert!(matches!(refused, Err(Failed::Ended(Event::Ended(End::Lost)))));
    let roomy = Bench::new().await;
    assert!(Client::open(TcpStream::connect(roomy.address).await.unwrap(), large()).await.is_ok());
}
