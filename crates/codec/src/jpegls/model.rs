//! What decoder and encoder keep in step: contexts and prediction (T.87 A.3 to A.7).

use super::parameters::Parameters;

/// Exponents of run lengths (A.2.1).
pub(super) const RUN_EXPONENTS: [u8; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// The exponent at a run index.
pub(super) fn run_exponent(index: usize) -> u32 {
    RUN_EXPONENTS.get(index).copied().map_or(15, u32::from)
}

/// The state of a scan.
pub(super) struct Model {
    /// Gradients from -T3 to T3, quantised to -4 to 4.
    gradients: Vec<i8>,
    third: i32,
    pub(super) contexts: Vec<Context>,
    pub(super) runs: [RunContext; 2],
    /// How contexts start.
    fresh: (Context, RunContext, RunContext),
}

/// The state of a context in regular mode.
#[derive(Clone, Copy)]
pub(super) struct Context {
    /// A: the sum of error magnitudes.
    sum: u32,
    /// N: the occurrences.
    count: u32,
    /// B: the bias.
    bias: i32,
    /// C: the correction of predictions.
    pub(super) correction: i32,
}

/// The state of a context for what ends a run.
#[derive(Clone, Copy)]
pub(super) struct RunContext {
    sum: u32,
    count: u32,
    negative: u32,
    /// RItype: whether left and above are alike.
    kind: u32,
}

impl Model {
    pub(super) fn new(parameters: &Parameters) -> Self {
        let [first, second, third] = parameters.thresholds;
        let level = |gradient: i32| match gradient.abs() {
            size if size <= parameters.near => 0,
            size if size < first => 1,
            size if size < second => 2,
            size if size < third => 3,
            _ => 4,
        };
        let gradients =
            (-third..=third).map(|gradient| (level(gradient) * gradient.signum()) as i8).collect();
        let sum = ((parameters.range + 32) / 64).max(2) as u32;
        let context = Context { sum, count: 1, bias: 0, correction: 0 };
        let run = |kind| RunContext { sum, count: 1, negative: 0, kind };
        Self {
            gradients,
            third,
            contexts: vec![context; 365],
            runs: [run(0), run(1)],
            fresh: (context, run(0), run(1)),
        }
    }

    /// Forgets what was learnt, as after a restart marker.
    pub(super) fn restart(&mut self) {
        let (context, apart, alike) = self.fresh;
        self.contexts.fill(context);
        self.runs = [apart, alike];
    }

    /// The context of a neighbourhood, negative when its sign is turned; 0 is run mode.
    #[inline(always)]
    pub(super) fn context(&self, left: i32, above: i32, corner: i32, right: i32) -> i32 {
        (self.level(right - above) * 9 + self.level(above - corner)) * 9 + self.level(corner - left)
    }

    #[inline(always)]
    fn level(&self, gradient: i32) -> i32 {
        let index = gradient.clamp(-self.third, self.third) + self.third;
        self.gradients.get(index as usize).copied().map_or(0, i32::from)
    }
}

/// The edge-detecting prediction (A.4.1).
#[inline(always)]
pub(super) fn predict(left: i32, above: i32, corner: i32) -> i32 {
    let (low, high) = (left.min(above), left.max(above));
    (left + above - corner).clamp(low, high)
}

/// The smallest exponent that lifts `count` to `sum` or more, at most 16.
#[inline(always)]
fn golomb_exponent(count: u32, sum: u32) -> u32 {
    let exponent = count.leading_zeros().saturating_sub(sum.leading_zeros());
    (exponent + u32::from(count << exponent < sum)).min(16)
}

impl Context {
    /// The parameter k of the Golomb code (A.5.1).
    #[inline(always)]
    pub(super) fn exponent(&self) -> u32 {
        golomb_exponent(self.count, self.sum)
    }

    /// All ones when errors of a code without low bits are turned round in lossless coding (A.5.2).
    #[inline(always)]
    pub(super) fn turned(&self) -> i32 {
        (2 * self.bias + self.count as i32 - 1) >> 31
    }

    /// A.6.
    #[inline(always)]
    pub(super) fn update(&mut self, error: i32, step: i32, reset: u32) {
        self.sum = self.sum.saturating_add(error.unsigned_abs());
        self.bias += error * step;
        if self.count == reset {
            self.sum >>= 1;
            self.bias >>= 1;
            self.count >>= 1;
        }
        self.count += 1;
        let count = self.count as i32;
        if self.bias <= -count {
            self.bias = (self.bias + count).max(1 - count);
            self.correction = (self.correction - 1).max(-128);
        } else if self.bias > 0 {
            self.bias = (self.bias - count).min(0);
            self.correction = (self.correction + 1).min(127);
        }
    }
}

impl RunContext {
    /// The parameter k (A.7.2).
    pub(super) fn exponent(&self) -> u32 {
        golomb_exponent(self.count, self.sum.saturating_add((self.count >> 1) * self.kind))
    }

    /// The error that was mapped to a number.
    pub(super) fn unmapped(&self, mapped: u32, exponent: u32) -> i32 {
        let doubled = mapped + self.kind;
        let odd = doubled & 1 == 1;
        let size = doubled.div_ceil(2) as i32;
        if (exponent != 0 || 2 * self.negative >= self.count) == odd { -size } else { size }
    }

    /// The number for an error.
    pub(super) fn mapped(&self, error: i32, exponent: u32) -> u32 {
        let mostly_negative = 2 * self.negative >= self.count;
        let odd = (exponent == 0 && error > 0 && !mostly_negative)
            || (error < 0 && (mostly_negative || exponent != 0));
        (2 * error.unsigned_abs()).saturating_sub(self.kind + u32::from(odd))
    }

    pub(super) fn update(&mut self, error: i32, mapped: u32, reset: u32) {
        self.negative += u32::from(error < 0);
        self.sum = self.sum.saturating_add((mapped + 1 - self.kind) >> 1);
        if self.count == reset {
            self.sum >>= 1;
            self.count >>= 1;
            self.negative >>= 1;
        }
        self.count += 1;
    }
}
