//! What a request did, told to the audit once, however it ends.
//!
//! A [`Trace`] begins when it is known who asks. Handlers note what they give and keep; [`Trace::end`] tells it before
//! the answer begins, and a request whose client went away is told as it stood then.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use access::{CustodianId, Principal};
use archive::{Group, InstanceRecord, Outcome as Kept, Stored};
use audit::{Change, Event, Outcome, Patient, Recorder, What, Who};
use dicomweb::query::Level;
use dicomweb::url::Path;
use http::{Method, StatusCode};
use model::StudyUid;

use crate::authenticate::Unauthenticated;

/// What a request is for.
pub(crate) struct Subject {
    what: What,
    service: &'static str,
    study: Option<StudyUid>,
}

impl Subject {
    /// What this method does to what this path names; `None` for what does nothing.
    pub(crate) fn of(method: &Method, path: &Path) -> Option<Self> {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let subject = |what, service, study| Some(Self { what, service, study });
        match path {
            _ if *method == Method::POST && path.store().is_some() => {
                subject(What::Store(Change::New), "STOW-RS", path.store().flatten())
            }
            Path::Retrieve(place) if *method == Method::DELETE => {
                subject(What::Delete, "DICOMweb DELETE", Some(place.study))
            }
            Path::Commitment(_) if reads || *method == Method::POST => {
                subject(What::Query, "Storage Commitment", None)
            }
            Path::Search { level, study, .. } if reads => {
                let service = match level {
                    Level::Study => "QIDO-RS studies",
                    Level::Series => "QIDO-RS series",
                    Level::Instance => "QIDO-RS instances",
                };
                subject(What::Query, service, *study)
            }
            Path::Retrieve(place) if reads => subject(What::Retrieve, "WADO-RS instances", Some(place.study)),
            Path::Frames(place, _) if reads => subject(What::Retrieve, "WADO-RS frames", Some(place.study)),
            Path::Bulk(place, _) | Path::AllBulk(place) | Path::PixelData(place) if reads => {
                subject(What::Retrieve, "WADO-RS bulk data", Some(place.study))
            }
            Path::Metadata(place) if reads => subject(What::View, "WADO-RS metadata", Some(place.study)),
            Path::Rendered(place, _) if reads => subject(What::View, "WADO-RS rendered", Some(place.study)),
            Path::Thumbnail(place, _) if reads => subject(What::View, "WADO-RS thumbnail", Some(place.study)),
            _ => None,
        }
    }

    /// A ZIP of instances.
    pub(crate) fn zip() -> Self {
        Self { what: What::Store(Change::New), service: "ZIP upload", study: None }
    }

    /// WADO-URI, before its query is read.
    pub(crate) fn uri() -> Self {
        Self { what: What::Retrieve, service: "WADO-URI", study: None }
    }
}

/// What is told of a request.
pub(crate) struct Trace {
    recorder: Arc<dyn Recorder>,
    told: Mutex<Told>,
}

struct Told {
    event: Event,
    /// What was kept of each study: instances by SOP class.
    kept: BTreeMap<(String, Change), BTreeMap<String, u64>>,
    not_kept: u64,
    /// It was not kept because of us.
    ours: bool,
    /// Nothing is to be told, or it was.
    over: bool,
}

impl Trace {
    /// A trace of what `who` asks; of nothing without a subject.
    pub(crate) fn new(recorder: &Arc<dyn Recorder>, who: Who, subject: Option<Subject>, query: &str) -> Self {
        let over = subject.is_none();
        let subject = subject.unwrap_or_else(Subject::uri);
        let mut event = Event::new(subject.what, who, subject.service);
        event.study = subject.study.map(|study| study.to_string()).unwrap_or_default();
        if subject.what == What::Query {
            event.query = query.to_owned();
        }
        let told = Told { event, kept: BTreeMap::new(), not_kept: 0, ours: false, over };
        Self { recorder: Arc::clone(recorder), told: Mutex::new(told) }
    }

    /// What is known only later: what is done, and to which study.
    pub(crate) fn is_about(&self, what: What, study: &StudyUid) {
        let mut told = self.lock();
        (told.event.what, told.event.study) = (what, study.to_string());
    }

    /// An instance that is given.
    pub(crate) fn gives(&self, record: &InstanceRecord) {
        self.gives_some(&record.custodian, record.sop_class.as_str(), 1);
    }

    /// Instances that are given.
    pub(crate) fn gives_group(&self, group: &Group) {
        self.gives_some(&group.custodian, group.sop_class.as_str(), group.instances);
    }

    fn gives_some(&self, custodian: &CustodianId, class: &str, instances: u64) {
        let mut told = self.lock();
        if told.event.custodian.is_empty() {
            custodian.as_str().clone_into(&mut told.event.custodian);
        }
        count(&mut told.event.classes, class, instances);
    }

    /// What was noted is given in another way, which notes it itself.
    pub(crate) fn begins_anew(&self) {
        self.lock().event.classes.clear();
    }

    /// Whose study it is that is about to go.
    pub(crate) fn is_of(&self, patient: Option<Patient>) {
        let mut told = self.lock();
        if let Some(patient) = &patient {
            self.recorder.remember(&told.event.study, &told.event.custodian, patient);
        }
        told.event.patient = patient;
    }

    /// In words.
    pub(crate) fn because(&self, reason: &str) {
        reason.clone_into(&mut self.lock().event.detail);
    }

    /// An instance that is kept.
    pub(crate) fn keeps(&self, stored: &Stored, who: &Principal) {
        let change = match stored.outcome() {
            Kept::New => Change::New,
            Kept::Same => Change::Held,
            Kept::NewVersion(_) => Change::Altered,
        };
        let mut told = self.lock();
        who.custodian().as_str().clone_into(&mut told.event.custodian);
        let of_study = told.kept.entry((stored.study().to_string(), change)).or_default();
        count(of_study, stored.sop_class().as_str(), 1);
    }

    /// An instance that is not kept, and whether that is our fault.
    pub(crate) fn refuses(&self, ours: bool) {
        let mut told = self.lock();
        told.not_kept += 1;
        told.ours |= ours;
    }

    /// Tells how it ended.
    pub(crate) fn end(&self, status: StatusCode) {
        let outcome = match status.as_u16() {
            ..400 => Outcome::Success,
            403 | 500.. => Outcome::Serious,
            400.. => Outcome::Minor,
        };
        let mut told = self.lock();
        if status == StatusCode::FORBIDDEN {
            told.event.what = What::Restricted;
        }
        told.tell(self.recorder.as_ref(), outcome);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let mut told = self.lock();
        if !told.over {
            told.event.detail = "the client went away before it was answered".to_owned();
            told.tell(self.recorder.as_ref(), Outcome::Minor);
        }
    }
}

impl Told {
    fn tell(&mut self, recorder: &dyn Recorder, outcome: Outcome) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let some = !self.kept.is_empty() || self.not_kept > 0;
        // What went well and what did not are messages of their own (AUD-004), and so is each study (AUD-003).
        for ((study, change), classes) in std::mem::take(&mut self.kept) {
            let what = What::Store(change);
            recorder.record(Event { what, study, classes, outcome: Outcome::Success, ..self.event.clone() });
        }
        if some && self.not_kept == 0 && matches!(self.event.what, What::Store(_)) {
            return;
        }
        let mut event = self.event.clone();
        event.outcome = outcome;
        if self.not_kept > 0 {
            event.outcome = if self.ours { Outcome::Serious } else { Outcome::Minor };
            event.detail = format!("{} instances were not kept", self.not_kept);
        }
        recorder.record(event);
    }
}

/// Whoever could not be recognised.
pub(crate) fn unrecognised(why: &Unauthenticated, who: Who) -> Event {
    let outcome = if *why == Unauthenticated::Missing { Outcome::Minor } else { Outcome::Serious };
    let detail = match why {
        Unauthenticated::Missing => "no credentials".to_owned(),
        Unauthenticated::Invalid | Unauthenticated::Ambiguous => "the credentials are not valid".to_owned(),
        Unauthenticated::Refused { why, whose } => format!("{why}: {whose}"),
        Unauthenticated::Unavailable => why.to_string(),
    };
    Event { outcome, detail, ..Event::new(What::Login, who, "HTTP") }
}

/// A TLS handshake failed (TLS-007).
pub(crate) fn no_tls(peer: SocketAddr, why: &str) -> Event {
    let (who, detail) = (Who::nobody(&address(peer)), format!("a TLS handshake failed: {why}"));
    Event { outcome: Outcome::Serious, detail, ..Event::new(What::NodeAuthentication, who, "HTTPS") }
}

/// Somebody asked for what he may not have.
pub(crate) fn restricted(who: Who, service: &str) -> Event {
    Event { outcome: Outcome::Serious, ..Event::new(What::Restricted, who, service) }
}

fn address(address: SocketAddr) -> String {
    address.ip().to_canonical().to_string()
}

fn count(classes: &mut BTreeMap<String, u64>, class: &str, instances: u64) {
    match classes.get_mut(class) {
        Some(count) => *count += instances,
        None => drop(classes.insert(class.to_owned(), instances)),
    }
}
