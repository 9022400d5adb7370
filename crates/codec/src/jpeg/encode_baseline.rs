//! Baseline coding: 8 bits, lossy, the tables of the standard. The same bytes as libjpeg writes.

use super::colour::ycc;
use super::fdct::{Quantiser, fdct};
use super::markers::{APP0, APP2, DQT, EOI, SOF0, SOS, ZIGZAG};
use super::standard_tables::{AC_COUNTS, AC_SYMBOLS, DC_COUNTS, DC_SYMBOLS, QUANTISATION};
use super::writer::{Table, Writer, category};
use crate::{CodecError, Colour, Raster};

/// How coarse chrominance is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsampling {
    /// As fine as luminance (4:4:4).
    Full,
    /// Half the columns (4:2:2), as YBR_FULL_422 has it.
    Columns,
    /// Half the columns and half the rows (4:2:0).
    Both,
}

impl Subsampling {
    /// Luminance samples for one of chrominance, beside and above each other.
    fn factors(self) -> (usize, usize) {
        match self {
            Self::Full => (1, 1),
            Self::Columns => (2, 1),
            Self::Both => (2, 2),
        }
    }
}

/// What a segment of an ICC profile begins with, before its number and their count.
const ICC: &[u8] = b"ICC_PROFILE\0";
/// The most bytes of a profile in one segment.
const ICC_PART: usize = 65_519;

/// A raster of 8 bits as a baseline JPEG (SOF0) with a JFIF mark.
///
/// `quality` runs from 1 to 100 on libjpeg's scale. Of one component it is coded as grey; three are taken as YCbCr when
/// the raster says so and as RGB otherwise, which is converted. `icc` is a profile to go with it, in APP2 segments.
///
/// # Errors
/// [`CodecError::Unsupported`] for anything but one or three components of 8 unsigned bits, for more than 65,535
/// columns or rows, and for a profile of more than 255 segments; [`CodecError::Malformed`] for a raster whose samples
/// do not match its format.
pub fn encode_baseline(
    raster: &Raster,
    quality: u8,
    subsampling: Subsampling,
    icc: Option<&[u8]>,
) -> Result<Vec<u8>, CodecError> {
    let format = &raster.format;
    let sizes = (u16::try_from(format.width), u16::try_from(format.height));
    let (Ok(width), Ok(height)) = sizes else {
        return Err(CodecError::Unsupported("JPEG of more than 65535 columns or rows".to_owned()));
    };
    if format.bits != 8 || format.signed || !matches!(format.components, 1 | 3) {
        return Err(CodecError::Unsupported(format!("baseline JPEG of {format:?}")));
    }
    raster.check()?;
    let planes = planes(raster, subsampling);
    let tables = QUANTISATION.map(|table| scale(&table, quality));

    let mut writer = Writer::new(raster.samples.len() / 4 + 1024);
    writer.marker(APP0, &[b"JFIF\0", &[1, 1, 0, 0, 1, 0, 1, 0, 0]]);
    profile(icc.unwrap_or_default(), &mut writer)?;
    let kinds = planes.len().min(2);
    for (number, table) in (0..).zip(&tables).take(kinds) {
        writer.marker(DQT, &[&[number], table]);
    }
    let ([y0, y1], [x0, x1]) = (height.to_be_bytes(), width.to_be_bytes());
    let ids = || (1..).zip(&planes).map(|(id, plane): (u8, &Plane)| (id, plane, u8::from(id > 1)));
    let frame: Vec<u8> =
        ids().flat_map(|(id, plane, kind)| [id, (plane.h << 4 | plane.v) as u8, kind]).collect();
    writer.marker(SOF0, &[&[8, y0, y1, x0, x1, format.components], &frame]);
    let mut codes = Vec::with_capacity(2);
    for (number, ((dc_counts, ac_counts), ac_symbols)) in
        (0..).zip(DC_COUNTS.into_iter().zip(AC_COUNTS).zip(&AC_SYMBOLS)).take(kinds)
    {
        let (dc, ac) = (Table::new(dc_counts, &DC_SYMBOLS), Table::new(ac_counts, ac_symbols));
        writer.table(number, &dc);
        writer.table(0x10 | number, &ac);
        codes.push((dc, ac));
    }
    let scan: Vec<u8> = ids().flat_map(|(id, _, kind)| [id, kind << 4 | kind]).collect();
    writer.marker(SOS, &[&[format.components], &scan, &[0, 63, 0]]);

    let quantisers = tables.map(|table| Quantiser::new(&placed(&table)));
    let coders = planes.iter().enumerate().filter_map(|(index, plane)| {
        let kind = index.min(1);
        let ((dc, ac), quantiser) = (codes.get(kind)?, quantisers.get(kind)?);
        Some(Coder { plane, dc, ac, quantiser, before: 0 })
    });
    image(&mut coders.collect::<Vec<_>>(), &mut writer);
    writer.flush();
    writer.out.extend([0xFF, EOI]);
    Ok(writer.out)
}

/// A profile in numbered segments (ICC.1 B.4); nothing for none.
fn profile(icc: &[u8], writer: &mut Writer) -> Result<(), CodecError> {
    let count = u8::try_from(icc.len().div_ceil(ICC_PART));
    let count =
        count.map_err(|_| CodecError::Unsupported("an ICC profile of more than 16 MiB".to_owned()))?;
    for (number, part) in (1..).zip(icc.chunks(ICC_PART)) {
        writer.marker(APP2, &[ICC, &[number, count], part]);
    }
    Ok(())
}

/// A table for a quality, as libjpeg scales it.
fn scale(table: &[u8; 64], quality: u8) -> [u8; 64] {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    table.map(|step| ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as u8)
}

/// Where the coefficients of the zigzag order are in the transposed block that [`fdct`] gives.
#[allow(clippy::indexing_slicing, reason = "the compiler runs it")]
const PLACES: [u8; 64] = {
    let mut places = ZIGZAG;
    let mut n = 0;
    while n < 64 {
        places[n] = places[n] % 8 * 8 + places[n] / 8;
        n += 1;
    }
    places
};

/// A table of zigzag order in the order of [`PLACES`].
fn placed(table: &[u8; 64]) -> [u8; 64] {
    let mut placed = [0; 64];
    for (&place, &step) in PLACES.iter().zip(table) {
        if let Some(to) = placed.get_mut(usize::from(place)) {
            *to = step;
        }
    }
    placed
}

/// One component, padded to whole blocks.
struct Plane {
    /// Sampling factors.
    h: usize,
    v: usize,
    /// Blocks of a row, and rows of them.
    columns: usize,
    rows: usize,
    samples: Vec<u8>,
}

impl Plane {
    /// Takes a component's rows, each of whole blocks; the last one is repeated to fill the last row of blocks.
    fn new((h, v): (usize, usize), columns: usize, mut samples: Vec<u8>) -> Self {
        let stride = columns * 8;
        let height = samples.len() / stride;
        let last = samples.get(samples.len().saturating_sub(stride)..).unwrap_or_default().to_vec();
        for _ in height..height.next_multiple_of(8) {
            samples.extend_from_slice(&last);
        }
        Self { h, v, columns, rows: height.div_ceil(8), samples }
    }

    /// A block's samples less 128.
    fn block(&self, x: usize, y: usize) -> [i32; 64] {
        let mut block = [0; 64];
        let rows = self.samples.chunks_exact(self.columns * 8).skip(y * 8);
        for (to, row) in block.as_chunks_mut::<8>().0.iter_mut().zip(rows) {
            if let Some(from) = row.get(x * 8..).and_then(|from| from.first_chunk::<8>()) {
                *to = from.map(|sample| i32::from(sample) - 128);
            }
        }
        block
    }
}

/// The components of a raster, chrominance as coarse as wished.
fn planes(raster: &Raster, subsampling: Subsampling) -> Vec<Plane> {
    let (width, height) = (raster.format.width as usize, raster.format.height as usize);
    if raster.format.components == 1 {
        let columns = width.div_ceil(8);
        let mut samples = vec![0; columns * 8 * height];
        for (to, row) in samples.chunks_exact_mut(columns * 8).zip(raster.samples.chunks_exact(width)) {
            to.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
            pad(to, width);
        }
        return vec![Plane::new((1, 1), columns, samples)];
    }
    let (h, v) = subsampling.factors();
    // Luminance has no more blocks than its own columns need.
    let (columns, whole) = (width.div_ceil(8), width.div_ceil(8 * h) * 8 * h);
    let mut y = vec![0; columns * 8 * height];
    let (mut cb, mut cr) = (vec![0; whole * height], vec![0; whole * height]);
    let pixels = raster.samples.as_chunks::<3>().0.chunks_exact(width);
    let rows =
        y.chunks_exact_mut(columns * 8).zip(cb.chunks_exact_mut(whole).zip(cr.chunks_exact_mut(whole)));
    for (pixels, (y, (cb, cr))) in pixels.zip(rows) {
        if raster.colour == Colour::Ycc {
            split(pixels, y, cb, cr, |pixel| pixel);
        } else {
            split(pixels, y, cb, cr, ycc);
        }
        [y, cb, cr].into_iter().for_each(|row| pad(row, width));
    }
    let mut planes = vec![Plane::new((h, v), columns, y)];
    for part in [cb, cr] {
        let coarse = match subsampling {
            Subsampling::Full => part,
            Subsampling::Columns => halve_columns(&part),
            Subsampling::Both => halve_both(&part, whole),
        };
        planes.push(Plane::new((1, 1), whole / (8 * h), coarse));
    }
    planes
}

/// A row of pixels as a row of each component.
#[inline(always)]
fn split(
    pixels: &[[u8; 3]],
    y: &mut [u8],
    cb: &mut [u8],
    cr: &mut [u8],
    convert: impl Fn([u8; 3]) -> [u8; 3],
) {
    for (pixel, (y, (cb, cr))) in pixels.iter().zip(y.iter_mut().zip(cb.iter_mut().zip(cr))) {
        [*y, *cb, *cr] = convert(*pixel);
    }
}

/// Repeats the last of `width` samples to the end of a row.
fn pad(row: &mut [u8], width: usize) {
    let (used, rest) = row.split_at_mut(width.min(row.len()));
    rest.fill(used.last().copied().unwrap_or(0));
}

/// The mean of each pair, rounded down and up in turn.
fn halve_columns(samples: &[u8]) -> Vec<u8> {
    let pairs = samples.as_chunks::<2>().0.iter().zip([0, 1].into_iter().cycle());
    pairs.map(|(pair, bias)| ((u16::from(pair[0]) + u16::from(pair[1]) + bias) >> 1) as u8).collect()
}

/// The mean of each two by two, rounded down and up in turn; an odd last row stands for two.
fn halve_both(samples: &[u8], stride: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(samples.len() / 4 + stride);
    for rows in samples.chunks(stride * 2) {
        let (upper, lower) = rows.split_at(stride);
        let lower = if lower.is_empty() { upper } else { lower };
        let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
        out.extend(pairs.zip([1, 2].into_iter().cycle()).map(|(([a, b], [c, d]), bias)| {
            ((u16::from(*a) + u16::from(*b) + u16::from(*c) + u16::from(*d) + bias) >> 2) as u8
        }));
    }
    out
}

/// What codes the blocks of one component.
struct Coder<'a> {
    plane: &'a Plane,
    dc: &'a Table,
    ac: &'a Table,
    quantiser: &'a Quantiser,
    /// The DC coefficient of the block before.
    before: i32,
}

/// Codes all minimum coded units.
fn image(coders: &mut [Coder<'_>], writer: &mut Writer) {
    let single = coders.len() == 1;
    let units = |count: fn(&Plane) -> (usize, usize)| {
        coders.iter().map(|coder| count(coder.plane)).map(|(blocks, factor)| blocks.div_ceil(factor)).max()
    };
    let columns = units(|plane| (plane.columns, plane.h)).unwrap_or(0);
    let rows = units(|plane| (plane.rows, plane.v)).unwrap_or(0);
    for y in 0..rows {
        for x in 0..columns {
            for coder in coders.iter_mut() {
                let (h, v) = if single { (1, 1) } else { (coder.plane.h, coder.plane.v) };
                for place in 0..h * v {
                    coder.block(x * h + place % h, y * v + place / h, writer);
                }
            }
        }
    }
}

impl Coder<'_> {
    /// Codes a block; one beyond the component is as flat as the one before.
    fn block(&mut self, x: usize, y: usize, writer: &mut Writer) {
        if x >= self.plane.columns || y >= self.plane.rows {
            self.dc.put(0, 0, 0, writer);
            self.ac.put(0, 0, 0, writer);
            return;
        }
        let mut block = fdct(&self.plane.block(x, y));
        self.quantiser.round(&mut block);
        let order = PLACES.map(|place| block.get(usize::from(place & 63)).copied().unwrap_or(0));
        let [dc, ac @ ..] = order;
        let (size, bits) = category(dc.wrapping_sub(self.before));
        self.before = dc;
        self.dc.put(size, bits, u32::from(size), writer);
        let mut left =
            ac.iter().enumerate().fold(0_u64, |mask, (n, value)| mask | u64::from(*value != 0) << n);
        let mut at = 0;
        while left != 0 {
            let next = left.trailing_zeros();
            let zeros = next - at;
            (0..zeros / 16).for_each(|_| self.ac.put(0xF0, 0, 0, writer));
            let (size, bits) = category(ac.get(next as usize).copied().unwrap_or(0));
            self.ac.put(((zeros % 16) as u8) << 4 | size, bits, u32::from(size), writer);
            at = next + 1;
            left &= left - 1;
        }
        if at < 63 {
            self.ac.put(0, 0, 0, writer);
        }
    }
}
