//! Where files are stored: the archive that this process opened, or the server that holds it.

use std::path::PathBuf;
use std::sync::Arc;

use access::Principal;
use archive::Archive;
use archive::unpack::{Source, Verdict};
use audit::Recorder;

use crate::control::{self, Request, Session};
use crate::recording;

/// Where files are stored.
#[derive(Clone)]
pub enum Door {
    /// Here: no server runs. Whoever records is told.
    Archive(Archive, Arc<dyn Recorder>),
    /// In the server that holds this data folder.
    Server(PathBuf),
}

impl Door {
    /// Opens it for one file after the other.
    ///
    /// # Errors
    /// When the server is gone.
    pub async fn open(&self) -> anyhow::Result<OpenDoor> {
        match self {
            Door::Archive(archive, recorder) => Ok(OpenDoor::Archive(archive.clone(), Arc::clone(recorder))),
            Door::Server(folder) => {
                let mut session = control::connect(folder).await?.ok_or_else(gone)?;
                session.ask(&Request::Store).await?;
                Ok(OpenDoor::Server(Box::new(session)))
            }
        }
    }
}

/// A door that one file after the other goes through.
pub enum OpenDoor {
    /// See [`Door::Archive`].
    Archive(Archive, Arc<dyn Recorder>),
    /// See [`Door::Server`].
    Server(Box<Session>),
}

impl OpenDoor {
    /// Stores one file.
    ///
    /// # Errors
    /// When the server is gone.
    pub async fn store(&mut self, source: &mut Source) -> anyhow::Result<Verdict> {
        let verdict = match self {
            OpenDoor::Archive(archive, recorder) => {
                let stored = source.store(archive, &Principal::console(), "import").await;
                recording::imported(recorder.as_ref(), &stored);
                Verdict::of(&stored)
            }
            OpenDoor::Server(session) => store_there(session, source).await?,
        };
        Ok(verdict.expected(source.expected))
    }
}

async fn store_there(session: &mut Session, source: &mut Source) -> anyhow::Result<Verdict> {
    let broken = loop {
        match source.next().await {
            Ok(Some(bytes)) => session.piece(bytes).await?,
            Ok(None) => break None,
            Err(error) => break Some(Verdict::of(&Err(error))),
        }
    };
    session.end(broken.is_none()).await?;
    let verdict = session.next().await?.ok_or_else(gone)?;
    Ok(broken.unwrap_or(verdict))
}

fn gone() -> anyhow::Error {
    anyhow::anyhow!("the server went away")
}
