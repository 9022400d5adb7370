use serde_json::{Value, json};

use super::super::super::image::{Attributes, Bulk};
use super::*;

fn code(value: &str, meaning: &str) -> Value {
    json!({"vr": "SQ", "Value": [{
        "00080100": {"vr": "SH", "Value": [value]}, "00080102": {"vr": "SH", "Value": ["99X"]},
        "00080104": {"vr": "LO", "Value": [meaning]},
    }]})
}

fn report() -> Value {
    let hostile = "<script>alert(1)</script> \"&' \u{7}";
    json!({
        "0040A040": {"vr": "CS", "Value": ["CONTAINER"]}, "0040A043": code("1", "Chest & <b>CT</b>"),
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe<img src=x onerror=alert(1)>^Jane"}]},
        "00080023": {"vr": "DA", "Value": ["20240131"]}, "00080033": {"vr": "TM", "Value": ["101500"]},
        "0040A730": {"vr": "SQ", "Value": [
            {"0040A010": {"vr": "CS", "Value": ["CONTAINS"]}, "0040A040": {"vr": "CS", "Value": ["TEXT"]},
             "0040A043": code("2", "Finding"), "0040A160": {"vr": "UT", "Value": [hostile]}},
            {"0040A040": {"vr": "CS", "Value": ["NUM"]}, "0040A043": code("3", "Diameter"),
             "0040A300": {"vr": "SQ", "Value": [{
                 "0040A30A": {"vr": "DS", "Value": ["12.5"]}, "004008EA": code("mm", "millimeter")}]}},
            {"0040A040": {"vr": "CS", "Value": ["CODE"]}, "0040A043": code("4", "Side"), "0040A168": code("L", "Left"),
             "0040A730": {"vr": "SQ", "Value": [
                {"0040A040": {"vr": "CS", "Value": ["IMAGE"]}, "00081199": {"vr": "SQ", "Value": [{
                    "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
                    "00081155": {"vr": "UI", "Value": ["1.2.3"]}, "00081160": {"vr": "IS", "Value": [2, 3]}}]}},
            ]}},
            {"0040A040": {"vr": "CS", "Value": ["DATETIME"]}, "0040A120": {"vr": "DT", "Value": ["20240131101500"]}},
        ]},
    })
}

fn rendered(json: &Value, form: Form) -> Result<String, RenderError> {
    let bulk = Bulk::new();
    render(&Attributes::new(json.as_object().expect("an object"), &bulk), form)
}

#[test]
fn rend_003_030_forms_are_whole_and_escaped() {
    for (form, expected) in [
        (
            Form::Html,
            &[
                "<h1>Chest &amp; &lt;b&gt;CT&lt;/b&gt;</h1>",
                "<b title=\"2 99X\">Finding</b>: <span class=\"text\">&lt;script&gt;alert(1)&lt;/script&gt; &quot;&amp;&#39; </span>",
                "12.5 mm",
                "Left</span> <span class=\"code\">(L, 99X)</span>",
                "CT Image Storage 1.2.3, frame 2, 3",
                "2024-01-31 10:15:00",
                "default-src 'none'",
            ][..],
        ),
        (
            Form::Text,
            &["Finding: <script>alert(1)</script> \"&' \n", "Diameter: 12.5 mm\n", "Side: Left\n  CT Image"],
        ),
        (
            Form::Xml,
            &[
                "<item relationship=\"CONTAINS\" type=\"TEXT\">",
                "<units value=\"mm\" scheme=\"99X\">millimeter</units>",
                "<value>&lt;script&gt;",
            ],
        ),
    ] {
        let text = rendered(&report(), form).expect("a document");
        for part in expected {
            assert!(text.contains(part), "{form:?} lacks {part}:\n{text}");
        }
        if form != Form::Text {
            assert!(!text.contains("<script") && !text.contains("<img"), "{text}");
        }
        assert!(!text.contains('\u{7}'));
    }
}

#[test]
fn files_and_what_is_no_document() {
    let pdf = json!({
        "00420010": {"vr": "ST", "Value": ["Second <report>"]}, "00420012": {"vr": "LO", "Value": ["application/pdf"]},
    });
    let text = rendered(&pdf, Form::Html).expect("a document");
    assert!(text.contains("?accept=application/pdf") && text.contains("Second &lt;report&gt;"), "{text}");
    assert!(rendered(&pdf, Form::Text).expect("a document").contains("application/pdf"));
    assert_eq!(rendered(&json!({"00080060": {"vr": "CS"}}), Form::Html), Err(RenderError::Attributes));
}

#[test]
fn deep_trees_end() {
    let mut json = json!({"0040A040": {"vr": "CS", "Value": ["CONTAINER"]}});
    for _ in 0..100 {
        json = json!({"0040A040": {"vr": "CS", "Value": ["CONTAINER"]}, "0040A730": {"vr": "SQ", "Value": [json]}});
    }
    let text = rendered(&json, Form::Xml).expect("a document");
    assert_eq!(text.matches("<item").count(), 64);
}
