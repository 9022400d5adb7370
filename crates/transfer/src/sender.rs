//! One association, on which instances are sent one after the other.

use dimse::command::{Dataset, Message, Operation, Response, Store};
use dimse::negotiate::Proposal;
use dimse::{Association, End, Event, Implementation, Status, StatusClass, Timer};
use model::AeTitle;
use model::part10::{IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION};
use model::transfer_syntax::Syntax;
use tokio::time::timeout;

use crate::connection::{Connection, Wire};
use crate::convert::Pieces;
use crate::outgoing::Opened;
use crate::plan::{Plan, Way};
use crate::{Broken, ConnectError, Limits, Outgoing, Pair, Route, SendError, SourceError};

const OURS: Implementation = Implementation { class: IMPLEMENTATION_CLASS, version: IMPLEMENTATION_VERSION };

/// An established association (PS3.8), this end being storage SCU (PS3.4 B.2.1).
///
/// Dropped, it is aborted, as far as that can be done without waiting.
pub struct Sender {
    connection: Connection,
    plan: Plan,
    limits: Limits,
    originator: Option<(AeTitle, u16)>,
    last_id: u16,
    answered: u64,
    open: bool,
}

/// An instance that the peer says it stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Success, or a warning: stored, with something to look at.
    pub status: Status,
    /// The Error Comment (0000,0902), in printable characters.
    pub comment: Option<String>,
    /// The transfer syntax that it went in.
    pub syntax: Syntax,
    /// Bytes of the data set that went.
    pub bytes: u64,
}

impl Delivered {
    /// What the peer wants looked at, in words.
    pub fn warning(&self) -> Option<String> {
        let comment = self.comment.as_deref().map(|comment| format!(": {comment}")).unwrap_or_default();
        (self.status != Status::SUCCESS)
            .then(|| format!("stored, but the peer answered {}{comment}", self.status))
    }
}

impl Sender {
    /// Connects and negotiates for instances of these pairs: each stored syntax in a presentation context of its own,
    /// Explicit and Implicit VR Little Endian beside it for those that can be converted (PS3.5 10.1).
    ///
    /// # Errors
    /// [`ConnectError`]; [`ConnectError::Contexts`] when the pairs do not fit one association or are none.
    pub async fn connect(
        route: &Route,
        pairs: impl IntoIterator<Item = Pair>,
        limits: &Limits,
    ) -> Result<Self, ConnectError> {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let plan = Plan::of(pairs.iter().copied());
        if plan.pairs() == 0 || !pairs.iter().all(|pair| plan.covers(*pair)) {
            return Err(ConnectError::Contexts { to: route.to.to_string(), pairs: pairs.len() });
        }
        Self::propose(route, plan, limits).await
    }

    pub(crate) async fn propose(route: &Route, plan: Plan, limits: &Limits) -> Result<Self, ConnectError> {
        let wire = route.open(limits).await?;
        Self::over(wire, route, plan, limits).await
    }

    async fn over(
        wire: Box<dyn Wire>,
        route: &Route,
        plan: Plan,
        limits: &Limits,
    ) -> Result<Self, ConnectError> {
        let to = || route.to.to_string();
        let proposal = Proposal {
            called: route.to.aet,
            calling: route.calling,
            contexts: plan.contexts().to_vec(),
            roles: Vec::new(),
            identity: None,
        };
        let now = std::time::Instant::now();
        let association = Association::requestor(limits.association(), limits.timers(), OURS, proposal, now)
            .map_err(|_| ConnectError::Contexts { to: to(), pairs: plan.pairs() })?;
        let mut connection = Connection::new(wire, association, limits.stall);
        let refused = match connection.next().await {
            Ok(Event::Accepted) => {
                let negotiated = connection.negotiated();
                tracing::debug!(
                    peer = %route.to,
                    implementation = %negotiated.peer.implementation_version.escape_debug(),
                    accepted = negotiated.contexts().len(),
                    refused = negotiated.refused().len(),
                    fragment = negotiated.fragment,
                    "an association was accepted"
                );
                return Ok(Self {
                    connection,
                    plan,
                    limits: *limits,
                    originator: route.originator,
                    last_id: 0,
                    answered: 0,
                    open: true,
                });
            }
            Ok(Event::Rejected(rejection)) => ConnectError::Rejected { to: to(), rejection },
            Ok(_) => ConnectError::Broken { to: to(), broken: Broken::Unasked },
            // In TLS 1.3 the peer judges our certificate after the handshake.
            Err(Broken::Connection(error)) if is_tls(&error) => ConnectError::Tls { to: to(), error },
            Err(broken) => ConnectError::Broken { to: to(), broken },
        };
        connection.close().await;
        Err(refused)
    }

    /// Whether instances of this pair were proposed.
    pub fn covers(&self, pair: Pair) -> bool {
        self.plan.covers(pair)
    }

    /// Whether the association is established and nothing else is known: the peer may have ended it between two
    /// instances.
    pub fn is_open(&mut self) -> bool {
        self.open = self.open && self.connection.is_alive();
        self.open
    }

    /// Instances that the peer answered for, in whatever way.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// Sends an instance and waits for the answer. `progress` is told how many bytes of its data set are written.
    ///
    /// # Errors
    /// [`SendError`]. Afterwards [`is_open`](Self::is_open) says whether the next one may be sent: what is wrong with
    /// an instance ends the association only when its bytes fail in the middle.
    pub async fn store(
        &mut self,
        outgoing: &Outgoing,
        progress: impl FnMut(u64),
    ) -> Result<Delivered, SendError> {
        let opened = outgoing.open().await;
        self.store_opened(outgoing, opened, progress).await
    }

    pub(crate) async fn store_opened(
        &mut self,
        outgoing: &Outgoing,
        opened: Result<Opened, SourceError>,
        progress: impl FnMut(u64),
    ) -> Result<Delivered, SendError> {
        let (pair, odd) = (outgoing.pair(), outgoing.length() % 2 == 1);
        let Way { context, syntax, convert } = self.plan.way(pair, odd, self.connection.negotiated())?;
        let mut pieces = match convert {
            false => Pieces::AsStored(opened?),
            true => Pieces::converted(opened?, pair.syntax, syntax, self.limits.scan),
        };
        // A source that fails at once spoils nothing: no byte of it was sent.
        let start = (pieces.next().await?.unwrap_or_default(), pieces.next().await?);
        let message_id = self.next_id();
        let request = self.request(outgoing, message_id);
        // Until the answer has come, whatever happens ends the association.
        self.open = false;
        let exchanged = async {
            self.connection.command(context, &request.write())?;
            let bytes = self.pour(context, pieces, start, progress).await?;
            let answer = timeout(self.limits.response, self.answer(message_id)).await;
            let answer = answer.unwrap_or(Err(Broken::End(End::TimedOut(Timer::Answer))))?;
            Ok::<_, SendError>((bytes, answer))
        };
        match exchanged.await {
            Ok((bytes, response)) => {
                self.open = true;
                self.answered += 1;
                judge(response, syntax, bytes)
            }
            Err(error) => {
                self.connection.abort().await;
                Err(error)
            }
        }
    }

    /// Ends the association in order.
    pub async fn release(mut self) {
        match self.open {
            true => self.connection.release().await,
            // What the peer is owed: the answer to a release of its own.
            false => self.connection.close().await,
        }
    }

    /// Ends the association with A-ABORT: what is under way is void.
    pub async fn abort(mut self) {
        self.connection.abort().await;
    }

    /// Writes the data set. The next piece is read while the one before it is written; it also tells which is the last.
    async fn pour(
        &mut self,
        context: u8,
        mut pieces: Pieces,
        (mut piece, mut ahead): (bytes::Bytes, Option<bytes::Bytes>),
        mut progress: impl FnMut(u64),
    ) -> Result<u64, SendError> {
        let mut bytes = 0;
        loop {
            bytes += piece.len() as u64;
            self.connection.data(context, piece, ahead.is_none())?;
            let Some(next) = ahead else {
                self.connection.flush().await?;
                progress(bytes);
                return Ok(bytes);
            };
            let (written, read) = tokio::join!(self.connection.flush(), pieces.next());
            written?;
            progress(bytes);
            piece = next;
            ahead = read?;
        }
    }

    async fn answer(&mut self, message_id: u16) -> Result<Response, Broken> {
        let mut answer = None;
        loop {
            match self.connection.next().await? {
                Event::Message(_, Message::Response(response, data))
                    if answer.is_none()
                        && response.operation() == Some(Operation::CStore)
                        && response.message_id == message_id =>
                {
                    match data {
                        Dataset::None => return Ok(response),
                        Dataset::Follows => answer = Some(response),
                    }
                }
                // No answer to C-STORE has a data set; one that does is read to its end.
                Event::Data { last, .. } => {
                    if let Some(response) = answer.take_if(|_| last) {
                        return Ok(response);
                    }
                }
                Event::Released => return Err(Broken::Released),
                _ => return Err(Broken::Unasked),
            }
        }
    }

    fn request(&self, outgoing: &Outgoing, message_id: u16) -> Store {
        Store {
            message_id,
            sop_class: Ok(outgoing.sop_class()),
            sop_instance: Ok(outgoing.sop_instance()),
            priority: 0,
            move_originator: self.originator.map(|(title, id)| (title.as_str().to_owned(), id)),
        }
    }

    fn next_id(&mut self) -> u16 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }
}

fn is_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<rustls::Error>())
}

fn judge(response: Response, syntax: Syntax, bytes: u64) -> Result<Delivered, SendError> {
    let (status, comment) = (response.status, response.comment.map(|text| printable(&text)));
    match status.class() {
        StatusClass::Success | StatusClass::Warning => Ok(Delivered { status, comment, syntax, bytes }),
        StatusClass::Failure | StatusClass::Cancel | StatusClass::Pending => {
            Err(SendError::Refused { status, comment })
        }
    }
}

/// A peer's text, safe for terminals and logs.
fn printable(text: &str) -> String {
    text.chars().take(64).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, comment: &str) -> Response {
        Response::new(Operation::CStore as u16, 1, Status(status)).with_comment(comment)
    }

    /// DIMSE-026: success and warnings are stored, everything else is not.
    #[test]
    fn statuses() {
        for (status, stored) in [
            (0x0000, true),
            (0xB000, true),
            (0xB006, true),
            (0xB007, true),
            (0xA700, false),
            (0xA900, false),
            (0xC000, false),
            (0x0122, false),
            (0x0124, false),
            (0xFE00, false),
            (0xFF00, false),
            (0x4711, false),
        ] {
            let judged = judge(response(status, ""), model::transfer_syntax::EXPLICIT_LE, 7);
            assert_eq!(judged.is_ok(), stored, "{status:04X}");
        }
        let error = judge(response(0xA700, "no\u{1b}[2J space"), model::transfer_syntax::EXPLICIT_LE, 7);
        assert_eq!(error.unwrap_err().to_string(), "the peer answered A700H out of resources: no?[2J space");
    }
}
