//! `overread check-config`: every effective value, where it came from, and what is wrong.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::cli::Serve;
use crate::config::{ConfigError, Loaded};
use crate::exit::Exit;

/// One effective value; one line of `--json`.
#[derive(Debug, PartialEq, Serialize)]
struct Effective {
    key: String,
    value: Value,
    origin: String,
}

/// Explains the configuration.
pub fn run(flags: &Serve, json: bool) -> Exit {
    let loaded = match Loaded::read(flags.config.as_deref(), &flags.overrides()) {
        Ok(loaded) => loaded,
        Err(error) => return refuse(&error, json),
    };
    let values = effective(&loaded);
    let problems = loaded.problems();
    if json {
        for value in &values {
            println!(
                "{}",
                serde_json::json!({ "event": "value", "key": value.key, "value": value.value, "origin": value.origin })
            );
        }
        for problem in &problems {
            println!(
                "{}",
                serde_json::json!({
                    "event": "problem", "key": problem.key, "origin": problem.origin.to_string(), "why": problem.text,
                })
            );
        }
    } else {
        print!("{}", table(&values));
        for problem in &problems {
            eprintln!("wrong: {problem}");
        }
        println!("{}", if problems.is_empty() { "All good." } else { "The server would not start." });
    }
    if problems.is_empty() { Exit::Done } else { Exit::Usage }
}

fn refuse(error: &ConfigError, json: bool) -> Exit {
    match json {
        true => println!("{}", serde_json::json!({ "event": "problem", "why": error.to_string() })),
        false => eprintln!("overread: {error}"),
    }
    Exit::Usage
}

fn effective(loaded: &Loaded) -> Vec<Effective> {
    let mut values = Vec::new();
    // Our own structs of numbers and texts; the one path in it that is no UTF-8 would be shown as a whole object less.
    let all = serde_json::to_value(&loaded.config).unwrap_or_default();
    flatten(&all, String::new(), &mut |key, value| {
        let origin = loaded.origins.of(&key).to_string();
        values.push(Effective { key, value: value.clone(), origin });
    });
    values
}

fn flatten(value: &Value, path: String, tell: &mut impl FnMut(String, &Value)) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                flatten(value, if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, tell);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (i, item) in items.iter().enumerate() {
                flatten(item, format!("{path}[{i}]"), tell);
            }
        }
        _ => tell(path, value),
    }
}

fn table(values: &[Effective]) -> String {
    let shown: Vec<_> = values.iter().map(|value| show(&value.value)).collect();
    let key_width = values.iter().map(|value| value.key.len()).max().unwrap_or(0);
    let value_width = shown.iter().map(String::len).filter(|length| *length <= 40).max().unwrap_or(0);
    let mut text = String::new();
    for (value, shown) in values.iter().zip(&shown) {
        let _ = writeln!(text, "{:key_width$}  {shown:value_width$}  {}", value.key, value.origin);
    }
    text
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "(not set)".to_owned(),
        Value::Array(items) if items.len() > 4 => format!("[{} values]", items.len()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn every_value_is_there_with_its_origin() {
        let overrides = Overrides { aet: Some("US".to_owned()), ..Overrides::default() };
        let loaded = Loaded::read(None, &overrides).unwrap();
        let values = effective(&loaded);
        let find = |key: &str| values.iter().find(|value| value.key == key).unwrap();
        assert_eq!(
            (&find("dimse.aet").value, find("dimse.aet").origin.as_str()),
            (&Value::from("US"), "--aet")
        );
        assert_eq!(find("dimse.peers[0].aet").origin, "default");
        assert_eq!(find("http.base_url").value, Value::Null);
        let text = table(&values);
        assert!(
            text.lines().any(|line| line.starts_with("http.base_url") && line.contains("(not set)")),
            "{text}"
        );
    }
}
