//! The microphones of a session: decodes what people say and notices when
//! they begin and stop.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use codec::opus::Decoder;
use media::HOP;
use session::Event;
use transport::{Microphone, ViewerId};

use crate::live::Live;

/// Sound that may be decoded at once after a stall, samples: two seconds, as
/// much as a microphone's queue holds. On average it is real time, whatever a
/// sender packs into its packets.
const BUDGET: i64 = 2 * media::CLOCK_HZ;

/// Hops without a packet before they count as silence: a muted microphone and
/// one that suppresses silence send nothing, a bad path sends late.
const PATIENCE: u32 = 10;

/// Sound is speech when it is this much above the noise of the room.
const ABOVE_NOISE_DB: f32 = 12.0;

/// Quieter sound is no speech, in dB of full scale.
const QUIETEST_DB: f32 = -50.0;

/// What counts as silence at most, so that somebody who speaks from the first
/// moment on is not taken for noise.
const LOUDEST_NOISE_DB: f32 = -30.0;

/// How fast the noise is thought to rise, dB for each hop: 3 dB a second, so
/// that a sentence does not become the noise.
const NOISE_RISE_DB: f32 = 0.06;

/// Hops of sound before it counts: a click is shorter.
const BEGINS: u32 = 3;

/// Hops of silence before it counts: pauses within a sentence are shorter.
const ENDS: u32 = 30;

/// Notices speech by its loudness.
#[derive(Debug)]
struct Gate {
    noise_db: f32,
    speaking: bool,
    /// Hops that speak against the present state.
    against: u32,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            noise_db: LOUDEST_NOISE_DB - ABOVE_NOISE_DB,
            speaking: false,
            against: 0,
        }
    }
}

impl Gate {
    /// Takes the sound of one hop. Gives whether somebody speaks, if that
    /// changed.
    fn hop(&mut self, sound: &[f32]) -> Option<bool> {
        let power = sound.iter().map(|s| s * s).sum::<f32>() / sound.len().max(1) as f32;
        let level = 10.0 * (power + 1e-10).log10();
        self.noise_db = (self.noise_db + NOISE_RISE_DB)
            .min(level)
            .clamp(-90.0, LOUDEST_NOISE_DB);
        let loud = level > (self.noise_db + ABOVE_NOISE_DB).max(QUIETEST_DB);
        self.against = if loud == self.speaking {
            0
        } else {
            self.against + 1
        };
        let enough = if self.speaking { ENDS } else { BEGINS };
        if self.against < enough {
            return None;
        }
        self.against = 0;
        self.speaking = loud;
        Some(loud)
    }
}

struct Ear {
    viewer: ViewerId,
    microphone: Microphone,
    decoder: Decoder,
    gate: Gate,
    /// Decoded sound that is not a whole hop yet.
    rest: VecDeque<f32>,
    budget: i64,
    waited: u32,
}

impl Ear {
    /// Hears what came since the last hop. Gives the changes.
    fn listen(&mut self) -> Vec<bool> {
        self.budget = (self.budget + HOP as i64).min(BUDGET);
        self.waited += 1;
        let mut sound = Vec::new();
        for packet in self.microphone.take() {
            self.waited = 0;
            if self.budget <= 0 {
                continue;
            }
            let before = sound.len();
            // An empty packet stands for one that is lost; a damaged one is
            // passed over.
            if !packet.contiguous && self.decoder.decode(&[], &mut sound).is_err() {
                sound.truncate(before);
            }
            if let Err(error) = self.decoder.decode(&packet.data, &mut sound) {
                tracing::debug!(%error, "a packet of a microphone");
            }
            self.budget -= (sound.len() - before) as i64;
        }
        if self.waited > PATIENCE {
            sound.resize(sound.len() + HOP, 0.0);
        }
        self.rest.extend(sound);
        let mut changes = Vec::new();
        while self.rest.len() >= HOP {
            let hop: Vec<f32> = self.rest.drain(..HOP).collect();
            changes.extend(self.gate.hop(&hop));
        }
        changes
    }
}

/// The microphones of one session.
#[derive(Default)]
pub(crate) struct Ears {
    all: Mutex<Vec<Ear>>,
}

impl Ears {
    /// Listens to another one from now on, until its connection is gone.
    pub(crate) fn add(&self, viewer: ViewerId, microphone: Microphone) {
        let decoder = match Decoder::new() {
            Ok(decoder) => decoder,
            Err(error) => {
                tracing::error!(%error, "a microphone is not heard");
                return;
            }
        };
        let ear = Ear {
            viewer,
            microphone,
            decoder,
            gate: Gate::default(),
            rest: VecDeque::new(),
            budget: BUDGET,
            waited: 0,
        };
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(ear);
    }

    /// Once for each hop. Decoding one packet takes some 0.1 ms.
    pub(crate) fn listen(&self, live: &Live) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain_mut(|ear| {
            let open = ear.microphone.is_open();
            let changes = if open {
                ear.listen()
            } else {
                ear.gate.speaking.then_some(false).into_iter().collect()
            };
            for speaks in changes {
                let viewer = ear.viewer.to_string();
                live.publish(if speaks {
                    Event::UserSpeakStarted { viewer }
                } else {
                    Event::UserSpeakEnded { viewer }
                });
            }
            open
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hops of a tone of this loudness, in dB of full scale.
    fn feed(gate: &mut Gate, hops: usize, db: f32) -> Vec<(usize, bool)> {
        let amplitude = 10_f32.powf(db / 20.0) * std::f32::consts::SQRT_2;
        let sound: Vec<f32> = (0..HOP)
            .map(|i| amplitude * (i as f32 * std::f32::consts::TAU / 96.0).sin())
            .collect();
        (0..hops)
            .filter_map(|hop| Some((hop, gate.hop(&sound)?)))
            .collect()
    }

    #[test]
    fn speech_begins_after_60_ms_and_ends_after_600() {
        let mut gate = Gate::default();
        assert_eq!(feed(&mut gate, 50, -70.0), []);
        assert_eq!(feed(&mut gate, 100, -20.0), [(2, true)]);
        assert_eq!(feed(&mut gate, 100, -70.0), [(29, false)]);
    }

    #[test]
    fn pauses_within_a_sentence_and_clicks_do_not_count() {
        let mut gate = Gate::default();
        feed(&mut gate, 50, -70.0);
        assert_eq!(feed(&mut gate, 2, -10.0), []);
        assert_eq!(feed(&mut gate, 10, -70.0), []);
        assert_eq!(feed(&mut gate, 20, -20.0), [(2, true)]);
        assert_eq!(feed(&mut gate, 25, -70.0), []);
        assert_eq!(feed(&mut gate, 20, -20.0), []);
    }

    #[test]
    fn the_noise_of_the_room_is_no_speech() {
        let mut gate = Gate::default();
        // A fan: loud, but always there.
        let changes = feed(&mut gate, 500, -35.0);
        assert!(!changes.iter().any(|(_, speaks)| *speaks), "{changes:?}");
        assert_eq!(feed(&mut gate, 20, -15.0), [(2, true)]);
        // Whoever speaks for half a minute still speaks.
        let mut gate = Gate::default();
        feed(&mut gate, 50, -65.0);
        let mut changes = Vec::new();
        for _ in 0..150 {
            changes.extend(feed(&mut gate, 8, -20.0));
            changes.extend(feed(&mut gate, 2, -65.0));
        }
        assert_eq!(changes.len(), 1);
    }
}
