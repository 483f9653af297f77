//! The recording of a live session: started with it, watched while it runs,
//! finished with it.

use std::sync::{Arc, Mutex, PoisonError};

use record::{Ended, Recorder, State, Status, Store};
use session::{Event, Pipeline, SinkId};

use crate::handle::RecordingInfo;
use crate::live::Live;

/// What the edges see of a recording, before, while and after it runs.
#[derive(Clone, Default)]
pub(crate) struct Monitor(Arc<Mutex<Watched>>);

#[derive(Default)]
enum Watched {
    /// The session is not recorded.
    #[default]
    Off,
    /// The recording could not be started.
    Refused(String),
    /// It runs or has run.
    Started(record::Handle),
}

impl Monitor {
    fn set(&self, watched: Watched) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = watched;
    }

    pub(crate) fn info(&self) -> RecordingInfo {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Watched::Off => RecordingInfo {
                state: "off",
                reason: None,
                bytes: 0,
                duration_ms: 0,
            },
            Watched::Refused(reason) => RecordingInfo {
                state: "ended_early",
                reason: Some(reason.clone()),
                bytes: 0,
                duration_ms: 0,
            },
            Watched::Started(handle) => of(&handle.status()),
        }
    }
}

fn of(status: &Status) -> RecordingInfo {
    let early = status.ended.as_ref().filter(|e| **e != Ended::Closed);
    RecordingInfo {
        state: match (early, status.state) {
            (Some(_), _) => "ended_early",
            (None, State::Waiting | State::Recording | State::Finishing) => "recording",
            (None, State::Empty) => "off",
            (None, _) => "ready",
        },
        reason: early.map(|ended| {
            match ended {
                Ended::DiskFull => "disk_full",
                Ended::DiskTooSlow => "disk_too_slow",
                Ended::DiskFailed(_) => "disk_failed",
                _ => "internal",
            }
            .to_owned()
        }),
        bytes: status.bytes,
        duration_ms: i64::try_from(status.duration_ms).unwrap_or(i64::MAX),
    }
}

/// The running recording, owned by the session's unit.
pub(crate) struct Recording {
    handle: record::Handle,
    sink: SinkId,
    ended: bool,
}

/// Starts recording. A disk that refuses is told, and the session goes on.
pub(crate) fn start(
    store: &Store,
    id: &str,
    pipeline: &mut Pipeline,
    monitor: &Monitor,
) -> Option<Recording> {
    let settings = record::Settings {
        pre_skip: pipeline.pre_skip(),
        ..record::Settings::default()
    };
    match store.record(id, settings) {
        Ok(recorder) => Some(attach(recorder, pipeline, monitor)),
        Err(error) => {
            tracing::warn!(session = id, %error, "the session is not recorded");
            monitor.set(Watched::Refused(error.to_string()));
            None
        }
    }
}

fn attach(recorder: Recorder, pipeline: &mut Pipeline, monitor: &Monitor) -> Recording {
    let handle = recorder.handle();
    monitor.set(Watched::Started(handle.clone()));
    let sink = pipeline.add_sink(Box::new(recorder));
    Recording {
        handle,
        sink,
        ended: false,
    }
}

impl Recording {
    /// After a hop: tells when the recording ended before the session.
    pub(crate) fn watch(&mut self, live: &Live) {
        if self.ended {
            return;
        }
        let status = self.handle.status();
        if status.ended.is_some() {
            self.ended = true;
            publish(live, &status);
        }
    }

    /// Ends it: its file begins to be finished. Viewers stay.
    pub(crate) fn end(&self, pipeline: &mut Pipeline) {
        pipeline.remove_sink(self.sink);
    }

    /// Waits until the file is whole. Call after [`Recording::end`]; blocks for
    /// the time of copying the file.
    pub(crate) fn settle(self) {
        let status = self.handle.wait();
        tracing::debug!(state = ?status.state, bytes = status.bytes, "recording settled");
    }
}

fn publish(live: &Live, status: &Status) {
    let RecordingInfo {
        state,
        reason,
        bytes,
        duration_ms,
    } = of(status);
    live.publish(Event::Recording {
        state,
        reason,
        bytes,
        duration_ms,
    });
}
