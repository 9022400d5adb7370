//! AuditEvent (FHIR R4) after IHE BALP: the same message, with the client, the server and the user as agents.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::codes::{self, Code};
use crate::message::{Content, Message, Object, Part, Participant, moment};
use crate::{Entry, Outcome, Source, What};

/// An entry as a resource.
pub fn write(entry: &Entry, source: &Source) -> Value {
    let message = Message::of(entry, source);
    let mut resource = json!({
        "resourceType": "AuditEvent",
        "type": coding(message.id),
        "action": message.action.to_string(),
        "recorded": moment(entry.at),
        "outcome": entry.event.outcome.code().to_string(),
        "agent": agents(entry, &message),
        "source": observer(source),
    });
    let subtypes: Vec<Value> =
        message.kind.map(coding).into_iter().chain(interaction(entry.event.what)).collect();
    if let Value::Object(members) = &mut resource {
        if !subtypes.is_empty() {
            members.insert("subtype".into(), subtypes.into());
        }
        if entry.event.outcome != Outcome::Success && !entry.event.detail.is_empty() {
            members.insert("outcomeDesc".into(), entry.event.detail.clone().into());
        }
        let entities: Vec<Value> = message.objects.iter().map(entity).chain(transaction(entry)).collect();
        if !entities.is_empty() {
            members.insert("entity".into(), entities.into());
        }
    }
    resource
}

/// BALP's patterns for what goes over HTTP.
fn interaction(what: What) -> Option<Value> {
    let code = match what {
        What::Query => "search",
        What::Retrieve | What::View => "read",
        What::Store(_) => "create",
        What::Delete => "delete",
        _ => return None,
    };
    Some(json!({ "system": "http://hl7.org/fhir/restful-interaction", "code": code }))
}

fn agents(entry: &Entry, message: &Message) -> Vec<Value> {
    let mut agents = Vec::new();
    for one in &message.participants {
        match one.part {
            Part::Server | Part::Other => agents.push(agent(one, role_of(one, entry.event.what))),
            Part::User => {
                // The machine that asked, and on whose behalf.
                if let Some((address, _)) = &one.network {
                    let client = Participant {
                        user_id: address.clone(),
                        alternative: one.alternative.clone(),
                        name: String::new(),
                        requestor: false,
                        network: one.network.clone(),
                        role: one.role,
                        part: Part::Other,
                    };
                    agents.push(agent(&client, role_of(one, entry.event.what)));
                }
                let user = json!({
                    "type": concept(json!({
                        "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
                        "code": "IRCP",
                        "display": "information recipient",
                    })),
                    "who": { "identifier": { "value": one.user_id } },
                    "name": one.name,
                    "requestor": true,
                });
                agents.push(user);
            }
        }
    }
    agents
}

/// The participant's role; where a message has none, BALP still tells who gave and who took (AUD-020).
fn role_of(one: &Participant, what: What) -> Option<Value> {
    let role = one.role.or(match (what, one.part) {
        (What::View, Part::User) => Some(codes::DESTINATION),
        (What::View, Part::Server) => Some(codes::SOURCE),
        (What::Delete, Part::User) => Some(codes::APPLICATION),
        _ => None,
    });
    match (what, one.part) {
        (What::Delete, Part::Server) => Some(json!({
            "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
            "code": "custodian",
            "display": "Custodian",
        })),
        _ => role.map(coding),
    }
}

fn agent(one: &Participant, role: Option<Value>) -> Value {
    let mut agent = Map::new();
    if let Some(role) = role {
        agent.insert("type".into(), concept(role));
    }
    agent.insert("who".into(), json!({ "identifier": { "value": one.user_id } }));
    if !one.alternative.is_empty() {
        agent.insert("altId".into(), one.alternative.clone().into());
    }
    agent.insert("requestor".into(), one.requestor.into());
    if let Some((address, kind)) = &one.network {
        agent.insert("network".into(), json!({ "address": address, "type": kind.to_string() }));
    }
    Value::Object(agent)
}

fn observer(source: &Source) -> Value {
    let mut observer = json!({
        "observer": { "identifier": { "value": source.id } },
        "type": [{
            "system": "http://terminology.hl7.org/CodeSystem/security-source-type",
            "code": "4",
            "display": "Application Server",
        }],
    });
    if let (Value::Object(members), false) = (&mut observer, source.site.is_empty()) {
        members.insert("site".into(), source.site.clone().into());
    }
    observer
}

/// What the request was called, as an entity of its own (BALP).
fn transaction(entry: &Entry) -> Option<Value> {
    let request = &entry.event.who.request;
    (!request.is_empty()).then(|| {
        json!({
            "what": { "identifier": { "value": request } },
            "type": {
                "system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
                "code": "XrequestId",
            },
        })
    })
}

fn entity(one: &Object) -> Value {
    // BALP gives a query a role of its own.
    let is_query = matches!(one.content, Content::Query(_));
    let role = if is_query { 24 } else { one.role };
    let mut entity = json!({
        "what": { "identifier": { "type": concept(coding(one.id_type)), "value": one.id } },
        "type": { "system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": one.kind.to_string() },
        "role": { "system": "http://terminology.hl7.org/CodeSystem/object-role", "code": role.to_string() },
    });
    let Value::Object(members) = &mut entity else { return entity };
    if let Some(life_cycle) = one.life_cycle {
        let system = "http://terminology.hl7.org/CodeSystem/dicom-audit-lifecycle";
        members.insert("lifecycle".into(), json!({ "system": system, "code": life_cycle.to_string() }));
    }
    match &one.content {
        Content::Name(name) if name.is_empty() => {}
        Content::Name(name) => drop(members.insert("name".into(), name.clone().into())),
        Content::Query(query) => drop(members.insert("query".into(), STANDARD.encode(query).into())),
    }
    let details = one.details.iter().map(|(kind, value)| json!({ "type": kind, "valueString": value }));
    let classes = one
        .classes
        .iter()
        .map(|(class, count)| json!({ "type": "SOPClass", "valueString": format!("{class} {count}") }));
    let details: Vec<Value> = details.chain(classes).collect();
    if !details.is_empty() {
        members.insert("detail".into(), details.into());
    }
    entity
}

fn coding(code: Code) -> Value {
    let system = match code.system {
        "DCM" => "http://dicom.nema.org/resources/ontology/DCM",
        _ => "http://terminology.hl7.org/CodeSystem/rfc-3881",
    };
    json!({ "system": system, "code": code.value, "display": code.meaning })
}

fn concept(coding: Value) -> Value {
    json!({ "coding": [coding] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Change, Event, Patient, Who};

    fn resource(what: What) -> Value {
        let mut event = Event::new(what, Who::new("token", "reader", "203.0.113.7"), "test");
        event.study = "1.2.3".into();
        event.query = "PatientID=1".into();
        event.patient = Some(Patient { id: "P1".into(), issuer: String::new(), name: "DOE^JANE".into() });
        let source = Source { id: "gw".into(), site: String::new(), aet: "OVERREAD".into() };
        write(&Entry::new(1_768_465_800_125, 1, event), &source)
    }

    /// AUD-020: who reads is the destination, who stores or asks the source.
    #[test]
    fn directions() {
        for (what, subtype, client, server) in [
            (What::Retrieve, "read", "110152", "110153"),
            (What::View, "read", "110152", "110153"),
            (What::Query, "search", "110153", "110152"),
            (What::Store(Change::New), "create", "110153", "110152"),
            (What::Delete, "delete", "110150", "custodian"),
        ] {
            let resource = resource(what);
            let types: Vec<&str> = resource["agent"]
                .as_array()
                .unwrap()
                .iter()
                .map(|agent| agent["type"]["coding"][0]["code"].as_str().unwrap())
                .collect();
            assert_eq!(types, [client, "IRCP", server], "{what:?}");
            assert_eq!(resource["subtype"][0]["code"], subtype);
            assert_eq!(resource["agent"][1]["requestor"], true);
            assert_eq!(resource["agent"][1].get("network"), None);
            assert_eq!(resource["recorded"], "2026-01-15T08:30:00.125Z");
        }
    }

    #[test]
    fn entities() {
        let read = resource(What::Retrieve);
        assert_eq!(read["entity"][0]["what"]["identifier"]["value"], "1.2.3");
        assert_eq!(read["entity"][1]["role"]["code"], "1");
        assert_eq!(read["entity"][1]["name"], "DOE^JANE");
        let query = resource(What::Query);
        assert_eq!(query["entity"][0]["role"]["code"], "24");
        assert_eq!(query["entity"][0]["query"], STANDARD.encode("PatientID=1"));
        assert_eq!(query["entity"].as_array().unwrap().len(), 1);
        let who =
            Who::new("token", "reader", "203.0.113.7").by(&crate::RequestId::given(b"trace-7").unwrap());
        let source = Source { id: "gw".into(), site: String::new(), aet: "OVERREAD".into() };
        let login = write(&Entry::new(0, 1, Event::new(What::Login, who, "test")), &source);
        let entities = login["entity"].as_array().unwrap();
        assert_eq!((entities.len(), &entities[0]["type"]["code"]), (1, &json!("XrequestId")));
        assert_eq!(entities[0]["what"]["identifier"]["value"], "trace-7");
    }
}
