//! QR codes as SVG. Always dark on light with its quiet zone, in either theme: cameras want it so (ISO/IEC 18004 6.3.8).

use std::fmt::Write as _;

use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};

/// Modules around the symbol.
const QUIET: usize = 4;

/// The picture; nothing for what no symbol could hold.
pub fn picture(text: &str) -> Markup {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else { return html! {} };
    let width = code.width();
    let side = width + 2 * QUIET;
    let mut path = String::new();
    for (at, color) in code.into_colors().into_iter().enumerate() {
        if color == Color::Dark {
            // Writing to a String cannot fail.
            let _ = write!(path, "M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET);
        }
    }
    html! {
        svg class="qr" viewBox={ "0 0 " (side) " " (side) } role="img" aria-label="QR code for the authenticator app" shape-rendering="crispEdges" {
            rect width=(side) height=(side) fill="#ffffff" {}
            path d=(path) fill="#000000" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_has_its_finder_patterns_and_quiet_zone() {
        let picture =
            picture("otpauth://totp/Overread:a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Overread")
                .into_string();
        // Corners of the three finder patterns of a symbol of version 5 or 6 (37 or 41 modules).
        let side: usize =
            picture.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!((37 + 8..=41 + 8).contains(&side), "{side}");
        for (x, y) in [(QUIET, QUIET), (side - QUIET - 1, QUIET), (QUIET, side - QUIET - 1)] {
            assert!(picture.contains(&format!("M{x} {y}h1v1h-1z")), "{x} {y}");
        }
        assert!(!picture.contains("M3 ") && !picture.contains(" style="));
    }

    #[test]
    fn what_is_too_long_has_none() {
        assert_eq!(picture(&"x".repeat(4_000)).into_string(), "");
    }
}
