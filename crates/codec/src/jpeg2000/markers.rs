//! The marker segments that say what decoding costs (T.800 Annex A): SIZ, COD, COC, and the tile-parts' lengths.

use super::{colour, malformed, unsupported};
use crate::{CodecError, Colour, Format};

/// The most precincts and code blocks of an image, counted generously. Decoders keep some 150 bytes for each: 150 MB.
const PIECES: u64 = 1 << 20;

/// What a main header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The shape after decoding. `signed` is the codestream's own word (SIZ).
    pub format: Format,
    /// What the components are after decoding.
    pub colour: Colour,
    /// Whether every component uses the reversible 5/3 wavelet. That makes lossless coding possible, no more.
    pub reversible: bool,
    /// Whether code blocks are coded as in T.814.
    pub high_throughput: bool,
}

/// How the image is cut into pieces.
pub(super) struct Structure {
    /// Whether components differ in their sampling.
    pub(super) subsampled: bool,
    /// Bytes up to the first tile-part.
    main_header: usize,
    grid: Grid,
}

#[derive(Clone, Copy)]
struct Grid {
    /// Width and height of a tile, on the reference grid.
    tile: [u32; 2],
    /// Tiles of the image.
    tiles: u64,
    components: u8,
}

/// A coding style, from COD or COC.
struct Style<'a> {
    levels: u8,
    /// Exponents of a code block's width and height.
    block: [u8; 2],
    high_throughput: bool,
    reversible: bool,
    precincts: &'a [u8],
}

/// Reads a main header up to the first tile-part.
pub(super) fn read(codestream: &[u8]) -> Result<(Head, Structure), CodecError> {
    let mut segments = Segments { bytes: codestream, at: 2 };
    let Some((0xFF51, siz)) = segments.next()? else { return Err(malformed("no SIZ after SOC")) };
    let (format, grid, subsampled) = size(siz)?;
    let mut transformed = None;
    let (mut reversible, mut high_throughput) = (true, false);
    while let Some((marker, segment)) = segments.next()? {
        let Some(style) = style(marker, segment)? else { continue };
        if marker == 0xFF52 {
            transformed = segment.get(4).map(|kind| *kind != 0);
        }
        grid.admit(&style)?;
        reversible &= style.reversible;
        high_throughput |= style.high_throughput;
    }
    let transformed = transformed.ok_or_else(|| malformed("no COD in the main header"))?;
    if transformed && format.components < 3 {
        return Err(malformed("a component transformation of fewer than three components"));
    }
    let head = Head { format, colour: colour(format.components, transformed), reversible, high_throughput };
    Ok((head, Structure { subsampled, main_header: segments.at, grid }))
}

impl Structure {
    /// Checks that every tile-part is complete, and what its header says of coding styles.
    pub(super) fn admit_tile_parts(&self, codestream: &[u8]) -> Result<(), CodecError> {
        let mut at = self.main_header;
        let mut parts = 0_u32;
        while let Some(rest) = codestream.get(at..).filter(|rest| rest.starts_with(&[0xFF, 0x90])) {
            let length = rest.get(6..10).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes);
            let length = match length {
                Some(0) => rest.len(),
                Some(length @ 14..) => length as usize,
                _ => return Err(malformed("a tile-part without length")),
            };
            let part = rest.get(..length).ok_or_else(|| malformed("cut short inside a tile-part"))?;
            let mut segments = Segments { bytes: part, at: 12 };
            while let Some((marker, segment)) = segments.next()? {
                if let Some(style) = style(marker, segment)? {
                    self.grid.admit(&style)?;
                }
            }
            at += length;
            parts += 1;
        }
        if parts == 0 { Err(malformed("no tile-part")) } else { Ok(()) }
    }
}

/// SIZ (A.5.1).
fn size(segment: &[u8]) -> Result<(Format, Grid, bool), CodecError> {
    let number = |at: usize| -> Result<u32, CodecError> {
        let bytes = segment.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_be_bytes).ok_or_else(|| malformed("a short SIZ"))
    };
    let [x1, y1, x0, y0] = [number(2)?, number(6)?, number(10)?, number(14)?];
    let [tile_width, tile_height, tile_x, tile_y] = [number(18)?, number(22)?, number(26)?, number(30)?];
    if x0 >= x1 || y0 >= y1 {
        return Err(malformed("an image area without pixels"));
    }
    let first = |offset: u32, tile: u32, image: u32| {
        tile > 0 && offset <= image && u64::from(offset) + u64::from(tile) > u64::from(image)
    };
    if !first(tile_x, tile_width, x0) || !first(tile_y, tile_height, y0) {
        return Err(malformed("tiles that do not start at the image"));
    }
    let components = segment.get(34..36).and_then(|count| count.try_into().ok()).map(u16::from_be_bytes);
    let components = match components {
        Some(count @ 1..=4) => count as u8,
        Some(5..) => return Err(unsupported("more than four components")),
        _ => return Err(malformed("no components")),
    };
    let described = segment.get(36..36 + 3 * usize::from(components));
    let described = described.ok_or_else(|| malformed("a short SIZ"))?.as_chunks::<3>().0;
    let [depth, mut across, mut down] = described.first().copied().unwrap_or_default();
    let mut subsampled = false;
    for [other, right, below] in described {
        if *right == 0 || *below == 0 {
            return Err(malformed("a component without sampling"));
        }
        if *other != depth {
            return Err(unsupported("components of different precision"));
        }
        subsampled |= [*right, *below] != [across, down];
    }
    if subsampled {
        // With several samplings the grid itself is the image, and some component has to fill it.
        if !described.iter().any(|[_, right, below]| [*right, *below] == [1, 1]) {
            return Err(unsupported("no component in full resolution"));
        }
        (across, down) = (1, 1);
    }
    let bits = (depth & 0x7F) + 1;
    if bits > 16 {
        return Err(unsupported("samples of more than 16 bits"));
    }
    let length = |from: u32, to: u32, step: u8| to.div_ceil(u32::from(step)) - from.div_ceil(u32::from(step));
    let (width, height) = (length(x0, x1, across), length(y0, y1, down));
    let format = Format { width, height, components, bits, signed: depth & 0x80 != 0 };
    let count = |tile: u32, offset: u32, end: u32| u64::from((end - offset).div_ceil(tile));
    let tiles = count(tile_width, tile_x, x1) * count(tile_height, tile_y, y1);
    if tiles > 65_535 {
        return Err(malformed("more than 65535 tiles"));
    }
    let tile = [tile_width.min(x1 - tile_x), tile_height.min(y1 - tile_y)];
    Ok((format, Grid { tile, tiles, components }, subsampled))
}

/// COD and COC (A.6.1, A.6.2); `None` for another marker. With up to four components COC's index is one byte.
fn style(marker: u16, segment: &[u8]) -> Result<Option<Style<'_>>, CodecError> {
    let skipped = match marker {
        0xFF52 => 5,
        0xFF53 => 2,
        _ => return Ok(None),
    };
    let has_precincts =
        segment.get(skipped - if marker == 0xFF52 { 5 } else { 1 }).is_some_and(|style| style & 1 != 0);
    let Some([levels, width, height, mode, wavelet, precincts @ ..]) = segment.get(skipped..) else {
        return Err(malformed("a short coding style"));
    };
    let block = [(width & 15) + 2, (height & 15) + 2];
    if *levels > 32 || block.iter().any(|exponent| *exponent > 10) || block.iter().sum::<u8>() > 12 {
        return Err(malformed("a coding style out of range"));
    }
    let precincts = if has_precincts { precincts } else { &[] };
    if has_precincts && precincts.len() <= usize::from(*levels) {
        return Err(malformed("a coding style without its precincts"));
    }
    let reversible = *wavelet == 1;
    Ok(Some(Style { levels: *levels, block, high_throughput: mode & 0x40 != 0, reversible, precincts }))
}

impl Grid {
    /// Refuses a structure of more than [`PIECES`]: a bomb, since real ones have thousands.
    fn admit(&self, style: &Style) -> Result<(), CodecError> {
        let mut pieces = 0_u64;
        for resolution in 0..=style.levels {
            let below = u32::from(style.levels - resolution);
            let [width, height] = self.tile.map(|length| u64::from(length).div_ceil(1 << below) + 1);
            let precinct = style.precincts.get(usize::from(resolution)).copied().unwrap_or(0xFF);
            let [across, down] = [precinct & 15, precinct >> 4];
            let precincts = ((width >> across) + 2).saturating_mul((height >> down) + 2);
            let inner = u8::from(resolution > 0);
            let [block_width, block_height] = style.block;
            let blocks = ((width >> (block_width.min(across.saturating_sub(inner)) + inner)) + 1)
                .saturating_mul((height >> (block_height.min(down.saturating_sub(inner)) + inner)) + 1);
            let bands = if resolution == 0 { 1 } else { 3 };
            pieces = pieces.saturating_add(precincts.saturating_add(blocks).saturating_mul(bands));
        }
        match pieces.saturating_mul(self.tiles).saturating_mul(u64::from(self.components)) {
            0..=PIECES => Ok(()),
            _ => Err(unsupported("more than a million code blocks and precincts")),
        }
    }
}

/// Marker segments up to SOT, SOD or EOC.
struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    /// The next marker and its segment without the length; `None` where headers end.
    fn next(&mut self) -> Result<Option<(u16, &'a [u8])>, CodecError> {
        let short = || malformed("cut short inside a header");
        loop {
            let rest = self.bytes.get(self.at..).ok_or_else(short)?;
            let (marker, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
            let marker = u16::from_be_bytes(*marker);
            match marker {
                0xFF90 | 0xFF93 | 0xFFD9 => return Ok(None),
                0xFF30..=0xFF3F => self.at += 2,
                0xFF01.. => {
                    let length = usize::from(u16::from_be_bytes(*rest.first_chunk::<2>().ok_or_else(short)?));
                    let segment = rest.get(2..length).ok_or_else(short)?;
                    self.at += 2 + length;
                    return Ok(Some((marker, segment)));
                }
                _ => return Err(malformed("no marker where one belongs")),
            }
        }
    }
}
