//! Samples to scans.

use super::bits::BitWriter;
use super::markers::{Interleave, Preset};
use super::model::{Model, predict, run_exponent};
use super::parameters::Parameters;
use super::{malformed, unsupported};
use crate::{CodecError, Format, Raster};

pub(super) fn encode(raster: &Raster, near: u8, interleave: Interleave) -> Result<Vec<u8>, CodecError> {
    let format = &raster.format;
    if !(1..=16).contains(&format.bits) || !(1..=4).contains(&format.components) {
        return Err(unsupported("only 1 to 16 bits and 1 to 4 components can be written"));
    }
    let (Ok(width), Ok(height)) = (u16::try_from(format.width), u16::try_from(format.height)) else {
        return Err(unsupported("only up to 65535 rows and columns can be written"));
    };
    let precision = format.bits.max(2);
    if i32::from(near) > ((1 << precision) - 1) / 2 {
        return Err(unsupported("NEAR beyond half of the range"));
    }
    let parameters = Parameters::new(precision, near, Preset::default())?;
    if format.is_empty() || format.len() != Some(raster.samples.len() as u64) {
        return Err(malformed("other samples than the format says"));
    }
    let mut bytes = Vec::with_capacity(raster.samples.len() / 2 + 64);
    start_of_frame(&mut bytes, precision, height, width, format.components);
    let all: Vec<u8> = (0..format.components).collect();
    match interleave {
        Interleave::None => {
            for component in all {
                bytes = scan(bytes, raster, &[component], near, Interleave::None, parameters);
            }
        }
        Interleave::Line | Interleave::Sample => {
            bytes = scan(bytes, raster, &all, near, Interleave::Line, parameters);
        }
    }
    bytes.extend_from_slice(&[0xFF, 0xD9]);
    Ok(bytes)
}

/// SOI and SOF55 (T.87 C.2.2). Components are numbered from 1.
fn start_of_frame(bytes: &mut Vec<u8>, precision: u8, height: u16, width: u16, components: u8) {
    bytes.extend_from_slice(&[0xFF, 0xD8, 0xFF, 0xF7, 0, 8 + 3 * components, precision]);
    bytes.extend_from_slice(&height.to_be_bytes());
    bytes.extend_from_slice(&width.to_be_bytes());
    bytes.push(components);
    bytes.extend((1..=components).flat_map(|identifier| [identifier, 0x11, 0]));
}

/// Appends SOS (C.2.3) and the coded data of these components.
fn scan(
    mut bytes: Vec<u8>,
    raster: &Raster,
    components: &[u8],
    near: u8,
    interleave: Interleave,
    parameters: Parameters,
) -> Vec<u8> {
    let count = components.len() as u8;
    bytes.extend_from_slice(&[0xFF, 0xDA, 0, 6 + 2 * count, count]);
    bytes.extend(components.iter().flat_map(|component| [component + 1, 0]));
    bytes.extend_from_slice(&[near, if interleave == Interleave::Line { 1 } else { 0 }, 0]);
    let bits = BitWriter::new(bytes);
    match near {
        0 => Encoder::<true>::new(bits, parameters, raster.format).rows(raster, components),
        _ => Encoder::<false>::new(bits, parameters, raster.format).rows(raster, components),
    }
}

/// One component's lines, each with its left edge before it and its right edge repeated; after a line is coded it
/// holds what a decoder will see.
struct Lines {
    component: usize,
    above: Vec<u16>,
    current: Vec<u16>,
    run_index: usize,
}

struct Encoder<const LOSSLESS: bool> {
    bits: BitWriter,
    model: Model,
    parameters: Parameters,
    longest_prefix: u32,
    format: Format,
    /// What of a stored sample is coded.
    mask: u16,
}

impl<const LOSSLESS: bool> Encoder<LOSSLESS> {
    fn new(bits: BitWriter, parameters: Parameters, format: Format) -> Self {
        let mask = u16::MAX >> (16 - format.bits);
        let longest_prefix = parameters.longest_prefix();
        Self { bits, model: Model::new(&parameters), parameters, longest_prefix, format, mask }
    }

    fn rows(mut self, raster: &Raster, components: &[u8]) -> Vec<u8> {
        let width = self.format.width as usize;
        let new = |component: &u8| Lines {
            component: usize::from(*component),
            above: vec![0; width + 2],
            current: vec![0; width + 2],
            run_index: 0,
        };
        let mut lines: Vec<Lines> = components.iter().map(new).collect();
        let pixel = usize::from(self.format.components) * usize::from(self.format.sample_bytes());
        for row in raster.samples.chunks_exact(width * pixel) {
            for line in &mut lines {
                line.turn();
                line.load(row, &self.format, self.mask);
                self.line(line, width);
            }
        }
        self.bits.finish()
    }

    fn line(&mut self, line: &mut Lines, width: usize) {
        let Lines { above: above_line, current, run_index, .. } = line;
        let (above_line, current) = (above_line.as_slice(), current.as_mut_slice());
        let at = |index: usize| above_line.get(index).copied().map_or(0, i32::from);
        let mut left = current.first().copied().map_or(0, i32::from);
        let mut x = 1;
        let (mut corner, mut above, mut right) = (at(0), at(1), at(2));
        while x <= width {
            let context = self.model.context(left, above, corner, right);
            if context != 0 {
                let Some(sample) = current.get_mut(x) else { return };
                left = self.regular(context, predict(left, above, corner), i32::from(*sample));
                if !LOSSLESS {
                    *sample = left as u16;
                }
                (corner, above, right) = (above, right, at(x + 2));
                x += 1;
                continue;
            }
            let rest = current.get_mut(x..=width).unwrap_or_default();
            let near = self.parameters.near;
            let length = rest.iter().take_while(|sample| (i32::from(**sample) - left).abs() <= near).count();
            let (run, after) = rest.split_at_mut(length);
            run.fill(left as u16);
            self.run(length, after.is_empty(), run_index);
            x += length;
            if let Some(sample) = after.first_mut() {
                left = self.interruption(left, at(x), i32::from(*sample), *run_index);
                *sample = left as u16;
                *run_index = run_index.saturating_sub(1);
                x += 1;
            }
            (corner, above, right) = (at(x - 1), at(x), at(x + 1));
        }
    }

    /// A sample in regular mode (A.4 to A.6); gives what a decoder will see.
    #[inline(always)]
    fn regular(&mut self, context: i32, prediction: i32, sample: i32) -> i32 {
        let sign = context >> 31;
        let Some(context) = self.model.contexts.get_mut(((context ^ sign) - sign) as usize) else { return 0 };
        let correction = (context.correction ^ sign) - sign;
        let prediction = (prediction + correction).clamp(0, self.parameters.largest);
        let exponent = context.exponent();
        let difference = sample - prediction;
        let (error, seen) = if LOSSLESS {
            (wrapped((difference ^ sign) - sign, self.parameters.range), sample)
        } else {
            let error = quantised((difference ^ sign) - sign, self.parameters.near);
            let seen = prediction + ((error ^ sign) - sign) * self.parameters.step();
            (wrapped(error, self.parameters.range), seen.clamp(0, self.parameters.largest))
        };
        let turned = if LOSSLESS && exponent == 0 { context.turned() } else { 0 };
        let turned = error ^ turned;
        let mapped = ((turned >> 31) ^ (2 * turned)) as u32;
        context.update(error, if LOSSLESS { 1 } else { self.parameters.step() }, self.parameters.reset);
        self.bits.golomb(mapped, exponent, self.longest_prefix, self.parameters.error_bits);
        seen
    }

    /// The length of a run (A.7.1).
    fn run(&mut self, length: usize, ends_line: bool, index: &mut usize) {
        let mut rest = length;
        while rest >= 1 << run_exponent(*index) {
            self.bits.put(1, 1);
            rest -= 1 << run_exponent(*index);
            *index = (*index + 1).min(31);
        }
        if !ends_line {
            // A zero, and the rest in as many bits as it may take.
            self.bits.put(rest as u32, run_exponent(*index) + 1);
        } else if rest > 0 {
            self.bits.put(1, 1);
        }
    }

    /// The sample that ends a run (A.7.2).
    fn interruption(&mut self, left: i32, above: i32, sample: i32, run_index: usize) -> i32 {
        let alike = (left - above).abs() <= self.parameters.near;
        let (prediction, turned) = if alike { (left, false) } else { (above, above < left) };
        let Some(context) = self.model.runs.get_mut(usize::from(alike)) else { return sample };
        let difference = if turned { prediction - sample } else { sample - prediction };
        let error = quantised(difference, self.parameters.near);
        let offset = if turned { -error } else { error } * self.parameters.step();
        let seen = (prediction + offset).clamp(0, self.parameters.largest);
        let error = wrapped(error, self.parameters.range);
        let exponent = context.exponent();
        let mapped = context.mapped(error, exponent);
        context.update(error, mapped, self.parameters.reset);
        let longest = self.longest_prefix.saturating_sub(run_exponent(run_index) + 1);
        self.bits.golomb(mapped, exponent, longest, self.parameters.error_bits);
        seen
    }
}

/// An error in steps of 2 NEAR + 1 (A.4.4).
#[inline(always)]
fn quantised(error: i32, near: i32) -> i32 {
    match near {
        0 => error,
        _ if error > 0 => (error + near) / (2 * near + 1),
        _ => -((near - error) / (2 * near + 1)),
    }
}

/// An error in the half of the range around 0 (A.4.5).
#[inline(always)]
fn wrapped(error: i32, range: i32) -> i32 {
    let error = if error < 0 { error + range } else { error };
    if error >= (range + 1) / 2 { error - range } else { error }
}

impl Lines {
    /// Makes the current line the one above, and sets the edges of both.
    fn turn(&mut self) {
        std::mem::swap(&mut self.above, &mut self.current);
        if let [.., last, edge] = self.above.as_mut_slice() {
            *edge = *last;
        }
        if let (Some(edge), Some(first)) = (self.current.first_mut(), self.above.get(1)) {
            *edge = *first;
        }
    }

    /// Fills the current line from its row.
    fn load(&mut self, row: &[u8], format: &Format, mask: u16) {
        let components = usize::from(format.components);
        let places = self.current.iter_mut().skip(1);
        if format.sample_bytes() == 1 {
            for (place, sample) in places.zip(row.iter().skip(self.component).step_by(components)) {
                *place = u16::from(*sample) & mask;
            }
        } else {
            let samples = row.as_chunks::<2>().0.iter().skip(self.component).step_by(components);
            for (place, sample) in places.zip(samples) {
                *place = u16::from_le_bytes(*sample) & mask;
            }
        }
    }
}
