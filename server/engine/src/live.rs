//! A live session: the state that producers, the pacer and the edges share,
//! and the unit that the pacer steps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use media::{Clause, HOP, Timings, Turn};
use session::{
    CloseReason, Conductor, Event, Interrupted, Limits, Outcome, Pipeline, Shared, TurnError,
};
use tokio::sync::Notify;

use crate::events::Log;
use crate::meter::{Laps, Metrics};
use crate::pace::Step;
use crate::recording::Recording;
use crate::talk::Permits;
use crate::viewer::Viewers;

/// From here on a picture is not worth its work: the next one is due.
const LATE: Duration = Duration::from_millis(40);

/// A session that is this late was not slow but stopped (a suspended machine):
/// its clock is moved instead of playing all that was missed in a burst.
const STOPPED: Duration = Duration::from_secs(2);

/// One hop of wall time.
const HOP_TIME: Duration = Duration::from_millis(20);

/// What producers, edges and the pacer share of one session.
pub(crate) struct Live {
    conductor: Shared,
    limits: Limits,
    log: Arc<Log>,
    started: Instant,
    /// Woken when sound was played or a turn ended.
    room: Condvar,
    room_lock: Mutex<()>,
    room_async: Notify,
    permits: Arc<Permits>,
    metrics: Arc<Metrics>,
    over: AtomicBool,
}

impl Live {
    pub(crate) fn new(
        pipeline: &Pipeline,
        limits: Limits,
        log: Arc<Log>,
        permits: Arc<Permits>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            conductor: pipeline.conductor(),
            limits,
            log,
            started: Instant::now(),
            room: Condvar::new(),
            room_lock: Mutex::default(),
            room_async: Notify::new(),
            permits,
            metrics,
            over: AtomicBool::new(false),
        }
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn permits(&self) -> &Permits {
        &self.permits
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Whether the pacer has let go of the session.
    pub(crate) fn over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Wall time on the clock of receipts.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Runs `work` on the conductor and publishes what came of it.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Conductor) -> T) -> T {
        let mut conductor = self.conductor.lock();
        let result = work(&mut conductor);
        self.log
            .publish(std::iter::from_fn(|| conductor.poll_event()));
        result
    }

    pub(crate) fn publish(&self, event: Event) {
        self.with(|c| c.emit(event));
    }

    pub(crate) fn clause(
        &self,
        turn: Turn,
        clause: Clause,
        timings: Timings,
    ) -> Result<(), TurnError> {
        let now = self.now();
        self.with(|c| c.clause(turn, clause, timings, now))
    }

    pub(crate) fn sound(&self, turn: Turn, sound: &[f32]) -> Result<(), TurnError> {
        let now = self.now();
        self.with(|c| c.sound(turn, sound, now))
    }

    pub(crate) fn finish(&self, turn: Turn) -> Result<(), TurnError> {
        let result = self.with(|c| c.finish(turn));
        self.wake();
        result
    }

    pub(crate) fn interrupt(&self) -> Option<Interrupted> {
        let interrupted = self.with(Conductor::interrupt);
        if interrupted.is_some() {
            self.metrics.add_interrupt();
        }
        self.wake();
        interrupted
    }

    pub(crate) fn close(&self, reason: CloseReason) {
        self.with(|c| c.close(reason));
        self.wake();
    }

    pub(crate) fn backlog(&self, turn: Turn) -> Result<i64, TurnError> {
        self.conductor
            .lock()
            .backlog(turn)
            .ok_or(TurnError::Over(turn))
    }

    /// Blocks until everything of the turns before `turn` has been produced.
    pub(crate) fn wait_until_next(&self, turn: Turn) -> Result<(), TurnError> {
        self.wait(turn, |c| c.is_next(turn))
    }

    /// Blocks until less than `ahead` samples of `turn` wait to be played.
    pub(crate) fn wait_for_room(&self, turn: Turn, ahead: i64) -> Result<(), TurnError> {
        self.wait(turn, |c| c.backlog(turn).is_none_or(|b| b < ahead))
    }

    fn wait(&self, turn: Turn, until: impl Fn(&Conductor) -> bool) -> Result<(), TurnError> {
        let mut guard = self
            .room_lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            {
                let conductor = self.conductor.lock();
                if conductor.backlog(turn).is_none() {
                    return Err(TurnError::Over(turn));
                }
                if until(&conductor) {
                    return Ok(());
                }
            }
            // The time limit guards against a wake-up between the check and
            // the wait; it costs nothing in the common case.
            guard = self
                .room
                .wait_timeout(guard, Duration::from_millis(100))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// The same as [`Live::wait_for_room`] for async producers.
    pub(crate) async fn room(&self, turn: Turn, ahead: i64) -> Result<(), TurnError> {
        loop {
            let woken = self.room_async.notified();
            if self.backlog(turn)? < ahead {
                return Ok(());
            }
            woken.await;
        }
    }

    fn wake(&self) {
        self.room.notify_all();
        self.room_async.notify_waiters();
    }
}

/// The unit that the pacer steps.
pub(crate) struct Unit {
    pub(crate) live: Arc<Live>,
    pub(crate) pipeline: Pipeline,
    pub(crate) viewers: Arc<Viewers>,
    pub(crate) recording: Option<Recording>,
    /// Wall time of media time zero.
    pub(crate) epoch: Instant,
    /// Called when everything of the session is done.
    pub(crate) on_end: Box<dyn FnOnce() + Send>,
}

impl Step for Unit {
    fn step(&mut self, late: Duration) -> Option<Instant> {
        if late > STOPPED {
            self.epoch += late;
            self.live.metrics.add_clock_shift();
            tracing::warn!(
                ?late,
                "the machine stood still; the session's clock was moved"
            );
        }
        self.live.metrics.add_hop();
        self.live.metrics.add_late(late);
        self.viewers.apply(&mut self.pipeline, &self.live);
        let live = &self.live;
        let result = self
            .pipeline
            .hop(|| live.now(), late > LATE, &mut Laps::new(&live.metrics));
        match result {
            Ok(outcome) => self.after(&outcome),
            Err(error) => {
                tracing::error!(%error, "the session cannot go on");
                self.live.publish(Event::Error {
                    code: "internal",
                    detail: error.to_string(),
                    turn: None,
                });
                self.live.close(CloseReason::InternalError);
            }
        }
        let closed = self.live.with(|c| c.closed());
        if closed.is_some() {
            return None;
        }
        let hops = (self.pipeline.at().0 / HOP as i64) as u32;
        Some(self.epoch + HOP_TIME * hops)
    }

    fn end(self: Box<Self>) {
        let Self {
            live,
            pipeline,
            viewers,
            recording,
            on_end,
            ..
        } = *self;
        viewers.close_all();
        // Drops the recorder, which begins to finish its file.
        drop(pipeline);
        live.wake();
        let settle = move || {
            if let Some(recording) = recording {
                recording.settle();
            }
            live.over.store(true, Ordering::Release);
            on_end();
        };
        // Copying a long recording takes a while: not on a pacer's thread.
        if let Err(error) = std::thread::Builder::new()
            .name("settle".into())
            .spawn(settle)
        {
            tracing::error!(%error, "no thread to finish the session with");
        }
    }
}

impl Unit {
    fn after(&mut self, outcome: &Outcome) {
        if outcome.skipped {
            self.live.metrics.add_skipped();
        }
        if outcome.pictured {
            self.live.metrics.add_picture();
        }
        if outcome.consumed.is_some() {
            self.live.wake();
        }
        self.viewers.closed(&outcome.closed);
        if let Some(recording) = &mut self.recording {
            recording.watch(&self.live);
        }
    }
}
