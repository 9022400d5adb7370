//! The forward DCT and quantisation: libjpeg's accurate integer ones, bit by bit.

use std::num::Wrapping;

/// Fraction bits of the constants, and between the passes.
const FRACTION: usize = 13;
const BETWEEN: usize = 2;

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

/// Coefficients, 8 times too large, of samples less 128. Rows become columns: the result is transposed.
pub(super) fn fdct(block: &[i32; 64]) -> [i32; 64] {
    let mut rows = [[0; 8]; 8];
    for (to, row) in rows.iter_mut().zip(block.as_chunks::<8>().0) {
        let ([s, d], rest) = butterfly(row);
        let rest = rest.map(|value| descale(value, FRACTION - BETWEEN).0);
        *to = merge([(s << BETWEEN).0, (d << BETWEEN).0], rest);
    }
    let mut out = [0; 64];
    for (to, column) in out.as_chunks_mut::<8>().0.iter_mut().zip(transpose(&rows)) {
        let (flat, rest) = butterfly(&column);
        let rest = rest.map(|value| descale(value, FRACTION + BETWEEN).0);
        *to = merge(flat.map(|value| descale(value, BETWEEN).0), rest);
    }
    out
}

#[inline(always)]
fn transpose(rows: &[[i32; 8]; 8]) -> [[i32; 8]; 8] {
    let mut columns = [[0; 8]; 8];
    for (y, row) in rows.iter().enumerate() {
        for (column, value) in columns.iter_mut().zip(row) {
            if let Some(to) = column.get_mut(y) {
                *to = *value;
            }
        }
    }
    columns
}

#[inline(always)]
fn descale(value: Int, bits: usize) -> Int {
    (value + Wrapping(1 << (bits - 1))) >> bits
}

#[inline(always)]
fn merge([c0, c4]: [i32; 2], [c1, c2, c3, c5, c6, c7]: [i32; 6]) -> [i32; 8] {
    [c0, c1, c2, c3, c4, c5, c6, c7]
}

/// Coefficients 0 and 4, and with [`FRACTION`] more bits 1, 2, 3, 5, 6 and 7.
#[inline(always)]
fn butterfly(row: &[i32; 8]) -> ([Int; 2], [Int; 6]) {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = row.map(Wrapping);
    let (a0, a1, a2, a3) = (s0 + s7, s1 + s6, s2 + s5, s3 + s4);
    let (b0, b1, b2, b3) = (s3 - s4, s2 - s5, s1 - s6, s0 - s7);
    let (sum, difference) = (a0 + a3, a0 - a3);
    let (inner, outer) = (a1 + a2, a1 - a2);
    let z = (outer + difference) * C_0_541;
    let (c2, c6) = (z + difference * C_0_765, z - outer * C_1_847);

    let (z1, z2, z3, z4) = (b0 + b3, b1 + b2, b0 + b2, b1 + b3);
    let z5 = (z3 + z4) * C_1_175;
    let (z1, z2) = (-z1 * C_0_899, -z2 * C_2_562);
    let (z3, z4) = (z5 - z3 * C_1_961, z5 - z4 * C_0_390);
    let c7 = b0 * C_0_298 + z1 + z3;
    let c5 = b1 * C_2_053 + z2 + z4;
    let c3 = b2 * C_3_072 + z2 + z3;
    let c1 = b3 * C_1_501 + z1 + z4;
    ([sum + inner, sum - inner], [c1, c2, c3, c5, c6, c7])
}

/// A quantisation table that divides by multiplying.
pub(super) struct Quantiser {
    /// Half of each divisor.
    halves: [u32; 64],
    /// 2^32 by each divisor, rounded up.
    reciprocals: [u32; 64],
}

impl Quantiser {
    /// For steps of 1 to 255, in the order of the coefficients.
    pub(super) fn new(table: &[u8; 64]) -> Self {
        let divisors = table.map(|step| u32::from(step.max(1)) * 8);
        Self {
            halves: divisors.map(|divisor| divisor / 2),
            reciprocals: divisors.map(|divisor| (1_u64 << 32).div_ceil(u64::from(divisor)) as u32),
        }
    }

    /// Rounds coefficients of [`fdct`] to their steps. Exact: they have less than 17 bits.
    #[inline(always)]
    pub(super) fn round(&self, block: &mut [i32; 64]) {
        for (value, (half, reciprocal)) in block.iter_mut().zip(self.halves.iter().zip(&self.reciprocals)) {
            let whole = value.unsigned_abs().wrapping_add(*half);
            let size = (u64::from(whole).wrapping_mul(u64::from(*reciprocal)) >> 32) as i32;
            let sign = *value >> 31;
            *value = (size ^ sign).wrapping_sub(sign);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_a_division() {
        for step in 1..=255_u8 {
            let quantiser = Quantiser::new(&[step; 64]);
            let divisor = i32::from(step) * 8;
            for value in (-17_000..17_000_i32).step_by(7) {
                let expected = value.signum() * ((value.abs() + divisor / 2) / divisor);
                let mut block = [value; 64];
                quantiser.round(&mut block);
                assert_eq!(block, [expected; 64], "{value} by {divisor}");
            }
        }
    }

    #[test]
    fn flat_is_dc_alone() {
        let block = fdct(&[-5; 64]);
        assert_eq!(block[0], -5 * 64);
        assert!(block[1..].iter().all(|&value| value == 0));
    }
}
