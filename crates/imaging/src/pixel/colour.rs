//! Luminance and chrominance to red, green and blue (PS3.3 C.7.6.3.1.2).

use super::PixelError;
use super::samples::Samples;

/// Where black, white and colourless lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// All values (YBR_FULL), ITU-R BT.601.
    Full,
    /// Studio range: 16 to 235 and 16 to 240, of 8 bits (YBR_PARTIAL).
    Studio,
}

/// Factors of the conversion in 2^-16.
struct Factors {
    luminance: i64,
    black: i64,
    red: i64,
    green_of_blue: i64,
    green_of_red: i64,
    blue: i64,
}

/// 1.402, 0.344136, 0.714136, 1.772.
const FULL: Factors = Factors {
    luminance: 65_536,
    black: 0,
    red: 91_881,
    green_of_blue: 22_554,
    green_of_red: 46_802,
    blue: 116_130,
};
/// 255/219 for luminance, 255/224 of the above for chrominance.
const STUDIO: Factors = Factors {
    luminance: 76_309,
    black: 16,
    red: 104_597,
    green_of_blue: 25_675,
    green_of_red: 53_279,
    blue: 132_201,
};

/// Three samples of a pixel to red, green and blue, in place; `bits` is Bits Stored.
///
/// # Errors
/// [`PixelError::Unsupported`] for samples of more than 16 bits, or studio range of other than 8.
pub(crate) fn to_rgb(samples: &mut Samples, range: Range, bits: u8) -> Result<(), PixelError> {
    match (samples.channels, samples.word, range) {
        (3, 1, Range::Full) => bytes(&mut samples.data, &FULL),
        (3, 1, Range::Studio) => bytes(&mut samples.data, &STUDIO),
        (3, 2, Range::Full) => words(&mut samples.data, bits.clamp(1, 16)),
        _ => {
            let text = format!("{bits} bits of luminance and chrominance cannot be converted to RGB");
            return Err(PixelError::Unsupported(text));
        }
    }
    Ok(())
}

fn bytes(data: &mut [u8], factors: &Factors) {
    for pixel in data.chunks_exact_mut(3) {
        if let [y, cb, cr] = pixel {
            let rgb = converted([*y, *cb, *cr].map(i64::from), factors, 128, 255);
            // Each is clamped to 255.
            [*y, *cb, *cr] = rgb.map(|value| value as u8);
        }
    }
}

fn words(data: &mut [u8], bits: u8) {
    let (middle, most) = (1 << (bits - 1), (1 << bits) - 1);
    for pixel in data.chunks_exact_mut(6) {
        if let [a, b, c, d, e, f] = pixel {
            let ycc = [[*a, *b], [*c, *d], [*e, *f]].map(|word| i64::from(u16::from_le_bytes(word)));
            // Each is clamped to 16 bits.
            let [red, green, blue] =
                converted(ycc, &FULL, middle, most).map(|value| (value as u16).to_le_bytes());
            ([*a, *b], [*c, *d], [*e, *f]) = (red, green, blue);
        }
    }
}

fn converted([y, cb, cr]: [i64; 3], factors: &Factors, middle: i64, most: i64) -> [i64; 3] {
    let (y, cb, cr) = ((y - factors.black) * factors.luminance, cb - middle, cr - middle);
    let rounded = |value: i64| ((value + 32_768) >> 16).clamp(0, most);
    [
        rounded(y + factors.red * cr),
        rounded(y - factors.green_of_blue * cb - factors.green_of_red * cr),
        rounded(y + factors.blue * cb),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixel::samples::SampleColour;

    fn samples(word: u8, data: &[u8]) -> Samples {
        Samples { columns: 1, rows: 1, channels: 3, word, colour: SampleColour::Ycc, data: data.to_vec() }
    }

    #[test]
    fn known_colours() {
        for (range, ycc, rgb) in [
            (Range::Full, [0, 128, 128], [0, 0, 0]),
            (Range::Full, [255, 128, 128], [255, 255, 255]),
            (Range::Full, [76, 85, 255], [254, 0, 0]),
            (Range::Full, [150, 44, 21], [0, 255, 1]),
            (Range::Full, [29, 255, 107], [0, 0, 254]),
            (Range::Studio, [16, 128, 128], [0, 0, 0]),
            (Range::Studio, [235, 128, 128], [255, 255, 255]),
        ] {
            let mut pixel = samples(1, &ycc);
            to_rgb(&mut pixel, range, 8).expect("a conversion");
            assert_eq!(pixel.data, rgb, "{range:?} {ycc:?}");
        }
        let mut wide = samples(2, &[0xFF, 0x0F, 0x00, 0x08, 0x00, 0x08]);
        to_rgb(&mut wide, Range::Full, 12).expect("a conversion");
        assert_eq!(wide.data, [0xFF, 0x0F, 0xFF, 0x0F, 0xFF, 0x0F]);
        assert!(to_rgb(&mut samples(4, &[0; 12]), Range::Full, 32).is_err());
    }

    /// Every colour within one of the Standard's equations in real numbers.
    #[test]
    fn the_equations() {
        for y in (0..=255).step_by(5) {
            for cb in (0..=255).step_by(5) {
                for cr in (0..=255).step_by(5) {
                    let mut pixel = samples(1, &[y, cb, cr]);
                    to_rgb(&mut pixel, Range::Full, 8).expect("a conversion");
                    let (y, cb, cr) = (f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0);
                    let exact = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
                    for (found, exact) in pixel.data.iter().zip(exact) {
                        assert!((f64::from(*found) - exact.clamp(0.0, 255.0)).abs() <= 0.52, "{y} {cb} {cr}");
                    }
                }
            }
        }
    }
}
