//! The contract between a LiveKit agent and its avatar
//! (`livekit-agents`, `voice/avatar/_datastream_io.py`): the agent streams its
//! speech as bytes to the avatar and may clear it; the avatar tells when it
//! is heard and when it is over.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::ids::Ids;
use crate::playback::{self, Playback, Segment};
use crate::proto::Value;
use crate::rpc::{self, CallId, Request, Rpc, RpcError};
use crate::streams::{self, Streams};

/// Topic of speech.
pub const AUDIO_TOPIC: &str = "lk.audio_stream";

/// The agent calls it to have silence.
const CLEAR_BUFFER: &str = "lk.clear_buffer";

/// The avatar calls it when a segment begins to be heard.
const PLAYBACK_STARTED: &str = "lk.playback_started";

/// The avatar calls it when a segment is over.
const PLAYBACK_FINISHED: &str = "lk.playback_finished";

/// How often a call is tried, and how long after a failure: as LiveKit's own
/// avatar worker does.
const ATTEMPTS: u32 = 3;
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// How sound is coded: signed 16-bit little-endian samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Samples per second.
    pub rate: u32,
    /// Interleaved channels.
    pub channels: u16,
}

/// What is to be done with speech.
#[derive(Clone, Debug, PartialEq)]
pub enum Speech {
    /// Sound of a segment; with its first piece a turn is opened, about which
    /// the caller tells [`Told`].
    Sound {
        /// Whose it is.
        segment: Segment,
        /// How it is coded.
        format: Format,
        /// Samples, cut anywhere.
        content: Bytes,
    },
    /// No more sound of it follows.
    End(Segment),
    /// Silence, at once.
    Interrupt,
}

/// What the session tells of speech.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told {
    /// A segment is played as this turn.
    Opened(Segment, u64),
    /// A segment cannot be played (any more).
    Refused(Segment),
    /// A turn begins to be heard.
    Started(u64),
    /// A turn is over.
    Ended {
        /// Which.
        turn: u64,
        /// How much of it was heard.
        heard: Duration,
        /// Whether it was cut.
        interrupted: bool,
    },
    /// The session is over.
    Stopped,
}

pub(crate) enum Output {
    Send {
        to: String,
        value: Value,
    },
    Speech(Speech),
    /// A text stream that was not the contract's.
    Text(streams::Output),
}

/// A call that the agent must get.
struct Notice {
    method: &'static str,
    payload: String,
    attempts: u32,
    /// Not before.
    at: Option<Instant>,
}

/// The avatar's side.
#[derive(Default)]
pub(crate) struct Contract {
    agent: Option<String>,
    rpc: Rpc,
    streams: Streams,
    playback: Playback,
    /// Open streams of the agent.
    open: BTreeMap<String, (Segment, Format)>,
    notices: VecDeque<Notice>,
    calling: Option<CallId>,
    out: VecDeque<Output>,
}

impl Contract {
    /// Whose speech is played; `None` before there is one.
    pub(crate) fn agent(&self) -> Option<&str> {
        self.agent.as_deref()
    }

    /// From now on this one's.
    pub(crate) fn set_agent(&mut self, identity: &str) {
        self.agent = Some(identity.to_owned());
    }

    /// Takes a packet for the avatar.
    pub(crate) fn packet(&mut self, now: Instant, ids: &mut Ids, from: &str, value: Value) {
        match value {
            Value::RpcRequest(request) => {
                if let Some(request) = self.rpc.request(from, request) {
                    self.request(now, &request);
                }
            }
            Value::RpcAck(ack) => self.rpc.ack(from, &ack),
            Value::RpcResponse(response) => self.rpc.response(from, response),
            Value::StreamHeader(header) => self.streams.header(from, header),
            Value::StreamChunk(chunk) => self.streams.chunk(from, chunk),
            Value::StreamTrailer(trailer) => self.streams.trailer(from, trailer),
            _ => {}
        }
        self.settle(now, ids);
    }

    fn request(&mut self, now: Instant, request: &Request) {
        let result = if request.method != CLEAR_BUFFER {
            Err(RpcError::new(RpcError::UNSUPPORTED_METHOD))
        } else if self.agent() == Some(&request.from) {
            self.playback.clear(now);
            Ok("ok".to_owned())
        } else {
            Ok("reject".to_owned())
        };
        self.rpc.respond(request, result);
    }

    /// What the session says.
    pub(crate) fn told(&mut self, now: Instant, ids: &mut Ids, told: Told) {
        match told {
            Told::Opened(segment, turn) => self.playback.opened(segment, turn),
            Told::Refused(segment) => self.playback.refused(segment),
            Told::Started(turn) => self.playback.turn_started(now, turn),
            Told::Ended {
                turn,
                heard,
                interrupted,
            } => self.playback.turn_ended(turn, heard, interrupted),
            Told::Stopped => self.playback.stopped(now),
        }
        self.settle(now, ids);
    }

    /// A participant left.
    pub(crate) fn gone(&mut self, now: Instant, ids: &mut Ids, identity: &str) {
        self.streams.gone(identity);
        self.rpc.gone(identity);
        if self.agent() == Some(identity) {
            self.agent = None;
            self.open.clear();
            self.notices.clear();
            self.playback.lost();
        }
        self.settle(now, ids);
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, now: Instant, ids: &mut Ids) {
        self.rpc.advance(now);
        self.playback.advance(now);
        self.settle(now, ids);
    }

    /// When [`Contract::advance`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let notice = self.notices.front().filter(|_| self.calling.is_none());
        [
            self.rpc.poll_timeout(),
            self.playback.poll_timeout(),
            notice.and_then(|notice| notice.at),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Passes on what came of it.
    fn settle(&mut self, now: Instant, ids: &mut Ids) {
        while let Some(output) = self.streams.poll() {
            self.stream(now, output);
        }
        while let Some(output) = self.playback.poll() {
            self.play(output);
        }
        while let Some(output) = self.rpc.poll() {
            match output {
                rpc::Output::Send { to, value } => self.out.push_back(Output::Send { to, value }),
                rpc::Output::Done { call, result } if Some(call) == self.calling => {
                    self.calling = None;
                    self.called(now, result);
                }
                rpc::Output::Done { .. } => {}
            }
        }
        self.notify(now, ids);
    }

    fn stream(&mut self, now: Instant, output: streams::Output) {
        match output {
            streams::Output::Opened {
                from,
                stream,
                topic,
                attributes,
            } => {
                if topic != AUDIO_TOPIC || self.agent.as_deref() != Some(&from) {
                    return;
                }
                let segment = self.playback.begin(now);
                match format(&attributes) {
                    Some(format) => {
                        self.open.insert(stream, (segment, format));
                    }
                    None => self.playback.refused(segment),
                }
            }
            streams::Output::Chunk {
                from,
                stream,
                content,
            } => {
                if self.agent.as_deref() == Some(&from)
                    && let Some((segment, _)) = self.open.get(&stream)
                {
                    self.playback.sound(now, *segment, content);
                }
            }
            streams::Output::Closed { from, stream, .. } => {
                if self.agent.as_deref() == Some(&from)
                    && let Some((segment, _)) = self.open.remove(&stream)
                {
                    self.playback.end(segment);
                }
            }
            text @ streams::Output::Text { .. } => self.out.push_back(Output::Text(text)),
        }
    }

    fn play(&mut self, output: playback::Output) {
        match output {
            playback::Output::Sound { segment, content } => {
                let mut open = self.open.values();
                if let Some((_, format)) = open.find(|(open, _)| *open == segment) {
                    self.out.push_back(Output::Speech(Speech::Sound {
                        segment,
                        format: *format,
                        content,
                    }));
                }
            }
            playback::Output::End(segment) => {
                self.out.push_back(Output::Speech(Speech::End(segment)));
            }
            playback::Output::Interrupt => {
                self.out.push_back(Output::Speech(Speech::Interrupt));
            }
            playback::Output::Started => self.queue(PLAYBACK_STARTED, String::new()),
            playback::Output::Finished {
                position,
                interrupted,
            } => self.queue(
                PLAYBACK_FINISHED,
                serde_json::json!({
                    "playback_position": position,
                    "interrupted": interrupted,
                })
                .to_string(),
            ),
        }
    }

    fn queue(&mut self, method: &'static str, payload: String) {
        self.notices.push_back(Notice {
            method,
            payload,
            attempts: 0,
            at: None,
        });
    }

    /// Makes the next call; one at a time keeps their order.
    fn notify(&mut self, now: Instant, ids: &mut Ids) {
        if self.calling.is_some() {
            return;
        }
        if let (Some(agent), Some(notice)) = (&self.agent, self.notices.front_mut())
            && notice.at.is_none_or(|at| at <= now)
        {
            notice.attempts += 1;
            let payload = notice.payload.clone();
            self.calling = Some(self.rpc.call(now, ids, agent, notice.method, payload));
            while let Some(output) = self.rpc.poll() {
                if let rpc::Output::Send { to, value } = output {
                    self.out.push_back(Output::Send { to, value });
                }
            }
        }
    }

    fn called(&mut self, now: Instant, result: Result<String, RpcError>) {
        let Some(notice) = self.notices.front_mut() else {
            return;
        };
        let again = match result {
            Ok(_) => false,
            // Agents that do not wait for the start do not take it.
            Err(error) if error.code == RpcError::UNSUPPORTED_METHOD => {
                notice.method == PLAYBACK_FINISHED
            }
            Err(_) => true,
        };
        if again && notice.attempts < ATTEMPTS {
            notice.at = Some(now + RETRY_AFTER);
        } else {
            self.notices.pop_front();
        }
    }
}

fn format(attributes: &BTreeMap<String, String>) -> Option<Format> {
    let format = Format {
        rate: attributes.get("sample_rate")?.parse().ok()?,
        channels: attributes.get("num_channels")?.parse().ok()?,
    };
    // What the session can play.
    ((8_000..=192_000).contains(&format.rate) && (1..=8).contains(&format.channels))
        .then_some(format)
}
