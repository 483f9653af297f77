//! The tracks of a connection, both ways, as negotiations leave them.

use media::Track;
use str0m::Rtc;
use str0m::change::SdpApi;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::rtp::Ssrc;

use super::plan::{Plan, is_sent};
use super::{refused, token};
use crate::error::OfferError;
use crate::link::{Heard, Tracks};
use crate::peer::{Line, Peer, Source};
use crate::relay::{Relay, Taken};
use crate::sdp::{self, Description, Kind};

impl Peer {
    /// What is to be passed on: from the next negotiation on what is new,
    /// and from now on nothing of what is not among it.
    pub(crate) fn set_relays(&mut self, relays: Vec<Relay>) {
        let link = &mut self.talks.wanted.link;
        link.relays = relays.into_iter().map(named).collect();
        self.hold_back();
    }

    /// Hears this section of the far side from now on, or none.
    pub(crate) fn hear(&mut self, mid: Option<&str>) {
        self.talks.wanted.link.hear = false;
        self.talks.heard = mid.map(Mid::from);
    }

    /// Offers what is to be passed on now: a section for each track that is
    /// new, none for those that are gone. New tracks for which there is no
    /// section left in the description are left out, and pictures that the far
    /// side has refused for their codec.
    pub(crate) fn reoffer(&mut self) -> Result<Option<String>, OfferError> {
        let settings = self.talks.wanted.link.clone();
        let is_wanted = |source: &Source| match source {
            Source::Own(_) => true,
            Source::Relay(relay) => settings.relays.contains(relay),
        };
        let current = self.lines.iter().map(|line| (line.mid, &line.source));
        let (kept, gone): (Vec<_>, Vec<_>) = current.partition(|(_, source)| is_wanted(source));
        let mut offered: Vec<(String, Source)> = kept
            .iter()
            .map(|(mid, source)| (mid.to_string(), (*source).clone()))
            .collect();
        let gone: Vec<Mid> = gone.into_iter().map(|(mid, _)| mid).collect();
        let sources = settings.relays.iter().cloned().map(Source::Relay);
        let is_new = |source: &Source| offered.iter().all(|(_, other)| other != source);
        let shows = !self.refuses_pictures();
        let new = sources.filter(|source| shows || source.kind() == Track::Audio);
        let new: Vec<Source> = new.filter(is_new).collect();

        let mut resting = self.resting();
        let mut room = sdp::MOST_SECTIONS.saturating_sub(self.talks.known.len());
        let mut added = Vec::new();
        for source in new {
            let is_fit = |(_, kind): &(Mid, Kind)| kind.track() == Some(source.kind());
            if let Some(at) = resting.iter().position(is_fit) {
                let (mid, _) = resting.remove(at);
                self.renew(mid, source.kind());
                offered.push((mid.to_string(), source));
            } else if room > 0 {
                room -= 1;
                added.push(source);
            } else {
                tracing::info!("a connection has too many tracks; new ones are left out");
            }
        }
        let renewed: Vec<Mid> = self.talks.renewed.iter().map(|new| new.mid).collect();
        let changes = self.declared(|rtc| {
            let mut changes = rtc.sdp_api();
            for mid in gone {
                changes.set_direction(mid, Direction::Inactive);
            }
            for mid in renewed {
                changes.set_direction(mid, Direction::SendOnly);
            }
            for source in added {
                let mid = add_media(&mut changes, &source, settings.send.as_ref());
                offered.push((mid, source));
            }
            changes.apply()
        });
        let Some((offer, pending)) = changes else {
            return Ok(None);
        };
        self.talks.offered = offered;
        self.propose(&offer, pending).map(Some)
    }

    /// Sections of our offers whose track has ended, or was not taken. The far
    /// side has seen them rest, so they can carry another (RFC 8829 §5.2.2);
    /// not those that it has switched off.
    fn resting(&self) -> Vec<(Mid, Kind)> {
        let is_off = |mid: &str| {
            let far = self.talks.far.as_ref().and_then(|far| far.section(mid));
            far.is_none_or(|section| section.flaw.is_some())
        };
        let known = self.talks.known.iter();
        let known = known.filter(|section| section.kind != Kind::Data && !is_off(&section.mid));
        let known = known.map(|section| (Mid::from(&*section.mid), section.kind));
        let rests = |(mid, _): &(Mid, Kind)| self.lines.iter().all(|line| line.mid != *mid);
        known.filter(rests).collect()
    }

    /// Whether the last answer has sections for pictures, and H.264 in none.
    pub(super) fn refuses_pictures(&self) -> bool {
        let sections = self.talks.far.iter().flat_map(|far| &far.sections);
        let mut video = sections.filter(|section| section.kind == Kind::Video);
        video.next().is_some_and(|first| first.codec.is_err())
            && video.all(|section| section.codec.is_err())
    }

    /// Gives a section a sender of its own for the track that it carries next.
    fn renew(&mut self, mid: Mid, kind: Track) {
        let direct = self.rtc.direct_api();
        let resend = (kind == Track::Video).then(|| direct.new_ssrc());
        let ssrc = direct.new_ssrc();
        self.talks.renewed.push(Renewed { mid, ssrc, resend });
        let mid = mid.to_string();
        if !self.talks.reused.contains(&mid) {
            self.talks.reused.push(mid);
        }
    }

    /// What our offer says of sections that had another track before.
    pub(super) fn renames(&self) -> Vec<sdp::Rename> {
        let talks = &self.talks;
        let offered = talks.offered.iter();
        let renames = offered.filter_map(|(mid, source)| match source {
            Source::Relay(relay) if talks.reused.contains(mid) => Some(sdp::Rename {
                mid: mid.clone(),
                stream: relay.renamed.clone(),
                track: relay.track.clone(),
            }),
            _ => None,
        });
        renames.collect()
    }

    /// Takes the senders of renewed sections off again.
    pub(super) fn rest_renewed(&mut self) {
        for new in &self.talks.renewed {
            self.rtc.direct_api().remove_stream_tx(new.ssrc);
        }
    }

    /// The far side's tracks, as the edge is told of them.
    pub(super) fn heard(&self, far: &Description, plan: &Plan) -> Vec<Heard> {
        let takes = self.talks.wanted.link.take;
        let is_told = |section: &&sdp::Section| {
            let mid = section.mid.as_deref();
            if takes {
                plan.taken.iter().any(|(taken, _)| Some(&**taken) == mid)
            } else {
                is_sent(section, Kind::Audio)
            }
        };
        let told = far.sections.iter().filter(is_told);
        let mut heard: Vec<Heard> = told
            .filter_map(|section| {
                let (stream, track) = section.msid.clone().unwrap_or_default();
                Some(Heard {
                    mid: section.mid.clone()?,
                    kind: section.kind.track()?,
                    stream,
                    track,
                })
            })
            .collect();
        heard.sort_by_key(|h| Some(&h.mid) != plan.heard.as_ref());
        heard
    }

    /// Notes which tracks of the far side are taken.
    pub(super) fn take_tracks(&mut self, plan: &Plan) {
        let talks = &mut self.talks;
        talks.heard = plan.heard.as_deref().map(Mid::from);
        let mut old = std::mem::take(&mut talks.taken);
        for (mid, kind) in &plan.taken {
            let mid = Mid::from(&**mid);
            let known = old.iter().position(|taken| taken.mid == mid);
            let taken = known.map(|at| old.swap_remove(at));
            talks
                .taken
                .push(taken.unwrap_or_else(|| Taken::new(mid, *kind)));
        }
    }

    /// Runs a negotiation with the senders that exist, or will with the first
    /// packet, declared: the library makes new ones where there are none.
    pub(super) fn declared<T>(&mut self, work: impl FnOnce(&mut Rtc) -> T) -> T {
        for line in &self.lines {
            let mut direct = self.rtc.direct_api();
            direct.declare_stream_tx(line.ssrc, line.resend, line.mid, None);
        }
        for new in &self.talks.renewed {
            let mut direct = self.rtc.direct_api();
            direct.declare_stream_tx(new.ssrc, new.resend, new.mid, None);
        }
        let result = work(&mut self.rtc);
        for line in &self.lines {
            if !line.flowing {
                self.rtc.direct_api().remove_stream_tx(line.ssrc);
            }
        }
        result
    }

    /// Takes the senders that the library made off again, until there is
    /// something to send ([`Peer::write`]); notes those of our tracks.
    pub(super) fn take_lines(&mut self, plan: &Plan) -> Result<(), OfferError> {
        let stays = |line: &Line| {
            let mid = line.mid.to_string();
            let mut lines = plan.lines.iter();
            lines.any(|(other, source)| *other == mid && *source == line.source)
        };
        for line in self.lines.iter().filter(|line| !stays(line)) {
            self.rtc.direct_api().remove_stream_tx(line.ssrc);
        }
        self.lines.retain(stays);
        for section in &plan.known {
            let (Some(choice), true) = (&section.choice, section.does.send || section.does.hear)
            else {
                continue;
            };
            let mid = Mid::from(&*section.mid);
            if section.does.send && self.lines.iter().any(|line| line.mid == mid) {
                continue;
            }
            let made = made_sender(&mut self.rtc, &section.mid, choice.payload)?;
            let mut lines = plan.lines.iter();
            let line = lines.find(|(other, _)| section.does.send && *other == section.mid);
            if let Some((_, source)) = line {
                let (stream, track) = names(source, self.talks.wanted.link.send.as_ref());
                let source = source.clone();
                let line = Line::new(made, source, choice.payload, &stream, &track);
                self.lines.push(line);
            }
        }
        Ok(())
    }
}

/// Stream and track as the far side is told them.
fn names(source: &Source, own: Option<&Tracks>) -> (String, String) {
    match source {
        Source::Relay(relay) => (relay.stream.clone(), relay.track.clone()),
        Source::Own(track) => {
            let stream = own.map(|own| own.stream.clone()).unwrap_or_default();
            let track = own.map(|own| match track {
                Track::Audio => own.audio.clone(),
                Track::Video => own.video.clone(),
            });
            (stream, track.unwrap_or_default())
        }
    }
}

/// Adds a section for a track to an offer.
pub(super) fn add_media(changes: &mut SdpApi, source: &Source, own: Option<&Tracks>) -> String {
    let kind = match source.kind() {
        Track::Audio => MediaKind::Audio,
        Track::Video => MediaKind::Video,
    };
    let (stream, track) = names(source, own);
    let mid = changes.add_media(kind, Direction::SendOnly, Some(stream), Some(track), None);
    mid.to_string()
}

/// A track with names that can stand in a description.
pub(super) fn named(relay: Relay) -> Relay {
    Relay {
        stream: token(&relay.stream, "visavis"),
        renamed: token(&relay.renamed, "visavis"),
        track: token(&relay.track, "track"),
        ..relay
    }
}

/// The sender of a section that had another track before, from an offer of ours
/// until its answer.
#[derive(Debug)]
pub(crate) struct Renewed {
    mid: Mid,
    ssrc: Ssrc,
    resend: Option<Ssrc>,
}

/// The sender that the library made for a section, which is taken off.
pub(crate) struct Made {
    pub mid: Mid,
    pub ssrc: Ssrc,
    pub resend: Option<Ssrc>,
    pub cname: String,
}

fn made_sender(rtc: &mut Rtc, mid: &str, payload: u8) -> Result<Made, OfferError> {
    let mid = Mid::from(mid);
    let media = rtc
        .media(mid)
        .ok_or_else(|| refused("a section was lost"))?;
    if !media.remote_pts().contains(&payload.into()) {
        return Err(refused("a payload type was lost"));
    }
    let cname = media.cname().to_owned();
    let mut direct = rtc.direct_api();
    let sender = direct
        .stream_tx_by_mid(mid, None)
        .ok_or_else(|| refused("a section cannot be sent to"))?;
    let (ssrc, resend) = (sender.ssrc(), sender.rtx());
    direct.remove_stream_tx(ssrc);
    Ok(Made {
        mid,
        ssrc,
        resend,
        cname,
    })
}
