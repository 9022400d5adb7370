//! PNG and GIF as pixels without compression (PS3.18 Table 10.5.2-1): nothing is lost but transparency.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use archive::StoreError;
use bytes::Bytes;
use codec::Format;
use dicomweb::stow::Failure;
use tokio::sync::mpsc;

use super::held::{Coming, Held, Store};
use super::part::Picture;

/// Memory that a decoder may take, and the most pixels of a picture that cannot be decoded row by row, in bytes. One
/// picture is decoded at a time and takes at most twice as much.
const MEMORY: u64 = 32 << 20;
/// Pixels of all frames, in bytes.
const DECODED: u64 = 1 << 30;
/// Bytes that are handed on at a time.
const STEP: usize = 256 << 10;

/// A picture's pixels.
pub(super) struct Pixels {
    /// Of each frame.
    pub(super) format: Format,
    pub(super) frames: u32,
    pub(super) piece: Held,
}

/// Why there are none.
pub(super) enum Trouble {
    Picture(Failure, String),
    Storage(StoreError),
}

/// Decodes a picture that waits; its pixels wait in its place.
pub(super) async fn decode(picture: Picture, held: &Held, store: &mut Store) -> Result<Pixels, Trouble> {
    let source = Source::of(held, store);
    // A few steps ahead of the disk.
    let (sender, mut pieces) = mpsc::channel(4);
    let decoding = tokio::task::spawn_blocking(move || {
        let mut out = Out { sender, pending: Vec::new(), total: 0 };
        let shape = match picture {
            Picture::Png => png(source, &mut out),
            Picture::Gif => gif(source, &mut out),
        }?;
        out.flush()?;
        Ok(shape)
    });
    let mut coming = Coming::new();
    while let Some(bytes) = pieces.recv().await {
        coming.write(bytes, store).await.map_err(Trouble::Storage)?;
    }
    let shape: Result<(Format, u32), Wrong> =
        decoding.await.unwrap_or_else(|_| Err(Wrong::Picture("its decoder failed".to_owned())));
    let (format, frames) = shape.map_err(|wrong| match wrong {
        Wrong::Picture(why) => {
            Trouble::Picture(Failure::CannotUnderstand, format!("its picture cannot be decoded: {why}"))
        }
        Wrong::TooLarge => Trouble::Picture(
            Failure::TooLarge,
            format!("its picture has more than {DECODED} bytes of pixels"),
        ),
    })?;
    let piece = coming.finish(store).await.map_err(Trouble::Storage)?;
    Ok(Pixels { format, frames, piece })
}

#[derive(Debug)]
enum Wrong {
    Picture(String),
    TooLarge,
}

/// Where pixels go.
struct Out {
    sender: mpsc::Sender<Bytes>,
    pending: Vec<u8>,
    total: u64,
}

impl Out {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        self.total = self.total.saturating_add(bytes.len() as u64);
        if self.total > DECODED {
            return Err(Wrong::TooLarge);
        }
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= STEP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Wrong> {
        let bytes = Bytes::from(std::mem::take(&mut self.pending));
        self.sender.blocking_send(bytes).map_err(|_| Wrong::Picture("nobody waits for it".to_owned()))
    }
}

fn png(source: Source, out: &mut Out) -> Result<(Format, u32), Wrong> {
    let limits = png::Limits { bytes: MEMORY as usize };
    let mut decoder = png::Decoder::new_with_limits(BufReader::new(source), limits);
    // Palettes and fewer than 8 bits become bytes.
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(in_png)?;
    let (colour, depth) = reader.output_color_type();
    let channels = colour.samples();
    let kept: u8 = if channels < 3 { 1 } else { 3 };
    let wide = depth == png::BitDepth::Sixteen;
    let (width, height) = (reader.info().width, reader.info().height);
    let bits = if wide { 16 } else { 8 };
    let format = Format { width, height, components: kept, bits, signed: false };
    if format.len().is_none_or(|length| length > DECODED) {
        return Err(Wrong::TooLarge);
    }
    let mut row_out = Vec::new();
    let mut put = |row: &[u8]| {
        row_out.clear();
        for pixel in row.chunks_exact(channels * if wide { 2 } else { 1 }) {
            for sample in pixel.chunks_exact(if wide { 2 } else { 1 }).take(usize::from(kept)) {
                // Big endian in the file.
                row_out.extend(sample.iter().rev());
            }
        }
        out.push(&row_out)
    };
    if reader.info().interlaced {
        let size =
            reader.output_buffer_size().filter(|size| *size as u64 <= MEMORY).ok_or(Wrong::TooLarge)?;
        let mut whole = vec![0; size];
        let shape = reader.next_frame(&mut whole).map_err(in_png)?;
        whole.truncate(shape.buffer_size());
        whole.chunks_exact(shape.line_size.max(1)).try_for_each(&mut put)?;
    } else {
        while let Some(row) = reader.next_row().map_err(in_png)? {
            put(row.data())?;
        }
    }
    Ok((format, 1))
}

fn in_png(error: png::DecodingError) -> Wrong {
    match error {
        png::DecodingError::LimitsExceeded => Wrong::TooLarge,
        other => Wrong::Picture(other.to_string()),
    }
}

/// Frames are put over each other on a black canvas, as their disposal says; each state of it is a frame.
fn gif(source: Source, out: &mut Out) -> Result<(Format, u32), Wrong> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    options.check_frame_consistency(true);
    if let Some(limit) = NonZeroU64::new(MEMORY) {
        options.set_memory_limit(gif::MemoryLimit::Bytes(limit));
    }
    let mut decoder = options.read_info(BufReader::new(source)).map_err(in_gif)?;
    let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
    let format = Format { width: width as u32, height: height as u32, components: 3, bits: 8, signed: false };
    if format.is_empty() || format.len().is_none_or(|length| length > MEMORY / 2) {
        return Err(Wrong::TooLarge);
    }
    let mut canvas = vec![0u8; width * height * 3];
    let mut frames = 0u32;
    while let Some(frame) = decoder.read_next_frame().map_err(in_gif)? {
        let area = Area {
            left: usize::from(frame.left),
            top: usize::from(frame.top),
            width: usize::from(frame.width),
            height: usize::from(frame.height),
        };
        let before = (frame.dispose == gif::DisposalMethod::Previous).then(|| canvas.clone());
        area.draw(&mut canvas, width, &frame.buffer);
        out.push(&canvas)?;
        frames += 1;
        match frame.dispose {
            gif::DisposalMethod::Background => area.clear(&mut canvas, width),
            _ => canvas = before.unwrap_or(canvas),
        }
    }
    if frames == 0 {
        return Err(Wrong::Picture("it has no frame".to_owned()));
    }
    Ok((format, frames))
}

fn in_gif(error: gif::DecodingError) -> Wrong {
    Wrong::Picture(error.to_string())
}

/// Where a frame lies on the canvas; the decoder has checked that it does.
struct Area {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Area {
    fn draw(&self, canvas: &mut [u8], width: usize, rgba: &[u8]) {
        for (row, pixels) in rgba.chunks_exact((self.width * 4).max(1)).enumerate() {
            let line = self.line(canvas, width, row);
            for (place, pixel) in line.chunks_exact_mut(3).zip(pixels.chunks_exact(4)) {
                if let [red, green, blue, 1..=255] = *pixel {
                    place.copy_from_slice(&[red, green, blue]);
                }
            }
        }
    }

    fn clear(&self, canvas: &mut [u8], width: usize) {
        (0..self.height).for_each(|row| self.line(canvas, width, row).fill(0));
    }

    fn line<'c>(&self, canvas: &'c mut [u8], width: usize, row: usize) -> &'c mut [u8] {
        let start = ((self.top + row) * width + self.left) * 3;
        canvas.get_mut(start..start + self.width * 3).unwrap_or_default()
    }
}

/// The bytes of a piece that waits.
struct Source {
    bytes: Bytes,
    file: Option<Arc<File>>,
    start: u64,
    length: u64,
    at: u64,
}

impl Source {
    fn of(held: &Held, store: &Store) -> Self {
        let length = held.length();
        match held {
            Held::Memory(bytes) => Self { bytes: bytes.clone(), file: None, start: 0, length, at: 0 },
            Held::Scratch(range) => {
                Self { bytes: Bytes::new(), file: store.scratch.handle(), start: range.start, length, at: 0 }
            }
        }
    }
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = left.min(out.len());
        let Some(out) = out.get_mut(..wanted).filter(|out| !out.is_empty()) else { return Ok(0) };
        let count = match &self.file {
            Some(file) => file.read_at(out, self.start + self.at)?,
            None => {
                let mut rest = self.bytes.get(self.at as usize..).unwrap_or_default();
                rest.read(out)?
            }
        };
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
