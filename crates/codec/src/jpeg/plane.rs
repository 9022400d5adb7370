//! A component's samples, and several components side by side.

use super::frame::{Component, Frame};
use super::upsample;
use crate::{CodecError, Colour, Limits, Raster};

/// A sample in memory: 8 or 16 bits.
pub(super) trait Sample: Copy + Default {
    /// Its value.
    fn value(self) -> i32;
    /// The sample of a value that is known to fit.
    fn of(value: i32) -> Self;
    /// Appends samples, little endian, in as many bytes as a format says.
    fn put(samples: &[Self], bytes: u8, out: &mut Vec<u8>);
}

impl Sample for u8 {
    #[inline(always)]
    fn value(self) -> i32 {
        i32::from(self)
    }
    #[inline(always)]
    fn of(value: i32) -> Self {
        value as u8
    }
    fn put(samples: &[Self], _: u8, out: &mut Vec<u8>) {
        out.extend_from_slice(samples);
    }
}

impl Sample for u16 {
    #[inline(always)]
    fn value(self) -> i32 {
        i32::from(self)
    }
    #[inline(always)]
    fn of(value: i32) -> Self {
        value as u16
    }
    fn put(samples: &[Self], bytes: u8, out: &mut Vec<u8>) {
        if bytes == 1 {
            out.extend(samples.iter().map(|&sample| sample as u8));
        } else {
            out.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        }
    }
}

/// The samples of one component, with what its data units hold beyond its edge.
pub(super) struct Plane<T> {
    /// Columns and rows that count.
    pub(super) width: usize,
    pub(super) height: usize,
    /// Samples of a row.
    pub(super) stride: usize,
    pub(super) samples: Vec<T>,
}

impl<T: Sample> Plane<T> {
    fn new(frame: &Frame, component: &Component) -> Self {
        let (columns, rows) = frame.units();
        let stride = (columns * component.h * frame.unit()) as usize;
        let rows = (rows * component.v * frame.unit()) as usize;
        Self {
            width: component.width as usize,
            height: component.height as usize,
            stride,
            samples: vec![T::default(); stride * rows],
        }
    }

    /// A row's samples that count; the last one for rows beyond it.
    pub(super) fn row(&self, y: usize) -> &[T] {
        let start = y.min(self.height.saturating_sub(1)) * self.stride;
        self.samples.get(start..start + self.width).unwrap_or_default()
    }
}

/// A plane for each component of a frame that is within the limits.
///
/// Data units reach at most 31 columns and rows beyond the picture.
///
/// # Errors
/// [`CodecError::TooLarge`].
pub(super) fn planes<T: Sample>(frame: &Frame, limits: &Limits) -> Result<Vec<Plane<T>>, CodecError> {
    limits.admit(&frame.format())?;
    Ok(frame.components.iter().map(|component| Plane::new(frame, component)).collect())
}

/// The picture of a frame whose planes are full.
pub(super) fn assemble<T: Sample>(
    frame: &Frame,
    colour: Colour,
    planes: &[Plane<T>],
    limits: &Limits,
) -> Result<Raster, CodecError> {
    let format = frame.format();
    let mut samples = Vec::with_capacity(limits.admit(&format)?);
    let bytes = format.sample_bytes();
    let width = frame.width as usize;
    let count = planes.len();
    let mut row = vec![T::default(); width];
    let mut pixels = vec![T::default(); width * count];
    for y in 0..frame.height as usize {
        if let [plane] = planes {
            T::put(plane.row(y), bytes, &mut samples);
            continue;
        }
        for (index, (plane, component)) in planes.iter().zip(&frame.components).enumerate() {
            upsample::row(frame, component, plane, y, &mut row);
            pixels.iter_mut().skip(index).step_by(count).zip(&row).for_each(|(to, from)| *to = *from);
        }
        T::put(&pixels, bytes, &mut samples);
    }
    Ok(Raster { format, colour, samples })
}
