//! Voices whose phonemes are aligned with their sound while they speak. Here,
//! because voices and the network that listens do not know each other.

use std::sync::Arc;

use lipsync::Aligner;
use media::seam::{Utterance, Voice, VoiceError};
use media::speech::TimingQuality;
use media::{Clause, Timings, VoiceInfo};

/// The voice, listened to; as it is when it knows no phonemes.
pub(crate) fn voice(voice: Arc<dyn Voice>, mouth: &Arc<lipsync::Model>) -> Arc<dyn Voice> {
    match voice.info().timing {
        TimingQuality::Exact => Arc::new(Aligned {
            voice,
            mouth: mouth.clone(),
        }),
        TimingQuality::Estimated => voice,
    }
}

struct Aligned {
    voice: Arc<dyn Voice>,
    mouth: Arc<lipsync::Model>,
}

impl Voice for Aligned {
    fn info(&self) -> &VoiceInfo {
        self.voice.info()
    }

    fn begin(&self, clause: &Clause) -> Result<Box<dyn Utterance>, VoiceError> {
        let utterance = self.voice.begin(clause)?;
        let said = utterance.timings().clone();
        Ok(Box::new(Listened {
            utterance,
            listener: Aligner::new(self.mouth.clone(), said),
            failed: false,
        }))
    }
}

/// Hears a clause piece by piece, and says where its phonemes are.
trait Listener: Send {
    fn hear(&mut self, sound: &[f32]) -> Result<(), lipsync::Error>;

    fn timings(&self) -> &Timings;
}

impl Listener for Aligner {
    fn hear(&mut self, sound: &[f32]) -> Result<(), lipsync::Error> {
        Aligner::hear(self, sound)
    }

    fn timings(&self) -> &Timings {
        Aligner::timings(self)
    }
}

struct Listened<L> {
    utterance: Box<dyn Utterance>,
    listener: L,
    /// The listener failed: the timings stay as they were, and the rest of the
    /// clause is spoken all the same.
    failed: bool,
}

impl<L: Listener> Utterance for Listened<L> {
    fn timings(&self) -> &Timings {
        self.listener.timings()
    }

    fn next_chunk(&mut self) -> Result<Option<Vec<f32>>, VoiceError> {
        let chunk = self.utterance.next_chunk()?;
        if let (Some(sound), false) = (&chunk, self.failed)
            && let Err(error) = self.listener.hear(sound)
        {
            tracing::warn!(%error, "the rest of a clause is not aligned with its sound");
            self.failed = true;
        }
        Ok(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{Phoneme, Viseme};

    /// Says three pieces of sound.
    struct Pieces(std::ops::Range<u8>, Timings);

    impl Utterance for Pieces {
        fn timings(&self) -> &Timings {
            &self.1
        }

        fn next_chunk(&mut self) -> Result<Option<Vec<f32>>, VoiceError> {
            Ok(self.0.next().map(|n| vec![f32::from(n)]))
        }
    }

    /// Moves the phoneme with the first piece and fails with the second.
    struct Fails(Timings, usize);

    impl Listener for Fails {
        fn hear(&mut self, _: &[f32]) -> Result<(), lipsync::Error> {
            self.1 += 1;
            if self.1 == 1 {
                self.0.phonemes[0].end = 960;
                return Ok(());
            }
            Err(lipsync::Error::Shape {
                path: "lipsync.onnx".into(),
                reason: "it fails",
            })
        }

        fn timings(&self) -> &Timings {
            &self.0
        }
    }

    #[test]
    fn a_listener_that_fails_takes_no_sound_away_and_is_not_asked_again() {
        let said = Timings {
            phonemes: vec![Phoneme {
                ipa: "a".into(),
                viseme: Viseme::Aa,
                start: 0,
                end: 480,
                stress: 0,
            }],
            words: Vec::new(),
        };
        let mut listened = Listened {
            utterance: Box::new(Pieces(0..3, said.clone())),
            listener: Fails(said, 0),
            failed: false,
        };
        for n in 0..3_u8 {
            let chunk = listened.next_chunk().unwrap();
            assert_eq!(chunk, Some(vec![f32::from(n)]));
            assert_eq!(listened.timings().phonemes[0].end, 960);
        }
        assert_eq!(listened.next_chunk().unwrap(), None);
        assert_eq!(listened.listener.1, 2);
    }
}
