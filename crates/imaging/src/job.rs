//! What a worker process is asked, and what it answers.
//!
//! All decoding, rendering and encoding of outside bytes happens in a worker: [`run`] is what it does with each job. A
//! job is a head, JSON of a [`Job`], and a payload whose meaning the job says; so is its [`Answer`].

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use crate::pixel::PixelError;
use crate::render::{RenderError, Rendered, Task};
use crate::transcode::Step;

/// What is to be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// One frame from one transfer syntax to another. The payload is the frame as it is stored, the answer's payload
    /// the frame in the other syntax.
    Transcode(Step),
    /// Frames as pictures, or a document in words. The payload is what the task says, the answer's payload the files.
    Render(Task),
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Done: the payload is the frame.
    Transcoded,
    /// Done: the payload is the files.
    Rendered(Rendered),
    /// Not rendered; the payload is empty.
    NotRendered(RenderError),
    /// Not done; the payload is empty.
    Failed(PixelError),
}

/// A head that is none: the two ends are of different versions, or one of them is broken.
#[derive(Debug, thiserror::Error)]
#[error("the head of a job or answer cannot be read: {0}")]
pub struct HeadError(#[from] serde_json::Error);

impl Job {
    /// The job as a head.
    pub fn head(&self) -> Vec<u8> {
        // Plain data: there is nothing in it that JSON could not say.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Answer {
    /// Reads the head of an answer.
    ///
    /// # Errors
    /// [`HeadError`].
    pub fn read(head: &[u8]) -> Result<Self, HeadError> {
        Ok(serde_json::from_slice(head)?)
    }

    fn head(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Does a job: head and payload in, head and payload out.
///
/// A panic in a codec is an answer like any other; its process goes on.
pub fn run(head: &[u8], payload: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let answer = match serde_json::from_slice(head) {
        Ok(job) => catch_unwind(AssertUnwindSafe(|| answer(&job, payload)))
            .unwrap_or_else(|_| Err(PixelError::Malformed("the decoder gave up on the frame".to_owned()))),
        Err(error) => Err(PixelError::Unsupported(HeadError(error).to_string())),
    };
    match answer {
        Ok((answer, payload)) => (answer.head(), payload),
        Err(error) => (Answer::Failed(error).head(), Vec::new()),
    }
}

fn answer(job: &Job, payload: &[u8]) -> Result<(Answer, Vec<u8>), PixelError> {
    match job {
        Job::Transcode(step) => Ok((Answer::Transcoded, step.run(payload)?)),
        Job::Render(task) => Ok(match task.run(payload) {
            Ok((rendered, files)) => (Answer::Rendered(rendered), files),
            Err(error) => (Answer::NotRendered(error), Vec::new()),
        }),
    }
}
