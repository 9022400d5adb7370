//! RLE Lossless (PS3.5 Annex G).
//!
//! A frame is a header of 64 bytes and up to 15 segments. A segment is one byte plane of one component, packed as
//! PackBits; a component's most significant plane comes first. A frame of one bit a pixel is coded as its packed bytes: for
//! its caller it is one row of so many bytes.

use crate::{CodecError, Colour, Format, Limits, Raster};

/// The header: a count of segments and 15 offsets, each 32 bits (PS3.5 G.5).
const HEADER: usize = 64;
/// The most segments of a frame.
const SEGMENTS: usize = 15;
/// The most bytes that one run stands for.
const RUN: usize = 128;

/// The samples of an RLE frame.
///
/// `format` says what the frame holds, since the codestream does not: 8, 16 or 32 bits, all of them as stored. Runs may
/// cross rows, pads and bytes after a full plane are passed over.
///
/// # Errors
/// [`CodecError::Malformed`] when the segments are not as many as the format needs, lie outside the frame or end before
/// their plane is full; [`CodecError::Unsupported`] for other bits or more than 15 planes; [`CodecError::TooLarge`].
pub fn decode(bytes: &[u8], format: &Format, limits: &Limits) -> Result<Raster, CodecError> {
    let planes = planes(format)?;
    let offsets = offsets(bytes, planes)?;
    let mut samples = vec![0; limits.admit(format)?];
    let mut plane = if planes == 1 { Vec::new() } else { vec![0; samples.len() / planes] };
    for (index, &start) in offsets.iter().enumerate() {
        let end = offsets.iter().copied().filter(|&other| other > start).min().unwrap_or(bytes.len());
        let segment = bytes.get(start..end.min(bytes.len())).unwrap_or_default();
        let target = if planes == 1 { &mut samples } else { &mut plane };
        let full = unpack(segment, target);
        if full < target.len() {
            let whole = target.len();
            return Err(malformed(format!("segment {index} ends after {full} of {whole} bytes")));
        }
        if planes > 1 {
            let at = place(index, format);
            samples.iter_mut().skip(at).step_by(planes).zip(&plane).for_each(|(to, from)| *to = *from);
        }
    }
    let colour = if format.components == 1 { Colour::Grey } else { Colour::Unknown };
    Ok(Raster { format: *format, colour, samples })
}

/// A raster as an RLE frame: no run crosses a row, every segment is of even length.
///
/// # Errors
/// [`CodecError::Unsupported`] for more than 15 planes, or a frame beyond the header's 32 bits;
/// [`CodecError::Malformed`] for a raster whose samples do not match its format.
pub fn encode(raster: &Raster) -> Result<Vec<u8>, CodecError> {
    let format = &raster.format;
    let planes = usize::from(format.components) * usize::from(format.sample_bytes());
    if planes > SEGMENTS {
        return Err(too_many(planes));
    }
    raster.check()?;
    let row_bytes = raster.samples.len() / format.height as usize;
    let mut out = vec![0; HEADER];
    let mut header = vec![planes];
    let mut row = Vec::with_capacity(format.width as usize);
    for index in 0..planes {
        header.push(out.len());
        let at = place(index, format);
        for pixels in raster.samples.chunks_exact(row_bytes) {
            row.clear();
            row.extend(pixels.iter().skip(at).step_by(planes));
            pack(&row, &mut out);
        }
        if out.len() % 2 == 1 {
            out.push(0);
        }
    }
    for (to, value) in out.chunks_exact_mut(4).zip(header) {
        let value = u32::try_from(value)
            .map_err(|_| CodecError::Unsupported("an RLE frame holds at most 4 GiB".to_owned()))?;
        to.copy_from_slice(&value.to_le_bytes());
    }
    Ok(out)
}

/// How many byte planes a frame of this format has.
fn planes(format: &Format) -> Result<usize, CodecError> {
    if !matches!(format.bits, 8 | 16 | 32) {
        let bits = format.bits;
        return Err(CodecError::Unsupported(format!("RLE of {bits} bits; it has 8, 16 or 32")));
    }
    let planes = usize::from(format.components) * usize::from(format.sample_bytes());
    if planes > SEGMENTS { Err(too_many(planes)) } else { Ok(planes) }
}

fn too_many(planes: usize) -> CodecError {
    CodecError::Unsupported(format!("RLE has at most {SEGMENTS} segments; this frame needs {planes}"))
}

fn malformed(why: String) -> CodecError {
    CodecError::Malformed(format!("RLE: {why}"))
}

/// Where the segments start, as the header says.
fn offsets(bytes: &[u8], planes: usize) -> Result<Vec<usize>, CodecError> {
    let header = bytes.get(..HEADER).ok_or_else(|| malformed("the header is cut off".to_owned()))?;
    let mut words = header.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word) as usize);
    let count = words.next().unwrap_or(0);
    if count != planes {
        return Err(malformed(format!("{count} segments where the format needs {planes}")));
    }
    let offsets: Vec<usize> = words.take(planes).collect();
    if offsets.iter().any(|offset| !(HEADER..=bytes.len()).contains(offset)) {
        return Err(malformed("a segment lies outside the frame".to_owned()));
    }
    Ok(offsets)
}

/// Where in a pixel's bytes a plane's byte goes: segments run from the most significant byte, memory from the least.
fn place(index: usize, format: &Format) -> usize {
    let word = usize::from(format.sample_bytes());
    index - index % word + (word - 1 - index % word)
}

/// PackBits to bytes, until `out` is full or the segment ends; how many bytes of `out` were written.
fn unpack(segment: &[u8], out: &mut [u8]) -> usize {
    let mut rest = segment;
    let mut at = 0;
    while at < out.len() {
        let Some((&head, tail)) = rest.split_first() else { break };
        rest = tail;
        let room = out.get_mut(at..).unwrap_or_default();
        match head {
            0..=127 => {
                let length = (usize::from(head) + 1).min(room.len()).min(rest.len());
                let (literal, tail) = rest.split_at(length);
                room.iter_mut().zip(literal).for_each(|(to, from)| *to = *from);
                rest = tail;
                at += length;
            }
            128 => {}
            129..=255 => {
                let Some((&value, tail)) = rest.split_first() else { break };
                rest = tail;
                let length = (257 - usize::from(head)).min(room.len());
                room.iter_mut().take(length).for_each(|to| *to = value);
                at += length;
            }
        }
    }
    at
}

/// One row of a plane as PackBits: runs from three bytes on, or two where no literal is open.
fn pack(row: &[u8], out: &mut Vec<u8>) {
    let mut literal: &[u8] = &[];
    let mut rest = row;
    while let Some((&value, _)) = rest.split_first() {
        let run = rest.iter().take(RUN).take_while(|&&byte| byte == value).count();
        if run >= 3 || (run == 2 && literal.is_empty()) {
            put_literal(literal, out);
            // 257 - n, as the two's complement of n - 1.
            out.extend([(257 - run) as u8, value]);
            rest = rest.get(run..).unwrap_or_default();
            literal = &[];
        } else {
            let behind = rest.get(run..).unwrap_or_default();
            let open = literal.len() + run;
            // The literal and what follows it are neighbours in the row.
            let start = row.len() - rest.len() - literal.len();
            literal = row.get(start..start + open).unwrap_or_default();
            rest = behind;
        }
    }
    put_literal(literal, out);
}

fn put_literal(literal: &[u8], out: &mut Vec<u8>) {
    for chunk in literal.chunks(RUN) {
        out.push((chunk.len() - 1) as u8);
        out.extend_from_slice(chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(width: u32, height: u32, components: u8, bits: u8) -> Format {
        Format { width, height, components, bits, signed: false }
    }

    fn frame(segments: &[&[u8]]) -> Vec<u8> {
        let mut out = vec![0; HEADER];
        out[..4].copy_from_slice(&(segments.len() as u32).to_le_bytes());
        for (index, segment) in segments.iter().enumerate() {
            let at = out.len() as u32;
            out[4 + 4 * index..8 + 4 * index].copy_from_slice(&at.to_le_bytes());
            out.extend_from_slice(segment);
        }
        out
    }

    #[test]
    fn ts_008_packbits_unpack() {
        let rows: &[(&[u8], &[u8])] = &[
            (&[2, 1, 2, 3], &[1, 2, 3]),
            (&[254, 7], &[7, 7, 7]),
            (&[128, 128, 0, 9, 255, 8], &[9, 8, 8]),
            // Longer than the plane: what is over is passed over.
            (&[129, 5], &[5, 5, 5]),
            (&[4, 1, 2, 3, 4, 5], &[1, 2, 3]),
            (&[2, 1, 2, 3, 0, 0, 0], &[1, 2, 3]),
        ];
        for (segment, expected) in rows {
            let raster = decode(&frame(&[segment]), &format(3, 1, 1, 8), &Limits::default()).unwrap();
            assert_eq!(raster.samples, *expected, "{segment:?}");
        }
    }

    #[test]
    fn ts_008_planes_are_most_significant_first() {
        let planes: [&[u8]; 6] =
            [&[1, 0x11, 0x12], &[1, 1, 2], &[1, 0x21, 0x22], &[1, 3, 4], &[1, 0x31, 0x32], &[1, 5, 6]];
        let raster = decode(&frame(&planes), &format(2, 1, 3, 16), &Limits::default()).unwrap();
        let words: Vec<u16> =
            raster.samples.as_chunks::<2>().0.iter().map(|w| u16::from_le_bytes(*w)).collect();
        assert_eq!(words, [0x1101, 0x2103, 0x3105, 0x1202, 0x2204, 0x3206]);
    }

    #[test]
    fn ts_008_bad_frames() {
        let short = frame(&[&[254, 7]]);
        let mut outside = short.clone();
        outside[4] = 200;
        let rows: &[(&[u8], Format, &str)] = &[
            (&[], format(1, 1, 1, 8), "RLE: the header is cut off"),
            (&short, format(4, 1, 1, 8), "RLE: segment 0 ends after 3 of 4 bytes"),
            (&short, format(3, 1, 3, 8), "RLE: 1 segments where the format needs 3"),
            (&outside, format(3, 1, 1, 8), "RLE: a segment lies outside the frame"),
            (&short, format(3, 0, 1, 8), "the frame has no pixels"),
        ];
        for (bytes, format, expected) in rows {
            let error = decode(bytes, format, &Limits::default()).unwrap_err();
            assert_eq!(error, CodecError::Malformed((*expected).to_owned()));
        }
        for format in [format(1, 1, 1, 12), format(1, 1, 4, 32)] {
            assert!(matches!(decode(&short, &format, &Limits::default()), Err(CodecError::Unsupported(_))));
        }
        let small = Limits { decoded: 2 };
        assert_eq!(decode(&short, &format(3, 1, 1, 8), &small), Err(CodecError::TooLarge { limit: 2 }));
    }

    #[test]
    fn ts_008_runs_end_with_their_row() {
        let raster = Raster { format: format(3, 2, 1, 8), colour: Colour::Grey, samples: vec![7; 6] };
        let bytes = encode(&raster).unwrap();
        assert_eq!(bytes.get(HEADER..), Some(&[254, 7, 254, 7][..]));
    }

    #[test]
    fn ts_008_packbits_pack() {
        let rows: &[(&[u8], &[u8])] = &[
            (&[1], &[0, 1]),
            (&[1, 1], &[255, 1]),
            (&[1, 2, 2, 3], &[3, 1, 2, 2, 3]),
            (&[1, 2, 2, 2], &[0, 1, 254, 2]),
            (&[9; 130], &[129, 9, 255, 9]),
        ];
        for (row, expected) in rows {
            let mut out = Vec::new();
            pack(row, &mut out);
            assert_eq!(out, *expected, "{row:?}");
        }
    }
}
