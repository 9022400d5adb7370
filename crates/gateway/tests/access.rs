//! Who may do what, which hosts and origins are answered, and what needs no token.
#![allow(missing_docs)]

mod support;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use gateway::{Config, MissingAccept};
use support::{Bench, RELATED, related};
use testkit::Instance;

const JSON: (&str, &str) = ("accept", "application/dicom+json");

/// Only who may delete does, and what is out of reach was never there: not even as deleted (WADO-037).
#[tokio::test]
async fn who_may_delete() {
    let bench = Bench::new().await;
    let instance = Instance::new(1, 1, 1);
    assert_eq!(bench.store(&[instance.part10()]).await.status, 200);
    let study = format!("/dicom-web/studies/{}", instance.study);
    let of = |token: Option<&'static str>| token.map(|token| ("authorization", token)).into_iter();
    for (token, status, then_read, then_foreign) in [
        (None, 401, 200, 404),
        (Some("Bearer wrong"), 401, 200, 404),
        (Some("Bearer store"), 403, 200, 404),
        (Some("Bearer read"), 403, 200, 404),
        (Some("Bearer foreign"), 403, 200, 404),
        (Some("Bearer all"), 204, 410, 404),
        (Some("Bearer all"), 410, 410, 404),
        (Some("Bearer read"), 403, 410, 404),
    ] {
        let answer = bench.send_bare("DELETE", &study, &of(token).collect::<Vec<_>>(), b"").await;
        assert_eq!(answer.status, status, "{token:?} {}", answer.text());
        for (reader, expected) in [("Bearer read", then_read), ("Bearer foreign", then_foreign)] {
            let read =
                bench.send_bare("GET", &format!("{study}/metadata"), &[("authorization", reader)], b"").await;
            assert_eq!(read.status, expected, "{reader} after {token:?}");
        }
    }
}

/// Commitment is for whoever stores or reads, each for itself.
#[tokio::test]
async fn whose_commitment_requests() {
    let bench = Bench::new().await;
    let instance = Instance::new(1, 1, 1);
    assert_eq!(bench.store(&[instance.part10()]).await.status, 200);
    let body = format!(
        r#"{{"00081199":{{"vr":"SQ","Value":[{{"00081150":{{"vr":"UI","Value":["{}"]}},
           "00081155":{{"vr":"UI","Value":["{}"]}}}}]}}}}"#,
        instance.sop_class(),
        instance.sop_instance
    );
    let path = "/dicom-web/commitment-requests/2.25.7";
    for (token, status, committed) in [
        ("Bearer wrong", 401, None),
        ("Bearer read", 200, Some(true)),
        ("Bearer store", 200, Some(true)),
        ("Bearer foreign", 200, Some(false)),
        ("Bearer read", 409, None),
    ] {
        let fields = [("authorization", token), ("content-type", JSON.1)];
        let answer = bench.send_bare("POST", path, &fields, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{token} {}", answer.text());
        if let Some(committed) = committed {
            assert_eq!(answer.json().get("00081199").is_some(), committed, "{token} {}", answer.text());
            assert_eq!(answer.json().get("00081198").is_some(), !committed, "{token}");
        }
    }
    let unknown = bench.send_bare("GET", path, &[("authorization", "Bearer all")], b"").await;
    assert_eq!(unknown.status, 404, "another principal's request");
}

#[tokio::test]
async fn every_route_asks_for_a_token_but_two() {
    let bench = Bench::new().await;
    let instance = Instance::new(1, 1, 1);
    let stored = bench.store(&[instance.part10()]).await;
    assert_eq!(stored.status, 200, "{}", stored.text());
    let place = format!(
        "/dicom-web/studies/{}/series/{}/instances/{}",
        instance.study, instance.series, instance.sop_instance
    );
    let study = format!("/dicom-web/studies/{}", instance.study);
    let reads = [
        "/dicom-web/studies".to_owned(),
        "/dicom-web/series".to_owned(),
        "/dicom-web/instances".to_owned(),
        format!("{study}/series"),
        format!("{study}/instances"),
        study.clone(),
        format!("{study}/metadata"),
        place.clone(),
        format!("{place}/metadata"),
        format!("{place}/frames/1"),
        format!("{place}/bulkdata/7FE00010"),
    ];
    for path in &reads {
        for (token, status) in [
            (None, 401),
            (Some("Bearer wrong"), 401),
            (Some("Basic YWxsOmFsbA=="), 401),
            (Some("Bearer store"), 403),
            (Some("Bearer read"), 200),
            (Some("Bearer all"), 200),
        ] {
            let fields: Vec<_> = token.map(|token| ("authorization", token)).into_iter().collect();
            let answer = bench.send_bare("GET", path, &fields, b"").await;
            assert_eq!(answer.status, status, "{path} {token:?} {}", answer.text());
            assert_eq!(answer.field("www-authenticate").is_some(), status == 401, "{path} {token:?}");
            if status != 200 {
                assert_eq!(
                    answer.field("content-type"),
                    Some("application/problem+json"),
                    "{path} {token:?}"
                );
            }
        }
        // QIDO-043: what is out of reach is not there.
        let foreign = bench.send_bare("GET", path, &[("authorization", "Bearer foreign")], b"").await;
        let search = !path.contains("instances/") && !path.ends_with("metadata") && *path != study;
        assert_eq!(foreign.status, if search { 204 } else { 404 }, "{path}");
    }
    for (token, status) in [(None, 401), (Some("Bearer read"), 403), (Some("Bearer store"), 200)] {
        let mut fields: Vec<_> = token.map(|token| ("authorization", token)).into_iter().collect();
        fields.push(("content-type", RELATED));
        let body = related(&[Instance::new(2, 1, 1).part10()]);
        let answer = bench.send_bare("POST", "/dicom-web/studies", &fields, &body).await;
        assert_eq!(answer.status, status, "{token:?} {}", answer.text());
    }
    for (path, token, status) in [
        ("/healthz", None, 200),
        ("/readyz", None, 200),
        ("/metrics", None, 401),
        ("/metrics", Some("Bearer read"), 403),
        ("/metrics", Some("Bearer all"), 200),
    ] {
        let fields: Vec<_> = token.map(|token| ("authorization", token)).into_iter().collect();
        let answer = bench.send_bare("GET", path, &fields, b"").await;
        assert_eq!(answer.status, status, "{path} {token:?}");
    }
    let url = bench
        .send_bare("GET", "/dicom-web/studies?access_token=all", &[("authorization", "Bearer all")], b"")
        .await;
    assert_eq!(url.status, 400, "a token in the URL is refused: {}", url.text());
}

#[tokio::test]
async fn a_base_url_decides_urls_and_hosts() {
    let config = Config { base_url: Some("https://images.example.org/pacs/".into()), ..Config::default() };
    let bench = Bench::with(config, None).await;
    let body = related(&[Instance::new(1, 1, 1).part10()]);
    let request = |host: &str| {
        let head = format!(
            "POST /dicom-web/studies HTTP/1.1\r\nhost: {host}\r\nx-forwarded-host: evil.example\r\nconnection: close\r\n\
             authorization: Bearer all\r\ncontent-type: {RELATED}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), &body].concat()
    };
    let ours = support::Answer::read(&bench.raw(&request("images.example.org")).await);
    assert_eq!(ours.status, 200, "{}", ours.text());
    let url = "https://images.example.org/pacs/dicom-web/studies/1.2.826.0.1.3680043.10.1.1";
    assert_eq!(ours.json()["00081190"]["Value"][0], url);
    assert!(ours.field("location").is_some_and(|location| location.starts_with(url)));
    let other = support::Answer::read(&bench.raw(&request("evil.example")).await);
    assert_eq!(other.status, 421);
    assert!(!other.text().contains("evil"));
    let probe = bench.send_bare("GET", "/healthz", &[], b"").await;
    assert_eq!(probe.status, 200);
}

#[tokio::test]
async fn wado_012_strict_accept() {
    let config = Config { missing_accept: MissingAccept::Refuse, ..Config::default() };
    let bench = Bench::with(config, None).await;
    assert_eq!(bench.send("GET", "/dicom-web/studies", &[], b"").await.status, 406);
    assert_eq!(bench.send("GET", "/dicom-web/studies", &[JSON], b"").await.status, 204);
}

#[tokio::test]
async fn origins() {
    let viewer = "https://viewer.example.org";
    let config = Config { origins: vec![viewer.to_owned()], ..Config::default() };
    let bench = Bench::with(config, None).await;
    for (origin, allowed) in [(viewer, true), ("https://evil.example", false)] {
        let answer = bench.send("GET", "/dicom-web/studies", &[JSON, ("origin", origin)], b"").await;
        assert_eq!(answer.field("access-control-allow-origin"), allowed.then_some(viewer));
        let asks = [("origin", origin), ("access-control-request-method", "GET")];
        let preflight = bench.send_bare("OPTIONS", "/dicom-web/studies", &asks, b"").await;
        // Without a listed origin it is a question for capabilities.
        assert_eq!(preflight.status, if allowed { 204 } else { 200 });
        assert_eq!(preflight.field("access-control-allow-methods").is_some(), allowed);
    }
}

#[tokio::test]
async fn pages_stand_beside_it_and_know_the_peer() {
    let page = async |ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>| peer.ip().to_string();
    let bench = Bench::with_pages(Config::default(), None, Router::new().route("/", get(page))).await;
    let answer = bench.send_bare("GET", "/", &[], b"").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "127.0.0.1"));
    let nothing = bench.send_bare("GET", "/nothing", &[], b"").await;
    assert_eq!((nothing.status, nothing.field("content-type")), (404, Some("application/problem+json")));
}

#[tokio::test]
async fn methods() {
    let bench = Bench::new().await;
    for (method, path, allow) in [
        ("PUT", "/dicom-web/studies", "GET, HEAD, POST, OPTIONS"),
        ("DELETE", "/dicom-web/studies", "GET, HEAD, POST, OPTIONS"),
        ("PUT", "/dicom-web/studies/1.2", "GET, HEAD, POST, DELETE, OPTIONS"),
        ("POST", "/dicom-web/studies/1.2/series/1.3", "GET, HEAD, DELETE, OPTIONS"),
        ("TRACE", "/dicom-web/studies", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/dicom-web/series", "GET, HEAD, OPTIONS"),
        ("GET", "/dicom-web", "OPTIONS"),
        ("GET", "/dicom-web/", "OPTIONS"),
    ] {
        let answer = bench.send(method, path, &[], b"").await;
        assert_eq!((answer.status, answer.field("allow")), (405, Some(allow)), "{method} {path}");
    }
    let options = bench.send_bare("OPTIONS", "/dicom-web/studies", &[], b"").await;
    assert_eq!((options.status, options.field("allow")), (200, Some("GET, HEAD, POST, OPTIONS")));
}
