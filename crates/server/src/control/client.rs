//! The command's end of the socket.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::{Context, bail};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::frames::{self, Frame};
use super::{LINE, Request, socket_path};

/// A connection to the server that holds the data folder.
pub struct Session {
    lines: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

/// Connects to the server that holds this folder; none when no server runs there.
///
/// # Errors
/// When one runs and cannot be reached: another user's, most likely.
pub async fn connect(folder: &Path) -> anyhow::Result<Option<Session>> {
    let Ok(opened) = File::open(folder) else { return Ok(None) };
    match UnixStream::connect(socket_path(&opened)).await {
        Ok(stream) => {
            let (read, write) = stream.into_split();
            Ok(Some(Session { lines: BufReader::new(read), write }))
        }
        // No socket, or one whose server is gone.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Ok(None)
        }
        Err(error) => {
            Err(error).with_context(|| format!("a server runs on {} but cannot be asked", folder.display()))
        }
    }
}

impl Session {
    /// Sends the request.
    ///
    /// # Errors
    /// When the server is gone.
    pub async fn ask(&mut self, request: &Request) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.write.write_all(&line).await.context("the server went away")
    }

    /// The next line of the answer; none at its end.
    ///
    /// # Errors
    /// When the server is gone or says what nobody understands.
    pub async fn next<T: DeserializeOwned>(&mut self) -> anyhow::Result<Option<T>> {
        let mut line = Vec::new();
        let read = (&mut self.lines)
            .take(LINE)
            .read_until(b'\n', &mut line)
            .await
            .context("the server went away")?;
        match read {
            0 => Ok(None),
            _ if !line.ends_with(b"\n") => bail!("the server went away in the middle of a line"),
            _ => Ok(Some(serde_json::from_slice(&line).context("the server's answer cannot be read")?)),
        }
    }

    /// Sends a piece of a file.
    ///
    /// # Errors
    /// When the server is gone.
    pub async fn piece(&mut self, bytes: Bytes) -> io::Result<()> {
        frames::write(&mut self.write, &Frame::Piece(bytes)).await
    }

    /// Ends a file: it is whole, or it is to be forgotten.
    ///
    /// # Errors
    /// When the server is gone.
    pub async fn end(&mut self, whole: bool) -> io::Result<()> {
        frames::write(&mut self.write, if whole { &Frame::End } else { &Frame::Abandoned }).await
    }
}
