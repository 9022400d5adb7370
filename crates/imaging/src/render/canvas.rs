//! A picture in 8 bits.

/// Rows of grey or of red, green and blue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canvas {
    pub(super) width: u32,
    pub(super) height: u32,
    /// 1 or 3.
    pub(super) channels: u8,
    pub(super) data: Vec<u8>,
}

impl Canvas {
    /// A canvas of these bytes; `None` when there are not as many as its size says.
    pub(super) fn new(width: u32, height: u32, channels: u8, data: Vec<u8>) -> Option<Self> {
        let length = bytes(width, height, channels)?;
        (data.len() == length && length > 0).then_some(Self { width, height, channels, data })
    }

    /// A canvas of one grey.
    pub(super) fn plain(width: u32, height: u32, channels: u8, grey: u8) -> Option<Self> {
        Self::new(width, height, channels, vec![grey; bytes(width, height, channels)?])
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Samples of a pixel: 1 or 3.
    pub fn channels(&self) -> u8 {
        self.channels
    }

    /// Row by row, the samples of a pixel side by side.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The samples of a pixel; `None` outside.
    pub(super) fn pixel_mut(&mut self, x: i64, y: i64) -> Option<&mut [u8]> {
        let (x, y) = (u32::try_from(x).ok()?, u32::try_from(y).ok()?);
        if x >= self.width || y >= self.height {
            return None;
        }
        let channels = usize::from(self.channels);
        let at = (y as usize * self.width as usize + x as usize) * channels;
        self.data.get_mut(at..at + channels)
    }

    /// Makes a pixel grey, where it is inside.
    pub(super) fn put(&mut self, x: i64, y: i64, grey: u8) {
        if let Some(pixel) = self.pixel_mut(x, y) {
            pixel.fill(grey);
        }
    }

    /// The same in three channels.
    pub(super) fn into_rgb(self) -> Self {
        match self.channels {
            3 => self,
            _ => Self { channels: 3, data: self.data.iter().flat_map(|grey| [*grey; 3]).collect(), ..self },
        }
    }

    /// The pixels in another order: `source` says where each pixel of a result of that size comes from; it must be inside.
    pub(super) fn rearranged(
        &self,
        width: u32,
        height: u32,
        source: impl Fn(u32, u32) -> (u32, u32),
    ) -> Self {
        let channels = usize::from(self.channels);
        let mut data = Vec::with_capacity(width as usize * height as usize * channels);
        for y in 0..height {
            for x in 0..width {
                let (from_x, from_y) = source(x, y);
                let at = (from_y as usize * self.width as usize + from_x as usize) * channels;
                match self.data.get(at..at + channels) {
                    Some(pixel) => data.extend_from_slice(pixel),
                    None => data.extend(std::iter::repeat_n(0, channels)),
                }
            }
        }
        Self { width, height, channels: self.channels, data }
    }
}

fn bytes(width: u32, height: u32, channels: u8) -> Option<usize> {
    let pixels = u64::from(width).checked_mul(u64::from(height))?;
    usize::try_from(pixels.checked_mul(u64::from(channels))?).ok()
}
