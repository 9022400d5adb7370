#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use access::CustodianId;

use super::*;
use crate::{FILE, People, Recogniser};

const NOW: i64 = 1_700_000_010;
const PASSWORD: &str = "four strange little words";

struct World {
    people: People,
    accounts: Accounts,
    doors: Recogniser,
    _folder: tempfile::TempDir,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let mut people = People::open(&file).unwrap();
    people.add(Kind::Account, "dr.miller", &CustodianId::local(), NOW).unwrap();
    people.set_password("dr.miller", PASSWORD, NOW).unwrap();
    let accounts = Accounts::open(&file).unwrap();
    World { people, accounts, doors: Recogniser::open(&file).unwrap(), _folder: folder }
}

fn from(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The code that an app shows.
fn code(secret: &Secret, now: i64) -> String {
    secret.code(now.div_euclid(30))
}

impl World {
    /// Signs in for the first time; the secret, recovery codes and the standing.
    fn enrolled(&self) -> (Secret, Vec<String>, Standing) {
        let here = from("192.0.2.1");
        let way = self.accounts.password(here, "dr.miller", PASSWORD, NOW).unwrap();
        let Some(Next::Factor { secret, account }) = self.accounts.next(&way, NOW) else {
            panic!("a factor is asked for")
        };
        assert_eq!(account, "dr.miller");
        let (_, codes) = self.accounts.new_factor(&way, &code(&secret, NOW), NOW).unwrap();
        let admitted = self.accounts.kept(&way, NOW).unwrap();
        (secret, codes, admitted.standing)
    }

    fn code(&self, given: &str, now: i64) -> Result<Admitted, Refused> {
        let here = from("192.0.2.1");
        let way = self.accounts.password(here, "dr.miller", PASSWORD, now).unwrap();
        self.accounts.code(here, &way, given, now)
    }
}

fn version(standing: &Standing) -> i64 {
    let Standing::Account { version, .. } = standing else { panic!("it is an account's") };
    *version
}

#[test]
fn nobody_gets_anywhere_without_a_factor() {
    let world = world();
    let here = from("192.0.2.1");
    let way = world.accounts.password(here, "dr.miller", PASSWORD, NOW).unwrap();
    assert!(matches!(world.accounts.code(here, &way, "123456", NOW), Err(Refused::Over)));
    assert!(matches!(world.accounts.kept(&way, NOW), Err(Refused::Over)));
    let Some(Next::Factor { secret, .. }) = world.accounts.next(&way, NOW) else { panic!() };
    assert!(matches!(world.accounts.new_factor(&way, "000000x", NOW), Err(Refused::Wrong { .. })));
    // Another browser that knows the password sets one up first: this one begins anew.
    world.enrolled();
    assert!(matches!(world.accounts.new_factor(&way, &code(&secret, NOW), NOW), Err(Refused::Over)));
    assert!(world.accounts.next(&way, NOW + 599).is_some());
    assert_eq!(world.accounts.next(&way, NOW + 600), None, "a way in lasts ten minutes");
}

#[test]
fn codes_count_once() {
    let world = world();
    let (secret, recovery, standing) = world.enrolled();
    assert!(world.doors.stands(&standing, NOW).unwrap().is_some());
    assert!(
        matches!(world.code(&code(&secret, NOW), NOW), Err(Refused::Wrong { .. })),
        "it set the factor up"
    );
    let next = code(&secret, NOW + 30);
    let spaced = format!("{} {}", &next[..3], &next[3..]);
    assert_eq!(world.code(&spaced, NOW + 30).unwrap().by, Proof::Code);
    for (given, now, counts) in [
        (next.clone(), NOW + 30, false),
        (next, NOW + 60, false),
        (code(&secret, NOW), NOW + 30, false),
        (code(&secret, NOW + 90), NOW + 60, true),
        (code(&secret, NOW + 60), NOW + 60, false),
        ("abcd-efgh-ijkl-2345".into(), NOW + 60, false),
        (String::new(), NOW + 60, false),
    ] {
        assert_eq!(world.code(&given, now).is_ok(), counts, "{given} at {now}");
        // Not what is tested here.
        world.accounts.tries().codes.succeeded(from("192.0.2.1"), "dr.miller");
    }
    assert_eq!(recovery.len(), 10);
    let first = recovery[0].to_uppercase();
    assert_eq!(world.code(&first, NOW + 60).unwrap().by, Proof::Recovery { left: 9 });
    assert!(world.code(&first, NOW + 60).is_err());
    assert_eq!(world.accounts.about("dr.miller").unwrap().unwrap().1, 9);
}

#[test]
fn a_way_in_ends_with_its_use() {
    let world = world();
    let (secret, ..) = world.enrolled();
    let (here, now) = (from("192.0.2.1"), NOW + 30);
    let way = world.accounts.password(here, "dr.miller", PASSWORD, now).unwrap();
    assert!(world.accounts.code(here, &way, &code(&secret, now), now).is_ok());
    assert!(matches!(
        world.accounts.code(here, &way, &code(&secret, now + 30), now + 30),
        Err(Refused::Over)
    ));
    assert_eq!(world.accounts.next(&way, now), None);
}

#[test]
fn what_is_not_right_is_told_of_alike() {
    let mut world = world();
    world.people.add(Kind::Account, "disabled", &CustodianId::local(), NOW).unwrap();
    world.people.set_password("disabled", PASSWORD, NOW).unwrap();
    world.people.set_disabled(Kind::Account, "disabled", true).unwrap();
    world.people.add(Kind::Account, "new", &CustodianId::local(), NOW).unwrap();
    for (name, given, account) in [
        ("dr.miller", "wrong", Some("dr.miller")),
        ("disabled", PASSWORD, Some("disabled")),
        ("new", "", Some("new")),
        ("nobody", PASSWORD, None),
        ("", "", None),
    ] {
        let refused = world.accounts.password(from("192.0.2.1"), name, given, NOW).unwrap_err();
        assert_eq!(refused.to_string(), "not right", "{name}");
        let Refused::Wrong { account: told } = refused else { panic!("{name}") };
        assert_eq!(told.as_deref(), account);
    }
}

#[test]
fn guesses_wait_and_others_do_not() {
    let world = world();
    let (secret, ..) = world.enrolled();
    let (stranger, doctor) = (from("192.0.2.66"), from("198.51.100.1"));
    let accounts = &world.accounts;
    for name in ["dr.miller", "nobody"] {
        for n in 0..6 {
            let refused = accounts.password(stranger, name, "guess", NOW).unwrap_err();
            assert_eq!(matches!(refused, Refused::Wrong { .. }), n < 5, "{name} {n}: {refused}");
        }
        assert!(matches!(
            accounts.password(stranger, name, PASSWORD, NOW),
            Err(Refused::Wait { seconds: 2, .. })
        ));
    }
    let way = accounts.password(doctor, "dr.miller", PASSWORD, NOW).unwrap();
    // Whoever has the password guesses at codes as slowly.
    let other = from("203.0.113.1");
    let guessing = accounts.password(other, "dr.miller", PASSWORD, NOW).unwrap();
    let right = code(&secret, NOW + 30);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert!(matches!(accounts.code(other, &guessing, wrong, NOW + 30), Err(Refused::Wrong { .. })));
    }
    assert!(matches!(
        accounts.code(other, &guessing, &right, NOW + 30),
        Err(Refused::Wait { seconds: 2, .. })
    ));
    let again = accounts.password(other, "dr.miller", PASSWORD, NOW + 30).unwrap();
    assert!(matches!(accounts.code(other, &again, &right, NOW + 31), Err(Refused::Wait { seconds: 1, .. })));
    assert!(accounts.code(doctor, &way, &right, NOW + 31).is_ok(), "from elsewhere it counts for nothing");
}

#[test]
fn an_account_changes_its_own() {
    let mut world = world();
    let (secret, recovery, standing) = world.enrolled();
    let here = from("192.0.2.1");
    let who = ("dr.miller", version(&standing));
    let new = "five even stranger little words";
    let change = |old: &str, code: &str, new: &str, now: i64| {
        world.accounts.change_password(here, who, (old, code), new, now)
    };
    assert!(matches!(change("wrong", &code(&secret, NOW + 30), new, NOW + 30), Err(Refused::Wrong { .. })));
    assert!(matches!(change(PASSWORD, "", new, NOW + 30), Err(Refused::Wrong { .. })));
    assert!(matches!(change(PASSWORD, &code(&secret, NOW + 30), "short", NOW + 30), Err(Refused::Policy(_))));
    let next = change(PASSWORD, &code(&secret, NOW + 30), new, NOW + 30).unwrap();
    assert!(world.doors.stands(&standing, NOW).unwrap().is_none(), "sessions from before end");
    assert!(world.doors.stands(&next, NOW).unwrap().is_some());
    assert!(matches!(change(new, &code(&secret, NOW + 60), PASSWORD, NOW + 60), Err(Refused::Over)));
    assert!(world.accounts.password(here, "dr.miller", PASSWORD, NOW).is_err());

    let who = ("dr.miller", version(&next));
    let made = world.accounts.new_recovery(here, who, &recovery[3], NOW + 60).unwrap();
    assert!(made.len() == 10 && !made.contains(&recovery[0]));
    let way = world.accounts.password(here, "dr.miller", new, NOW + 60).unwrap();
    assert!(
        world.accounts.code(here, &way, &recovery[0], NOW + 60).is_err(),
        "those before are good no more"
    );
    assert!(world.accounts.code(here, &way, &made[0], NOW + 60).is_ok());

    world.accounts.sign_out_everywhere("dr.miller").unwrap();
    assert!(world.doors.stands(&next, NOW).unwrap().is_none());
    let way = world.accounts.password(here, "dr.miller", new, NOW + 60).unwrap();
    world.people.reset_factor("dr.miller").unwrap();
    assert!(matches!(world.accounts.code(here, &way, &made[1], NOW + 60), Err(Refused::Over)));
    let way = world.accounts.password(here, "dr.miller", new, NOW + 60).unwrap();
    assert!(matches!(world.accounts.next(&way, NOW + 60), Some(Next::Factor { .. })));
}

#[test]
fn links_are_good_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let mut people = People::open(&file).unwrap();
    let accounts = Accounts::open(&file).unwrap();
    let first = people.first_set_up(NOW).unwrap().unwrap().token;
    let second = people.first_set_up(NOW).unwrap().unwrap().token;
    assert!(matches!(accounts.set_up(&first, NOW), Err(Refused::Over)), "a restart makes a new one");
    assert!(matches!(accounts.set_up(&second, NOW + 86_401), Err(Refused::Over)), "a day");
    let way = accounts.set_up(&second, NOW + 86_400).unwrap();
    let late = accounts.set_up(&second, NOW + 86_400).unwrap();
    assert_eq!(accounts.next(&way, NOW + 86_400), Some(Next::Password(None)));
    let choose = |way: &str, name: &str, new: &str| accounts.choose_password(way, name, new, NOW + 86_400);
    assert!(matches!(choose(&way, "-x", PASSWORD), Err(Refused::Name)));
    assert!(matches!(choose(&way, "root", "short"), Err(Refused::Policy(_))));
    assert_eq!(choose(&way, "root", PASSWORD).unwrap(), "root");
    assert!(matches!(accounts.next(&way, NOW + 86_400), Some(Next::Factor { .. })));
    assert!(matches!(choose(&way, "root", PASSWORD), Err(Refused::Over)));
    assert!(matches!(choose(&late, "other", PASSWORD), Err(Refused::Over)), "used");
    let (root, _) = accounts.about("root").unwrap().unwrap();
    assert_eq!(root.grants.len(), 1);
    assert_eq!(people.first_set_up(NOW).unwrap(), None, "there is an administrator");

    people.add(Kind::Account, "dr.miller", &CustodianId::local(), NOW).unwrap();
    let link = people.set_up_link("dr.miller", NOW).unwrap().token;
    let way = accounts.set_up(&link, NOW).unwrap();
    assert_eq!(accounts.next(&way, NOW), Some(Next::Password(Some("dr.miller".into()))));
    assert_eq!(accounts.choose_password(&way, "root", PASSWORD, NOW).unwrap(), "dr.miller");
    assert!(matches!(accounts.set_up(&link, NOW), Err(Refused::Over)));
    let link = people.set_up_link("dr.miller", NOW).unwrap().token;
    people.set_disabled(Kind::Account, "dr.miller", true).unwrap();
    assert!(matches!(accounts.set_up(&link, NOW), Err(Refused::Over)), "disabled");
    assert!(people.set_up_link("nobody", NOW).is_err());
}

/// The file holds secrets.
#[test]
fn files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    std::fs::write(&file, b"").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut people = People::open(&file).unwrap();
    people.add(Kind::Account, "a", &CustodianId::local(), NOW).unwrap();
    people.backup(&folder.path().join("copy.db")).unwrap();
    let found: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert!(found.len() >= 3, "{found:?}");
    for one in found {
        assert_eq!(one.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{one:?}");
    }
}
