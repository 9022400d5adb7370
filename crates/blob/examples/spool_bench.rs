//! What the spool costs beside a bare file, and what the checksums and reads cost in CPU time.
//!
//! `cargo run --release -p blob --example spool_bench -- [FOLDER]` (a folder on the disk to be measured; default: the
//! current one). Numbers depend on the disk and on what else it does: compare rows of one run only.

use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use blob::{Blobs, HEAD_LEN, Limits, Place, Sums, verify};
use bytes::Bytes;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Bytes of a CT slice of 512 by 512, as one data set.
const OBJECT: usize = 526_336;
/// Bytes that come at once: a P-DATA PDU, a buffer of HTTP.
const PIECE: usize = 65_536;

fn main() -> Outcome<()> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let folder = folder.join(format!("spool-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let measured =
        objects(&folder).and_then(|()| sums()).and_then(|()| stream(&folder)).and_then(|()| reads(&folder));
    fs::remove_dir_all(&folder)?;
    measured
}

/// Objects made durable per second, one after the other in each thread.
fn objects(folder: &Path) -> Outcome<()> {
    let pieces: Vec<Bytes> = pieces(OBJECT);
    for (threads, count) in [(1, 1_000), (8, 4_000)] {
        let bare = folder.join("bare");
        fs::create_dir_all(&bare)?;
        report("bare file + fdatasync", threads, count, |i| bare_object(&bare.join(i.to_string()), &pieces))?;
        fs::remove_dir_all(&bare)?;

        for slots in [64, 0] {
            let (blobs, _) = Blobs::open(&folder.join("data"), unbounded(slots))?;
            std::thread::sleep(Duration::from_millis(100));
            let label = if slots == 0 { "spool, nothing made ahead" } else { "spool, 64 made ahead" };
            report(label, threads, count, |_| spooled_object(&blobs, &pieces))?;
            drop(blobs);
            fs::remove_dir_all(folder.join("data"))?;
        }
    }
    Ok(())
}

fn report(
    label: &str,
    threads: usize,
    count: usize,
    object: impl Fn(usize) -> Outcome<()> + Sync,
) -> Outcome<()> {
    let next = AtomicUsize::new(0);
    let (started, cpu) = (Instant::now(), cpu_seconds()?);
    let work = || -> Outcome<Vec<Duration>> {
        let mut times = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= count {
                return Ok(times);
            }
            let begun = Instant::now();
            object(i)?;
            times.push(begun.elapsed());
        }
    };
    let mut times = std::thread::scope(|scope| -> Outcome<Vec<Duration>> {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut times = Vec::with_capacity(count);
        for worker in workers {
            times.extend(worker.join().map_err(|_| "a worker panicked")??);
        }
        Ok(times)
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu = (cpu_seconds()? - cpu) * 1e9 / (count * OBJECT) as f64;
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    println!(
        "{label:26} {threads} threads {:6.0} objects/s  p50 {:6.2} ms  p99 {:6.2} ms  {cpu:.2} CPU s/GB",
        count as f64 / seconds,
        at(50),
        at(99),
    );
    Ok(())
}

fn bare_object(path: &Path, pieces: &[Bytes]) -> Outcome<()> {
    let file = File::create_new(path)?;
    let mut at = HEAD_LEN;
    for piece in pieces {
        file.write_all_at(piece, at)?;
        at += piece.len() as u64;
    }
    file.write_all_at(&head(), 0)?;
    Ok(file.sync_data()?)
}

fn spooled_object(blobs: &Blobs, pieces: &[Bytes]) -> Outcome<()> {
    let mut incoming = blobs.create(b"1.2.840.10008.1.2.1")?;
    for piece in pieces {
        incoming.write(std::slice::from_ref(piece))?;
    }
    let sealed = incoming.seal(|_, _| head())?;
    sealed.flush()?;
    sealed.keep();
    Ok(())
}

/// CPU time of both checks while writing, and of the one while reading.
fn sums() -> Outcome<()> {
    let piece = vec![0x5a; 256 << 10];
    let rounds = 4_096;
    let bytes = (piece.len() * rounds) as f64;
    let cpu = cpu_seconds()?;
    let mut sums = Sums::new(b"1.2.840.10008.1.2.1");
    (0..rounds).for_each(|_| sums.update(&piece));
    let summed = sums.finish();
    println!("SHA-256 and CRC32C         {:.2} CPU s/GB", (cpu_seconds()? - cpu) * 1e9 / bytes);

    let sums = &summed.crcs[..4 * 4];
    let cpu = cpu_seconds()?;
    for _ in 0..rounds {
        verify(black_box(&piece), 0, sums)?;
    }
    println!("verify (CRC32C)            {:.2} CPU s/GB", (cpu_seconds()? - cpu) * 1e9 / bytes);
    Ok(())
}

/// One long instance.
fn stream(folder: &Path) -> Outcome<()> {
    let length = 2_usize << 30;
    let piece = Bytes::from(vec![0x5a; 256 << 10]);
    let (blobs, _) = Blobs::open(&folder.join("data"), unbounded(64))?;
    let (started, cpu) = (Instant::now(), cpu_seconds()?);
    let mut incoming = blobs.create(b"1.2.840.10008.1.2.1")?;
    while incoming.length() < length as u64 {
        incoming.write(std::slice::from_ref(&piece))?;
    }
    let sealed = incoming.seal(|_, _| head())?;
    let flushing = Instant::now();
    sealed.flush()?;
    println!(
        "one stream of 2 GiB        {:.0} MB/s, last flush {:.0} ms, {:.2} CPU s/GB",
        length as f64 / 1e6 / started.elapsed().as_secs_f64(),
        flushing.elapsed().as_secs_f64() * 1e3,
        (cpu_seconds()? - cpu) * 1e9 / length as f64,
    );
    Ok(())
}

/// Reads out of the page cache.
fn reads(folder: &Path) -> Outcome<()> {
    let pieces = pieces(OBJECT);
    let (blobs, _) = Blobs::open(&folder.join("data"), unbounded(64))?;
    let mut names = Vec::new();
    for _ in 0..64 {
        let mut incoming = blobs.create(b"1.2.840.10008.1.2.1")?;
        incoming.write(&pieces)?;
        names.push(incoming.seal(|_, _| head())?.keep());
    }
    for chunk in [64 << 10, 256 << 10] {
        let (mut bytes, mut waits, rounds) = (0, 0, 64);
        let (started, cpu) = (Instant::now(), cpu_seconds()?);
        for name in (0..rounds).flat_map(|_| &names) {
            let reader = blobs.open_blob(&Place::Spool(name.clone()))?;
            let mut at = 0;
            while at < reader.length() {
                let now = (reader.length() - at).min(chunk);
                match reader.read_nowait(at, now as usize)? {
                    Some(read) => drop(black_box(read)),
                    None => waits += 1,
                }
                at += now;
            }
            bytes += at;
        }
        println!(
            "read without waiting       {} KiB: {:.0} MB/s, {:.3} CPU s/GB, {waits} would have waited",
            chunk >> 10,
            bytes as f64 / 1e6 / started.elapsed().as_secs_f64(),
            (cpu_seconds()? - cpu) * 1e9 / bytes as f64,
        );
    }
    blobs.unspool(&names);
    Ok(())
}

fn unbounded(slots: usize) -> Limits {
    Limits { slots, spool_files: u64::MAX, spool_bytes: u64::MAX, ..Limits::default() }
}

fn pieces(length: usize) -> Vec<Bytes> {
    let bytes = Bytes::from((0..length).map(|i| ((i * i) >> 7) as u8).collect::<Vec<u8>>());
    (0..length).step_by(PIECE).map(|at| bytes.slice(at..length.min(at + PIECE))).collect()
}

fn head() -> Vec<u8> {
    let mut head = vec![0; HEAD_LEN as usize];
    head[128..132].copy_from_slice(b"DICM");
    head
}

/// User and system time of this process (fields 14 and 15 of `/proc/self/stat`, in ticks of 10 ms).
fn cpu_seconds() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}
