//! Our certificate while the server runs: read again when its files change or SIGHUP says so, and watched for its end.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, interval, interval_at};
use tokio_util::sync::CancellationToken;

use crate::{tls, validity};

/// How often the files are looked at: two `stat` calls.
const EVERY: Duration = Duration::from_secs(2);
/// How long before its end a certificate is warned of, and how often.
const SOON: time::Duration = time::Duration::days(30);
const AGAIN: Duration = Duration::from_secs(86_400);

/// The pair that new connections are served with.
#[derive(Debug)]
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads the pair.
    ///
    /// # Errors
    /// When a file cannot be read, or the key does not fit.
    pub fn open(chain: &Path, key: &Path) -> anyhow::Result<Arc<Self>> {
        let current = RwLock::new(Arc::new(tls::pair(chain, key)?));
        let opened = Self { chain: chain.to_owned(), key: key.to_owned(), current };
        opened.tell_end();
        Ok(Arc::new(opened))
    }

    /// Reads the pair again until `stop`: when a file changed, and on SIGHUP. Connections that are there keep theirs.
    ///
    /// # Errors
    /// When SIGHUP cannot be listened to.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) -> anyhow::Result<()> {
        let mut hangup = signal(SignalKind::hangup()).context("cannot listen to SIGHUP")?;
        let mut looks = interval(EVERY);
        let mut reminder = interval_at(Instant::now() + AGAIN, AGAIN);
        let mut seen = self.stamp();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = looks.tick() => if seen == self.stamp() { continue },
                _ = reminder.tick() => { self.tell_end(); continue },
                _ = hangup.recv() => {}
            }
            seen = self.stamp();
            self.reload();
        }
    }

    /// Takes the new pair, or stays with the old one.
    fn reload(&self) {
        match tls::pair(&self.chain, &self.key).and_then(still_good) {
            Ok(pair) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                tracing::info!(file = %self.chain.display(), "the certificate was read again");
                metrics::counter!("overread_certificate_reloads_total", "result" => "ok").increment(1);
                self.tell_end();
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, "the new certificate cannot be used; the old one stays in use");
                metrics::counter!("overread_certificate_reloads_total", "result" => "failed").increment(1);
            }
        }
    }

    /// What tells one state of the files from another.
    fn stamp(&self) -> [Option<(u64, i64, i64, u64)>; 2] {
        let of = |file: &Metadata| (file.ino(), file.mtime(), file.mtime_nsec(), file.size());
        [&self.chain, &self.key].map(|path| std::fs::metadata(path).ok().as_ref().map(of))
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says in a metric when the certificate ends, and in the log when that is soon.
    fn tell_end(&self) {
        let pair = self.current();
        let Some(end) = pair.cert.first().and_then(|certificate| validity::end(certificate)) else { return };
        metrics::gauge!("overread_certificate_expires_seconds").set(end.unix_timestamp() as f64);
        let left = end - OffsetDateTime::now_utc();
        if left <= time::Duration::ZERO {
            tracing::error!(file = %self.chain.display(), "the certificate has expired: clients refuse it");
        } else if left < SOON {
            tracing::warn!(file = %self.chain.display(), days = left.whole_days(), "the certificate expires soon");
        }
    }
}

/// A pair that has ended helps nobody: whoever renewed it took the wrong files.
fn still_good(pair: CertifiedKey) -> anyhow::Result<CertifiedKey> {
    let end = pair.cert.first().and_then(|certificate| validity::end(certificate));
    match end.filter(|end| *end <= OffsetDateTime::now_utc()) {
        Some(end) => anyhow::bail!("it has expired, on {}", end.date()),
        None => Ok(pair),
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}
