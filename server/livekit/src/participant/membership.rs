//! In the room: what was joined, who else is there, and what is published.

use std::time::{Duration, Instant};

use prost::Message;

use crate::proto::{
    Action as AfterLeave, AddTrack, JoinResponse, Kind, Leave, ParticipantInfo, ReceiveState,
    Request, SignalRequest, Source, State, SyncState, TrackInfo, TrackPublished, TrackType,
};

use super::{Action, Event, Link, Over, Participant, Phase};

/// Names of the tracks, as LiveKit's own avatar worker gives them.
const AUDIO: &str = "avatar_audio";
const VIDEO: &str = "avatar_video";

/// Our tracks are acknowledged and the connection stands within this time.
const PUBLISH_WITHIN: Duration = Duration::from_secs(20);

/// An agent that is gone for this long will not come back: its own client
/// gives up reconnecting before.
const AGENT_AWAY: Duration = Duration::from_secs(20);

impl Participant {
    pub(super) fn joined(&mut self, now: Instant, join: JoinResponse) {
        if self.offers > 0 {
            self.offers = 0;
            self.actions.push_back(Action::Close);
        }
        self.peer = Link::default();
        self.audio.1 = None;
        self.video.1 = None;
        self.data.reset();
        self.publish_by = Some(now + PUBLISH_WITHIN);
        self.talk(now);
        let seconds = |s: i32, default: Duration| match u64::try_from(s) {
            Ok(s) if s > 0 => Duration::from_secs(s),
            _ => default,
        };
        self.ping_every = seconds(join.ping_interval, self.ping_every);
        self.silence = seconds(join.ping_timeout, self.silence);
        self.ping_at = now + self.ping_every;
        self.sid = join.participant.map(|p| p.sid).unwrap_or_default();
        let before = std::mem::take(&mut self.others);
        self.update(now, join.other_participants);
        for (sid, (identity, _)) in before {
            let still = self
                .others
                .iter()
                .any(|(s, (i, _))| *s == sid || *i == identity);
            if !still {
                self.gone(now, &identity);
            }
        }
        let (width, height) = self.settings.picture;
        for (cid, name, kind, source, size) in [
            (
                &self.audio.0,
                AUDIO,
                TrackType::Audio,
                Source::Microphone,
                (0, 0),
            ),
            (
                &self.video.0,
                VIDEO,
                TrackType::Video,
                Source::Camera,
                (width, height),
            ),
        ] {
            let track = AddTrack {
                cid: cid.clone(),
                name: name.to_owned(),
                r#type: kind as i32,
                width: size.0,
                height: size.1,
                source: source as i32,
                disable_red: true,
                // One stream, so that clients play both in step.
                stream: "camera".to_owned(),
                ..AddTrack::default()
            };
            let frame = SignalRequest {
                message: Some(Request::AddTrack(track)),
            };
            self.actions.push_back(Action::Send(frame.encode_to_vec()));
        }
    }

    pub(super) fn resumed(&mut self, now: Instant, last_message_seq: u32) {
        self.talk(now);
        self.ping_at = now + self.ping_every;
        let published = |(cid, sid): &(String, Option<String>)| {
            let track = sid.clone().map(|sid| TrackInfo {
                sid,
                ..TrackInfo::default()
            });
            TrackPublished {
                cid: cid.clone(),
                track,
            }
        };
        self.send(Request::SyncState(SyncState {
            answer: Some(self.last_answer.clone()),
            subscription: None,
            publish_tracks: vec![published(&self.audio), published(&self.video)],
            offer: Some(self.last_offer.clone()),
            datachannel_receive_states: self
                .data
                .received()
                .map(|(sid, last_seq)| ReceiveState {
                    publisher_sid: sid.to_owned(),
                    last_seq,
                })
                .collect(),
        }));
        self.actions.push_back(Action::Restart);
        self.data.resend_after(last_message_seq);
        self.flush();
    }

    pub(super) fn talk(&mut self, now: Instant) {
        self.phase = Phase::Joined;
        self.heard = now;
    }

    pub(super) fn track_published(&mut self, published: TrackPublished) {
        let sid = published.track.map(|t| t.sid);
        for track in [&mut self.audio, &mut self.video] {
            if track.0 == published.cid {
                track.1.clone_from(&sid);
            }
        }
        if self.audio.1.is_some() && self.video.1.is_some() && self.offers == 0 {
            self.actions.push_back(Action::Offer {
                stream: "camera".to_owned(),
                audio: self.audio.0.clone(),
                video: self.video.0.clone(),
            });
        }
    }

    pub(super) fn check_published(&mut self) {
        if self.peer.connected && self.peer.reliable && self.publish_by.take().is_some() {
            self.attempts = 0;
            if !std::mem::replace(&mut self.published, true) {
                self.events.push_back(Event::Published);
            }
        }
    }

    pub(super) fn update(&mut self, now: Instant, participants: Vec<ParticipantInfo>) {
        for info in participants {
            if info.sid == self.sid {
                continue;
            }
            if info.state == State::Disconnected as i32 {
                let known = self.others.remove(&info.sid).is_some();
                // Somebody may already be back under another sid.
                let back = self.others.values().any(|(i, _)| *i == info.identity);
                if known && !back {
                    self.gone(now, &info.identity);
                }
                continue;
            }
            let agent = info.kind == Kind::Agent as i32;
            self.others.insert(info.sid, (info.identity.clone(), agent));
            let wanted = match &self.settings.agent {
                Some(wanted) => *wanted == info.identity,
                None => agent && self.contract.agent().is_none_or(|a| a == info.identity),
            };
            if wanted && self.agent_by.take().is_some() {
                self.contract.set_agent(&info.identity);
                self.events.push_back(Event::Agent(info.identity));
            }
        }
        self.settle();
    }

    pub(super) fn gone(&mut self, now: Instant, identity: &str) {
        if self.contract.agent() == Some(identity) {
            self.agent_by = Some(now + AGENT_AWAY);
        }
        self.contract.gone(now, &mut self.ids, identity);
        self.settle();
    }

    pub(super) fn sent_away(&mut self, now: Instant, leave: &Leave) {
        self.actions.push_back(Action::Hangup);
        match AfterLeave::try_from(leave.action) {
            Ok(AfterLeave::Resume) if self.offers > 0 => {
                self.again(now, true, "the server sent us away".to_owned());
            }
            Ok(AfterLeave::Resume | AfterLeave::Reconnect) => {
                self.again(now, false, "the server sent us away".to_owned());
            }
            // Servers of before `action` say it this way.
            _ if leave.can_reconnect => {
                self.again(now, false, "the server sent us away".to_owned());
            }
            _ => self.over(Over::Removed(leave.reason)),
        }
    }
}
