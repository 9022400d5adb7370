//! How fast the archive takes instances in, without a network: `ingest FOLDER SENDERS COUNT`.
//!
//! Sends COUNT synthetic CT slices of 526 KB by each of SENDERS tasks into an empty archive at FOLDER and prints
//! instances a second, the processor time a GB, and the median time of one instance.

use std::sync::Arc;
use std::time::Instant;

use access::Principal;
use archive::{Announced, Archive, Config, Framing};
use blob::Blobs;
use bytes::{Bytes, BytesMut};
use index::SqliteIndex;
use model::transfer_syntax::EXPLICIT_LE;
use testkit::Instance;

/// Bytes handed over at a time, as a P-DATA-TF PDU would.
const PIECE: usize = 128 << 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().ok_or("FOLDER SENDERS COUNT")?;
    let senders: u32 = words.next().ok_or("SENDERS")?.parse()?;
    let count: u32 = words.next().ok_or("COUNT")?.parse()?;
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(run(
        folder.as_ref(),
        senders,
        count,
    ))
}

async fn run(folder: &std::path::Path, senders: u32, count: u32) -> Result<(), Box<dyn std::error::Error>> {
    let (blobs, left) = Blobs::open(folder, blob::Limits::default())?;
    let index = Arc::new(SqliteIndex::open(&folder.join("overread.db"), index::Config::default())?);
    let (archive, _) = Archive::open(Config::default(), blobs, left, index).await?;
    let slices: Vec<Vec<Bytes>> = (0..senders)
        .map(|s| pieces(&Instance { size: 512, ..Instance::new(s, 1, 100_000) }.data_set()))
        .collect();
    let (before, start) = (cpu_seconds(), Instant::now());
    let mut tasks = tokio::task::JoinSet::new();
    for slice in slices {
        let archive = archive.clone();
        tasks.spawn(async move {
            let mut times = Vec::new();
            for number in 0..count {
                let slice = numbered(&slice, number);
                let begun = Instant::now();
                let announced = Announced {
                    framing: Framing::DataSet(EXPLICIT_LE),
                    sop_class: None,
                    sop_instance: None,
                    study: None,
                    source: "bench".into(),
                };
                let mut incoming = archive.receive(&Principal::console(), announced).await?;
                for piece in slice {
                    incoming.write(piece).await?;
                }
                incoming.finish().await?;
                times.push(begun.elapsed());
            }
            Ok::<_, archive::StoreError>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    let seconds = start.elapsed().as_secs_f64();
    times.sort();
    let gigabytes = times.len() as f64 * 525_000.0 / 1e9;
    println!(
        "{:.0} instances/s, {:.2} CPU s/GB, median {:.2} ms, p99 {:.2} ms",
        times.len() as f64 / seconds,
        (cpu_seconds() - before) / gigabytes,
        times[times.len() / 2].as_secs_f64() * 1e3,
        times[times.len() * 99 / 100].as_secs_f64() * 1e3,
    );
    archive.close().await;
    Ok(())
}

fn pieces(data_set: &[u8]) -> Vec<Bytes> {
    data_set.chunks(PIECE).map(Bytes::copy_from_slice).collect()
}

/// The slice under a UID of its own: only the first piece, which has the UID, is made anew.
fn numbered(slice: &[Bytes], number: u32) -> Vec<Bytes> {
    let mut head = BytesMut::from(slice[0].as_ref());
    let digits = b".100000";
    if let Some(at) = head.windows(digits.len()).position(|w| w == digits) {
        head[at..at + digits.len()].copy_from_slice(format!(".{}", 100_000 + number).as_bytes());
    }
    let mut pieces = slice.to_vec();
    pieces[0] = head.freeze();
    pieces
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
