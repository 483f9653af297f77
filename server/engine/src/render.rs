//! Rendering: the same pipeline on a virtual clock, as fast as the machine
//! goes, on the caller's thread. Nothing here depends on wall time, so the
//! same request gives the same bytes.

use std::sync::Arc;
use std::time::Duration;

use media::seam::{MouthSource, Sink, Voice, VoiceError};
use media::{CLOCK_HZ, Clause, Cue, HOP, MediaTime, Mood, Turn};
use session::conductor::TurnError;
use session::event::Timed;
use session::pipeline::{Meter, PipelineError};
use session::{Event, Limits, Parts, Pipeline};
use speech::cut::Cutter;
use speech::tags::Tags;
use thiserror::Error;

use crate::assemble::mouth_source;

/// Stillness before the first word, samples: 400 ms, so that a player has
/// begun when the first lips move.
pub const LEAD_IN: i64 = CLOCK_HZ * 2 / 5;

/// Stillness after the last word, samples: 600 ms, so that the mouth is seen
/// to come to rest.
pub const LEAD_OUT: i64 = CLOCK_HZ * 3 / 5;

/// What is rendered.
pub enum Script {
    /// Text, spoken by a voice.
    Text {
        /// The text, in which tags ([`speech::tags`]) move the face.
        text: String,
        /// Who speaks it.
        voice: Arc<dyn Voice>,
    },
    /// Mono sound at 48 kHz, -1..=1.
    Sound(Vec<f32>),
}

/// Why rendering ended early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RenderError {
    /// Nothing in the text or sound can be heard.
    #[error("there is nothing to say")]
    NothingToSay,
    /// The voice failed.
    #[error(transparent)]
    Voice(VoiceError),
    /// A stage failed.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
}

/// How far a rendering is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Rendered so far.
    pub at: MediaTime,
    /// Share of the text or sound that was rendered, 0..=1.
    pub share: f32,
}

/// Renders a script into a sink, begun in this mood if one is given. Returns its
/// length and what was said when.
///
/// # Errors
/// [`RenderError`].
pub fn render(
    parts: Parts,
    script: Script,
    mood: Option<Mood>,
    sink: Box<dyn Sink>,
    meter: &mut dyn Meter,
    mut progress: impl FnMut(Progress),
) -> Result<(MediaTime, Vec<Timed>), RenderError> {
    let mut pipeline = Pipeline::new(parts, unlimited());
    pipeline.add_sink(sink);
    let mut renderer = Renderer {
        pipeline,
        meter,
        mood,
        events: Vec::new(),
    };
    renderer.until(MediaTime(LEAD_IN))?;
    match script {
        Script::Text { text, voice } => renderer.text(&text, voice.as_ref(), &mut progress)?,
        Script::Sound(sound) => renderer.sound(&sound, &mut progress)?,
    }
    let spoken = renderer
        .events
        .iter()
        .any(|t| matches!(t.event, Event::SpeakStarted { .. }));
    if !spoken {
        return Err(RenderError::NothingToSay);
    }
    let end = renderer.pipeline.at() + LEAD_OUT;
    renderer.until(end)?;
    progress(Progress {
        at: renderer.pipeline.at(),
        share: 1.0,
    });
    Ok((renderer.pipeline.at(), renderer.events))
}

/// A rendering ends with its script, never by a limit.
const fn unlimited() -> Limits {
    Limits {
        idle_timeout_s: u64::MAX,
        max_duration_s: u64::MAX,
        max_text_bytes: usize::MAX,
    }
}

/// Wall time does not exist here.
const fn no_time() -> Duration {
    Duration::ZERO
}

struct Renderer<'a> {
    pipeline: Pipeline,
    meter: &'a mut dyn Meter,
    mood: Option<Mood>,
    events: Vec<Timed>,
}

impl Renderer<'_> {
    fn hop(&mut self) -> Result<(), PipelineError> {
        self.pipeline.hop(no_time, false, self.meter)?;
        let conductor = self.pipeline.conductor();
        let mut conductor = conductor.lock();
        self.events
            .extend(std::iter::from_fn(|| conductor.poll_event()));
        Ok(())
    }

    fn until(&mut self, end: MediaTime) -> Result<(), PipelineError> {
        while self.pipeline.at() < end {
            self.hop()?;
        }
        Ok(())
    }

    /// Plays while the next hop is there; with `rest`, until the turn is over.
    fn play(&mut self, rest: bool) -> Result<(), PipelineError> {
        let conductor = self.pipeline.conductor();
        loop {
            let go_on = {
                let conductor = conductor.lock();
                conductor.busy() && (rest || conductor.ready())
            };
            if !go_on {
                return Ok(());
            }
            self.hop()?;
        }
    }

    fn open(&self, mouth: MouthSource) -> Turn {
        let conductor = self.pipeline.conductor();
        let mut conductor = conductor.lock();
        let Ok(turn) = conductor.open(mouth, no_time()) else {
            unreachable!("the queue of a rendering is empty")
        };
        if let Some(mood) = self.mood {
            alive(conductor.cue(turn, 0, Cue::Mood(mood)));
        }
        turn
    }

    fn text(
        &mut self,
        text: &str,
        voice: &dyn Voice,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(), RenderError> {
        let conductor = self.pipeline.conductor();
        let turn = self.open(mouth_source(voice));
        let (mut tags, mut cutter) = (Tags::new(), Cutter::new());
        let mut clauses = Vec::new();
        for piece in [tags.push(text), tags.finish()] {
            for (at, cue) in piece.cues {
                alive(conductor.lock().cue(turn, at, cue));
            }
            clauses.extend(cutter.push(&piece.text));
        }
        clauses.extend(cutter.finish());
        for clause in clauses {
            let end = clause.range.end;
            self.clause(turn, clause, voice)?;
            progress(Progress {
                at: self.pipeline.at(),
                share: end as f32 / text.len().max(1) as f32,
            });
        }
        alive(conductor.lock().finish(turn));
        Ok(self.play(true)?)
    }

    fn clause(&mut self, turn: Turn, clause: Clause, voice: &dyn Voice) -> Result<(), RenderError> {
        let mut utterance = match voice.begin(&clause) {
            Ok(utterance) => utterance,
            Err(VoiceError::NothingToSay) => return Ok(()),
            Err(error) => return Err(RenderError::Voice(error)),
        };
        let conductor = self.pipeline.conductor();
        let mut timings = utterance.timings().clone();
        alive(
            conductor
                .lock()
                .clause(turn, clause, timings.clone(), no_time()),
        );
        let mut next = utterance.next_chunk().map_err(RenderError::Voice)?;
        while let Some(sound) = next {
            // One piece ahead, as a live voice is: phonemes at the end of a
            // piece are known exactly once the next one is there.
            next = utterance.next_chunk().map_err(RenderError::Voice)?;
            if *utterance.timings() != timings {
                timings.clone_from(utterance.timings());
                alive(conductor.lock().replan(turn, timings.phonemes.clone()));
            }
            alive(conductor.lock().sound(turn, &sound, no_time()));
            self.play(false)?;
        }
        Ok(())
    }

    fn sound(
        &mut self,
        sound: &[f32],
        progress: &mut impl FnMut(Progress),
    ) -> Result<(), RenderError> {
        let conductor = self.pipeline.conductor();
        let turn = self.open(MouthSource::Heard);
        // A second at a time: the conductor's buffer stays small.
        for (n, piece) in sound.chunks(CLOCK_HZ as usize).enumerate() {
            alive(conductor.lock().sound(turn, piece, no_time()));
            self.play(false)?;
            progress(Progress {
                at: self.pipeline.at(),
                share: (n * CLOCK_HZ as usize) as f32 / sound.len().max(HOP) as f32,
            });
        }
        alive(conductor.lock().finish(turn));
        Ok(self.play(true)?)
    }
}

fn alive(result: Result<(), TurnError>) {
    // Nobody interrupts a rendering and nothing is finished twice.
    debug_assert!(result.is_ok(), "a rendering's turn ended early");
}
