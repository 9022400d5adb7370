//! Colour management: what the colours of a picture mean (PS3.18 8.3.5.1.5).

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use super::canvas::Canvas;
use super::request::Profile;

/// Largest profile of an image that is read or passed on, in bytes.
const LARGEST: usize = 4 << 20;

/// The picture in the colours asked for, and the profile to put into it.
///
/// A profile that cannot be read, or is not one of red, green and blue, is taken for sRGB; so is a picture without one.
pub(super) fn convert(canvas: Canvas, source: Option<&[u8]>, wanted: Profile) -> (Canvas, Option<Vec<u8>>) {
    let source = source.filter(|bytes| bytes.len() <= LARGEST);
    let known = source.and_then(|bytes| ColorProfile::new_from_slice(bytes).ok());
    let known = known.filter(|profile| profile.color_space == DataColorSpace::Rgb && canvas.channels == 3);
    match wanted {
        Profile::No => (canvas, None),
        Profile::Unnamed if known.is_none() => (canvas, None),
        Profile::Yes => {
            let own = source.filter(|_| known.is_some()).map(<[u8]>::to_vec);
            (canvas.into_rgb(), own.or_else(|| ColorProfile::new_srgb().encode().ok()))
        }
        Profile::Unnamed | Profile::Srgb => to(canvas, known, &ColorProfile::new_srgb()),
        Profile::AdobeRgb => to(canvas, known, &ColorProfile::new_adobe_rgb()),
        Profile::RommRgb => to(canvas, known, &ColorProfile::new_pro_photo_rgb()),
    }
}

fn to(canvas: Canvas, source: Option<ColorProfile>, result: &ColorProfile) -> (Canvas, Option<Vec<u8>>) {
    let canvas = canvas.into_rgb();
    let Ok(profile) = result.encode() else { return (canvas, None) };
    let source = source.unwrap_or_else(ColorProfile::new_srgb);
    let transform =
        source.create_transform_8bit(Layout::Rgb, result, Layout::Rgb, TransformOptions::default());
    let mut data = vec![0; canvas.data.len()];
    match transform.map(|transform| transform.transform(&canvas.data, &mut data)) {
        Ok(Ok(())) => (Canvas { data, ..canvas }, Some(profile)),
        _ => (canvas, ColorProfile::new_srgb().encode().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(colour: [u8; 3]) -> Canvas {
        Canvas::new(2, 1, 3, [colour, colour].concat()).expect("a canvas")
    }

    #[test]
    fn rend_015_conversions() {
        let adobe = ColorProfile::new_adobe_rgb().encode().expect("a profile");
        let green = [0, 255, 0];
        for (source, wanted, colour, embedded) in [
            (None, Profile::Unnamed, green, false),
            (None, Profile::No, green, false),
            (None, Profile::Yes, green, true),
            (None, Profile::Srgb, green, true),
            (Some(&adobe), Profile::No, green, false),
            (Some(&adobe), Profile::Yes, green, true),
            (Some(&adobe), Profile::AdobeRgb, green, true),
            // Outside of sRGB: as near as it goes.
            (Some(&adobe), Profile::Srgb, green, true),
            (Some(&adobe), Profile::Unnamed, green, true),
        ] {
            let (found, profile) = convert(patch(green), source.map(Vec::as_slice), wanted);
            assert!(found.data.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= 1), "{wanted:?} {found:?}");
            assert_eq!(profile.is_some(), embedded, "{wanted:?}");
        }
        // sRGB's green is inside of Adobe RGB, and of ROMM RGB: other numbers.
        for wanted in [Profile::AdobeRgb, Profile::RommRgb] {
            let (found, _) = convert(patch(green), None, wanted);
            assert!(found.data[0] > 100 && found.data[1] > 200, "{wanted:?} {found:?}");
        }
        let (same, _) = convert(patch([200, 100, 50]), Some(&adobe), Profile::Srgb);
        assert_ne!(same.data[..3], [200, 100, 50]);
    }

    #[test]
    fn nonsense_is_srgb() {
        let (found, profile) = convert(patch([1, 2, 3]), Some(&[7; 200]), Profile::Yes);
        assert_eq!(found.data[..3], [1, 2, 3]);
        assert_eq!(profile, ColorProfile::new_srgb().encode().ok());
        let grey = Canvas::new(1, 1, 1, vec![9]).expect("a canvas");
        let (found, profile) = convert(grey, None, Profile::Srgb);
        assert_eq!((found.channels, profile.is_some()), (3, true));
        assert!(found.data.iter().all(|sample| sample.abs_diff(9) <= 1));
    }
}
