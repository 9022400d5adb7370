//! The server's end of the socket.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use access::Principal;
use anyhow::Context;
use archive::unpack::{SourceError, Verdict};
use archive::{Announced, Archive};
use audit::Recorder;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::frames::{self, Frame};
use super::{LINE, Request, SOCKET, socket_path};
use crate::erasure::{self, Plan};
use crate::event::{Event, Events, Progress};
use crate::jobs::{self, Job};
use crate::{people, recording, retention, trail_command};

/// Commands served at the same moment.
const SESSIONS: usize = 64;

/// The control socket of the process that holds the data folder.
pub struct Listener {
    listener: UnixListener,
    /// Kept open: the socket's path leads through it.
    _folder: File,
}

impl Listener {
    /// Listens in the folder. Whoever calls holds the folder's lock, so a socket that is there has no server.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn bind(folder: &Path) -> anyhow::Result<Self> {
        let opened = File::open(folder).with_context(|| format!("cannot open {}", folder.display()))?;
        let path = socket_path(&opened);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).context("cannot replace control.sock");
            }
            _ => {}
        }
        let listener = UnixListener::bind(&path)
            .with_context(|| format!("cannot listen on {}", folder.join(SOCKET).display()))?;
        Ok(Self { listener, _folder: opened })
    }

    /// Serves commands until `stop`, and then those that are in progress until `cut`.
    pub async fn serve(
        self,
        archive: Archive,
        jobs: Arc<jobs::Context>,
        stop: CancellationToken,
        cut: CancellationToken,
    ) {
        let sessions = TaskTracker::new();
        let room = Arc::new(Semaphore::new(SESSIONS));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => break,
            };
            let Ok((stream, _)) = accepted else {
                // Out of descriptors, most likely: give others a moment to close theirs.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            };
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
            if !is_ours(&stream) {
                tracing::warn!("another user's command was turned away from control.sock");
                continue;
            }
            let (archive, jobs, stop, cut) = (archive.clone(), Arc::clone(&jobs), stop.clone(), cut.clone());
            sessions.spawn(async move {
                let _permit = permit;
                let served = tokio::select! {
                    served = session(stream, archive, jobs, stop) => served,
                    () = cut.cancelled() => Ok(()),
                };
                if let Err(error) = served {
                    tracing::debug!(%error, "a command went away");
                }
            });
        }
        sessions.close();
        sessions.wait().await;
    }
}

/// Only the user that runs this server, and root, may command it.
fn is_ours(stream: &UnixStream) -> bool {
    let us = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == us || peer.uid() == 0)
}

async fn session(
    stream: UnixStream,
    archive: Archive,
    jobs: Arc<jobs::Context>,
    stop: CancellationToken,
) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::with_capacity(64 << 10, read);
    let mut line = Vec::new();
    (&mut read).take(LINE).read_until(b'\n', &mut line).await?;
    let job = match serde_json::from_slice(&line) {
        Ok(Request::Store) => return store(&mut read, &mut write, &archive, &jobs.trail, &stop).await,
        Ok(Request::AuditUsed { detail }) => {
            return record(&mut write, &jobs, trail_command::used(detail)).await;
        }
        Ok(Request::AccessChanged { detail }) => {
            return record(&mut write, &jobs, people::changed(detail)).await;
        }
        Ok(Request::LinkChanged { event }) => return record(&mut write, &jobs, *event).await,
        Ok(Request::HoldChanged { event }) => return record(&mut write, &jobs, *event).await,
        Ok(Request::Verify) => Job::Verify,
        Ok(Request::Backup { to }) => Job::Backup { to },
        Ok(Request::Send(order)) => Job::Send(order),
        Ok(Request::Erasable(wanted)) => {
            let plan = erasure::plan(&archive, &jobs, &wanted).await;
            return tell(&mut write, &plan.unwrap_or_else(|error| Plan::refused(&error))).await;
        }
        Ok(Request::Erase(wanted)) => Job::Erase(wanted),
        Ok(Request::RetentionPlan(planned)) => Job::RetentionPlan(planned),
        Ok(Request::TrustClock) => {
            retention::trust(&jobs.trail);
            return record(&mut write, &jobs, retention::trusted()).await;
        }
        Err(error) => {
            return tell(&mut write, &Event::Failed { why: format!("the request cannot be read: {error}") })
                .await;
        }
    };
    run(job, &mut read, &mut write, archive, jobs, stop).await
}

/// Records what a command did, and answers when that is kept.
async fn record(
    write: &mut (impl AsyncWriteExt + Unpin),
    jobs: &jobs::Context,
    event: audit::Event,
) -> io::Result<()> {
    jobs.trail.record(event);
    let told = match jobs.trail.settle().await {
        Ok(()) => Event::Progress(Progress { done: 1, total: Some(1), bytes: 0 }),
        Err(error) => Event::Failed { why: error.to_string() },
    };
    tell(write, &told).await
}

/// Runs the job and tells its events; a command that goes away takes the job with it, and so does the server's stop.
async fn run(
    job: Job,
    read: &mut (impl AsyncReadExt + Unpin),
    write: &mut (impl AsyncWriteExt + Unpin),
    archive: Archive,
    jobs: Arc<jobs::Context>,
    stop: CancellationToken,
) -> io::Result<()> {
    tracing::info!(job = job.name(), "begun for a command on this machine");
    let (events, told) = Events::channel();
    let name = job.name();
    let working = job.run(archive, &jobs, events);
    let mut byte = [0];
    let sent = tokio::select! {
        // Nothing more is to come from the command: whatever does is its end.
        gone = read.read(&mut byte) => gone.map(drop),
        ((), sent) = async { tokio::join!(working, forward(told, write)) } => sent,
        () = stop.cancelled() => Err(io::Error::other("the server is stopping")),
    };
    tracing::info!(job = name, "ended");
    sent
}

async fn forward(
    mut told: mpsc::Receiver<Event>,
    write: &mut (impl AsyncWriteExt + Unpin),
) -> io::Result<()> {
    while let Some(event) = told.recv().await {
        tell(write, &event).await?;
    }
    Ok(())
}

async fn tell(write: &mut (impl AsyncWriteExt + Unpin), event: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    write.write_all(&line).await
}

/// Takes files until the command closes, or the server stops.
async fn store(
    read: &mut (impl AsyncReadExt + Unpin),
    write: &mut (impl AsyncWriteExt + Unpin),
    archive: &Archive,
    recorder: &dyn Recorder,
    stop: &CancellationToken,
) -> io::Result<()> {
    let mut taken = 0_u64;
    let ended = loop {
        if stop.is_cancelled() {
            break Ok(());
        }
        let verdict = match store_one(read, archive, recorder).await {
            Ok(Some(verdict)) => verdict,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        taken += 1;
        if let Err(error) = tell(write, &verdict).await {
            break Err(error);
        }
    };
    if taken > 0 {
        tracing::debug!(files = taken, "looked at for an import on this machine");
    }
    ended
}

/// Takes one file; none when there is no more.
async fn store_one(
    read: &mut (impl AsyncReadExt + Unpin),
    archive: &Archive,
    recorder: &dyn Recorder,
) -> io::Result<Option<Verdict>> {
    let Some(mut frame) = frames::read(read).await? else { return Ok(None) };
    let who = Principal::console();
    let mut receiving = archive.receive(&who, Announced::file("import")).await;
    loop {
        match frame {
            Frame::Piece(bytes) => {
                if let Ok(incoming) = &mut receiving
                    && let Err(error) = incoming.write(bytes).await
                {
                    // What is left of the file is read and dropped: the verdict comes at its end.
                    receiving = Err(error);
                }
            }
            Frame::End => {
                let stored = match receiving {
                    Ok(incoming) => incoming.finish().await,
                    Err(error) => Err(error),
                };
                let stored = stored.map_err(SourceError::from);
                recording::imported(recorder, &stored);
                return Ok(Some(Verdict::of(&stored)));
            }
            Frame::Abandoned => return Ok(Some(Verdict::of(&Err(SourceError::cut_short())))),
        }
        let Some(next) = frames::read(read).await? else { return Ok(None) };
        frame = next;
    }
}
