//! Every real file beside the project: its frames have the length that they should have, and recoding leaves them as
//! they are. Without the corpus there is nothing to see, and the tests pass.
#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::path::{Path, PathBuf};

use imaging::frames::{Frame, FrameError, LayoutRecorder, PixelLayout};
use model::part10::read_head;
use model::recode::ToExplicitLe;
use model::scan::{Limits, Scanner, Sink};
use model::transfer_syntax::{DEFLATED, EXPLICIT_LE, Syntax, by_uid};

struct DataSet {
    path: PathBuf,
    syntax: Syntax,
    encoded: Vec<u8>,
    /// The same, inflated where it is deflated.
    bytes: Vec<u8>,
}

/// The data sets that our scanner takes.
fn data_sets() -> Vec<DataSet> {
    let shared = std::env::var_os("OVERREAD_SHARED").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let mut folders = vec![shared.unwrap_or(beside).join("corpus")];
    let (mut found, mut files) = (Vec::new(), 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() && entry.file_name() == "large" => {}
                path if path.is_dir() => folders.push(path),
                path => {
                    files += 1;
                    found.extend(data_set(path));
                }
            }
        }
    }
    println!("saw {files} files, {} of them whole data sets", found.len());
    found
}

fn data_set(path: PathBuf) -> Option<DataSet> {
    let file = std::fs::read(&path).unwrap();
    let head = read_head(&file, true).ok()??;
    let syntax = by_uid(&head.syntax_uid)?;
    let encoded = file.get(head.data_offset..)?.to_vec();
    push(syntax, &encoded, &mut ())?;
    let mut bytes = encoded.clone();
    if syntax == DEFLATED {
        bytes.clear();
        flate2::read::DeflateDecoder::new(encoded.as_slice()).read_to_end(&mut bytes).unwrap();
    }
    Some(DataSet { path, syntax, encoded, bytes })
}

fn push<S: Sink>(syntax: Syntax, data: &[u8], sink: &mut S) -> Option<()> {
    let mut scanner = Scanner::new(syntax, Limits::default());
    data.chunks(4_096).try_for_each(|piece| scanner.push(piece, sink)).ok()?;
    scanner.finish(sink).ok().map(drop)
}

fn layout(syntax: Syntax, data: &[u8]) -> Option<PixelLayout> {
    let mut recorder = LayoutRecorder::new(syntax);
    push(syntax, data, &mut recorder).unwrap();
    let layout = recorder.finish()?;
    assert_eq!(PixelLayout::decode(&layout.encode()).as_ref(), Ok(&layout));
    Some(layout)
}

fn read(bytes: &[u8], frame: &Frame) -> Vec<u8> {
    let part = |part: &std::ops::Range<u64>| bytes.get(part.start as usize..part.end as usize).unwrap();
    let stored: Vec<u8> = frame.parts.iter().flat_map(part).copied().collect();
    let Some(mut convert) = frame.convert() else { return stored };
    let mut out = Vec::new();
    stored.chunks(1_000).for_each(|piece| convert.push(piece, &mut out));
    convert.finish(&mut out);
    out
}

#[test]
fn wado029_frames_have_the_length_that_the_image_says() {
    for DataSet { path, syntax, encoded, bytes } in data_sets() {
        let Some(layout) = layout(syntax, &encoded) else { continue };
        for number in 1..=layout.frames().min(100) {
            let Ok(frame) = layout.frame(number) else { continue };
            let (found, shape) = (read(&bytes, &frame), layout.shape());
            assert_eq!(found.len() as u64, frame.length, "{} frame {number}", path.display());
            let samples = if shape.photometric == "YBR_FULL_422" && !layout.is_encapsulated() {
                2
            } else {
                shape.samples
            };
            let bits = u64::from(shape.rows * shape.columns * samples) * u64::from(shape.bits_allocated);
            assert!(layout.is_encapsulated() || frame.length == bits.div_ceil(8), "{}", path.display());
        }
    }
}

#[test]
fn recoding_leaves_frames_as_they_are() {
    for DataSet { path, syntax, encoded, bytes } in data_sets() {
        let mut recode = ToExplicitLe::new();
        push(syntax, &encoded, &mut recode).unwrap();
        let (before, after) = (layout(syntax, &encoded), layout(EXPLICIT_LE, &recode.out));
        let (Some(before), Some(after)) = (before, after) else { continue };
        for number in (1..=before.frames().min(100)).filter(|_| !before.is_encapsulated()) {
            let frames = (before.frame(number), after.frame(number));
            let (Ok(before), Ok(after)) = frames else { continue };
            assert!(read(&bytes, &before) == read(&recode.out, &after), "{} frame {number}", path.display());
        }
    }
}

#[test]
fn odd_files_get_their_answers() {
    let beyond = |frame| Err(FrameError::BeyondTheBytes { frame });
    let mut seen = 0;
    for DataSet { path, syntax, encoded, .. } in data_sets() {
        let Some(layout) = layout(syntax, &encoded) else { continue };
        let frame = |number| layout.frame(number).map(|frame| frame.length);
        seen += 1;
        match path.file_name().and_then(|name| name.to_str()).unwrap() {
            "odd_frames_lie.dcm" => {
                assert!(frame(1).is_ok());
                assert_eq!((frame(2), frame(1_000_000)), (beyond(2), beyond(1_000_000)));
                assert!(frame(1_000_001).unwrap_err().is_not_found());
            }
            "odd_rows_bomb.dcm" | "odd_short_pixeldata.dcm" => assert_eq!(frame(1), beyond(1)),
            "odd_native_labelled_jpeg.dcm" => assert_eq!(frame(1), Err(FrameError::Mislabelled)),
            "odd_encaps_bad_bot.dcm" => assert!(frame(1).is_ok()),
            "odd_encaps_many_fragments.dcm" => assert!(layout.frame(1).unwrap().parts.len() > 2),
            "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm" => {
                assert!([1, 2].iter().all(|&number| layout.frame(number).unwrap().parts.len() > 1));
                assert!(frame(3).unwrap_err().is_not_found());
            }
            "video_h264.dcm" | "video_hevc.dcm" | "video_mpeg2.dcm" => {
                assert_eq!(frame(1), layout.whole().map(|frame| frame.length));
                assert_eq!(frame(2), Err(FrameError::Video));
            }
            _ => seen -= 1,
        }
    }
    println!("saw {seen} odd files");
}
