//! A picture as JPEG, PNG or GIF.

use std::borrow::Cow;

use codec::jpeg::{Subsampling, encode_baseline};
use codec::{Colour, Format, Raster};

use super::RenderError;
use super::canvas::Canvas;
use super::request::Output;

/// A picture on its way out.
pub(super) struct Finished {
    pub canvas: Canvas,
    /// The ICC profile that goes with it.
    pub profile: Option<Vec<u8>>,
    /// Hundredths of a second in a moving picture.
    pub delay: u16,
}

/// One picture.
pub(super) fn one(picture: &Finished, output: Output, quality: u8) -> Result<Vec<u8>, RenderError> {
    match output {
        Output::Jpeg => jpeg(picture, quality),
        Output::Png => png(picture),
        Output::Gif => moving(std::slice::from_ref(picture)),
    }
}

fn jpeg(picture: &Finished, quality: u8) -> Result<Vec<u8>, RenderError> {
    let canvas = &picture.canvas;
    let (format, colour) = (
        Format {
            width: canvas.width,
            height: canvas.height,
            components: canvas.channels,
            bits: 8,
            signed: false,
        },
        if canvas.channels == 1 { Colour::Grey } else { Colour::Rgb },
    );
    let raster = Raster { format, colour, samples: canvas.data.clone() };
    // Fine chrominance where quality matters more than size.
    let subsampling = if quality >= 90 { Subsampling::Full } else { Subsampling::Both };
    encode_baseline(&raster, quality.clamp(1, 100), subsampling, picture.profile.as_deref())
        .map_err(|_| RenderError::Encoding)
}

fn png(picture: &Finished) -> Result<Vec<u8>, RenderError> {
    let canvas = &picture.canvas;
    let mut info = png::Info::with_size(canvas.width, canvas.height);
    info.bit_depth = png::BitDepth::Eight;
    info.color_type = match canvas.channels {
        1 => png::ColorType::Grayscale,
        _ => png::ColorType::Rgb,
    };
    info.icc_profile = picture.profile.as_deref().map(Cow::Borrowed);
    let mut out = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut out, info).map_err(|_| RenderError::Encoding)?;
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(|_| RenderError::Encoding)?;
    writer.write_image_data(&canvas.data).map_err(|_| RenderError::Encoding)?;
    writer.finish().map_err(|_| RenderError::Encoding)?;
    Ok(out)
}

/// Pictures one after the other, for ever. One picture is a still one.
pub(super) fn moving(pictures: &[Finished]) -> Result<Vec<u8>, RenderError> {
    let sizes = pictures.iter().map(|picture| sides(&picture.canvas)).collect::<Result<Vec<_>, _>>()?;
    let width = sizes.iter().map(|size| size.0).max().ok_or(RenderError::Samples)?;
    let height = sizes.iter().map(|size| size.1).max().ok_or(RenderError::Samples)?;
    let mut out = Vec::new();
    let greys: Vec<u8> = (0..=255).flat_map(|grey| [grey; 3]).collect();
    let mut encoder =
        gif::Encoder::new(&mut out, width, height, &greys).map_err(|_| RenderError::Encoding)?;
    if pictures.len() > 1 {
        encoder.set_repeat(gif::Repeat::Infinite).map_err(|_| RenderError::Encoding)?;
    }
    for (picture, (width, height)) in pictures.iter().zip(sizes) {
        let canvas = &picture.canvas;
        let mut frame = match canvas.channels {
            // The global table is all greys, each under its own number.
            1 => gif::Frame { width, height, buffer: Cow::Borrowed(&canvas.data), ..gif::Frame::default() },
            _ => gif::Frame::from_rgb_speed(
                width,
                height,
                &canvas.data,
                if pictures.len() > 1 { 30 } else { 10 },
            ),
        };
        frame.delay = picture.delay;
        encoder.write_frame(&frame).map_err(|_| RenderError::Encoding)?;
    }
    drop(encoder);
    Ok(out)
}

/// JPEG and GIF count columns and rows in 16 bits.
fn sides(canvas: &Canvas) -> Result<(u16, u16), RenderError> {
    let side = |length: u32| u16::try_from(length).map_err(|_| RenderError::Encoding);
    Ok((side(canvas.width)?, side(canvas.height)?))
}
