//! Speech that an agent streams, as turns of a session.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ::speech::pcm::{Encoding, Samples};
use engine::{Handle, Mode, SoundTurn, SpeakError};
use livekit::{Format, Segment, Speech, Told};

/// The open segments of one agent.
pub(crate) struct Player {
    handle: Handle,
    open: HashMap<Segment, Open>,
}

struct Open {
    turn: SoundTurn,
    samples: Samples,
}

impl Player {
    pub(crate) fn new(handle: Handle) -> Self {
        Self {
            handle,
            open: HashMap::new(),
        }
    }

    /// Does what the agent wants; what came of it is for the agent's side.
    pub(crate) fn play(&mut self, speech: Speech) -> Vec<Told> {
        let mut told = Vec::new();
        match speech {
            Speech::Sound {
                segment,
                format,
                content,
            } => {
                if let Err(error) = self.sound(segment, format, &content, &mut told) {
                    tracing::warn!(session = %self.handle.id(), %error, "an agent's speech is cut short");
                    told.push(Told::Refused(segment));
                }
            }
            // Dropping a turn ends its sound.
            Speech::End(segment) => {
                self.open.remove(&segment);
            }
            Speech::Interrupt => {
                self.open.clear();
                self.handle.interrupt();
            }
        }
        told
    }

    fn sound(
        &mut self,
        segment: Segment,
        format: Format,
        content: &[u8],
        told: &mut Vec<Told>,
    ) -> Result<(), SpeakError> {
        let open = match self.open.entry(segment) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(vacant) => {
                let samples = Samples::new(Encoding::S16Le, format.channels)
                    .map_err(|error| SpeakError::Sound(error.to_string()))?;
                let turn = self.handle.push(Mode::Queue, format.rate)?;
                told.push(Told::Opened(segment, turn.turn().0));
                vacant.insert(Open { turn, samples })
            }
        };
        match open.turn.write(&open.samples.push(content)) {
            // Of its end the session tells.
            Err(SpeakError::Over(_)) => Ok(()),
            result => result,
        }
    }
}
