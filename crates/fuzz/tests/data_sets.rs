//! Data sets and files: the scanner and everything that listens to it.

use std::path::Path;

use dicomweb::json::{BulkTable, JsonWriter, complete};
use fuzz::{Random, Target, behaviour, files, magnitude};
use imaging::frames::{LayoutRecorder, PixelLayout};
use model::part10::read_head;
use model::recode::ToExplicitLe;
use model::scan::{Element, InflateLimit, Limits, ScanError, Scanner, Sink};
use model::transfer_syntax::{DEFLATED, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Syntax, by_uid};

/// Small limits, so that inputs reach them.
const LIMITS: Limits = Limits {
    depth: 20,
    elements: 2_000,
    held: 300,
    inflated: InflateLimit { max: 1 << 20, ratio: 20, floor: 4_096 },
};

#[rustfmt::skip]
const WORDS: &[&[u8]] = &[
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"\xff\xff\xff\xff", b"\x08\0\x05\0CS\x0a\0ISO_IR 192", b"\x08\0\x05\0CS\x10\0\\ISO 2022 IR 87 ",
    b"\x08\0\x18\0UI\x04\x001.2\0", b"\x40\0\x30\xa7SQ\0\0\xff\xff\xff\xff",
    b"\x40\0\x30\xa7UN\0\0\xff\xff\xff\xff", b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff",
    b"\xe0\x7f\x10\0OW\0\0\x10\0\0\0", b"\xe0\x7f\x10\0\x10\0\0\0", b"\xe0\x7f\x01\0OV\0\0\x08\0\0\0",
    b"\x28\0\x08\0IS\x02\x003 ", b"\x28\0\x10\0US\x02\0\xff\xff", b"\x28\0\x00\x01US\x02\0\x01\0",
    b"\x28\0\x03\x01US\x02\0\x01\0", b"\x09\0\x10\0LO\x04\0ABCD",
    b"\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0", b"\x1b$B;3ED\x1b(B", b"\x81\\", b"OB", b"OW", b"SQ",
    b"UN", b"PN", b"DS", b"AT", b"UT", b"FD", b"QQ", b"\xff\xd8", b"\xff\xd9", b"\xff\x4f\xff\x51", b"DICM",
];

/// What was heard, byte by byte the same however the input was cut.
#[derive(Default, PartialEq, Debug)]
struct Trace {
    heard: Vec<String>,
    open: usize,
}

impl Sink for Trace {
    fn element(&mut self, element: &Element, value: &[u8]) {
        assert!(value.len() <= LIMITS.held, "a longer value is never held");
        assert_eq!(Some(value.len() as u32), element.length);
        self.heard.push(format!("{element:?} {value:?}"));
    }
    fn long(&mut self, element: &Element) {
        self.heard.push(format!("long {element:?}"));
        self.open = 0;
    }
    fn bytes(&mut self, chunk: &[u8]) {
        assert!(!chunk.is_empty());
        self.open += chunk.len();
    }
    fn long_end(&mut self) {
        self.heard.push(format!("end after {}", self.open));
        self.open = 0;
    }
    fn sequence(&mut self, element: &Element) {
        assert!(usize::from(element.depth) < LIMITS.depth);
        self.heard.push(format!("sequence {element:?}"));
    }
    fn item(&mut self, length: Option<u32>) {
        self.heard.push(format!("item {length:?}"));
    }
    fn item_end(&mut self) {
        self.heard.push("item end".into());
    }
    fn sequence_end(&mut self) {
        self.heard.push("sequence end".into());
    }
    fn fragments(&mut self, element: &Element) {
        self.heard.push(format!("fragments {element:?}"));
    }
    fn fragment(&mut self, index: u32, offset: u64, length: u32) {
        self.heard.push(format!("fragment {index} {offset} {length}"));
        self.open = 0;
    }
    fn fragments_end(&mut self) {
        self.heard.push("fragments end".into());
    }
}

fn scan<S: Sink>(syntax: Syntax, pieces: &[&[u8]], sink: &mut S) -> Result<u64, ScanError> {
    let mut scanner = Scanner::new(syntax, LIMITS);
    for piece in pieces {
        scanner.push(piece, sink)?;
    }
    scanner.finish(sink).map(|summary| summary.elements)
}

fn syntax(choice: u8) -> Syntax {
    let encapsulated = by_uid("1.2.840.10008.1.2.4.50").unwrap_or(EXPLICIT_LE);
    [EXPLICIT_LE, IMPLICIT_LE, EXPLICIT_BE, DEFLATED, encapsulated][usize::from(choice) % 5]
}

/// Our own test files: a byte that chooses the syntax, then the data set.
fn seeds() -> Vec<Vec<u8>> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let mut seeds = Vec::new();
    for file in files(&home).filter(|file| file.len() < 6_000) {
        let Ok(Some(head)) = read_head(&file, true) else { continue };
        let choice = match head.syntax_uid.as_str() {
            "1.2.840.10008.1.2" => 1,
            "1.2.840.10008.1.2.2" => 2,
            "1.2.840.10008.1.2.1.99" => 3,
            "1.2.840.10008.1.2.1" => 0,
            _ => 4,
        };
        seeds.push([&[choice], &file[head.data_offset..]].concat());
    }
    assert!(seeds.len() > 20, "tests/data is there");
    seeds
}

#[test]
fn data_set() {
    let target = Target { name: "data_set", seeds: seeds(), words: WORDS, longest: 8_192 };
    target.fuzz(|input, random| {
        let Some((&choice, data)) = input.split_first() else { return 0 };
        let syntax = syntax(choice);
        let whole = trace(syntax, &[data]);
        let cut = trace(syntax, &random.pieces(data));
        // How much comes before a damaged deflate stream is refused depends on the pieces; nothing else does.
        if syntax != DEFLATED || whole.1.is_ok() {
            assert_eq!(whole, cut, "the same however it is cut");
        }
        let (_, result) = &whole;
        if result.is_ok() {
            listeners(syntax, &random.pieces(data), data);
        }
        let said = match result {
            Ok(_) => "ok".to_owned(),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                // The words without the numbers in them.
                error.to_string().chars().filter(|c| c.is_alphabetic()).collect()
            }
        };
        let shape: Vec<&str> = whole.0.heard.iter().filter_map(|line| line.split(' ').next()).collect();
        behaviour((
            choice % 5,
            said,
            magnitude(shape.len()),
            shape.iter().filter(|s| **s != "Element").take(6).collect::<Vec<_>>(),
        ))
    });
}

fn trace(syntax: Syntax, pieces: &[&[u8]]) -> (Trace, Result<u64, String>) {
    let mut trace = Trace::default();
    let result = scan(syntax, pieces, &mut trace).map_err(|error| error.to_string());
    trace.open = 0;
    (trace, result)
}

/// Whatever the scanner takes, everything that listens copes with.
fn listeners(syntax: Syntax, pieces: &[&[u8]], data: &[u8]) {
    let mut json = JsonWriter::new();
    let mut layout = LayoutRecorder::new(syntax);
    let mut recoded = ToExplicitLe::new();
    let mut both = ((&mut json, &mut layout), &mut recoded);
    assert!(scan(syntax, pieces, &mut both).is_ok());

    let (stored, bulk) = json.finish();
    let mut text = Vec::new();
    complete(&stored, "http://h/studies/1/series/2/instances/3", &mut text);
    let object: serde_json::Value = serde_json::from_slice(&text)
        .unwrap_or_else(|e| panic!("no JSON: {e}: {}", String::from_utf8_lossy(&text)));
    assert!(object.is_object());
    assert_eq!(BulkTable::decode(&bulk.encode()).as_ref(), Ok(&bulk));
    let length = if syntax == DEFLATED { u64::MAX } else { data.len() as u64 };
    for row in bulk.iter() {
        assert!(row.offset.checked_add(row.length).is_some_and(|end| end <= length), "{row:?}");
        assert!(bulk.find(&row.path).is_some());
    }

    if let Some(layout) = layout.finish() {
        let kept = PixelLayout::decode(&layout.encode()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(kept.frames(), layout.frames());
        for number in [0, 1, 2, layout.frames(), layout.frames().saturating_add(1), u32::MAX] {
            match kept.frame(number) {
                Ok(frame) => {
                    assert!(number >= 1 && number <= layout.frames());
                    for part in &frame.parts {
                        assert!(part.start <= part.end && part.end <= length, "{frame:?}");
                    }
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }

    let mut limits = LIMITS;
    limits.depth += 1;
    limits.elements *= 2;
    let mut scanner = Scanner::new(EXPLICIT_LE, limits);
    let result = scanner.push(&recoded.out, &mut ()).and_then(|()| scanner.finish(&mut ()).map(|_| ()));
    assert!(result.is_ok(), "what was converted is a data set: {result:?}");
}

#[test]
fn file_head() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let heads = files(&home).map(|mut file| {
        file.truncate(600);
        file
    });
    let target = Target { name: "file_head", seeds: heads.collect(), words: WORDS, longest: 4_096 };
    target.fuzz(|input, random: &mut Random| {
        let whole = read_head(input, true);
        assert!(!matches!(whole, Ok(None)), "at the end there is an answer");
        for _ in 0..3 {
            let some = read_head(&input[..random.below(input.len() + 1)], false);
            if let (Ok(Some(early)), Ok(Some(late))) = (&some, &whole) {
                assert_eq!(early, late, "more bytes change nothing");
            }
        }
        match whole {
            Ok(Some(head)) => {
                assert!(head.data_offset <= input.len());
                behaviour((
                    head.preamble,
                    head.meta.is_some(),
                    by_uid(&head.syntax_uid).map(|syntax| syntax.uid),
                ))
            }
            Ok(None) => 0,
            Err(error) => {
                behaviour(error.to_string().chars().filter(|c| c.is_alphabetic()).collect::<String>())
            }
        }
    });
}
