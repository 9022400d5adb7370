//! Text on a picture, in the public-domain "fixed" bitmap font of the X Window System, 10 by 20 pixels.
//!
//! It has Latin, Cyrillic, Greek and half-width Katakana letters. Of other letters the one without accents is taken
//! where there is such a one, else a box is drawn: a name in a script that the font does not have can be seen to be
//! there, and is never shown as something else.

use embedded_graphics::geometry::{OriginDimensions, Point};
use embedded_graphics::image::GetPixel;
use embedded_graphics::mono_font::{
    MonoFont, iso_8859_1, iso_8859_2, iso_8859_3, iso_8859_4, iso_8859_5, iso_8859_7, iso_8859_9, jis_x0201,
};
use embedded_graphics::pixelcolor::BinaryColor;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::canvas::Canvas;

/// Columns of a letter.
pub(super) const WIDTH: u32 = 10;
/// Rows of a letter.
pub(super) const HEIGHT: u32 = 20;

static FONTS: [&MonoFont<'static>; 8] = [
    &iso_8859_1::FONT_10X20,
    &iso_8859_2::FONT_10X20,
    &iso_8859_3::FONT_10X20,
    &iso_8859_4::FONT_10X20,
    &iso_8859_5::FONT_10X20,
    &iso_8859_7::FONT_10X20,
    &iso_8859_9::FONT_10X20,
    &jis_x0201::FONT_10X20,
];

/// A letter of a font, or a box.
enum Glyph {
    In { font: &'static MonoFont<'static>, index: u32 },
    Box,
    Blank,
}

impl Glyph {
    fn of(letter: char) -> Self {
        if letter.is_whitespace() || letter.is_control() || letter == '\u{AD}' {
            return Self::Blank;
        }
        Self::exact(letter).or_else(|| Self::exact(letter.nfkd().next()?)).unwrap_or(Self::Box)
    }

    fn exact(letter: char) -> Option<Self> {
        FONTS.iter().find_map(|font| {
            let index = font.glyph_mapping.index(letter);
            // What a font does not have becomes its question mark.
            let missing = letter != '?' && index == font.glyph_mapping.index('?');
            (!missing).then(|| Self::In { font, index: u32::try_from(index).unwrap_or(0) })
        })
    }

    fn is_set(&self, x: u32, y: u32) -> bool {
        match self {
            Self::Blank => false,
            Self::Box => {
                let (inside_x, inside_y) = ((1..=8).contains(&x), (4..=15).contains(&y));
                inside_x && inside_y && (x == 1 || x == 8 || y == 4 || y == 15)
            }
            Self::In { font, index } => {
                let in_a_row = (font.image.size().width / WIDTH).max(1);
                let (left, top) = (index % in_a_row * WIDTH, index / in_a_row * HEIGHT);
                let at = Point::new((left + x) as i32, (top + y) as i32);
                font.image.pixel(at) == Some(BinaryColor::On)
            }
        }
    }
}

/// Writes a line with its left top at `(x, y)`, letters `scale` times as large, in `grey` with a dark or light edge
/// around it, so that it can be read on anything.
pub(super) fn write(canvas: &mut Canvas, x: i64, y: i64, text: &str, scale: u32, grey: u8) {
    let scale = i64::from(scale.max(1));
    let edge = if grey >= 128 { 0 } else { 255 };
    let letters: Vec<Glyph> =
        text.nfc().filter(|letter| !is_combining_mark(*letter)).take(256).map(Glyph::of).collect();
    let dots = |canvas: &mut Canvas, around: i64, grey: u8| {
        for (at, glyph) in letters.iter().enumerate() {
            let left = x + at as i64 * i64::from(WIDTH) * scale;
            if left > i64::from(canvas.width) {
                break;
            }
            for row in 0..HEIGHT {
                for column in (0..WIDTH).filter(|column| glyph.is_set(*column, row)) {
                    let (column, row) = (left + i64::from(column) * scale, y + i64::from(row) * scale);
                    for dy in -around..scale + around {
                        for dx in -around..scale + around {
                            canvas.put(column + dx, row + dy, grey);
                        }
                    }
                }
            }
        }
    };
    dots(canvas, 1, edge);
    dots(canvas, 0, grey);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str) -> Vec<u8> {
        let mut canvas = Canvas::plain(60, 24, 1, 128).expect("a canvas");
        write(&mut canvas, 2, 2, text, 1, 255);
        canvas.data
    }

    #[test]
    fn letters() {
        for (text, same) in [("A", "B"), ("É", "E"), ("Ж", "Ш"), ("Ω", "Ψ"), ("ş", "s"), ("ﾔ", "ﾏ")]
        {
            assert_ne!(drawn(text), drawn(same), "{text}");
            assert_ne!(drawn(text), drawn("山"), "{text} is no box");
        }
        // Not in the font: without its accents, or a box; never another letter.
        assert_eq!(drawn("ạ"), drawn("a"));
        assert_eq!(drawn("山"), drawn("田"));
        assert_eq!(drawn("e\u{301}"), drawn("é"));
        assert_ne!(drawn("山"), drawn(" "));
        assert_eq!(drawn(" "), drawn("\u{7}"));
    }

    #[test]
    fn outside_is_no_matter() {
        let mut canvas = Canvas::plain(3, 3, 3, 0).expect("a canvas");
        write(&mut canvas, -4, -4, "WWWW", 3, 255);
        write(&mut canvas, i64::from(u32::MAX), 0, "W", 1, 255);
        assert_eq!(canvas.data.len(), 27);
    }
}
