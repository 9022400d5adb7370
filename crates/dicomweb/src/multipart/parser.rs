//! The streaming parser: bytes in, events out, nothing held but a head and a delimiter line.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use memchr::{memchr, memmem, memrchr};

use super::{Boundary, PartHead};

/// Spaces and tabs that may stand between a boundary and its line end (RFC 2046 "transport-padding").
const PADDING: usize = 256;

/// A head is gathered in steps of this many bytes, so that little of a part's body is ever copied.
const STEP: usize = 512;

/// What a body may ask of us. Worst case held per body: `head` + 1 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes before the first delimiter, 64 KiB; they are counted, not held.
    pub preamble: u64,
    /// Bytes of one part's head, 16 KiB; held until the head ends.
    pub head: usize,
    /// Parts of one body, 10,000.
    pub parts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { preamble: 64 << 10, head: 16 << 10, parts: 10_000 }
    }
}

/// What comes next in the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A part begins.
    Part(PartHead),
    /// The next bytes of the open part: a slice of what was pushed, never empty. The CRLF before a delimiter is not
    /// among them, every other byte is (RFC 2046 5.1.1).
    Data(Bytes),
    /// The open part is whole.
    PartEnd,
    /// The closing delimiter was read; whatever follows is ignored.
    End,
}

/// Why a body is no multipart body. Where a part is named, the first is 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// No delimiter anywhere.
    #[error("the body has no line with the boundary of its Content-Type")]
    NoDelimiter,
    /// [`Limits::preamble`].
    #[error("more than {0} bytes stand before the first boundary")]
    PreambleTooLong(u64),
    /// [`Limits::head`].
    #[error("the head of part {part} is longer than {limit} bytes")]
    HeadTooLong {
        /// The part.
        part: u32,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A line of a head is no header field.
    #[error("the head of part {0} has a line that is no header field")]
    BadHead(u32),
    /// [`Limits::parts`].
    #[error("the body has more than {0} parts")]
    TooManyParts(u32),
    /// The body ended inside a part: its closing delimiter is missing.
    #[error("the body ends in part {0}, before its closing boundary")]
    Truncated(u32),
}

/// A streaming `multipart/related` parser.
///
/// Push what arrived, pull events until there is none, push again; [`Parser::finish`] says that nothing more comes.
/// What is pushed in one go is given out before more is asked for, so a caller that pulls bounds what is held.
#[derive(Debug)]
pub struct Parser {
    needle: Vec<u8>,
    finder: memmem::Finder<'static>,
    limits: Limits,
    state: State,
    parts: u32,
    preamble: u64,
    head: Vec<u8>,
    /// Bytes that may be the start of a delimiter line; they come before `chunk`.
    tail: Vec<u8>,
    /// So many bytes of `tail` are not the peer's: a delimiter at the very start has no line end before it.
    assumed: usize,
    chunk: Bytes,
    queue: VecDeque<Bytes>,
    ended: bool,
}

#[derive(Debug)]
enum State {
    Preamble,
    NextPart,
    Head,
    Body,
    Closing,
    Epilogue,
    Failed(MultipartError),
}

enum Scan {
    Data(Bytes),
    Delimiter { closing: bool },
    Starved,
}

/// What the bytes after `CRLF--boundary` say.
enum Line {
    Delimiter { length: usize, closing: bool },
    Data,
    Unknown,
}

impl Parser {
    /// A parser for a body with this boundary.
    pub fn new(boundary: &Boundary, limits: Limits) -> Self {
        let needle = format!("\r\n--{boundary}").into_bytes();
        Self {
            finder: memmem::Finder::new(&needle).into_owned(),
            needle,
            limits,
            state: State::Preamble,
            parts: 0,
            preamble: 0,
            head: Vec::new(),
            tail: b"\r\n".to_vec(),
            assumed: 2,
            chunk: Bytes::new(),
            queue: VecDeque::new(),
            ended: false,
        }
    }

    /// Gives the next bytes of the body.
    pub fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() && !matches!(self.state, State::Epilogue) {
            self.queue.push_back(bytes);
        }
    }

    /// Says that the body has ended.
    pub fn finish(&mut self) {
        self.ended = true;
    }

    /// The parts that have begun so far.
    pub fn parts(&self) -> u32 {
        self.parts
    }

    /// The next event; `None` when more bytes are needed, or after [`Event::End`].
    ///
    /// # Errors
    /// [`MultipartError`]; asked again, the same one.
    pub fn next_event(&mut self) -> Result<Option<Event>, MultipartError> {
        let next = match &self.state {
            State::Preamble => self.next_in_preamble(),
            State::NextPart => self.next_part(),
            State::Head => self.next_in_head(),
            State::Body => self.next_in_body(),
            State::Closing => {
                self.state = State::Epilogue;
                self.chunk.clear();
                self.queue.clear();
                Ok(Some(Event::End))
            }
            State::Epilogue => Ok(None),
            State::Failed(error) => Err(error.clone()),
        };
        if let Err(error) = &next {
            self.state = State::Failed(error.clone());
            self.chunk.clear();
            self.queue.clear();
        }
        next
    }

    fn next_in_preamble(&mut self) -> Result<Option<Event>, MultipartError> {
        loop {
            match self.scan() {
                Scan::Data(ignored) => {
                    self.preamble = self.preamble.saturating_add(ignored.len() as u64);
                    if self.preamble > self.limits.preamble {
                        return Err(MultipartError::PreambleTooLong(self.limits.preamble));
                    }
                }
                Scan::Delimiter { closing: true } => {
                    self.state = State::Closing;
                    return self.next_event();
                }
                Scan::Delimiter { closing: false } => return self.next_part(),
                Scan::Starved if self.ended => return Err(MultipartError::NoDelimiter),
                Scan::Starved => return Ok(None),
            }
        }
    }

    fn next_part(&mut self) -> Result<Option<Event>, MultipartError> {
        if self.parts >= self.limits.parts {
            return Err(MultipartError::TooManyParts(self.limits.parts));
        }
        self.parts += 1;
        self.head.clear();
        self.state = State::Head;
        self.next_in_head()
    }

    fn next_in_head(&mut self) -> Result<Option<Event>, MultipartError> {
        loop {
            if self.chunk.is_empty() && !self.refill() {
                return if self.ended { Err(MultipartError::Truncated(self.parts)) } else { Ok(None) };
            }
            let before = self.head.len();
            let step = self.chunk.len().min(STEP);
            self.head.extend_from_slice(&self.chunk[..step]);
            let Some(end) = head_end(&self.head, before) else {
                if self.head.len() > self.limits.head {
                    return Err(MultipartError::HeadTooLong { part: self.parts, limit: self.limits.head });
                }
                self.chunk.advance(step);
                continue;
            };
            if end > self.limits.head {
                return Err(MultipartError::HeadTooLong { part: self.parts, limit: self.limits.head });
            }
            self.chunk.advance(end - before);
            let lines = &self.head[..end - 2];
            let head = PartHead::parse(lines).ok_or(MultipartError::BadHead(self.parts))?;
            self.assume_line_end();
            self.state = State::Body;
            return Ok(Some(Event::Part(head)));
        }
    }

    fn next_in_body(&mut self) -> Result<Option<Event>, MultipartError> {
        match self.scan() {
            Scan::Data(bytes) => Ok(Some(Event::Data(bytes))),
            Scan::Delimiter { closing } => {
                self.state = if closing { State::Closing } else { State::NextPart };
                Ok(Some(Event::PartEnd))
            }
            Scan::Starved if self.ended => Err(MultipartError::Truncated(self.parts)),
            Scan::Starved => Ok(None),
        }
    }

    /// The empty line of a head is also the line end before a delimiter that follows at once (RFC 2046: a part may
    /// have no body).
    fn assume_line_end(&mut self) {
        self.tail.clear();
        self.tail.extend_from_slice(b"\r\n");
        self.assumed = 2;
    }

    fn refill(&mut self) -> bool {
        match self.queue.pop_front() {
            Some(next) => {
                self.chunk = next;
                true
            }
            None => false,
        }
    }

    /// Data up to the next delimiter line, or the delimiter line itself.
    fn scan(&mut self) -> Scan {
        loop {
            if !self.tail.is_empty()
                && let Some(scan) = self.resolve_tail()
            {
                return scan;
            }
            if self.chunk.is_empty() && !self.refill() {
                return Scan::Starved;
            }
            if let Some(scan) = self.scan_chunk() {
                return scan;
            }
        }
    }

    /// Searches the chunk. `None` when all of it is now the tail.
    fn scan_chunk(&mut self) -> Option<Scan> {
        let at_end = self.ended && self.queue.is_empty();
        let mut from = 0;
        while let Some(found) = self.finder.find(&self.chunk[from..]) {
            let at = from + found;
            let after = at + self.needle.len();
            match classify(&self.chunk[after..], at_end) {
                Line::Data => from = after,
                Line::Delimiter { .. } if at > 0 => return Some(Scan::Data(self.chunk.split_to(at))),
                Line::Delimiter { length, closing } => {
                    self.chunk.advance(after + length);
                    return Some(Scan::Delimiter { closing });
                }
                Line::Unknown => return self.keep_from(at),
            }
        }
        self.keep_from(self.chunk.len() - partial(&self.chunk[from..], &self.needle))
    }

    /// Makes the chunk from `at` on the tail, and what stands before it data.
    fn keep_from(&mut self, at: usize) -> Option<Scan> {
        let data = self.chunk.split_to(at);
        self.tail.extend_from_slice(&self.chunk);
        self.chunk.clear();
        (!data.is_empty()).then_some(Scan::Data(data))
    }

    /// Decides, with the bytes that follow, what the tail is. `None` when nothing is left of it.
    fn resolve_tail(&mut self) -> Option<Scan> {
        let line = self.needle.len() + 2 + PADDING + 2;
        while !self.tail.is_empty() {
            if self.chunk.is_empty() {
                self.refill();
            }
            let own = self.tail.len();
            let more = self.chunk.len().min(line);
            self.tail.extend_from_slice(&self.chunk[..more]);
            let at_end = self.ended && self.queue.is_empty() && more == self.chunk.len();
            match self.candidate(at_end) {
                Line::Delimiter { length, closing } => {
                    self.chunk.advance(length.saturating_sub(own));
                    self.tail.clear();
                    self.assumed = 0;
                    return Some(Scan::Delimiter { closing });
                }
                Line::Unknown => {
                    self.chunk.advance(more);
                    if !self.refill() {
                        return Some(Scan::Starved);
                    }
                }
                Line::Data => {
                    self.tail.truncate(own);
                    let next = memchr(b'\r', &self.tail[1..]).map_or(own, |at| at + 1);
                    let data = Bytes::copy_from_slice(&self.tail[self.assumed.min(next)..next]);
                    self.tail.drain(..next);
                    self.assumed = self.assumed.saturating_sub(next);
                    if !data.is_empty() {
                        return Some(Scan::Data(data));
                    }
                }
            }
        }
        None
    }

    fn candidate(&self, at_end: bool) -> Line {
        match self.tail.strip_prefix(self.needle.as_slice()) {
            Some(rest) => match classify(rest, at_end) {
                Line::Delimiter { length, closing } => {
                    Line::Delimiter { length: self.needle.len() + length, closing }
                }
                other => other,
            },
            None if !at_end && self.needle.starts_with(&self.tail) => Line::Unknown,
            None => Line::Data,
        }
    }
}

/// Reads the rest of a line that began with `--boundary`: `--` when it closes, padding, line end. Anything else
/// makes it a line of the part that happens to look like a delimiter.
fn classify(rest: &[u8], at_end: bool) -> Line {
    let closing = rest.starts_with(b"--");
    if rest == b"-" && !at_end {
        return Line::Unknown;
    }
    let start = if closing { 2 } else { 0 };
    let padding = rest[start..].iter().take(PADDING).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let length = start + padding;
    match &rest[length..] {
        [b'\r', b'\n', ..] => Line::Delimiter { length: length + 2, closing },
        [b'\n', ..] if closing => Line::Delimiter { length: length + 1, closing },
        [] | [b'\r'] if !at_end => Line::Unknown,
        [] | [b'\r'] if closing => Line::Delimiter { length: rest.len(), closing },
        _ => Line::Data,
    }
}

/// How many bytes at the end of `bytes` may be the start of `needle`. Only the last CR can begin it.
fn partial(bytes: &[u8], needle: &[u8]) -> usize {
    let window = &bytes[bytes.len().saturating_sub(needle.len() - 1)..];
    match memrchr(b'\r', window) {
        Some(at) if needle.starts_with(&window[at..]) => window.len() - at,
        _ => 0,
    }
}

/// Where the head ends (after its empty line); the bytes before `from` were searched already.
fn head_end(head: &[u8], from: usize) -> Option<usize> {
    if head.starts_with(b"\r\n") {
        return Some(2);
    }
    let from = from.saturating_sub(3);
    memmem::find(&head[from..], b"\r\n\r\n").map(|at| from + at + 4)
}
