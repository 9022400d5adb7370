//! Whole associations between two ends of this crate.
#![allow(clippy::unwrap_used)]

mod common;

use bytes::Bytes;
use common::*;
use dimse::command::{Dataset, Echo, Message, Request, Response, Store};
use dimse::negotiate::{Catalogue, Extended, Offer, Preference};
use dimse::pdu::{PresentationContextResultReason, RequestorRoles, UserIdentity, UserIdentityType};
use dimse::{Abort, Association, Event, Limits, Reject, State, Status};
use model::transfer_syntax::{EXPLICIT_LE, IMPLICIT_LE, Syntax, by_uid};

/// DIMSE-023, DIMSE-022: C-ECHO gives 0000 on the request's context.
#[test]
fn echo_and_release() {
    for step in [1, 7, usize::MAX] {
        let mut pair = Pair::established();
        pair.step = step;
        pair.requestor.command(1, &Echo::write(77)).unwrap();
        let events = pair.run();
        let [(End::Acceptor, Event::Message(1, Message::Request(request @ Request::Echo(_), Dataset::None)))] =
            &events[..]
        else {
            panic!("{events:?}")
        };
        pair.acceptor.respond(1, &request.respond(Status::SUCCESS).unwrap()).unwrap();
        let events = pair.run();
        let [(End::Requestor, Event::Message(1, Message::Response(response, Dataset::None)))] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!((response.message_id, response.status), (77, Status::SUCCESS));

        pair.requestor.release(pair.now);
        let events = pair.run();
        assert!(
            matches!(&events[..], [(End::Acceptor, Event::Released), (End::Requestor, Event::Released)]),
            "{events:?}"
        );
        assert_eq!((pair.requestor.state(), pair.acceptor.state()), (State::Sta1, State::Sta13));
        assert!(pair.acceptor.lost().is_none());
        assert!(pair.acceptor.is_closed());
    }
}

/// DIMSE-011, DIMSE-012, DIMSE-015: a data set crosses in fragments that fit the peer, whatever its maximum is.
#[test]
fn a_store_crosses_whole() {
    for (maximum, step) in [(8, 5), (4096, 1000), (16_384, usize::MAX), (262_144, 65_536)] {
        let contexts: &[(&str, &[Syntax])] = &[(CT, &[IMPLICIT_LE])];
        let acceptor = Limits { p_data: maximum, ..Limits::default() };
        let mut pair = Pair::with(proposal(contexts), Limits::default(), acceptor);
        pair.establish();
        pair.step = step;
        let data: Vec<u8> = (0..50_000u32).map(|n| (n % 251) as u8).collect();
        let store = Store {
            message_id: 1,
            sop_class: Ok(CT.parse().unwrap()),
            sop_instance: Ok("1.2.3".parse().unwrap()),
            priority: 0,
            move_originator: None,
        };
        pair.requestor.command(1, &store.write()).unwrap();
        let (first, second) = data.split_at(30_000);
        pair.requestor.data(1, Bytes::copy_from_slice(first), false).unwrap();
        pair.requestor.data(1, Bytes::copy_from_slice(second), true).unwrap();
        let mut received = Vec::new();
        let mut done = false;
        for (_, event) in pair.run() {
            match event {
                Event::Message(1, Message::Request(Request::Store(found), Dataset::Follows)) => {
                    assert_eq!(found, store)
                }
                Event::Data { bytes, last } => {
                    assert!(!done);
                    received.extend_from_slice(&bytes);
                    done = last;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(done && received == data, "maximum {maximum}");
        assert!(!pair.acceptor.inside_message());
        let response = store.respond(Status::SUCCESS);
        pair.acceptor.respond(1, &response).unwrap();
        let events = pair.run();
        assert!(
            matches!(&events[..], [(End::Requestor, Event::Message(1, Message::Response(found, _)))] if *found == response),
            "{events:?}"
        );
    }
}

/// DIMSE-005, DIMSE-006, DIMSE-007: each context once; 3 for the class, 4 for the syntaxes, Implicit LE always.
#[test]
fn contexts_are_answered_one_by_one() {
    let jls = by_uid("1.2.840.10008.1.2.4.80").unwrap();
    let contexts: &[(&str, &[Syntax])] = &[
        (CT, &[IMPLICIT_LE, EXPLICIT_LE]),
        (CT, &[jls]),
        ("1.2.3.99", &[IMPLICIT_LE]),
        (VERIFICATION, &[jls]),
        (MR, &[IMPLICIT_LE]),
        (VERIFICATION, &[IMPLICIT_LE]),
    ];
    let mut pair = Pair::new(proposal(contexts));
    pair.establish();
    let accepted: Vec<_> =
        pair.requestor.negotiated().contexts().iter().map(|c| (c.id, c.transfer_syntax.uid)).collect();
    assert_eq!(accepted, [(1, EXPLICIT_LE.uid), (3, jls.uid), (9, IMPLICIT_LE.uid), (11, IMPLICIT_LE.uid)]);
    assert_eq!(
        pair.requestor.negotiated().refused(),
        [
            (5, PresentationContextResultReason::AbstractSyntaxNotSupported),
            (7, PresentationContextResultReason::TransferSyntaxesNotSupported)
        ]
    );
    assert_eq!(pair.acceptor.negotiated().contexts(), pair.requestor.negotiated().contexts());
    assert_eq!(&*pair.acceptor.negotiated().peer.implementation_class, OURS.class);
}

/// PS3.8 9.3.3: no context accepted is still an A-ASSOCIATE-AC.
#[test]
fn nothing_accepted_is_still_an_association() {
    let mut pair = Pair::new(proposal(&[("1.2.3.99", &[IMPLICIT_LE])]));
    pair.establish();
    assert!(pair.requestor.negotiated().contexts().is_empty());
    pair.requestor.release(pair.now);
    assert_eq!(pair.run().len(), 2);
}

/// DIMSE-048: per role 1 only where asked and offered; no item for what was not asked.
#[test]
fn roles_are_answered() {
    let both = RequestorRoles { scu: true, scp: true };
    let scp = RequestorRoles { scu: false, scp: true };
    let scu = RequestorRoles { scu: true, scp: false };
    let neither = RequestorRoles { scu: false, scp: false };
    for (asked, offered, answered) in [
        (None, both, scu),
        (Some(both), both, both),
        (Some(both), scu, scu),
        (Some(scp), both, scp),
        (Some(scp), scu, neither),
    ] {
        let policy = Catalogue::default().with(
            [CT],
            Offer { preference: Preference::storage(), roles: offered, extended: Extended::None },
        );
        let mut proposal = proposal(&[(CT, &[IMPLICIT_LE])]);
        proposal.roles = asked.map(|roles| (CT.to_owned(), roles)).into_iter().collect();
        let mut pair = Pair::new(proposal);
        let events = pair.run();
        let [(_, Event::Requested(request))] = &events[..] else { panic!("{events:?}") };
        assert!(pair.acceptor.accept(request, &policy, None, pair.now));
        pair.run();
        for end in [&pair.requestor, &pair.acceptor] {
            assert_eq!(end.negotiated().contexts()[0].roles, answered, "{asked:?} {offered:?}");
        }
    }
}

/// DIMSE-050: a 59H only when asked for and authenticated.
#[test]
fn identity_is_answered_only_when_asked_and_known() {
    for (asked, response, answered) in [
        (true, Some(&b""[..]), true),
        (true, None, false),
        (false, Some(b"ticket"), false),
        (false, None, false),
    ] {
        let mut proposal = proposal(&[(CT, &[IMPLICIT_LE])]);
        proposal.identity =
            Some(UserIdentity::new(asked, UserIdentityType::Jwt, b"a.b.c".to_vec(), Vec::new()));
        let mut pair = Pair::new(proposal);
        let events = pair.run();
        let [(_, Event::Requested(request))] = &events[..] else { panic!("{events:?}") };
        let identity = request.user.identity.as_ref().unwrap();
        assert_eq!(identity.identity_type(), UserIdentityType::Jwt);
        assert_eq!(identity.primary_field(), b"a.b.c");
        pair.acceptor.accept(request, &catalogue(), response, pair.now);
        let accept = sent(&mut pair.acceptor);
        let item = accept.windows(4).any(|window| window == [0x59, 0, 0, 2]);
        assert_eq!(item, answered, "{asked} {response:?}");
    }
}

/// DIMSE-008, DIMSE-051: the requestor learns result, source and reason.
#[test]
fn rejections_arrive() {
    for reject in [Reject::CalledAeTitleNotRecognized, Reject::IdentityRefused, Reject::LocalLimitExceeded] {
        let mut pair = Pair::new(proposal(&[(CT, &[IMPLICIT_LE])]));
        pair.run();
        pair.acceptor.reject(reject, pair.now);
        let events = pair.run();
        assert!(
            matches!(&events[..], [(End::Requestor, Event::Rejected(rejection))] if *rejection == reject.code()),
            "{events:?}"
        );
        assert_eq!((pair.requestor.state(), pair.acceptor.state()), (State::Sta1, State::Sta13));
        // DIMSE-016: the peer does not close; ARTIM does.
        let deadline = pair.acceptor.wait(pair.now).unwrap();
        assert_eq!((deadline - pair.now).as_secs(), 10);
        assert!(pair.acceptor.timeout(deadline).is_none());
        assert!(pair.acceptor.is_closed());
    }
}

/// DIMSE-018: both ends ask for the release at the same moment.
#[test]
fn release_collision() {
    let mut pair = Pair::established();
    pair.requestor.release(pair.now);
    pair.acceptor.release(pair.now);
    let events = pair.run();
    assert!(
        matches!(&events[..], [(End::Acceptor, Event::Released), (End::Requestor, Event::Released)]),
        "{events:?}"
    );
    assert_eq!((pair.requestor.state(), pair.acceptor.state()), (State::Sta1, State::Sta13));
}

/// PS3.8 9.2, AR-6: data may still come after the release was asked for.
#[test]
fn data_after_the_release_was_asked_for() {
    let mut pair = Pair::established();
    let response = Response::new(0x0030, 1, Status::SUCCESS);
    pair.acceptor.respond(1, &response).unwrap();
    pair.requestor.release(pair.now);
    let events = pair.run();
    assert!(events.iter().any(|(end, event)| *end == End::Requestor && matches!(event, Event::Message(..))));
    assert!(matches!(events.last(), Some((End::Requestor, Event::Released))), "{events:?}");
}

/// DIMSE-019: an abort in the middle of a data set ends both.
#[test]
fn aborts_end_both() {
    let mut pair = Pair::established();
    let command = Store {
        message_id: 1,
        sop_class: Ok(CT.parse().unwrap()),
        sop_instance: Ok("1.2.3".parse().unwrap()),
        priority: 0,
        move_originator: None,
    };
    pair.requestor.command(3, &command.write()).unwrap();
    pair.requestor.data(3, Bytes::from_static(b"abcd"), false).unwrap();
    pair.run();
    assert!(pair.acceptor.inside_data());
    pair.requestor.abort(pair.now);
    let events = pair.run();
    assert!(
        matches!(&events[..], [(End::Acceptor, Event::Ended(dimse::End::PeerAborted(Abort::USER)))]),
        "{events:?}"
    );
    assert!(pair.acceptor.is_closed());
    assert!(pair.requestor.command(1, &Echo::write(1)).is_err());
    assert!(pair.requestor.lost().is_none() && pair.requestor.is_closed());
}

/// More contexts than ids, or none, are no proposal.
#[test]
fn proposals_have_1_to_128_contexts() {
    for (count, good) in [(0, false), (1, true), (128, true), (129, false)] {
        let contexts: Vec<(&str, &[Syntax])> = vec![(CT, &[IMPLICIT_LE]); count];
        let made = Association::requestor(
            Limits::default(),
            dimse::Timers::default(),
            OURS,
            proposal(&contexts),
            std::time::Instant::now(),
        );
        assert_eq!(made.is_ok(), good, "{count}");
    }
}

/// The largest A-ASSOCIATE-RQ that is sent also comes back whole.
#[test]
fn a_full_proposal_round_trips() {
    let syntaxes: Vec<Syntax> = model::transfer_syntax::ALL.iter().take(40).collect();
    let contexts: Vec<(&str, &[Syntax])> = vec![(CT, &syntaxes[..]); 128];
    let mut pair = Pair::new(proposal(&contexts));
    pair.step = 1460;
    pair.establish();
    assert_eq!(pair.requestor.negotiated().contexts().len(), 128);
}
