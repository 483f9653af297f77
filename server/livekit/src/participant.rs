//! A participant of somebody else's room, without I/O: the avatar that a
//! customer's agent called for.
//!
//! It joins by `/rtc/v1` with one peer connection, publishes sound and then
//! picture, plays what the agent streams to it ([`crate::agent`]), takes its
//! connection up again when it is lost, and leaves when the agent does.

mod data;
mod membership;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message;

use crate::agent::{Contract, Speech, Told};
use crate::ids::Ids;
use crate::join;
use crate::proto::{
    Action as AfterLeave, ClientInfo, ConnectionSettings, DisconnectReason, JoinRequest, Leave,
    Ping, Request, Response, SessionDescription, SignalRequest, SignalResponse,
};

/// A server sends its first frame within this time.
const FIRST_FRAME_WITHIN: Duration = Duration::from_secs(10);

/// Pauses between attempts to connect again. Together they last about as long
/// as servers wait for a participant.
const RETRY_AFTER: [Duration; 7] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(8),
];

/// The agent that called for us is in the room, or about to be.
const AGENT_LATE: Duration = Duration::from_mins(2);

/// How a participant joins.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The token that the room's owner gave.
    pub token: String,
    /// Whose avatar it is; the first agent in the room when unknown.
    pub agent: Option<String>,
    /// Width and height of the picture, pixels.
    pub picture: (u32, u32),
    /// Seed of the names that are made.
    pub seed: u64,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Open a WebSocket to `/rtc/v1` of the server, and tell by
    /// [`Participant::opened`] or [`Participant::failed`].
    Connect {
        /// Goes as `Authorization: Bearer`.
        token: String,
        /// Goes as parameter `join_request`, needs no percent-encoding.
        join_request: String,
    },
    /// Send a binary frame.
    Send(Vec<u8>),
    /// Close the WebSocket, after what was sent.
    Hangup,
    /// Offer sound and picture and the channels `_reliable` and `_lossy` on a
    /// new peer connection; the offer goes to [`Participant::offered`].
    Offer {
        /// Name of the media stream in the offer.
        stream: String,
        /// Name of the audio track.
        audio: String,
        /// Name of the video track.
        video: String,
    },
    /// Offer new ICE credentials; the offer goes to [`Participant::offered`].
    Restart,
    /// Take an answer.
    Accept(String),
    /// Take a candidate of the server.
    Candidate(String),
    /// Send a reliable data packet.
    Data(Bytes),
    /// Close the peer connection.
    Close,
}

/// Something that the session should know.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The connection stands; sound and picture are published.
    Published,
    /// The agent is there.
    Agent(String),
    /// The agent wants this to be done.
    Speech(Speech),
    /// It is over; nothing follows.
    Over(Over),
}

/// Why a participant is no longer one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Over {
    /// From this side.
    Left,
    /// The agent left, or never came.
    NoAgent,
    /// The server refused, in these words.
    Refused(String),
    /// The server sent it away, for this reason of LiveKit's
    /// `DisconnectReason`.
    Removed(i32),
    /// The connection was lost and could not be made again.
    Lost(String),
}

/// Why a WebSocket could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server answered with this status and text.
    Status(u16, String),
    /// It did not answer.
    Unreachable(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A WebSocket is being opened.
    Connecting {
        resumes: bool,
    },
    /// It is open; the first frame is to come.
    Joining {
        resumes: bool,
        by: Instant,
    },
    /// Both sides talk.
    Joined,
    /// The next attempt is at this time.
    Waiting {
        resumes: bool,
        until: Instant,
    },
    Over,
}

/// A participant.
pub struct Participant {
    settings: Settings,
    ids: Ids,
    phase: Phase,
    /// Attempts since both sides last talked.
    attempts: usize,
    sid: String,
    /// The others: identity and whether it is an agent, by sid.
    others: BTreeMap<String, (String, bool)>,
    contract: Contract,
    agent_by: Option<Instant>,
    /// Own names of the tracks, and the server's.
    audio: (String, Option<String>),
    video: (String, Option<String>),
    /// Number of the last offer; 0 before there is a peer connection.
    offers: u32,
    last_offer: SessionDescription,
    last_answer: SessionDescription,
    peer: Link,
    published: bool,
    publish_by: Option<Instant>,
    ping_every: Duration,
    silence: Duration,
    ping_at: Instant,
    heard: Instant,
    data: data::Channel,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
}

/// What is known of the peer connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Link {
    connected: bool,
    reliable: bool,
}

impl Participant {
    /// Begins to join.
    #[must_use]
    pub fn new(settings: Settings, now: Instant) -> Self {
        let mut contract = Contract::default();
        if let Some(agent) = &settings.agent {
            contract.set_agent(agent);
        }
        let mut ids = Ids::new(settings.seed);
        let mut participant = Self {
            phase: Phase::Over,
            attempts: 0,
            sid: String::new(),
            others: BTreeMap::new(),
            contract,
            agent_by: Some(now + AGENT_LATE),
            audio: (ids.sid("TR_A"), None),
            video: (ids.sid("TR_V"), None),
            offers: 0,
            last_offer: SessionDescription::default(),
            last_answer: SessionDescription::default(),
            peer: Link::default(),
            published: false,
            publish_by: None,
            ping_every: Duration::from_secs(5),
            silence: Duration::from_secs(15),
            ping_at: now,
            heard: now,
            data: data::Channel::default(),
            actions: VecDeque::new(),
            events: VecDeque::new(),
            ids,
            settings,
        };
        participant.connect(false);
        participant
    }

    /// The WebSocket is open.
    pub fn opened(&mut self, now: Instant) {
        if let Phase::Connecting { resumes } = self.phase {
            let by = now + FIRST_FRAME_WITHIN;
            self.phase = Phase::Joining { resumes, by };
        }
    }

    /// The WebSocket could not be opened.
    pub fn failed(&mut self, now: Instant, failure: Failure) {
        let Phase::Connecting { resumes } = self.phase else {
            return;
        };
        match failure {
            Failure::Status(404, _) if !resumes => self.over(Over::Refused(
                "the server has no /rtc/v1: LiveKit's of before version 1.9, or another program"
                    .to_owned(),
            )),
            // Nothing of a token gets better with time.
            Failure::Status(status @ 400..=499, text) => {
                self.over(Over::Refused(format!("status {status}: {text}")));
            }
            Failure::Status(status, text) => {
                self.again(now, resumes, format!("status {status}: {text}"));
            }
            Failure::Unreachable(why) => self.again(now, resumes, why),
        }
    }

    /// The WebSocket is gone.
    pub fn lost(&mut self, now: Instant) {
        match self.phase {
            Phase::Joined => {
                self.attempts = 0;
                self.again(now, self.offers > 0, "the connection was lost".to_owned());
            }
            Phase::Joining { resumes, .. } => {
                self.again(now, resumes, "the server hung up".to_owned());
            }
            _ => {}
        }
    }

    /// A binary frame came.
    pub fn frame(&mut self, now: Instant, frame: &[u8]) {
        self.heard = now;
        let Ok(SignalResponse {
            message: Some(message),
        }) = SignalResponse::decode(frame)
        else {
            return;
        };
        match (self.phase, message) {
            (Phase::Joining { .. } | Phase::Joined, Response::Leave(leave)) => {
                self.sent_away(now, &leave);
            }
            (Phase::Joining { resumes: false, .. }, Response::Join(join)) => self.joined(now, join),
            (Phase::Joining { resumes: true, .. }, Response::Reconnect(response)) => {
                self.resumed(now, response.last_message_seq);
            }
            (Phase::Joined, message) => self.response(now, message),
            // Nothing else may be the first.
            (Phase::Joining { .. }, _) => {
                self.actions.push_back(Action::Hangup);
                self.again(now, false, "the server did not begin with join".to_owned());
            }
            _ => {}
        }
    }

    fn response(&mut self, now: Instant, message: Response) {
        match message {
            Response::TrackPublished(published) => self.track_published(published),
            Response::Answer(answer) if answer.id == 0 || answer.id == self.offers => {
                self.last_answer = answer.clone();
                self.actions.push_back(Action::Accept(answer.sdp));
            }
            Response::Trickle(trickle) => {
                if let Some(candidate) = candidate(&trickle.candidate_init) {
                    self.actions.push_back(Action::Candidate(candidate));
                }
            }
            Response::Update(update) => self.update(now, update.participants),
            Response::RefreshToken(token) => self.settings.token = token,
            _ => {}
        }
    }

    /// An offer was made, or why not.
    pub fn offered(&mut self, now: Instant, result: Result<String, String>) {
        match result {
            Ok(sdp) => {
                self.offers += 1;
                self.last_offer = SessionDescription {
                    r#type: "offer".to_owned(),
                    sdp,
                    id: self.offers,
                    ..SessionDescription::default()
                };
                self.send(Request::Offer(self.last_offer.clone()));
            }
            Err(why) => self.rejoin(now, why),
        }
    }

    /// An answer was taken, or why not.
    pub fn accepted(&mut self, now: Instant, result: Result<(), String>) {
        if let Err(why) = result {
            self.rejoin(now, why);
        }
    }

    /// The peer connection stands.
    pub fn connected(&mut self) {
        self.peer.connected = true;
        self.check_published();
    }

    /// A data channel is open.
    pub fn channel_open(&mut self, label: &str) {
        if label == "_reliable" {
            self.peer.reliable = true;
            self.flush();
            self.check_published();
        }
    }

    /// The peer connection is over.
    pub fn closed(&mut self, now: Instant) {
        if self.offers > 0 {
            self.offers = 0;
            self.rejoin(now, "the media connection was lost".to_owned());
        }
    }

    /// A data packet came.
    pub fn packet(&mut self, now: Instant, bytes: &Bytes) {
        if let Some((from, value)) = self.data.receive(bytes) {
            self.contract.packet(now, &mut self.ids, &from, value);
            self.settle();
        }
    }

    /// What the session says about speech.
    pub fn told(&mut self, now: Instant, told: Told) {
        self.contract.told(now, &mut self.ids, told);
        self.settle();
    }

    /// Leaves the room.
    pub fn leave(&mut self) {
        if matches!(self.phase, Phase::Joined) {
            self.send(Request::Leave(Leave {
                can_reconnect: false,
                reason: DisconnectReason::ClientInitiated as i32,
                action: AfterLeave::Disconnect as i32,
            }));
        }
        self.over(Over::Left);
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: Instant) {
        match self.phase {
            Phase::Waiting { resumes, until } if until <= now => self.connect(resumes),
            Phase::Joining { resumes, by } if by <= now => {
                self.actions.push_back(Action::Hangup);
                self.again(now, resumes, "the server does not answer".to_owned());
            }
            Phase::Joined if self.heard + self.silence <= now => {
                self.actions.push_back(Action::Hangup);
                self.lost(now);
            }
            Phase::Joined if self.ping_at <= now => self.ping(now),
            _ => {}
        }
        if self.publish_by.is_some_and(|by| by <= now) && self.phase == Phase::Joined {
            self.rejoin(now, "the media connection does not come up".to_owned());
        }
        if self.agent_by.is_some_and(|by| by <= now) && self.phase != Phase::Over {
            self.leave_for(Over::NoAgent);
        }
        self.contract.advance(now, &mut self.ids);
        self.settle();
    }

    /// When [`Participant::advance`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = match self.phase {
            Phase::Over => return None,
            Phase::Connecting { .. } => None,
            Phase::Joining { by, .. } => Some(by),
            Phase::Waiting { until, .. } => Some(until),
            Phase::Joined => {
                let ping = self.ping_at.min(self.heard + self.silence);
                Some(self.publish_by.map_or(ping, |by| by.min(ping)))
            }
        };
        [own, self.agent_by, self.contract.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn connect(&mut self, resumes: bool) {
        self.phase = Phase::Connecting { resumes };
        let request = JoinRequest {
            client_info: Some(ClientInfo {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                protocol: 17,
                os: std::env::consts::OS.to_owned(),
                ..ClientInfo::default()
            }),
            // It gets its speech as data and watches nobody.
            connection_settings: Some(ConnectionSettings {
                auto_subscribe: false,
            }),
            reconnect: resumes,
            participant_sid: if resumes {
                self.sid.clone()
            } else {
                String::new()
            },
            ..JoinRequest::default()
        };
        self.actions.push_back(Action::Connect {
            token: self.settings.token.clone(),
            join_request: join::encode(&request),
        });
    }

    /// Tries again after a while, or gives up.
    fn again(&mut self, now: Instant, resumes: bool, why: String) {
        match RETRY_AFTER.get(self.attempts) {
            Some(pause) => {
                self.attempts += 1;
                let until = now + *pause;
                self.phase = Phase::Waiting { resumes, until };
            }
            None => self.over(Over::Lost(why)),
        }
    }

    /// Begins anew, as another participant with the same identity.
    fn rejoin(&mut self, now: Instant, why: String) {
        match &mut self.phase {
            // The next attempt is under way.
            Phase::Waiting { resumes, .. } | Phase::Connecting { resumes } => *resumes = false,
            Phase::Over => {}
            Phase::Joining { .. } | Phase::Joined => {
                self.actions.push_back(Action::Hangup);
                self.again(now, false, why);
            }
        }
    }

    fn ping(&mut self, now: Instant) {
        self.ping_at = now + self.ping_every;
        // What comes back is only a sign of life: no round trip is measured.
        self.send(Request::PingReq(Ping {
            timestamp: 0,
            rtt: 0,
        }));
    }

    fn leave_for(&mut self, over: Over) {
        self.leave();
        if let Some(Event::Over(last)) = self.events.back_mut() {
            *last = over;
        }
    }

    fn over(&mut self, over: Over) {
        if self.phase == Phase::Over {
            return;
        }
        if !matches!(self.phase, Phase::Waiting { .. }) {
            self.actions.push_back(Action::Hangup);
        }
        if self.offers > 0 {
            self.actions.push_back(Action::Close);
        }
        self.phase = Phase::Over;
        if let Some(agent) = self.contract.agent().map(str::to_owned) {
            self.contract.gone(self.heard, &mut self.ids, &agent);
            self.settle();
        }
        self.events.push_back(Event::Over(over));
    }

    fn send(&mut self, request: Request) {
        let message = SignalRequest {
            message: Some(request),
        };
        self.actions
            .push_back(Action::Send(message.encode_to_vec()));
    }

    /// Passes on what the contract came up with.
    fn settle(&mut self) {
        while let Some(output) = self.contract.poll() {
            match output {
                crate::agent::Output::Send { to, value } => self.data.push(to, value),
                crate::agent::Output::Speech(speech) => {
                    self.events.push_back(Event::Speech(speech));
                }
                crate::agent::Output::Text(_) => {}
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        if self.peer.reliable {
            self.actions.extend(self.data.take().map(Action::Data));
        }
    }
}

/// `candidate` of an `RTCIceCandidateInit` in JSON.
fn candidate(json: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Init {
        candidate: String,
    }
    let init: Init = serde_json::from_str(json).ok()?;
    (!init.candidate.is_empty()).then_some(init.candidate)
}
