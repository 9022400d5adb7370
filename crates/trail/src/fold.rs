//! Equal accesses become one row: the first is recorded at once, those that follow within a window as one entry with
//! their counts when it ends. What strangers call themselves is their choice: of each address some names are told apart,
//! the rest is counted, so that nobody who was let in nowhere makes the trail grow at will.

use std::collections::HashMap;

use audit::{Entry, Event, Outcome, What, Who};

use crate::Config;

/// What makes accesses equal: everything but counts, query, patient and the request's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    what: What,
    outcome: Outcome,
    who: Who,
    service: String,
    study: String,
    custodian: String,
    other: String,
    detail: String,
}

impl Key {
    fn of(event: &Event) -> Self {
        Self {
            what: event.what,
            outcome: event.outcome,
            who: Who { request: String::new(), ..event.who.clone() },
            service: event.service.clone(),
            study: event.study.clone(),
            custodian: event.custodian.clone(),
            other: event.other.clone(),
            detail: event.detail.clone(),
        }
    }
}

/// Of one address and kind so many are told apart in a window by what they call themselves.
const NAMES: usize = 16;

/// Somebody who was not let in, without anything of its own choice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Stranger {
    what: What,
    outcome: Outcome,
    service: String,
    address: String,
}

impl Stranger {
    /// A login that failed is none: it names accounts that there are, and nothing that was not verified.
    fn of(event: &Event) -> Option<Self> {
        (event.what == What::NodeAuthentication).then(|| Self {
            what: event.what,
            outcome: event.outcome,
            service: event.service.clone(),
            address: event.who.address.clone(),
        })
    }

    /// One event for all of them.
    fn together(self, addresses: &str) -> Event {
        let Self { what, outcome, service, address } = self;
        let who = Who::new("nobody", "several", &address);
        let detail = format!("more names{addresses} than are told apart");
        Event { outcome, detail, ..Event::new(what, who, &service) }
    }
}

struct Open {
    ends: i64,
    /// The row of what came since the first access, which most windows see alone: behind a pointer, for the table keeps
    /// the room of its fullest moment.
    gathered: Option<Box<Entry>>,
}

/// The open windows.
#[derive(Default)]
pub(crate) struct Windows {
    open: HashMap<Key, Open>,
    /// Until when, and how many names of theirs have windows. As many as windows at most.
    strangers: HashMap<Stranger, (i64, usize)>,
}

impl Windows {
    /// What of the event is to be recorded now: all of it, or nothing because it was gathered.
    pub(crate) fn offer(&mut self, config: &Config, now: i64, process: u32, event: Event) -> Option<Event> {
        let Some(window) = config.window_of(event.what, event.outcome) else { return Some(event) };
        let ends = now.saturating_add(i64::try_from(window.as_millis()).unwrap_or(i64::MAX));
        let event = self.gather(now, process, event)?;
        let has_place = self.open.len() < config.windows;
        if let Some(stranger) = Stranger::of(&event) {
            match self.strangers.get_mut(&stranger) {
                Some((_, names)) if *names < NAMES && has_place => *names += 1,
                None if has_place => drop(self.strangers.insert(stranger, (ends, 1))),
                known => {
                    let any =
                        known.is_none().then(|| Stranger { address: String::new(), ..stranger.clone() });
                    let together = match any {
                        Some(any) => any.together(" and addresses"),
                        None => stranger.together(" of this address"),
                    };
                    // One for each that has windows, and one for each kind: so these need no place.
                    let together = self.gather(now, process, together)?;
                    self.open.insert(Key::of(&together), Open { ends, gathered: None });
                    return Some(together);
                }
            }
        }
        if has_place {
            self.open.insert(Key::of(&event), Open { ends, gathered: None });
        }
        Some(event)
    }

    /// Takes the event into the window of its equals, or gives it back when there is none.
    fn gather(&mut self, now: i64, process: u32, event: Event) -> Option<Event> {
        let Some(open) = self.open.get_mut(&Key::of(&event)) else { return Some(event) };
        match &mut open.gathered {
            Some(entry) => entry.absorb(now, &event),
            None => open.gathered = Some(Box::new(Entry::new(now, process, event))),
        }
        None
    }

    /// What the windows that have ended by now gathered, in order of time; at `i64::MAX` all of them.
    pub(crate) fn ended(&mut self, now: i64) -> Vec<Entry> {
        self.strangers.retain(|_, (ends, _)| *ends > now);
        let ended = self.open.extract_if(|_, open| open.ends <= now).filter_map(|(_, open)| open.gathered);
        let mut ended: Vec<Entry> = ended.map(|entry| *entry).collect();
        ended.sort_by_key(|entry| entry.at);
        ended
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(what: What, study: &str, who: &str) -> Event {
        let mut event = Event::new(what, Who::new("token", who, "192.0.2.1"), "test");
        event.study = study.to_owned();
        event.classes.insert("1.2".to_owned(), 3);
        event
    }

    #[test]
    fn the_first_at_once_and_the_rest_together() {
        let config = Config { windows: 3, ..Config::default() };
        let mut windows = Windows::default();
        let mut offer = |now, event| windows.offer(&config, now, 1, event).is_some();
        // At which second, what, and whether it is a row at once.
        assert!(offer(0, event(What::Retrieve, "1", "a")));
        assert!(!offer(1_000, event(What::Retrieve, "1", "a")));
        assert!(!offer(59_000, event(What::Retrieve, "1", "a")));
        assert!(offer(59_000, event(What::Retrieve, "2", "a")), "another study");
        assert!(offer(59_000, event(What::Retrieve, "1", "b")), "another principal");
        assert!(offer(59_000, event(What::View, "1", "a")), "another action, and no place for its window");
        assert!(offer(59_000, event(What::View, "1", "a")), "so the next is a row, too");
        assert!(offer(59_000, event(What::Query, "1", "a")) && offer(59_000, event(What::Query, "1", "a")));
        assert_eq!(windows.ended(59_999), []);
        let ended = windows.ended(60_000);
        assert_eq!(ended.len(), 1);
        assert_eq!((ended[0].at, ended[0].until, ended[0].times), (1_000, Some(59_000), 2));
        assert_eq!(ended[0].event.classes["1.2"], 6);
        assert!(windows.offer(&config, 60_001, 1, event(What::Retrieve, "1", "a")).is_some(), "a new window");
        assert_eq!(windows.ended(i64::MAX), [], "nothing else was gathered");
        assert!(windows.is_empty());
    }

    fn stranger(title: usize, address: &str) -> Event {
        let who = Who::new("aet", &format!("GUESS{title}"), address);
        let detail = format!("an association with X{title} was rejected");
        Event {
            outcome: Outcome::Serious,
            detail,
            ..Event::new(What::NodeAuthentication, who, "A-ASSOCIATE")
        }
    }

    /// 100,000 names of one address, and as many addresses, make some rows; each is counted.
    #[test]
    fn strangers_do_not_fill_the_trail() {
        let config = Config { windows: 100, ..Config::default() };
        let mut windows = Windows::default();
        let mut rows: Vec<Event> = Vec::new();
        for title in 0..100_000 {
            rows.extend(windows.offer(&config, 0, 1, stranger(title, "192.0.2.66")));
        }
        assert_eq!(rows.len(), NAMES + 1);
        assert_eq!(
            (rows[NAMES].who.name.as_str(), rows[NAMES].who.address.as_str()),
            ("several", "192.0.2.66")
        );
        for address in 0..100_000_u32 {
            rows.extend(windows.offer(&config, 0, 1, stranger(1, &format!("2001:db8::{address:x}"))));
        }
        assert!(rows.len() <= config.windows + 2, "{}", rows.len());
        assert_eq!(rows.last().map(|row| row.who.address.as_str()), Some(""));
        for account in 0..NAMES * 2 {
            let mut guess = event(What::Login, "", &format!("account{account}"));
            guess.outcome = Outcome::Serious;
            assert!(windows.offer(&config, 0, 1, guess).is_some(), "an account that is guessed at is named");
        }
        let known = event(What::Restricted, "1", "known");
        assert!(windows.offer(&config, 0, 1, known).is_some_and(|row| row.who.name == "known"));
        let told: u64 = rows.len() as u64 + windows.ended(i64::MAX).iter().map(|e| e.times).sum::<u64>();
        assert_eq!(told, 200_000);
        assert!(
            windows
                .offer(&config, 1, 1, stranger(7, "192.0.2.66"))
                .is_some_and(|row| row.who.name == "GUESS7")
        );
    }
}
