//! The frame header and the scan header (T.81 B.2.2 and B.2.3).

use super::malformed;
use crate::{CodecError, Format};

/// How a frame is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// SOF0.
    Baseline,
    /// SOF1.
    Extended,
    /// SOF2.
    Progressive,
    /// SOF3.
    Lossless,
}

/// A frame header.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) coding: Coding,
    /// Bits of a sample.
    pub(super) precision: u8,
    /// Columns.
    pub(super) width: u32,
    /// Rows.
    pub(super) height: u32,
    pub(super) components: Vec<Component>,
    /// The largest horizontal and vertical sampling factors.
    pub(super) h_max: u32,
    pub(super) v_max: u32,
}

/// One component of a frame.
#[derive(Clone, Debug)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Sampling factors, 1 to 4.
    pub(super) h: u32,
    pub(super) v: u32,
    /// Which quantisation table, 0 to 3.
    pub(super) quantisation: u8,
    /// Columns and rows of the component.
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Frame {
    /// A frame header's parameters; `height` stands for a header's 0 (DNL follows, T.81 B.2.5).
    ///
    /// # Errors
    /// [`CodecError::Malformed`], and [`CodecError::Unsupported`] for more than four components, and for sampling
    /// factors that do not divide the largest.
    pub(super) fn parse(
        coding: Coding,
        payload: &[u8],
        height: impl Fn() -> Option<u16>,
    ) -> Result<Self, CodecError> {
        let short = || malformed("the frame header is cut off");
        let (&[precision, y0, y1, x0, x1, count], rest) = payload.split_first_chunk().ok_or_else(short)?;
        let height = match u16::from_be_bytes([y0, y1]) {
            0 => height().unwrap_or(0),
            rows => rows,
        };
        let (width, height) = (u32::from(u16::from_be_bytes([x0, x1])), u32::from(height));
        let legal = match coding {
            Coding::Baseline => precision == 8,
            Coding::Extended | Coding::Progressive => precision == 8 || precision == 12,
            Coding::Lossless => (2..=16).contains(&precision),
        };
        if !legal || width == 0 || height == 0 || count == 0 {
            return Err(malformed(format!(
                "{width} x {height} pixels of {count} components, {precision} bits"
            )));
        }
        if count > 4 {
            return Err(CodecError::Unsupported(format!("JPEG of {count} components; at most 4 are read")));
        }
        let parts = rest.as_chunks::<3>().0.get(..usize::from(count)).ok_or_else(short)?;
        let mut components: Vec<Component> = parts.iter().map(Component::new).collect();
        let (h_max, v_max) = components.iter().fold((1, 1), |(h, v), part| (part.h.max(h), part.v.max(v)));
        for (index, part) in components.iter().enumerate() {
            if !(1..=4).contains(&part.h) || !(1..=4).contains(&part.v) || part.quantisation > 3 {
                return Err(malformed(format!("component {index} has an illegal sampling factor or table")));
            }
            if h_max % part.h != 0 || v_max % part.v != 0 {
                return Err(CodecError::Unsupported("JPEG sampling factors that do not divide".to_owned()));
            }
            if components.iter().take(index).any(|other| other.id == part.id) {
                return Err(malformed(format!("two components are called {}", part.id)));
            }
        }
        for part in &mut components {
            part.width = (width * part.h).div_ceil(h_max);
            part.height = (height * part.v).div_ceil(v_max);
        }
        Ok(Self { coding, precision, width, height, components, h_max, v_max })
    }

    /// The shape of its samples.
    pub(super) fn format(&self) -> Format {
        Format {
            width: self.width,
            height: self.height,
            components: self.components.len() as u8,
            bits: self.precision,
            signed: false,
        }
    }

    /// Samples on a side of a data unit.
    pub(super) fn unit(&self) -> u32 {
        if self.coding == Coding::Lossless { 1 } else { 8 }
    }

    /// Columns and rows of minimum coded units where all components are interleaved.
    pub(super) fn units(&self) -> (u32, u32) {
        (self.width.div_ceil(self.unit() * self.h_max), self.height.div_ceil(self.unit() * self.v_max))
    }
}

impl Component {
    fn new(&[id, factors, quantisation]: &[u8; 3]) -> Self {
        let (h, v) = (u32::from(factors >> 4), u32::from(factors & 15));
        Self { id, h, v, quantisation, width: 0, height: 0 }
    }
}

/// A scan header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) parts: Vec<Part>,
    /// First coefficient, or the predictor.
    pub(super) start: u8,
    /// Last coefficient.
    pub(super) end: u8,
    /// Bit position of the scan before.
    pub(super) high: u8,
    /// Bit position of this scan, or the point transform.
    pub(super) low: u8,
}

/// A component in a scan: its place in the frame and its Huffman tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) component: usize,
    pub(super) dc: usize,
    pub(super) ac: usize,
}

impl Scan {
    /// A scan header's parameters.
    ///
    /// # Errors
    /// [`CodecError::Malformed`].
    pub(super) fn parse(payload: &[u8], frame: &Frame) -> Result<Self, CodecError> {
        let short = || malformed("the scan header is cut off");
        let (&count, rest) = payload.split_first().ok_or_else(short)?;
        let (parts, rest) = rest.split_at_checked(usize::from(count) * 2).ok_or_else(short)?;
        let Some(&[start, end, bits]) = rest.first_chunk() else { return Err(short()) };
        let mut found: Vec<Part> = Vec::with_capacity(4);
        for &[id, tables] in parts.as_chunks::<2>().0 {
            let component = frame.components.iter().position(|part| part.id == id);
            let component =
                component.ok_or_else(|| malformed(format!("a scan of component {id}, which is none")))?;
            let (dc, ac) = (usize::from(tables >> 4), usize::from(tables & 15));
            if dc > 3 || ac > 3 || found.iter().any(|part| part.component == component) {
                return Err(malformed("a scan header with an illegal table, or a component twice"));
            }
            found.push(Part { component, dc, ac });
        }
        if found.is_empty() {
            return Err(malformed("a scan of no component"));
        }
        Ok(Self { parts: found, start, end, high: bits >> 4, low: bits & 15 })
    }
}
