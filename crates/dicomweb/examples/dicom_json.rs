//! Prints the DICOM JSON of files, one object a line:
//!
//! ```sh
//! cargo run --release -p dicomweb --example dicom_json -- scan.dcm
//! ```
//!
//! BulkDataURIs are relative to the instance. What is no DICOM is told on standard error and makes the exit code 1.

use std::io::Write;
use std::process::ExitCode;

use dicomweb::json::{JsonWriter, complete};
use model::part10::read_head;
use model::scan::{Limits, Scanner};
use model::transfer_syntax::by_uid;

fn main() -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for path in std::env::args_os().skip(1) {
        match json(&path) {
            Ok(line) => std::io::stdout().write_all(&line).expect("standard output takes the line"),
            Err(problem) => {
                eprintln!("{}: {problem}", path.display());
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

fn json(path: &std::ffi::OsStr) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let bytes = std::fs::read(path)?;
    let head = read_head(&bytes, true)?.ok_or("the file ends within its head")?;
    let syntax = by_uid(&head.syntax_uid).ok_or("its transfer syntax is not known")?;
    let (mut scanner, mut writer) = (Scanner::new(syntax, Limits::default()), JsonWriter::new());
    scanner.push(bytes.get(head.data_offset..).unwrap_or_default(), &mut writer)?;
    scanner.finish(&mut writer)?;
    let mut line = Vec::new();
    complete(&writer.finish().0, ".", &mut line);
    line.push(b'\n');
    Ok(line)
}
