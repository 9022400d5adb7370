//! What the contract cannot see: how searches walk, and what failures of the engine become.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod failures;
mod plans;
mod upgrade;

use access::{Action, CustodianId, Door, Holding, Principal, Reach, Rights, Scope};

use crate::{Location, NewInstance, NewSeries, NewStudy};

/// 3,000 studies of ten custodians, one instance each; every third is of `c0`.
fn row(n: usize) -> NewInstance {
    let custodian = if n.is_multiple_of(3) { "c0".to_owned() } else { format!("c{}", n % 10) };
    let text = |prefix: &str, n: usize| format!("{prefix}{n}");
    NewInstance {
        custodian: custodian.parse().unwrap(),
        study: NewStudy {
            uid: format!("1.{n}").parse().unwrap(),
            date: format!("20{:02}{:02}{:02}", n % 24, 1 + n % 12, 1 + n % 28),
            time: "120000.000000".into(),
            accession: text("A", n),
            referring_folded: text("referrer^", n % 7),
            patient_name_folded: format!("name{}^first", n % 500),
            patient_id: text("P", n % 1_000),
            issuer: "I".into(),
            birth_date: format!("19{:02}0101", n % 100),
            sex: "F".into(),
            study_id: "1".into(),
            description: text("description ", n % 30),
            institution: text("institution ", n % 4),
            zone: None,
            other_ids: Vec::new(),
            attributes: b"{}".to_vec(),
        },
        series: NewSeries {
            uid: format!("1.{n}.1").parse().unwrap(),
            modality: ["CT", "MR", "PT"][n % 3].into(),
            number: Some(1),
            description: "series".into(),
            body_part: "HEAD".into(),
            performed_date: format!("2024{:02}{:02}", 1 + n % 12, 1 + n % 28),
            performed_time: String::new(),
            requests: vec![(text("S", n), text("R", n))],
            attributes: b"{}".to_vec(),
        },
        sop_instance: format!("1.{n}.1.1").parse().unwrap(),
        sop_class: ["1.9.1", "1.9.2"][usize::from(n < 100)].parse().unwrap(),
        transfer_syntax: "1.2.840.10008.1.2.1",
        number: Some(1),
        attributes: b"{}".to_vec(),
        digest: [0; 32],
        length: 1,
        crcs: Vec::new(),
        metadata: Vec::new(),
        bulk: Vec::new(),
        pixels: Vec::new(),
        sequence: n as u64 + 1,
        received_at: 0,
        source: String::new(),
        principal: String::new(),
        location: Location::Spool(text("s", n)),
        rejects: None,
    }
}

/// `*`, custodians, and single holdings as `study@custodian`.
fn scope(names: &[&str]) -> Scope {
    let reach = match names {
        ["*"] => Reach::Everything,
        names => {
            let (mut custodians, mut holdings) = (Vec::new(), Vec::new());
            for name in names {
                match name.split_once('@') {
                    None => custodians.push(name.parse().unwrap()),
                    Some((study, custodian)) => holdings.push(Holding {
                        study: study.parse().unwrap(),
                        custodian: custodian.parse().unwrap(),
                    }),
                }
            }
            Reach::only(custodians, holdings)
        }
    };
    Principal::new(Door::Token, "t", CustodianId::local(), Rights::ALL, reach)
        .scope_for(Action::Search)
        .unwrap()
}
