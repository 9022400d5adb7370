//! A body cut into parts: by its boundary, or as the one part that it is.

use bytes::Bytes;
use dicomweb::multipart::{Boundary, Event, Limits, MultipartError, Parser, PartHead};

/// Gives the events of a body, whichever way it is framed.
pub(super) enum Parts {
    /// `multipart/related`.
    Multipart(Box<Parser>),
    /// The whole body is one instance. The Standard has no such request; senders have, and it is plain what they mean.
    One(One),
}

/// See [`Parts::One`].
pub(super) struct One {
    stage: Stage,
    chunk: Bytes,
    ended: bool,
}

enum Stage {
    Before,
    Inside,
    After,
    Done,
}

impl Parts {
    pub(super) fn multipart(boundary: &Boundary, limits: Limits) -> Self {
        Self::Multipart(Box::new(Parser::new(boundary, limits)))
    }

    pub(super) fn one() -> Self {
        Self::One(One { stage: Stage::Before, chunk: Bytes::new(), ended: false })
    }

    /// The next bytes of the body; pull all events before the next push.
    pub(super) fn push(&mut self, bytes: Bytes) {
        match self {
            Self::Multipart(parser) => parser.push(bytes),
            Self::One(one) => one.chunk = bytes,
        }
    }

    /// The body has ended.
    pub(super) fn finish(&mut self) {
        match self {
            Self::Multipart(parser) => parser.finish(),
            Self::One(one) => one.ended = true,
        }
    }

    /// The next event; `None` asks for more.
    pub(super) fn next_event(&mut self) -> Result<Option<Event>, MultipartError> {
        match self {
            Self::Multipart(parser) => parser.next_event(),
            Self::One(one) => Ok(one.next_event()),
        }
    }
}

impl One {
    fn next_event(&mut self) -> Option<Event> {
        match self.stage {
            // An empty body is no instance.
            Stage::Before if self.chunk.is_empty() && self.ended => self.step(Stage::Done, Event::End),
            Stage::Before if self.chunk.is_empty() => None,
            Stage::Before => self.step(Stage::Inside, Event::Part(PartHead::default())),
            Stage::Inside if !self.chunk.is_empty() => Some(Event::Data(std::mem::take(&mut self.chunk))),
            Stage::Inside if self.ended => self.step(Stage::After, Event::PartEnd),
            Stage::Inside => None,
            Stage::After => self.step(Stage::Done, Event::End),
            Stage::Done => None,
        }
    }

    fn step(&mut self, to: Stage, event: Event) -> Option<Event> {
        self.stage = to;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part() {
        for (chunks, expected) in
            [(vec!["ab", "", "cd"], vec!["part", "ab", "cd", "part end", "end"]), (vec![], vec!["end"])]
        {
            let mut parts = Parts::one();
            let mut seen = Vec::new();
            let mut take = |parts: &mut Parts| {
                while let Some(event) = parts.next_event().expect("no error") {
                    seen.push(match event {
                        Event::Part(_) => "part".to_owned(),
                        Event::Data(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                        Event::PartEnd => "part end".to_owned(),
                        Event::End => "end".to_owned(),
                    });
                }
            };
            for chunk in chunks {
                parts.push(Bytes::from_static(chunk.as_bytes()));
                take(&mut parts);
            }
            parts.finish();
            take(&mut parts);
            assert_eq!(seen, expected);
        }
    }
}
