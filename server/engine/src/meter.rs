//! Counters of the engine: cost of each stage, pictures, lateness.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use session::Stage;
use session::pipeline::Meter;

/// Upper edges of the lateness histogram, ms. A hop is 20 ms and a picture is
/// skipped from 40 ms on, so the edges lie around those.
pub const LATE_EDGES_MS: [u64; 8] = [1, 2, 5, 10, 20, 40, 100, 500];

/// Counters of the whole engine. All only grow.
#[derive(Debug, Default)]
pub struct Metrics {
    stage_ns: [AtomicU64; Stage::ALL.len()],
    /// Wall time of voice threads within local voices, ns.
    voice_ns: AtomicU64,
    hops: AtomicU64,
    pictures: AtomicU64,
    skipped: AtomicU64,
    late: [AtomicU64; LATE_EDGES_MS.len() + 1],
    sessions_opened: AtomicU64,
    turns: AtomicU64,
    interrupts: AtomicU64,
    clock_shifts: AtomicU64,
}

/// What one stage has cost.
#[derive(Clone, Copy, Debug)]
pub struct StageCost {
    /// Name of the stage.
    pub stage: &'static str,
    /// Wall time of workers within the stage, seconds. It is CPU time only
    /// while the machine has a core for each of them.
    pub seconds: f64,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $read:ident, $add:ident => $field:ident;)+) => {
        $(
            $(#[$doc])*
            pub fn $read(&self) -> u64 {
                self.$field.load(Ordering::Relaxed)
            }

            pub(crate) fn $add(&self) {
                self.$field.fetch_add(1, Ordering::Relaxed);
            }
        )+
    };
}

impl Metrics {
    counters! {
        /// Hops of 20 ms played by all sessions.
        hops, add_hop => hops;
        /// Pictures encoded.
        pictures, add_picture => pictures;
        /// Pictures skipped because a hop ran late.
        skipped, add_skipped => skipped;
        /// Sessions ever opened.
        sessions_opened, add_session => sessions_opened;
        /// Turns ever opened.
        turns, add_turn => turns;
        /// Interrupts that cut a turn.
        interrupts, add_interrupt => interrupts;
        /// Times a session's clock was moved because the machine stood still.
        clock_shifts, add_clock_shift => clock_shifts;
    }

    /// Cost of the stages so far.
    #[must_use]
    pub fn stages(&self) -> Vec<StageCost> {
        let seconds = |ns: &AtomicU64| ns.load(Ordering::Relaxed) as f64 / 1e9;
        std::iter::once(StageCost {
            stage: "voice",
            seconds: seconds(&self.voice_ns),
        })
        .chain(Stage::ALL.into_iter().map(|stage| StageCost {
            stage: stage.name(),
            seconds: seconds(&self.stage_ns[stage as usize]),
        }))
        .collect()
    }

    /// How late hops began: counts up to each of [`LATE_EDGES_MS`], then the
    /// rest. Not cumulative.
    #[must_use]
    pub fn lateness(&self) -> [u64; LATE_EDGES_MS.len() + 1] {
        std::array::from_fn(|i| self.late[i].load(Ordering::Relaxed))
    }

    pub(crate) fn add_voice(&self, time: Duration) {
        self.voice_ns
            .fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_late(&self, late: Duration) {
        let ms = late.as_millis() as u64;
        let bucket = LATE_EDGES_MS.partition_point(|edge| ms >= *edge);
        self.late[bucket].fetch_add(1, Ordering::Relaxed);
    }
}

/// Measures the stages of one hop into the shared counters.
pub(crate) struct Laps<'a> {
    metrics: &'a Metrics,
    last: Instant,
}

impl<'a> Laps<'a> {
    pub(crate) fn new(metrics: &'a Metrics) -> Self {
        Self {
            metrics,
            last: Instant::now(),
        }
    }
}

impl Meter for Laps<'_> {
    fn start(&mut self) {
        self.last = Instant::now();
    }

    fn lap(&mut self, stage: Stage) {
        let now = Instant::now();
        self.metrics.stage_ns[stage as usize]
            .fetch_add((now - self.last).as_nanos() as u64, Ordering::Relaxed);
        self.last = now;
    }
}
