//! File systems of the tests' own: small ones, and one whose power can be cut. They need root; without it the tests say
//! that they were not run on this machine, and pass.
#![allow(dead_code, reason = "each test file uses what it needs")]
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use blob::{Blobs, HEAD_LEN, Incoming, Limits, Sealed};
use bytes::Bytes;
use tempfile::TempDir;

/// A mounted file system, unmounted when dropped.
pub struct Mounted {
    folder: TempDir,
    mount: PathBuf,
    image: Option<PathBuf>,
}

impl Mounted {
    /// A file system in memory; `options` as for `mount -o`.
    pub fn tmpfs(options: &str) -> Option<Mounted> {
        let (folder, mount) = mount_point();
        run("mount", ["-t", "tmpfs", "-o", options, "tmpfs", text(&mount)])?;
        Some(Mounted { folder, mount, image: None })
    }

    /// An ext4 in a file, made with `options` of `mkfs.ext4`.
    pub fn ext4(mebibytes: u32, options: &[&str]) -> Option<Mounted> {
        let (folder, mount) = mount_point();
        let image = folder.path().join("image");
        run("truncate", ["-s", &format!("{mebibytes}M"), text(&image)])?;
        let mut arguments = vec!["-q", "-F"];
        arguments.extend(options);
        arguments.push(text(&image));
        run("mkfs.ext4", arguments)?;
        run("mount", ["-o", "loop", text(&image), text(&mount)])?;
        Some(Mounted { folder, mount, image: Some(image) })
    }

    pub fn path(&self) -> &Path {
        &self.mount
    }

    /// From now on the file system fails everything, and what it had not written is gone (`EXT4_IOC_SHUTDOWN` without
    /// flushing the journal).
    pub fn cut_power(&self) -> Option<()> {
        let program = "import fcntl, os, struct, sys\n\
             fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";
        run("python3", ["-c", program, text(&self.mount)])
    }

    /// After a cut, when nothing is open any more.
    pub fn restore_power(&self) {
        let image = self.image.as_ref().unwrap();
        run("umount", [text(&self.mount)]).unwrap();
        run("mount", ["-o", "loop", text(image), text(&self.mount)]).unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = run("umount", [text(&self.mount)]).or_else(|| run("umount", ["-l", text(&self.mount)]));
    }
}

/// Says that a test did nothing, so that nobody takes its passing for more.
pub fn not_run(what: &str) {
    println!("not run on this machine: {what} needs root and mount");
}

/// Limits of tests: few slots, quick checks.
pub fn quick() -> Limits {
    let moment = std::time::Duration::from_millis(20);
    Limits { slots: 8, spool_wait: moment, room_age: moment, probe_every: moment, ..Limits::default() }
}

/// A head that says what the data set is, as the archive's does.
pub fn head(length: u64, digest: [u8; 32]) -> Vec<u8> {
    let mut head = vec![0; HEAD_LEN as usize];
    head[128..132].copy_from_slice(b"DICM");
    head[200..208].copy_from_slice(&length.to_le_bytes());
    head[208..240].copy_from_slice(&digest);
    head
}

pub const SEED: &[u8] = b"1.2.840.10008.1.2.1";

/// Receives and seals, without a flush.
pub fn receive(blobs: &Blobs, bytes: &[u8]) -> Result<Sealed, blob::BlobError> {
    let mut incoming: Incoming = blobs.create(SEED)?;
    for piece in bytes.chunks(100_000) {
        incoming.write(&[Bytes::copy_from_slice(piece)])?;
    }
    incoming.seal(head)
}

/// Bytes that differ by `kind`, without a pattern that a checksum could miss.
pub fn bytes(length: usize, kind: u64) -> Vec<u8> {
    let mut state = kind.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}

fn mount_point() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().join("mount");
    std::fs::create_dir(&mount).unwrap();
    (folder, mount)
}

fn run<I: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = I>) -> Option<()> {
    let output = Command::new(program).args(arguments).output().ok()?;
    if !output.status.success() {
        println!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    output.status.success().then_some(())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
