//! Fills an index with studies and says how long writing and reading took.
//!
//! `cargo run --release -p index --example fill -- STUDIES [INSTANCES] [FOLDER]`: so many studies of so many instances
//! (default 4) in a new folder (default below the system's temporary one), then searches and look-ups.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use access::{Action, CustodianId, Door, Principal, Reach, Rights, Scope};
use index::{
    Attribute, Config, Index, Level, Location, NewInstance, NewSeries, NewStudy, Search, SqliteIndex, Target,
};
use model::VR;
use model::matching::{Rule, parse};

const DAYS: usize = 3_650;
const FAMILIES: usize = 20_000;

fn row(study: usize, instance: usize) -> NewInstance {
    let mixed = study.wrapping_mul(2_654_435_761) % 1_000_003;
    let day = study * DAYS / 1_000_000 + mixed % 30;
    let date = format!("20{:02}{:02}{:02}", 10 + day / 372 % 90, 1 + day / 31 % 12, 1 + day % 28);
    let uid = format!("1.2.826.0.1.3680043.10.1234.{study}.20240101120000");
    let name = format!("family{}^given{}", mixed % FAMILIES, mixed % 97);
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&study.to_le_bytes());
    digest[8..16].copy_from_slice(&instance.to_le_bytes());
    NewInstance {
        // One custodian of a fifth, one of a handful, the rest the archive's own.
        custodian: if study.is_multiple_of(50_000) {
            "few"
        } else if study % 5 == 1 {
            "fifth"
        } else {
            "local"
        }
        .parse()
        .expect("a name"),
        study: NewStudy {
            uid: uid.parse().expect("a UID"),
            date: date.clone(),
            time: format!("{:02}{:02}{:02}.000000", mixed % 24, mixed % 60, mixed % 59),
            accession: format!("ACC{mixed:07}"),
            referring_folded: format!("referrer{}^x", mixed % 300),
            patient_name_folded: name.clone(),
            patient_id: format!("PID{:07}", mixed / 3),
            issuer: "HOSPITAL".into(),
            birth_date: format!("19{:02}{:02}{:02}", mixed % 100, 1 + mixed % 12, 1 + mixed % 28),
            sex: ["F", "M", "O"][mixed % 3].into(),
            study_id: format!("{}", mixed % 10_000),
            description: format!("CT THORAX PROTOCOL {}", mixed % 200),
            institution: format!("HOSPITAL {}", mixed % 5),
            zone: None,
            other_ids: Vec::new(),
            attributes: answer(700),
        },
        series: NewSeries {
            uid: format!("{uid}.1").parse().expect("a UID"),
            modality: ["CT", "MR", "CR", "US", "DX"][mixed % 5].into(),
            number: Some(1),
            description: "Lung 1.0".into(),
            body_part: "CHEST".into(),
            performed_date: date,
            performed_time: "120000.000000".into(),
            requests: vec![(format!("SPS{mixed}"), format!("RP{mixed}"))],
            attributes: answer(400),
        },
        sop_instance: format!("{uid}.1.{instance}").parse().expect("a UID"),
        sop_class: "1.2.840.10008.5.1.4.1.1.2".parse().expect("a UID"),
        transfer_syntax: "1.2.840.10008.1.2.1",
        number: Some(instance as i64),
        attributes: answer(300),
        digest,
        length: 526_000,
        crcs: vec![7; 36],
        metadata: vec![3; 2_000],
        bulk: Vec::new(),
        pixels: vec![5; 40],
        sequence: (study * 10_000 + instance + 1) as u64,
        received_at: 1_700_000_000_000,
        source: "CT1@10.0.0.1".into(),
        principal: "aet:CT1".into(),
        location: Location::Spool(format!("{study:010}-{instance:010}")),
        rejects: None,
    }
}

fn answer(length: usize) -> Vec<u8> {
    vec![b'x'; length]
}

fn scope(custodian: Option<&str>) -> Scope {
    let reach = match custodian {
        None => Reach::Everything,
        Some(name) => Reach::custodians(vec![name.parse().expect("a name")]),
    };
    let principal = Principal::new(Door::Token, "fill", CustodianId::local(), Rights::ALL, reach);
    principal.scope_for(Action::Search).expect("all rights")
}

fn page(filters: &[(Attribute, VR, &str)]) -> Search {
    let rule = |vr, text| parse(vr, text).expect("a rule");
    let filters: Vec<(Attribute, Rule)> = filters.iter().map(|(a, vr, text)| (*a, rule(*vr, text))).collect();
    Search { filters, limit: 101, ..Search::of(Level::Study) }
}

/// Runs it often and prints the median, the 99th of 100, and what it gave.
async fn measure<F: Future<Output = usize>>(what: &str, mut run: impl FnMut() -> F) {
    let mut times = Vec::new();
    let mut gave = 0;
    let start = Instant::now();
    while times.len() < 300 && (times.len() < 5 || start.elapsed() < Duration::from_secs(5)) {
        let one = Instant::now();
        gave = run().await;
        times.push(one.elapsed());
    }
    times.sort();
    let p99 = times[(times.len() * 99 / 100).min(times.len() - 1)];
    println!("{what:<58} {:>9.3} ms  p99 {:>9.3} ms  ({gave})", ms(times[times.len() / 2]), ms(p99));
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

async fn fill(index: &SqliteIndex, studies: usize, instances: usize) {
    let start = Instant::now();
    let total = studies * instances;
    let mut waiting = tokio::task::JoinSet::new();
    let mut longest = Duration::ZERO;
    for study in 0..studies {
        let rows = (0..instances).map(|instance| row(study, instance));
        for rows in rows.collect::<Vec<_>>().chunks(8) {
            let (index, rows) = (index.clone(), rows.to_vec());
            waiting.spawn(async move {
                let one = Instant::now();
                index.insert(rows).await.expect("insert");
                one.elapsed()
            });
            while waiting.len() >= 8 {
                longest = longest.max(waiting.join_next().await.expect("a task").expect("no panic"));
            }
        }
        if studies >= 10 && study % (studies / 10) == 0 {
            let done = study * instances;
            println!("{done:>12} rows {:>8.0} rows/s", done as f64 / start.elapsed().as_secs_f64());
        }
    }
    while waiting.join_next().await.is_some() {}
    let rate = total as f64 / start.elapsed().as_secs_f64();
    println!("{total:>12} rows {rate:>8.0} rows/s, 8 calls at once; the longest took {:.1} ms", ms(longest));
}

async fn single(index: &SqliteIndex, studies: usize) {
    let mut times = Vec::new();
    for n in 0..2_000 {
        let new = row(studies + n / 100, n % 100);
        let one = Instant::now();
        index.insert(vec![new]).await.expect("insert");
        times.push(one.elapsed());
    }
    times.sort();
    println!(
        "one insert at a time: median {:.3} ms, p99 {:.3} ms, longest {:.1} ms",
        ms(times[1_000]),
        ms(times[1_980]),
        ms(times[1_999])
    );
}

async fn search(index: &SqliteIndex, what: &str, custodian: Option<&str>, wanted: Search) {
    let scope = scope(custodian);
    let what = format!("{what} [{}]", custodian.unwrap_or("everything"));
    measure(&what, || async { index.search(&scope, &wanted).await.expect("search").hits.len() }).await;
}

async fn searches(index: &SqliteIndex, studies: usize) {
    use Attribute::*;
    let known = row(studies / 2, 0);
    let name = known.study.patient_name_folded.clone();
    let prefix = format!("{}*", &name[..8]);
    for custodian in [None, Some("fifth"), Some("few")] {
        search(index, "first page", custodian, page(&[])).await;
        for (what, filters) in [
            ("patient ID", vec![(PatientId, VR::LO, known.study.patient_id.as_str())]),
            ("accession", vec![(AccessionNumber, VR::SH, &known.study.accession)]),
            ("name", vec![(PatientName, VR::PN, &name)]),
            ("name prefix", vec![(PatientName, VR::PN, &prefix)]),
            ("name prefix of all", vec![(PatientName, VR::PN, "fam*")]),
            ("name infix, rare", vec![(PatientName, VR::PN, "*ly777^g*")]),
            ("name infix, frequent", vec![(PatientName, VR::PN, "*ly7*")]),
            ("a day", vec![(StudyDate, VR::DA, &known.study.date)]),
            ("a modality", vec![(ModalitiesInStudy, VR::CS, "MR")]),
            (
                "a modality on a day",
                vec![(ModalitiesInStudy, VR::CS, "MR"), (StudyDate, VR::DA, &known.study.date)],
            ),
            ("a sex", vec![(PatientSex, VR::CS, "O")]),
            ("nothing, by institution", vec![(InstitutionName, VR::LO, "NOWHERE")]),
        ] {
            search(index, what, custodian, page(&filters)).await;
        }
        let mut deep = page(&[]);
        deep.offset = studies as u64 / 2;
        search(index, "page in the middle", custodian, deep).await;
        let mut series = page(&[]);
        series.level = Level::Series;
        search(index, "first page of series", custodian, series.clone()).await;
        series.level = Level::Instance;
        search(index, "first page of instances", custodian, series).await;
    }
    search(index, "a study by UID", None, page(&[(StudyInstanceUid, VR::UI, known.study.uid.as_str())]))
        .await;
}

async fn lookups(index: &SqliteIndex, studies: usize, instances: usize) {
    let scope = scope(None);
    let mut at = 0;
    let mut next = || {
        at = (at + 7_919) % studies;
        let row = row(at, instances - 1);
        Target {
            study: row.study.uid,
            series: Some(row.series.uid),
            instance: Some(row.sop_instance),
            custodian: None,
            version: None,
        }
    };
    measure("one instance", || {
        let target = next();
        let scope = &scope;
        async move { index.instance(scope, &target).await.expect("read").map_or(0, |_| 1) }
    })
    .await;
    measure("records of a study", || {
        let target = Target { series: None, instance: None, ..next() };
        let scope = &scope;
        async move { index.instances(scope, &target, None, 500).await.expect("read").len() }
    })
    .await;
    measure("metadata of a study", || {
        let target = Target { series: None, instance: None, ..next() };
        let scope = &scope;
        async move { index.metadata(scope, &target, None, 500).await.expect("read").len() }
    })
    .await;
    measure("totals", || async { index.totals().await.expect("read").studies as usize }).await;
}

async fn placing(index: &SqliteIndex) {
    let mut times = Vec::new();
    let mut after = None;
    for _ in 0..20 {
        let records = index.unplaced(after, 200).await.expect("read");
        after = records.last().map(|record| record.row);
        let key = |r: &index::InstanceRecord| format!("{}/{}/{}.dcm", r.study, r.series, r.sop_instance);
        let placed: Vec<_> = records.iter().map(|record| (record.row, key(record))).collect();
        let one = Instant::now();
        index.set_placed(placed).await.expect("place");
        times.push(one.elapsed());
    }
    times.sort();
    println!("200 rows placed and flushed: median {:.2} ms, longest {:.1} ms", ms(times[10]), ms(times[19]));
}

/// Resident memory in KiB, where the system tells.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("VmRSS: unknown");
    line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut args = std::env::args().skip(1);
    let studies: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let instances: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(4);
    let folder = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::Builder::new().prefix("index-fill").tempdir_in(folder).expect("a folder");
    let file = folder.path().join("index.db");
    let index = SqliteIndex::open(&file, Config::default()).expect("open");
    fill(&index, studies, instances).await;
    single(&index, studies).await;
    placing(&index).await;
    for name in ["index.db", "index.db-wal"] {
        let length = std::fs::metadata(folder.path().join(name)).map_or(0, |file| file.len());
        println!("{name}: {} MiB", length >> 20);
    }
    println!("resident {}", resident());
    searches(&index, studies).await;
    lookups(&index, studies, instances).await;
    println!("resident {}", resident());
    tokio::time::sleep(Duration::from_secs(7)).await;
    println!("resident {} after a rest", resident());
    let start = Instant::now();
    drop(index);
    println!("closed in {:.1} ms", ms(start.elapsed()));
    let start = Instant::now();
    let index = SqliteIndex::open(&file, Config::default()).expect("open");
    println!("opened in {:.1} ms", ms(start.elapsed()));
    let start = Instant::now();
    let faults = index.check().await.expect("check");
    println!("checked in {:.1} s: {faults:?}", start.elapsed().as_secs_f64());
}
