//! Every real file beside the project: its JSON keeps the model's rules, and the data set says the same when it is
//! recoded. Without the corpus there is nothing to see, and the tests pass.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use dicomweb::json::{BulkTable, JsonWriter, complete, object};
use model::part10::read_head;
use model::recode::ToExplicitLe;
use model::scan::{Limits, Scanner, Sink};
use model::transfer_syntax::{DEFLATED, EXPLICIT_LE, Syntax, by_uid};
use serde_json::Value;

/// PS3.18 section F.2.6.
const MAY_BE_BULK: &str = "DS FL FD IS LT OB OD OF OL OV OW SL SS ST SV UC UL UN US UT UV";
const INLINE: &str = "OB OD OF OL OV OW UN";

/// The data sets that our scanner takes, with their transfer syntaxes.
fn data_sets() -> Vec<(PathBuf, Syntax, Vec<u8>)> {
    let shared = std::env::var_os("OVERREAD_SHARED").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let mut folders = vec![shared.unwrap_or(beside).join("corpus")];
    let (mut found, mut files) = (Vec::new(), 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true if entry.file_name() == "large" => {}
                true => folders.push(path),
                false => {
                    files += 1;
                    let bytes = std::fs::read(&path).unwrap();
                    let Ok(Some(head)) = read_head(&bytes, true) else { continue };
                    let Some(syntax) = by_uid(&head.syntax_uid) else { continue };
                    let data = bytes.get(head.data_offset..).unwrap_or_default();
                    if push(syntax, data, &mut ()).is_some() {
                        found.push((path, syntax, data.to_vec()));
                    }
                }
            }
        }
    }
    println!("saw {files} files, {} of them whole data sets", found.len());
    found
}

fn push<S: Sink>(syntax: Syntax, data: &[u8], sink: &mut S) -> Option<()> {
    let mut scanner = Scanner::new(syntax, Limits::default());
    data.chunks(4_096).try_for_each(|piece| scanner.push(piece, sink)).ok()?;
    scanner.finish(sink).ok().map(drop)
}

fn json(syntax: Syntax, data: &[u8]) -> (String, BulkTable) {
    let mut writer = JsonWriter::new();
    push(syntax, data, &mut writer).unwrap();
    let (json, bulk) = writer.finish();
    let mut completed = Vec::new();
    complete(&json, "u", &mut completed);
    (String::from_utf8(completed).unwrap(), bulk)
}

#[test]
fn json_of_real_files_keeps_the_rules() {
    for (path, syntax, data) in data_sets() {
        let (text, bulk) = json(syntax, &data);
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(!text.contains('\u{1}'));
        let mut uris = Vec::new();
        check_object(&value, &path, &mut uris);
        // JSON-001: a map of serde_json sorts its names and drops doubles, so only ordered JSON has them in its order.
        let names = |text: &str| object::pairs(text.as_bytes()).map(|(tag, _)| tag).collect::<Vec<_>>();
        assert_eq!(names(&text), names(&value.to_string()), "{}", path.display());
        assert_eq!(BulkTable::decode(&bulk.encode()).as_ref(), Ok(&bulk));
        for uri in uris {
            let row = bulk.find(uri.strip_prefix("u/bulkdata/").unwrap()).unwrap();
            assert!(syntax == DEFLATED || row.offset + row.length <= data.len() as u64, "{}", path.display());
        }
    }
}

fn check_object(object: &Value, path: &Path, uris: &mut Vec<String>) {
    let mut last = String::new();
    for (name, attribute) in object.as_object().unwrap() {
        let at = format!("{} {name}", path.display());
        let hex = name.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'A'..=b'F'));
        assert!(name.len() == 8 && hex && *name > last, "JSON-001 {at}");
        assert!(!name.ends_with("0000") && !name.starts_with("0002"), "JSON-011, WADO-033 {at}");
        last.clone_from(name);
        let attribute = attribute.as_object().unwrap();
        let vr = attribute["vr"].as_str().unwrap();
        let [value, uri, inline] = ["Value", "BulkDataURI", "InlineBinary"].map(|key| attribute.get(key));
        assert_eq!(attribute.len(), 1 + [value, uri, inline].iter().flatten().count(), "JSON-002 {at}");
        assert!(attribute.len() <= 2, "JSON-002 {at}");
        if let Some(uri) = uri {
            assert!(MAY_BE_BULK.contains(vr), "WADO-034 {at}");
            uris.push(uri.as_str().unwrap().to_owned());
        }
        assert!(inline.is_none() || (INLINE.contains(vr) && name != "7FE00010"), "JSON-010, WADO-035 {at}");
        let values = value.map(|value| value.as_array().unwrap().as_slice()).unwrap_or_default();
        assert!(value.is_none() || !values.is_empty(), "JSON-003 {at}");
        for value in values {
            let fits = match vr {
                "SQ" => value.is_object(),
                "PN" => value.as_object().is_none_or(|groups| groups.values().all(|group| group != "")),
                "FL" | "FD" | "SL" | "SS" | "UL" | "US" => value.is_number(),
                "DS" | "IS" | "SV" | "UV" => value.is_number() || value.is_string() || value.is_null(),
                "AT" => value.as_str().is_some_and(|tag| tag.len() == 8),
                _ => {
                    value.is_null()
                        || value.as_str().is_some_and(|text| !text.is_empty() && !text.ends_with('\0'))
                }
            };
            assert!(fits, "{vr} {at}: {value}");
            if vr == "SQ" {
                check_object(value, path, uris);
            }
        }
    }
}

#[test]
fn recoded_data_sets_say_the_same() {
    for (path, syntax, data) in data_sets() {
        let mut recode = ToExplicitLe::new();
        push(syntax, &data, &mut recode).unwrap();
        let recoded = std::mem::take(&mut recode.out);
        assert!(push(EXPLICIT_LE, &recoded, &mut recode).is_some(), "{}", path.display());
        assert_eq!(recode.out, recoded, "recoding twice changes nothing: {}", path.display());
        // It has a value of odd length in the JSON, which gets its byte of padding.
        if path.ends_with("nested_priv_SQ.dcm") {
            continue;
        }
        let ((before, _), (after, _)) = (json(syntax, &data), json(EXPLICIT_LE, &recoded));
        assert_eq!(before, after, "{}", path.display());
    }
}
