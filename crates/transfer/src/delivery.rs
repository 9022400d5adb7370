//! As many associations as it takes to send everything.

use std::collections::VecDeque;

use tokio::task::JoinHandle;

use crate::outgoing::Opened;
use crate::plan::Plan;
use crate::{ConnectError, Delivered, Limits, Outgoing, Pair, Route, SendError, Sender, SourceError};

/// Sends instances to one destination, one after the other, over associations that it opens as they are needed: for
/// the first instance, for what the present one did not propose, and after one that broke.
///
/// Push a thousand or so, call [`next`](Self::next) until there are no more, and so on: an association proposes what
/// the instances that wait need, and one that is opened again and again costs time. Each instance that waits takes
/// some hundred bytes.
///
/// Dropped, it aborts what is under way.
pub struct Delivery {
    route: Route,
    limits: Limits,
    waiting: VecDeque<(u64, Outgoing)>,
    pushed: u64,
    sender: Option<Sender>,
    ahead: Option<Ahead>,
    /// Associations that broke in a row before anything was answered on them.
    fruitless: u32,
}

/// What became of one instance.
#[derive(Debug)]
pub struct Sent {
    /// The instance.
    pub outgoing: Outgoing,
    /// Stored, or why not.
    pub result: Result<Delivered, SendError>,
}

/// The instance after the present one, being opened.
struct Ahead {
    ticket: u64,
    opening: JoinHandle<Result<Opened, SourceError>>,
}

impl Delivery {
    /// A delivery over this route. Nothing is connected yet.
    pub fn new(route: Route, limits: Limits) -> Self {
        let (waiting, sender, ahead) = (VecDeque::new(), None, None);
        Self { route, limits, waiting, pushed: 0, sender, ahead, fruitless: 0 }
    }

    /// Adds an instance to those that wait.
    pub fn push(&mut self, outgoing: Outgoing) {
        self.pushed += 1;
        self.waiting.push_back((self.pushed, outgoing));
    }

    /// How many instances wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Sends the next instance and says what became of it; `None` when none waits. `progress` is told how many bytes of
    /// its data set are written.
    ///
    /// An instance during which the peer goes away is tried once more on an association of its own, if the one before
    /// had been of use: it may have been too long, not wrong.
    ///
    /// # Errors
    /// [`ConnectError`]: there is no association to send it on. The instance still waits; so do the others.
    pub async fn next(&mut self, mut progress: impl FnMut(u64)) -> Result<Option<Sent>, ConnectError> {
        let mut again = false;
        loop {
            let Some(pair) = self.waiting.front().map(|(_, outgoing)| outgoing.pair()) else {
                return Ok(None);
            };
            // While an instance is under way its sender is not in `self`: whoever drops this future aborts it.
            let mut sender = self.associate(pair).await?;
            let Some((ticket, outgoing)) = self.waiting.pop_front() else { return Ok(None) };
            let opened = self.open(ticket, &outgoing).await;
            self.open_ahead();
            let of_use = sender.answered() > 0;
            let result = sender.store_opened(&outgoing, opened, &mut progress).await;
            let broken = match &result {
                Err(SendError::Broken(broken)) => Some(broken),
                _ => None,
            };
            match (broken, sender.answered()) {
                (Some(_), 0) => self.fruitless += 1,
                (_, 1..) => self.fruitless = 0,
                (None, 0) => {}
            }
            if of_use && !again && broken.is_some_and(|broken| broken.is_gone()) {
                tracing::debug!(peer = %self.route.to, "an association broke; its last instance is tried again");
                again = true;
                self.waiting.push_front((ticket, outgoing));
                continue;
            }
            self.sender = Some(sender);
            return Ok(Some(Sent { outgoing, result }));
        }
    }

    /// Ends the association in order.
    pub async fn finish(mut self) {
        if let Some(sender) = self.sender.take() {
            sender.release().await;
        }
    }

    /// Ends the association with A-ABORT.
    pub async fn abort(mut self) {
        if let Some(sender) = self.sender.take() {
            sender.abort().await;
        }
    }

    /// An association on which this pair was proposed: the present one, or a new one for it and for as many of the
    /// others as have room. Those move before the rest.
    async fn associate(&mut self, pair: Pair) -> Result<Sender, ConnectError> {
        if let Some(mut sender) = self.sender.take() {
            let open = sender.is_open();
            if open && sender.covers(pair) {
                return Ok(sender);
            }
            sender.release().await;
        }
        if self.fruitless >= self.limits.failures.max(1) {
            return Err(ConnectError::GivenUp { to: self.route.to.to_string(), times: self.fruitless });
        }
        let plan = Plan::of(self.waiting.iter().map(|(_, outgoing)| outgoing.pair()));
        let (now, later): (VecDeque<_>, VecDeque<_>) =
            self.waiting.drain(..).partition(|(_, outgoing)| plan.covers(outgoing.pair()));
        self.waiting = now;
        self.waiting.extend(later);
        Sender::propose(&self.route, plan, &self.limits).await
    }

    async fn open(&mut self, ticket: u64, outgoing: &Outgoing) -> Result<Opened, SourceError> {
        match self.ahead.take_if(|ahead| ahead.ticket == ticket) {
            Some(ahead) => match ahead.opening.await {
                Ok(opened) => opened,
                Err(gone) => Err(std::io::Error::other(gone).into()),
            },
            None => outgoing.open().await,
        }
    }

    /// Opens the next instance while this one is sent.
    fn open_ahead(&mut self) {
        let Some((ticket, outgoing)) = self.waiting.front() else { return };
        if self.ahead.as_ref().is_some_and(|ahead| ahead.ticket == *ticket) {
            return;
        }
        let outgoing = outgoing.clone();
        let opening = tokio::spawn(async move { outgoing.open().await });
        self.ahead = Some(Ahead { ticket: *ticket, opening });
    }
}
