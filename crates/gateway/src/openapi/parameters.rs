//! The parameters of paths and queries.

use super::{Kind, Parameter};

const fn query(name: &'static str, about: &'static str, kind: Kind, example: &'static str) -> Parameter {
    Parameter { name, about, kind, required: false, example }
}

const fn path(name: &'static str, about: &'static str, kind: Kind, example: &'static str) -> Parameter {
    Parameter { name, about, kind, required: true, example }
}

const PATH: [Parameter; 7] = [
    path("link", "The number of a link.", Kind::Number(1, u32::MAX), "1"),
    path("study", "Study Instance UID (0020,000D).", Kind::Uid, "1.2.3"),
    path("series", "Series Instance UID (0020,000E).", Kind::Uid, "1.2.3.4"),
    path("transaction", "Transaction UID (0008,1195), made by who asks.", Kind::Uid, "1.2.3"),
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
pub(super) const REASON: Parameter =
    query("reason", "Why, for the record of it; 512 bytes are kept.", Kind::Text, "sent by mistake");
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
    "More attributes in each result: keywords or tags with commas between them, or all.",
    Kind::List,
    "all",
);
pub(super) const PATIENT_NAME: Parameter = query(
    "PatientName",
    "Any attribute of the level is a parameter, by keyword or tag; this is one of them. * and ? are wild.",
    Kind::Text,
    "Sample*",
);
pub(super) const PATIENT_ID: Parameter = query("PatientID", "Another one.", Kind::Text, "P-1");
pub(super) const STUDY_DATE: Parameter =
    query("StudyDate", "A date, or a range of dates.", Kind::Text, "20260101-20261231");
pub(super) const MODALITY: Parameter = query("Modality", "Of the series.", Kind::Text, "CT");

pub(super) const RENDERED_ANNOTATION: Parameter =
    query("annotation", "What to write onto the picture: patient, technique.", Kind::List, "technique");
pub(super) const QUALITY: Parameter =
    query("quality", "Of lossy forms, from 1 to 100.", Kind::Number(1, 100), "90");
pub(super) const VIEWPORT: Parameter = query(
    "viewport",
    "vw,vh: a box that the picture is fitted into; with sx,sy,sw,sh behind it the part of the source that is shown.",
    Kind::Pattern(
        "^[1-9][0-9]{0,3},[1-9][0-9]{0,3}(,[0-9]{1,4},[0-9]{1,4}(,-?[1-9][0-9]{0,3},-?[1-9][0-9]{0,3})?)?$",
    ),
    "512,512",
);
pub(super) const THUMBNAIL_VIEWPORT: Parameter = query(
    "viewport",
    "vw,vh: a box that the picture is fitted into.",
    Kind::Pattern("^[1-9][0-9]{0,3},[1-9][0-9]{0,3}$"),
    "128,128",
);
pub(super) const WINDOW: Parameter = query(
    "window",
    "center,width,function: linear, linear-exact or sigmoid. Of grey images.",
    Kind::Pattern("^-?[0-9]{1,5},[1-9][0-9]{0,4},(linear|linear-exact|sigmoid)$"),
    "40,400,linear",
);
pub(super) const ICC_PROFILE: Parameter = query(
    "iccprofile",
    "What colour profile the picture has in it.",
    Kind::OneOf(&["no", "yes", "srgb", "adobergb", "rommrgb"]),
    "srgb",
);

macro_rules! uri {
    ($($constant:ident $name:literal $about:literal $kind:expr, $example:literal;)*) => {
        $(pub(super) const $constant: Parameter = query($name, $about, $kind, $example);)*
    };
}

pub(super) const REQUEST_TYPE: Parameter = Parameter {
    name: "requestType",
    about: "Always WADO.",
    kind: Kind::OneOf(&["WADO"]),
    required: true,
    example: "WADO",
};
pub(super) const STUDY_UID: Parameter = path("studyUID", "Study Instance UID.", Kind::Uid, "1.2.3");
pub(super) const SERIES_UID: Parameter = path("seriesUID", "Series Instance UID.", Kind::Uid, "1.2.3.4");
pub(super) const OBJECT_UID: Parameter = path("objectUID", "SOP Instance UID.", Kind::Uid, "1.2.3.4.5");
uri! {
    CONTENT_TYPE "contentType" "Media types that are wanted, without parameters: application/dicom, or rendered ones." Kind::Text, "application/dicom";
    CHARSET "charset" "Character sets that are wanted." Kind::Text, "utf-8";
    TRANSFER_SYNTAX "transferSyntax" "Of application/dicom." Kind::Uid, "1.2.840.10008.1.2.1";
    ANONYMIZE "anonymize" "Not offered: yes is refused." Kind::OneOf(&["yes"]), "yes";
    ANNOTATION "annotation" "What to write into the image: patient, technique." Kind::List, "technique";
    IMAGE_ANNOTATION "imageAnnotation" "Another name of annotation." Kind::List, "technique";
    ROWS "rows" "At most so many pixels high." Kind::Number(1, 16_384), "512";
    COLUMNS "columns" "At most so many pixels wide." Kind::Number(1, 16_384), "512";
    REGION "region" "xmin,ymin,xmax,ymax between 0.0 and 1.0." Kind::Pattern("^(0(\\.[0-9]{1,6})?|1(\\.0{1,6})?)(,(0(\\.[0-9]{1,6})?|1(\\.0{1,6})?)){3}$"), "0,0,1,1";
    WINDOW_CENTER "windowCenter" "With windowWidth." Kind::Text, "40";
    WINDOW_WIDTH "windowWidth" "With windowCenter." Kind::Text, "400";
    IMAGE_QUALITY "imageQuality" "Of lossy images." Kind::Number(1, 100), "90";
    FRAME_NUMBER "frameNumber" "Of a multi-frame instance, from 1 on." Kind::Number(1, u32::MAX), "1";
    PRESENTATION_SERIES_UID "presentationSeriesUID" "Of a presentation state, with presentationUID." Kind::Uid, "1.2.3.9";
    PRESENTATION_UID "presentationUID" "Of a presentation state, with presentationSeriesUID." Kind::Uid, "1.2.3.9.1";
}
