use super::*;
use crate::query::NameError;

fn parse(query: &str) -> Result<SearchRequest, QueryError> {
    SearchRequest::parse(Level::Study, None, None, query)
}

/// What is matched: `tag path VR rule`.
fn matches(query: &str) -> Vec<String> {
    let request = parse(query).expect(query);
    let wanted = |m: &Match| match &m.wanted {
        Wanted::Rule(rule) => format!("{rule:?}"),
        Wanted::Text(text) => format!("text {text:?}"),
    };
    let show = |m: &Match| format!("{} {} {}", attribute::dotted(&m.path), m.vr.to_string(), wanted(m));
    request.matches.iter().map(show).collect()
}

fn refused(query: &str, expected: &str) {
    assert_eq!(parse(query).expect_err(query).to_string(), expected, "{query:?}");
}

#[test]
fn nothing_asked() {
    let request = parse("").expect("a search");
    assert_eq!(request.include, Include::Fields(Vec::new()));
    assert_eq!((request.limit, request.offset, request.accept), (None, 0, None));
    assert!(request.matches.is_empty() && request.warnings.is_empty());
}

#[test]
fn qido_004_to_006_and_017_018_matches() {
    for (query, expected) in [
        ("PatientID=11235813", "00100020 LO Exact(\"11235813\")"),
        ("00100020=11235813", "00100020 LO Exact(\"11235813\")"),
        ("PatientName=SMITH*", "00100010 PN Wildcard(\"SMITH*\")"),
        ("PatientName=M%C3%BCller+A", "00100010 PN Exact(\"Müller+A\")"),
        // QIDO-025: everything, and the attribute comes back.
        ("PatientName=*", "00100010 PN Universal"),
        ("PatientName=", "00100010 PN Universal"),
        ("PatientName", "00100010 PN Universal"),
        (
            "StudyDate=20240101-20240131",
            "00080020 DA Range { from: Some(\"20240101\"), to: Some(\"20240131\") }",
        ),
        ("StudyDate=-20240131", "00080020 DA Range { from: None, to: Some(\"20240131\") }"),
        ("StudyInstanceUID=1.2.3,1.2.4", "0020000D UI UidList([1.2.3, 1.2.4])"),
        ("StudyInstanceUID=1.2.3%5C1.2.4", "0020000D UI UidList([1.2.3, 1.2.4])"),
        ("00101002.00100020=11235813", "00101002.00100020 LO Exact(\"11235813\")"),
        ("RequestAttributesSequence.RequestedProcedureID=7", "00400275.00401001 SH Exact(\"7\")"),
        ("RequestAttributesSequence=", "00400275 SQ Universal"),
        ("SeriesNumber=3", "00200011 IS Exact(\"3\")"),
        // Nothing but text: what SQL would make of it is its matter.
        ("PatientID='%20OR%201=1", "00100020 LO Exact(\"' OR 1=1\")"),
        ("PatientID=%25_", "00100020 LO Exact(\"%_\")"),
    ] {
        assert_eq!(matches(query), [expected], "{query:?}");
    }
    assert_eq!(matches("PatientID=1&StudyID=2").len(), 2);
}

#[test]
fn qido_019_to_021_refusals() {
    let unknown = NameError::Unknown.to_string();
    refused("patientid=X", &format!("\"patientid\" is no parameter of a search: {unknown}"));
    refused("Foo=X", &format!("\"Foo\" is no parameter of a search: {unknown}"));
    refused("=X", &format!("\"\" is no parameter of a search: {unknown}"));
    refused(
        "includefield=00081030,Foo",
        &format!("the value of \"includefield\" names \"Foo\", which is {unknown}"),
    );
    let long = "x".repeat(500);
    refused(&format!("{long}=1"), &format!("{:?} is no parameter of a search: {unknown}", &long[..64]));
    refused(
        "PatientID.PatientName=X",
        "\"PatientID.PatientName\" is no parameter of a search: a path through an attribute that is no sequence",
    );
    refused("StudyDate=abc", "the value of \"StudyDate\" is neither a date YYYYMMDD nor a range of them");
    refused(
        "StudyDate=20241301",
        "the value of \"StudyDate\" is neither a date YYYYMMDD nor a range of them",
    );
    refused(
        "StudyTime=9999",
        "the value of \"StudyTime\" is neither a time HHMMSS.FFFFFF nor a range of them",
    );
    refused("SeriesNumber=x", "the value of \"SeriesNumber\" is no number");
    assert!(matches!(parse("StudyInstanceUID=1.2.*"), Err(QueryError::Value { .. })));
    assert!(matches!(parse("RequestAttributesSequence=1"), Err(QueryError::Value { .. })));
    refused("PatientID=1&PatientID=2", "\"PatientID\" is given more than once");
    refused("PatientID=1&00100020=1", "\"00100020\" is given more than once");
    refused("limit=1&limit=1", "\"limit\" is given more than once");
    refused("PatientID=%00", "the query is not percent-encoded UTF-8 text");
    refused("PatientID=%ff", "the query is not percent-encoded UTF-8 text");
    assert_eq!(parse("access_token=secret"), Err(QueryError::Token));
}

#[test]
fn qido_013_to_016_include_fields() {
    let fields = |query: &str| match parse(query).expect(query).include {
        Include::All => "all".to_owned(),
        Include::Fields(paths) => paths.iter().map(|p| attribute::dotted(p)).collect::<Vec<_>>().join(" "),
    };
    for (query, expected) in [
        ("includefield=00081030", "00081030"),
        ("includefield=StudyDescription", "00081030"),
        ("includefield=00081030,00080080", "00081030 00080080"),
        ("includefield=00081030&includefield=00080080", "00081030 00080080"),
        ("includefield=00081030%2C00080080", "00081030 00080080"),
        ("includefield=00081030,00081030", "00081030"),
        ("includefield=,00081030,", "00081030"),
        ("includefield=", ""),
        ("includefield=00101002.00100020", "00101002.00100020"),
        ("includefield=all", "all"),
        ("includefield=all,all", "all"),
    ] {
        assert_eq!(fields(query), expected, "{query:?}");
    }
}

#[test]
fn qido_015_all_stands_alone() {
    for query in ["includefield=all,00081030", "includefield=00081030&includefield=all"] {
        refused(
            query,
            "the value of \"includefield\" is all, which leaves nothing for another includefield to add",
        );
    }
}

#[test]
fn qido_033_034_kinds_of_matching() {
    for (query, expected) in [
        ("PatientName=Smith&fuzzymatching=true", "00100010 PN Fuzzy(\"Smith\")"),
        ("fuzzymatching=true&PatientName=Smith*", "00100010 PN Fuzzy(\"Smith*\")"),
        ("fuzzymatching=false&PatientName=Smith", "00100010 PN Exact(\"Smith\")"),
        ("fuzzymatching=true&PatientID=Smith", "00100020 LO Exact(\"Smith\")"),
        ("emptyvaluematching=true&PatientID=%22%22", "00100020 LO Empty"),
        ("emptyvaluematching=true&StudyDate=%22%22", "00080020 DA Empty"),
        ("PatientID=%22%22", "00100020 LO Exact(\"\\\"\\\"\")"),
        (
            "multiplevaluematching=true&PatientID=a,b%5Cc",
            "00100020 LO AnyOf([Exact(\"a\"), Exact(\"b\"), Exact(\"c\")])",
        ),
        ("PatientID=a,b", "00100020 LO Exact(\"a,b\")"),
        ("multiplevaluematching=true&SeriesNumber=1,2", "00200011 IS AnyOf([Exact(\"1\"), Exact(\"2\")])"),
        ("00091234=x&00090012=ACME", "00091234 UN text \"x\""),
    ] {
        assert_eq!(matches(query), [expected], "{query:?}");
        assert_eq!(parse(query).expect(query).warnings, [], "{query:?}");
    }
    refused("fuzzymatching=maybe", "the value of \"fuzzymatching\" is neither true nor false");
    refused("emptyvaluematching=", "the value of \"emptyvaluematching\" is neither true nor false");
    refused("fuzzymatching=true&fuzzymatching=true", "\"fuzzymatching\" is given more than once");
    assert_eq!(
        parse("PixelData=x").expect("a search").warnings,
        [Warning::NotMatched("PixelData".to_owned())]
    );
}

#[test]
fn qido_035_zones() {
    for (query, zone) in [
        ("", None),
        ("TimezoneOffsetFromUTC=", None),
        ("TimezoneOffsetFromUTC=+0900", Some(540)),
        ("00080201=-0530", Some(-330)),
        ("TimezoneOffsetFromUTC=%2B0100", Some(60)),
    ] {
        let request = parse(query).expect(query);
        assert_eq!(request.zone, zone, "{query:?}");
        assert!(request.matches.is_empty());
    }
    refused(
        "TimezoneOffsetFromUTC=UTC",
        "the value of \"TimezoneOffsetFromUTC\" is no offset from UTC as in +0100 or -0500",
    );
    refused("TimezoneOffsetFromUTC=+0100&00080201=+0100", "\"00080201\" is given more than once");
    assert_eq!(
        parse("TimezoneOffsetFromUTC=+0100&includefield=all").expect("a search").include,
        Include::All
    );
    // QIDO-028: a DT without an offset is in the request's zone.
    assert_eq!(
        matches("AcquisitionDateTime=20240101-&TimezoneOffsetFromUTC=+0100"),
        ["0008002A DT Range { from: Some(\"20231231230000.000000\"), to: None }"]
    );
}

#[test]
fn qido_036_pages() {
    for (query, limit, offset) in [
        ("limit=25&offset=50", Some(25), 50),
        ("limit=0", Some(0), 0),
        ("limit=4294967296", Some(u32::MAX), 0),
        ("limit=18446744073709551615", Some(u32::MAX), 0),
        ("offset=18446744073709551615", None, u64::MAX),
    ] {
        let request = parse(query).expect(query);
        assert_eq!((request.limit, request.offset), (limit, offset), "{query:?}");
    }
    for value in ["-1", "abc", "", "1.5", "+1", "%201", "0x1", "18446744073709551616"] {
        for name in ["limit", "offset"] {
            let problem = "is no number from 0 to 18446744073709551615";
            refused(&format!("{name}={value}"), &format!("the value of {name:?} {problem}"));
        }
    }
}

#[test]
fn qido_039_private_attributes_need_their_creator() {
    refused("00231002=x", "the private attribute \"00231002\" needs its creator beside it: 00230010=…");
    refused(
        "includefield=00231002",
        "the private attribute \"00231002\" needs its creator beside it: 00230010=…",
    );
    refused(
        "00101002.00231002=x&00230010=Acme",
        "the private attribute \"00101002.00231002\" needs its creator beside it: 00101002.00230010=…",
    );
    let request = parse("00230010=AcmeCompany&includefield=00231002").expect("a search");
    assert_eq!(request.include, Include::Fields(vec![vec![Tag(0x0023, 0x1002)]]));
    assert_eq!(request.creators, [(vec![Tag(0x0023, 0x0010)], "AcmeCompany".to_owned())]);
    assert!(request.matches.is_empty());
}

#[test]
fn accept_and_charset() {
    let request = parse("accept=application/dicom%2Bjson&charset=utf-8").expect("a search");
    assert_eq!(request.accept.as_deref(), Some("application/dicom+json"));
}

proptest::proptest! {
    /// No query makes it panic, and what it reads is bounded by what it was given.
    #[test]
    fn any_query_has_an_answer(query in "([a-zA-Z0-9%.,&=*?+_\\-]|includefield|PatientName|StudyDate|0040|%00|%C3%BC|limit=){0,60}") {
        if let Ok(request) = parse(&query) {
            proptest::prop_assert!(request.matches.len() <= query.len());
        }
    }
}
