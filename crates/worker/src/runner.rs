//! What a caller sees of the pool.

use async_trait::async_trait;
use bytes::Bytes;

use crate::WorkerError;

/// What happens when no process is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Patience {
    /// Waits, unless as many wait already as may: then [`WorkerError::Busy`].
    Queue,
    /// Waits for its turn however many wait: for the later jobs of an answer that is under way, which is not to be
    /// broken off. Whoever uses it bounds how many there are.
    Wait,
}

/// Does jobs.
#[async_trait]
pub trait Runner: Send + Sync {
    /// The answer to a job. A future that is dropped gives its job up.
    ///
    /// # Errors
    /// [`WorkerError`].
    async fn ask(
        &self,
        head: Vec<u8>,
        payload: Bytes,
        patience: Patience,
    ) -> Result<(Vec<u8>, Bytes), WorkerError>;

    /// The answer to a job, or [`WorkerError::Busy`] when too many wait.
    ///
    /// # Errors
    /// [`WorkerError`].
    async fn run(&self, head: Vec<u8>, payload: Bytes) -> Result<(Vec<u8>, Bytes), WorkerError> {
        self.ask(head, payload, Patience::Queue).await
    }
}

/// What does a job: head and payload in, head and payload out.
pub type Handler = fn(&[u8], &[u8]) -> (Vec<u8>, Vec<u8>);

/// Does jobs in this process, without any of a worker's limits: for tests and for tools.
#[derive(Clone, Copy, Debug)]
pub struct InProcess(pub Handler);

#[async_trait]
impl Runner for InProcess {
    async fn ask(&self, head: Vec<u8>, payload: Bytes, _: Patience) -> Result<(Vec<u8>, Bytes), WorkerError> {
        let handler = self.0;
        let (head, payload) = tokio::task::spawn_blocking(move || handler(&head, &payload))
            .await
            .map_err(|_| WorkerError::Crashed)?;
        Ok((head, Bytes::from(payload)))
    }
}
