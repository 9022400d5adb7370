//! The parser against a naive one that sees the whole body at once.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Boundary, Event, Limits, MultipartError, Parser, PartHead};

/// One part: its head and its bytes.
type Parts = Vec<(PartHead, Vec<u8>)>;

/// Reads a body by looking at every position; slow, and short enough to be seen to be right.
fn naive(body: &[u8], boundary: &str, limits: Limits) -> (Parts, Option<MultipartError>) {
    let mut parts = Parts::new();
    let first = delimiter_from(body, 0, boundary);
    let preamble = first.map_or(body.len(), |line| line.start.saturating_sub(2)) as u64;
    if preamble > limits.preamble {
        return (parts, Some(MultipartError::PreambleTooLong(limits.preamble)));
    }
    let Some(mut line) = first else {
        return (parts, Some(MultipartError::NoDelimiter));
    };
    while !line.closing {
        let number = parts.len() as u32 + 1;
        if number > limits.parts {
            return (parts, Some(MultipartError::TooManyParts(limits.parts)));
        }
        let rest = &body[line.end..];
        let lines = if rest.starts_with(b"\r\n") {
            Some(0)
        } else {
            rest.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 2)
        };
        let head_end = lines.map_or(rest.len(), |at| at + 2);
        if head_end > limits.head {
            return (parts, Some(MultipartError::HeadTooLong { part: number, limit: limits.head }));
        }
        let Some(lines) = lines else {
            return (parts, Some(MultipartError::Truncated(number)));
        };
        let Some(head) = PartHead::parse(&rest[..lines]) else {
            return (parts, Some(MultipartError::BadHead(number)));
        };
        let start = line.end + head_end;
        let Some(next) = delimiter_from(body, start, boundary) else {
            return (parts, Some(MultipartError::Truncated(number)));
        };
        let end = if next.start == start { start } else { next.start - 2 };
        parts.push((head, body[start..end].to_vec()));
        line = next;
    }
    (parts, None)
}

#[derive(Clone, Copy)]
struct DelimiterLine {
    start: usize,
    end: usize,
    closing: bool,
}

fn delimiter_from(body: &[u8], from: usize, boundary: &str) -> Option<DelimiterLine> {
    (from..body.len()).find_map(|start| {
        let line_start = start == from || (start >= from + 2 && body[..start].ends_with(b"\r\n"));
        let rest = body[start..].strip_prefix(format!("--{boundary}").as_bytes())?;
        let closing = rest.starts_with(b"--");
        let rest = if closing { &rest[2..] } else { rest };
        let padding = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let ending = &rest[padding..];
        let ends = ending.starts_with(b"\r\n")
            || closing && (ending.starts_with(b"\n") || ending.is_empty() || ending == b"\r");
        let skip = if ending.starts_with(b"\r\n") { 2 } else { 0 };
        let end = body.len() - ending.len() + skip;
        (line_start && ends).then_some(DelimiterLine { start, end, closing })
    })
}

fn streamed(
    body: &[u8],
    splits: &[usize],
    boundary: &str,
    limits: Limits,
) -> (Parts, Option<MultipartError>) {
    let boundary = Boundary::new(boundary).expect("a boundary");
    let mut parser = Parser::new(&boundary, limits);
    let mut parts = Parts::new();
    let mut open: Option<(PartHead, Vec<u8>)> = None;
    let mut body = Bytes::copy_from_slice(body);
    let mut splits = splits.iter().cycle();
    loop {
        match parser.next_event() {
            Err(error) => {
                assert_eq!(parser.next_event(), Err(error.clone()), "an error stays");
                return (parts, Some(error));
            }
            Ok(Some(Event::Part(head))) => open = Some((head, Vec::new())),
            Ok(Some(Event::Data(bytes))) => {
                assert!(!bytes.is_empty());
                open.as_mut().expect("an open part").1.extend_from_slice(&bytes);
            }
            Ok(Some(Event::PartEnd)) => parts.push(open.take().expect("an open part")),
            Ok(Some(Event::End)) => return (parts, None),
            Ok(None) if body.is_empty() => parser.finish(),
            Ok(None) => {
                let size = splits.next().copied().unwrap_or(1).clamp(1, body.len());
                parser.push(body.split_to(size));
            }
        }
    }
}

/// Pieces of which nasty bodies are made.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let fixed = [
        "\r\n",
        "\r",
        "\n",
        "--",
        "-",
        "bo",
        "--bo",
        "\r\n--bo",
        "\r\n--b",
        "\r\n--bo\r\n",
        "\r\n--bo \t\r\n",
        "--bo\r\n",
        "\r\n--bo--",
        "\r\n--bo--\r\n",
        "\r\n--bo-\r\n",
        "\r\n--boo\r\n",
        "\r\n--bo--x",
        " ",
        "\t",
        "A: b",
        "\r\n\r\n",
        "A: b\r\n c\r\n\r\n",
        "x",
    ];
    prop_oneof![
        8 => prop::sample::select(fixed.map(|s| s.as_bytes().to_vec()).to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn stow_042_same_as_the_naive_parser(
        pieces in prop::collection::vec(piece(), 0..40),
        splits in prop::collection::vec(prop_oneof![1usize..4, 1usize..200], 1..8),
        small in any::<bool>(),
    ) {
        let body = pieces.concat();
        let limits = if small { Limits { preamble: 20, head: 24, parts: 3 } } else { Limits::default() };
        prop_assert_eq!(streamed(&body, &splits, "bo", limits), naive(&body, "bo", limits));
    }

    #[test]
    fn stow_042_part_bytes_come_back(
        bodies in prop::collection::vec(prop::collection::vec(piece(), 0..12), 1..5),
        preamble in "[a-z \r\n]{0,40}",
        epilogue in prop::collection::vec(any::<u8>(), 0..40),
        splits in prop::collection::vec(1usize..300, 1..8),
    ) {
        // A boundary that the pieces cannot form, though its first letters can.
        let boundary = "bo0123456789abcdef";
        let mut body = preamble.into_bytes();
        let mut expected = Vec::new();
        for part in &bodies {
            let part = part.concat();
            body.extend_from_slice(format!("\r\n--{boundary} \r\nContent-Type: a/b\r\n\r\n").as_bytes());
            body.extend_from_slice(&part);
            expected.push(part);
        }
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        body.extend_from_slice(&epilogue);
        let (parts, error) = streamed(&body, &splits, boundary, Limits::default());
        prop_assert_eq!(error, None);
        prop_assert_eq!(parts.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), expected);
    }
}

fn check(body: &str, expected: Result<&[&str], MultipartError>) {
    for split in [1, 2, 3, 7, 1000] {
        let (parts, error) =
            streamed(body.as_bytes(), &[split], "b", Limits { preamble: 30, head: 40, parts: 3 });
        let bodies: Vec<_> =
            parts.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect();
        match (&expected, error) {
            (Ok(expected), None) => assert_eq!(&bodies, expected, "{body:?} by {split}"),
            (Err(expected), Some(error)) => assert_eq!(&error, expected, "{body:?} by {split}"),
            (_, error) => panic!("{body:?} by {split}: {bodies:?} {error:?}"),
        }
    }
}

#[test]
fn bodies() {
    check("--b\r\n\r\none\r\n--b--\r\n", Ok(&["one"]));
    check("--b\r\nA: x\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--", Ok(&["one", "two"]));
    // Preamble, epilogue, padding.
    check("ignored\r\n--b \t\r\n\r\none\r\n--b-- \r\nignored", Ok(&["one"]));
    check("--b\r\n\r\none\r\n--b--\r\n--b\r\n\r\nignored\r\n--b--", Ok(&["one"]));
    check("--b\r\n\r\none\r\n--b--\n", Ok(&["one"]));
    // Parts without a body, or with an empty one.
    check("--b\r\n\r\n--b--", Ok(&[""]));
    check("--b\r\n\r\n\r\n--b--", Ok(&[""]));
    check("--b\r\nA: x\r\n\r\n--b\r\n\r\n\r\n\r\n--b--", Ok(&["", "\r\n"]));
    // STOW-042: what only looks like a delimiter is the part's.
    check(
        "--b\r\n\r\n\r\n--bc\r\n --b\r\n\n--b\n\r\n--b--x\r\n\r\n\r\n--b--",
        Ok(&["\r\n--bc\r\n --b\r\n\n--b\n\r\n--b--x\r\n\r\n"]),
    );
    check("--b\r\n\r\n\r\r\n--\r\n--b\r\n\r\n\r\n--b--", Ok(&["\r\r\n--", ""]));
    // No parts.
    check("--b--", Ok(&[]));
    check("--b--\r\n", Ok(&[]));
    // STOW-007 and what is no multipart body.
    check("", Err(MultipartError::NoDelimiter));
    check("text", Err(MultipartError::NoDelimiter));
    check("--c\r\n\r\none\r\n--c--", Err(MultipartError::NoDelimiter));
    check("--b\r\n\r\none", Err(MultipartError::Truncated(1)));
    check("--b\r\n\r\none\r\n--b", Err(MultipartError::Truncated(1)));
    check("--b\r\n\r\none\r\n--b\r\n", Err(MultipartError::Truncated(2)));
    check("--b\r\nA: x", Err(MultipartError::Truncated(1)));
    check("--b\r\nno field\r\n\r\none\r\n--b--", Err(MultipartError::BadHead(1)));
    // Limits.
    check(&format!("{}\r\n--b--", "p".repeat(30)), Ok(&[]));
    check(&format!("{}\r\n--b--", "p".repeat(31)), Err(MultipartError::PreambleTooLong(30)));
    check(&format!("--b\r\nA: {}\r\n\r\n\r\n--b--", "x".repeat(33)), Ok(&[""]));
    check(
        &format!("--b\r\nA: {}\r\n\r\n\r\n--b--", "x".repeat(34)),
        Err(MultipartError::HeadTooLong { part: 1, limit: 40 }),
    );
    check(&format!("--b\r\n{}", "x".repeat(1_000)), Err(MultipartError::HeadTooLong { part: 1, limit: 40 }));
    check(&format!("{}--b--", "--b\r\n\r\n\r\n".repeat(3)), Ok(&["", "", ""]));
    check(&format!("{}--b--", "--b\r\n\r\n\r\n".repeat(4)), Err(MultipartError::TooManyParts(3)));
}

#[test]
fn data_is_not_copied() {
    let boundary = Boundary::new("b").expect("a boundary");
    let mut parser = Parser::new(&boundary, Limits::default());
    let pushed = Bytes::from(format!("--b\r\n\r\n{}\r\n--b--", "x".repeat(100_000)));
    let range = pushed.as_ptr_range();
    parser.push(pushed);
    let mut given = 0;
    while let Some(event) = parser.next_event().expect("well formed") {
        if let Event::Data(bytes) = event {
            assert!(range.contains(&bytes.as_ptr()), "a slice of what was pushed");
            given += bytes.len();
        }
    }
    assert_eq!(given, 100_000);
}
