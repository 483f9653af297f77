//! The viewers of a session: between the edges that open and close them, the
//! transport that serves them, and the pipeline that feeds them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use media::Packet;
use media::seam::{Sink, SinkState};
use serde::Serialize;
use session::{Event, Pipeline, Shared, SinkId};
use transport::{Control, Event as ViewerEvent, Reason, State as ViewerState, Viewer};

use crate::handle::ViewError;
use crate::live::Live;

/// Viewers of one session. One encode serves them all; each costs about 4 ms
/// of CPU for a second of media, as measured.
pub const MAX_VIEWERS: usize = 64;

/// A viewer as the edges see it.
#[derive(Clone, Debug, Serialize)]
pub struct ViewerInfo {
    /// Its name in the session.
    pub id: String,
    /// `connecting`, `connected` or `closed`.
    pub state: &'static str,
    /// Round trip, ms.
    pub rtt_ms: Option<f64>,
    /// Datagrams sent.
    pub packets_sent: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// NACK messages received.
    pub nacks: u64,
    /// Key frame requests received.
    pub plis: u64,
    /// Share of sound packets lost on the way, 0..=1, by the viewer's latest
    /// receiver reports.
    pub loss: Option<f32>,
    /// What the path carries, bit/s, as estimated.
    pub estimated_bitrate: Option<u32>,
}

struct Entry {
    control: Control,
    sink: Option<SinkId>,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    /// Viewers that wait for the next hop to join the pipeline.
    joining: Vec<Viewer>,
    /// Connections that only carry data or a microphone.
    others: Vec<Control>,
    /// News of viewers that wait for the next hop.
    news: Vec<(String, ViewerEvent)>,
    /// Whether the session is over, so that nobody can join any more.
    over: bool,
}

/// The viewers of one session.
#[derive(Default)]
pub(crate) struct Viewers {
    state: std::sync::Arc<Mutex<State>>,
}

impl Viewers {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Adds a viewer; it gets its first packets with the next hop.
    pub(crate) fn add(&self, viewer: Viewer) -> Result<(), ViewError> {
        let mut state = self.lock();
        if state.over {
            return Err(ViewError::Closed);
        }
        if state.entries.len() >= MAX_VIEWERS {
            return Err(ViewError::TooMany);
        }
        state.entries.push(Entry {
            control: viewer.control().clone(),
            sink: None,
        });
        state.joining.push(viewer);
        Ok(())
    }

    /// Closes a connection that watches nothing with the session.
    pub(crate) fn keep(&self, control: Control) -> Result<(), ViewError> {
        let mut state = self.lock();
        if state.over {
            return Err(ViewError::Closed);
        }
        state.others.retain(Control::is_open);
        if state.others.len() >= MAX_VIEWERS {
            return Err(ViewError::TooMany);
        }
        state.others.push(control);
        Ok(())
    }

    /// The control of a viewer that is still there.
    pub(crate) fn control(&self, id: &str) -> Option<Control> {
        self.lock()
            .entries
            .iter()
            .find(|e| e.control.id().to_string() == id)
            .map(|e| e.control.clone())
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().entries.len()
    }

    /// All of them.
    pub(crate) fn list(&self) -> Vec<ViewerInfo> {
        let state = self.lock();
        state.entries.iter().map(|e| info(&e.control)).collect()
    }

    /// Before a hop: lets viewers join, and passes their news on.
    pub(crate) fn apply(&self, pipeline: &mut Pipeline, live: &Live) {
        let (joining, news) = {
            let mut state = self.lock();
            (
                std::mem::take(&mut state.joining),
                std::mem::take(&mut state.news),
            )
        };
        for viewer in joining {
            let id = viewer.id();
            let sink = pipeline.add_sink(Box::new(ViewerSink {
                viewer,
                state: self.state.clone(),
                conductor: pipeline.conductor(),
            }));
            let mut state = self.lock();
            if let Some(entry) = state.entries.iter_mut().find(|e| e.control.id() == id) {
                entry.sink = Some(sink);
            }
        }
        for (viewer, event) in news {
            match event {
                ViewerEvent::Connected => {
                    pipeline.want_key();
                    live.with(|c| {
                        c.touch();
                        c.emit(Event::ViewerJoined { viewer });
                    });
                }
                ViewerEvent::KeyFrameWanted => pipeline.want_key(),
                ViewerEvent::Closed(reason) => {
                    live.publish(Event::ViewerLeft {
                        viewer: viewer.clone(),
                        reason: reason_name(reason).to_owned(),
                    });
                    self.lock()
                        .entries
                        .retain(|e| e.control.id().to_string() != viewer);
                }
                _ => {}
            }
        }
    }

    /// Takes note of sinks that the pipeline has dropped.
    pub(crate) fn closed(&self, sinks: &[SinkId]) {
        if !sinks.is_empty() {
            self.lock()
                .entries
                .retain(|e| e.sink.is_none_or(|sink| !sinks.contains(&sink)));
        }
    }

    /// Closes all of them, and lets no more in.
    pub(crate) fn close_all(&self) {
        let mut state = self.lock();
        state.over = true;
        for entry in state.entries.drain(..) {
            entry.control.close();
        }
        for control in state.others.drain(..) {
            control.close();
        }
        state.joining.clear();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A viewer in the pipeline: hands on packets, collects news.
struct ViewerSink {
    viewer: Viewer,
    state: std::sync::Arc<Mutex<State>>,
    conductor: Shared,
}

impl Sink for ViewerSink {
    fn write(&mut self, packet: &Packet) -> SinkState {
        // What an interrupt cut must not be heard any more, should it still
        // wait in the queue.
        let cut = self.conductor.lock().cut_before();
        self.viewer.drop_before(cut);
        let open = self.viewer.write(packet);
        while let Some(event) = self.viewer.poll_event() {
            lock(&self.state)
                .news
                .push((self.viewer.id().to_string(), event));
        }
        open
    }
}

fn info(control: &Control) -> ViewerInfo {
    let stats = control.stats();
    ViewerInfo {
        id: control.id().to_string(),
        state: match stats.state {
            ViewerState::Connecting => "connecting",
            ViewerState::Connected => "connected",
            _ => "closed",
        },
        rtt_ms: stats.rtt.map(|rtt| rtt.as_secs_f64() * 1e3),
        packets_sent: stats.packets_sent,
        bytes_sent: stats.bytes_sent,
        nacks: stats.nacks,
        plis: stats.key_requests,
        loss: stats.loss,
        estimated_bitrate: stats.bitrate,
    }
}

const fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::Local => "closed_here",
        Reason::Remote => "closed_by_viewer",
        Reason::Timeout => "vanished",
        Reason::NeverConnected => "never_connected",
        Reason::Overrun => "sent_too_fast",
        _ => "failed",
    }
}
