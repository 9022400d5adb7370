use access::{CustodianId, Grant, Holding, Reach, Role};

use super::*;
use crate::People;

const NOW: i64 = 1_000_000;
const DAY: i64 = 86_400;

struct World {
    _folder: tempfile::TempDir,
    people: People,
    doors: Arc<Recogniser>,
    links: Links,
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn holding(study: &str, custodian: &str) -> Holding {
    Holding { study: study.parse().unwrap(), custodian: custodian.parse().unwrap() }
}

fn share(holdings: &[(&str, &str)]) -> Wanted {
    Wanted {
        purpose: Purpose::Share(
            holdings.iter().map(|(study, custodian)| holding(study, custodian)).collect(),
        ),
        label: "Dr Weber".into(),
        days: 7,
        use_limit: None,
        code: Code::None,
    }
}

fn upload() -> Wanted {
    Wanted { purpose: Purpose::Upload, ..share(&[]) }
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(register::FILE);
        let people = People::open(&file).unwrap();
        let doors = Arc::new(Recogniser::open(&file).unwrap());
        let links = Links::open(&file, Arc::clone(&doors)).unwrap();
        Self { _folder: folder, people, doors, links }
    }

    /// A service of custodian `a` with these roles.
    fn service(&mut self, name: &str, roles: &[(Role, &str)]) -> Principal {
        let custodian: CustodianId = "a".parse().unwrap();
        self.people.add(Kind::Token, name, &custodian, NOW).unwrap();
        for (role, on) in roles {
            let grant = Grant { role: *role, on: on.parse().unwrap(), until: None };
            self.people.grant(Kind::Token, name, &grant, NOW).unwrap();
        }
        let token = self.people.make_token(name, 90, 0, NOW).unwrap().token;
        self.doors.holder(&digest(&token), NOW).unwrap().unwrap()
    }

    fn enter(&self, token: &str, code: &str, now: i64) -> String {
        match self.links.enter(token, code, address("192.0.2.1"), now) {
            Ok(opened) => format!("opened {}", opened.principal),
            Err(Shut::Dead { why, .. }) => why.to_owned(),
            Err(other) => other.to_string(),
        }
    }
}

fn shown(world: &World, token: &str, now: i64, action: Action) -> Option<Reach> {
    let (_, principal) = world.doors.link(&digest(token), now).unwrap()?;
    principal.allowed().reach(action).cloned()
}

#[test]
fn who_may_share_what() {
    let mut world = World::new();
    for (name, roles, shares, uploads) in [
        ("administrator", &[(Role::Administrator, "everything")][..], [true, true, true], true),
        ("coordinator", &[(Role::Coordinator, "custodian:a")], [true, true, false], true),
        ("centre", &[(Role::Centre, "holding:a/1.1")], [true, false, false], false),
        ("portal", &[(Role::Portal, "custodian:a")], [true, true, false], true),
        ("reader", &[(Role::Reader, "everything")], [false, false, false], false),
        ("physician", &[(Role::Physician, "holding:a/1.1")], [false, false, false], false),
        (
            "both",
            &[(Role::Centre, "holding:a/1.1"), (Role::Reader, "everything")],
            [true, false, false],
            false,
        ),
        ("nobody", &[], [false, false, false], false),
    ] {
        let who = world.service(name, roles);
        for (wanted, may) in [("1.1", "a"), ("1.2", "a"), ("1.1", "b")].into_iter().zip(shares) {
            let made = world.links.make(&who, &share(&[wanted]), NOW);
            assert_eq!(made.is_ok(), may, "{name} {wanted:?}");
            assert!(may || matches!(made, Err(LinkError::NotAllowed)), "{name}");
        }
        assert_eq!(world.links.make(&who, &upload(), NOW).is_ok(), uploads, "{name}");
        assert_eq!(Links::may_make(&who, LinkKind::Upload), uploads, "{name}");
        assert_eq!(Links::may_make(&who, LinkKind::Share), shares.contains(&true), "{name}");
    }
    assert!(world.links.make(&Principal::loopback(), &upload(), NOW).is_err(), "nobody in particular");
}

#[test]
fn what_a_link_may_do() {
    let mut world = World::new();
    let who = world
        .service("coordinator", &[(Role::Coordinator, "custodian:a"), (Role::Coordinator, "custodian:b")]);
    let made = world.links.make(&who, &share(&[("1.1", "a"), ("1.2", "b"), ("1.1", "a")]), NOW).unwrap();
    assert_eq!((made.token.len(), made.link.expires_at, made.code), (64, NOW + 7 * DAY, None));
    let both = Some(Reach::only(vec![], vec![holding("1.1", "a"), holding("1.2", "b")]));
    for action in Action::ALL {
        let expected = matches!(action, Action::Search | Action::Retrieve).then(|| both.clone()).flatten();
        assert_eq!(shown(&world, &made.token, NOW, action), expected, "{action:?}");
    }
    assert_eq!(world.enter(&made.token, "", NOW), "opened link:1 of coordinator");
    for wanted in [share(&[("1.1", "a")]), upload()] {
        let sender = world.links.make(&who, &upload(), NOW).unwrap();
        for token in [&made.token, &sender.token] {
            let (_, holder) = world.doors.link(&digest(token), NOW).unwrap().unwrap();
            assert!(world.links.make(&holder, &wanted, NOW).is_err(), "a link makes no links");
            assert!(
                !Links::may_make(&holder, LinkKind::Upload) && !Links::may_make(&holder, LinkKind::Share)
            );
        }
    }
    assert_eq!(shown(&world, &made.token, NOW + 7 * DAY + 1, Action::Retrieve), None, "expired");

    let sent = world.links.make(&who, &upload(), NOW).unwrap();
    for action in Action::ALL {
        let expected = (action == Action::Store).then(|| Reach::custodians(vec!["a".parse().unwrap()]));
        assert_eq!(shown(&world, &sent.token, NOW, action), expected, "{action:?}");
    }

    // What its maker lost, the link lost too, and gets back.
    let b = "custodian:b".parse().unwrap();
    assert!(world.people.revoke(Kind::Token, "coordinator", Role::Coordinator, &b).unwrap());
    let one = Some(Reach::only(vec![], vec![holding("1.1", "a")]));
    assert_eq!(shown(&world, &made.token, NOW, Action::Retrieve), one);
    world.people.set_disabled(Kind::Token, "coordinator", true).unwrap();
    assert_eq!(shown(&world, &made.token, NOW, Action::Retrieve), None);
    assert_eq!(shown(&world, &sent.token, NOW, Action::Store), None);
    assert_eq!(world.enter(&made.token, "", NOW), "its maker may not do this any more");
    world.people.set_disabled(Kind::Token, "coordinator", false).unwrap();
    assert_eq!(shown(&world, &made.token, NOW, Action::Retrieve), one);
    // Another of the same name is another.
    world.people.remove(Kind::Token, "coordinator").unwrap();
    world.service("coordinator", &[(Role::Coordinator, "everything")]);
    assert_eq!(shown(&world, &made.token, NOW, Action::Retrieve), None);
}

#[test]
fn what_is_no_link() {
    let world = World::new();
    let long = "x".repeat(81);
    let many: Vec<(String, &str)> = (0..101).map(|n| (format!("1.{}", n + 1), "a")).collect();
    let many: Vec<(&str, &str)> =
        many.iter().map(|(study, custodian)| (study.as_str(), *custodian)).collect();
    let good = || share(&[("1.1", "a")]);
    let code = |text: &str| Wanted { code: Code::Chosen(text.into()), ..good() };
    for (wanted, made) in [
        (good(), true),
        (Wanted { label: " ".into(), ..good() }, false),
        (Wanted { label: long, ..good() }, false),
        (Wanted { label: "a\nb".into(), ..good() }, false),
        (Wanted { days: 0, ..good() }, false),
        (Wanted { days: 30, ..good() }, true),
        (Wanted { days: 31, ..good() }, false),
        (Wanted { use_limit: Some(0), ..good() }, false),
        (Wanted { use_limit: Some(1_001), ..good() }, false),
        (share(&[]), false),
        (share(&many[1..]), true),
        (share(&many), false),
        (code("12345"), false),
        (code("1 2-3 4"), false),
        (code("111111"), false),
        (code("482913"), true),
        (code("blue Heron"), true),
    ] {
        let shown = format!("{wanted:?}");
        assert_eq!(world.links.make(&Principal::console(), &wanted, NOW).is_ok(), made, "{shown}");
    }
}

#[test]
fn uses_codes_and_locks() {
    let world = World::new();
    let console = Principal::console();
    let limited = Wanted { use_limit: Some(2), ..upload() };
    let limited = world.links.make(&console, &limited, NOW).unwrap();
    for expected in ["opened link:1 of console", "opened link:1 of console", "used up"] {
        assert_eq!(world.enter(&limited.token, "", NOW), expected);
    }
    assert!(shown(&world, &limited.token, NOW, Action::Store).is_some(), "sessions of the last use go on");

    let coded = world.links.make(&console, &Wanted { code: Code::Random, ..upload() }, NOW).unwrap();
    let code = coded.code.unwrap();
    assert!(code.len() == 9 && code.split(' ').all(|half| half.len() == 4), "{code}");
    let other = world
        .links
        .make(&console, &Wanted { code: Code::Chosen("Blue heron".into()), ..upload() }, NOW)
        .unwrap();
    assert_eq!(world.enter(&coded.token, "", NOW), "the link has an access code");
    for typed in [code.as_str(), &code.replace(' ', ""), &code.replace(' ', "-")] {
        assert_eq!(world.enter(&coded.token, typed, NOW), "opened link:2 of console", "{typed}");
    }
    for _ in 0..5 {
        assert_eq!(world.enter(&coded.token, "0000 000x", NOW), "the access code does not match");
    }
    assert_eq!(world.enter(&coded.token, &code, NOW), "the link is locked for 901 s");
    assert_eq!(world.enter(&coded.token, &code, NOW + 900), "the link is locked for 1 s");
    assert_eq!(
        world.enter(&other.token, "blueheron", NOW),
        "opened link:3 of console",
        "the other link is not"
    );
    assert_eq!(world.enter(&coded.token, &code, NOW + 901), "opened link:2 of console");
}

/// Whoever made a link is told of each opening once, and nobody else is.
#[test]
fn its_maker_is_told_of_openings() {
    let mut world = World::new();
    let who = world.service("coordinator", &[(Role::Coordinator, "custodian:a")]);
    let other = world.service("other", &[(Role::Coordinator, "custodian:a")]);
    let runs_it = world.service("root", &[(Role::Administrator, "everything")]);
    let link = world.links.make(&who, &upload(), NOW).unwrap();
    assert_eq!(world.links.news(&who), 0);
    for _ in 0..2 {
        world.enter(&link.token, "", NOW);
    }
    let told = [&who, &other, &runs_it].map(|who| world.links.news(who));
    assert_eq!(told, [2, 0, 0]);
    let before = |links: Vec<Link>| links.iter().map(|link| (link.uses, link.noticed)).collect::<Vec<_>>();
    assert_eq!(before(world.links.look(&runs_it).unwrap()), [(2, 0)], "who runs the server sees it");
    assert_eq!(world.links.news(&who), 2, "that tells its maker nothing");
    assert_eq!(before(world.links.look(&who).unwrap()), [(2, 0)]);
    assert_eq!(world.links.news(&who), 0);
    world.enter(&link.token, "", NOW);
    assert_eq!(world.links.news(&who), 1);
    assert_eq!(before(world.links.look(&who).unwrap()), [(3, 2)]);
}

#[test]
fn all_that_do_not_work_are_alike_and_guesses_are_slowed() {
    let world = World::new();
    let console = Principal::console();
    let revoked = world.links.make(&console, &upload(), NOW).unwrap();
    assert!(world.links.revoke(&console, revoked.link.id, NOW).unwrap().1);
    assert!(!world.links.revoke(&console, revoked.link.id, NOW).unwrap().1);
    let good = world.links.make(&console, &upload(), NOW).unwrap();
    assert_eq!(world.enter(&revoked.token, "", NOW), "withdrawn");
    assert_eq!(world.enter("", "", NOW), "unknown");
    assert_eq!(world.enter(&good.token[1..], "", NOW), "unknown");
    let mut slowed = 0;
    for n in 0..1_000 {
        slowed += usize::from(world.enter(&format!("{n:064x}"), "", NOW).starts_with("too many guesses"));
        if n % 250 == 0 {
            assert_eq!(
                world.enter(&good.token, "", NOW),
                "opened link:2 of console",
                "from the same address"
            );
        }
    }
    assert_eq!(slowed, 1_000 - 17);
    let coded = Wanted { code: Code::Random, ..upload() };
    let coded = world.links.make(&console, &coded, NOW).unwrap();
    let tried: Vec<_> = (0..6).map(|_| world.enter(&coded.token, "xxxxxx", NOW)).collect();
    assert!(tried[..4].iter().all(|answer| answer.starts_with("too many guesses")), "{tried:?}");
    assert_eq!(tried[4], "the access code does not match", "that it is locked now is told");
    assert!(tried[5].starts_with("the link is locked"));
    assert_eq!(world.enter(&good.token, "", NOW + 8 * DAY), "expired");
}

#[test]
fn who_sees_and_ends_which() {
    let mut world = World::new();
    let one = world.service("one", &[(Role::Coordinator, "custodian:a")]);
    let other = world.service("other", &[(Role::Coordinator, "custodian:a")]);
    let runs = world.service("runs", &[(Role::Administrator, "everything")]);
    let of_one = world.links.make(&one, &upload(), NOW).unwrap();
    let of_other = world.links.make(&other, &upload(), NOW).unwrap();
    let numbers = |who| world.links.list(who).unwrap().iter().map(|link| link.id).collect::<Vec<_>>();
    assert_eq!(numbers(&one), [of_one.link.id]);
    assert_eq!(numbers(&other), [of_other.link.id]);
    assert_eq!(numbers(&runs), [of_other.link.id, of_one.link.id]);
    assert!(numbers(&Principal::loopback()).len() == 2, "it may do everything");
    for (who, id, known) in [
        (&one, of_other.link.id, false),
        (&one, 99, false),
        (&one, of_one.link.id, true),
        (&runs, of_other.link.id, true),
    ] {
        assert_eq!(world.links.revoke(who, id, NOW).is_ok(), known, "{who} {id}");
    }
    assert_eq!(world.enter(&of_one.token, "", NOW), "withdrawn");
}
