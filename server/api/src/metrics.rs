//! Counters in the text format of Prometheus (version 0.0.4).

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use engine::{LATE_EDGES_MS, Metrics};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::VERSION;
use crate::auth::Operator;
use crate::state::State;

/// Ticks of a second in `/proc/self/stat`. Linux fixes it for programs,
/// whatever the kernel's own rate is.
const TICKS: f64 = 100.0;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// Counters for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "server",
    responses((status = 200, description = "The counters.", content_type = "text/plain", body = String)))]
async fn metrics(_: Operator, Shared(state): Shared<Arc<State>>) -> Response {
    let engine = &state.engine;
    let mut page = Page::default();
    let sessions = engine.list();
    let viewers: usize = sessions.iter().map(|h| h.info().viewers).sum();

    page.sample("build_info", "gauge", "The version that runs.");
    page.value("build_info", &format!("{{version=\"{VERSION}\"}}"), 1);
    page.gauge(
        "sessions",
        "Open sessions, and those that are ending.",
        sessions.len(),
    );
    let most = engine.settings().max_sessions;
    page.gauge("sessions_max", "Most open sessions.", most);
    page.gauge("viewers", "Viewers of all sessions.", viewers);
    let draining = u8::from(engine.draining());
    page.gauge("draining", "Whether the server goes down.", draining);

    let counters = engine.metrics();
    for (name, help, value) in [
        (
            "sessions_opened_total",
            "Sessions ever opened.",
            counters.sessions_opened(),
        ),
        ("turns_total", "Turns ever opened.", counters.turns()),
        (
            "interrupts_total",
            "Interrupts that cut a turn.",
            counters.interrupts(),
        ),
        ("hops_total", "Steps of 20 ms played.", counters.hops()),
        ("pictures_total", "Pictures encoded.", counters.pictures()),
        (
            "pictures_skipped_total",
            "Pictures left out because a step ran late.",
            counters.skipped(),
        ),
        (
            "clock_shifts_total",
            "Times a session's clock was moved because the machine stood still.",
            counters.clock_shifts(),
        ),
    ] {
        page.sample(name, "counter", help);
        page.value(name, "", value);
    }
    let name = "stage_seconds_total";
    page.sample(name, "counter", "Time spent in each stage.");
    for cost in counters.stages() {
        page.value(name, &format!("{{stage=\"{}\"}}", cost.stage), cost.seconds);
    }
    page.lateness(counters);
    page.process();
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        page.text,
    )
        .into_response()
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.text.write_fmt(line);
        self.text.push('\n');
    }

    fn sample(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP visavis_{name} {help}"));
        self.line(format_args!("# TYPE visavis_{name} {kind}"));
    }

    fn value(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        self.line(format_args!("visavis_{name}{labels} {value}"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.sample(name, "gauge", help);
        self.value(name, "", value);
    }

    fn lateness(&mut self, metrics: &Metrics) {
        let name = "hop_late_seconds";
        self.sample(name, "histogram", "How late steps of 20 ms began.");
        let mut count = 0;
        let edges = LATE_EDGES_MS.map(|ms| (ms as f64 / 1e3).to_string());
        let edges = edges.into_iter().chain(["+Inf".to_owned()]);
        for (bucket, edge) in metrics.lateness().into_iter().zip(edges) {
            count += bucket;
            self.value(name, &format!("_bucket{{le=\"{edge}\"}}"), count);
        }
        self.value(name, "_count", count);
    }

    /// What the system says of this process, where it says it the Linux way.
    fn process(&mut self) {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        if let Some(seconds) = cpu_seconds(&stat) {
            let name = "process_cpu_seconds_total";
            self.line(format_args!("# HELP {name} CPU time of the process."));
            self.line(format_args!("# TYPE {name} counter"));
            self.line(format_args!("{name} {seconds}"));
        }
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        if let Some(bytes) = resident_bytes(&status) {
            let name = "process_resident_memory_bytes";
            self.line(format_args!("# HELP {name} Memory of the process."));
            self.line(format_args!("# TYPE {name} gauge"));
            self.line(format_args!("{name} {bytes}"));
        }
    }
}

/// Seconds of CPU time, from `/proc/self/stat` (proc(5)). The name in its
/// second field may hold spaces.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let user: f64 = fields.nth(11)?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

/// Resident bytes, from `/proc/self/status`.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

/// The upper edge of the bucket that holds the 95th of 100 lateness values, ms;
/// for those beyond all edges, the last edge.
pub(crate) fn late_p95(metrics: &Metrics) -> Option<u64> {
    percentile(&metrics.lateness(), 95)
}

fn percentile(buckets: &[u64], percent: u64) -> Option<u64> {
    let total: u64 = buckets.iter().sum();
    let rank = (total * percent).div_ceil(100);
    let mut seen = 0;
    let bucket = buckets.iter().position(|count| {
        seen += count;
        total > 0 && seen >= rank
    })?;
    LATE_EDGES_MS.get(bucket).or(LATE_EDGES_MS.last()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_read_from_proc() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 9 0";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds(""), None);
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t1\n";
        assert_eq!(resident_bytes(status), Some(2 << 20));
        assert_eq!(resident_bytes("VmRSS: many"), None);
    }

    #[test]
    fn percentiles_name_the_bucket_that_holds_them() {
        let mut buckets = [0; LATE_EDGES_MS.len() + 1];
        assert_eq!(percentile(&buckets, 95), None);
        buckets[0] = 95;
        buckets[3] = 5;
        assert_eq!(percentile(&buckets, 95), Some(LATE_EDGES_MS[0]));
        buckets[3] = 6;
        assert_eq!(percentile(&buckets, 95), Some(LATE_EDGES_MS[3]));
        buckets[LATE_EDGES_MS.len()] = 1_000;
        let last = LATE_EDGES_MS.last().copied();
        assert_eq!(percentile(&buckets, 95), last);
    }
}
