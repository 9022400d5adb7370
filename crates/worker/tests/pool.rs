//! The pool with real processes: this program again, as a worker whose jobs say what goes wrong.

use std::process::exit;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use worker::{Config, Patience, Pool, Runner, WorkerError, child};

const INSIDE: &str = "inside";

fn main() {
    if std::env::args().nth(1).as_deref() == Some(INSIDE) {
        let limits = child::Limits { cpu: 2, payload: 64 << 20, ..child::Limits::default() };
        exit(child::serve(&limits, work).map_or(1, |()| 0));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        answers().await;
        failures_cost_one_job().await;
        confinement().await;
        back_pressure().await;
        dropped_jobs_poison_nothing().await;
        a_killed_worker_is_replaced().await;
    });
    println!("pool: 6 tests passed");
}

/// What a job says happens.
fn work(head: &[u8], payload: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let text = |text: String| (text.into_bytes(), Vec::new());
    match head {
        b"echo" => (head.to_vec(), payload.to_vec()),
        b"pid" => text(std::process::id().to_string()),
        b"panic" => panic!("as it was told"),
        b"exit" => exit(0),
        b"hang" => loop {
            std::thread::park();
        },
        b"spin" => loop {
            std::hint::black_box(0);
        },
        b"grow" => (Vec::new(), vec![1; 2 << 30]),
        b"much" => (Vec::new(), vec![1; 3 << 20]),
        b"open" => text(format!("{:?}", std::fs::File::open("/etc/passwd").map_err(|e| e.kind()))),
        b"socket" => text(format!("{:?}", std::net::UdpSocket::bind("127.0.0.1:0").map_err(|e| e.kind()))),
        b"process" => {
            text(format!("{:?}", std::process::Command::new("true").status().map_err(|e| e.kind())))
        }
        b"thread" => text(format!("{}", std::thread::Builder::new().spawn(|| ()).is_err())),
        b"environment" => text(format!("{}", std::env::vars_os().count())),
        _ => text("unknown".to_owned()),
    }
}

fn config() -> Config {
    let program = std::env::current_exe().expect("this program");
    Config {
        workers: 2,
        answer: 2 << 20,
        timeout: Duration::from_millis(500),
        ..Config::new(program, [INSIDE.into()])
    }
}

/// Long enough for any honest job, also on a machine that is busy.
fn patient() -> Config {
    Config { timeout: Duration::from_secs(60), ..config() }
}

async fn ask(pool: &Pool, head: &str) -> Result<String, WorkerError> {
    let (head, _) = pool.run(head.into(), Bytes::new()).await?;
    Ok(String::from_utf8(head).expect("text"))
}

async fn answers() {
    let pool = Pool::new(patient());
    for payload in [0, 1, 65_536, 1_000_000] {
        let payload = Bytes::from((0..payload).map(|n| n as u8).collect::<Vec<_>>());
        let (head, back) = pool.run(b"echo".to_vec(), payload.clone()).await.expect("an answer");
        assert_eq!((head.as_slice(), &back), (&b"echo"[..], &payload));
    }
    let pid = ask(&pool, "pid").await;
    assert_eq!(ask(&pool, "pid").await, pid, "the process is kept");
}

async fn failures_cost_one_job() {
    for (job, config, expected) in [
        ("panic", patient(), WorkerError::Crashed),
        ("exit", patient(), WorkerError::Crashed),
        ("grow", patient(), WorkerError::Crashed),
        ("spin", patient(), WorkerError::Crashed),
        ("much", patient(), WorkerError::TooLarge { limit: 2 << 20 }),
        ("hang", config(), WorkerError::TimedOut(config().timeout)),
    ] {
        let pool = Pool::new(config);
        let first = ask(&pool, "pid").await.ok();
        assert_eq!(ask(&pool, job).await, Err(expected), "{job}");
        let second = ask(&pool, "pid").await.ok();
        assert!(first.is_some() && second.is_some() && first != second, "{job}: a fresh process");
    }
    let missing = Pool::new(Config::new("/nowhere/overread", []));
    assert!(matches!(ask(&missing, "pid").await, Err(WorkerError::Spawn(_))));
}

async fn confinement() {
    let pool = Pool::new(patient());
    for job in ["open", "socket", "process"] {
        let said = ask(&pool, job).await.expect("an answer");
        assert!(said.starts_with("Err"), "{job}: {said}");
    }
    assert_eq!(ask(&pool, "thread").await.as_deref(), Ok("true"), "no thread can be started");
    assert_eq!(ask(&pool, "environment").await.as_deref(), Ok("0"));
}

async fn back_pressure() {
    let pool = Pool::new(Config { workers: 1, waiting: 1, ..config() });
    let jobs = join_all((0..3).map(|_| ask(&pool, "hang"))).await;
    let busy = jobs.iter().filter(|answer| **answer == Err(WorkerError::Busy)).count();
    assert_eq!(busy, 1, "one works, one waits, one is refused: {jobs:?}");
    let pool = Pool::new(Config { workers: 1, waiting: 0, ..patient() });
    let jobs = (0..5).map(|_| pool.ask(b"pid".to_vec(), Bytes::new(), Patience::Wait));
    assert!(join_all(jobs).await.iter().all(Result::is_ok), "the patient are never refused");
}

async fn dropped_jobs_poison_nothing() {
    let pool = Pool::new(Config { workers: 1, ..patient() });
    for _ in 0..20 {
        let job = pool.run(b"hang".to_vec(), Bytes::new());
        assert!(tokio::time::timeout(Duration::from_millis(5), job).await.is_err());
    }
    let (_, back) = pool.run(b"echo".to_vec(), Bytes::from_static(b"well")).await.expect("an answer");
    assert_eq!(back, "well");
}

async fn a_killed_worker_is_replaced() {
    let pool = Pool::new(Config { workers: 1, ..patient() });
    for _ in 0..20 {
        let pid: i32 = ask(&pool, "pid").await.expect("an answer").parse().expect("a number");
        let pid = rustix::process::Pid::from_raw(pid).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
    }
    assert!(ask(&pool, "pid").await.is_ok());
}
