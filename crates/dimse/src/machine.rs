//! The upper layer of one end of an association (PS3.8 9.2): the state table applied to bytes, without socket or clock.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use dicom_ul::pdu::{AssociationAC, AssociationRQ};

use crate::output::Output;
use crate::pdu::{self, Frame, Framer, PduKind, Piece, Value};
use crate::state::{Action, Event, Role, State, step};
use crate::{Abort, AbortReason, Limits, ProtocolError, Rejection, Timers};

/// What the upper layer indicates or confirms to its user.
#[derive(Debug)]
pub(crate) enum Signal {
    /// A-ASSOCIATE indication.
    Requested(Box<AssociationRQ>),
    /// A-ASSOCIATE confirmation: accepted.
    Accepted(Box<AssociationAC>),
    /// A-ASSOCIATE confirmation: rejected.
    Rejected(Rejection),
    /// P-DATA indication, a piece of one.
    Piece(Piece),
    /// The association is released.
    Released,
    /// The association ended otherwise.
    Ended(End),
}

/// How an association ended that was not released.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// The peer sent A-ABORT.
    #[error("the peer aborted: {0}")]
    PeerAborted(Abort),
    /// The peer broke the protocol; it was sent an A-ABORT.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The peer took too long.
    #[error("{0}")]
    TimedOut(Timer),
    /// The connection was closed without release or abort.
    #[error("the connection was lost")]
    Lost,
}

/// Which time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Timer {
    /// ARTIM: no whole A-ASSOCIATE-RQ came.
    #[error("no association request came in time")]
    Artim,
    /// No answer to A-ASSOCIATE-RQ or A-RELEASE-RQ.
    #[error("no answer came in time")]
    Answer,
    /// Nothing came on an established association.
    #[error("nothing came for too long")]
    Idle,
    /// A message comes too slowly.
    #[error("a message came too slowly")]
    Rate,
}

/// The association is not in a state in which data may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the association is not open for data ({0:?})")]
pub struct NotOpen(pub State);

#[derive(Debug)]
pub(crate) struct Machine {
    role: Role,
    state: State,
    framer: Framer,
    input: BytesMut,
    output: Output,
    timers: Timers,
    /// ARTIM in Sta2 and Sta13, the answer timer in Sta5 and during release.
    deadline: Option<Instant>,
    pace: Pace,
}

/// How fast the peer sends while this end waits for it; time that this end takes for itself does not count.
#[derive(Debug, Default)]
struct Pace {
    since: Option<Instant>,
    waited: Duration,
    bytes: u64,
}

impl Machine {
    /// AE-5: a connection came in.
    pub(crate) fn acceptor(limits: &Limits, timers: Timers, now: Instant) -> Self {
        let mut machine = Self::new(Role::Acceptor, limits, timers);
        machine.go(Event::Evt5);
        machine.deadline = Some(now + timers.artim);
        machine
    }

    /// AE-1 and AE-2: the connection that was asked for is open; the A-ASSOCIATE-RQ goes out.
    pub(crate) fn requestor(limits: &Limits, timers: Timers, request: Vec<u8>, now: Instant) -> Self {
        let mut machine = Self::new(Role::Requestor, limits, timers);
        machine.go(Event::Evt1);
        machine.go(Event::Evt2);
        machine.output.push(request.into());
        machine.deadline = Some(now + timers.answer);
        machine
    }

    fn new(role: Role, limits: &Limits, timers: Timers) -> Self {
        Self {
            role,
            state: State::Sta1,
            framer: Framer::new(limits),
            input: BytesMut::new(),
            output: Output::default(),
            timers,
            deadline: None,
            pace: Pace::default(),
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    pub(crate) fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    pub(crate) fn wants(&self) -> usize {
        self.framer.wants(self.input.len())
    }

    pub(crate) fn inside_pdu(&self) -> bool {
        self.framer.inside() || !self.input.is_empty()
    }

    /// The next thing that the bytes received so far mean; `None` when more are needed.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Signal> {
        loop {
            let signal = match self.framer.next(&mut self.input) {
                Ok(None) => return None,
                Ok(Some(Frame::Start(kind))) => self.start(kind, now),
                Ok(Some(Frame::Body(kind, body))) => self.body(kind, &body, now),
                Ok(Some(Frame::Piece(piece))) => self.piece(piece),
                Err(error) => self.invalid(error, now),
            };
            if signal.is_some() {
                return signal;
            }
        }
    }

    /// Evt7, AE-7.
    pub(crate) fn accept(&mut self, accept: Vec<u8>) {
        if self.go(Event::Evt7) == Some(Action::Ae7) {
            self.output.push(accept.into());
        }
    }

    /// Evt8, AE-8.
    pub(crate) fn reject(&mut self, rejection: Rejection, now: Instant) {
        if self.go(Event::Evt8) == Some(Action::Ae8) {
            self.send(&pdu::write_associate_rj(rejection));
            self.deadline = Some(now + self.timers.artim);
        }
    }

    /// Evt9, DT-1 or AR-7: one fragment in a P-DATA-TF of its own. `bytes` fits the peer's maximum.
    pub(crate) fn fragment(
        &mut self,
        context: u8,
        value: Value,
        last: bool,
        bytes: Bytes,
    ) -> Result<(), NotOpen> {
        if self.go(Event::Evt9).is_none() {
            return Err(NotOpen(self.state));
        }
        let head = pdu::pdata_head(context, value, last, bytes.len() as u32);
        self.output.push(Bytes::copy_from_slice(&head));
        self.output.push(bytes);
        Ok(())
    }

    /// Evt9 for a short fragment: head and fragment become one slice.
    pub(crate) fn short_fragment(
        &mut self,
        context: u8,
        value: Value,
        last: bool,
        bytes: &[u8],
    ) -> Result<(), NotOpen> {
        if self.go(Event::Evt9).is_none() {
            return Err(NotOpen(self.state));
        }
        let head = pdu::pdata_head(context, value, last, bytes.len() as u32);
        self.output.push([&head, bytes].concat().into());
        Ok(())
    }

    /// Evt11, AR-1.
    pub(crate) fn release(&mut self, now: Instant) {
        if self.go(Event::Evt11) == Some(Action::Ar1) {
            self.send(&pdu::write_release_rq());
            self.deadline = Some(now + self.timers.answer);
        }
    }

    /// Evt15, AA-1 or AA-2.
    pub(crate) fn abort(&mut self, abort: Abort, now: Instant) {
        match self.go(Event::Evt15) {
            Some(Action::Aa1) => self.close_after(abort, now),
            Some(_) => self.framer.stop(),
            None => {}
        }
    }

    /// Evt19: what came is no valid PDU, or no valid message.
    pub(crate) fn invalid(&mut self, error: ProtocolError, now: Instant) -> Option<Signal> {
        if matches!(error, ProtocolError::ForeignProtocol(_)) {
            self.state = State::Sta1;
            self.deadline = None;
            self.framer.stop();
            return Some(Signal::Ended(error.into()));
        }
        self.refuse(Event::Evt19, error, now)
    }

    /// Evt17: the peer closed the connection, or it broke.
    pub(crate) fn lost(&mut self) -> Option<Signal> {
        let action = self.go(Event::Evt17);
        self.deadline = None;
        self.output.clear();
        (action == Some(Action::Aa4)).then_some(Signal::Ended(End::Lost))
    }

    /// This end begins to wait for the peer; until when. `inside_message` says that a message is incomplete.
    pub(crate) fn wait(&mut self, now: Instant, inside_message: bool) -> Option<Instant> {
        if self.deadline.is_some() {
            return self.deadline;
        }
        if self.state != State::Sta6 {
            return None;
        }
        self.pace.since = Some(now);
        let idle = now + self.timers.idle;
        if !inside_message {
            self.pace = Pace { since: Some(now), ..Pace::default() };
            return Some(idle);
        }
        Some(idle.min(now + self.timers.rate_window.saturating_sub(self.pace.waited)))
    }

    /// `count` bytes were added to the input.
    pub(crate) fn received(&mut self, count: usize, now: Instant) -> Option<Signal> {
        let since = self.pace.since.take()?;
        self.pace.waited += now.saturating_duration_since(since);
        self.pace.bytes += count as u64;
        self.judge_pace(now)
    }

    /// The time that [`Machine::wait`] gave has come.
    pub(crate) fn timeout(&mut self, now: Instant) -> Option<Signal> {
        if let Some(deadline) = self.deadline {
            return if now < deadline { None } else { self.expired(now) };
        }
        let since = self.pace.since.take()?;
        let waited = now.saturating_duration_since(since);
        self.pace.waited += waited;
        if waited >= self.timers.idle {
            return self.too_long(Timer::Idle, now);
        }
        self.judge_pace(now)
    }

    fn judge_pace(&mut self, now: Instant) -> Option<Signal> {
        if self.pace.waited < self.timers.rate_window {
            return None;
        }
        let enough = self.pace.bytes >= self.timers.rate_bytes;
        self.pace = Pace::default();
        if enough { None } else { self.too_long(Timer::Rate, now) }
    }

    fn expired(&mut self, now: Instant) -> Option<Signal> {
        match self.state {
            State::Sta2 => {
                self.go(Event::Evt18);
                self.deadline = None;
                self.framer.stop();
                Some(Signal::Ended(End::TimedOut(Timer::Artim)))
            }
            State::Sta13 => {
                self.go(Event::Evt18);
                self.deadline = None;
                None
            }
            _ => self.too_long(Timer::Answer, now),
        }
    }

    fn too_long(&mut self, timer: Timer, now: Instant) -> Option<Signal> {
        self.abort(Abort::provider(AbortReason::NotSpecified), now);
        Some(Signal::Ended(End::TimedOut(timer)))
    }

    /// A header came. What the table refuses is refused before its body is there.
    fn start(&mut self, kind: PduKind, now: Instant) -> Option<Signal> {
        match step(self.state, kind.event(), self.role).map(|(action, _)| action) {
            Some(Action::Aa6) => {
                self.framer.skip();
                None
            }
            None | Some(Action::Aa1 | Action::Aa7 | Action::Aa8) => {
                let error = ProtocolError::UnexpectedPdu { kind, state: self.state };
                self.refuse(kind.event(), error, now)
            }
            Some(_) => None,
        }
    }

    fn body(&mut self, kind: PduKind, body: &[u8], now: Instant) -> Option<Signal> {
        match kind {
            PduKind::AssociateRq => match pdu::read_associate_rq(body) {
                Ok(request) => {
                    self.go(Event::Evt6);
                    self.deadline = None;
                    Some(Signal::Requested(Box::new(request)))
                }
                Err(error) => self.invalid(error, now),
            },
            PduKind::AssociateAc => match pdu::read_associate_ac(body) {
                Ok(accept) => {
                    self.go(Event::Evt3);
                    self.deadline = None;
                    Some(Signal::Accepted(Box::new(accept)))
                }
                Err(error) => self.invalid(error, now),
            },
            PduKind::AssociateRj => {
                self.go(Event::Evt4);
                self.end();
                pdu::read_associate_rj(body).map(Signal::Rejected)
            }
            PduKind::Abort => {
                let action = self.go(Event::Evt16);
                self.end();
                let abort = pdu::read_abort(body).filter(|_| action == Some(Action::Aa3));
                abort.map(|abort| Signal::Ended(End::PeerAborted(abort)))
            }
            PduKind::ReleaseRq => self.release_asked(now),
            PduKind::ReleaseRp => self.release_answered(now),
            // The framer gives P-DATA-TF in pieces only.
            PduKind::PData => None,
        }
    }

    /// AR-2 or AR-8. The local user always agrees to a release at once: what it still had to send was sent before.
    fn release_asked(&mut self, now: Instant) -> Option<Signal> {
        match self.go(Event::Evt12) {
            Some(Action::Ar2) => self.agree(now),
            Some(Action::Ar8) if self.state == State::Sta9 => self.agree(now),
            // As the acceptor in a collision it is the peer who answers first.
            _ => None,
        }
    }

    /// AR-3 or AR-10.
    fn release_answered(&mut self, now: Instant) -> Option<Signal> {
        match self.go(Event::Evt13) {
            Some(Action::Ar3) => {
                self.end();
                Some(Signal::Released)
            }
            Some(Action::Ar10) => self.agree(now),
            _ => None,
        }
    }

    /// Evt14: AR-4, or AR-9 after which the peer's answer is still to come.
    fn agree(&mut self, now: Instant) -> Option<Signal> {
        let action = self.go(Event::Evt14);
        self.send(&pdu::write_release_rp());
        if action != Some(Action::Ar4) {
            return None;
        }
        self.deadline = Some(now + self.timers.artim);
        Some(Signal::Released)
    }

    fn piece(&mut self, piece: Piece) -> Option<Signal> {
        match self.go(Event::Evt10) {
            Some(Action::Dt2 | Action::Ar6) => Some(Signal::Piece(piece)),
            _ => None,
        }
    }

    /// AA-1, AA-7 and AA-8: A-ABORT, then nothing that comes is looked at any more.
    ///
    /// PS3.8 Table 9-9 gives AA-1 the service user as source; the reason is lost with it, so the provider is named here too.
    fn refuse(&mut self, event: Event, error: ProtocolError, now: Instant) -> Option<Signal> {
        let again = self.state == State::Sta13;
        self.go(event);
        let abort = Abort::provider(error.reason());
        if again {
            // AA-7: ARTIM runs on.
            self.send(&pdu::write_abort(abort));
            self.framer.stop();
            return None;
        }
        self.close_after(abort, now);
        Some(Signal::Ended(error.into()))
    }

    fn close_after(&mut self, abort: Abort, now: Instant) {
        self.output.clear();
        self.send(&pdu::write_abort(abort));
        self.deadline = Some(now + self.timers.closing.min(self.timers.artim));
        self.framer.stop();
    }

    fn end(&mut self) {
        self.deadline = None;
        self.framer.stop();
    }

    fn send(&mut self, pdu: &[u8]) {
        self.output.push(Bytes::copy_from_slice(pdu));
    }

    /// Goes by the table; blank cells change nothing.
    fn go(&mut self, event: Event) -> Option<Action> {
        let (action, next) = step(self.state, event, self.role)?;
        self.state = next;
        Some(action)
    }
}
