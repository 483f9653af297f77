//! What becomes of each section of an offer.

use media::Track;
use str0m::media::Mid;

use super::refused;
use crate::error::OfferError;
use crate::peer::{Peer, Source};
use crate::relay::MOST_TAKEN;
use crate::sdp::{self, Choice, Description, Kind, Known, ReadError, Use};

/// The tracks of a session.
pub(super) const OWN: [Track; 2] = [Track::Audio, Track::Video];

/// Sections that the library comes to know over a connection's life. A far side
/// may have each of its own carry other tracks, under other names, again.
const MOST_KNOWN: usize = 2 * sdp::MOST_SECTIONS;

const SENDS: Use = Use {
    send: true,
    hear: false,
    data: false,
};

const TAKES: Use = Use {
    send: false,
    hear: true,
    data: false,
};

/// What a negotiation will lead to.
pub(super) struct Plan {
    pub known: Vec<Known>,
    pub uses: Vec<Option<Use>>,
    /// What is sent in which section; of the session's own tracks also those
    /// whose section rests.
    pub lines: Vec<(String, Source)>,
    pub heard: Option<String>,
    pub taken: Vec<(String, Track)>,
    /// Pictures found no section with their codec.
    pub no_pictures: bool,
}

impl Plan {
    fn sends(&self, mid: &str) -> bool {
        let mut known = self.known.iter();
        known.any(|section| section.mid == mid && section.does.send)
    }

    /// The section in which a track of the session is sent.
    pub(super) fn own(&self, track: Track) -> Option<String> {
        let mut lines = self.lines.iter();
        let line = lines.find(|(mid, source)| *source == Source::Own(track) && self.sends(mid));
        line.map(|(mid, _)| mid.clone())
    }

    /// The sections in which tracks of other connections are sent.
    pub(super) fn relayed(&self) -> Vec<(String, String)> {
        let lines = self.lines.iter().filter(|(mid, _)| self.sends(mid));
        let relayed = lines.filter_map(|(mid, source)| match source {
            Source::Relay(relay) => Some((mid.clone(), relay.track.clone())),
            Source::Own(_) => None,
        });
        relayed.collect()
    }
}

impl Peer {
    /// Decides what becomes of each section of an offer.
    pub(super) fn plan(&self, far: &Description) -> Result<Plan, OfferError> {
        let talks = &self.talks;
        let wanted = &talks.wanted;
        let (lines, no_pictures) = self.plan_lines(far)?;
        let heard = talks.heard.map(|mid| mid.to_string());
        let sound = |s: &&sdp::Section| is_sent(s, Kind::Audio);
        let heard = heard.filter(|mid| far.section(mid).as_ref().is_some_and(sound));
        let mut sounds = far.sections.iter().filter(sound);
        let heard = match heard {
            Some(mid) => Some(mid),
            None if wanted.link.hear => sounds.next().and_then(|s| s.mid.clone()),
            None => None,
        };
        let taken = self.plan_tracks(far);
        let mut channels = far.sections.iter().filter(|s| s.kind == Kind::Data);
        let data = channels.find(|s| wanted.data && s.is_usable());
        let data = data.and_then(|s| s.mid.as_deref());

        let mut known = talks.known.clone();
        for section in &mut known {
            section.does = Use::default();
        }
        let mut uses = Vec::new();
        for section in &far.sections {
            let mid = section.mid.as_deref();
            let is = |other: &String| mid == Some(other.as_str());
            let does = Use {
                send: lines.iter().any(|(line, _)| is(line)) && section.receives,
                hear: heard.as_ref().is_some_and(is) || taken.iter().any(|(taken, _)| is(taken)),
                data: section.kind == Kind::Data,
            };
            let refused =
                !section.is_usable() || does.data && mid != data || !self.fits(section, does);
            uses.push((!refused).then_some(does));
            let Some(mid) = mid.filter(|_| !refused) else {
                continue;
            };
            if let Some(section) = known.iter_mut().find(|k| k.mid == mid) {
                section.does = does;
            } else if does != Use::default() {
                if known.len() >= MOST_KNOWN {
                    let limit = MOST_KNOWN;
                    return Err(OfferError::TooManySections { limit });
                }
                let choice = section.codec.clone().ok().map(|choice| Choice {
                    // One for the connection, whatever a section says.
                    profile: choice.profile.map(|_| talks.payloads.profile),
                    ..choice
                });
                known.push(Known {
                    mid: mid.to_owned(),
                    kind: section.kind,
                    choice,
                    does,
                });
            }
        }
        if known.is_empty() {
            return Err(refused("nothing in it can be used"));
        }
        check_payloads(&known)?;
        Ok(Plan {
            known,
            uses,
            lines,
            heard,
            taken,
            no_pictures,
        })
    }

    /// What is sent in which section of an offer, and whether pictures are left
    /// out for want of their codec.
    fn plan_lines(&self, far: &Description) -> Result<(Vec<(String, Source)>, bool), OfferError> {
        let mut no_pictures = false;
        let wanted = &self.talks.wanted;
        // Without a section for pictures, sound alone is what is asked for.
        let shows = far.sections.iter().any(|s| s.kind == Kind::Video);
        let current = self
            .lines
            .iter()
            .map(|line| (line.mid.to_string(), &line.source));
        let mut lines: Vec<(String, Source)> = current
            .filter(|(mid, source)| match source {
                Source::Own(_) => true,
                Source::Relay(relay) => {
                    let section = far.section(mid);
                    wanted.link.relays.contains(relay)
                        && section.is_some_and(|s| s.is_usable() && s.receives)
                }
            })
            .map(|(mid, source)| (mid, source.clone()))
            .collect();
        let own = wanted.link.send.iter().flat_map(|_| OWN).map(Source::Own);
        let relays = wanted.link.relays.iter().cloned().map(Source::Relay);
        for source in own.chain(relays) {
            if lines.iter().any(|(_, other)| *other == source) {
                continue;
            }
            // A section whose track has ended must rest once before it carries
            // another: else a player sees no new track (RFC 8829 §5.10).
            let rests = |mid: &str| {
                let mut sending = self.lines.iter().map(|line| line.mid);
                !sending.any(|line| line == Mid::from(mid))
            };
            let is_free = |section: &sdp::Section| {
                let mut mid = section.mid.iter();
                mid.all(|mid| lines.iter().all(|(line, _)| line != mid) && rests(mid))
                    && (matches!(source, Source::Own(_)) || self.fits(section, SENDS))
            };
            match (far.receiving(kind(source.kind()), is_free), &source) {
                (Ok((mid, _)), _) => {
                    let mid = mid.to_owned();
                    lines.push((mid, source));
                }
                (Err(OfferError::NotReceiving { .. }), Source::Own(track))
                    if !wanted.complete || *track == Track::Video && !shows => {}
                (Err(OfferError::NoH264 { .. }), Source::Relay(_)) => no_pictures = true,
                (Err(OfferError::NoH264 { .. }), _) if wanted.link.sound_alone => {
                    no_pictures = true;
                }
                (Err(error), Source::Own(_)) => return Err(error),
                // It waits for a section.
                (Err(_), Source::Relay(_)) => {}
            }
        }
        Ok((lines, no_pictures))
    }

    /// The far side's tracks that are taken: those of before, then new ones.
    fn plan_tracks(&self, far: &Description) -> Vec<(String, Track)> {
        if !self.talks.wanted.link.take {
            return Vec::new();
        }
        let is_old = |mid: &str| {
            let mut taken = self.talks.taken.iter();
            taken.any(|taken| taken.mid == Mid::from(mid))
        };
        let sections = far.sections.iter();
        let sections = sections.filter(|s| is_sent(s, s.kind) && self.fits(s, TAKES));
        let mut tracks: Vec<(String, Track)> = sections
            .filter_map(|section| Some((section.mid.clone()?, section.kind.track()?)))
            .collect();
        tracks.sort_by_key(|(mid, _)| !is_old(mid));
        tracks.truncate(MOST_TAKEN);
        tracks
    }

    /// Whether a section that is to be used keeps to the payload types of the
    /// connection.
    fn fits(&self, section: &sdp::Section, does: Use) -> bool {
        let Ok(choice) = &section.codec else {
            return true;
        };
        let mut same = self.talks.known.iter().filter(|k| k.kind == section.kind);
        let first = same.find_map(|k| k.choice.as_ref());
        does == Use::default() || first.is_none_or(|first| first.payload == choice.payload)
    }
}

fn kind(track: Track) -> Kind {
    match track {
        Track::Audio => Kind::Audio,
        Track::Video => Kind::Video,
    }
}

/// Whether the far side sends in a section, and it can be taken.
pub(super) fn is_sent(section: &sdp::Section, kind: Kind) -> bool {
    section.kind == kind && kind != Kind::Data && section.is_usable() && section.sends
}

pub(super) fn check_payloads(known: &[Known]) -> Result<(), ReadError> {
    let of = |kind: Kind| {
        let of_kind = known.iter().filter(move |k| k.kind == kind);
        let mut all: Vec<u8> = of_kind
            .filter_map(|k| k.choice.as_ref())
            .flat_map(Choice::payloads)
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let (audio, video) = (of(Kind::Audio), of(Kind::Video));
    let own = known.iter().filter_map(|k| k.choice.as_ref());
    let doubled = own.filter(|c| c.resend == Some(c.payload)).count() > 0;
    if doubled || audio.iter().any(|pt| video.contains(pt)) {
        return Err(ReadError::Malformed(
            "a payload type has two meanings".to_owned(),
        ));
    }
    Ok(())
}
