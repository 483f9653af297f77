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
            aligner: Aligner::new(self.mouth.clone(), said),
        }))
    }
}

struct Listened {
    utterance: Box<dyn Utterance>,
    aligner: Aligner,
}

impl Utterance for Listened {
    fn timings(&self) -> &Timings {
        self.aligner.timings()
    }

    fn next_chunk(&mut self) -> Result<Option<Vec<f32>>, VoiceError> {
        let chunk = self.utterance.next_chunk()?;
        if let Some(sound) = &chunk {
            self.aligner
                .hear(sound)
                .map_err(|error| VoiceError::Model(error.into()))?;
        }
        Ok(chunk)
    }
}
