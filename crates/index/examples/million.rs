//! Fills an index with many small studies in a few minutes, and prints what each kind of search takes.
//!
//! `cargo run --release -p index --example million -- [STUDIES] [INSTANCES] [FOLDER]`: so many studies (default 1,000,000)
//! of so many instances (default 5) in a file `million.db` of the folder (default: where it is run). A file that is
//! there is searched as it is. A million studies of five take some 5 GB; the file is not removed.
//!
//! People have three studies each. A third have one of forty frequent family names, the others one of some 80,000;
//! some names are Cyrillic, some Japanese in three groups. One custodian holds a fifth, one twenty of a million.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use access::{Action, CustodianId, Door, Principal, Reach, Rights, Scope};
use index::{
    Attribute, Config, Index, Level, Location, NewInstance, NewSeries, NewStudy, Search, SqliteIndex,
};
use model::matching::{Options, parse_with};
use model::{VR, person_name};

const FAMILIES: [&str; 40] = [
    "Smith",
    "Johnson",
    "Williams",
    "Brown",
    "Jones",
    "Garcia",
    "Miller",
    "Davis",
    "Rodriguez",
    "Martinez",
    "Hernandez",
    "Lopez",
    "Gonzalez",
    "Wilson",
    "Anderson",
    "Thomas",
    "Taylor",
    "Moore",
    "Jackson",
    "Martin",
    "Lee",
    "Perez",
    "Thompson",
    "White",
    "Harris",
    "Sanchez",
    "Clark",
    "Ramirez",
    "Lewis",
    "Robinson",
    "Walker",
    "Young",
    "Allen",
    "King",
    "Wright",
    "Scott",
    "Torres",
    "Nguyen",
    "Müller",
    "Schmidt",
];
const GIVEN: [&str; 32] = [
    "John",
    "Mary",
    "James",
    "Patricia",
    "Robert",
    "Jennifer",
    "Michael",
    "Linda",
    "David",
    "Elizabeth",
    "William",
    "Barbara",
    "Richard",
    "Susan",
    "Joseph",
    "Jessica",
    "Thomas",
    "Karen",
    "Christopher",
    "Sarah",
    "Charles",
    "Lisa",
    "Daniel",
    "Nancy",
    "Matthew",
    "Sandra",
    "Anthony",
    "Betty",
    "Mark",
    "Ashley",
    "Jörg",
    "Zoë",
];
const SYLLABLES: [&str; 44] = [
    "ba", "be", "bo", "da", "de", "do", "fa", "fi", "ga", "go", "ha", "he", "ka", "ke", "ko", "la", "le",
    "lo", "ma", "me", "mo", "na", "ne", "no", "pa", "pe", "po", "ra", "re", "ro", "sa", "se", "so", "ta",
    "te", "to", "va", "vi", "wa", "we", "ya", "za", "zi", "zu",
];

/// Scatters numbers; the same each time.
fn mixed(n: usize) -> usize {
    let mut n = n as u64;
    n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (n ^ (n >> 31)) as usize >> 1
}

fn family(person: usize) -> String {
    let dice = mixed(person);
    if dice.is_multiple_of(3) {
        // The first of them far more frequent than the last.
        let at = (dice / 3 % 1_000) * (dice / 3_000 % 1_000) / 25_000;
        return FAMILIES[at.min(39)].to_owned();
    }
    let rare = mixed(dice / 3 % 80_000);
    (0..4).map(|at| SYLLABLES[rare / [1, 44, 1_936, 85_184][at] % 44]).collect()
}

fn name(person: usize) -> String {
    let given = GIVEN[mixed(person + 7) % 32];
    match mixed(person + 3) % 100 {
        0 => format!("Иванов^Иван{}", person % 50),
        1 => "Yamada^Tarou=山田^太郎=やまだ^たろう".to_owned(),
        _ => format!("{}^{given}", family(person)),
    }
}

fn date(study: usize, studies: usize) -> String {
    let day = study * 3_600 / studies.max(1) + mixed(study) % 20;
    format!("20{:02}{:02}{:02}", 10 + day / 360, 1 + day / 30 % 12, 1 + day % 28)
}

fn study_uid(study: usize) -> String {
    format!("1.2.826.0.1.3680043.10.{}.{study}", mixed(study) % 1_000_000)
}

fn row(study: usize, instance: usize, studies: usize) -> NewInstance {
    let dice = mixed(study);
    let person = dice % (studies / 3).max(1);
    let uid = study_uid(study);
    let number = (study * 10_000 + instance + 1) as u64;
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&number.to_le_bytes());
    let custodian = match study {
        n if n.is_multiple_of(50_000) => "few",
        n if n % 5 == 1 => "fifth",
        _ => "local",
    };
    NewInstance {
        custodian: custodian.parse().expect("a name"),
        study: NewStudy {
            uid: uid.parse().expect("a UID"),
            date: date(study, studies),
            time: format!("{:02}{:02}{:02}.000000", 7 + dice % 12, dice % 60, dice % 59),
            accession: format!("A{:08}", mixed(study) % 100_000_000),
            referring_folded: person_name::key(&format!("{}^{}", family(dice % 400), GIVEN[dice % 32])),
            patient_name_folded: person_name::key(&name(person)),
            patient_id: format!("P{person:07}"),
            issuer: String::new(),
            birth_date: format!("19{:02}{:02}{:02}", person % 100, 1 + person % 12, 1 + person % 28),
            sex: ["F", "M"][person % 2].into(),
            study_id: format!("{}", dice % 10_000),
            description: format!("PROTOCOL {}", dice % 800),
            institution: format!("HOSPITAL {}", dice % 5),
            zone: None,
            other_ids: Vec::new(),
            attributes: b"{}".to_vec(),
        },
        series: NewSeries {
            uid: format!("{uid}.1").parse().expect("a UID"),
            modality: ["CT", "MR", "CR", "US", "DX", "CR", "CT", "MG"][dice % 8].into(),
            number: Some(1),
            description: "SERIES".into(),
            body_part: "CHEST".into(),
            performed_date: String::new(),
            performed_time: String::new(),
            requests: Vec::new(),
            attributes: b"{}".to_vec(),
        },
        sop_instance: format!("{uid}.1.{instance}").parse().expect("a UID"),
        sop_class: "1.2.840.10008.5.1.4.1.1.2".parse().expect("a UID"),
        transfer_syntax: "1.2.840.10008.1.2.1",
        number: Some(instance as i64),
        attributes: b"{}".to_vec(),
        digest,
        length: 526_000,
        crcs: Vec::new(),
        metadata: Vec::new(),
        bulk: Vec::new(),
        pixels: Vec::new(),
        sequence: number,
        received_at: 1_700_000_000_000,
        source: String::new(),
        principal: String::new(),
        rejects: None,
        location: Location::Placed(String::new()),
    }
}

/// Writes with much memory and large transactions of small calls: what a call may undo it copies, and finds again the
/// slower the more there is of it.
async fn fill(file: &std::path::Path, studies: usize, instances: usize) {
    let config = Config {
        writer_cache_kib: 2 << 20,
        group: 512,
        queue: 512,
        checkpoint_pages: 1 << 18,
        wal_pages: 1 << 19,
        ..Config::default()
    };
    let index = SqliteIndex::open(file, config).expect("open");
    let start = Instant::now();
    let mut waiting = tokio::task::JoinSet::new();
    for first in (0..studies).step_by(4) {
        let index = index.clone();
        waiting.spawn(async move {
            let of = |study| (0..instances).map(move |instance| row(study, instance, studies));
            index.insert((first..(first + 4).min(studies)).flat_map(of).collect()).await.expect("insert");
        });
        while waiting.len() >= 512 {
            waiting.join_next().await.expect("a task").expect("no panic");
        }
        if first % (studies / 20).max(4) < 4 {
            let rows = first * instances;
            println!("{rows:>12} rows, {:.0} rows/s", rows as f64 / start.elapsed().as_secs_f64());
        }
    }
    while waiting.join_next().await.is_some() {}
    println!("{:>12} rows in {:.0} s", studies * instances, start.elapsed().as_secs_f64());
}

fn scope(custodian: Option<&str>) -> Scope {
    let reach = match custodian {
        None => Reach::Everything,
        Some(name) => Reach::custodians(vec![name.parse().expect("a name")]),
    };
    let principal = Principal::new(Door::Token, "million", CustodianId::local(), Rights::ALL, reach);
    principal.scope_for(Action::Search).expect("all rights")
}

/// A search for the first page of 25 at a level.
fn page(level: Level, filters: &[(Attribute, VR, String)], options: Options) -> Search {
    let rule = |vr, text: &str| parse_with(vr, text, options).expect("a rule");
    let filters = filters.iter().map(|(attribute, vr, text)| (*attribute, rule(*vr, text))).collect();
    Search { filters, limit: 25, ..Search::of(level) }
}

/// Searches with one shape, each for something else, and prints the median and the 99th of 100, on the clock and of the
/// processor's time, and the hits of the last.
async fn measure(index: &SqliteIndex, what: &str, custodian: Option<&str>, search: impl Fn(usize) -> Search) {
    let scope = scope(custodian);
    let (mut times, mut works) = (Vec::new(), Vec::new());
    let mut found = (0, 0);
    let start = Instant::now();
    while times.len() < 500 && (times.len() < 20 || start.elapsed() < Duration::from_secs(10)) {
        let search = search(times.len());
        let (one, work) = (Instant::now(), worked());
        let hits = index.search(&scope, &search).await.expect("search");
        times.push(one.elapsed());
        works.push(worked() - work);
        found = (hits.hits.len(), hits.remaining);
    }
    times.sort();
    works.sort();
    let at = |sorted: &[Duration], share: usize| {
        sorted[(sorted.len() * share / 100).min(sorted.len() - 1)].as_secs_f64() * 1e3
    };
    let whose = custodian.map_or(String::new(), |name| format!(" [{name}]"));
    let what = format!("{what}{whose}");
    println!(
        "| {what} | {:.2} | {:.2} | {:.2} | {:.2} | {} + {} | {} |",
        at(&times, 50),
        at(&times, 99),
        at(&works, 50),
        at(&works, 99),
        found.0,
        found.1,
        times.len()
    );
}

/// The processor's time that this process took so far.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

async fn searches(index: &SqliteIndex, studies: usize) {
    use Attribute::*;
    let plain = Options::default();
    let fuzzy = Options { fuzzy: true, ..plain };
    let several = Options { multiple: true, ..plain };
    let empty = Options { empty: true, ..plain };
    let any = |n: usize| mixed(n + 99) % studies;
    let of = |n: usize| row(any(n), 0, studies);
    let one = |attribute, vr, text: String, options| page(Level::Study, &[(attribute, vr, text)], options);
    println!("| search | median, ms | p99, ms | work: median | p99 | hits + counted beyond | runs |");
    println!("|---|---|---|---|---|---|---|");
    measure(index, "study by UID", None, |n| one(StudyInstanceUid, VR::UI, study_uid(any(n)), plain)).await;
    measure(index, "Patient ID", None, |n| one(PatientId, VR::LO, of(n).study.patient_id, plain)).await;
    measure(index, "Accession Number", None, |n| one(AccessionNumber, VR::SH, of(n).study.accession, plain))
        .await;
    measure(index, "newest", None, |_| page(Level::Study, &[], plain)).await;
    measure(index, "a day", None, |n| one(StudyDate, VR::DA, of(n).study.date, plain)).await;
    measure(index, "from a day on", None, |n| one(StudyDate, VR::DA, of(n).study.date + "-", plain)).await;
    measure(index, "from a day on, in another time zone", None, |n| Search {
        zone: Some(540),
        ..one(StudyDate, VR::DA, of(n).study.date + "-", plain)
    })
    .await;
    measure(index, "modality and day", None, |n| {
        let date = (StudyDate, VR::DA, of(n).study.date);
        page(Level::Study, &[(ModalitiesInStudy, VR::CS, "MR".into()), date], plain)
    })
    .await;
    measure(index, "modality and year", None, |n| {
        let dates = format!("20{:02}0101-20{:02}1231", 10 + n % 10, 10 + n % 10);
        page(Level::Study, &[(ModalitiesInStudy, VR::CS, "MG".into()), (StudyDate, VR::DA, dates)], plain)
    })
    .await;
    measure(index, "two modalities", None, |_| one(ModalitiesInStudy, VR::CS, "MR,US".into(), several)).await;
    measure(index, "no modality", None, |_| one(ModalitiesInStudy, VR::CS, "\"\"".into(), empty)).await;
    measure(index, "no accession number", None, |_| one(AccessionNumber, VR::SH, "\"\"".into(), empty)).await;
    measure(index, "name", None, |n| one(PatientName, VR::PN, name(any(n) / 3), plain)).await;
    for (what, begins) in [
        ("name prefix, one letter", &["s*", "m*", "b*", "z*", "k*"][..]),
        ("name prefix, frequent", &["smi*", "john*", "mar*", "gar*", "ba*", "le*"]),
        ("name prefix, family and given", &["smith^j*", "lee^ma*", "garcia^d*"]),
    ] {
        measure(index, what, None, |n| one(PatientName, VR::PN, begins[n % begins.len()].into(), plain))
            .await;
    }
    measure(index, "name prefix, rare", None, |n| {
        let family = family(any(n) / 3);
        one(PatientName, VR::PN, format!("{family}*"), plain)
    })
    .await;
    for (what, parts) in [
        ("name part, *SMITH*", &["*SMITH*"][..]),
        ("name part, frequent", &["*son*", "*ar*", "*an*", "*ba*"]),
        ("name part, rare", &["*zuzi*", "*yazu*", "*vizi*", "*hmid*", "*山*"]),
        ("name part, absent", &["*xqz*", "*qq*", "*smithx*"]),
    ] {
        measure(index, what, None, |n| one(PatientName, VR::PN, parts[n % parts.len()].into(), plain)).await;
    }
    for (what, names) in [
        ("fuzzy, one frequent name", &["smith", "jonson", "garcia", "meier", "john"][..]),
        ("fuzzy, family and given", &["jon smyth", "maria garcia", "mueller jorg", "robert lee"]),
        ("fuzzy, beginnings", &["smi jo", "m", "ba", "wil mar"]),
        ("fuzzy, another script", &["ivanov", "ямада", "山田", "смит"]),
        ("fuzzy, nobody", &["xylophon", "qqq", "smith xylophon"]),
    ] {
        measure(index, what, None, |n| one(PatientName, VR::PN, names[n % names.len()].into(), fuzzy)).await;
    }
    measure(index, "fuzzy, a rare name", None, |n| one(PatientName, VR::PN, family(any(n) / 3), fuzzy)).await;
    measure(index, "referring physician, prefix", None, |n| {
        one(ReferringPhysicianName, VR::PN, ["s*", "ba*", "jo*"][n % 3].into(), plain)
    })
    .await;
    measure(index, "description, part", None, |n| {
        one(StudyDescription, VR::LO, format!("*{}", n % 800), plain)
    })
    .await;
    measure(index, "sex", None, |n| one(PatientSex, VR::CS, ["F", "X"][n % 2].into(), plain)).await;
    measure(index, "offset at the middle", None, |_| Search {
        offset: studies as u64 / 2,
        ..page(Level::Study, &[], plain)
    })
    .await;
    measure(index, "offset at a tenth of a modality", None, |_| Search {
        offset: studies as u64 / 40,
        ..one(ModalitiesInStudy, VR::CS, "CT".into(), plain)
    })
    .await;
    let below = |level, n: usize| Search { study: Some(of(n).study.uid), ..page(level, &[], plain) };
    measure(index, "series of a study", None, |n| below(Level::Series, n)).await;
    measure(index, "instances of a study", None, |n| below(Level::Instance, n)).await;
    measure(index, "instance by UID", None, |n| {
        page(Level::Instance, &[(SopInstanceUid, VR::UI, of(n).sop_instance.to_string())], plain)
    })
    .await;
    for custodian in ["few", "fifth"] {
        let whose = Some(custodian);
        measure(index, "newest", whose, |_| page(Level::Study, &[], plain)).await;
        measure(index, "Patient ID", whose, |n| one(PatientId, VR::LO, of(n).study.patient_id, plain)).await;
        measure(index, "modality", whose, |_| one(ModalitiesInStudy, VR::CS, "CT".into(), plain)).await;
        measure(index, "name prefix, frequent", whose, |_| one(PatientName, VR::PN, "smi*".into(), plain))
            .await;
        measure(index, "name part, rare", whose, |_| one(PatientName, VR::PN, "*zuzi*".into(), plain)).await;
        measure(index, "fuzzy, family and given", whose, |_| {
            one(PatientName, VR::PN, "jon smyth".into(), fuzzy)
        })
        .await;
        measure(index, "from a day on", whose, |n| one(StudyDate, VR::DA, of(n).study.date + "-", plain))
            .await;
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut args = std::env::args().skip(1);
    let studies: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let instances: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(5);
    let file = args.next().map_or_else(PathBuf::new, PathBuf::from).join("million.db");
    if !file.exists() {
        fill(&file, studies, instances).await;
    }
    let length = std::fs::metadata(&file).map_or(0, |file| file.len());
    println!("{} MiB", length >> 20);
    let index = SqliteIndex::open(&file, Config::default()).expect("open");
    searches(&index, studies).await;
}
