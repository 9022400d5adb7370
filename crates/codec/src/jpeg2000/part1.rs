//! ITU-T T.800 through `hayro-jpeg2000`, which is safe Rust throughout and computes in 32-bit floats: exact for the
//! integers of 16-bit samples and their wavelet coefficients.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::{Head, boxes, caught, malformed, place};
use crate::CodecError;

const SETTINGS: DecodeSettings =
    DecodeSettings { resolve_palette_indices: false, strict: false, target_resolution: None };

/// The samples, interleaved.
pub(super) fn decode(codestream: &[u8], head: &Head, subsampled: bool) -> Result<Vec<u8>, CodecError> {
    // The library takes subsampled components for YCbCr and converts them, unless a file header says RGB.
    let wrapped;
    let bytes = if subsampled {
        wrapped = boxes::wrapped_as_rgb(codestream, head.format.height, head.format.width);
        &wrapped
    } else {
        codestream
    };
    caught(|| {
        let refused = |error| malformed(&format!("{error}"));
        let image = Image::new(bytes, &SETTINGS).map_err(refused)?;
        let mut context = DecoderContext::default();
        let decoded = image.decode(&mut context).map_err(refused)?;
        let format = &head.format;
        let pixels = format.width as usize * format.height as usize;
        let components = decoded.components();
        if components.len() != usize::from(format.components)
            || components.iter().any(|component| component.samples().len() != pixels)
        {
            return Err(malformed("other components than the header says"));
        }
        let mut samples = vec![0; pixels * components.len() * usize::from(format.sample_bytes())];
        // The library lifts signed samples, too, by half their range.
        let lifted = if format.signed { 1 << (format.bits - 1) } else { 0 };
        for (index, component) in components.iter().enumerate() {
            let values = component.samples().iter().map(|value| value.round() as i32 - lifted);
            place(&mut samples, format, index, values);
        }
        Ok(samples)
    })
}
