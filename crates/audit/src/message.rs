//! An entry as PS3.15 A.5.3 wants it, before it is written in one form or the other.

use crate::codes::{self, Code};
use crate::{Change, Entry, Outcome, What};

/// Who sends the messages: the same in each (AuditSourceIdentification, and our own participant).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// AuditSourceID: this server's name, a host name most of the time.
    pub id: String,
    /// AuditEnterpriseSiteID; empty when there is none.
    pub site: String,
    /// Our AE title.
    pub aet: String,
}

/// A message (PS3.15 A.5.1).
pub(crate) struct Message {
    pub(crate) id: Code,
    pub(crate) kind: Option<Code>,
    /// C, R, U, D or E.
    pub(crate) action: char,
    pub(crate) participants: Vec<Participant>,
    pub(crate) objects: Vec<Object>,
}

/// ActiveParticipant.
pub(crate) struct Participant {
    pub(crate) user_id: String,
    /// AlternativeUserID: `AETITLES=…` of a DICOM application (AUD-016).
    pub(crate) alternative: String,
    pub(crate) name: String,
    pub(crate) requestor: bool,
    /// NetworkAccessPointID and its type: 1 a name, 2 an address.
    pub(crate) network: Option<(String, u8)>,
    pub(crate) role: Option<Code>,
    pub(crate) part: Part,
}

/// Which part a participant has, for forms that tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    User,
    Server,
    Other,
}

/// ParticipantObjectIdentification.
pub(crate) struct Object {
    pub(crate) id: String,
    /// 1 person, 2 system object.
    pub(crate) kind: u8,
    /// 1 patient, 3 report, 13 security resource, 24 query.
    pub(crate) role: u8,
    pub(crate) life_cycle: Option<u8>,
    pub(crate) id_type: Code,
    pub(crate) content: Content,
    pub(crate) details: Vec<(&'static str, String)>,
    /// SOP classes and how many instances, of a study.
    pub(crate) classes: Vec<(String, u64)>,
}

/// Exactly one of two: ParticipantObjectName or ParticipantObjectQuery.
pub(crate) enum Content {
    Name(String),
    Query(String),
}

/// A study whose UID nobody could tell: what was refused before it was known.
const UNKNOWN: &str = "unknown";

impl Message {
    pub(crate) fn of(entry: &Entry, source: &Source) -> Self {
        let event = &entry.event;
        let (id, kind, action) = identification(event.what, event.outcome);
        let mut message = Self { id, kind, action, participants: Vec::new(), objects: Vec::new() };
        let (of_user, of_us) = roles(event.what);
        let user = user(entry, of_user);
        let us = us(entry, source, of_us);
        use What::*;
        match event.what {
            Start | Stop if event.who.door == "server" => message.participants.push(us),
            Start | Stop => message.participants.extend([us, user]),
            RecordingStarted | RecordingStopped | Configuration | Alarm if event.who.door == "server" => {
                message.participants.push(us);
            }
            _ => message.participants.extend([user, us]),
        }
        if !event.other.is_empty() && matches!(event.what, Export | Import | Share) {
            message.participants.push(other(entry));
        }
        message.objects = objects(entry, source);
        message
    }
}

/// EventID, EventTypeCode and EventActionCode.
fn identification(what: What, outcome: Outcome) -> (Code, Option<Code>, char) {
    use What::*;
    match what {
        Start => (codes::APPLICATION_ACTIVITY, Some(codes::APPLICATION_START), 'E'),
        Stop => (codes::APPLICATION_ACTIVITY, Some(codes::APPLICATION_STOP), 'E'),
        RecordingStarted => (codes::SECURITY_ALERT, Some(codes::RECORDING_STARTED), 'E'),
        RecordingStopped => (codes::SECURITY_ALERT, Some(codes::RECORDING_STOPPED), 'E'),
        Login => (codes::USER_AUTHENTICATION, Some(codes::LOGIN), 'E'),
        Logout => (codes::USER_AUTHENTICATION, Some(codes::LOGOUT), 'E'),
        Query => (codes::QUERY, None, 'E'),
        Retrieve => (codes::INSTANCES_TRANSFERRED, None, 'R'),
        View => (codes::INSTANCES_ACCESSED, None, 'R'),
        // What was not kept changed nothing, so it is no creation.
        Store(Change::New) if outcome == Outcome::Success => (codes::INSTANCES_TRANSFERRED, None, 'C'),
        Store(Change::Altered) if outcome == Outcome::Success => (codes::INSTANCES_TRANSFERRED, None, 'U'),
        Store(_) => (codes::INSTANCES_TRANSFERRED, None, 'R'),
        Import => (codes::IMPORT, None, 'C'),
        Export | Share => (codes::EXPORT, None, 'R'),
        Delete => (codes::STUDY_DELETED, None, 'D'),
        Configuration => (codes::SECURITY_ALERT, Some(codes::SECURITY_CONFIGURATION), 'E'),
        NodeAuthentication => (codes::SECURITY_ALERT, Some(codes::NODE_AUTHENTICATION), 'E'),
        Restricted => (codes::SECURITY_ALERT, Some(codes::RESTRICTED_FUNCTION), 'E'),
        LogUsed => (codes::AUDIT_LOG_USED, None, 'R'),
        Alarm => (codes::SECURITY_ALERT, Some(codes::SOFTWARE_CONFIGURATION), 'E'),
    }
}

/// RoleIDCode of whoever asked, and ours. Bytes go from source to destination (AUD-005, AUD-007).
fn roles(what: What) -> (Option<Code>, Option<Code>) {
    use What::*;
    match what {
        Start | Stop => (Some(codes::LAUNCHER), Some(codes::APPLICATION)),
        Query | Store(_) => (Some(codes::SOURCE), Some(codes::DESTINATION)),
        Retrieve => (Some(codes::DESTINATION), Some(codes::SOURCE)),
        Import => (Some(codes::DESTINATION), None),
        Export | Share => (Some(codes::SOURCE), None),
        _ => (None, None),
    }
}

fn user(entry: &Entry, role: Option<Code>) -> Participant {
    let who = &entry.event.who;
    let is_application = who.door == "aet";
    Participant {
        user_id: who.principal(),
        alternative: if is_application { format!("AETITLES={}", who.name) } else { String::new() },
        name: who.name.clone(),
        requestor: true,
        network: (!who.address.is_empty()).then(|| (who.address.clone(), 2)),
        role,
        part: Part::User,
    }
}

fn us(entry: &Entry, source: &Source, role: Option<Code>) -> Participant {
    Participant {
        user_id: format!("overread-{}", entry.process),
        alternative: format!("AETITLES={}", source.aet),
        name: String::new(),
        requestor: entry.event.who.door == "server",
        network: Some((source.id.clone(), 1)),
        role,
        part: Part::Server,
    }
}

/// To where, or from where: a node, or a medium.
fn other(entry: &Entry) -> Participant {
    let other = &entry.event.other;
    let node = other.split_once('@');
    let role = match (entry.event.what, node) {
        (What::Import, _) => codes::SOURCE_MEDIA,
        (_, Some(_)) => codes::DESTINATION,
        (_, None) => codes::DESTINATION_MEDIA,
    };
    Participant {
        user_id: other.clone(),
        alternative: node.map(|(aet, _)| format!("AETITLES={aet}")).unwrap_or_default(),
        name: String::new(),
        requestor: false,
        network: node.map(|(_, address)| (address.to_owned(), 1)),
        role: Some(role),
        part: Part::Other,
    }
}

fn objects(entry: &Entry, source: &Source) -> Vec<Object> {
    let event = &entry.event;
    use What::*;
    match event.what {
        Query => vec![Object {
            id: codes::STUDY_ROOT_FIND.to_owned(),
            kind: 2,
            role: 3,
            life_cycle: None,
            id_type: codes::SOP_CLASS_UID,
            content: Content::Query(event.query.clone()),
            details: details(entry),
            classes: Vec::new(),
        }],
        LogUsed => vec![Object {
            id: "overread:audit".to_owned(),
            kind: 2,
            role: 13,
            life_cycle: None,
            id_type: codes::URI,
            content: Content::Name("Security Audit Log".to_owned()),
            details: details(entry),
            classes: Vec::new(),
        }],
        RecordingStarted | RecordingStopped | Configuration | NodeAuthentication | Restricted | Alarm => {
            vec![Object {
                id: source.id.clone(),
                kind: 2,
                role: 13,
                life_cycle: None,
                id_type: codes::NODE_ID,
                content: Content::Name(source.id.clone()),
                details: details(entry),
                classes: Vec::new(),
            }]
        }
        // A copy of everything names no study of its own.
        Export if event.study.is_empty() && event.patient.is_none() => Vec::new(),
        what if what.is_of_a_study() => {
            let mut objects = vec![study(entry)];
            objects.extend(event.patient.as_ref().map(|patient| Object {
                id: patient.identifier(),
                kind: 1,
                role: 1,
                life_cycle: None,
                id_type: codes::PATIENT_NUMBER,
                content: Content::Name(patient.name.clone()),
                details: Vec::new(),
                classes: Vec::new(),
            }));
            objects
        }
        _ => Vec::new(),
    }
}

fn study(entry: &Entry) -> Object {
    let event = &entry.event;
    let uid = if event.study.is_empty() { UNKNOWN } else { &event.study };
    let life_cycle = match event.what {
        What::Store(_) => 1,
        What::Import => 2,
        What::Export => 10,
        What::Share => 11,
        What::Delete => 15,
        _ => 6,
    };
    Object {
        id: uid.to_owned(),
        kind: 2,
        role: 3,
        life_cycle: Some(life_cycle),
        id_type: codes::STUDY_INSTANCE_UID,
        content: Content::Name(uid.to_owned()),
        details: details(entry),
        classes: event.classes.iter().map(|(class, count)| (class.clone(), *count)).collect(),
    }
}

/// What the Standard has no place for.
fn details(entry: &Entry) -> Vec<(&'static str, String)> {
    let event = &entry.event;
    let what = if event.what.is_of_a_study() { "Reason" } else { "Alert Description" };
    let mut details = vec![("Service", event.service.clone())];
    details.extend((!event.custodian.is_empty()).then(|| ("Custodian", event.custodian.clone())));
    details.extend((!event.detail.is_empty()).then(|| (what, event.detail.clone())));
    let request = &event.who.request;
    details.extend((!request.is_empty()).then(|| ("X-Request-Id", request.clone())));
    details.extend((entry.times > 1).then(|| ("Accesses", entry.times.to_string())));
    details.extend(entry.until.map(|until| ("Last Access", moment(until))));
    details
}

/// Milliseconds of Unix time as date and time with zone (AUD-002).
pub fn moment(at: i64) -> String {
    use time::OffsetDateTime;
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, clock) = (time.date(), time.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        clock.millisecond()
    )
}
