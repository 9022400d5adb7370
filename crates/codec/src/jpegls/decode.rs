//! Scans to samples.

use super::bits::BitReader;
use super::malformed;
use super::markers::{Interleave, Markers, Scan};
use super::model::{Model, predict, run_exponent};
use super::parameters::Parameters;
use crate::{CodecError, Colour, Format, Limits, Raster};

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Raster, CodecError> {
    let mut markers = Markers::new(bytes)?;
    let mut scan = markers.scan()?.ok_or_else(|| malformed("no scan"))?;
    let format = markers.format()?;
    let mut samples = vec![0; limits.admit(&format)?];
    let mut missing: Vec<usize> = (0..usize::from(format.components)).collect();
    loop {
        let before = missing.len();
        missing.retain(|component| !scan.components.contains(component));
        if before - missing.len() != scan.components.len() {
            return Err(malformed("a component coded twice"));
        }
        let length = decode_scan(&scan, &format, markers.data(), &mut samples)?;
        if missing.is_empty() {
            break;
        }
        markers.skip(length);
        scan = markers.scan()?.ok_or_else(|| malformed("components without a scan"))?;
    }
    let colour = if format.components == 1 { Colour::Grey } else { Colour::Unknown };
    Ok(Raster { format, colour, samples })
}

/// Decodes one scan, and gives the length of its data.
fn decode_scan(scan: &Scan, format: &Format, data: &[u8], samples: &mut [u8]) -> Result<usize, CodecError> {
    // The commonest arithmetic has a decoder of its own: lossless, and all values of the precision.
    if scan.parameters.near == 0 && scan.parameters.range == 1 << format.bits {
        Decoder::<true>::new(scan, data, format).scan(scan, format, samples)
    } else {
        Decoder::<false>::new(scan, data, format).scan(scan, format, samples)
    }
}

/// One component's lines, each with its left edge before it and its right edge repeated.
struct Lines {
    component: usize,
    above: Vec<u16>,
    current: Vec<u16>,
    run_index: usize,
}

struct Decoder<'a, const WHOLE: bool> {
    bits: BitReader<'a>,
    model: Model,
    parameters: Parameters,
    longest_prefix: u32,
    interleave: Interleave,
    width: usize,
    lines: Vec<Lines>,
}

impl<'a, const WHOLE: bool> Decoder<'a, WHOLE> {
    fn new(scan: &Scan, data: &'a [u8], format: &Format) -> Self {
        let width = format.width as usize;
        let lines = |component: &usize| Lines {
            component: *component,
            above: vec![0; width + 2],
            current: vec![0; width + 2],
            run_index: 0,
        };
        Self {
            bits: BitReader::new(data),
            model: Model::new(&scan.parameters),
            parameters: scan.parameters,
            longest_prefix: scan.parameters.longest_prefix(),
            interleave: scan.interleave,
            width,
            lines: scan.components.iter().map(lines).collect(),
        }
    }

    /// Decodes restart interval by restart interval.
    fn scan(mut self, scan: &Scan, format: &Format, samples: &mut [u8]) -> Result<usize, CodecError> {
        let row_bytes = samples.len() / format.height as usize;
        let interval = scan.restart.unwrap_or(format.height) as usize;
        let mut marker = 0xD0;
        for (index, rows) in samples.chunks_mut(interval.saturating_mul(row_bytes)).enumerate() {
            if index > 0 {
                if !self.bits.restart(marker) {
                    return Err(malformed("no restart marker where one belongs"));
                }
                self.model.restart();
                self.lines.iter_mut().for_each(Lines::restart);
                marker = if marker == 0xD7 { 0xD0 } else { marker + 1 };
            }
            self.rows(format, rows)?;
        }
        Ok(self.bits.end())
    }

    /// Decodes whole rows.
    fn rows(&mut self, format: &Format, rows: &mut [u8]) -> Result<(), CodecError> {
        let pixel = usize::from(format.components) * usize::from(format.sample_bytes());
        let mut lines = std::mem::take(&mut self.lines);
        for row in rows.chunks_exact_mut(self.width * pixel) {
            for line in &mut lines {
                line.turn();
            }
            match self.interleave {
                Interleave::Sample => self.pixels(&mut lines)?,
                _ => {
                    for line in &mut lines {
                        self.line(line)?;
                    }
                }
            }
            if self.bits.overdrawn() {
                return Err(malformed("cut short inside a scan"));
            }
            for line in &lines {
                line.store(row, format);
            }
        }
        self.lines = lines;
        Ok(())
    }

    /// Decodes a line of one component.
    fn line(&mut self, line: &mut Lines) -> Result<(), CodecError> {
        let Lines { above: above_line, current, run_index, .. } = line;
        let (above_line, current) = (above_line.as_slice(), current.as_mut_slice());
        let at = |index: usize| above_line.get(index).copied().map_or(0, i32::from);
        let mut left = current.first().copied().map_or(0, i32::from);
        let mut x = 1;
        let (mut corner, mut above, mut right) = (at(0), at(1), at(2));
        while x <= self.width {
            let context = self.model.context(left, above, corner, right);
            if context != 0 {
                left = self.regular(context, predict(left, above, corner));
                if let Some(sample) = current.get_mut(x) {
                    *sample = left as u16;
                }
                (corner, above, right) = (above, right, at(x + 2));
                x += 1;
                continue;
            }
            let length = self.run(self.width + 1 - x, run_index)?;
            let run = current.get_mut(x..x + length).unwrap_or_default();
            run.fill(left as u16);
            x += length;
            if x <= self.width {
                left = self.interruption(left, at(x), *run_index);
                *run_index = run_index.saturating_sub(1);
                if let Some(sample) = current.get_mut(x) {
                    *sample = left as u16;
                }
                x += 1;
            }
            (corner, above, right) = (at(x - 1), at(x), at(x + 1));
        }
        Ok(())
    }

    /// Decodes a line of all components, sample by sample. Runs are common to them.
    fn pixels(&mut self, lines: &mut [Lines]) -> Result<(), CodecError> {
        let mut run_index = lines.first().map_or(0, |line| line.run_index);
        let mut x = 1;
        while x <= self.width {
            let mut contexts = [0; 4];
            for (context, line) in contexts.iter_mut().zip(lines.iter()) {
                let [left, above, corner, right] = line.around(x);
                *context = self.model.context(left, above, corner, right);
            }
            if contexts != [0; 4] {
                for (context, line) in contexts.into_iter().zip(lines.iter_mut()) {
                    let [left, above, corner, _] = line.around(x);
                    let sample = self.regular(context, predict(left, above, corner));
                    line.set(x, sample);
                }
                x += 1;
                continue;
            }
            let length = self.run(self.width + 1 - x, &mut run_index)?;
            for line in lines.iter_mut() {
                let left = line.around(x)[0] as u16;
                line.current.get_mut(x..x + length).unwrap_or_default().fill(left);
            }
            x += length;
            if x <= self.width {
                for line in lines.iter_mut() {
                    let [left, above, ..] = line.around(x);
                    let sample = self.interruption_apart(left, above, run_index);
                    line.set(x, sample);
                }
                run_index = run_index.saturating_sub(1);
                x += 1;
            }
        }
        if let Some(line) = lines.first_mut() {
            line.run_index = run_index;
        }
        Ok(())
    }

    /// A sample in regular mode (A.4 to A.6).
    #[inline(always)]
    fn regular(&mut self, context: i32, prediction: i32) -> i32 {
        let sign = context >> 31;
        let Some(context) = self.model.contexts.get_mut(((context ^ sign) - sign) as usize) else { return 0 };
        let correction = (context.correction ^ sign) - sign;
        let prediction = (prediction + correction).clamp(0, self.parameters.largest);
        let exponent = context.exponent();
        let mapped = self.bits.golomb(exponent, self.longest_prefix, self.parameters.error_bits);
        let mut error = (mapped >> 1) as i32 ^ -((mapped & 1) as i32);
        if exponent == 0 && self.parameters.near == 0 {
            error ^= context.turned();
        }
        let step = if WHOLE { 1 } else { self.parameters.step() };
        context.update(error, step, self.parameters.reset);
        self.reconstruct(prediction, (error ^ sign) - sign)
    }

    /// A prediction and its error to a sample (A.4.4, A.4.5).
    #[inline(always)]
    fn reconstruct(&self, prediction: i32, error: i32) -> i32 {
        let Parameters { largest, near, range, .. } = self.parameters;
        if WHOLE {
            return (prediction + error) & largest;
        }
        let step = self.parameters.step();
        let value = match prediction + error * step {
            value if value < -near => value + range * step,
            value if value > largest + near => value - range * step,
            value => value,
        };
        value.clamp(0, largest)
    }

    /// The length of a run (A.7.1). At its end the index is that of the interruption.
    fn run(&mut self, most: usize, index: &mut usize) -> Result<usize, CodecError> {
        let mut length = 0;
        while self.bits.bits(1) == 1 {
            let whole = 1_usize << run_exponent(*index);
            // A run that its line cuts does not lengthen the next.
            if whole <= most - length {
                *index = (*index + 1).min(31);
            }
            length += whole.min(most - length);
            if length == most {
                return Ok(length);
            }
        }
        let rest = self.bits.bits(run_exponent(*index)) as usize;
        if length + rest > most {
            return Err(malformed("a run beyond its line"));
        }
        Ok(length + rest)
    }

    /// The sample that ends a run (A.7.2).
    fn interruption(&mut self, left: i32, above: i32, run_index: usize) -> i32 {
        if (left - above).abs() <= self.parameters.near {
            let error = self.interruption_error(1, run_index);
            self.reconstruct(left, error)
        } else {
            self.interruption_apart(left, above, run_index)
        }
    }

    /// The same, predicted from above whether or not that is like the sample to the left.
    fn interruption_apart(&mut self, left: i32, above: i32, run_index: usize) -> i32 {
        let error = self.interruption_error(0, run_index);
        self.reconstruct(above, if above < left { -error } else { error })
    }

    fn interruption_error(&mut self, kind: usize, run_index: usize) -> i32 {
        let Some(context) = self.model.runs.get_mut(kind) else { return 0 };
        let exponent = context.exponent();
        let longest = self.longest_prefix.saturating_sub(run_exponent(run_index) + 1);
        let mapped = self.bits.golomb(exponent, longest, self.parameters.error_bits);
        let error = context.unmapped(mapped, exponent);
        context.update(error, mapped, self.parameters.reset);
        error
    }
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

    /// Starts again, as after a restart marker.
    fn restart(&mut self) {
        self.above.fill(0);
        self.current.fill(0);
        self.run_index = 0;
    }

    /// Left, above, above left, above right.
    fn around(&self, x: usize) -> [i32; 4] {
        let sample = |line: &[u16], index: usize| line.get(index).copied().map_or(0, i32::from);
        [
            sample(&self.current, x - 1),
            sample(&self.above, x),
            sample(&self.above, x - 1),
            sample(&self.above, x + 1),
        ]
    }

    fn set(&mut self, x: usize, sample: i32) {
        if let Some(place) = self.current.get_mut(x) {
            *place = sample as u16;
        }
    }

    /// Puts the line into its row.
    fn store(&self, row: &mut [u8], format: &Format) {
        let components = usize::from(format.components);
        let samples = self.current.iter().skip(1);
        match (format.sample_bytes(), components) {
            (1, _) => {
                for (place, sample) in row.iter_mut().skip(self.component).step_by(components).zip(samples) {
                    *place = *sample as u8;
                }
            }
            _ => {
                let places = row.as_chunks_mut::<2>().0.iter_mut().skip(self.component).step_by(components);
                for (place, sample) in places.zip(samples) {
                    *place = sample.to_le_bytes();
                }
            }
        }
    }
}
