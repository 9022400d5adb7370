//! A row of the trail.

use serde::{Deserialize, Serialize};

use crate::Event;
use crate::text::clean_in_place;

/// An event with when it happened, and how often: what a row of the trail says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in milliseconds of Unix time.
    pub at: i64,
    /// When the last of several, if it stands for several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// For how many equal accesses it stands.
    pub times: u64,
    /// The process that recorded it.
    pub process: u32,
    /// What happened.
    pub event: Event,
}

/// The bytes of a row are none that we wrote.
#[derive(Debug, thiserror::Error)]
#[error("not a row of the trail: {0}")]
pub struct EntryError(#[from] serde_json::Error);

impl Entry {
    /// An entry for one event; its texts are cleaned.
    pub fn new(at: i64, process: u32, mut event: Event) -> Self {
        let texts = [
            &mut event.service,
            &mut event.study,
            &mut event.custodian,
            &mut event.query,
            &mut event.other,
            &mut event.detail,
            &mut event.who.door,
            &mut event.who.name,
            &mut event.who.address,
            &mut event.who.request,
        ];
        texts.into_iter().for_each(clean_in_place);
        if let Some(patient) = &mut event.patient {
            [&mut patient.id, &mut patient.issuer, &mut patient.name].into_iter().for_each(clean_in_place);
        }
        Self { at, until: None, times: 1, process, event }
    }

    /// Makes it stand for this equal access, too.
    pub fn absorb(&mut self, at: i64, event: &Event) {
        self.until = Some(at);
        self.times = self.times.saturating_add(1);
        for (class, count) in &event.classes {
            match self.event.classes.get_mut(class) {
                Some(sum) => *sum = sum.saturating_add(*count),
                None => drop(self.event.classes.insert(class.clone(), *count)),
            }
        }
    }

    /// The bytes that are chained: JSON, its members always in one order, on one line.
    pub fn canonical(&self) -> Vec<u8> {
        // Strings, numbers and maps of strings: there is nothing that could not be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// An entry from its bytes.
    ///
    /// # Errors
    /// [`EntryError`] when they are none.
    pub fn read(bytes: &[u8]) -> Result<Self, EntryError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Change, What, Who};

    #[test]
    fn bytes_are_the_same_each_time_and_one_line() {
        let mut event =
            Event::new(What::Store(Change::New), Who::new("aet", "CT\n1", "192.0.2.7"), "C-STORE");
        event.classes.insert("1.2.840.10008.5.1.4.1.1.2".to_owned(), 2);
        event.patient = Some(crate::Patient { id: "1\t2".into(), issuer: String::new(), name: "A^B".into() });
        let mut entry = Entry::new(1_764_000_000_123, 7, event.clone());
        entry.absorb(1_764_000_001_000, &event);
        let bytes = entry.canonical();
        let text = std::str::from_utf8(&bytes).unwrap();
        assert_eq!(
            text,
            r#"{"at":1764000000123,"until":1764000001000,"times":2,"process":7,"event":{"what":{"store":"new"},"outcome":"success","who":{"door":"aet","name":"CT\\u{a}1","address":"192.0.2.7"},"service":"C-STORE","classes":{"1.2.840.10008.5.1.4.1.1.2":4},"patient":{"id":"1\\u{9}2","name":"A^B"}}}"#
        );
        let again = Entry::read(&bytes).unwrap();
        assert_eq!(again, entry);
        assert_eq!(again.canonical(), bytes);
        assert!(Entry::read(b"{}").is_err());
    }
}
