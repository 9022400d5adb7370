//! Whose study it is: asked of whoever keeps the studies, and remembered.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use audit::{Change, Entry, Outcome, Patient, What};
use lru::LruCache;

/// Knows whose studies are.
pub trait Patients: Send + Sync {
    /// The patient of a custodian's study; of any custodian's when none is given. It may block.
    fn of(&self, study: &str, custodian: Option<&str>) -> Option<Patient>;
}

/// By custodian and study.
type Remembered = LruCache<(String, String), Patient>;

/// Asks, and remembers what it was told last.
pub(crate) struct Known {
    pub(crate) ask: OnceLock<Arc<dyn Patients>>,
    remembered: Mutex<Remembered>,
}

impl Known {
    pub(crate) fn new(most: usize) -> Self {
        let remembered = LruCache::new(NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN));
        Self { ask: OnceLock::new(), remembered: Mutex::new(remembered) }
    }

    /// What is about to be deleted can be asked no more.
    pub(crate) fn remember(&self, study: &str, custodian: &str, patient: &Patient) {
        self.lock().put((custodian.to_owned(), study.to_owned()), patient.clone());
    }

    /// Puts the patient in. What was refused tells nobody's name.
    pub(crate) fn complete(&self, entry: &mut Entry) {
        let event = &mut entry.event;
        let concerned = event.what.is_of_a_study() && event.outcome == Outcome::Success;
        if !concerned || event.study.is_empty() || event.patient.is_some() {
            return;
        }
        let key = (event.custodian.clone(), event.study.clone());
        // What comes may be the first of a study that was deleted, under another Patient ID.
        if matches!(event.what, What::Store(Change::New | Change::Altered)) {
            self.lock().pop(&key);
        }
        event.patient = self.lock().get(&key).cloned();
        if event.patient.is_some() {
            return;
        }
        let custodian = (!event.custodian.is_empty()).then_some(event.custodian.as_str());
        let found = self.ask.get().and_then(|ask| ask.of(&event.study, custodian));
        match found {
            Some(found) => {
                self.lock().put(key, found.clone());
                event.patient = Some(found);
            }
            // It was deleted meanwhile, and remembered before.
            None => event.patient = self.lock().get(&key).cloned(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
