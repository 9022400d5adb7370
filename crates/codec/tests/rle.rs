//! RLE Lossless there and back.

use codec::{Colour, Format, Limits, Raster, rle};
use proptest::prelude::*;

fn rasters() -> impl Strategy<Value = Raster> {
    let shapes = (1..300_u32, 1..9_u32, 1..=3_u8, prop::sample::select(vec![8_u8, 16, 32]), any::<u8>());
    shapes.prop_flat_map(|(width, height, components, bits, spread)| {
        let format = Format { width, height, components, bits, signed: false };
        let bytes = format.len().unwrap_or(0) as usize;
        // Few different values make runs.
        prop::collection::vec(0..=spread.min(200) / 50, bytes).prop_map(move |samples| {
            let colour = if components == 1 { Colour::Grey } else { Colour::Unknown };
            Raster { format, colour, samples }
        })
    })
}

proptest! {
    #[test]
    fn ts_008_rle_comes_back(raster in rasters()) {
        let bytes = rle::encode(&raster).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(bytes.len() % 2, 0);
        let back = rle::decode(&bytes, &raster.format, &Limits::default());
        prop_assert_eq!(back, Ok(raster.clone()));
        // PackBits grows by one byte in 128 at most, and each row and segment by one more.
        let rows = u64::from(raster.format.height) * u64::from(raster.format.components) * u64::from(raster.format.sample_bytes());
        let most = 64 + raster.samples.len() as u64 + raster.samples.len() as u64 / 128 + 2 * rows + 15;
        prop_assert!((bytes.len() as u64) < most, "{} of {}", bytes.len(), raster.samples.len());
    }
}

#[test]
fn ts_008_more_than_fifteen_segments_are_unsupported() {
    let format = Format { width: 1, height: 1, components: 4, bits: 32, signed: false };
    let raster = Raster { format, colour: Colour::Unknown, samples: vec![0; 16] };
    assert!(matches!(rle::encode(&raster), Err(codec::CodecError::Unsupported(_))));
}
