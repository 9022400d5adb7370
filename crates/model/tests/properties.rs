//! Properties of every input: nothing panics, cuts do not show, what is well formed is accepted. TS-025.
//! `PROPTEST_CASES=1000000 cargo test --release -p model --test properties` looks longer.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::path::Path;
use std::sync::OnceLock;

use common::Digest;
use model::matching::{MatchError, Rule, like_pattern, matches, matches_wildcard, parse};
use model::part10::{NewMeta, read_head, write_head};
use model::scan::{Element, InflateLimit, Limits, ScanError, ScanSummary, Scanner, Sink};
use model::transfer_syntax::{self, DEFLATED, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, Syntax};
use model::{AeTitle, Tag, Uid, VR, value};
use proptest::collection::vec;
use proptest::prelude::*;

/// Limits small enough that random data meets them.
const SMALL: Limits = Limits {
    depth: 6,
    elements: 200,
    held: 16,
    inflated: InflateLimit { max: 1 << 20, ratio: 50, floor: 4_096 },
};

fn scan(syntax: Syntax, limits: Limits, pieces: &[&[u8]]) -> ((u64, u64), Result<ScanSummary, ScanError>) {
    let mut digest = Digest::default();
    let mut checked = (Nesting::default(), &mut digest);
    let mut scanner = Scanner::new(syntax, limits);
    let pushed = pieces.iter().try_for_each(|piece| scanner.push(piece, &mut checked));
    let end = pushed.and_then(|()| scanner.finish(&mut checked));
    if end.is_ok() {
        assert_eq!(checked.0.open, "", "everything that opens closes");
    }
    ((digest.hash, digest.events), end)
}

/// Cuts the data at these places, which are fractions of its length.
fn cut<'a>(data: &'a [u8], places: &[u16]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> =
        places.iter().map(|p| data.len() * usize::from(*p) / usize::from(u16::MAX)).collect();
    at.push(data.len());
    at.sort_unstable();
    let mut start = 0;
    at.into_iter().map(|end| &data[std::mem::replace(&mut start, end)..end]).collect()
}

fn same_however_cut(
    syntax: Syntax,
    limits: Limits,
    data: &[u8],
    places: &[u16],
) -> Result<ScanSummary, ScanError> {
    let whole = scan(syntax, limits, &[data]);
    let parts = scan(syntax, limits, &cut(data, places));
    // In a damaged deflate stream it is not said how much comes out before the damage is seen.
    if syntax == DEFLATED && whole.1.is_err() {
        assert!(parts.1.is_err(), "{parts:?}");
    } else {
        assert_eq!(parts, whole);
    }
    whole.1
}

/// Asserts that events nest as the contract of `Sink` says.
#[derive(Default)]
struct Nesting {
    /// One letter for each thing that is open.
    open: String,
    left: u32,
}

impl Nesting {
    fn inside(&self, what: &str) {
        let last = self.open.chars().last().unwrap_or('d');
        assert!(what.contains(last), "{what} expected, open is {}", self.open);
    }

    fn end(&mut self, what: char) {
        assert_eq!(self.open.pop(), Some(what));
    }
}

impl Sink for Nesting {
    fn element(&mut self, element: &Element, value: &[u8]) {
        self.inside("di");
        assert_eq!(element.length, Some(value.len() as u32));
    }

    fn long(&mut self, element: &Element) {
        self.inside("di");
        self.left = element.length.expect("a length");
        self.open.push('l');
    }

    fn bytes(&mut self, chunk: &[u8]) {
        self.inside("l");
        assert!(!chunk.is_empty());
        self.left -= chunk.len() as u32;
    }

    fn long_end(&mut self) {
        assert_eq!(self.left, 0);
        self.end('l');
    }

    fn sequence(&mut self, _: &Element) {
        self.inside("di");
        self.open.push('s');
    }

    fn item(&mut self, _: Option<u32>) {
        self.inside("s");
        self.open.push('i');
    }

    fn item_end(&mut self) {
        self.end('i');
    }

    fn sequence_end(&mut self) {
        self.end('s');
    }

    fn fragments(&mut self, _: &Element) {
        self.inside("di");
        self.open.push('f');
    }

    fn fragment(&mut self, _: u32, _: u64, length: u32) {
        self.inside("f");
        self.left = length;
        self.open.push('l');
    }

    fn fragments_end(&mut self) {
        self.end('f');
    }
}

/// A data set as it means, to be encoded in any way.
#[derive(Clone, Debug)]
enum Node {
    Value(Tag, VR, Vec<u8>),
    Sequence(Tag, Lengths, Vec<(Lengths, Vec<Node>)>),
    Fragments(Vec<Vec<u8>>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Lengths {
    Defined,
    Undefined,
}

fn lengths() -> impl Strategy<Value = Lengths> {
    prop_oneof![Just(Lengths::Defined), Just(Lengths::Undefined)]
}

fn node() -> impl Strategy<Value = Node> {
    let bytes = || vec(any::<u8>(), 0..40);
    let value = prop_oneof![
        Just((Tag(0x0010, 0x0010), VR::PN)),
        Just((Tag(0x0008, 0x0018), VR::UI)),
        Just((Tag(0x0028, 0x0103), VR::US)),
        Just((Tag(0x0028, 0x0106), VR::SS)),
        Just((Tag(0x0042, 0x0011), VR::OB)),
        Just((Tag(0x0009, 0x1001), VR::UN)),
        Just((Tag(0x0008, 0x0119), VR::UC)),
        Just((Tag(0x7FE0, 0x0010), VR::OW)),
    ];
    let leaf = prop_oneof![
        4 => (value, bytes()).prop_map(|((tag, vr), bytes)| Node::Value(tag, vr, bytes)),
        1 => vec(bytes(), 0..4).prop_map(Node::Fragments),
    ];
    leaf.prop_recursive(4, 40, 4, move |inner| {
        let item = (lengths(), vec(inner, 0..4));
        (lengths(), vec(item, 0..4))
            .prop_map(|(lengths, items)| Node::Sequence(Tag(0x0008, 0x1140), lengths, items))
    })
}

/// Bytes and how many elements, items and fragments they are.
fn encode(nodes: &[Node], syntax: Syntax) -> (Vec<u8>, u64) {
    let mut out = Vec::new();
    let mut count = 0;
    for node in nodes {
        count += 1;
        match node {
            Node::Value(tag, vr, bytes) => {
                header(&mut out, syntax, *tag, Some(*vr), Some(bytes.len()));
                out.extend_from_slice(bytes);
            }
            Node::Sequence(tag, lengths, items) => {
                let mut body = Vec::new();
                for (lengths, nodes) in items {
                    let (item, inner) = encode(nodes, syntax);
                    count += 1 + inner;
                    enclose(&mut body, syntax, Tag(0xFFFE, 0xE000), None, *lengths, &item);
                }
                enclose(&mut out, syntax, *tag, Some(VR::SQ), *lengths, &body);
            }
            Node::Fragments(fragments) => {
                let mut body = Vec::new();
                for fragment in fragments {
                    count += 1;
                    enclose(&mut body, syntax, Tag(0xFFFE, 0xE000), None, Lengths::Defined, fragment);
                }
                enclose(&mut out, syntax, Tag(0x7FE0, 0x0010), Some(VR::OB), Lengths::Undefined, &body);
            }
        }
    }
    (out, count)
}

fn enclose(out: &mut Vec<u8>, syntax: Syntax, tag: Tag, vr: Option<VR>, lengths: Lengths, body: &[u8]) {
    let defined = lengths == Lengths::Defined;
    header(out, syntax, tag, vr, defined.then_some(body.len()));
    out.extend_from_slice(body);
    if !defined {
        let end = if vr.is_some() { 0xE0DD } else { 0xE00D };
        header(out, syntax, Tag(0xFFFE, end), None, Some(0));
    }
}

fn header(out: &mut Vec<u8>, syntax: Syntax, tag: Tag, vr: Option<VR>, length: Option<usize>) {
    let big = syntax == EXPLICIT_BE;
    let two = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let four = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let length = length.map_or(u32::MAX, |n| n as u32);
    out.extend_from_slice(&two(tag.0));
    out.extend_from_slice(&two(tag.1));
    match vr.filter(|_| syntax != IMPLICIT_LE) {
        Some(vr @ (VR::OB | VR::OW | VR::SQ | VR::UN | VR::UC)) => {
            out.extend_from_slice(&vr.to_bytes());
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(&four(length));
        }
        Some(vr) => {
            out.extend_from_slice(&vr.to_bytes());
            out.extend_from_slice(&two(length as u16));
        }
        None => out.extend_from_slice(&four(length)),
    }
}

fn syntaxes() -> impl Strategy<Value = Syntax> {
    prop_oneof![Just(IMPLICIT_LE), Just(EXPLICIT_LE), Just(EXPLICIT_BE), Just(DEFLATED)]
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, data).expect("in memory");
    encoder.finish().expect("in memory")
}

/// The files of `tests/data` that are not too long for many runs.
fn files() -> &'static [Vec<u8>] {
    static FILES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let dicom =
            entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "dcm"));
        let files = dicom.filter_map(|path| std::fs::read(path).ok());
        files.filter(|bytes| (1..40_000).contains(&bytes.len())).collect()
    })
}

const VRS: [VR; 34] = [
    VR::AE,
    VR::AS,
    VR::AT,
    VR::CS,
    VR::DA,
    VR::DS,
    VR::DT,
    VR::FL,
    VR::FD,
    VR::IS,
    VR::LO,
    VR::LT,
    VR::OB,
    VR::OD,
    VR::OF,
    VR::OL,
    VR::OV,
    VR::OW,
    VR::PN,
    VR::SH,
    VR::SL,
    VR::SQ,
    VR::SS,
    VR::ST,
    VR::SV,
    VR::TM,
    VR::UC,
    VR::UI,
    VR::UL,
    VR::UN,
    VR::UR,
    VR::US,
    VR::UT,
    VR::UV,
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(
        syntax in syntaxes(),
        data in vec(any::<u8>(), 0..600),
        places in vec(any::<u16>(), 0..8),
    ) {
        let _ = same_however_cut(syntax, SMALL, &data, &places);
    }

    #[test]
    fn well_formed_data_sets_are_accepted_and_counted(
        syntax in syntaxes(),
        nodes in vec(node(), 0..6),
        places in vec(any::<u16>(), 0..8),
    ) {
        let encoded = if syntax == DEFLATED { EXPLICIT_LE } else { syntax };
        let (plain, elements) = encode(&nodes, encoded);
        let data = if syntax == DEFLATED { deflate(&plain) } else { plain.clone() };
        let summary = same_however_cut(syntax, Limits { held: 16, ..Limits::default() }, &data, &places);
        prop_assert_eq!(summary, Ok(ScanSummary { length: plain.len() as u64, elements }));
    }

    #[test]
    fn damaged_data_sets_never_panic(
        syntax in syntaxes(),
        nodes in vec(node(), 1..6),
        damage in vec((any::<u16>(), any::<u8>()), 1..6),
        end in any::<u16>(),
        places in vec(any::<u16>(), 0..8),
    ) {
        let encoded = if syntax == DEFLATED { EXPLICIT_LE } else { syntax };
        let (plain, _) = encode(&nodes, encoded);
        let mut data = if syntax == DEFLATED { deflate(&plain) } else { plain };
        let length = data.len();
        for (place, byte) in damage {
            data[usize::from(place) % length] = byte;
        }
        // A third of them is cut as well.
        data.truncate(if end % 3 == 0 { usize::from(end) % (length + 1) } else { length });
        let _ = same_however_cut(syntax, SMALL, &data, &places);
        let _ = same_however_cut(syntax, Limits::default(), &data, &places);
    }

    /// The project's own files, damaged.
    #[test]
    fn damaged_files_never_panic(
        file in any::<prop::sample::Index>(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        places in vec(any::<u16>(), 0..8),
    ) {
        let files = files();
        prop_assume!(!files.is_empty());
        let mut bytes = file.get(files).clone();
        for (place, byte) in damage {
            // Mostly in the first 2 KiB, where the structure is.
            let length = bytes.len().min(2_048);
            bytes[place.index(length)] = byte;
        }
        if let Ok(Some(head)) = read_head(&bytes, true)
            && let Some(syntax) = transfer_syntax::by_uid(&head.syntax_uid)
        {
            let _ = same_however_cut(syntax, Limits::default(), &bytes[head.data_offset..], &places);
        }
    }

    #[test]
    fn heads_never_panic_and_never_change_their_mind(
        preamble in any::<bool>(),
        start in prop_oneof![Just(vec![2, 0, 0, 0, b'U', b'L', 4, 0]), Just(vec![2, 0, 16, 0, b'U', b'I', 4, 0]), Just(vec![])],
        rest in vec(prop_oneof![Just(2_u8), Just(0), Just(b'O'), Just(b'B'), any::<u8>()], 0..400),
    ) {
        let mut bytes = if preamble { [vec![0; 128], b"DICM".to_vec()].concat() } else { vec![] };
        bytes.extend_from_slice(&start);
        bytes.extend_from_slice(&rest);
        let mut before = Ok(None);
        for length in 0..=bytes.len() {
            let now = read_head(&bytes[..length], false);
            let decided = before != Ok(None);
            prop_assert!(!decided || now == before, "{:?} then {:?}", before, now);
            let _ = read_head(&bytes[..length], true);
            before = now;
        }
        prop_assert!(read_head(&bytes, true) != Ok(None));
    }

    #[test]
    fn written_heads_read_back(
        class in "[0-9]{1,9}(\\.[0-9]{1,9}){0,5}",
        instance in "[0-9]{1,9}(\\.[0-9]{1,9}){0,5}",
        syntax in 0..transfer_syntax::ALL.len(),
        private in proptest::option::of(vec(any::<u8>(), 0..400)),
    ) {
        let transfer_syntax = transfer_syntax::ALL[syntax].uid;
        let private = private.as_deref();
        let new = NewMeta { sop_class: &class, sop_instance: &instance, transfer_syntax, source_ae: None, private };
        let bytes = write_head(&new, Some(1_024));
        prop_assert!(private.is_none() || bytes.len() == 1_024);
        let head = read_head(&bytes, true).expect("well formed").expect("whole");
        prop_assert_eq!(head.data_offset, bytes.len());
        prop_assert_eq!(head.syntax_uid, transfer_syntax);
        let meta = head.meta.expect("meta");
        prop_assert_eq!((meta.sop_class, meta.sop_instance), (Some(class), Some(instance)));
        prop_assert!(meta.private.unwrap_or_default().starts_with(private.unwrap_or_default()));
    }

    #[test]
    fn uids_and_titles_hold_only_what_is_safe(bytes in vec(any::<u8>(), 0..80)) {
        if let Ok(uid) = Uid::from_value(&bytes) {
            let text = uid.as_str();
            prop_assert!((1..=64).contains(&text.len()));
            prop_assert!(text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !text.contains(".."));
            prop_assert_eq!(text.parse(), Ok(uid));
        }
        if let Ok(title) = AeTitle::from_value(&bytes) {
            prop_assert!(title.as_str().bytes().all(|b| matches!(b, b' '..=b'~') && b != b'\\'));
            prop_assert_eq!(title.as_str().trim(), title.as_str());
        }
    }

    #[test]
    fn keys_never_panic(text in prop_oneof!["\\PC*", "[0-9.:+*?,\\\\ -]{0,40}"], value in "\\PC{0,30}") {
        for vr in VRS {
            match parse(vr, &text) {
                Ok(rule) => {
                    matches(&rule, vr, &value);
                    prop_assert!(rule != Rule::Universal || matches(&rule, vr, &value));
                }
                Err(error) => prop_assert!(error != MatchError::Nul || text.contains('\0')),
            }
        }
        let _ = (value::date(&text), value::time_span(&text), value::date_time_span(&text));
        let _ = (value::integer_text(&text), value::decimal_text(&text), like_pattern(&text));
    }

    #[test]
    fn numbers_never_panic(bytes in vec(any::<u8>(), 0..40), big_endian in any::<bool>()) {
        for vr in VRS {
            let element =
                Element { tag: Tag(8, 8), vr, length: None, offset: 0, depth: 0, explicit: true, big_endian };
            let _ = value::integers(&element, &bytes).count() + value::decimals(&element, &bytes).count();
            let _ = value::trim(vr, &bytes);
        }
    }

    /// A date or time that is understood is within the span that it is given, and in the order of time.
    #[test]
    fn moments_are_ordered(
        (y, m, d) in (1_900..2_100, 1..13, 1..29),
        (h, min, s) in (0..24, 0..60, 0..60),
        digits in 0_usize..15,
    ) {
        let digits = 4 + digits / 2 * 2;
        let whole = format!("{y:04}{m:02}{d:02}{h:02}{min:02}{s:02}");
        let text = &whole[..digits.min(whole.len())];
        let (first, last) = value::date_time_span(text).expect("a moment");
        prop_assert!(first <= last && first.starts_with(text));
        let whole = format!("{whole}.000000");
        prop_assert!(first <= whole && whole <= last, "{} {} {}", first, whole, last);
    }

    /// The wildcard matcher says what the obvious one says.
    #[test]
    fn wildcards_mean_what_they_say(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
        prop_assert_eq!(matches_wildcard(&pattern, &text), obvious(pattern.as_bytes(), text.as_bytes()));
    }
}

fn obvious(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|n| obvious(rest, &text[n..])),
        ([b'?', rest @ ..], [_, text @ ..]) => obvious(rest, text),
        ([p, rest @ ..], [t, text @ ..]) => p == t && obvious(rest, text),
        _ => false,
    }
}
