//! Bulk data that goes straight into the archive: the last part of an instance, when its length is known.

use archive::Incoming;
use bytes::Bytes;
use dicomweb::stow::Failure;

use super::assemble::{Ready, Streamed};
use super::part::Role;
use super::waiting::Target;
use super::{Open, Session, native};

/// An instance whose last value is coming.
pub(super) struct Streaming<'a> {
    pub(super) ready: Ready,
    pub(super) incoming: Box<Incoming<'a>>,
    pub(super) length: u64,
    pub(super) come: u64,
}

impl<'a> Session<'a> {
    /// Whether this part can go straight into the archive: it is the last of one instance, and its length is known.
    pub(super) fn streamed(
        &self,
        wanted: &[(Target, Role)],
        frame: Option<usize>,
        announced: Option<u64>,
    ) -> Option<(Target, Role, Streamed)> {
        let [(target, role @ (Role::Value | Role::Document))] = wanted else { return None };
        let pending = self.waiting.get(*target).filter(|pending| pending.is_last(target.hole))?;
        let hole = pending.instance.bulk().get(target.hole)?;
        let pixels = hole.is_pixel_data() && !hole.nested;
        let described = || native::length(&pending.instance).filter(|_| pixels);
        let length = announced.or_else(described).filter(|_| frame.is_none())?;
        Some((*target, *role, Streamed { hole: target.hole, length }))
    }

    pub(super) async fn stream(
        &mut self,
        target: Target,
        role: Role,
        media: Option<String>,
        streamed: Streamed,
    ) -> Open<'a> {
        let Some(pending) = self.waiting.take(target) else { return Open::Ignored };
        let (number, identity) = (pending.number, pending.instance.identity());
        let media = media.filter(|_| role == Role::Document);
        let mut ready = match Ready::new(*pending, Some(streamed), Some((role, media))) {
            Ok(ready) => ready,
            Err((failure, why)) => {
                self.ledger.fail(number, identity, failure, &why);
                return Open::Ignored;
            }
        };
        let (call, from) = (self.ledger.call(), self.ledger.from.clone());
        let (study, store) = (self.study, &self.store);
        let begun = self.ledger.beside(async {
            let mut incoming = ready.open(call, study, &from).await?;
            ready.write(&mut incoming, store).await?;
            Ok(incoming)
        });
        match begun.await {
            Ok(incoming) => {
                Open::Streaming(Box::new(Streaming { ready, incoming, length: streamed.length, come: 0 }))
            }
            Err(error) => self.refused(number, identity, &error),
        }
    }

    pub(super) async fn write_on(&mut self, mut streaming: Box<Streaming<'a>>, bytes: Bytes) -> Open<'a> {
        let left = streaming.length.saturating_sub(streaming.come);
        streaming.come = streaming.come.saturating_add(bytes.len() as u64);
        let fits = bytes.slice(..bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        match self.ledger.beside(streaming.incoming.write(fits)).await {
            Ok(()) => Open::Streaming(streaming),
            Err(error) => {
                let identity = streaming.ready.identity;
                self.refused(streaming.ready.number, identity, &error)
            }
        }
    }

    pub(super) async fn end_stream(&mut self, streaming: Box<Streaming<'a>>) {
        let Streaming { mut ready, mut incoming, length, come, .. } = *streaming;
        // A value of odd length may bring its pad byte along.
        if come != length && come != length + length % 2 {
            let why = format!("its part has {come} bytes where {length} were announced or described");
            return self.ledger.fail(ready.number, ready.identity, Failure::Mismatch, &why);
        }
        let store = &self.store;
        match self.ledger.beside(ready.write(&mut incoming, store)).await {
            Ok(()) => self.ledger.finish(ready.number, incoming).await,
            Err(error) => drop(self.refused(ready.number, ready.identity, &error)),
        }
    }
}
