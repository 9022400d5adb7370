//! DICOM JSON as Native DICOM Model XML.

use model::Tag;
use model::person_name::components;

use super::names::{Blocks, COMPONENTS, GROUPS, NAMESPACE, is_creator, is_private, keyword};
use crate::json::{JsonError, Token, TokenLimits, Tokenizer};

/// The root element's name.
pub(super) const MODEL: &str = "NativeDicomModel";

/// Appends one JSON object of ours, with its addresses put in, as an XML document.
///
/// Takes only what [`crate::json::JsonWriter`] and the answers to searches and stores are made of: each attribute's VR
/// before its value. Memory beyond `out`: the longest value.
///
/// # Errors
/// [`JsonError`] when it is not JSON; then `out` is not whole.
pub fn document(json: &[u8], out: &mut Vec<u8>) -> Result<(), JsonError> {
    out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<");
    out.extend_from_slice(MODEL.as_bytes());
    out.extend_from_slice(b" xmlns=\"");
    out.extend_from_slice(NAMESPACE.as_bytes());
    out.extend_from_slice(b"\" xml:space=\"preserve\">");
    // What was stored was bounded by the limits of storing.
    let mut tokens = Tokenizer::new(TokenLimits { depth: usize::MAX, text: usize::MAX });
    let mut writer = Writer { out, at: Vec::new(), levels: Vec::new() };
    let mut take = |token: Token<'_>| writer.take(token);
    tokens.push(json, &mut take)?;
    tokens.finish(&mut take)?;
    out.extend_from_slice(b"</");
    out.extend_from_slice(MODEL.as_bytes());
    out.extend_from_slice(b">\n");
    Ok(())
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    at: Vec<At>,
    levels: Vec<Level>,
}

/// An open data set.
#[derive(Default)]
struct Level {
    tag: Tag0,
    blocks: Blocks,
    /// Its attribute's element has been opened.
    begun: bool,
    /// Values so far.
    count: usize,
    names: bool,
    items: bool,
}

/// A tag that is not there yet.
type Tag0 = Option<Tag>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    DataSet,
    Attribute,
    Vr,
    Values,
    Item,
    Name,
    Group(usize),
    Uri,
    Inline,
    Skip,
}

impl Writer<'_> {
    fn take(&mut self, token: Token<'_>) {
        let at = self.at.last().copied();
        match (at, token) {
            (None, Token::Object) => self.open(),
            (Some(At::DataSet), Token::Name(name)) => {
                if let Some(level) = self.levels.last_mut() {
                    level.tag = u32::from_str_radix(name, 16).ok().map(|n| Tag((n >> 16) as u16, n as u16));
                    (level.begun, level.count) = (false, 0);
                }
                self.at.push(At::Attribute);
            }
            (Some(At::DataSet), _) => {
                self.at.pop();
                self.levels.pop();
                if let Some(At::Item) = self.at.last() {
                    self.at.pop();
                    self.put("</Item>");
                }
            }
            (Some(At::Attribute), Token::Name(name)) => self.at.push(match name {
                "vr" => At::Vr,
                "Value" => At::Values,
                "BulkDataURI" => At::Uri,
                "InlineBinary" => At::Inline,
                _ => At::Skip,
            }),
            (Some(At::Attribute), Token::ObjectEnd) => {
                self.at.pop();
                self.put("</DicomAttribute>");
            }
            (Some(At::Attribute), _) => {}
            (Some(At::Vr), Token::Text(vr)) => {
                self.at.pop();
                self.attribute(vr);
            }
            (Some(At::Values), token) => self.value(token),
            (Some(At::Name), Token::Name(name)) => {
                let group = GROUPS.iter().position(|known| *known == name);
                self.at.push(group.map_or(At::Skip, At::Group));
            }
            (Some(At::Name), _) => {
                self.at.pop();
                self.put("</PersonName>");
            }
            (Some(At::Group(number)), Token::Text(text)) => {
                self.at.pop();
                self.group(number, text);
            }
            (Some(At::Uri), Token::Text(uri)) => {
                self.at.pop();
                self.put("<BulkData uri=\"");
                escape(self.out, uri);
                self.put("\"/>");
            }
            (Some(At::Inline), Token::Text(text)) => {
                self.at.pop();
                self.put("<InlineBinary>");
                self.put(text);
                self.put("</InlineBinary>");
            }
            // Nothing of ours gets here.
            _ => {
                self.at.pop();
            }
        }
    }

    fn open(&mut self) {
        self.at.push(At::DataSet);
        self.levels.push(Level::default());
    }

    fn attribute(&mut self, vr: &str) {
        let Some(level) = self.levels.last_mut() else { return };
        let Some(tag) = level.tag else { return };
        (level.begun, level.names, level.items) = (true, vr == "PN", vr == "SQ");
        let owner = level.blocks.owner(tag).filter(|_| is_private(tag)).map(str::to_owned);
        let shown = match owner {
            Some(_) => Tag(tag.group(), tag.element() & 0x00FF),
            None => tag,
        };
        self.put(&format!(
            "<DicomAttribute tag=\"{:04X}{:04X}\" vr=\"{vr}\"",
            shown.group(),
            shown.element()
        ));
        if let Some(keyword) = keyword(tag) {
            self.put(&format!(" keyword=\"{keyword}\""));
        }
        if let Some(owner) = owner {
            self.put(" privateCreator=\"");
            escape(self.out, &owner);
            self.put("\"");
        }
        self.put(">");
    }

    fn value(&mut self, token: Token<'_>) {
        let Some(level) = self.levels.last_mut() else { return };
        if matches!(token, Token::Array) {
            return;
        }
        level.count += usize::from(token != Token::ArrayEnd);
        let (number, names, items) = (level.count, level.names, level.items);
        match token {
            Token::ArrayEnd => {
                self.at.pop();
            }
            Token::Object if items => {
                self.put(&format!("<Item number=\"{number}\">"));
                self.at.push(At::Item);
                self.open();
            }
            Token::Object => {
                self.put(&format!("<PersonName number=\"{number}\">"));
                self.at.push(At::Name);
            }
            Token::Text(text) | Token::Number(text) => {
                if let Some(level) = self.levels.last_mut()
                    && let Some(tag) = level.tag.filter(|tag| is_creator(*tag) && number == 1)
                {
                    level.blocks.note(tag, text);
                }
                self.put(&format!("<Value number=\"{number}\">"));
                escape(self.out, text);
                self.put("</Value>");
            }
            _ if names => self.put(&format!("<PersonName number=\"{number}\"></PersonName>")),
            _ => self.put(&format!("<Value number=\"{number}\"></Value>")),
        }
    }

    fn group(&mut self, number: usize, text: &str) {
        let name = GROUPS.get(number).copied().unwrap_or_default();
        self.put(&format!("<{name}>"));
        for (component, part) in COMPONENTS.iter().zip(components(text)) {
            if !part.is_empty() {
                self.put(&format!("<{component}>"));
                escape(self.out, part);
                self.put(&format!("</{component}>"));
            }
        }
        self.put(&format!("</{name}>"));
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

/// Appends text as character data, fit for attributes too (XML 1.0 2.2, 2.4, 2.11, 3.3.3).
fn escape(out: &mut Vec<u8>, text: &str) {
    for letter in text.chars() {
        let escaped: &str = match letter {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\r' => "&#13;",
            '\n' => "&#10;",
            '\t' => "&#9;",
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => "\u{FFFD}",
            plain => {
                let mut place = [0; 4];
                out.extend_from_slice(plain.encode_utf8(&mut place).as_bytes());
                continue;
            }
        };
        out.extend_from_slice(escaped.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let mut out = Vec::new();
        document(json.as_bytes(), &mut out).expect("JSON");
        let head = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<NativeDicomModel xmlns=\"{NAMESPACE}\" xml:space=\"preserve\">"
        );
        let text = String::from_utf8(out).expect("UTF-8");
        let body = text.strip_prefix(&head).and_then(|rest| rest.strip_suffix("</NativeDicomModel>\n"));
        assert_eq!(body, Some(expected), "{json}");
    }

    /// WADO-011, QIDO-002: PS3.19 A.1.5 by its examples.
    #[test]
    fn attributes() {
        check("{}", "");
        check(
            r#"{"00100020":{"vr":"LO"}}"#,
            r#"<DicomAttribute tag="00100020" vr="LO" keyword="PatientID"></DicomAttribute>"#,
        );
        check(
            r#"{"00080008":{"vr":"CS","Value":["MPG",null,"XR3"]}}"#,
            r#"<DicomAttribute tag="00080008" vr="CS" keyword="ImageType"><Value number="1">MPG</Value><Value number="2"></Value><Value number="3">XR3</Value></DicomAttribute>"#,
        );
        check(
            r#"{"00281052":{"vr":"DS","Value":[0.5,"+0.40"]},"00280009":{"vr":"AT","Value":["00181063"]}}"#,
            r#"<DicomAttribute tag="00281052" vr="DS" keyword="RescaleIntercept"><Value number="1">0.5</Value><Value number="2">+0.40</Value></DicomAttribute><DicomAttribute tag="00280009" vr="AT" keyword="FrameIncrementPointer"><Value number="1">00181063</Value></DicomAttribute>"#,
        );
        check(
            r#"{"00100010":{"vr":"PN","Value":[null,{"Alphabetic":"Wang^XiaoDong^^Dr","Ideographic":"王^小東"}]}}"#,
            r#"<DicomAttribute tag="00100010" vr="PN" keyword="PatientName"><PersonName number="1"></PersonName><PersonName number="2"><Alphabetic><FamilyName>Wang</FamilyName><GivenName>XiaoDong</GivenName><NamePrefix>Dr</NamePrefix></Alphabetic><Ideographic><FamilyName>王</FamilyName><GivenName>小東</GivenName></Ideographic></PersonName></DicomAttribute>"#,
        );
        check(
            r#"{"00081110":{"vr":"SQ","Value":[{},{"00081155":{"vr":"UI","Value":["1.2"]}}]}}"#,
            r#"<DicomAttribute tag="00081110" vr="SQ" keyword="ReferencedStudySequence"><Item number="1"></Item><Item number="2"><DicomAttribute tag="00081155" vr="UI" keyword="ReferencedSOPInstanceUID"><Value number="1">1.2</Value></DicomAttribute></Item></DicomAttribute>"#,
        );
        check(
            r#"{"00282000":{"vr":"OB","InlineBinary":"AAE="},"7FE00010":{"vr":"OW","BulkDataURI":"https://h/a?b&c"}}"#,
            r#"<DicomAttribute tag="00282000" vr="OB" keyword="ICCProfile"><InlineBinary>AAE=</InlineBinary></DicomAttribute><DicomAttribute tag="7FE00010" vr="OW" keyword="PixelData"><BulkData uri="https://h/a?b&amp;c"/></DicomAttribute>"#,
        );
        check(
            r#"{"00104000":{"vr":"LT","Value":[" a<b>&\"c\"\r\n\u0001]]>"]}}"#,
            "<DicomAttribute tag=\"00104000\" vr=\"LT\" keyword=\"PatientComments\"><Value number=\"1\"> a&lt;b&gt;&amp;&quot;c&quot;&#13;&#10;\u{FFFD}]]&gt;</Value></DicomAttribute>",
        );
    }

    /// Private attributes name their owner and not their block; one without an owner keeps its number.
    #[test]
    fn private_attributes() {
        check(
            r#"{"00090010":{"vr":"LO","Value":["A & B"]},"00091001":{"vr":"SH","Value":["x"]},"00091101":{"vr":"UN"},"00091101":{"vr":"UN"},"60020010":{"vr":"US"}}"#,
            r#"<DicomAttribute tag="00090010" vr="LO"><Value number="1">A &amp; B</Value></DicomAttribute><DicomAttribute tag="00090001" vr="SH" privateCreator="A &amp; B"><Value number="1">x</Value></DicomAttribute><DicomAttribute tag="00091101" vr="UN"></DicomAttribute><DicomAttribute tag="00091101" vr="UN"></DicomAttribute><DicomAttribute tag="60020010" vr="US"></DicomAttribute>"#,
        );
    }
}
