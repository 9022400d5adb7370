//! Shows where the frames of a file lie, or writes one of them to standard output:
//!
//! ```sh
//! cargo run --release -p imaging --example dicom_frames -- scan.dcm
//! cargo run --release -p imaging --example dicom_frames -- scan.dcm 3 > frame.jpg
//! ```
//!
//! Native frames are written in little endian, encapsulated ones as the codestream they are.

use std::io::Write;

use imaging::frames::{Frame, LayoutRecorder};
use model::part10::read_head;
use model::scan::{Limits, Scanner};
use model::transfer_syntax::by_uid;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: dicom_frames FILE [FRAME]")?;
    let bytes = std::fs::read(path)?;
    let head = read_head(&bytes, true)?.ok_or("the file ends within its head")?;
    let syntax = by_uid(&head.syntax_uid).ok_or("its transfer syntax is not known")?;
    // Positions are those of the data set, inflated where it is deflated.
    let (mut recorder, mut data_set) = (LayoutRecorder::new(syntax), Vec::new());
    let encoded = bytes.get(head.data_offset..).unwrap_or_default();
    let mut scanner = Scanner::new(syntax, Limits::default());
    scanner.push(encoded, &mut recorder)?;
    scanner.finish(&mut recorder)?;
    match syntax.encoding {
        model::transfer_syntax::Encoding::Deflated => {
            std::io::Read::read_to_end(&mut flate2::read::DeflateDecoder::new(encoded), &mut data_set)?;
        }
        _ => data_set.extend_from_slice(encoded),
    }
    let layout = recorder.finish().ok_or("there is no pixel data")?;
    match arguments.next() {
        Some(number) => std::io::stdout().write_all(&read(&data_set, &layout.frame(number.parse()?)?))?,
        None => {
            for number in 1..=layout.frames() {
                match layout.frame(number) {
                    Ok(frame) => println!("{number}\t{} bytes\t{:?}", frame.length, frame.parts),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    Ok(())
}

fn read(data_set: &[u8], frame: &Frame) -> Vec<u8> {
    let part = |part: &std::ops::Range<u64>| data_set.get(part.start as usize..part.end as usize);
    let stored: Vec<u8> = frame.parts.iter().filter_map(part).flatten().copied().collect();
    let Some(mut convert) = frame.convert() else { return stored };
    let mut out = Vec::with_capacity(stored.len());
    convert.push(&stored, &mut out);
    convert.finish(&mut out);
    out
}
