//! Files on the socket: pieces with a 32-bit length, big endian, before each. Length 0 ends a file; all bits set
//! abandons it.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Most bytes in a piece.
pub const PIECE: usize = 1 << 20;
const ABANDONED: u32 = u32::MAX;

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// Bytes of the file.
    Piece(Bytes),
    /// The file is whole.
    End,
    /// The file cannot be read on; forget it.
    Abandoned,
}

/// Reads a frame; none when the peer has closed between two files.
pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Frame>> {
    let length = match from.read_u32().await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        length => length?,
    };
    match length {
        0 => Ok(Some(Frame::End)),
        ABANDONED => Ok(Some(Frame::Abandoned)),
        length if length as usize <= PIECE => {
            let mut piece = BytesMut::zeroed(length as usize);
            from.read_exact(&mut piece).await?;
            Ok(Some(Frame::Piece(piece.freeze())))
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a piece is too long")),
    }
}

/// Writes a frame.
pub async fn write(to: &mut (impl AsyncWrite + Unpin), frame: &Frame) -> io::Result<()> {
    match frame {
        Frame::End => to.write_u32(0).await,
        Frame::Abandoned => to.write_u32(ABANDONED).await,
        Frame::Piece(bytes) => {
            for piece in bytes.chunks(PIECE) {
                to.write_u32(piece.len() as u32).await?;
                to.write_all(piece).await?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_back_as_they_went() {
        let mut wire = Vec::new();
        let long = Bytes::from(vec![7; PIECE + 3]);
        for frame in [Frame::Piece(long.clone()), Frame::End, Frame::Abandoned, Frame::Piece(Bytes::new())] {
            write(&mut wire, &frame).await.unwrap();
        }
        let mut from = &wire[..];
        for expected in [
            Some(Frame::Piece(long.slice(..PIECE))),
            Some(Frame::Piece(long.slice(PIECE..))),
            Some(Frame::End),
            Some(Frame::Abandoned),
            None,
        ] {
            assert_eq!(read(&mut from).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn lies_about_length_are_errors() {
        for wire in [&(PIECE as u32 + 1).to_be_bytes()[..], &[0, 0, 0, 9, 1, 2], &[0, 0]] {
            let result = read(&mut &wire[..]).await;
            assert!(result.is_err() || result.unwrap().is_none(), "{wire:?}");
        }
    }
}
