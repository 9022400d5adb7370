//! The way to the processes that decode and encode.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use imaging::job::{Answer, Job};
use imaging::pixel::PixelError;
use worker::{InProcess, Patience, Runner, WorkerError};

use crate::ReadError;

/// Who decodes and encodes images, and how large a decoded frame may be. Cheap to clone.
#[derive(Clone)]
pub struct Decoders {
    runner: Arc<dyn Runner>,
    frame: u64,
}

impl Decoders {
    /// `frame` is the limit of a decoded frame, in bytes: held twice for each answer that is under way.
    pub fn new(runner: impl Runner + 'static, frame: u64) -> Self {
        Self { runner: Arc::new(runner), frame }
    }

    /// Bytes of a decoded frame at most.
    pub(crate) fn frame_limit(&self) -> u64 {
        self.frame
    }

    /// The answer to a job.
    ///
    /// # Errors
    /// [`ReadError`]: a frame that cannot be decoded is [`ReadError::Unprocessable`], one without a decoder
    /// [`ReadError::Unsupported`], one that is too large [`ReadError::TooLarge`]; [`ReadError::Busy`] when too many
    /// wait.
    pub(crate) async fn run(
        &self,
        job: &Job,
        payload: Bytes,
        patience: Patience,
    ) -> Result<(Answer, Bytes), ReadError> {
        let (head, payload) = self.runner.ask(job.head(), payload, patience).await?;
        match Answer::read(&head).map_err(|error| ReadError::Storage(error.to_string()))? {
            Answer::Failed(error) => Err(error.into()),
            answer => Ok((answer, payload)),
        }
    }
}

/// Decodes in this process, without limits on memory and time: for tests. A server uses a pool.
impl Default for Decoders {
    fn default() -> Self {
        Self::new(InProcess(imaging::job::run), 256 << 20)
    }
}

impl fmt::Debug for Decoders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoders").field("frame", &self.frame).finish_non_exhaustive()
    }
}

impl From<PixelError> for ReadError {
    fn from(error: PixelError) -> Self {
        match error {
            PixelError::Unsupported(text) => ReadError::Unsupported(text),
            PixelError::TooLarge { .. } => ReadError::TooLarge(error.to_string()),
            PixelError::Format(_) | PixelError::Malformed(_) | PixelError::Mismatch(_) => {
                ReadError::Unprocessable(error.to_string())
            }
        }
    }
}

impl From<WorkerError> for ReadError {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Busy => ReadError::Busy(error.to_string()),
            WorkerError::Spawn(_) => ReadError::Storage(error.to_string()),
            WorkerError::TooLarge { .. } => ReadError::TooLarge(error.to_string()),
            WorkerError::Crashed | WorkerError::TimedOut(_) => {
                ReadError::Unprocessable(format!("the image cannot be decoded: {error}"))
            }
        }
    }
}
