//! One worker process, seen from outside.

use std::process::Stdio;

use bytes::Bytes;
use rustix::pipe::fcntl_setpipe_size;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::wire::{Lengths, MOST_HEAD, PREFIX};
use crate::{Config, WorkerError};

/// Bytes that a pipe holds, where the kernel allows it: a frame passes in few turns.
const PIPE: usize = 1 << 20;

/// A running worker. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    jobs: ChildStdin,
    answers: ChildStdout,
}

impl Process {
    pub(crate) fn start(config: &Config) -> Result<Self, WorkerError> {
        let mut command = Command::new(&config.program);
        command
            .args(&config.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| WorkerError::Spawn(error.to_string()))?;
        let (Some(jobs), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(WorkerError::Spawn("it has no pipes".to_owned()));
        };
        // Smaller pipes are slower, nothing else.
        let _ = fcntl_setpipe_size(&jobs, PIPE);
        let _ = fcntl_setpipe_size(&answers, PIPE);
        Ok(Self { child, jobs, answers })
    }

    /// Whether it runs still, as far as is known.
    pub(crate) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Gives it a job and takes the answer. After an error it is of no more use.
    pub(crate) async fn exchange(
        &mut self,
        head: &[u8],
        payload: &Bytes,
        most: u64,
    ) -> Result<(Vec<u8>, Bytes), WorkerError> {
        let crashed = |_| WorkerError::Crashed;
        self.jobs.write_all(&Lengths::of(head, payload).encode()).await.map_err(crashed)?;
        self.jobs.write_all(head).await.map_err(crashed)?;
        self.jobs.write_all(payload).await.map_err(crashed)?;
        let mut prefix = [0; PREFIX];
        self.answers.read_exact(&mut prefix).await.map_err(crashed)?;
        let lengths = Lengths::decode(prefix);
        if lengths.head > MOST_HEAD || lengths.payload > most {
            return Err(WorkerError::TooLarge { limit: most });
        }
        let head = exactly(&mut self.answers, u64::from(lengths.head)).await?;
        let payload = exactly(&mut self.answers, lengths.payload).await?;
        Ok((head, Bytes::from(payload)))
    }
}

async fn exactly(from: &mut (impl AsyncRead + Unpin), length: u64) -> Result<Vec<u8>, WorkerError> {
    let capacity = usize::try_from(length).map_err(|_| WorkerError::TooLarge { limit: length })?;
    let mut bytes = Vec::with_capacity(capacity);
    match from.take(length).read_to_end(&mut bytes).await {
        Ok(read) if read == capacity => Ok(bytes),
        _ => Err(WorkerError::Crashed),
    }
}
