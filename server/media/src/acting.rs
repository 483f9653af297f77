//! What a face does beyond speech: moods, gestures, and what it does while it
//! is silent.

use crate::face::named_enum;

named_enum! {
    /// How somebody feels about what they say.
    Emotion, EMOTIONS, "Number of emotions.", {
        Neutral => "neutral",
        Happy => "happy",
        Friendly => "friendly",
        Serious => "serious",
        Concerned => "concerned",
        Excited => "excited",
    }
}

named_enum! {
    /// A short movement at one word.
    #[allow(clippy::doc_markdown)] // its documentation is made of its names
    Gesture, GESTURES, "Number of gestures.", {
        Nod => "nod",
        Shake => "shake",
        RaiseBrows => "raise_brows",
        Wink => "wink",
    }
}

named_enum! {
    /// What a face does while it does not speak.
    Posture, POSTURES, "Number of postures.", {
        Idle => "idle",
        Listening => "listening",
        Thinking => "thinking",
    }
}

// Not derived: the variants of the macro take no attributes.
#[allow(clippy::derivable_impls)]
impl Default for Posture {
    fn default() -> Self {
        Self::Idle
    }
}

/// An emotion and how much of it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mood {
    /// Which.
    pub emotion: Emotion,
    /// How much of it, 0..=1.
    pub intensity: f32,
}

impl Mood {
    /// A mood; the intensity is brought into 0..=1, and one that is no number
    /// is none.
    #[must_use]
    pub const fn new(emotion: Emotion, intensity: f32) -> Self {
        let intensity = if intensity.is_nan() {
            0.0
        } else {
            intensity.clamp(0.0, 1.0)
        };
        Self { emotion, intensity }
    }
}

impl Default for Mood {
    /// The face at rest.
    fn default() -> Self {
        Self::new(Emotion::Neutral, 1.0)
    }
}

/// Something that the face is to do from a moment on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cue {
    /// Go over to a mood and keep it.
    Mood(Mood),
    /// Make a gesture.
    Gesture(Gesture),
    /// Take up a posture and keep it.
    Posture(Posture),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_interface() {
        assert_eq!(Emotion::from_name("concerned"), Some(Emotion::Concerned));
        assert_eq!(Gesture::from_name("raise_brows"), Some(Gesture::RaiseBrows));
        assert_eq!(Posture::from_name("thinking"), Some(Posture::Thinking));
        assert_eq!(Emotion::from_name("angry"), None);
        assert_eq!(Posture::default(), Posture::Idle);
    }

    #[test]
    fn an_intensity_is_a_share() {
        let shown = |intensity| Mood::new(Emotion::Happy, intensity).intensity;
        assert_eq!(shown(7.0), 1.0);
        assert_eq!(shown(-1.0), 0.0);
        assert_eq!(shown(f32::NAN), 0.0);
    }
}
