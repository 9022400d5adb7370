//! From markers to a picture.

use super::bits::Entropy;
use super::frame::{Coding, Frame, Scan};
use super::markers::{self, EOI, Marker, Markers, SOI, SOS, State};
use super::plane::{self, Plane, Sample};
use super::progressive::{self, Blocks};
use super::{lossless, malformed, sequential};
use crate::{CodecError, Colour, Limits, Raster};

/// The samples of a JPEG frame; chrominance for every pixel, colours as coded.
///
/// A lossless frame of less than 16 bits whose samples go beyond its precision (writers that code a sign bit into
/// them) is given as one of 16 bits: nothing is cut off.
///
/// # Errors
/// [`CodecError::Malformed`] when the codestream contradicts itself or ends before its last pixel,
/// [`CodecError::Unsupported`] for what [`super::head`] says, [`CodecError::TooLarge`].
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Raster, CodecError> {
    let mut markers = Markers::new(bytes)?;
    let mut state = State::default();
    let mut frame = None;
    while let Some(marker) = markers.next()? {
        if let Some(found) = markers::frame(marker, &markers)? {
            frame = Some(found);
            break;
        }
        match marker.code {
            SOS | EOI => return Err(malformed("no frame header before the first scan")),
            _ => state.apply(marker)?,
        }
    }
    let frame = frame.ok_or_else(|| malformed("no frame header"))?;
    let mut scans = Scans { bytes, markers, state, coded: vec![false; frame.components.len()], ended: false };
    match frame.coding {
        Coding::Lossless => scans.lossless(&frame, limits),
        Coding::Progressive if frame.precision == 8 => scans.progressive::<u8>(&frame, limits),
        Coding::Progressive => scans.progressive::<u16>(&frame, limits),
        _ if frame.precision == 8 => scans.sequential::<u8>(&frame, limits),
        _ => scans.sequential::<u16>(&frame, limits),
    }
}

/// What is behind the frame header.
struct Scans<'a> {
    bytes: &'a [u8],
    markers: Markers<'a>,
    state: State,
    /// For each component, whether its scan was there.
    coded: Vec<bool>,
    /// Whether EOI was there.
    ended: bool,
}

impl Scans<'_> {
    fn lossless(&mut self, frame: &Frame, limits: &Limits) -> Result<Raster, CodecError> {
        let mut planes: Vec<Plane<u16>> = plane::planes(frame, limits)?;
        let mut used = 0;
        while !self.complete() {
            let scan = self.next_scan(frame)?;
            self.once(&scan)?;
            let mut entropy = Entropy::new(self.bytes, self.markers.at());
            lossless::scan(frame, &scan, &self.state, &mut entropy, &mut planes)?;
            self.markers.go_to(entropy.at());
            for part in &scan.parts {
                used |= planes.get_mut(part.component).map_or(0, |plane| lossless::scale(plane, scan.low));
            }
        }
        let mut frame = frame.clone();
        if u32::from(used) >> frame.precision > 0 {
            frame.precision = 16;
        }
        plane::assemble(&frame, self.colour(&frame), &planes, limits)
    }

    fn sequential<T: Sample>(&mut self, frame: &Frame, limits: &Limits) -> Result<Raster, CodecError> {
        let mut planes: Vec<Plane<T>> = plane::planes(frame, limits)?;
        while !self.complete() {
            let scan = self.next_scan(frame)?;
            self.once(&scan)?;
            let mut entropy = Entropy::new(self.bytes, self.markers.at());
            sequential::scan(frame, &scan, &self.state, &mut entropy, &mut planes)?;
            self.markers.go_to(entropy.at());
        }
        plane::assemble(frame, self.colour(frame), &planes, limits)
    }

    fn progressive<T: Sample>(&mut self, frame: &Frame, limits: &Limits) -> Result<Raster, CodecError> {
        let mut planes: Vec<Plane<T>> = plane::planes(frame, limits)?;
        let mut components: Vec<Blocks> =
            (0..frame.components.len()).map(|component| Blocks::new(frame, component)).collect();
        let mut walked = 0;
        while let Some(scan) = self.scan(frame)? {
            let mut entropy = Entropy::new(self.bytes, self.markers.at());
            progressive::scan(frame, &scan, &self.state, &mut entropy, &mut components, &mut walked)?;
            self.markers.go_to(entropy.at());
        }
        // Without EOI nobody knows whether a scan is missing that would bring the rest.
        if components.iter().any(|blocks| !blocks.ready(!self.ended)) {
            return Err(malformed("a progressive scan is missing"));
        }
        for (blocks, plane) in components.iter().zip(&mut planes) {
            blocks.render(frame.precision, plane);
        }
        plane::assemble(frame, self.colour(frame), &planes, limits)
    }

    fn colour(&self, frame: &Frame) -> Colour {
        self.state.marks(frame).colour(frame.components.len(), frame.coding)
    }

    /// Whether every component has its scan.
    fn complete(&self) -> bool {
        self.coded.iter().all(|&coded| coded)
    }

    /// Notes a scan's components: a sequential frame has each of them once.
    fn once(&mut self, scan: &Scan) -> Result<(), CodecError> {
        for part in &scan.parts {
            let Some(coded) = self.coded.get_mut(part.component) else { continue };
            if std::mem::replace(coded, true) {
                return Err(malformed("a component has two scans"));
            }
        }
        Ok(())
    }

    /// The next scan header that has to be there.
    fn next_scan(&mut self, frame: &Frame) -> Result<Scan, CodecError> {
        self.scan(frame)?.ok_or_else(|| malformed("a component has no scan"))
    }

    /// The next scan header; `None` at the end of the image.
    fn scan(&mut self, frame: &Frame) -> Result<Option<Scan>, CodecError> {
        while let Some(marker) = self.markers.next()? {
            match marker {
                Marker { code: SOS, payload } => return Scan::parse(payload, frame).map(Some),
                Marker { code: EOI, .. } => {
                    self.ended = true;
                    return Ok(None);
                }
                Marker { code: SOI, .. } => return Err(malformed("a second image begins within the first")),
                _ if markers::frame(marker, &self.markers)?.is_some() => {
                    return Err(malformed("a second frame header"));
                }
                _ => self.state.apply(marker)?,
            }
        }
        Ok(None)
    }
}
