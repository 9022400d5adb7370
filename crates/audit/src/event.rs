//! What happened, as an edge tells it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One thing that somebody did, or tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What was done.
    pub what: What,
    /// What came of it.
    pub outcome: Outcome,
    /// By whom.
    pub who: Who,
    /// By which service: `WADO-RS frames`, `C-STORE`, `overread backup`.
    pub service: String,
    /// (0020,000D) of the study that it was done to.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub study: String,
    /// Whose holding.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub custodian: String,
    /// Instances by SOP Class UID, as far as they are known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<String, u64>,
    /// Whose study.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<Patient>,
    /// The query as it came: a URL's query string, an identifier.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// The other end, of what goes out or comes in: `PACS@192.0.2.7:104`, a folder.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub other: String,
    /// In words: a reason, what an alert is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Event {
    /// Something that went well.
    pub fn new(what: What, who: Who, service: &str) -> Self {
        Self {
            what,
            outcome: Outcome::Success,
            who,
            service: service.to_owned(),
            study: String::new(),
            custodian: String::new(),
            classes: BTreeMap::new(),
            patient: None,
            query: String::new(),
            other: String::new(),
            detail: String::new(),
        }
    }

    /// Bytes that it holds in memory while it waits, about.
    pub fn weight(&self) -> usize {
        let patient = self.patient.as_ref().map_or(0, |p| p.id.len() + p.issuer.len() + p.name.len());
        let texts = [&self.study, &self.custodian, &self.query, &self.other, &self.detail, &self.who.name];
        512 + patient + 128 * self.classes.len() + texts.map(String::len).iter().sum::<usize>()
    }
}

/// What can be done. PS3.15 A.5.3 has the events that these become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The server, or a command, began.
    Start,
    /// It ended.
    Stop,
    /// Recording began: the first row of every run.
    RecordingStarted,
    /// Recording ended in order: the last row.
    RecordingStopped,
    /// Somebody signed in, or failed to.
    Login,
    /// Somebody signed out.
    Logout,
    /// A search, or another question about what is held.
    Query,
    /// Instances, frames or long values went to whoever asked.
    Retrieve,
    /// Attributes or pictures of instances were looked at.
    View,
    /// Instances came in over the network.
    Store(Change),
    /// Instances came in from files on this machine.
    Import,
    /// Instances were sent away, or copied onto a medium.
    Export,
    /// A study was shared, or a share ended or was opened.
    Share,
    /// Instances were deleted.
    Delete,
    /// The configuration, or what somebody may do, was changed.
    Configuration,
    /// A node failed to prove who it is.
    NodeAuthentication,
    /// Somebody tried what they may not do.
    Restricted,
    /// The trail itself was read.
    LogUsed,
    /// Something is wrong with the trail or the server's security.
    Alarm,
}

/// What a store changed (AUD-006).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The instances are new here.
    New,
    /// They were held already, or nothing was kept.
    Held,
    /// Other bytes were held under their UIDs.
    Altered,
}

impl What {
    /// One word, for reading and choosing.
    pub fn name(self) -> &'static str {
        match self {
            What::Start => "start",
            What::Stop => "stop",
            What::RecordingStarted => "recording-started",
            What::RecordingStopped => "recording-stopped",
            What::Login => "login",
            What::Logout => "logout",
            What::Query => "query",
            What::Retrieve => "retrieve",
            What::View => "view",
            What::Store(_) => "store",
            What::Import => "import",
            What::Export => "export",
            What::Share => "share",
            What::Delete => "delete",
            What::Configuration => "configuration",
            What::NodeAuthentication => "node-authentication",
            What::Restricted => "restricted",
            What::LogUsed => "log-used",
            What::Alarm => "alarm",
        }
    }

    /// Whether it concerns a study, and so a patient.
    pub fn is_of_a_study(self) -> bool {
        use What::*;
        matches!(self, Retrieve | View | Store(_) | Import | Export | Share | Delete)
    }
}

/// EventOutcomeIndicator (PS3.15 A.5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// 0: done.
    #[default]
    Success,
    /// 4: not done; nothing is wrong here.
    Minor,
    /// 8: refused, or not done because something is wrong here.
    Serious,
    /// 12: something cannot be used any more.
    Major,
}

impl Outcome {
    /// The Standard's number.
    pub fn code(self) -> u8 {
        match self {
            Outcome::Success => 0,
            Outcome::Minor => 4,
            Outcome::Serious => 8,
            Outcome::Major => 12,
        }
    }
}

/// On whose behalf, through which door, and from where. No secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Who {
    /// Through which door: `token`, `aet`, `console`; `nobody` where nobody was recognised, `server` for itself.
    pub door: String,
    /// Its name at that door.
    pub name: String,
    /// The network address it came from; empty on this machine itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// What its request was called ([`crate::RequestId`]); of several that became one row, the first.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request: String,
}

impl Who {
    /// Somebody who was recognised.
    pub fn new(door: &str, name: &str, address: &str) -> Self {
        Self {
            door: door.to_owned(),
            name: name.to_owned(),
            address: address.to_owned(),
            request: String::new(),
        }
    }

    /// Somebody who was not.
    pub fn nobody(address: &str) -> Self {
        Self::new("nobody", "nobody", address)
    }

    /// The server itself.
    pub fn server() -> Self {
        Self::new("server", "overread", "")
    }

    /// Whoever works on the machine itself.
    pub fn console() -> Self {
        Self::new("console", "console", "")
    }

    /// Asking by this request.
    pub fn by(self, request: &crate::RequestId) -> Self {
        Self { request: request.to_string(), ..self }
    }

    /// `door:name`, by which rows are found.
    pub fn principal(&self) -> String {
        format!("{}:{}", self.door, self.name)
    }
}

/// Whose study it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patient {
    /// (0010,0020).
    pub id: String,
    /// (0010,0021).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub issuer: String,
    /// (0010,0010).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl Patient {
    /// Out of a study as a search gives it: DICOM JSON (PS3.18 F). `None` where it has no Patient ID.
    pub fn read(json: &[u8]) -> Option<Self> {
        // A bare control character is no JSON: it stands for an address that only an edge knows.
        let json: Vec<u8> = json.iter().copied().filter(|byte| *byte >= b' ').collect();
        let study: serde_json::Value = serde_json::from_slice(&json).ok()?;
        let first = |tag: &str| study.get(tag)?.get("Value")?.get(0).cloned();
        let text =
            |tag: &str| first(tag).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        let name = first("00100010").unwrap_or_default();
        let name =
            ["Alphabetic", "Ideographic", "Phonetic"].iter().find_map(|group| name.get(group)?.as_str());
        let patient = Self {
            id: text("00100020"),
            issuer: text("00100021"),
            name: name.unwrap_or_default().to_owned(),
        };
        (!patient.id.is_empty()).then_some(patient)
    }

    /// As in CX form (HL7): `ID^^^ISSUER`, with an issuer that is an OID as `ID^^^&OID&ISO`.
    pub fn identifier(&self) -> String {
        let is_oid =
            self.issuer.contains('.') && self.issuer.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match (self.issuer.as_str(), is_oid) {
            ("", _) => self.id.clone(),
            (issuer, true) => format!("{}^^^&{issuer}&ISO", self.id),
            (issuer, false) => format!("{}^^^{issuer}", self.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patients() {
        let read = |json: &str| Patient::read(json.as_bytes());
        let whole = r#"{"00100020":{"vr":"LO","Value":["P1"]},"00100021":{"vr":"LO","Value":["1.2.9"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"DOE^JANE"}]}}"#;
        let patient = read(whole).unwrap();
        assert_eq!((patient.name.as_str(), patient.identifier().as_str()), ("DOE^JANE", "P1^^^&1.2.9&ISO"));
        let bare = read(r#"{"00100020":{"vr":"LO","Value":["P1"]},"00100010":{"vr":"PN"}}"#).unwrap();
        assert_eq!((bare.name.as_str(), bare.identifier().as_str()), ("", "P1"));
        let named = Patient { id: "P1".into(), issuer: "CLINIC".into(), name: String::new() };
        assert_eq!(named.identifier(), "P1^^^CLINIC");
        let marked = read(
            "{\"00081190\":{\"vr\":\"UR\",\"Value\":[\"\u{1}studies/1\"]},\"00100020\":{\"Value\":[\"P1\"]}}",
        );
        assert_eq!(marked.unwrap().id, "P1");
        assert_eq!(read(r#"{"00100020":{"vr":"LO"}}"#), None);
        assert_eq!(read("["), None);
    }
}
