//! YCbCr and RGB, with libjpeg's numbers of 16 fraction bits.

use super::malformed;
use crate::{CodecError, Colour, Raster};

/// 0.5 and the constants of ITU-R BT.601, times 2^16.
const HALF: i64 = 1 << 15;
const R_CR: i64 = 91_881;
const G_CB: i64 = 22_554;
const G_CR: i64 = 46_802;
const B_CB: i64 = 116_130;

/// Turns full-range YCbCr (PS3.3 C.7.6.3.1.2: YBR_FULL, and YBR_FULL_422 once it is upsampled) into RGB.
///
/// 8-bit samples become what libjpeg makes of them, bit by bit; others the same with their own middle and range. What
/// the raster says of its colour does not matter: that it is YCbCr, the caller knows.
///
/// # Errors
/// [`CodecError::Malformed`] for a raster that has not three unsigned components of at most 16 bits.
pub fn to_rgb(raster: &mut Raster) -> Result<(), CodecError> {
    raster.check()?;
    let format = raster.format;
    if format.components != 3 || format.signed || !(1..=16).contains(&format.bits) {
        return Err(malformed(format!("{format:?} is no YCbCr")));
    }
    if format.sample_bytes() == 1 && format.bits == 8 {
        for pixel in raster.samples.as_chunks_mut::<3>().0 {
            *pixel = rgb(*pixel);
        }
    } else if format.sample_bytes() == 1 {
        for pixel in raster.samples.as_chunks_mut::<3>().0 {
            *pixel = rgb_of(pixel.map(i64::from), format.bits).map(|value| value as u8);
        }
    } else {
        for pixel in raster.samples.as_chunks_mut::<6>().0 {
            let [a, b, c, d, e, f] = *pixel;
            let words = [[a, b], [c, d], [e, f]].map(|word| i64::from(u16::from_le_bytes(word)));
            let [[a, b], [c, d], [e, f]] =
                rgb_of(words, format.bits).map(|value| (value as u16).to_le_bytes());
            *pixel = [a, b, c, d, e, f];
        }
    }
    raster.colour = Colour::Rgb;
    Ok(())
}

/// 8 bits: everything fits 32.
#[inline(always)]
fn rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let red = y + ((R_CR as i32 * cr + HALF as i32) >> 16);
    let green = y + ((HALF as i32 - G_CB as i32 * cb - G_CR as i32 * cr) >> 16);
    let blue = y + ((B_CB as i32 * cb + HALF as i32) >> 16);
    [red, green, blue].map(|value| value.clamp(0, 255) as u8)
}

fn rgb_of([y, cb, cr]: [i64; 3], bits: u8) -> [i64; 3] {
    let (middle, largest) = (1 << (bits - 1), (1 << bits) - 1);
    let (cb, cr) = (cb - middle, cr - middle);
    let red = y + ((R_CR * cr + HALF) >> 16);
    let green = y + ((HALF - G_CB * cb - G_CR * cr) >> 16);
    let blue = y + ((B_CB * cb + HALF) >> 16);
    [red, green, blue].map(|value| value.clamp(0, largest))
}

/// RGB of 8 bits to YCbCr, as libjpeg rounds.
#[inline(always)]
pub(super) fn ycc([r, g, b]: [u8; 3]) -> [u8; 3] {
    const CHROMA: i32 = (128 << 16) + (1 << 15) - 1;
    let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
    let y = (19_595 * r + 38_470 * g + 7_471 * b + (1 << 15)) >> 16;
    let cb = (32_768 * b - 11_059 * r - 21_709 * g + CHROMA) >> 16;
    let cr = (32_768 * r - 27_439 * g - 5_329 * b + CHROMA) >> 16;
    [y as u8, cb as u8, cr as u8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    fn raster(bits: u8, samples: &[u8]) -> Raster {
        let format = Format { width: 1, height: 1, components: 3, bits, signed: false };
        Raster { format, colour: Colour::Ycc, samples: samples.to_vec() }
    }

    #[test]
    fn rend_022_patches_of_ycbcr() {
        let rows: &[([u8; 3], [u8; 3])] = &[
            ([0, 128, 128], [0, 0, 0]),
            ([255, 128, 128], [255, 255, 255]),
            ([76, 85, 255], [254, 0, 0]),
            ([150, 44, 21], [0, 255, 1]),
            ([29, 255, 107], [0, 0, 254]),
            ([128, 100, 150], [159, 122, 78]),
        ];
        for (from, to) in rows {
            let mut raster = raster(8, from);
            to_rgb(&mut raster).unwrap();
            assert_eq!((raster.samples.as_slice(), raster.colour), (&to[..], Colour::Rgb), "{from:?}");
        }
    }

    #[test]
    fn wider_samples_have_their_own_middle() {
        let words: Vec<u8> = [1216_u16, 1360, 4080].iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut raster = raster(12, &words);
        to_rgb(&mut raster).unwrap();
        let words: Vec<u16> =
            raster.samples.as_chunks::<2>().0.iter().map(|word| u16::from_le_bytes(*word)).collect();
        assert_eq!(words, [4065, 2, 0]);
    }

    #[test]
    fn what_is_no_ycbcr_is_refused() {
        let mut grey = raster(8, &[1, 2, 3]);
        grey.format = Format { width: 3, components: 1, ..grey.format };
        assert!(to_rgb(&mut grey).is_err());
        assert!(to_rgb(&mut raster(8, &[1, 2])).is_err());
    }

    #[test]
    fn there_and_back_is_within_rounding() {
        for n in 0..4096_u32 {
            let pixel = [(n & 15) as u8 * 17, (n >> 4 & 15) as u8 * 17, (n >> 8) as u8 * 17];
            for (back, value) in rgb(ycc(pixel)).iter().zip(pixel) {
                assert!(back.abs_diff(value) <= 2, "{pixel:?}");
            }
        }
    }
}
