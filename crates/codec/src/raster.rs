//! Samples in memory, and what can go wrong on the way to them.

/// The shape of a frame's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Columns, from 1 on.
    pub width: u32,
    /// Rows, from 1 on.
    pub height: u32,
    /// Samples of a pixel: 1 to 4.
    pub components: u8,
    /// Bits of a sample that count: 1 to 32. A sample takes 1, 2 or 4 bytes.
    pub bits: u8,
    /// Whether samples are two's complement. A codestream that cannot say leaves this false.
    pub signed: bool,
}

impl Format {
    /// Bytes of one sample: 1, 2 or 4.
    pub fn sample_bytes(&self) -> u8 {
        match self.bits {
            0..=8 => 1,
            9..=16 => 2,
            _ => 4,
        }
    }

    /// Bytes of all samples; `None` beyond 2^64.
    pub fn len(&self) -> Option<u64> {
        u64::from(self.width)
            .checked_mul(u64::from(self.height))?
            .checked_mul(u64::from(self.components))?
            .checked_mul(u64::from(self.sample_bytes()))
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}

/// What the components of a raster are, as far as its codestream tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// One component.
    Grey,
    /// Red, green, blue.
    Rgb,
    /// Luminance and two chrominances, full range, each for every pixel (upsampled where they were coded coarser).
    Ycc,
    /// The codestream does not say.
    Unknown,
}

/// The samples of one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    /// Their shape.
    pub format: Format,
    /// What the components are.
    pub colour: Colour,
    /// Row by row, the samples of a pixel side by side, each little endian in [`Format::sample_bytes`] bytes. Unused
    /// high bits repeat the sign of signed samples and are 0 otherwise.
    pub samples: Vec<u8>,
}

impl Raster {
    /// That there are samples, and as many as the format says.
    ///
    /// # Errors
    /// [`CodecError::Malformed`].
    pub(crate) fn check(&self) -> Result<(), CodecError> {
        let (have, want) = (self.samples.len() as u64, self.format.len());
        if have > 0 && Some(have) == want {
            return Ok(());
        }
        Err(CodecError::Malformed(format!("{have} bytes of samples do not fill {:?}", self.format)))
    }
}

/// What decoding may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of decoded samples, default 256 MiB. A decoder needs up to five times as much while it works.
    pub decoded: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { decoded: 256 << 20 }
    }
}

impl Limits {
    /// Bytes of a raster of this shape, when they are within the limit.
    ///
    /// # Errors
    /// [`CodecError::TooLarge`], and [`CodecError::Malformed`] for a shape without samples.
    pub fn admit(&self, format: &Format) -> Result<usize, CodecError> {
        match format.len() {
            Some(0) => Err(CodecError::Malformed("the frame has no pixels".to_owned())),
            Some(bytes) if bytes <= self.decoded => {
                usize::try_from(bytes).map_err(|_| CodecError::TooLarge { limit: self.decoded })
            }
            _ => Err(CodecError::TooLarge { limit: self.decoded }),
        }
    }
}

/// Why a frame cannot be decoded or encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The codestream contradicts its own standard, or ends too early. The text says where.
    #[error("{0}")]
    Malformed(String),
    /// A legal codestream, or a legal wish, that this crate has no code for.
    #[error("{0}")]
    Unsupported(String),
    /// More samples than [`Limits::decoded`].
    #[error("the decoded frame would be larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
}
