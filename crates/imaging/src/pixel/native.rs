//! Native frames (PS3.5 8.1, PS3.3 C.7.6.3.1): bytes to samples and back.

use codec::Limits;

use super::samples::{SampleColour, Samples};
use super::{Photometric, PixelError, PixelFormat};

/// The samples of a native frame, which is little endian and begins at bit 0. Bytes behind it are padding.
///
/// Chrominance that is stored once for two pixels is given to both, unless the bytes for all of it are there.
pub(crate) fn read(format: &PixelFormat, frame: &[u8], limits: &Limits) -> Result<Samples, PixelError> {
    let bytes = format.admitted(limits)?;
    if format.bits_allocated == 1 {
        return bits(format, frame, bytes);
    }
    if let Some(whole) = frame.get(..bytes) {
        let data = match format.planar && format.samples > 1 {
            true => interleaved(whole, format),
            false => whole.to_vec(),
        };
        return Ok(Samples::of_data(data, format));
    }
    let shared = matches!(format.photometric, Photometric::YbrFull422 | Photometric::YbrPartial422);
    match frame.get(..bytes / 3 * 2) {
        Some(coarse) if shared && format.samples == 3 && format.columns.is_multiple_of(2) => {
            let data = doubled(coarse, usize::from(format.word()));
            Ok(Samples::of_data(data, format))
        }
        _ => Err(PixelError::Malformed(format!("the frame has {} of its {bytes} bytes", frame.len()))),
    }
}

/// Samples as a native frame of this format: by plane where it says so, one bit each where it allocates one.
pub(crate) fn write(samples: Samples, format: &PixelFormat) -> Vec<u8> {
    if format.bits_allocated == 1 {
        return samples.data.chunks(8).map(packed).collect();
    }
    match format.planar && format.samples > 1 {
        true => by_plane(&samples),
        false => samples.data,
    }
}

/// One bit a pixel, the first in the least significant one (PS3.5 8.1.1), to a byte each.
fn bits(format: &PixelFormat, frame: &[u8], count: usize) -> Result<Samples, PixelError> {
    if frame.len() < count.div_ceil(8) {
        return Err(PixelError::Malformed(format!("the frame has {} bytes for {count} pixels", frame.len())));
    }
    let spread = frame.iter().flat_map(|&byte| (0..8).map(move |bit| byte >> bit & 1));
    Ok(Samples::of_data(spread.take(count).collect(), format))
}

fn packed(pixels: &[u8]) -> u8 {
    pixels.iter().rev().fold(0, |byte, &pixel| byte << 1 | u8::from(pixel != 0))
}

fn interleaved(planes: &[u8], format: &PixelFormat) -> Vec<u8> {
    let (word, channels) = (usize::from(format.word()), usize::from(format.samples));
    let mut out = vec![0; planes.len()];
    for (channel, plane) in planes.chunks_exact((planes.len() / channels).max(1)).enumerate() {
        let places = out.chunks_exact_mut(word).skip(channel).step_by(channels);
        places.zip(plane.chunks_exact(word)).for_each(|(to, from)| to.copy_from_slice(from));
    }
    out
}

fn by_plane(samples: &Samples) -> Vec<u8> {
    let (word, channels) = (usize::from(samples.word), usize::from(samples.channels));
    let mut out = Vec::with_capacity(samples.data.len());
    for channel in 0..channels {
        samples
            .data
            .chunks_exact(word)
            .skip(channel)
            .step_by(channels)
            .for_each(|sample| out.extend_from_slice(sample));
    }
    out
}

/// Y1 Y2 Cb Cr (PS3.3 C.7.6.3.1.2) to Y1 Cb Cr, Y2 Cb Cr.
fn doubled(coarse: &[u8], word: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(coarse.len() / 2 * 3);
    for pair in coarse.chunks_exact(4 * word) {
        let (luminances, chrominances) = pair.split_at(2 * word);
        for luminance in luminances.chunks_exact(word) {
            out.extend_from_slice(luminance);
            out.extend_from_slice(chrominances);
        }
    }
    out
}

impl Samples {
    /// As they are, for a caller that knows better what they are.
    pub(crate) fn labelled(self, colour: SampleColour) -> Self {
        Self { colour, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(samples: u8, bits: u8, photometric: Photometric, planar: bool) -> PixelFormat {
        PixelFormat {
            rows: 1,
            columns: 2,
            samples,
            bits_allocated: bits,
            bits_stored: bits,
            high_bit: bits - 1,
            signed: false,
            planar,
            photometric,
            float: false,
        }
    }

    #[test]
    fn layouts() {
        use Photometric::{Monochrome2, Rgb, YbrFull422};
        for (format, frame, expected) in [
            (format(1, 8, Monochrome2, false), &[1, 2, 0][..], Some(&[1, 2][..])),
            (format(1, 16, Monochrome2, false), &[1, 2, 3, 4], Some(&[1, 2, 3, 4])),
            (format(1, 16, Monochrome2, false), &[1, 2, 3], None),
            (format(1, 1, Monochrome2, false), &[0b10], Some(&[0, 1])),
            (format(1, 1, Monochrome2, false), &[], None),
            (format(3, 8, Rgb, false), &[1, 2, 3, 4, 5, 6], Some(&[1, 2, 3, 4, 5, 6])),
            (format(3, 8, Rgb, true), &[1, 4, 2, 5, 3, 6], Some(&[1, 2, 3, 4, 5, 6])),
            (
                format(3, 16, Rgb, true),
                &[1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6, 0],
                Some(&[1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0]),
            ),
            (format(3, 8, YbrFull422, false), &[1, 2, 3, 4], Some(&[1, 3, 4, 2, 3, 4])),
            (format(3, 8, YbrFull422, false), &[1, 2, 3, 4, 5, 6], Some(&[1, 2, 3, 4, 5, 6])),
            (format(3, 8, YbrFull422, false), &[1, 2, 3], None),
            (format(3, 8, Rgb, false), &[1, 2, 3, 4], None),
        ] {
            let read = read(&format, frame, &Limits::default()).ok().map(|samples| samples.data);
            assert_eq!(read.as_deref(), expected, "{format:?} {frame:?}");
        }
    }

    #[test]
    fn written_as_it_was_read() {
        for (format, frame) in [
            (format(3, 8, Photometric::Rgb, true), &[1, 4, 2, 5, 3, 6][..]),
            (format(3, 8, Photometric::Rgb, false), &[1, 2, 3, 4, 5, 6]),
            (format(1, 1, Photometric::Monochrome2, false), &[0b11]),
        ] {
            let samples = read(&format, frame, &Limits::default()).expect("a frame");
            assert_eq!(write(samples, &format), frame, "{format:?}");
        }
    }

    #[test]
    fn what_is_too_large_is_not_allocated() {
        let huge =
            PixelFormat { rows: u32::MAX, columns: u32::MAX, ..format(3, 64, Photometric::Rgb, false) };
        let read = read(&huge, &[], &Limits::default());
        assert!(matches!(read, Err(PixelError::TooLarge { .. })));
    }
}
