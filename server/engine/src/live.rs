//! A live session: the state that producers, the pacer and the edges share,
//! and the unit that the pacer steps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use media::{Clause, Cue, HOP, Phoneme, Timings, Turn};
use session::{
    CloseReason, Conductor, Event, Interrupted, Limits, Outcome, Pipeline, Shared, TurnError,
};
use tokio::sync::Notify;

use crate::events::Log;
use crate::hear::Ears;
use crate::meter::{Laps, Metrics};
use crate::pace::Step;
use crate::permits::Permits;
use crate::recording::Recording;
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
    closing: AtomicBool,
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
            closing: AtomicBool::new(false),
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

    /// Whether the session has ended; its connections and its recording may
    /// still be there.
    pub(crate) fn closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
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

    pub(crate) fn replan(&self, turn: Turn, phonemes: Vec<Phoneme>) -> Result<(), TurnError> {
        self.with(|c| c.replan(turn, phonemes))
    }

    pub(crate) fn cue(&self, turn: Turn, at: usize, cue: Cue) -> Result<(), TurnError> {
        self.with(|c| c.cue(turn, at, cue))
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

    /// Finishes a turn that went wrong, and tells of it. A turn that was
    /// finished or interrupted before is left alone.
    pub(crate) fn fail(&self, turn: Turn, code: &'static str, detail: String) {
        self.with(|c| {
            if c.finish(turn).is_ok() {
                c.emit(Event::Error {
                    code,
                    detail,
                    turn: Some(turn),
                });
            }
        });
        self.wake();
    }

    pub(crate) fn interrupt(&self) -> Option<Interrupted> {
        let interrupted = self.with(Conductor::interrupt);
        if interrupted.is_some() {
            self.was_interrupted();
        }
        interrupted
    }

    /// After an interrupt: counts it, and wakes the producers of what was cut.
    pub(crate) fn was_interrupted(&self) {
        self.metrics.add_interrupt();
        self.wake();
    }

    pub(crate) fn close(&self, reason: CloseReason) {
        self.with(|c| c.close(reason));
        self.closing.store(true, Ordering::Release);
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

/// How long connections stay after the end of their session, so that whoever
/// is connected can be told why it is over.
pub const FAREWELL: Duration = Duration::from_millis(250);

/// The unit that the pacer steps.
pub(crate) struct Unit {
    pub(crate) live: Arc<Live>,
    pub(crate) pipeline: Pipeline,
    pub(crate) viewers: Arc<Viewers>,
    pub(crate) ears: Arc<Ears>,
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
        self.ears.listen(&self.live);
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
            mut pipeline,
            viewers,
            recording,
            on_end,
            ..
        } = *self;
        let last = Last {
            live: live.clone(),
            viewers,
            on_end: Some(on_end),
        };
        // Closed already, unless the last step panicked.
        live.close(CloseReason::InternalError);
        let settle = move || {
            // Whoever is told that the session is over may ask for its
            // recording at once.
            if let Some(recording) = &recording {
                recording.end(&mut pipeline);
            }
            std::thread::sleep(FAREWELL);
            // Its sinks hold the viewers' connections.
            drop(pipeline);
            last.viewers.close_all();
            if let Some(recording) = recording {
                recording.settle();
            }
            drop(last);
        };
        // That takes a while, and so does copying a long recording: not on a
        // pacer's thread.
        if let Err(error) = std::thread::Builder::new()
            .name("settle".into())
            .spawn(settle)
        {
            tracing::error!(%error, "no thread to wait for the recording with");
        }
    }
}

/// The last of a session. Dropping it lets go of the session, also when there
/// was no thread to wait for its recording.
struct Last {
    live: Arc<Live>,
    viewers: Arc<Viewers>,
    on_end: Option<Box<dyn FnOnce() + Send>>,
}

impl Drop for Last {
    fn drop(&mut self) {
        self.viewers.close_all();
        self.live.over.store(true, Ordering::Release);
        if let Some(on_end) = self.on_end.take() {
            on_end();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use media::seam::MouthSource;
    use std::sync::mpsc::channel;

    #[test]
    fn a_session_that_panicked_ends_as_any_other() {
        let (live, pipeline) = testing::live();
        let turn = live
            .with(|c| c.open(MouthSource::Planned, Duration::ZERO))
            .unwrap();
        let (sender, ended) = channel();
        // The pacer calls this after a step, whether it returned or panicked.
        Box::new(Unit {
            live: live.clone(),
            pipeline,
            viewers: Arc::default(),
            ears: Arc::default(),
            recording: None,
            epoch: Instant::now(),
            on_end: Box::new(move || {
                let _ = sender.send(());
            }),
        })
        .end();
        assert_eq!(ended.recv_timeout(Duration::from_secs(30)), Ok(()));
        assert!(live.over());
        assert_eq!(live.backlog(turn), Err(TurnError::Over(turn)));
        assert_eq!(live.with(|c| c.closed()), Some(CloseReason::InternalError));
    }

    #[test]
    fn a_failure_is_told_of_turns_that_still_wait_only() {
        let (live, _pipeline) = testing::live();
        let mut turns = (0..2).map(|_| {
            live.with(|c| c.open(MouthSource::Planned, Duration::ZERO))
                .unwrap()
        });
        let (open, finished) = (turns.next().unwrap(), turns.next().unwrap());
        live.finish(finished).unwrap();
        let before = live.log().last();
        live.fail(finished, "voice_failed", String::new());
        assert_eq!(live.log().last(), before);
        live.fail(open, "voice_failed", String::new());
        assert_eq!(live.log().last(), before + 1);
        live.interrupt();
        let before = live.log().last();
        live.fail(open, "voice_failed", String::new());
        assert_eq!(live.log().last(), before);
    }
}
