//! The codestream around the packets (T.800 Annex A).

use super::{BLOCK, Orientation, Style, unsupported};
use crate::CodecError;

/// SOC, SIZ, COD, QCD, one tile-part, EOC.
pub(super) fn codestream(style: &Style, guard_bits: u32, packets: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(packets.len() + 128);
    bytes.extend_from_slice(&[0xFF, 0x4F]);
    segment(&mut bytes, 0x51, &size(style));
    segment(&mut bytes, 0x52, &coding_style(style));
    segment(&mut bytes, 0x5C, &quantisation(style, guard_bits));
    let length =
        u32::try_from(packets.len() + 14).map_err(|_| unsupported("a codestream of more than 4 GiB"))?;
    let mut tile_part = vec![0, 0];
    tile_part.extend_from_slice(&length.to_be_bytes());
    tile_part.extend_from_slice(&[0, 1]);
    segment(&mut bytes, 0x90, &tile_part);
    bytes.extend_from_slice(&[0xFF, 0x93]);
    bytes.extend_from_slice(packets);
    bytes.extend_from_slice(&[0xFF, 0xD9]);
    Ok(bytes)
}

fn segment(bytes: &mut Vec<u8>, marker: u8, content: &[u8]) {
    let length = content.len() as u16 + 2;
    bytes.extend_from_slice(&[0xFF, marker]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(content);
}

/// SIZ (A.5.1): one tile as large as the image.
fn size(style: &Style) -> Vec<u8> {
    let format = &style.format;
    let mut content = vec![0, 0];
    for number in [format.width, format.height, 0, 0, format.width, format.height, 0, 0] {
        content.extend_from_slice(&number.to_be_bytes());
    }
    content.extend_from_slice(&[0, format.components]);
    let depth = (format.bits - 1) | if format.signed { 0x80 } else { 0 };
    content.extend((0..format.components).flat_map(|_| [depth, 1, 1]));
    content
}

/// COD (A.6.1): largest precincts, LRCP, one layer, the reversible 5/3 wavelet.
fn coding_style(style: &Style) -> [u8; 10] {
    let exponent = BLOCK as u8 - 2;
    [0, 0, 0, 1, u8::from(style.transformed), style.levels, exponent, exponent, 0, 1]
}

/// QCD (A.6.4): no quantisation, the exponent of each band.
fn quantisation(style: &Style, guard_bits: u32) -> Vec<u8> {
    let mut content = vec![(guard_bits << 5) as u8];
    let exponent = |orientation| (style.exponent(orientation) << 3) as u8;
    content.push(exponent(Orientation::Low));
    for _ in 0..style.levels {
        content.extend([Orientation::Horizontal, Orientation::Vertical, Orientation::Diagonal].map(exponent));
    }
    content
}
