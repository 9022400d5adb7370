//! Samples to planes of integers around zero (T.800 G.1, G.2).

use super::Style;
use crate::Raster;

/// One component's samples, later its coefficients, row by row.
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<i32>,
}

/// The components, shifted to zero mean and transformed.
pub(super) fn planes(raster: &Raster, style: &Style) -> Vec<Plane> {
    let format = &raster.format;
    let components = usize::from(format.components);
    let (mask, half) = ((1_i32 << format.bits) - 1, 1_i32 << (format.bits - 1));
    // Both kinds end up between minus half and half of the range: signed samples by their sign, unsigned by a shift.
    let centred =
        |sample: i32| if format.signed { ((sample & mask) ^ half) - half } else { (sample & mask) - half };
    let values: Vec<i32> = match format.sample_bytes() {
        1 => raster.samples.iter().map(|sample| centred(i32::from(*sample))).collect(),
        _ => {
            let samples = raster.samples.as_chunks::<2>().0.iter();
            samples.map(|sample| centred(i32::from(u16::from_le_bytes(*sample)))).collect()
        }
    };
    let mut planes: Vec<Plane> = (0..components)
        .map(|component| Plane {
            width: format.width as usize,
            height: format.height as usize,
            values: values.iter().skip(component).step_by(components).copied().collect(),
        })
        .collect();
    if style.transformed
        && let [red, green, blue, ..] = planes.as_mut_slice()
    {
        reversible(&mut red.values, &mut green.values, &mut blue.values);
    }
    planes
}

/// The reversible component transformation (G.2.1), in place.
fn reversible(red: &mut [i32], green: &mut [i32], blue: &mut [i32]) {
    for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
        let luma = (*red + 2 * *green + *blue) >> 2;
        (*red, *green, *blue) = (luma, *blue - *green, *red - *green);
    }
}
