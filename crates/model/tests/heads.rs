//! Heads of files: TS-022, TS-023, and the answers to those that are incomplete or lie.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

use model::AeTitle;
use model::part10::{
    FileMeta, Head, HeadError, IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION, LIMIT, NewMeta, PRIVATE_CREATOR,
    read_head, write_head,
};
use model::{Tag, Uid};

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

fn element(number: u16, vr: &str, value: &[u8]) -> Vec<u8> {
    let mut out = vec![2, 0];
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(vr.as_bytes());
    out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    out.extend_from_slice(value);
    out
}

fn group_length(length: u32) -> Vec<u8> {
    element(0, "UL", &length.to_le_bytes())
}

fn syntax() -> Vec<u8> {
    element(0x10, "UI", b"1.2.840.10008.1.2.1\0")
}

fn magic() -> Vec<u8> {
    let mut out = vec![0; 128];
    out.extend_from_slice(b"DICM");
    out
}

/// The first bytes of a data set, long enough that a head before it is complete.
fn data() -> Vec<u8> {
    let mut out = b"\x08\0\x05\0CS\x0a\0ISO_IR 100".to_vec();
    out.extend_from_slice(&[0; 200]);
    out
}

/// Where the data set starts and its transfer syntax, or why not.
fn answer(bytes: &[u8]) -> Result<(usize, String), String> {
    let head = read_head(bytes, true).map_err(|error| error.to_string())?.expect("an answer at the end");
    Ok((head.data_offset, head.syntax_uid))
}

fn long_file_meta() -> Vec<u8> {
    element(0x16, "AE", b"X ").repeat(257)
}

/// Where the data set starts and its transfer syntax, or the text of the error.
type Expected = Result<(usize, &'static str), String>;

#[test]
fn files_are_recognised_or_refused() {
    const EXPLICIT: &str = "1.2.840.10008.1.2.1";
    let lies =
        |end| format!("(0002,0000) says that the File Meta Information ends at byte {end}, it does not");
    let not_dicom =
        "this is not DICOM: there is neither DICM behind a preamble nor the start of a data set".to_owned();
    let no_vr = |tag: &str, offset| {
        format!("{tag} at byte {offset} in the File Meta Information has no VR that may be there")
    };
    let rows: Vec<(&str, Vec<Vec<u8>>, Expected)> = vec![
        ("usual", vec![magic(), group_length(28), syntax(), data()], Ok((172, EXPLICIT))),
        ("no group length", vec![magic(), syntax(), data()], Ok((160, EXPLICIT))),
        ("group length 0", vec![magic(), group_length(0), syntax(), data()], Ok((172, EXPLICIT))),
        ("no preamble", vec![group_length(28), syntax(), data()], Ok((40, EXPLICIT))),
        ("no preamble, no group length", vec![syntax(), data()], Ok((28, EXPLICIT))),
        ("nothing behind the meta", vec![magic(), group_length(28), syntax()], Ok((172, EXPLICIT))),
        ("bare explicit", vec![data()], Ok((0, EXPLICIT))),
        ("bare implicit", vec![b"\x08\0\x05\0\x0a\0\0\0ISO_IR 100".to_vec()], Ok((0, "1.2.840.10008.1.2"))),
        (
            "bare implicit sequence",
            vec![b"\x08\0\x06\0\xff\xff\xff\xff".to_vec()],
            Ok((0, "1.2.840.10008.1.2")),
        ),
        ("bare big endian", vec![b"\0\x08\0\x05CS\0\x0aISO_IR 100".to_vec()], Ok((0, "1.2.840.10008.1.2.2"))),
        (
            "deflated bytes look like group 2",
            vec![magic(), group_length(30), element(0x10, "UI", b"1.2.840.10008.1.2.1.99"), vec![2, 0, 3, 4]],
            Ok((174, "1.2.840.10008.1.2.1.99")),
        ),
        (
            "unknown elements of the group",
            vec![magic(), element(0x99, "LO", b"x "), syntax(), data()],
            Ok((170, EXPLICIT)),
        ),
        ("empty", vec![], Err(not_dicom.clone())),
        ("some bytes", vec![vec![8, 0, 5]], Err(not_dicom.clone())),
        (
            "128 bytes without DICM",
            vec![vec![0; 128], group_length(28), syntax(), data()],
            Err(not_dicom.clone()),
        ),
        ("a TIFF preamble without DICM", vec![b"II*\0".to_vec(), vec![0; 400]], Err(not_dicom.clone())),
        ("text", vec![b"Dear Sir or Madam".repeat(20)], Err(not_dicom.clone())),
        ("HTTP", vec![b"GET / HTTP/1.1\r\n\r\n".to_vec()], Err(not_dicom.clone())),
        ("DICM in the wrong place", vec![b"DICM".to_vec(), vec![0; 400]], Err(not_dicom.clone())),
        ("bare implicit, no length", vec![b"\x08\0\x05\0\xfe\xff\xff\xff".to_vec()], Err(not_dicom)),
        ("only DICM", vec![magic()], Err("(0002,0010) Transfer Syntax UID is missing".into())),
        ("no group 2", vec![magic(), data()], Err("(0002,0010) Transfer Syntax UID is missing".into())),
        (
            "no transfer syntax",
            vec![magic(), element(2, "UI", b"1.2"), data()],
            Err("(0002,0010) Transfer Syntax UID is missing".into()),
        ),
        (
            "empty transfer syntax",
            vec![magic(), element(0x10, "UI", b"\0\0"), data()],
            Err("(0002,0010) Transfer Syntax UID is missing".into()),
        ),
        (
            "group length beyond the file",
            vec![magic(), group_length(5_000), syntax(), data()],
            Err(lies(5_144)),
        ),
        (
            "group length beyond any head",
            vec![magic(), group_length(u32::MAX), syntax()],
            Err(lies(4_294_967_439_u64)),
        ),
        ("group length too long", vec![magic(), group_length(60), syntax(), data()], Err(lies(204))),
        ("group length too short", vec![magic(), group_length(20), syntax(), data()], Err(lies(164))),
        (
            "group length of one element too few",
            vec![magic(), group_length(28), syntax(), syntax(), data()],
            Err(lies(172)),
        ),
        (
            "cut in a value",
            vec![magic(), syntax()[..20].to_vec()],
            Err("the file ends at byte 152 inside its File Meta Information".into()),
        ),
        (
            "cut in a header",
            vec![magic(), syntax()[..5].to_vec()],
            Err("the file ends at byte 137 inside its File Meta Information".into()),
        ),
        (
            "a value of 4 GiB",
            vec![magic(), b"\x02\0\x02\x01OB\0\0\xfe\xff\xff\xff".to_vec(), data()],
            Err(format!("the file ends at byte {} inside its File Meta Information", 132 + 12 + 218)),
        ),
        (
            "implicit VR",
            vec![magic(), b"\x02\0\x10\0\x02\0\0\x001 ".to_vec()],
            Err(no_vr("(0002,0010)", 132)),
        ),
        ("unknown VR", vec![magic(), element(0x10, "ZZ", b"1 "), data()], Err(no_vr("(0002,0010)", 132))),
        (
            "a sequence",
            vec![magic(), b"\x02\0\x99\0SQ\0\0\xff\xff\xff\xff".to_vec()],
            Err(no_vr("(0002,0099)", 132)),
        ),
        (
            "a flood of elements",
            vec![magic(), long_file_meta(), syntax(), data()],
            Err("the File Meta Information is longer than any may be".into()),
        ),
    ];
    for (name, parts, expected) in rows {
        let found = answer(&parts.concat());
        assert_eq!(found, expected.map(|(at, uid)| (at, uid.to_owned())), "{name}");
    }
}

#[test]
fn reading_waits_for_what_it_needs_and_no_longer() {
    let file = [magic(), group_length(28), syntax(), data()].concat();
    for length in 0..file.len() {
        let early = read_head(&file[..length], false);
        // The group's end is certain when two bytes behind it are there.
        assert_eq!(early.as_ref().map(Option::is_some), Ok(length >= 174), "{length} bytes");
    }
    let endless = [magic(), b"\x02\0\x02\x01OB\0\0\0\0\x10\0".to_vec(), vec![0; LIMIT]].concat();
    assert_eq!(read_head(&endless[..LIMIT - 1], false), Ok(None));
    assert_eq!(read_head(&endless[..LIMIT], false), Err(HeadError::TooLong));
    let claimed = [magic(), b"\x02\0\x02\x01OB\0\0\xfe\xff\xff\xff".to_vec()].concat();
    assert_eq!(read_head(&claimed, false), Err(HeadError::TooLong));
    assert_eq!(
        read_head(&[magic(), element(0x10, "00", b"")].concat(), false),
        Err(HeadError::Vr { tag: Tag(2, 0x10), offset: 132 })
    );
}

#[test]
fn ts022_ts023_a_written_head_reads_back() {
    let title: AeTitle = "OVERREAD".parse().expect("a title");
    let new = NewMeta {
        sop_class: CT,
        sop_instance: "1.2.3",
        transfer_syntax: "1.2.840.10008.1.2.1.99",
        source_ae: Some(title),
        private: Some(b"ours!"),
    };
    let bytes = write_head(&new, None);
    assert!(bytes[..128].iter().all(|byte| *byte == 0));
    let tags: Vec<u8> = [0, 1, 2, 3, 0x10, 0x12, 0x13, 0x16].to_vec();
    let mut at = 132;
    for number in tags {
        assert_eq!(&bytes[at..at + 4], &[2, 0, number, 0]);
        let ob = &bytes[at + 4..at + 6] == b"OB";
        at += if ob { 12 + bytes[at + 8] as usize } else { 8 + bytes[at + 6] as usize };
        assert_eq!(at % 2, 0);
    }
    let mut padded = bytes.clone();
    padded.extend_from_slice(b"deflated");
    let head = read_head(&padded, true);
    let meta = FileMeta {
        sop_class: Some(CT.into()),
        sop_instance: Some("1.2.3".into()),
        transfer_syntax: Some("1.2.840.10008.1.2.1.99".into()),
        implementation_class: Some(IMPLEMENTATION_CLASS.into()),
        implementation_version: Some(IMPLEMENTATION_VERSION.into()),
        source_ae: Some("OVERREAD".into()),
        private_creator: PRIVATE_CREATOR.parse::<Uid>().ok(),
        private: Some(b"ours!\0".to_vec()),
    };
    let expected = Head {
        meta: Some(meta),
        preamble: true,
        data_offset: bytes.len(),
        syntax_uid: "1.2.840.10008.1.2.1.99".into(),
    };
    assert_eq!(head, Ok(Some(expected)));
    assert!(IMPLEMENTATION_CLASS.parse::<Uid>().is_ok() && IMPLEMENTATION_VERSION.len() <= 16);
}

#[test]
fn a_written_head_has_the_length_asked_for() {
    let longest = "1.".to_owned() + &"2".repeat(62);
    for (private, total, expected) in [
        (Some(&[7; 100][..]), Some(1_024), 1_024),
        (Some(&[7; 101]), Some(1_024), 1_024),
        (Some(&[]), Some(1_024), 1_024),
        (Some(&[7; 1_000]), Some(1_024), 1_510), // does not fit
        (None, Some(1_024), 446),
        (None, None, 446),
    ] {
        let new = NewMeta {
            sop_class: &longest,
            sop_instance: &longest,
            transfer_syntax: &longest,
            source_ae: None,
            private,
        };
        let bytes = write_head(&new, total);
        assert_eq!(bytes.len(), expected);
        let head = read_head(&bytes, true).expect("a head").expect("all of it");
        assert_eq!(head.data_offset, bytes.len());
        let read = head.meta.expect("meta").private;
        assert_eq!(read.is_some(), private.is_some());
        assert!(read.unwrap_or_default().starts_with(private.unwrap_or_default()));
    }
}
