//! Whose study it is: asked of whoever keeps the studies, and remembered.

use std::num::NonZeroUsize;
use std::sync::Arc;

use audit::{Entry, Outcome, Patient};
use lru::LruCache;

/// Knows whose studies are.
pub trait Patients: Send + Sync {
    /// The patient of a custodian's study; of any custodian's when none is given. It may block.
    fn of(&self, study: &str, custodian: Option<&str>) -> Option<Patient>;
}

/// Remembers what was asked last.
pub(crate) struct Known {
    patients: LruCache<(String, String), Patient>,
}

impl Known {
    pub(crate) fn new(most: usize) -> Self {
        Self { patients: LruCache::new(NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN)) }
    }

    /// Puts the patient in. What was refused tells nobody's name.
    pub(crate) fn complete(&mut self, entry: &mut Entry, ask: Option<&Arc<dyn Patients>>) {
        let event = &mut entry.event;
        let concerned = event.what.is_of_a_study() && event.outcome == Outcome::Success;
        if !concerned || event.study.is_empty() {
            return;
        }
        let key = (event.custodian.clone(), event.study.clone());
        match &event.patient {
            // Whoever told knows best.
            Some(told) => drop(self.patients.put(key, told.clone())),
            None => {
                if let Some(known) = self.patients.get(&key) {
                    event.patient = Some(known.clone());
                    return;
                }
                let custodian = (!event.custodian.is_empty()).then_some(event.custodian.as_str());
                event.patient = ask.and_then(|ask| ask.of(&event.study, custodian));
                if let Some(found) = &event.patient {
                    self.patients.put(key, found.clone());
                }
            }
        }
    }
}
