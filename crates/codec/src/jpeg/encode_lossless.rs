//! Lossless coding with predictor 1: what DICOM calls first-order prediction, selection value 1.

use super::malformed;
use super::markers::{APP14, EOI, SOF3, SOS};
use super::writer::{Table, Writer, category};
use crate::{CodecError, Colour, Format, Raster};

/// A raster as a lossless JPEG (SOF3, predictor 1, no point transform), with a Huffman table made for it.
///
/// Samples are coded as they are stored: of signed ones the low bits, so that their reader must know the sign. A
/// raster of 1 bit is coded with 2. RGB is marked by the components' identifiers and Adobe's APP14.
///
/// # Errors
/// [`CodecError::Unsupported`] for more than 16 bits or 65,535 columns or rows; [`CodecError::Malformed`] for a raster
/// whose samples do not match its format or go beyond its bits.
pub fn encode_lossless(raster: &Raster) -> Result<Vec<u8>, CodecError> {
    let format = &raster.format;
    let sizes = (u16::try_from(format.width), u16::try_from(format.height));
    let (Ok(width), Ok(height)) = sizes else {
        return Err(CodecError::Unsupported("JPEG of more than 65535 columns or rows".to_owned()));
    };
    if !(1..=16).contains(&format.bits) || !(1..=4).contains(&format.components) {
        return Err(CodecError::Unsupported(format!("lossless JPEG of {format:?}")));
    }
    raster.check()?;
    let precision = format.bits.max(2);
    let differences = differences(raster, precision)?;
    let mut frequencies = [0; 17];
    for &difference in &differences {
        if let Some(count) = frequencies.get_mut(usize::from(code(difference).0)) {
            *count += 1;
        }
    }
    let table = Table::best(&frequencies);

    let mut writer = Writer::new(raster.samples.len() / 2 + 1024);
    let ids = identifiers(raster, &mut writer);
    let ids = ids.get(..usize::from(format.components)).unwrap_or_default();
    let ([y0, y1], [x0, x1]) = (height.to_be_bytes(), width.to_be_bytes());
    let frame: Vec<u8> = ids.iter().flat_map(|&id| [id, 0x11, 0]).collect();
    writer.marker(SOF3, &[&[precision, y0, y1, x0, x1, format.components], &frame]);
    writer.table(0x00, &table);
    let scan: Vec<u8> = ids.iter().flat_map(|&id| [id, 0]).collect();
    writer.marker(SOS, &[&[format.components], &scan, &[1, 0, 0]]);
    for &difference in &differences {
        let (size, bits) = code(difference);
        // Category 16 is one number only, and has no bits.
        table.put(size, bits, u32::from(size & 15), &mut writer);
    }
    writer.flush();
    writer.out.extend([0xFF, EOI]);
    Ok(writer.out)
}

/// The components' identifiers, and the segment that tells their colour.
fn identifiers(raster: &Raster, writer: &mut Writer) -> [u8; 4] {
    let mut adobe = |transform| writer.marker(APP14, &[b"Adobe", &[0, 100, 0, 0, 0, 0, transform]]);
    match (raster.format.components, raster.colour) {
        (3, Colour::Rgb) => {
            adobe(0);
            *b"RGB\0"
        }
        (3, Colour::Ycc) => {
            adobe(1);
            [1, 2, 3, 4]
        }
        (1, _) => [1, 2, 3, 4],
        _ => [0, 1, 2, 3],
    }
}

/// The category of a difference modulo 2^16, and the bits behind it.
#[inline(always)]
fn code(difference: u16) -> (u8, u32) {
    let (size, bits) = category(i32::from(difference as i16));
    if size == 16 { (16, 0) } else { (size, bits) }
}

/// Each sample less its left neighbour; a row's first less the one above; the very first less the middle.
fn differences(raster: &Raster, precision: u8) -> Result<Vec<u16>, CodecError> {
    let Format { width, components, .. } = raster.format;
    let words = words(raster)?;
    let stride = width as usize * usize::from(components);
    let mut differences = Vec::with_capacity(words.len());
    let mut above = vec![1_u16 << (precision - 1); usize::from(components)];
    for row in words.chunks_exact(stride) {
        let (start, rest) = row.split_at(usize::from(components).min(row.len()));
        differences.extend(start.iter().zip(&above).map(|(sample, above)| sample.wrapping_sub(*above)));
        differences.extend(rest.iter().zip(row).map(|(sample, left)| sample.wrapping_sub(*left)));
        above.copy_from_slice(start);
    }
    Ok(differences)
}

/// The samples as unsigned numbers of the format's bits.
fn words(raster: &Raster) -> Result<Vec<u16>, CodecError> {
    let Format { bits, signed, .. } = raster.format;
    let mask = (u32::from(u16::MAX) >> (16 - bits)) as u16;
    let words: Vec<u16> = if raster.format.sample_bytes() == 1 {
        let wide = |&byte: &u8| if signed { i16::from(byte as i8) as u16 } else { u16::from(byte) };
        raster.samples.iter().map(wide).collect()
    } else {
        raster.samples.as_chunks::<2>().0.iter().map(|word| u16::from_le_bytes(*word)).collect()
    };
    let beyond = words.iter().fold(0, |all, &word| {
        let repeated =
            if signed { ((word << (16 - bits)) as i16 >> (16 - bits)) as u16 } else { word & mask };
        all | (word ^ repeated)
    });
    if beyond != 0 {
        return Err(malformed(format!("samples go beyond {bits} bits")));
    }
    Ok(if signed { words.into_iter().map(|word| word & mask).collect() } else { words })
}

#[cfg(test)]
mod tests {
    use super::super::{Process, decode, head};
    use super::*;
    use crate::Limits;

    fn raster(bits: u8, components: u8, signed: bool, words: &[u16]) -> Raster {
        let width = words.len() as u32 / u32::from(components) / 2;
        let format = Format { width, height: 2, components, bits, signed };
        let bytes = |word: &u16| if bits > 8 { word.to_le_bytes().to_vec() } else { vec![*word as u8] };
        Raster { format, colour: Colour::Unknown, samples: words.iter().flat_map(bytes).collect() }
    }

    #[test]
    fn ts_009_extremes_come_back() {
        let rows: &[(u8, u8, &[u16])] = &[
            (16, 1, &[0, 65535, 32768, 0, 1, 65535, 0, 32768]),
            (16, 1, &[32768, 0, 32768, 0, 32768, 0]),
            (2, 1, &[0, 3, 1, 2]),
            (8, 3, &[0, 255, 128, 255, 0, 1, 7, 7, 7, 0, 0, 255]),
            (12, 1, &[4095, 0, 0, 4095]),
        ];
        for (bits, components, words) in rows {
            let raster = raster(*bits, *components, false, words);
            let bytes = encode_lossless(&raster).unwrap();
            assert_eq!(head(&bytes).unwrap().process, Process::Lossless { predictor: 1, point_transform: 0 });
            assert_eq!(decode(&bytes, &Limits::default()).unwrap().samples, raster.samples, "{words:?}");
        }
    }

    #[test]
    fn signed_samples_are_coded_by_their_low_bits() {
        let raster = raster(12, 1, true, &[0xFFFF, 0x07FF, 0xF800, 0]);
        let back = decode(&encode_lossless(&raster).unwrap(), &Limits::default()).unwrap();
        assert_eq!(back.format.bits, 12);
        assert_eq!(back.samples, [0xFF, 0x0F, 0xFF, 0x07, 0x00, 0x08, 0, 0]);
    }

    #[test]
    fn what_would_lose_bits_is_refused() {
        assert!(encode_lossless(&raster(12, 1, false, &[4096, 0])).is_err());
        assert!(encode_lossless(&raster(12, 1, true, &[0x0FFF, 0])).is_err());
        let mut wide = raster(16, 1, false, &[1, 2]);
        wide.format.bits = 17;
        assert!(matches!(encode_lossless(&wide), Err(CodecError::Unsupported(_))));
        wide.format = Format { width: 70_000, bits: 16, ..wide.format };
        assert!(matches!(encode_lossless(&wide), Err(CodecError::Unsupported(_))));
    }
}
