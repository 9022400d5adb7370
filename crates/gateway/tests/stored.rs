//! From the wire to the disk and back: what is damaged, cut or the same again.
#![allow(missing_docs)]

mod support;

use std::time::Duration;

use support::{Bench, RELATED, related};
use testkit::Instance;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

fn place(instance: &Instance) -> String {
    format!(
        "/dicom-web/studies/{}/series/{}/instances/{}",
        instance.study, instance.series, instance.sop_instance
    )
}

/// An instance of some megabytes, so that its answer is longer than what sockets hold.
fn large(number: u32) -> Instance {
    Instance { size: 2_048, ..Instance::new(1, 1, number) }
}

/// Flips a bit of the file on disk, `at` bytes into it.
fn damage(bench: &Bench, at: usize) {
    let files = [bench.files("studies"), bench.files("spool")].concat();
    let file = files.iter().max_by_key(|file| file.metadata().map_or(0, |m| m.len())).expect("a file");
    let mut bytes = std::fs::read(file).expect("bytes");
    bytes[at] ^= 1;
    std::fs::write(file, bytes).expect("written");
}

#[tokio::test]
async fn a_damaged_instance_is_never_sent_whole() {
    let bench = Bench::new().await;
    let instance = large(1);
    assert_eq!(bench.store(&[instance.part10()]).await.status, 200);
    let whole = bench.get(&place(&instance), "application/dicom; transfer-syntax=*").await;
    assert!(whole.status == 200 && whole.whole && whole.body.ends_with(&instance.data_set()));

    damage(&bench, 6 << 20);
    for (path, accept) in [
        (place(&instance), "application/dicom; transfer-syntax=*"),
        (place(&instance), "multipart/related; type=\"application/dicom\""),
        (format!("/dicom-web/studies/{}", instance.study), "*/*"),
        (format!("{}/frames/1", place(&instance)), "application/octet-stream"),
        (format!("{}/bulkdata/7FE00010", place(&instance)), "*/*"),
    ] {
        let cut = bench.get(&path, accept).await;
        // Cut, or, once the instance is in quarantine, refused.
        assert!(!cut.whole || cut.status == 500, "{path} {accept}: {} {} bytes", cut.status, cut.body.len());
        assert!(!cut.body.ends_with(b"--\r\n"), "no closing delimiter");
    }
    let metadata = bench.get(&format!("{}/metadata", place(&instance)), "*/*").await;
    assert!(metadata.status == 200 && metadata.whole, "it comes from the index");
}

#[tokio::test]
async fn what_is_cut_leaves_nothing() {
    let bench = Bench::new().await;
    let instances: Vec<_> = (1..=3).map(large).collect();
    let files: Vec<_> = instances.iter().map(Instance::part10).collect();
    let body = related(&files);
    let head = format!(
        "POST /dicom-web/studies HTTP/1.1\r\nhost: x\r\nauthorization: Bearer all\r\ncontent-type: {RELATED}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    for cut in [0, 100, 10_000, body.len() / 2, body.len() - 1] {
        let mut stream = TcpStream::connect(bench.address).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("sent");
        let _ = stream.write_all(&body[..cut]).await;
        drop(stream);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    // Whatever is found can be had whole.
    let found = bench.get("/dicom-web/instances", "application/dicom+json").await;
    let found = if found.status == 200 { found.json() } else { serde_json::json!([]) };
    for one in found.as_array().expect("an array") {
        let url = one["00081190"]["Value"][0].as_str().expect("a URL").to_owned();
        let path = url.strip_prefix(&format!("http://{}", bench.address)).expect("our address");
        let answer = bench.get(path, "application/dicom; transfer-syntax=*").await;
        assert!(answer.status == 200 && answer.whole);
    }
    assert_eq!(bench.store(&files).await.status, 200);
    let all = bench.get("/dicom-web/instances", "application/dicom+json").await;
    assert_eq!(all.json().as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn one_bare_instance_is_stored_too() {
    let bench = Bench::new().await;
    let instance = Instance::new(1, 1, 1);
    let fields = [("content-type", "application/dicom")];
    let answer = bench.send("POST", "/dicom-web/studies", &fields, &instance.part10()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let url = format!("{}/studies/{}", bench.base(), instance.study);
    assert_eq!(answer.json()["00081190"]["Value"][0], url);
    assert!(answer.field("location").is_some_and(|location| location.starts_with(&url)));
    let nothing = bench.send("POST", "/dicom-web/studies", &fields, b"").await;
    assert_eq!(nothing.status, 400, "{}", nothing.text());
}

#[tokio::test]
async fn wado_040_a_tag_holds_for_the_whole_body() {
    let bench = Bench::new().await;
    let instance = Instance::new(1, 1, 1);
    assert_eq!(bench.store(&[instance.part10()]).await.status, 200);
    for accept in ["*/*", "application/dicom"] {
        let first = bench.get(&place(&instance), accept).await;
        let second = bench.get(&place(&instance), accept).await;
        assert!(first.status == 200 && first.whole && first.field("content-length").is_some());
        assert_eq!((first.field("etag"), &first.body), (second.field("etag"), &second.body), "{accept}");
    }
}

#[tokio::test]
async fn wado_039_ranges_of_an_instance() {
    let bench = Bench::new().await;
    let instance = Instance { size: 600, ..Instance::new(1, 1, 1) };
    assert_eq!(bench.store(&[instance.part10()]).await.status, 200);
    for path in [place(&instance), format!("{}/frames/1", place(&instance))] {
        let accept = if path.contains("frames") { "application/octet-stream" } else { "application/dicom" };
        let whole = bench.get(&path, accept).await;
        let tag = whole.field("etag").expect("a tag").to_owned();
        for (first, last) in [(0, 9), (300_000, 400_000), (whole.body.len() - 1, whole.body.len() - 1)] {
            let range = format!("bytes={first}-{last}");
            let fields = [("accept", accept), ("range", range.as_str()), ("if-range", tag.as_str())];
            let part = bench.send("GET", &path, &fields, b"").await;
            assert_eq!((part.status, part.whole), (206, true), "{range}");
            assert_eq!(part.body, whole.body[first..=last], "{range}");
            let fields = [("accept", accept), ("range", range.as_str()), ("if-range", "\"other\"")];
            assert_eq!(bench.send("GET", &path, &fields, b"").await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_study_longer_than_what_is_held() {
    let bench = Bench::new().await;
    // More than one page of the index, and more records than one answer holds.
    let count = 600;
    for batch in (1..=count).collect::<Vec<u32>>().chunks(100) {
        let files: Vec<_> = batch.iter().map(|number| Instance::new(1, 1, *number).part10()).collect();
        assert_eq!(bench.store(&files).await.status, 200);
    }
    let study = format!("/dicom-web/studies/{}", Instance::new(1, 1, 1).study);
    let answer = bench.get(&study, "multipart/related; type=\"application/dicom\"; transfer-syntax=*").await;
    assert!(answer.status == 200 && answer.whole, "{}", answer.status);
    let parts = answer.body.windows(4).filter(|w| w == b"DICM").count();
    assert_eq!(parts, count as usize);
    let metadata = bench.get(&format!("{study}/metadata"), "application/dicom+json").await;
    assert_eq!(metadata.json().as_array().map(Vec::len), Some(count as usize));
}
