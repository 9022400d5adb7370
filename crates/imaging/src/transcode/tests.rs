//! There and back: what is not lossy by name gives every allocated bit back.

use model::transfer_syntax::{self, EXPLICIT_LE, Syntax};

use super::{Plan, possible, producible};
use crate::pixel::{Photometric, PixelFormat};

const BASELINE: &str = "1.2.840.10008.1.2.4.50";

fn syntax(uid: &str) -> Syntax {
    transfer_syntax::by_uid(uid).expect("a transfer syntax")
}

fn format(samples: u8, allocated: u8, stored: u8, photometric: Photometric) -> PixelFormat {
    PixelFormat {
        rows: 7,
        columns: 10,
        samples,
        bits_allocated: allocated,
        bits_stored: stored,
        high_bit: stored - 1,
        signed: false,
        planar: false,
        photometric,
        float: false,
    }
}

/// A frame of noise: `bits` of each sample, the bits above repeat the highest where `signed` says so.
fn frame(format: &PixelFormat, bits: u8, signed: bool) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let word = usize::from(format.bits_allocated.div_ceil(8));
    let mut out = Vec::new();
    for _ in 0..format.rows * format.columns * u32::from(format.samples) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let unused = 64 - u32::from(bits);
        let value = match signed {
            true => (((state << unused) as i64) >> unused) as u64,
            false => (state << unused) >> unused,
        };
        out.extend_from_slice(&value.to_le_bytes()[..word]);
    }
    out
}

#[test]
fn every_lossless_way_there_and_back() {
    use Photometric::{Monochrome1, Monochrome2, PaletteColor, Rgb, YbrFull};
    let signed = |format: PixelFormat| PixelFormat { signed: true, ..format };
    let planar = |format: PixelFormat| PixelFormat { planar: true, ..format };
    let mut ways = 0;
    for (format, bits) in [
        (format(1, 8, 8, Monochrome2), 8),
        (format(1, 8, 6, Monochrome1), 6),
        (format(1, 8, 1, Monochrome2), 1),
        (format(1, 8, 8, PaletteColor), 8),
        (format(1, 16, 16, PaletteColor), 16),
        (format(1, 16, 16, Monochrome2), 16),
        (format(1, 16, 12, Monochrome2), 12),
        (format(1, 16, 8, Monochrome2), 8),
        // An overlay, or rubbish, above the stored bits.
        (format(1, 16, 12, Monochrome2), 16),
        (format(1, 8, 6, Monochrome2), 8),
        (signed(format(1, 16, 16, Monochrome2)), 16),
        (signed(format(1, 16, 12, Monochrome2)), 12),
        (signed(format(1, 8, 8, Monochrome2)), 8),
        (format(3, 8, 8, Rgb), 8),
        (planar(format(3, 8, 8, Rgb)), 8),
        (format(3, 8, 8, YbrFull), 8),
        (format(3, 16, 16, Rgb), 16),
        (planar(format(3, 16, 12, Rgb)), 12),
        (format(1, 32, 32, Monochrome2), 32),
        (format(1, 64, 64, Monochrome2), 64),
    ] {
        let pixels = frame(&format, bits, format.signed);
        for to in producible(EXPLICIT_LE, &format) {
            let there = Plan::new(EXPLICIT_LE, to, &format).expect("producible");
            if there.loses() {
                continue;
            }
            let coded = there.step(1 << 20).run(&pixels).expect("an encoder");
            let back = Plan::new(to, EXPLICIT_LE, there.target()).expect("a decoder");
            let decoded = back.step(1 << 20).run(&coded).expect("its own frame");
            // By plane or not is lost where a codestream has none.
            let expected = match format.planar && !there.target().planar {
                true => interleaved(&pixels, &format),
                false => pixels.clone(),
            };
            assert!(decoded == expected, "{} of {format:?} with {bits} bits", to.name);
            assert_eq!(back.target().photometric, format.photometric, "{}", to.name);
            ways += 1;
        }
    }
    assert!(ways > 60, "{ways} ways");
}

fn interleaved(planes: &[u8], format: &PixelFormat) -> Vec<u8> {
    let word = usize::from(format.bits_allocated / 8);
    let plane = planes.len() / 3;
    (0..plane / word)
        .flat_map(|at| (0..3).map(move |c| c * plane + at * word))
        .flat_map(|at| planes[at..at + word].to_vec())
        .collect()
}

#[test]
fn ts_015_photometric_interpretations() {
    use Photometric::{Monochrome2, PaletteColor, Rgb, YbrFull, YbrFull422, YbrIct, YbrPartial420, YbrRct};
    for (from, source, expected) in [
        (BASELINE, YbrFull422, Rgb),
        (BASELINE, YbrFull, Rgb),
        (BASELINE, Rgb, Rgb),
        ("1.2.840.10008.1.2.4.90", YbrRct, Rgb),
        ("1.2.840.10008.1.2.4.91", YbrIct, Rgb),
        ("1.2.840.10008.1.2.4.91", YbrPartial420, Rgb),
        ("1.2.840.10008.1.2.4.201", YbrRct, Rgb),
        ("1.2.840.10008.1.2.4.112", YbrFull422, Rgb),
        ("1.2.840.10008.1.2.4.70", YbrFull, YbrFull),
        ("1.2.840.10008.1.2.4.70", Rgb, Rgb),
        ("1.2.840.10008.1.2.5", YbrFull, YbrFull),
        ("1.2.840.10008.1.2.4.80", YbrFull422, YbrFull),
        ("1.2.840.10008.1.2.1.98", YbrFull422, YbrFull),
        ("1.2.840.10008.1.2.1.98", YbrFull, YbrFull),
    ] {
        let plan = Plan::new(syntax(from), EXPLICIT_LE, &format(3, 8, 8, source)).expect("a way");
        assert_eq!(plan.target().photometric, expected, "{from} {source:?}");
    }
    for (samples, source, expected) in
        [(3, Rgb, YbrFull422), (3, YbrFull, YbrFull422), (1, Monochrome2, Monochrome2)]
    {
        let plan = Plan::new(EXPLICIT_LE, syntax(BASELINE), &format(samples, 8, 8, source)).expect("a way");
        assert_eq!(plan.target().photometric, expected, "{source:?}");
    }
    let palette = Plan::new(EXPLICIT_LE, syntax(BASELINE), &format(1, 8, 8, PaletteColor));
    assert!(palette.is_err(), "indexes are not to be blurred");
}

#[test]
fn never_silently_to_eight_bits() {
    for (allocated, stored, signed) in
        [(16, 16, false), (16, 12, false), (16, 8, false), (8, 8, true), (8, 7, false)]
    {
        let format = PixelFormat { signed, ..format(1, allocated, stored, Photometric::Monochrome2) };
        assert!(!producible(EXPLICIT_LE, &format).contains(&syntax(BASELINE)), "{format:?}");
    }
    assert!(producible(EXPLICIT_LE, &format(1, 8, 8, Photometric::Monochrome2)).contains(&syntax(BASELINE)));
}

#[test]
fn what_has_no_decoder_becomes_nothing() {
    for uid in ["1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.100"] {
        assert!(possible(syntax(uid)).is_empty(), "{uid}");
    }
    let bits = format(1, 1, 1, Photometric::Monochrome2);
    let uids: Vec<&str> = producible(EXPLICIT_LE, &bits).iter().map(|s| s.uid).collect();
    assert_eq!(uids, ["1.2.840.10008.1.2.1.98"]);
}

#[test]
fn ts_017_a_lossless_step_changes_nothing_else() {
    let format = format(3, 8, 8, Photometric::Rgb);
    for to in producible(EXPLICIT_LE, &format) {
        let plan = Plan::new(EXPLICIT_LE, to, &format).expect("producible");
        let loss = Some(super::Loss { before: 100, after: 10 });
        let tags: Vec<String> =
            plan.changes(None, loss).iter().map(|change| change.tag.to_string()).collect();
        let offsets = ["(7FE0,0001)", "(7FE0,0002)"];
        match plan.loses() {
            // The transform of JPEG 2000 has a name of its own.
            false if to == syntax("1.2.840.10008.1.2.4.90") => assert_eq!(tags.len(), 3),
            false => assert_eq!(tags, offsets, "{}", to.name),
            true => assert_eq!(
                tags,
                [
                    "(0008,0008)",
                    "(0008,2111)",
                    "(0028,0004)",
                    "(0028,2110)",
                    "(0028,2112)",
                    "(0028,2114)",
                    offsets[0],
                    offsets[1]
                ]
            ),
        }
    }
}
