//! ITU-T T.814 through `jpeg2k` over `openjp2`, a port of OpenJPEG to Rust.

use jpeg2k::{DecodeParameters, Image};

use super::{Head, caught, malformed, place};
use crate::CodecError;

/// The samples, interleaved.
pub(super) fn decode(codestream: &[u8], head: &Head) -> Result<Vec<u8>, CodecError> {
    caught(|| {
        let parameters = DecodeParameters::new().strict(true).ignore_pclr_cmap_cdef();
        let image =
            Image::from_bytes_with(codestream, parameters).map_err(|error| malformed(&error.to_string()))?;
        let format = &head.format;
        let (width, height) = (format.width as usize, format.height as usize);
        let components = image.components();
        if components.len() != usize::from(format.components) {
            return Err(malformed("other components than the header says"));
        }
        let mut samples = vec![0; width * height * components.len() * usize::from(format.sample_bytes())];
        for (index, component) in components.iter().enumerate() {
            let (columns, rows) = (component.width() as usize, component.height() as usize);
            let data = component.data();
            if columns == 0 || rows == 0 || data.len() != columns * rows {
                return Err(malformed("a component without samples"));
            }
            // Coded coarser: repeated.
            let (across, down) = (width.div_ceil(columns), height.div_ceil(rows));
            let values = (0..height).flat_map(|y| {
                let row = data.chunks_exact(columns).nth(y / down).unwrap_or_default();
                (0..width).map(move |x| row.get(x / across).copied().unwrap_or_default())
            });
            place(&mut samples, format, index, values);
        }
        Ok(samples)
    })
}
