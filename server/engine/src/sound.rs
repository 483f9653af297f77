//! Pushed sound: any rate in, the media clock out, paced by us.

use std::sync::Arc;

use media::{CLOCK_HZ, Cue, Mood, Turn};
use speech::resample::Resampler;

use crate::handle::SpeakError;
use crate::live::Live;

/// Sound that may be pushed ahead of what is played, samples: 120 s, 23 MB.
/// Clients send a whole answer at once and expect to interrupt it on the same
/// connection, so a small bound with back-pressure would block the interrupt.
pub const MAX_AHEAD: i64 = 120 * CLOCK_HZ;

/// Rates that can be pushed, Hz.
pub const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// A turn of pushed sound. Dropping it ends the sound.
pub struct SoundTurn {
    live: Arc<Live>,
    turn: Turn,
    resampler: Resampler,
}

impl SoundTurn {
    pub(crate) const fn new(live: Arc<Live>, turn: Turn, resampler: Resampler) -> Self {
        Self {
            live,
            turn,
            resampler,
        }
    }

    /// The turn.
    #[must_use]
    pub const fn turn(&self) -> Turn {
        self.turn
    }

    /// Sets the mood that the turn begins with. Ends with the turn.
    ///
    /// # Errors
    /// [`SpeakError::Over`]: the turn was interrupted.
    pub fn feel(&self, mood: Mood) -> Result<(), SpeakError> {
        Ok(self.live.cue(self.turn, 0, Cue::Mood(mood))?)
    }

    /// Adds mono sound, -1..=1, at the rate the turn was opened with.
    ///
    /// # Errors
    /// [`SpeakError::TooFarAhead`]: nothing of this piece was taken.
    /// [`SpeakError::Over`]: the turn was interrupted.
    pub fn write(&mut self, sound: &[f32]) -> Result<(), SpeakError> {
        if self.live.backlog(self.turn)? > MAX_AHEAD {
            return Err(SpeakError::TooFarAhead);
        }
        let sound = self.resampler.push(sound);
        Ok(self.live.sound(self.turn, &sound)?)
    }

    /// Waits until there is room for more, for producers that can wait. (The
    /// resampler cannot be shared, so the turn is borrowed whole: that lets a
    /// waiting producer move between threads.)
    ///
    /// # Errors
    /// [`SpeakError::Over`]: the turn was interrupted.
    pub async fn room(&mut self) -> Result<(), SpeakError> {
        Ok(self.live.room(self.turn, MAX_AHEAD).await?)
    }
}

impl Drop for SoundTurn {
    fn drop(&mut self) {
        let tail = self.resampler.flush();
        // Both fail only when the turn is over, and then nothing is lost.
        let _ = self.live.sound(self.turn, &tail);
        let _ = self.live.finish(self.turn);
    }
}
