#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use access::{CustodianId, Grant, Holding, On, Role};

use crate::{Certificate, FILE, Kind, Register, RegisterError};

fn grant(role: Role, on: &str) -> Grant {
    Grant { role, on: on.parse().unwrap(), until: None }
}

#[test]
fn what_is_written_is_seen_by_others_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let mut server = Register::open(&file).unwrap();
    let mut command = Register::open(&file).unwrap();
    assert!(server.is_changed().unwrap());
    assert!(server.everybody().unwrap().known.is_empty());
    assert!(!server.is_changed().unwrap());

    let local = CustodianId::local();
    command.add(Kind::Token, "pacs", &local, 1).unwrap();
    assert!(server.is_changed().unwrap());
    assert_eq!(server.everybody().unwrap().known.len(), 1);
    assert!(!server.is_changed().unwrap());
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
