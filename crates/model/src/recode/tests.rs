use super::*;

fn element(tag: Tag, vr: VR, length: u32, big_endian: bool) -> Element {
    Element { tag, vr, length: Some(length), offset: 0, depth: 0, explicit: big_endian, big_endian }
}

/// One value, given whole and given in chunks of every size up to 9, gives the same bytes.
fn check(tag: Tag, vr: VR, big_endian: bool, value: &[u8], expected: &[u8]) {
    let header = element(tag, vr, value.len() as u32, big_endian);
    let mut whole = ToExplicitLe::new();
    whole.element(&header, value);
    assert_eq!(whole.out, expected, "{vr}");
    for chunk in 1..10 {
        let mut cut = ToExplicitLe::new();
        cut.long(&header);
        value.chunks(chunk).for_each(|bytes| cut.bytes(bytes));
        cut.long_end();
        assert_eq!(cut.out, expected, "{vr} in chunks of {chunk}");
    }
}

#[test]
fn ts001_headers_and_byte_order() {
    let tag = Tag(0x0008, 0x1234);
    check(tag, VR::LO, true, b"ABC", b"\x08\x00\x34\x12LO\x04\x00ABC ");
    check(tag, VR::UI, false, b"1.2", b"\x08\x00\x34\x12UI\x04\x001.2\0");
    check(tag, VR::US, true, &[1, 2, 3, 4], b"\x08\x00\x34\x12US\x04\x00\x02\x01\x04\x03");
    check(tag, VR::US, false, &[1, 2], b"\x08\x00\x34\x12US\x02\x00\x01\x02");
    check(tag, VR::AT, true, &[0, 0x28, 0, 9], b"\x08\x00\x34\x12AT\x04\x00\x28\x00\x09\x00");
    check(tag, VR::FL, true, &[1, 2, 3, 4], b"\x08\x00\x34\x12FL\x04\x00\x04\x03\x02\x01");
    check(
        tag,
        VR::FD,
        true,
        &[1, 2, 3, 4, 5, 6, 7, 8],
        b"\x08\x00\x34\x12FD\x08\x00\x08\x07\x06\x05\x04\x03\x02\x01",
    );
    check(tag, VR::OW, true, &[1, 2, 3, 4, 5], b"\x08\x00\x34\x12OW\0\0\x06\0\0\0\x02\x01\x04\x03\x05\0");
    for vr in [VR::OV, VR::SV, VR::UV, VR::OD] {
        let expected = [
            b"\x08\x00\x34\x12",
            vr.to_string().as_bytes(),
            b"\0\0\x08\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01",
        ]
        .concat();
        check(tag, vr, true, &[1, 2, 3, 4, 5, 6, 7, 8], &expected);
    }
    for vr in [VR::UC, VR::UR, VR::UT] {
        let expected = [b"\x08\x00\x34\x12", vr.to_string().as_bytes(), b"\0\0\x02\0\0\0x "].concat();
        check(tag, vr, true, b"x", &expected);
    }
    for vr in [VR::UN, VR::OB] {
        let expected =
            [b"\x08\x00\x34\x12", vr.to_string().as_bytes(), b"\0\0\x04\0\0\0\x01\x02\x03\0"].concat();
        check(tag, vr, true, &[1, 2, 3], &expected);
    }
    check(Tag(0x0008, 0x0000), VR::UL, false, &[1, 0, 0, 0], b"");
}

#[test]
fn ts004_values_too_long_for_their_vr_become_un() {
    let (mut recode, tag) = (ToExplicitLe::new(), Tag(0x3006, 0x0050));
    for (length, vr, header) in [
        (65_534, VR::DS, b"\x06\x30\x50\x00DS\xFE\xFF".as_slice()),
        (65_533, VR::DS, b"\x06\x30\x50\x00DS\xFE\xFF"),
        (65_535, VR::DS, b"\x06\x30\x50\x00UN\0\0\0\0\x01\0"),
        (65_536, VR::US, b"\x06\x30\x50\x00UN\0\0\0\0\x01\0"),
        (65_536, VR::UT, b"\x06\x30\x50\x00UT\0\0\0\0\x01\0"),
        (u32::MAX - 2, VR::OB, b"\x06\x30\x50\x00OB\0\0\xFE\xFF\xFF\xFF"),
    ] {
        recode.out.clear();
        recode.long(&element(tag, vr, length, false));
        assert_eq!(recode.out, header, "{vr} {length}");
    }
    // Its words are still those of the VR that it had.
    recode.out.clear();
    recode.long(&element(tag, VR::US, 65_536, true));
    recode.bytes(&[1, 2, 3]);
    recode.bytes(&[4]);
    assert_eq!(recode.out.get(12..), Some([2, 1, 4, 3].as_slice()));
}

#[test]
fn pixels_wider_than_a_word_are_swapped_whole() {
    for (bits, expected) in [(16u16, [2, 1, 4, 3]), (32, [4, 3, 2, 1]), (8, [2, 1, 4, 3])] {
        let mut recode = ToExplicitLe::new();
        recode.element(&element(BITS_ALLOCATED, VR::US, 2, true), &bits.to_be_bytes());
        let icon = Element { depth: 1, ..element(BITS_ALLOCATED, VR::US, 2, true) };
        recode.element(&icon, &[0, 8]);
        recode.out.clear();
        recode.long(&element(PIXEL_DATA, VR::OW, 4, true));
        recode.bytes(&[1, 2, 3, 4]);
        recode.long_end();
        assert_eq!(recode.out.get(12..), Some(expected.as_slice()), "{bits}");
    }
}

#[test]
fn ts002_ts003_nesting_is_written_with_undefined_length() {
    let mut recode = ToExplicitLe::new();
    let sequence = Element { length: None, vr: VR::UN, ..element(Tag(0x0008, 0x1140), VR::UN, 0, false) };
    recode.sequence(&sequence);
    recode.item(Some(10));
    recode.element(&Element { depth: 1, ..element(Tag(0x0008, 0x0060), VR::CS, 2, false) }, b"CT");
    recode.item_end();
    recode.sequence_end();
    let expected = b"\x08\0\x40\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF\x08\0\x60\0CS\x02\0CT\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0";
    assert_eq!(recode.out, expected);
    recode.out.clear();
    recode.fragments(&Element { length: None, ..element(PIXEL_DATA, VR::OB, 0, false) });
    recode.fragment(0, 0, 0);
    recode.long_end();
    recode.fragment(1, 8, 3);
    recode.bytes(&[1, 2, 3]);
    recode.long_end();
    recode.fragments_end();
    let expected = b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\0\0\0\0\xFE\xFF\0\xE0\x03\0\0\0\x01\x02\x03\xFE\xFF\xDD\xE0\0\0\0\0";
    assert_eq!(recode.out, expected);
}
