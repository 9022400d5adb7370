//! Sinks for tests.
#![allow(dead_code)] // each test uses some

use model::scan::{Element, Sink};
use model::{SeriesUid, SopClassUid, SopInstanceUid, StudyUid, Tag, UidError, VR};

/// The four UIDs without which nothing is stored.
#[derive(Default)]
pub struct Identity {
    pub class: Option<Result<SopClassUid, UidError>>,
    pub instance: Option<Result<SopInstanceUid, UidError>>,
    pub study: Option<Result<StudyUid, UidError>>,
    pub series: Option<Result<SeriesUid, UidError>>,
}

impl Identity {
    pub fn check(&self) -> Result<(), String> {
        fn one<T>(what: &str, uid: &Option<Result<T, UidError>>) -> Result<(), String> {
            match uid {
                None => Err(format!("no {what} UID")),
                Some(Err(why)) => Err(format!("{what} UID: {why}")),
                Some(Ok(_)) => Ok(()),
            }
        }
        one("SOP Class", &self.class)?;
        one("SOP Instance", &self.instance)?;
        one("Study Instance", &self.study)?;
        one("Series Instance", &self.series)
    }
}

impl Sink for Identity {
    fn element(&mut self, element: &Element, value: &[u8]) {
        if element.depth > 0 {
            return;
        }
        match element.tag {
            Tag(0x0008, 0x0016) => self.class = Some(SopClassUid::from_value(value)),
            Tag(0x0008, 0x0018) => self.instance = Some(SopInstanceUid::from_value(value)),
            Tag(0x0020, 0x000D) => self.study = Some(StudyUid::from_value(value)),
            Tag(0x0020, 0x000E) => self.series = Some(SeriesUid::from_value(value)),
            _ => {}
        }
    }
}

/// A running digest (FNV-1a) of every event; the chunks of one long value count as one.
pub struct Digest {
    pub hash: u64,
    pub events: u64,
}

impl Default for Digest {
    fn default() -> Digest {
        Digest { hash: 0xCBF2_9CE4_8422_2325, events: 0 }
    }
}

impl Digest {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn event(&mut self, text: String) {
        self.events += 1;
        self.add(text.as_bytes());
    }
}

impl Sink for Digest {
    fn element(&mut self, element: &Element, value: &[u8]) {
        self.event(format!("{element:?}"));
        self.add(value);
    }

    fn long(&mut self, element: &Element) {
        self.event(format!("long {element:?}"));
    }

    fn bytes(&mut self, chunk: &[u8]) {
        assert!(!chunk.is_empty());
        self.add(chunk);
    }

    fn long_end(&mut self) {
        self.event("long end".into());
    }

    fn sequence(&mut self, element: &Element) {
        self.event(format!("sequence {element:?}"));
    }

    fn item(&mut self, length: Option<u32>) {
        self.event(format!("item {length:?}"));
    }

    fn item_end(&mut self) {
        self.event("item end".into());
    }

    fn sequence_end(&mut self) {
        self.event("sequence end".into());
    }

    fn fragments(&mut self, element: &Element) {
        self.event(format!("fragments {element:?}"));
    }

    fn fragment(&mut self, index: u32, offset: u64, length: u32) {
        self.event(format!("fragment {index} {offset} {length}"));
    }

    fn fragments_end(&mut self) {
        self.event("fragments end".into());
    }
}

/// Every event as text; the chunks of one long value as one text.
#[derive(Default)]
pub struct Trace {
    events: Vec<String>,
    chunk: String,
}

impl Trace {
    pub fn events(&self) -> String {
        self.events.join(" | ")
    }

    fn header(element: &Element) -> String {
        let Tag(group, number) = element.tag;
        format!("{}:({group:04X},{number:04X}) {}", element.depth, element.vr)
    }

    fn place(element: &Element) -> String {
        format!("{}@{}", element.length.unwrap_or(u32::MAX), element.offset)
    }
}

impl Sink for Trace {
    fn element(&mut self, element: &Element, value: &[u8]) {
        let order = if element.big_endian { " big" } else { "" };
        let implicit =
            if element.depth > 0 && !element.explicit && element.vr == VR::CS { " implicit" } else { "" };
        let (header, place) = (Trace::header(element), Trace::place(element));
        self.events.push(format!("{header} {place}{order}{implicit} [{}]", value.len()));
    }

    fn long(&mut self, element: &Element) {
        self.events.push(format!("{} long {}", Trace::header(element), Trace::place(element)));
    }

    fn bytes(&mut self, chunk: &[u8]) {
        self.chunk.push_str(&String::from_utf8_lossy(chunk));
    }

    fn long_end(&mut self) {
        if !self.chunk.is_empty() {
            self.events.push(std::mem::take(&mut self.chunk));
        }
        self.events.push("long end".into());
    }

    fn sequence(&mut self, element: &Element) {
        self.events.push(format!("{} sequence", Trace::header(element)));
    }

    fn item(&mut self, length: Option<u32>) {
        self.events.push(format!("item {length:?}"));
    }

    fn item_end(&mut self) {
        self.events.push("item end".into());
    }

    fn sequence_end(&mut self) {
        self.events.push("sequence end".into());
    }

    fn fragments(&mut self, element: &Element) {
        self.events.push(format!("{} fragments", Trace::header(element)));
    }

    fn fragment(&mut self, index: u32, offset: u64, length: u32) {
        self.events.push(format!("fragment {index} {offset} {length}"));
    }

    fn fragments_end(&mut self) {
        self.events.push("fragments end".into());
    }
}
