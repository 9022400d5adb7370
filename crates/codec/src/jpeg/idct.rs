//! The inverse DCT: libjpeg's accurate integer one, bit by bit (Loeffler, Ligtenberg and Moschytz, 1989).

use std::num::Wrapping;

use super::plane::Sample;

/// Fraction bits of the constants.
const FRACTION: usize = 13;

type Int = Wrapping<i32>;

const C_0_298: Int = Wrapping(2446);
const C_0_390: Int = Wrapping(3196);
const C_0_541: Int = Wrapping(4433);
const C_0_765: Int = Wrapping(6270);
const C_0_899: Int = Wrapping(7373);
const C_1_175: Int = Wrapping(9633);
const C_1_501: Int = Wrapping(12299);
const C_1_847: Int = Wrapping(15137);
const C_1_961: Int = Wrapping(16069);
const C_2_053: Int = Wrapping(16819);
const C_2_562: Int = Wrapping(20995);
const C_3_072: Int = Wrapping(25172);

/// Samples out of a block of dequantised coefficients in natural order, for `bits` of 8 or 12.
///
/// Numbers beyond what a real picture gives wrap: the samples are then any, within their range.
pub(super) fn idct<T: Sample>(block: &[i32; 64], bits: u8, out: &mut [T], stride: usize) {
    // Fraction bits between the passes: with 12 bits there is room for one only.
    let between = if bits == 8 { 2 } else { 1 };
    let center = 1 << (bits - 1);
    let largest = (1 << bits) - 1;
    let mut rows = [[Wrapping(0); 8]; 8];
    for x in 0..8 {
        columns(block, x, between, &mut rows);
    }
    for (row, line) in rows.iter().zip(out.chunks_mut(stride)) {
        let done = butterfly(row);
        for (to, value) in line.iter_mut().zip(done) {
            *to = T::of((descale(value, FRACTION + between + 3).0 + center).clamp(0, largest));
        }
    }
}

/// The first pass: one column of the block.
#[inline(always)]
fn columns(block: &[i32; 64], x: usize, between: usize, rows: &mut [[Int; 8]; 8]) {
    let mut column = [Wrapping(0); 8];
    for (to, from) in column.iter_mut().zip(block.iter().skip(x).step_by(8)) {
        *to = Wrapping(*from);
    }
    let [dc, ac @ ..] = column;
    let done = if ac.iter().fold(0, |all, value| all | value.0) == 0 {
        [dc << between; 8]
    } else {
        butterfly(&column).map(|value| descale(value, FRACTION - between))
    };
    for (row, value) in rows.iter_mut().zip(done) {
        if let Some(to) = row.get_mut(x) {
            *to = value;
        }
    }
}

#[inline(always)]
fn descale(value: Int, bits: usize) -> Int {
    (value + Wrapping(1 << (bits - 1))) >> bits
}

/// Eight coefficients to eight sums with [`FRACTION`] more bits.
#[inline(always)]
fn butterfly(&[c0, c1, c2, c3, c4, c5, c6, c7]: &[Int; 8]) -> [Int; 8] {
    let z = (c2 + c6) * C_0_541;
    let (low, high) = (z - c6 * C_1_847, z + c2 * C_0_765);
    let (sum, difference) = ((c0 + c4) << FRACTION, (c0 - c4) << FRACTION);
    let even = [sum + high, difference + low, difference - low, sum - high];

    let (z1, z2, z3, z4) = (c7 + c1, c5 + c3, c7 + c3, c5 + c1);
    let z5 = (z3 + z4) * C_1_175;
    let (z1, z2) = (-z1 * C_0_899, -z2 * C_2_562);
    let (z3, z4) = (z5 - z3 * C_1_961, z5 - z4 * C_0_390);
    let odd =
        [c1 * C_1_501 + z1 + z4, c3 * C_3_072 + z2 + z3, c5 * C_2_053 + z2 + z4, c7 * C_0_298 + z1 + z3];

    let ([e0, e1, e2, e3], [o0, o1, o2, o3]) = (even, odd);
    [e0 + o0, e1 + o1, e2 + o2, e3 + o3, e3 - o3, e2 - o2, e1 - o1, e0 - o0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_dc_is_flat() {
        for (bits, dc, expected) in
            [(8, 80, 138), (8, -2000, 0), (8, 2000, 255), (12, 80, 2058), (12, 30_000, 4095)]
        {
            let mut block = [0; 64];
            block[0] = dc;
            let mut out = [0_u16; 64];
            idct(&block, bits, &mut out, 8);
            assert_eq!(out, [expected; 64], "{bits} bits, {dc}");
        }
    }

    #[test]
    fn it_is_the_cosine_transform() {
        let mut seed = 7_u32;
        let mut block = [0; 64];
        for value in &mut block {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *value = (seed >> 24) as i32 - 128;
        }
        let mut out = [0_u8; 64];
        idct(&block, 8, &mut out, 8);
        for y in 0..8 {
            for x in 0..8 {
                let mut sum = 0.0;
                for (place, &value) in block.iter().enumerate() {
                    let (u, v) = ((place % 8) as f64, (place / 8) as f64);
                    let scale = |n: f64| if n == 0.0 { 0.5_f64.sqrt() } else { 1.0 };
                    let angle =
                        |at: usize, n: f64| ((2 * at + 1) as f64 * n * std::f64::consts::PI / 16.0).cos();
                    sum += scale(u) * scale(v) * f64::from(value) * angle(x, u) * angle(y, v);
                }
                let expected = (sum / 4.0 + 128.0).clamp(0.0, 255.0);
                assert!((f64::from(out[y * 8 + x]) - expected).abs() < 0.6);
            }
        }
    }
}
