//! The parameters of paths and queries.

use super::{Kind, Parameter};

const fn query(name: &'static str, about: &'static str, kind: Kind, example: &'static str) -> Parameter {
    Parameter { name, about, kind, required: false, example }
}

const fn path(name: &'static str, about: &'static str, kind: Kind, example: &'static str) -> Parameter {
    Parameter { name, about, kind, required: true, example }
}

const PATH: [Parameter; 5] = [
    path("study", "Study Instance UID (0020,000D).", Kind::Uid, "1.2.3"),
    path("series", "Series Instance UID (0020,000E).", Kind::Uid, "1.2.3.4"),
    path("instance", "SOP Instance UID (0008,0018).", Kind::Uid, "1.2.3.4.5"),
    path(
        "frames",
        "Frame numbers from 1 on, with commas between them.",
        Kind::Pattern("^[1-9][0-9]{0,8}(,[1-9][0-9]{0,8})*$"),
        "1",
    ),
    path(
        "attribute",
        "Where the value is, as a BulkDataURI in the metadata says.",
        Kind::Pattern("^[0-9A-F]{8}(/[0-9]{1,9}/[0-9A-F]{8})*$"),
        "7FE00010",
    ),
];

/// The parameter of a path by its name.
pub(super) fn of_path(name: &str) -> Option<&'static Parameter> {
    PATH.iter().find(|parameter| parameter.name == name)
}

pub(super) const ACCEPT: Parameter = query(
    "accept",
    "A media type without wildcards, which wins over the header Accept and must be allowed by it.",
    Kind::Text,
    "application/dicom",
);
pub(super) const CUSTODIAN: Parameter =
    query("custodian", "Whose holding of the study, where several are in reach.", Kind::Text, "local");
pub(super) const VERSION: Parameter =
    query("version", "Which of several instances that came under one UID.", Kind::Number(1, u32::MAX), "1");

pub(super) const LIMIT: Parameter =
    query("limit", "At most so many results.", Kind::Number(0, u32::MAX), "25");
pub(super) const OFFSET: Parameter =
    query("offset", "How many results to leave out first.", Kind::Number(0, u32::MAX), "0");
pub(super) const FUZZY: Parameter = query(
    "fuzzymatching",
    "Whether names that sound or are written alike match.",
    Kind::OneOf(&["true", "false"]),
    "true",
);
pub(super) const INCLUDE: Parameter = query(
    "includefield",
    "More attributes in each result: keywords or tags with commas between them, or `all`.",
    Kind::List,
    "all",
);
pub(super) const PATIENT_NAME: Parameter = query(
    "PatientName",
    "Any attribute of the level is a parameter, by keyword or tag; this is one of them. `*` and `?` are wild.",
    Kind::Text,
    "Sample*",
);
pub(super) const PATIENT_ID: Parameter = query("PatientID", "Another one.", Kind::Text, "P-1");
pub(super) const STUDY_DATE: Parameter =
    query("StudyDate", "A date, or a range of dates.", Kind::Text, "20260101-20261231");
pub(super) const MODALITY: Parameter = query("Modality", "Of the series.", Kind::Text, "CT");
