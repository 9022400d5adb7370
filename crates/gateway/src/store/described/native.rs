//! How long pixel data without compression is.

use dicomweb::stow::draft::Instance;
use model::Tag;

/// Bytes of the pixel data that the attributes describe, without a pad byte; `None` when they do not (PS3.5 8.1.1,
/// PS3.3 C.7.6.3.1.2 for the subsampled forms).
pub(super) fn length(instance: &Instance) -> Option<u64> {
    let number = |element| instance.number(Tag(0x0028, element));
    let (rows, columns) = (number(0x0010)?, number(0x0011)?);
    let (samples, bits) = (number(0x0002)?, number(0x0100)?);
    let frames = match instance.get(Tag(0x0028, 0x0008)) {
        None | Some([]) => 1,
        Some(_) => number(0x0008)?,
    };
    let pixels = rows.checked_mul(columns)?.checked_mul(frames)?;
    let bits = match instance.get(Tag(0x0028, 0x0004))? {
        b"YBR_FULL_422" | b"YBR_PARTIAL_422" => bits.checked_mul(2)?,
        b"YBR_PARTIAL_420" => bits.checked_mul(3)? / 2,
        _ => bits.checked_mul(samples)?,
    };
    let length = pixels.checked_mul(bits)?.div_ceil(8);
    (length > 0).then_some(length)
}

#[cfg(test)]
mod tests {
    use dicomweb::json::Reader;
    use dicomweb::stow::draft::Limits;

    use super::*;

    #[test]
    fn lengths() {
        for (rows, columns, samples, bits, frames, photometric, expected) in [
            (512, 512, 1, 16, None, "MONOCHROME2", Some(524_288)),
            (3, 3, 1, 8, None, "MONOCHROME1", Some(9)),
            (3, 3, 1, 1, Some("2"), "MONOCHROME2", Some(3)),
            (2, 2, 3, 8, Some("10"), "RGB", Some(120)),
            (2, 2, 3, 8, None, "YBR_FULL_422", Some(8)),
            (2, 2, 3, 8, None, "YBR_PARTIAL_420", Some(6)),
            (2, 2, 1, 8, Some("x"), "RGB", None),
            (0, 2, 1, 8, None, "RGB", None),
            (65_535, 65_535, 65_535, 65_535, Some("2147483647"), "RGB", None),
        ] {
            let frames =
                frames.map_or(String::new(), |n| format!(r#""00280008":{{"vr":"IS","Value":["{n}"]}},"#));
            let text = format!(
                r#"[{{"00280002":{{"vr":"US","Value":[{samples}]}},"00280004":{{"vr":"CS","Value":["{photometric}"]}},{frames}"00280010":{{"vr":"US","Value":[{rows}]}},"00280011":{{"vr":"US","Value":[{columns}]}},"00280100":{{"vr":"US","Value":[{bits}]}}}}]"#
            );
            let mut reader = Reader::new(Limits::default());
            reader.push(text.as_bytes()).expect("JSON");
            let instance = reader.next_instance().expect("an instance").expect("a good one");
            assert_eq!(length(&instance), expected, "{text}");
        }
    }
}
