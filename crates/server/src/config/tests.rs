use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

const SHIPPED: &str = include_str!("../../../../deploy/overread.toml");

/// The shipped file with its commented keys switched on.
fn uncommented() -> String {
    let key = |line: &str| {
        let rest = line.strip_prefix("# ")?;
        let (name, _) = rest.split_once(" = ")?;
        name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_').then(|| rest.to_owned())
    };
    let list = |line: &str| line.strip_prefix("# ").filter(|rest| rest.starts_with("[[")).map(str::to_owned);
    SHIPPED
        .lines()
        .map(|line| key(line).or_else(|| list(line)).unwrap_or_else(|| line.to_owned()) + "\n")
        .collect()
}

/// `section.key` of every value; the keys of a list's entries once.
fn keys(value: &Value, path: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                keys(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, out);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().for_each(|item| keys(item, path, out));
        }
        _ => {
            out.insert(path.to_owned());
        }
    }
}

#[test]
fn the_shipped_file_is_the_default() {
    let config: Config = toml::from_str(SHIPPED).unwrap();
    assert_eq!(config, Config::default());
}

#[test]
fn the_shipped_file_has_every_key_and_no_other() {
    let mut written = BTreeSet::new();
    let table: toml::Table = toml::from_str(&uncommented()).unwrap();
    keys(&serde_json::to_value(table).unwrap(), "", &mut written);
    let mut known = BTreeSet::new();
    let provider = toml::from_str("issuer = \"https://id.example.org\"").unwrap();
    let all = Config { oidc: vec![provider], ..Config::default() };
    keys(&serde_json::to_value(all).unwrap(), "", &mut known);
    assert_eq!(written, known);
    toml::from_str::<Config>(&uncommented()).unwrap();
}

#[test]
fn the_defaults_are_valid_in_both_modes() {
    for mode in [Mode::Secure, Mode::InsecureLoopback] {
        let loaded = Loaded::read(None, &Overrides { mode, ..Overrides::default() }).unwrap();
        assert_eq!(loaded.problems(), []);
    }
}

/// S12: nothing listens beyond loopback without TLS and authentication.
#[test]
fn problems_are_found_and_traced_to_their_line() {
    let (secure, open) = (Mode::Secure, Mode::InsecureLoopback);
    for (mode, text, expected) in [
        (secure, "", &[][..]),
        (secure, "[http]\nlisten = \"0.0.0.0:8443\"", &[]),
        (open, "[http]\nlisten = \"0.0.0.0:8443\"", &["http.listen (f.toml:2)"]),
        (open, "[dimse]\nlisten = \"[::]:1\"", &["dimse.listen (f.toml:2)"]),
        (secure, "[http]\nlisten = \"0.0.0.0:1\"\ntls = false", &["http.listen (f.toml:2)"]),
        (secure, "[http]\ntls = false", &[]),
        (secure, "[http]\nmetrics_listen = \"0.0.0.0:1\"", &["http.metrics_listen (f.toml:2)"]),
        (secure, "[http]\nbase_url = \"example.org\"", &["http.base_url (f.toml:2)"]),
        (
            secure,
            "[http]\ncors_origins = [\"https://a\", \"https://a/b\"]",
            &["http.cors_origins[1] (f.toml:2)"],
        ),
        (secure, "[dimse]\n\nlisten = \"0.0.0.0:1\"", &["dimse.listen (f.toml:3)"]),
        (secure, "[dimse]\nlisten = \"0.0.0.0:1\"\nallow_plain_network = true", &[]),
        (secure, "[dimse]\ntls_listen = \"0.0.0.0:1\"", &[]),
        (secure, "[dimse]\nlisten = \"127.0.0.1:2762\"", &["dimse.tls_listen (default)"]),
        (secure, "[dimse]\nlisten = \"127.0.0.1:0\"\ntls_listen = \"127.0.0.1:0\"", &[]),
        (
            secure,
            "dimse = { listen = \"off\", tls_listen = \"off\" }\nhttp.listen = \"off\"",
            &["http.listen (f.toml:2)"],
        ),
        (secure, "[dimse]\naet = \"SEVENTEEN_LETTERS\"", &["dimse.aet (f.toml:2)"]),
        (
            secure,
            "[[dimse.peers]]\naet = \"A\"\n[[dimse.peers]]\naet = \"\\\\\"",
            &["dimse.peers[1].aet (f.toml:4)"],
        ),
        (
            secure,
            "[[dimse.peers]]\naet = \"A\"\ncustodian = \"Big Centre\"",
            &["dimse.peers[0].custodian (f.toml:3)"],
        ),
        (secure, "[tls]\nclient_certificates = \"required\"", &["tls.client_certificates (f.toml:2)"]),
        (secure, "[tls]\nkey_file = \"/\"", &["tls.certificate_file (default)"]),
        (
            secure,
            "[storage]\nprivate_sop_classes = [\n\"1.2\",\n\"1..2\"]",
            &["storage.private_sop_classes[1] (f.toml:4)"],
        ),
        (secure, "[storage]\ntime_zone = \"CET\"", &["storage.time_zone (f.toml:2)"]),
        (secure, "[limits]\nreceiving = 0", &["limits.receiving (f.toml:2)"]),
        (secure, "[access]\nsession_idle_minutes = 0", &["access.session_idle_minutes (f.toml:2)"]),
        (secure, "[access]\nsession_hours = 169", &["access.session_hours (f.toml:2)"]),
        (secure, "[log]\nfilter = \"a=b=c\"", &["log.filter (f.toml:2)"]),
    ] {
        let (config, origins) = Loaded::parse(Path::new("f.toml"), text).unwrap();
        let mut loaded = Loaded { config, origins, mode };
        loaded.lay_over(&Overrides { mode, ..Overrides::default() });
        let found: Vec<_> =
            loaded.problems().iter().map(|problem| format!("{} ({})", problem.key, problem.origin)).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn syntax_errors_name_the_line() {
    for (text, part) in [
        ("[http]\nport = 1", "line 2"),
        ("[http]\nport = 1", "unknown field `port`"),
        ("[htp]", "unknown field `htp`"),
        ("[http]\nlisten = \"localhost\"", "127.0.0.1:8443"),
        ("[http]\nlisten = 1", "line 2"),
        ("[http\n", "line 1"),
        ("[[dimse.peers]]\nfrom = []", "missing field `aet`"),
        ("[[dimse.peers]]\naet=\"A\"\nfrom = [\"here\"]", "192.0.2.0/24"),
        ("[tls]\nclient_certificates = \"maybe\"", "required"),
        ("[limits]\nreceiving = -1", "line 2"),
    ] {
        let error = Loaded::parse(Path::new("f.toml"), text).unwrap_err().to_string();
        assert!(error.starts_with("f.toml: ") && error.contains(part), "{text}: {error}");
    }
}

#[test]
fn flags_win_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.toml");
    std::fs::write(&file, "[http]\nlisten = \"off\"\n[dimse]\ntls_listen = \"127.0.0.1:1\"\n").unwrap();
    let overrides = Overrides {
        data: Some("/d".into()),
        dimse: Some(Listen::Off),
        aet: Some("US".to_owned()),
        ..Overrides::default()
    };
    let loaded = Loaded::read(Some(&file), &overrides).unwrap();
    let origin = |path| loaded.origins.of(path).to_string();
    assert_eq!(loaded.config.data.folder, Path::new("/d"));
    assert_eq!(origin("data.folder"), "--data");
    assert_eq!((loaded.config.dimse.listen, loaded.config.dimse.aet.as_str()), (Listen::Off, "US"));
    assert_eq!(origin("dimse.tls_listen"), format!("{}:4", file.display()));
    assert_eq!(origin("limits.receiving"), "default");
}

#[test]
fn insecure_loopback_turns_tls_off_unless_it_is_asked_for() {
    let asked: Listen = "127.0.0.1:2762".parse().unwrap();
    for (dimse_tls, expected) in [(None, Listen::Off), (Some(asked), asked)] {
        let overrides = Overrides { mode: Mode::InsecureLoopback, dimse_tls, ..Overrides::default() };
        let loaded = Loaded::read(None, &overrides).unwrap();
        assert!(!loaded.config.http.tls);
        assert_eq!(loaded.config.dimse.tls_listen, expected);
    }
}
