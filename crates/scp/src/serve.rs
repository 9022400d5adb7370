//! Serves one association: admits its caller, answers its requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use access::Principal;
use archive::{Announced, Framing, Stored};
use dimse::command::{Dataset, Message, Operation, Request, Response, Store};
use dimse::negotiate::AssociateRequest;
use dimse::{Association, End, Event, Reject, State, Status};
use model::AeTitle;
use model::sop_class::VERIFICATION;

use crate::audited;
use crate::callers::{Admission, Call};
use crate::connection::Connection;
use crate::record;
use crate::status::{self, Refusal};
use crate::wire::Wire;
use crate::{OURS, Shared};

/// Where a connection comes from.
pub(crate) struct From {
    pub(crate) peer: SocketAddr,
    pub(crate) tls: bool,
    pub(crate) certificate: Option<Vec<u8>>,
    /// There is no place for it: whoever it is, it is rejected for the time being.
    pub(crate) full: bool,
}

struct Serving<S> {
    connection: Connection<S>,
    shared: Arc<Shared>,
    from: From,
    caller: Option<Caller>,
    kept: u64,
    refused: u64,
}

/// Who was let in.
struct Caller {
    calling: AeTitle,
    principal: Principal,
    source: String,
}

/// What concerns a service.
enum Turn {
    Message(u8, Message),
    Data(bytes::Bytes, bool),
}

/// The association is over; what was under way is void.
struct Over;

/// Serves the association until it is over.
pub(crate) async fn serve<S: Wire>(wire: S, shared: Arc<Shared>, from: From) {
    let config = &shared.config;
    let association = Association::acceptor(config.limits, config.timers, OURS, Instant::now());
    let connection = Connection::new(wire, association, Arc::clone(&shared));
    let mut serving = Serving { connection, shared, from, caller: None, kept: 0, refused: 0 };
    let Err(Over) = serving.run().await;
    serving.farewell();
    serving.connection.close().await;
}

impl<S: Wire> Serving<S> {
    async fn run(&mut self) -> Result<std::convert::Infallible, Over> {
        loop {
            match self.next().await? {
                Turn::Message(context, Message::Request(Request::Store(store), data)) => {
                    // Its state is large; thousands of associations are idle most of the time.
                    Box::pin(self.store(context, store, data)).await?;
                }
                Turn::Message(context, Message::Request(request, data)) => {
                    self.other(context, &request, data).await?
                }
                Turn::Message(_, Message::Response(..)) => self.unasked(),
                // The machine gives data only after its message, and whoever takes a message takes its data.
                Turn::Data(..) => {}
            }
        }
    }

    /// The next message or data; everything else that happens is dealt with here.
    async fn next(&mut self) -> Result<Turn, Over> {
        loop {
            match self.connection.next().await.ok_or(Over)? {
                Event::Message(context, message) => return Ok(Turn::Message(context, message)),
                Event::Data { bytes, last } => return Ok(Turn::Data(bytes, last)),
                Event::Requested(request) => self.requested(&request),
                Event::Refused { reject, called, calling } => self.rejected(reject, &called, &calling),
                Event::Released => record::released(),
                Event::Ended(end) => self.ended(&end),
                // A requestor's events: this end only accepts.
                Event::Accepted | Event::Rejected(_) => {}
            }
        }
    }

    fn requested(&mut self, request: &AssociateRequest) {
        let now = Instant::now();
        match self.admit(request) {
            Ok(admission) => {
                let identity = admission.identity.as_deref();
                if self.connection.association().accept(request, &self.shared.services, identity, now) {
                    self.accepted(request, admission.principal);
                } else {
                    tracing::warn!(
                        peer.address = %self.from.peer,
                        association.calling = %request.calling,
                        "aborted an association whose maximum length has no room for data"
                    );
                }
            }
            Err(reject) => {
                self.connection.association().reject(reject, now);
                self.rejected(reject, request.called.as_str(), request.calling.as_str());
            }
        }
    }

    fn admit(&self, request: &AssociateRequest) -> Result<Admission, Reject> {
        if self.from.full {
            return Err(Reject::LocalLimitExceeded);
        }
        if self.shared.draining.is_cancelled() {
            return Err(Reject::TemporaryCongestion);
        }
        self.shared.callers.admit(&Call {
            called: request.called,
            calling: request.calling,
            peer: self.from.peer,
            tls: self.from.tls,
            certificate: self.from.certificate.as_deref(),
            identity: request.user.identity.as_ref(),
        })
    }

    fn accepted(&mut self, request: &AssociateRequest, principal: Principal) {
        record::accepted();
        let calling = request.calling;
        tracing::debug!(
            peer.address = %self.from.peer,
            association.calling = %calling,
            association.contexts = self.connection.association().negotiated().contexts().len(),
            "accepted an association"
        );
        let source = format!("{calling}@{}", self.from.peer.ip().to_canonical());
        self.caller = Some(Caller { calling, principal, source });
    }

    fn rejected(&self, reject: Reject, called: &str, calling: &str) {
        record::rejected(reject);
        self.shared.recorder.record(audited::rejected(reject, called, calling, self.from.peer));
        tracing::warn!(
            peer.address = %self.from.peer,
            association.called = %called.escape_debug(),
            association.calling = %calling.escape_debug(),
            reason = %reject,
            "rejected an association"
        );
    }

    fn ended(&self, end: &End) {
        record::ended(end);
        tracing::warn!(
            peer.address = %self.from.peer,
            association.calling = self.calling(),
            reason = %end,
            "an association ended early"
        );
    }

    /// One line for what an association brought.
    fn farewell(&mut self) {
        if self.connection.was_cut() {
            record::cut();
            tracing::info!(
                peer.address = %self.from.peer,
                association.calling = self.calling(),
                "aborted an association: the server stops"
            );
        }
        if self.kept + self.refused > 0 {
            tracing::info!(
                peer.address = %self.from.peer,
                association.calling = self.calling(),
                instances.kept = self.kept,
                instances.refused = self.refused,
                "received instances"
            );
        }
    }

    fn calling(&self) -> &str {
        self.caller.as_ref().map_or("", |caller| caller.calling.as_str())
    }

    /// C-ECHO succeeds (DIMSE-023); what is no operation of PS3.7 is not recognised (DIMSE-024), nor is one that the
    /// SOP class of its context does not have; other SOP classes are not supported.
    async fn other(&mut self, context: u8, request: &Request, data: Dataset) -> Result<(), Over> {
        if data == Dataset::Follows {
            self.drain().await?;
        }
        let negotiated = self.connection.association().negotiated();
        let of_context = negotiated.context(context).map_or("", |context| &context.abstract_syntax);
        let class = request.sop_class();
        let is = |wanted: &str| class.is_none_or(|class| class.as_str() == wanted);
        let status = match request {
            Request::Cancel(_) => return Ok(()), // Nothing is under way that could be cancelled (PS3.7 9.3.2.3).
            Request::Unknown(_) => Status::UNRECOGNIZED_OPERATION,
            Request::Echo(_) if of_context == VERIFICATION && is(VERIFICATION) => Status::SUCCESS,
            _ if is(of_context) => Status::UNRECOGNIZED_OPERATION,
            _ => Status::SOP_CLASS_NOT_SUPPORTED,
        };
        if let Some(response) = request.respond(status) {
            self.respond(context, &response);
        }
        Ok(())
    }

    /// C-STORE (PS3.4 B). A refused instance is read to its end, answered, and the association goes on.
    async fn store(&mut self, context: u8, request: Store, data: Dataset) -> Result<(), Over> {
        let started = Instant::now();
        let mut bytes = 0;
        let outcome = match self.accept_store(context, &request, data) {
            Ok(announced) => self.receive(announced, &mut bytes).await?,
            Err(refusal) => {
                if data == Dataset::Follows {
                    bytes = self.drain().await?;
                }
                Err(refusal)
            }
        };
        if let Some(caller) = &self.caller {
            let outcome = outcome.as_ref();
            self.shared.recorder.record(audited::stored(
                &caller.principal,
                self.from.peer,
                &request,
                outcome,
            ));
        }
        let response = match &outcome {
            Ok(stored) => status::success(&request, stored),
            Err(refusal) => status::refusal(&request, refusal),
        };
        self.respond(context, &response);
        record::stored(outcome.is_ok(), bytes, started.elapsed());
        match outcome {
            Ok(_) => self.kept += 1,
            Err(refusal) => self.refused(&request, &refusal),
        }
        Ok(())
    }

    /// What the command alone decides (DIMSE-027 begins here; the archive compares it with the data set).
    fn accept_store(&mut self, context: u8, request: &Store, data: Dataset) -> Result<Announced, Refusal> {
        let class = request.sop_class.map_err(|fault| Refusal::Uid("AffectedSOPClassUID", fault))?;
        let instance = request.sop_instance.map_err(|fault| Refusal::Uid("AffectedSOPInstanceUID", fault))?;
        let negotiated = self.connection.association().negotiated();
        let Some(context) = negotiated.context(context).filter(|context| context.roles.scu) else {
            return Err(Refusal::Role);
        };
        if !self.shared.recorder.has_room() {
            return Err(Refusal::Unrecorded);
        }
        if data == Dataset::None {
            return Err(Refusal::NoDataSet);
        }
        if !self.shared.archive.accepts_class(class.as_str()) {
            return Err(Refusal::Class);
        }
        if class.as_str() != &*context.abstract_syntax {
            return Err(Refusal::OtherClass);
        }
        Ok(Announced {
            framing: Framing::DataSet(context.transfer_syntax),
            sop_class: Some(class),
            sop_instance: Some(instance),
            study: None,
            source: self.caller.as_ref().map(|caller| caller.source.clone()).unwrap_or_default(),
        })
    }

    /// Streams a data set into the archive, without a copy. After the archive's refusal the rest is drained.
    async fn receive(
        &mut self,
        announced: Announced,
        bytes: &mut u64,
    ) -> Result<Result<Stored, Refusal>, Over> {
        let shared = Arc::clone(&self.shared);
        let principal = self.caller.as_ref().map(|caller| caller.principal.clone()).ok_or(Over)?;
        let mut incoming = shared.archive.receive(&principal, announced).await;
        loop {
            let Turn::Data(piece, last) = self.next().await? else { return Err(Over) };
            *bytes += piece.len() as u64;
            if let Ok(open) = &mut incoming
                && let Err(error) = open.write(piece).await
            {
                incoming = Err(error);
            }
            if last {
                break;
            }
        }
        let stored = match incoming {
            Ok(open) => open.finish().await,
            Err(error) => Err(error),
        };
        Ok(stored.map_err(Refusal::Archive))
    }

    /// Reads a data set that nobody wants; its bytes.
    async fn drain(&mut self) -> Result<u64, Over> {
        let mut bytes = 0;
        loop {
            let Turn::Data(piece, last) = self.next().await? else { return Err(Over) };
            bytes += piece.len() as u64;
            if last {
                return Ok(bytes);
            }
        }
    }

    fn refused(&mut self, request: &Store, refusal: &Refusal) {
        self.refused += 1;
        let instance = request.sop_instance.map(|uid| uid.to_string()).unwrap_or_default();
        let peer = self.from.peer;
        let status = refusal.status();
        if refusal.is_ours() {
            tracing::error!(
                peer.address = %peer,
                association.calling = self.calling(),
                instance.uid = instance,
                status = ?status,
                reason = %refusal,
                "could not store an instance"
            );
            return;
        }
        tracing::warn!(
            peer.address = %peer,
            association.calling = self.calling(),
            instance.uid = instance,
            status = ?status,
            reason = %refusal,
            "refused an instance"
        );
    }

    /// Puts a response into the output; it leaves with the next wait, in one write.
    fn respond(&mut self, context: u8, response: &Response) {
        record::response(response.operation().map_or("unknown", Operation::name), response.status);
        let association = self.connection.association();
        if association.state() == State::Sta6 {
            // It is established: nothing but that can refuse it.
            let _ = association.respond(context, response);
        }
    }

    /// A response to nothing that was asked: this end sends no requests.
    fn unasked(&mut self) {
        tracing::warn!(
            peer.address = %self.from.peer,
            association.calling = self.calling(),
            "aborted an association: a response came to no request"
        );
        self.connection.association().abort(Instant::now());
    }
}
