#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use access::{CustodianId, Grant, Holding, On, Role};

use crate::{
    Certificate, FILE, Held, Kind, Link, LinkKind, Maker, PasswordHash, Register, RegisterError, Subject,
    Tries, Try,
};

fn grant(role: Role, on: &str) -> Grant {
    Grant { role, on: on.parse().unwrap(), until: None }
}

#[test]
fn what_is_written_is_seen_by_others_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let mut server = Register::open(&file).unwrap();
    let mut command = Register::open(&file).unwrap();
    let before = server.change().unwrap();
    assert!(server.everybody().unwrap().known.is_empty());
    assert_eq!(server.change().unwrap(), before, "nobody wrote");

    let local = CustodianId::local();
    command.add(Kind::Token, "pacs", &local, 1).unwrap();
    let after = server.change().unwrap();
    assert_ne!(after, before);
    assert_eq!(server.everybody().unwrap().known.len(), 1);
    assert_eq!(server.change().unwrap(), after);
    for (what, done) in [
        ("the same name", command.add(Kind::Token, "pacs", &local, 1).is_err()),
        ("another kind", command.add(Kind::AeTitle, "pacs", &local, 1).is_ok()),
        (
            "nobody",
            matches!(command.set_disabled(Kind::Account, "pacs", true), Err(RegisterError::Unknown(_))),
        ),
        ("a grant", command.grant(Kind::Token, "pacs", &grant(Role::Reader, "holding:a/1.2"), 1).is_ok()),
        ("the same", command.grant(Kind::Token, "pacs", &grant(Role::Reader, "holding:a/1.2"), 2).is_ok()),
        ("another", command.grant(Kind::Token, "pacs", &grant(Role::Reader, "case:C7"), 2).is_ok()),
        ("a token", command.add_token("pacs", &[1; 32], 10, 100, 10).is_ok()),
        ("another token", command.add_token("pacs", &[2; 32], 20, 200, 50).is_ok()),
        ("a certificate", command.bind("pacs", Some(Certificate([3; 32]))).is_ok()),
    ] {
        assert!(done, "{what}");
    }
    let subject = Subject { issuer: "https://id.example".into(), subject: "s-1".into() };
    command.link_subject(Kind::Token, "pacs", &subject, 30).unwrap();
    command.link_subject(Kind::Token, "pacs", &subject, 31).unwrap();
    let taken = command.link_subject(Kind::AeTitle, "pacs", &subject, 32);
    assert!(matches!(taken, Err(RegisterError::Linked(holder)) if holder == "pacs"));
    let linked = |all: &crate::Everybody| {
        all.known.iter().flat_map(|known| known.subjects.clone()).collect::<Vec<_>>()
    };
    assert_eq!(linked(&server.everybody().unwrap()), std::slice::from_ref(&subject));
    assert!(!command.unlink_subject(Kind::AeTitle, "pacs", &subject).unwrap(), "it is somebody else");
    assert!(command.unlink_subject(Kind::Token, "pacs", &subject).unwrap());
    assert!(!command.unlink_subject(Kind::Token, "pacs", &subject).unwrap());
    assert!(linked(&server.everybody().unwrap()).is_empty());
    command.link_subject(Kind::Token, "pacs", &subject, 33).unwrap();

    let holding = Holding { study: "1.7".parse().unwrap(), custodian: local };
    command.add_to_case("C7", &holding).unwrap();
    let all = server.everybody().unwrap();
    assert_eq!(all.cases.get("C7"), Some(&vec![holding]));
    let [aet, token] = &all.known[..] else { panic!("two are known") };
    assert_eq!((aet.kind, aet.certificate), (Kind::AeTitle, Some(Certificate([3; 32]))));
    assert_eq!(token.grants.len(), 2);
    let ends: Vec<_> = token.tokens.iter().map(|token| (token.digest[0], token.expires_at)).collect();
    assert_eq!(ends, [(1, 50), (2, 200)], "the older ends with the overlap");

    assert!(command.revoke(Kind::Token, "pacs", Role::Reader, &On::Case("C7".into())).unwrap());
    assert!(!command.revoke(Kind::Token, "pacs", Role::Reader, &On::Everything).unwrap());
    command.remove(Kind::Token, "pacs").unwrap();
    let all = server.everybody().unwrap();
    assert_eq!(all.known.len(), 1, "its grants and tokens went with it");

    let copy = folder.path().join("copy.db");
    command.backup(&copy).unwrap();
    assert_eq!(Register::open(&copy).unwrap().everybody().unwrap().known.len(), 1);
    assert!(command.backup(&copy).is_err(), "nothing is overwritten");
}

#[test]
fn files_of_others_stay_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(matches!(Register::open(&other), Err(RegisterError::Foreign)));
    let newer = folder.path().join(FILE);
    drop(Register::open(&newer).unwrap());
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Register::open(&newer), Err(RegisterError::Newer { found: 99, .. })));
}

fn link(digest: [u8; 32], expires_at: i64) -> Link {
    Link {
        id: 0,
        digest,
        kind: LinkKind::Share,
        label: "Dr Weber".into(),
        custodian: CustodianId::local(),
        case: None,
        maker: Maker::Console,
        maker_name: "dr.miller".into(),
        made_at: 0,
        expires_at,
        uses: 0,
        noticed: 0,
        use_limit: None,
        revoked_at: None,
        locked_until: 0,
        code: None,
        holdings: Vec::new(),
        openings: Vec::new(),
    }
}

#[test]
fn a_links_life() {
    let folder = tempfile::tempdir().unwrap();
    let mut register = Register::open(&folder.path().join(FILE)).unwrap();
    let local = CustodianId::local();
    register.add(Kind::Account, "dr.miller", &local, 1).unwrap();
    let maker = Maker::Principal(register.number(Kind::Account, "dr.miller").unwrap());
    assert_eq!(register.number(Kind::Token, "dr.miller").unwrap(), None);
    let holdings = [Holding { study: "1.7".parse().unwrap(), custodian: local.clone() }];
    let code = PasswordHash { memory: 8, passes: 1, lanes: 1, salt: vec![1], hash: vec![2] };
    let new = Link {
        maker: maker.clone(),
        use_limit: Some(2),
        code: Some(code.clone()),
        holdings: holdings.to_vec(),
        ..link([1; 32], 1_000)
    };
    let id = register.add_link(&new, 10).unwrap();
    assert!(register.add_link(&new, 10).is_err(), "a digest is one link's");
    let other =
        Link { digest: [2; 32], kind: LinkKind::Upload, holdings: Vec::new(), code: None, ..new.clone() };
    let other = register.add_link(&other, 10).unwrap();

    for (now, used) in [(1_001, false), (1_000, true), (20, true), (20, false)] {
        assert_eq!(register.use_link(id, "192.0.2.1", now).unwrap(), used, "{now}");
    }
    let all = register.links().unwrap();
    assert_eq!(all.iter().map(|link| link.id).collect::<Vec<_>>(), [other, id], "the newest first");
    assert_eq!((&all[1].holdings[..], all[1].uses, &all[1].code), (&holdings[..], 2, &Some(code.clone())));
    assert_eq!(all[1].openings.iter().map(|opening| opening.at).collect::<Vec<_>>(), [20, 1_000]);
    assert_eq!((&all[0].holdings[..], all[0].kind, &all[0].maker), (&[][..], LinkKind::Upload, &maker));
    for at in 0..60 {
        assert!(register.use_link(other, "192.0.2.1", at).unwrap() == (at < 2), "{at}");
    }

    assert_eq!(register.everybody().unwrap().links.len(), 2);
    assert!(register.revoke_link(id, 30).unwrap());
    assert!(!register.revoke_link(id, 31).unwrap(), "once is enough");
    assert!(matches!(register.revoke_link(99, 30), Err(RegisterError::UnknownLink(99))));
    assert_eq!(register.everybody().unwrap().links.len(), 1);
    assert!(!register.use_link(id, "192.0.2.1", 30).unwrap());
    register.remove(Kind::Account, "dr.miller").unwrap();
    assert_eq!(register.everybody().unwrap().links[0].maker, Maker::Principal(None), "nobody's now");
    // What ended long ago is forgotten.
    let late = link([3; 32], 40_000_000);
    register.add_link(&late, 39_000_000).unwrap();
    assert_eq!(register.links().unwrap().len(), 1);
}

#[test]
fn tries_of_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let mut register = Register::open(&folder.path().join(FILE)).unwrap();
    let id = register.add_link(&link([1; 32], 10_000), 0).unwrap();
    let other = register.add_link(&link([2; 32], 10_000), 0).unwrap();
    let tries = Tries { most: 3, period: 900 };
    let taken = |left| Try::Taken { left };
    for (now, expected) in [
        (10, taken(2)),
        (20, taken(1)),
        (30, taken(0)),
        (31, Try::Locked { until: 930 }),
        (930, Try::Locked { until: 930 }),
        (931, taken(2)),
        // The window ends 900 s after its first failure.
        (1_832, taken(2)),
        (1_833, taken(1)),
    ] {
        assert_eq!(register.take_try(id, tries, now).unwrap(), expected, "{now}");
    }
    assert_eq!(register.take_try(other, tries, 31).unwrap(), taken(2), "each link has its own");
    register.give_try_back(id).unwrap();
    assert_eq!(register.take_try(id, tries, 1_834).unwrap(), taken(1));
    assert_eq!(register.take_try(id, tries, 1_835).unwrap(), taken(0));
    register.give_try_back(id).unwrap();
    assert_eq!(register.take_try(id, tries, 1_836).unwrap(), taken(0), "the last try was right: not locked");
}

#[test]
fn holds_stand_until_they_are_released_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let (server, mut command) = (Register::open(&file).unwrap(), Register::open(&file).unwrap());
    let custodian = CustodianId::local();
    let all = [
        Held::Study(Holding { study: "1.7".parse().unwrap(), custodian: custodian.clone() }),
        Held::Patient { custodian: custodian.clone(), id: "P1".into(), issuer: None },
        Held::Patient { custodian, id: "P1".into(), issuer: Some("CLINIC".into()) },
        Held::Case("C7".into()),
    ];
    for (number, on) in (1..).zip(&all) {
        assert_eq!(command.add_hold(on, "a lawsuit", "console:console", 10).unwrap(), number);
        assert!(!on.to_string().contains("P1"), "no patient data where holds are named");
    }
    let standing = server.standing_holds().unwrap();
    assert_eq!(standing.iter().map(|hold| hold.on.clone()).collect::<Vec<_>>(), all);
    let second = command.release_hold(2, "token:administrator", 20).unwrap().unwrap();
    assert_eq!((second.on, second.reason.as_str()), (all[1].clone(), "a lawsuit"));
    assert!(command.release_hold(2, "token:administrator", 30).unwrap().is_none());
    assert!(matches!(command.release_hold(9, "token:administrator", 30), Err(RegisterError::NoHold(9))));
    assert_eq!(server.standing_holds().unwrap().len(), 3);
    let kept = server.holds().unwrap();
    assert_eq!(kept.len(), 4, "what was released is still told");
    assert_eq!(kept[1].released, Some(("token:administrator".into(), 20)));
}

#[test]
fn what_is_forgotten_is_in_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let mut register = Register::open(&file).unwrap();
    let custodian = CustodianId::local();
    let holding = |study: &str| Holding { study: study.parse().unwrap(), custodian: custodian.clone() };
    let (gone, kept) = (holding("1.2.777777"), holding("1.2.888888"));
    let patient = |id: &str| Held::Patient { custodian: custodian.clone(), id: id.into(), issuer: None };
    register.add(Kind::Token, "viewer", &custodian, 1).unwrap();
    for one in [&gone, &kept] {
        register.add_to_case("C7", one).unwrap();
        register
            .grant(
                Kind::Token,
                "viewer",
                &Grant { role: Role::Reader, on: On::Holding(one.clone()), until: None },
                1,
            )
            .unwrap();
    }
    for on in [Held::Study(gone.clone()), Held::Study(kept.clone()), patient("CANARY-ID"), patient("KEPT-ID")]
    {
        let number = register.add_hold(&on, "", "console:console", 1).unwrap();
        register.release_hold(number, "console:console", 2).unwrap();
    }
    register.forget(&[gone], Some((&custodian, "CANARY-ID"))).unwrap();
    let all = register.everybody().unwrap();
    assert_eq!(all.cases["C7"], std::slice::from_ref(&kept));
    assert_eq!(all.known[0].grants.len(), 1);
    let holds: Vec<_> = register.holds().unwrap().into_iter().map(|hold| hold.on).collect();
    assert_eq!(holds, [Held::Study(kept), patient("KEPT-ID")]);
    for entry in std::fs::read_dir(folder.path()).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap();
        for word in ["1.2.777777", "CANARY"] {
            assert!(!bytes.windows(word.len()).any(|w| w == word.as_bytes()), "{word} in {:?}", entry.path());
        }
    }
    // A number is not given again, although the last ones are gone.
    assert_eq!(register.add_hold(&patient("P9"), "", "console:console", 3).unwrap(), 5);
}

/// At the limit nothing is added, and what is there can still be made to end sooner.
#[test]
fn a_grant_ends_sooner_at_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.db");
    let mut register = Register::open(&file).unwrap();
    register.add(Kind::Account, "dr.miller", &CustodianId::local(), 1).unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
             INSERT INTO given (principal, role, target, until, made_at)
             SELECT (SELECT id FROM principal), 'reader', 'holding:a/1.' || i, NULL, 1 FROM n",
        )
        .unwrap();
    let mut give = |target: &str, until| {
        let grant = Grant { until, ..grant(Role::Reader, target) };
        register.grant(Kind::Account, "dr.miller", &grant, 2)
    };
    assert!(matches!(give("holding:a/2.1", None), Err(RegisterError::TooMany(10_000))));
    give("holding:a/1.7", Some(3)).unwrap();
    let ends: Option<i64> = other
        .query_row("SELECT until FROM given WHERE target = 'holding:a/1.7'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(ends, Some(3));
}
