//! Metrics: a recorder whose text the HTTP edge serves, and gauges that are looked up now and then.

use std::time::Duration;

use anyhow::Context;
use archive::Archive;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use trail::Trail;

/// How often gauges are looked up, and histograms emptied of what nobody scraped.
const EVERY: Duration = Duration::from_secs(5);

/// Upper bounds of latency buckets in seconds: half a millisecond to a minute.
const LATENCIES: &[f64] =
    &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// Installs the recorder of this process.
///
/// # Errors
/// When there is one already.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), LATENCIES)
        .context("the latency buckets are wrong")?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("metrics are recorded elsewhere already")?;
    metrics::describe_gauge!("overread_studies", "Studies held, of all custodians");
    metrics::describe_gauge!("overread_series", "Series held");
    metrics::describe_gauge!("overread_instances", "Instances held (current versions)");
    metrics::describe_gauge!("overread_spool_files", "Instances that wait for their final place");
    metrics::describe_gauge!("overread_spool_bytes", "Bytes of instances that wait for their final place");
    metrics::describe_gauge!(
        "overread_accepting",
        "1 when instances are taken in, 0 when disk or space do not allow it"
    );
    metrics::describe_gauge!("overread_audit_rows", "Rows of the audit trail");
    metrics::describe_gauge!("overread_audit_waiting_bytes", "Bytes of events that wait for the disk");
    metrics::describe_gauge!("overread_start_time_seconds", "Unix time of the start");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    metrics::gauge!("overread_start_time_seconds").set(now.as_secs_f64());
    Ok(handle)
}

/// Looks the gauges up until `stop`.
pub async fn watch(archive: Archive, trail: Trail, handle: PrometheusHandle, stop: CancellationToken) {
    let committed = trail.committed();
    loop {
        handle.run_upkeep();
        match archive.totals().await {
            Ok(totals) => {
                metrics::gauge!("overread_studies").set(totals.studies as f64);
                metrics::gauge!("overread_series").set(totals.series as f64);
                metrics::gauge!("overread_instances").set(totals.instances as f64);
            }
            Err(error) => tracing::error!(%error, "the index could not count"),
        }
        let (files, bytes) = archive.spooled();
        metrics::gauge!("overread_spool_files").set(files as f64);
        metrics::gauge!("overread_spool_bytes").set(bytes as f64);
        metrics::gauge!("overread_audit_rows").set(committed.borrow().sequence as f64);
        metrics::gauge!("overread_audit_waiting_bytes").set(trail.waiting() as f64);
        metrics::gauge!("overread_accepting").set(if archive.accepts() { 1.0 } else { 0.0 });
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}
