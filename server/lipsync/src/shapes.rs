//! How each viseme looks: targets and dominance of the mouth's channels.
//!
//! Targets follow the mouth shapes of Meta's "Viseme Reference" in terms of
//! ARKit blendshapes; the weights are our own choice, made for a mouth that
//! speaks naturally rather than one that mimes. Dominance is the weight with
//! which a viseme holds a channel against its neighbours (Cohen and Massaro,
//! "Modeling coarticulation in synthetic visual speech", 1993): consonants let
//! the rounding of a vowel through, vowels do not.

use media::face::VISEMES;
use media::{Blendshape, FaceControls};

/// Number of mouth channels; left and right move as one.
pub const CHANNELS: usize = 13;

/// A muscle group of the mouth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Channel {
    /// Jaw down.
    Jaw,
    /// Lips forward as a horn.
    Funnel,
    /// Lips pursed.
    Pucker,
    /// Corners up.
    Smile,
    /// Corners apart.
    Stretch,
    /// Lower lip rolled in, under the upper teeth.
    RollLower,
    /// Upper lip rolled in.
    RollUpper,
    /// Upper lip pushed up.
    ShrugUpper,
    /// Lips pressed together.
    Press,
    /// Lower lip down: lower teeth.
    LowerDown,
    /// Upper lip up: upper teeth.
    UpperUp,
    /// Tongue between the teeth.
    Tongue,
    /// Lips kept together against an open jaw (`mouthClose`). Set by the seal,
    /// never by a target.
    Close,
}

/// Values of all channels.
pub type Channels = [f32; CHANNELS];

/// How a channel moves.
#[derive(Clone, Copy, Debug)]
pub struct Motion {
    /// Time constant towards a larger value, ms.
    pub attack: f32,
    /// Time constant towards a smaller value, ms.
    pub release: f32,
    /// How far it looks ahead, frames of 10 ms.
    pub ahead: usize,
    /// What is left of a target's pull for each frame that it lies ahead.
    pub fade: f32,
    /// Whether the strongest target ahead leads (rounding anticipates) instead
    /// of the weighted mean.
    pub leads: bool,
}

const LIPS: Motion = Motion {
    attack: 14.0,
    release: 22.0,
    ahead: 2,
    fade: 0.8,
    leads: false,
};
const JAW: Motion = Motion {
    attack: 26.0,
    release: 30.0,
    ahead: 5,
    fade: 0.92,
    leads: false,
};
const CORNERS: Motion = Motion {
    attack: 24.0,
    release: 34.0,
    ahead: 4,
    fade: 0.85,
    leads: false,
};
const ROUND: Motion = Motion {
    attack: 36.0,
    release: 46.0,
    ahead: 6,
    fade: 0.92,
    leads: true,
};

/// How each channel moves, by [`Channel`]. The jaw is heavy, lips are quick,
/// rounding is slow and early.
pub const MOTION: [Motion; CHANNELS] = [
    JAW, ROUND, ROUND, CORNERS, CORNERS, LIPS, LIPS, LIPS, LIPS, LIPS, LIPS, LIPS, LIPS,
];

/// Target of each channel for each viseme.
pub const TARGETS: [Channels; VISEMES] = [
    // jaw, funnel, pucker, smile, stretch, roll lower, roll upper, shrug, press, lower down, upper up, tongue, close
    [0.0; CHANNELS],
    [
        0.0, 0.0, 0.05, 0.0, 0.0, 0.35, 0.30, 0.10, 0.45, 0.0, 0.0, 0.0, 0.0,
    ],
    [
        0.08, 0.0, 0.0, 0.0, 0.05, 0.60, 0.0, 0.20, 0.0, 0.0, 0.30, 0.0, 0.0,
    ],
    [
        0.16, 0.0, 0.0, 0.0, 0.08, 0.0, 0.0, 0.0, 0.0, 0.20, 0.10, 0.45, 0.0,
    ],
    [
        0.14, 0.0, 0.0, 0.0, 0.12, 0.0, 0.0, 0.0, 0.0, 0.20, 0.10, 0.08, 0.0,
    ],
    [
        0.22, 0.0, 0.0, 0.0, 0.08, 0.0, 0.0, 0.0, 0.0, 0.15, 0.10, 0.0, 0.0,
    ],
    [
        0.11, 0.45, 0.25, 0.0, 0.0, 0.0, 0.0, 0.10, 0.0, 0.15, 0.08, 0.0, 0.0,
    ],
    [
        0.06, 0.0, 0.0, 0.05, 0.28, 0.0, 0.0, 0.0, 0.0, 0.25, 0.15, 0.0, 0.0,
    ],
    [
        0.16, 0.0, 0.0, 0.0, 0.08, 0.0, 0.0, 0.0, 0.0, 0.20, 0.10, 0.10, 0.0,
    ],
    [
        0.16, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.15, 0.0, 0.0, 0.0,
    ],
    [
        0.60, 0.0, 0.0, 0.0, 0.05, 0.0, 0.0, 0.0, 0.0, 0.30, 0.15, 0.0, 0.0,
    ],
    [
        0.36, 0.0, 0.0, 0.10, 0.22, 0.0, 0.0, 0.0, 0.0, 0.25, 0.15, 0.0, 0.0,
    ],
    [
        0.20, 0.0, 0.0, 0.15, 0.30, 0.0, 0.0, 0.0, 0.0, 0.20, 0.12, 0.0, 0.0,
    ],
    [
        0.40, 0.40, 0.35, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.10, 0.0, 0.0, 0.0,
    ],
    [
        0.19, 0.20, 0.75, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
];

/// A row of [`DOMINANCE`] from the dominance over jaw, rounding, corners,
/// outer lips, rolled and pressed lips, tongue.
const fn row(jaw: f32, round: f32, corners: f32, outer: f32, inner: f32, tongue: f32) -> Channels {
    [
        jaw, round, round, corners, corners, inner, inner, inner, inner, outer, outer, tongue,
        inner,
    ]
}

/// Dominance of each viseme over each channel.
pub const DOMINANCE: [Channels; VISEMES] = [
    row(1.0, 0.8, 0.8, 1.0, 1.0, 1.0),  // sil
    row(0.8, 0.25, 0.3, 1.0, 1.0, 1.0), // PP
    row(0.8, 0.3, 0.3, 0.9, 1.0, 1.0),  // FF
    row(0.8, 0.4, 0.4, 0.8, 0.8, 1.0),  // TH
    row(0.7, 0.25, 0.4, 0.6, 0.8, 1.0), // DD
    row(0.6, 0.2, 0.3, 0.6, 0.6, 0.8),  // kk
    row(0.9, 0.9, 0.8, 0.8, 0.8, 0.8),  // CH
    row(1.0, 0.5, 0.7, 0.9, 0.8, 0.8),  // SS
    row(0.7, 0.25, 0.4, 0.6, 0.8, 1.0), // nn
    row(0.7, 0.7, 0.6, 0.7, 0.8, 0.8),  // RR
    row(1.0, 0.7, 0.7, 1.0, 1.0, 1.0),  // aa
    row(0.9, 0.8, 0.8, 0.9, 1.0, 1.0),  // E
    row(0.9, 0.9, 0.9, 0.9, 1.0, 1.0),  // ih
    row(1.0, 1.0, 1.0, 1.0, 1.0, 1.0),  // oh
    row(0.9, 1.2, 1.0, 0.9, 1.0, 1.0),  // ou
];

/// The blendshapes that show each channel, by [`Channel`].
const SHOWN: [&[Blendshape]; CHANNELS] = [
    &[Blendshape::JawOpen],
    &[Blendshape::MouthFunnel],
    &[Blendshape::MouthPucker],
    &[Blendshape::MouthSmileLeft, Blendshape::MouthSmileRight],
    &[Blendshape::MouthStretchLeft, Blendshape::MouthStretchRight],
    &[Blendshape::MouthRollLower],
    &[Blendshape::MouthRollUpper],
    &[Blendshape::MouthShrugUpper],
    &[Blendshape::MouthPressLeft, Blendshape::MouthPressRight],
    &[
        Blendshape::MouthLowerDownLeft,
        Blendshape::MouthLowerDownRight,
    ],
    &[Blendshape::MouthUpperUpLeft, Blendshape::MouthUpperUpRight],
    &[Blendshape::TongueOut],
    &[Blendshape::MouthClose],
];

/// Adds the channels to a face.
pub fn show(channels: &Channels, face: &mut FaceControls) {
    for (shapes, &value) in SHOWN.iter().zip(channels) {
        for &shape in *shapes {
            face.add(shape, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use media::{MediaTime, Viseme};

    use super::*;

    #[test]
    fn targets_say_what_the_mouth_does() {
        let target = |viseme: Viseme, channel: Channel| TARGETS[viseme.index()][channel as usize];
        assert_eq!(TARGETS[Viseme::Sil.index()], [0.0; CHANNELS]);
        for viseme in Viseme::ALL {
            assert!(target(viseme, Channel::Jaw) <= target(Viseme::Aa, Channel::Jaw));
            assert!(target(viseme, Channel::Pucker) <= target(Viseme::Ou, Channel::Pucker));
            assert!(target(viseme, Channel::Press) <= target(Viseme::Pp, Channel::Press));
            assert!(target(viseme, Channel::RollLower) <= target(Viseme::Ff, Channel::RollLower));
            assert_eq!(target(viseme, Channel::Close), 0.0);
        }
    }

    #[test]
    fn both_sides_move_together() {
        let mut face = FaceControls::rest(MediaTime::ZERO);
        let mut channels = [0.0; CHANNELS];
        channels[Channel::Stretch as usize] = 0.3;
        channels[Channel::Jaw as usize] = 2.0;
        show(&channels, &mut face);
        assert_eq!(face.get(Blendshape::MouthStretchLeft), 0.3);
        assert_eq!(face.get(Blendshape::MouthStretchRight), 0.3);
        assert_eq!(face.get(Blendshape::JawOpen), 1.0);
    }
}
