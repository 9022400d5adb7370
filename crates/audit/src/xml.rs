//! DICOM Audit Message (PS3.15 A.5.1): one element on one line, its parts in the schema's order, no namespace.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::codes::Code;
use crate::message::{Content, Message, Object, Participant, moment};
use crate::text::clean;
use crate::{Entry, Outcome, Source};

/// AuditSourceTypeCode of an application server.
const APPLICATION_SERVER: &str = "4";

/// An entry as an audit message.
pub fn write(entry: &Entry, source: &Source) -> String {
    let message = Message::of(entry, source);
    let mut out = String::with_capacity(2_048);
    out.push_str("<AuditMessage>");
    identification(&mut out, &message, entry);
    message.participants.iter().for_each(|one| participant(&mut out, one));
    out.push_str("<AuditSourceIdentification");
    attribute_unless_empty(&mut out, "AuditEnterpriseSiteID", &source.site);
    attribute(&mut out, "AuditSourceID", &source.id);
    let _ =
        write!(out, "><AuditSourceTypeCode csd-code=\"{APPLICATION_SERVER}\"/></AuditSourceIdentification>");
    message.objects.iter().for_each(|one| object(&mut out, one));
    out.push_str("</AuditMessage>");
    out
}

fn identification(out: &mut String, message: &Message, entry: &Entry) {
    out.push_str("<EventIdentification");
    attribute(out, "EventActionCode", message.action.encode_utf8(&mut [0; 4]));
    attribute(out, "EventDateTime", &moment(entry.at));
    attribute(out, "EventOutcomeIndicator", &entry.event.outcome.code().to_string());
    out.push('>');
    code(out, "EventID", message.id);
    if let Some(kind) = message.kind {
        code(out, "EventTypeCode", kind);
    }
    if entry.event.outcome != Outcome::Success && !entry.event.detail.is_empty() {
        element(out, "EventOutcomeDescription", &entry.event.detail);
    }
    out.push_str("</EventIdentification>");
}

fn participant(out: &mut String, one: &Participant) {
    out.push_str("<ActiveParticipant");
    attribute(out, "UserID", &one.user_id);
    attribute_unless_empty(out, "AlternativeUserID", &one.alternative);
    attribute_unless_empty(out, "UserName", &one.name);
    attribute(out, "UserIsRequestor", if one.requestor { "true" } else { "false" });
    if let Some((id, kind)) = &one.network {
        attribute(out, "NetworkAccessPointID", id);
        attribute(out, "NetworkAccessPointTypeCode", &kind.to_string());
    }
    match one.role {
        None => out.push_str("/>"),
        Some(role) => {
            out.push('>');
            code(out, "RoleIDCode", role);
            out.push_str("</ActiveParticipant>");
        }
    }
}

fn object(out: &mut String, one: &Object) {
    out.push_str("<ParticipantObjectIdentification");
    attribute(out, "ParticipantObjectID", &one.id);
    attribute(out, "ParticipantObjectTypeCode", &one.kind.to_string());
    attribute(out, "ParticipantObjectTypeCodeRole", &one.role.to_string());
    if let Some(life_cycle) = one.life_cycle {
        attribute(out, "ParticipantObjectDataLifeCycle", &life_cycle.to_string());
    }
    out.push('>');
    code(out, "ParticipantObjectIDTypeCode", one.id_type);
    match &one.content {
        Content::Name(name) => element(out, "ParticipantObjectName", name),
        Content::Query(query) => element(out, "ParticipantObjectQuery", &STANDARD.encode(query)),
    }
    for (kind, value) in &one.details {
        out.push_str("<ParticipantObjectDetail");
        attribute(out, "type", kind);
        attribute(out, "value", &STANDARD.encode(value));
        out.push_str("/>");
    }
    if !one.classes.is_empty() {
        out.push_str("<ParticipantObjectDescription>");
        for (class, count) in &one.classes {
            out.push_str("<SOPClass");
            attribute(out, "UID", class);
            attribute(out, "NumberOfInstances", &count.to_string());
            out.push_str("/>");
        }
        out.push_str("</ParticipantObjectDescription>");
    }
    out.push_str("</ParticipantObjectIdentification>");
}

fn code(out: &mut String, name: &str, code: Code) {
    let _ = write!(out, "<{name}");
    attribute(out, "csd-code", code.value);
    attribute(out, "codeSystemName", code.system);
    attribute(out, "originalText", code.meaning);
    out.push_str("/>");
}

fn element(out: &mut String, name: &str, text: &str) {
    let _ = write!(out, "<{name}>");
    escaped(out, text);
    let _ = write!(out, "</{name}>");
}

fn attribute_unless_empty(out: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        attribute(out, name, value);
    }
}

fn attribute(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, " {name}=\"");
    escaped(out, value);
    out.push('"');
}

fn escaped(out: &mut String, text: &str) {
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Change, Event, Patient, What, Who};

    fn source() -> Source {
        Source { id: "gw.example".into(), site: "site-a".into(), aet: "OVERREAD".into() }
    }

    fn xml(what: What, change: impl FnOnce(&mut Event)) -> String {
        let mut event = Event::new(what, Who::new("token", "reader", "203.0.113.7"), "test");
        change(&mut event);
        write(&Entry::new(1_768_465_800_125, 4711, event), &source())
    }

    /// AUD-001, AUD-002: the digest's sample, but for what is ours.
    #[test]
    fn the_sample() {
        let text = xml(What::View, |event| {
            event.study = "1.2.3".into();
            event.classes.insert("1.2.840.10008.5.1.4.1.1.2".into(), 120);
            event.patient =
                Some(Patient { id: "12345".into(), issuer: "1.2.9".into(), name: "DOE^JANE".into() });
        });
        let service = STANDARD.encode("test");
        assert_eq!(
            text,
            format!(
                "<AuditMessage><EventIdentification EventActionCode=\"R\" EventDateTime=\"2026-01-15T08:30:00.125Z\" \
                 EventOutcomeIndicator=\"0\"><EventID csd-code=\"110103\" codeSystemName=\"DCM\" originalText=\"DICOM \
                 Instances Accessed\"/></EventIdentification><ActiveParticipant UserID=\"token:reader\" \
                 UserName=\"reader\" UserIsRequestor=\"true\" NetworkAccessPointID=\"203.0.113.7\" \
                 NetworkAccessPointTypeCode=\"2\"/><ActiveParticipant UserID=\"overread-4711\" \
                 AlternativeUserID=\"AETITLES=OVERREAD\" UserIsRequestor=\"false\" NetworkAccessPointID=\"gw.example\" \
                 NetworkAccessPointTypeCode=\"1\"/><AuditSourceIdentification AuditEnterpriseSiteID=\"site-a\" \
                 AuditSourceID=\"gw.example\"><AuditSourceTypeCode csd-code=\"4\"/></AuditSourceIdentification>\
                 <ParticipantObjectIdentification ParticipantObjectID=\"1.2.3\" ParticipantObjectTypeCode=\"2\" \
                 ParticipantObjectTypeCodeRole=\"3\" ParticipantObjectDataLifeCycle=\"6\">\
                 <ParticipantObjectIDTypeCode csd-code=\"110180\" codeSystemName=\"DCM\" originalText=\"Study Instance \
                 UID\"/><ParticipantObjectName>1.2.3</ParticipantObjectName><ParticipantObjectDetail type=\"Service\" \
                 value=\"{service}\"/><ParticipantObjectDescription><SOPClass UID=\"1.2.840.10008.5.1.4.1.1.2\" \
                 NumberOfInstances=\"120\"/></ParticipantObjectDescription></ParticipantObjectIdentification>\
                 <ParticipantObjectIdentification ParticipantObjectID=\"12345^^^&amp;1.2.9&amp;ISO\" \
                 ParticipantObjectTypeCode=\"1\" ParticipantObjectTypeCodeRole=\"1\"><ParticipantObjectIDTypeCode \
                 csd-code=\"2\" codeSystemName=\"RFC-3881\" originalText=\"Patient Number\"/>\
                 <ParticipantObjectName>DOE^JANE</ParticipantObjectName></ParticipantObjectIdentification>\
                 </AuditMessage>"
            )
        );
    }

    /// AUD-005 to AUD-016: identification, and the roles of whoever asked and of ourselves.
    #[test]
    fn events_and_roles() {
        const NEW: What = What::Store(Change::New);
        let (source, destination) = ("110153", "110152");
        for (what, outcome, id, kind, action, roles) in [
            (NEW, Outcome::Success, "110104", "", 'C', vec![source, destination]),
            (What::Store(Change::Held), Outcome::Success, "110104", "", 'R', vec![source, destination]),
            (What::Store(Change::Altered), Outcome::Success, "110104", "", 'U', vec![source, destination]),
            (NEW, Outcome::Minor, "110104", "", 'R', vec![source, destination]),
            (What::Retrieve, Outcome::Success, "110104", "", 'R', vec![destination, source]),
            (What::View, Outcome::Success, "110103", "", 'R', vec![]),
            (What::Query, Outcome::Success, "110112", "", 'E', vec![source, destination]),
            (What::Login, Outcome::Success, "110114", "110122", 'E', vec![]),
            (What::Login, Outcome::Minor, "110114", "110122", 'E', vec![]),
            (What::Login, Outcome::Serious, "110114", "110122", 'E', vec![]),
            (What::Logout, Outcome::Success, "110114", "110123", 'E', vec![]),
            (What::Start, Outcome::Success, "110100", "110120", 'E', vec!["110150", "110151"]),
            (What::Stop, Outcome::Success, "110100", "110121", 'E', vec!["110150", "110151"]),
            (What::Delete, Outcome::Success, "110105", "", 'D', vec![]),
            (What::Export, Outcome::Success, "110106", "", 'R', vec![source]),
            (What::Share, Outcome::Success, "110106", "", 'R', vec![source]),
            (What::Import, Outcome::Success, "110107", "", 'C', vec![destination]),
            (What::NodeAuthentication, Outcome::Serious, "110113", "110126", 'E', vec![]),
            (What::Configuration, Outcome::Success, "110113", "110129", 'E', vec![]),
            (What::Restricted, Outcome::Serious, "110113", "110132", 'E', vec![]),
            (What::RecordingStopped, Outcome::Success, "110113", "110133", 'E', vec![]),
            (What::RecordingStarted, Outcome::Success, "110113", "110134", 'E', vec![]),
            (What::LogUsed, Outcome::Success, "110101", "", 'R', vec![]),
        ] {
            let text = xml(what, |event| event.outcome = outcome);
            assert!(text.contains(&format!("EventActionCode=\"{action}\"")), "{what:?} {text}");
            assert!(
                text.contains(&format!("EventOutcomeIndicator=\"{}\"", outcome.code())),
                "{what:?} {text}"
            );
            let codes = |element: &str| -> Vec<String> {
                let opening = format!("<{element} csd-code=\"");
                text.split(opening.as_str()).skip(1).map(|rest| rest[..6].to_owned()).collect()
            };
            assert_eq!(codes("EventID"), [id], "{what:?}");
            assert_eq!(codes("EventTypeCode").join(""), kind, "{what:?}");
            assert_eq!(codes("RoleIDCode"), roles, "{what:?}");
        }
    }

    /// AUD-009, AUD-013, AUD-016.
    #[test]
    fn what_is_said_of_others() {
        let query = xml(What::Query, |event| event.query = "PatientName=DOE*".into());
        let encoded = STANDARD.encode("PatientName=DOE*");
        assert!(
            query.contains(&format!("<ParticipantObjectQuery>{encoded}</ParticipantObjectQuery>")),
            "{query}"
        );
        assert!(!query.contains("ParticipantObjectName"), "name or query, never both");
        let sent = xml(What::Export, |event| {
            event.study = "1.2".into();
            event.other = "PACS@192.0.2.7:104".into();
        });
        assert!(sent.contains("UserID=\"PACS@192.0.2.7:104\" AlternativeUserID=\"AETITLES=PACS\""), "{sent}");
        let copied = xml(What::Export, |event| event.other = "/backup".into());
        assert!(
            copied.contains("UserID=\"/backup\" UserIsRequestor=\"false\"><RoleIDCode csd-code=\"110154\"")
        );
        let stored = xml(What::Store(Change::New), |event| event.who = Who::new("aet", "CT1", "192.0.2.7"));
        assert!(stored.contains("UserID=\"aet:CT1\" AlternativeUserID=\"AETITLES=CT1\""), "{stored}");
    }

    #[test]
    fn nothing_breaks_out_of_its_place() {
        let text = xml(What::Delete, |event| {
            event.study = "1\"><x a='".into();
            event.detail = "]]>\n<AuditMessage>&\0".into();
            event.who.name = "a\"\u{1b}<".into();
        });
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut depth = 0;
        loop {
            match reader.read_event().expect("well-formed") {
                quick_xml::events::Event::Start(_) => depth += 1,
                quick_xml::events::Event::End(_) => depth -= 1,
                quick_xml::events::Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(depth, 0);
        assert_eq!(text.matches("<AuditMessage>").count(), 1);
        assert!(!text.contains(char::is_control));
    }
}
