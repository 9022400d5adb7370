//! Ships the audit trail to a collector: RFC 5424 messages in RFC 5425 frames over TLS (PS3.15 A.6, IHE ITI-20).
//!
//! The queue is the trail itself: a cursor beside it says what was shipped, so an outage of days costs nothing, and no
//! row is left out. Syslog has no acknowledgement: a row counts as shipped when its connection has lived on for
//! [`SETTLED`] after it. After a failure what was sent later is sent again, so a collector may get a row twice, never
//! not at all.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use audit::Source;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use trail::{Filter, Reader, Row, Trail, TrailError};

use crate::Limits;
use crate::route::connect;

/// How long a connection must live after a row for the row to count as shipped.
pub const SETTLED: Duration = Duration::from_secs(5);
/// Between two tries to connect: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// For the collector to take what is written, and to close when we do.
const WRITE: Duration = Duration::from_secs(60);
const CLOSE: Duration = Duration::from_secs(2);
/// Rows that are read and written at a time: some 500 KiB.
const PAGE: u32 = 256;
/// Under which key the trail keeps the cursor.
const SHIPPED: &str = "shipped";

/// Where audit messages go.
#[derive(Clone, Debug)]
pub struct Collector {
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port: 6514 most of the time.
    pub port: u16,
    /// The authorities that vouch for it, and our own certificate where it wants one.
    pub tls: Arc<rustls::ClientConfig>,
    /// The name or address that its certificate must be for.
    pub name: ServerName<'static>,
}

/// Ships a trail.
pub struct Shipper {
    trail: Trail,
    source: Source,
    collector: Collector,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the collector closed the connection")]
    Closed,
    #[error("{0}")]
    Trail(#[from] TrailError),
}

/// A connection and what went over it.
struct Link {
    stream: TlsStream<TcpStream>,
    reader: Option<Reader>,
    sent: u64,
    /// Rows and when they were written, until they count as shipped.
    flown: VecDeque<(Instant, u64)>,
}

impl Shipper {
    /// Ships this trail's rows to this collector, as this source.
    pub fn new(trail: Trail, source: Source, collector: Collector) -> Self {
        Self { trail, source, collector }
    }

    /// Ships until `stop`, and connects again whenever the connection is lost.
    pub async fn run(self, stop: CancellationToken) {
        let mut pause = AGAIN.0;
        let mut failing = false;
        while !stop.is_cancelled() {
            let error = match self.connection(&stop, &mut failing, &mut pause).await {
                Ok(()) => return,
                Err(error) => error,
            };
            // Said once for as long as it lasts.
            if !std::mem::replace(&mut failing, true) {
                tracing::warn!(%error, "audit messages are not shipped; they wait in the trail");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(AGAIN.1);
        }
    }

    async fn connection(
        &self,
        stop: &CancellationToken,
        failing: &mut bool,
        pause: &mut Duration,
    ) -> Result<(), Ended> {
        let stream = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            stream = self.open() => stream?,
        };
        let reader = self.trail.reader()?;
        let sent = reader.state(SHIPPED)?.and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut link = Link { stream, reader: Some(reader), sent, flown: VecDeque::new() };
        let mut committed = self.trail.committed();
        let mut nothing = [0; 64];
        loop {
            let head = committed.borrow_and_update().sequence;
            // A page a turn, so that a long catch-up settles what it sent and hears the collector close. Where nothing can
            // be read there is nothing to do until the trail grows.
            let mut is_behind = link.sent < head;
            if is_behind {
                let rows = link.page().await?;
                is_behind = !rows.is_empty() && rows.last().is_some_and(|last| last.sequence < head);
                link.write(&rows, &self.source).await?;
            }
            let settles = match link.flown.front() {
                _ if is_behind => Duration::ZERO,
                Some((at, _)) => SETTLED.saturating_sub(at.elapsed()),
                None => Duration::MAX,
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.end(link).await;
                    return Ok(());
                }
                read = link.stream.read(&mut nothing) => {
                    // A collector has nothing to say.
                    if read? == 0 {
                        return Err(Ended::Closed);
                    }
                }
                changed = committed.changed(), if !is_behind => {
                    if changed.is_err() {
                        self.end(link).await;
                        return Ok(());
                    }
                }
                () = tokio::time::sleep(settles) => {
                    if let Some(sent) = link.settled() {
                        if std::mem::take(failing) {
                            tracing::info!("audit messages are shipped again");
                        }
                        *pause = AGAIN.0;
                        self.shipped(sent);
                    }
                }
            }
        }
    }

    async fn end(&self, link: Link) {
        if let Some(sent) = link.close().await {
            self.shipped(sent);
        }
    }

    fn shipped(&self, sent: u64) {
        self.trail.set_state(SHIPPED, sent.to_string());
    }

    async fn open(&self) -> io::Result<TlsStream<TcpStream>> {
        let limits = Limits::default();
        let tcp = connect(&self.collector.host, self.collector.port, &limits).await?;
        let connector = TlsConnector::from(Arc::clone(&self.collector.tls));
        let shaking = connector.connect(self.collector.name.clone(), tcp);
        timeout(limits.handshake, shaking).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Link {
    /// The next rows; one that nobody can read is passed over, and said.
    async fn page(&mut self) -> Result<Vec<Row>, Ended> {
        let mut most = PAGE;
        loop {
            let Some(reader) = self.reader.take() else { return Ok(Vec::new()) };
            let sent = self.sent;
            let reading = tokio::task::spawn_blocking(move || {
                let rows = reader.rows(&Filter::default(), sent, most);
                (reader, rows)
            });
            let (reader, rows) = reading.await.map_err(io::Error::other)?;
            self.reader = Some(reader);
            match rows {
                Err(TrailError::Row(row)) if row > sent + 1 => {
                    most = u32::try_from(row - sent - 1).unwrap_or(PAGE).min(PAGE);
                }
                Err(TrailError::Row(row)) => {
                    tracing::error!(row, "a row of the audit trail cannot be read, and is not shipped");
                    self.sent = row;
                }
                rows => return Ok(rows?),
            }
        }
    }

    async fn write(&mut self, rows: &[Row], source: &Source) -> Result<(), Ended> {
        let Some(last) = rows.last() else { return Ok(()) };
        let frames: Vec<u8> = rows.iter().flat_map(|row| frame(row, source)).collect();
        let written = async {
            self.stream.write_all(&frames).await?;
            self.stream.flush().await
        };
        timeout(WRITE, written).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        self.sent = last.sequence;
        self.flown.push_back((Instant::now(), last.sequence));
        Ok(())
    }

    /// The last row that counts as shipped by now.
    fn settled(&mut self) -> Option<u64> {
        let mut settled = None;
        while let Some((at, row)) = self.flown.front()
            && at.elapsed() >= SETTLED
        {
            settled = Some(*row);
            self.flown.pop_front();
        }
        settled
    }

    /// Closes in order. A collector that closes in turn has read everything.
    async fn close(mut self) -> Option<u64> {
        let closing = async {
            self.stream.shutdown().await?;
            let mut nothing = [0; 64];
            while self.stream.read(&mut nothing).await? > 0 {}
            io::Result::Ok(())
        };
        timeout(CLOSE, closing).await.ok()?.ok().map(|()| self.sent)
    }
}

/// A row as frame: its length in bytes, a space, the message (RFC 5425 4.3).
fn frame(row: &Row, source: &Source) -> Vec<u8> {
    let entry = &row.entry;
    let host: String = source.id.chars().filter(char::is_ascii_graphic).take(255).collect();
    let host = if host.is_empty() { "-" } else { &host };
    // Facility 10, severity 5.
    let message = format!(
        "<85>1 {} {host} overread {} DICOM+RFC3881 - {}",
        audit::moment(entry.at),
        entry.process,
        audit::xml::write(entry, source)
    );
    format!("{} {message}", message.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use audit::{Entry, Event, What, Who};

    use super::*;

    /// AUD-017: the length counts bytes, and long messages are whole.
    #[test]
    fn frames() {
        let source = Source { id: "gäte way".into(), site: String::new(), aet: "OVERREAD".into() };
        for query in ["PatientName=Müller*".to_owned(), "x".repeat(16 << 10)] {
            let mut event = Event::new(What::Query, Who::console(), "test");
            event.query = query.clone();
            event.detail = query.clone();
            let row = Row { sequence: 1, hash: [0; 32], entry: Entry::new(1_768_465_800_125, 4711, event) };
            let frame = String::from_utf8(frame(&row, &source)).unwrap();
            let (length, message) = frame.split_once(' ').unwrap();
            assert_eq!(length.parse(), Ok(message.len()));
            let head = "<85>1 2026-01-15T08:30:00.125Z gteway overread 4711 DICOM+RFC3881 - <AuditMessage>";
            assert!(message.starts_with(head), "{message}");
            assert!(message.ends_with("</AuditMessage>"));
            assert_eq!(message.len() > 32_768, query.len() == 16 << 10);
        }
    }
}
