//! Equal accesses become one row: the first is recorded at once, those that follow within a window as one entry with
//! their counts when it ends.

use std::collections::HashMap;

use audit::{Entry, Event, Outcome, What, Who};

use crate::Config;

/// What makes accesses equal: everything but counts, query and patient.
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
            who: event.who.clone(),
            service: event.service.clone(),
            study: event.study.clone(),
            custodian: event.custodian.clone(),
            other: event.other.clone(),
            detail: event.detail.clone(),
        }
    }
}

struct Open {
    ends: i64,
    gathered: Option<Entry>,
}

/// The open windows.
#[derive(Default)]
pub(crate) struct Windows {
    open: HashMap<Key, Open>,
}

impl Windows {
    /// What of the event is to be recorded now: all of it, or nothing because it was gathered.
    pub(crate) fn offer(&mut self, config: &Config, now: i64, process: u32, event: Event) -> Option<Event> {
        let Some(window) = config.window_of(event.what, event.outcome) else { return Some(event) };
        let key = Key::of(&event);
        if let Some(open) = self.open.get_mut(&key) {
            match &mut open.gathered {
                Some(entry) => entry.absorb(now, &event),
                None => open.gathered = Some(Entry::new(now, process, event)),
            }
            return None;
        }
        if self.open.len() < config.windows {
            let ends = now.saturating_add(i64::try_from(window.as_millis()).unwrap_or(i64::MAX));
            self.open.insert(key, Open { ends, gathered: None });
        }
        Some(event)
    }

    /// What the windows that have ended by now gathered, in order of time; at `i64::MAX` all of them.
    pub(crate) fn ended(&mut self, now: i64) -> Vec<Entry> {
        let mut ended: Vec<Entry> =
            self.open.extract_if(|_, open| open.ends <= now).filter_map(|(_, open)| open.gathered).collect();
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
}
