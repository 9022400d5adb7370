//! One end of an association: upper layer, negotiation and messages together, driven by bytes and times.

use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use dicom_ul::pdu::AssociationRQ;
use model::AeTitle;

use crate::assemble::{Assembler, Part};
use crate::command::{Dataset, Message, Response};
use crate::machine::{End, Machine, NotOpen, Signal};
use crate::negotiate::{
    self, AssociateRequest, Negotiated, Policy, Proposal, TooManyContexts, UserInformation,
};
use crate::output::Output;
use crate::pdu::{self, Value};
use crate::state::State;
use crate::{
    APPLICATION_CONTEXT, Abort, Implementation, Limits, PROTOCOL_VERSION, ProtocolError, Reject, Rejection,
    Timers,
};

/// What happened on an association.
#[derive(Debug)]
pub enum Event {
    /// Acceptor: somebody asks for an association. Answer by [`Association::accept`] or [`Association::reject`].
    Requested(Box<AssociateRequest>),
    /// Acceptor: a request was rejected here, before anybody was asked.
    Refused {
        /// Why.
        reject: Reject,
        /// The AE title called, as sent: escape it in logs.
        called: String,
        /// The calling AE title, as sent.
        calling: String,
    },
    /// Requestor: the association is established; [`Association::negotiated`] says what holds.
    Accepted,
    /// Requestor: the peer rejected it.
    Rejected(Rejection),
    /// A whole command set came on this presentation context.
    Message(u8, Message),
    /// The next bytes of the data set of the message before.
    Data {
        /// A slice of what was read.
        bytes: Bytes,
        /// The data set ends here.
        last: bool,
    },
    /// The association was released in order.
    Released,
    /// The association ended otherwise. What it was doing is void.
    Ended(End),
}

/// One end of an association (PS3.8 9.2), without socket or clock.
///
/// A driver repeats: [`poll`](Self::poll) until `None`; write [`output`](Self::output); stop when
/// [`is_closed`](Self::is_closed); [`wait`](Self::wait) for bytes into [`input`](Self::input), then
/// [`received`](Self::received), or [`timeout`](Self::timeout), or [`lost`](Self::lost).
#[derive(Debug)]
pub struct Association {
    machine: Machine,
    assembler: Assembler,
    limits: Limits,
    implementation: Implementation,
    /// Requestor: what was proposed, until it is answered.
    proposal: Option<Box<Proposal>>,
    negotiated: Negotiated,
}

impl Association {
    /// The acceptor's end of a connection that just came in; ARTIM runs.
    pub fn acceptor(limits: Limits, timers: Timers, implementation: Implementation, now: Instant) -> Self {
        let machine = Machine::acceptor(&limits, timers, now);
        Self::new(machine, limits, implementation, None)
    }

    /// The requestor's end of a connection that was just opened; the A-ASSOCIATE-RQ is in the output.
    ///
    /// # Errors
    /// [`TooManyContexts`].
    pub fn requestor(
        limits: Limits,
        timers: Timers,
        implementation: Implementation,
        proposal: Proposal,
        now: Instant,
    ) -> Result<Self, TooManyContexts> {
        let request = proposal.request(&implementation, &limits)?;
        let request = pdu::write_associate_rq(request).map_err(|_| TooManyContexts)?;
        let machine = Machine::requestor(&limits, timers, request, now);
        Ok(Self::new(machine, limits, implementation, Some(Box::new(proposal))))
    }

    fn new(
        machine: Machine,
        limits: Limits,
        implementation: Implementation,
        proposal: Option<Box<Proposal>>,
    ) -> Self {
        let assembler = Assembler::Between;
        Self { machine, assembler, limits, implementation, proposal, negotiated: Negotiated::default() }
    }

    /// Where the driver puts what it reads.
    pub fn input(&mut self) -> &mut BytesMut {
        self.machine.input()
    }

    /// What the driver has to write.
    pub fn output(&mut self) -> &mut Output {
        self.machine.output()
    }

    /// The state of PS3.8 9.2.
    pub fn state(&self) -> State {
        self.machine.state()
    }

    /// Whether there is nothing more to read: the driver writes what is left and closes the connection.
    pub fn is_closed(&self) -> bool {
        self.machine.state() == State::Sta1
    }

    /// Whether a PDU or message is incomplete.
    pub fn inside_message(&self) -> bool {
        self.assembler.inside() || self.machine.inside_pdu()
    }

    /// Whether a data set is being received: large reads pay.
    pub fn inside_data(&self) -> bool {
        matches!(self.assembler, Assembler::Data { .. })
    }

    /// Bytes that are missing from the PDU that is being received, as far as it is known.
    pub fn wants(&self) -> usize {
        self.machine.wants()
    }

    /// Bytes held of a command set that is not complete, beside the input.
    pub fn held(&self) -> usize {
        self.assembler.held()
    }

    /// What both ends agreed on; empty before.
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The next thing that happened; `None` when more bytes are needed.
    pub fn poll(&mut self, now: Instant) -> Option<Event> {
        loop {
            let signal = self.machine.poll(now)?;
            if let Some(event) = self.signal(signal, now) {
                return Some(event);
            }
        }
    }

    /// Establishes the association as the policy says (Evt7). `identity` is the server response of a user identity
    /// that was authenticated: empty for a user name.
    ///
    /// Returns `false` when the association is not waiting for this, or the peer's maximum length has no room for data:
    /// then it was aborted.
    pub fn accept(
        &mut self,
        request: &AssociateRequest,
        policy: &dyn Policy,
        identity: Option<&[u8]>,
        now: Instant,
    ) -> bool {
        if self.state() != State::Sta3 {
            return false;
        }
        let answer = negotiate::answer(request, policy, &self.implementation, &self.limits, identity);
        let accept =
            answer.and_then(|(accept, negotiated)| Some((pdu::write_associate_ac(accept).ok()?, negotiated)));
        let Some((accept, negotiated)) = accept else {
            let reason = crate::AbortReason::InvalidParameterValue;
            self.machine.abort(Abort::provider(reason), now);
            return false;
        };
        self.negotiated = negotiated;
        self.machine.accept(accept);
        true
    }

    /// Rejects the association (Evt8).
    pub fn reject(&mut self, reject: Reject, now: Instant) {
        self.machine.reject(reject.code(), now);
    }

    /// Sends a whole command set (Evt9).
    ///
    /// # Errors
    /// [`NotOpen`] when the association is not established.
    pub fn command(&mut self, context: u8, command: &[u8]) -> Result<(), NotOpen> {
        let room = self.negotiated.fragment.max(2);
        let mut rest = command;
        while rest.len() > room {
            let (fragment, after) = rest.split_at(room);
            self.machine.short_fragment(context, Value::Command, false, fragment)?;
            rest = after;
        }
        self.machine.short_fragment(context, Value::Command, true, rest)
    }

    /// Sends a response without a data set (Evt9).
    ///
    /// # Errors
    /// [`NotOpen`].
    pub fn respond(&mut self, context: u8, response: &Response) -> Result<(), NotOpen> {
        self.command(context, &response.write(Dataset::None))
    }

    /// Sends the next bytes of a data set (Evt9), in fragments that fit the peer, without copying them. All but the
    /// last call give an even number of bytes.
    ///
    /// # Errors
    /// [`NotOpen`].
    pub fn data(&mut self, context: u8, mut bytes: Bytes, last: bool) -> Result<(), NotOpen> {
        let room = self.negotiated.fragment.max(2);
        while bytes.len() > room {
            let fragment = bytes.split_to(room);
            self.machine.fragment(context, Value::Data, false, fragment)?;
        }
        if bytes.is_empty() && !last {
            return Ok(());
        }
        self.machine.fragment(context, Value::Data, last, bytes)
    }

    /// Asks for the release of the association (Evt11).
    pub fn release(&mut self, now: Instant) {
        self.machine.release(now);
    }

    /// Aborts the association on behalf of the user (Evt15).
    pub fn abort(&mut self, now: Instant) {
        self.machine.abort(Abort::USER, now);
    }

    /// This end begins to wait for the peer; until when, unless it may wait for ever.
    pub fn wait(&mut self, now: Instant) -> Option<Instant> {
        let inside = self.inside_message();
        self.machine.wait(now, inside)
    }

    /// `count` bytes were added to the input.
    pub fn received(&mut self, count: usize, now: Instant) -> Option<Event> {
        let signal = self.machine.received(count, now)?;
        self.signal(signal, now)
    }

    /// The time that [`wait`](Self::wait) gave has come (Evt18 for ARTIM).
    pub fn timeout(&mut self, now: Instant) -> Option<Event> {
        let signal = self.machine.timeout(now)?;
        self.signal(signal, now)
    }

    /// The peer closed the connection, or it broke (Evt17).
    pub fn lost(&mut self) -> Option<Event> {
        match self.machine.lost()? {
            Signal::Ended(end) => Some(Event::Ended(end)),
            _ => None,
        }
    }

    fn signal(&mut self, signal: Signal, now: Instant) -> Option<Event> {
        match signal {
            Signal::Requested(request) => Some(self.requested(*request, now)),
            Signal::Accepted(accept) => {
                let proposal = self.proposal.take()?;
                let Some(negotiated) = proposal.negotiated(*accept, &self.limits) else {
                    let error = ProtocolError::Item { item: 0x51, at: 0, problem: "leaves no room for data" };
                    return self.fail(error, now);
                };
                self.negotiated = negotiated;
                Some(Event::Accepted)
            }
            Signal::Rejected(rejection) => Some(Event::Rejected(rejection)),
            Signal::Piece(piece) => match self.assembler.take(piece, &self.negotiated, self.limits.command) {
                Ok(None) => None,
                Ok(Some(Part::Message(context, message))) => Some(Event::Message(context, message)),
                Ok(Some(Part::Data(bytes, last))) => Some(Event::Data { bytes, last }),
                Err(error) => self.fail(error, now),
            },
            Signal::Released => Some(Event::Released),
            Signal::Ended(end) => Some(Event::Ended(end)),
        }
    }

    fn fail(&mut self, error: ProtocolError, now: Instant) -> Option<Event> {
        match self.machine.invalid(error, now)? {
            Signal::Ended(end) => Some(Event::Ended(end)),
            _ => None,
        }
    }

    /// What the provider itself can judge (AE-6): protocol version, application context, AE titles.
    fn requested(&mut self, request: AssociationRQ, now: Instant) -> Event {
        let (called, calling) = (request.called_ae_title, request.calling_ae_title);
        let reject = if request.protocol_version & PROTOCOL_VERSION == 0 {
            Reject::ProtocolVersionNotSupported
        } else if request.application_context_name != APPLICATION_CONTEXT {
            Reject::ApplicationContextNotSupported
        } else {
            match (title(&called), title(&calling)) {
                (Some(called_title), Some(calling_title)) => {
                    return Event::Requested(Box::new(AssociateRequest {
                        called: called_title,
                        calling: calling_title,
                        contexts: request.presentation_contexts,
                        user: UserInformation::read(request.user_variables),
                        echoed: (called, calling),
                    }));
                }
                (None, _) => Reject::CalledAeTitleNotRecognized,
                (_, None) => Reject::CallingAeTitleNotRecognized,
            }
        };
        self.reject(reject, now);
        Event::Refused { reject, called, calling }
    }

    /// Bytes that wait to be written.
    pub fn unwritten(&mut self) -> usize {
        self.machine.output().remaining()
    }
}

/// An AE title as sent: one byte a character.
fn title(text: &str) -> Option<AeTitle> {
    text.parse().ok()
}
