//! The JP2 file format around a codestream (T.800 Annex I), which some senders leave on.

use super::malformed;
use crate::CodecError;

const SIGNATURE: &[u8] = b"\0\0\0\x0CjP  ";
const START: &[u8] = &[0xFF, 0x4F];

/// The raw codestream: the bytes themselves, or the first `jp2c` box.
pub(super) fn codestream(bytes: &[u8]) -> Result<&[u8], CodecError> {
    if bytes.starts_with(START) {
        return Ok(bytes);
    }
    if !bytes.starts_with(SIGNATURE) {
        return Err(malformed("neither a codestream nor a JP2 file"));
    }
    let mut rest = bytes;
    while let Some((kind, content, after)) = next(rest) {
        if kind == *b"jp2c" {
            return if content.starts_with(START) {
                Ok(content)
            } else {
                Err(malformed("an empty jp2c box"))
            };
        }
        rest = after;
    }
    Err(malformed("a JP2 file without codestream"))
}

/// The type, the content and what follows of the first box. A length beyond the end stands for the rest.
fn next(bytes: &[u8]) -> Option<([u8; 4], &[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let (content, rest) = match u32::from_be_bytes(*length) {
        0 => (rest, None),
        1 => {
            let (long, rest) = rest.split_first_chunk::<8>()?;
            (rest, Some(u64::from_be_bytes(*long).checked_sub(16)?))
        }
        short => (rest, Some(u64::from(short).checked_sub(8)?)),
    };
    let length = rest.map_or(content.len(), |length| usize::try_from(length).unwrap_or(usize::MAX));
    let (content, after) = content.split_at(length.min(content.len()));
    Some((*kind, content, after))
}

/// A JP2 file that says its three components are red, green and blue, whatever their sampling.
pub(super) fn wrapped_as_rgb(codestream: &[u8], height: u32, width: u32) -> Vec<u8> {
    let mut file = Vec::with_capacity(codestream.len() + 96);
    file.extend_from_slice(
        b"\0\0\0\x0CjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 \0\0\0\x2Djp2h\0\0\0\x16ihdr",
    );
    file.extend_from_slice(&height.to_be_bytes());
    file.extend_from_slice(&width.to_be_bytes());
    file.extend_from_slice(b"\0\x03\xFF\x07\0\0\0\0\0\x0Fcolr\x01\0\0\0\0\0\x10\0\0\0\0jp2c");
    file.extend_from_slice(codestream);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_codestream() {
        let table: [(&[u8], Option<&[u8]>); 7] = [
            (b"\xFF\x4F\xFF\x51", Some(b"\xFF\x4F\xFF\x51")),
            (b"\0\0\0\x0CjP  \r\n\x87\n\0\0\0\x0Ajp2c\xFF\x4F", Some(b"\xFF\x4F")),
            (b"\0\0\0\x0CjP  \r\n\x87\n\0\0\0\x00jp2c\xFF\x4Fabc", Some(b"\xFF\x4Fabc")),
            (b"\0\0\0\x0CjP  \r\n\x87\n\0\0\0\x01jp2c\0\0\0\0\0\0\0\x12\xFF\x4Fabc", Some(b"\xFF\x4F")),
            (b"\0\0\0\x0CjP  \r\n\x87\n\0\0\0\x07jp2c\xFF\x4F", None),
            (b"\0\0\0\x0CjP  \r\n\x87\n\0\0\0\x09free1", None),
            (b"GIF89a", None),
        ];
        for (bytes, expected) in table {
            assert_eq!(codestream(bytes).ok(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn wraps_what_it_can_unwrap() {
        let file = wrapped_as_rgb(b"\xFF\x4F\xFF\x51", 2, 3);
        assert_eq!(codestream(&file).unwrap(), b"\xFF\x4F\xFF\x51");
    }
}
