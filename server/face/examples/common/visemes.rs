//! Viseme targets for looking at faces: the table that the lip-sync mixes from.

use media::Blendshape as B;
use media::{FaceControls, MediaTime, Viseme};

/// The face of one viseme at full strength.
#[must_use]
pub fn face(viseme: Viseme, at: MediaTime) -> FaceControls {
    let mut face = with(targets(viseme), at);
    let pairs = [
        (B::MouthPressLeft, B::MouthPressRight),
        (B::MouthUpperUpLeft, B::MouthUpperUpRight),
        (B::MouthLowerDownLeft, B::MouthLowerDownRight),
        (B::MouthStretchLeft, B::MouthStretchRight),
        (B::MouthSmileLeft, B::MouthSmileRight),
    ];
    for (left, right) in pairs {
        face.set(right, face.get(left));
    }
    face
}

/// A face at rest but for these weights.
#[must_use]
pub fn with(weights: &[(B, f32)], at: MediaTime) -> FaceControls {
    let mut face = FaceControls::rest(at);
    for &(shape, weight) in weights {
        face.set(shape, weight);
    }
    face
}

/// Weights; of a pair, the left one stands for both.
const fn targets(viseme: Viseme) -> &'static [(B, f32)] {
    match viseme {
        Viseme::Sil => &[],
        Viseme::Pp => &[
            (B::MouthPressLeft, 0.45),
            (B::MouthRollLower, 0.35),
            (B::MouthRollUpper, 0.30),
            (B::MouthShrugUpper, 0.10),
            (B::MouthPucker, 0.05),
        ],
        Viseme::Ff => &[
            (B::MouthRollLower, 0.60),
            (B::MouthUpperUpLeft, 0.30),
            (B::MouthShrugUpper, 0.20),
            (B::JawOpen, 0.10),
        ],
        Viseme::Th => &[
            (B::TongueOut, 0.45),
            (B::JawOpen, 0.16),
            (B::MouthLowerDownLeft, 0.20),
            (B::MouthUpperUpLeft, 0.10),
        ],
        Viseme::Dd => &[
            (B::JawOpen, 0.14),
            (B::MouthLowerDownLeft, 0.20),
            (B::MouthStretchLeft, 0.12),
            (B::MouthUpperUpLeft, 0.10),
            (B::TongueOut, 0.08),
        ],
        Viseme::Kk => &[
            (B::JawOpen, 0.24),
            (B::MouthLowerDownLeft, 0.15),
            (B::MouthUpperUpLeft, 0.10),
            (B::MouthStretchLeft, 0.08),
        ],
        Viseme::Ch => &[
            (B::MouthFunnel, 0.45),
            (B::MouthPucker, 0.25),
            (B::JawOpen, 0.12),
            (B::MouthLowerDownLeft, 0.15),
            (B::MouthShrugUpper, 0.10),
        ],
        Viseme::Ss => &[
            (B::MouthStretchLeft, 0.28),
            (B::MouthLowerDownLeft, 0.25),
            (B::MouthUpperUpLeft, 0.15),
            (B::MouthSmileLeft, 0.05),
            (B::JawOpen, 0.06),
        ],
        Viseme::Nn => &[
            (B::JawOpen, 0.18),
            (B::MouthLowerDownLeft, 0.20),
            (B::MouthUpperUpLeft, 0.10),
            (B::MouthStretchLeft, 0.08),
            (B::TongueOut, 0.10),
        ],
        Viseme::Rr => &[
            (B::MouthPucker, 0.25),
            (B::MouthFunnel, 0.25),
            (B::JawOpen, 0.18),
            (B::MouthLowerDownLeft, 0.15),
        ],
        Viseme::Aa => &[
            (B::JawOpen, 0.60),
            (B::MouthLowerDownLeft, 0.30),
            (B::MouthUpperUpLeft, 0.15),
            (B::MouthStretchLeft, 0.05),
        ],
        Viseme::E => &[
            (B::JawOpen, 0.38),
            (B::MouthStretchLeft, 0.22),
            (B::MouthLowerDownLeft, 0.25),
            (B::MouthUpperUpLeft, 0.15),
            (B::MouthSmileLeft, 0.10),
        ],
        Viseme::Ih => &[
            (B::JawOpen, 0.22),
            (B::MouthStretchLeft, 0.30),
            (B::MouthSmileLeft, 0.15),
            (B::MouthLowerDownLeft, 0.20),
            (B::MouthUpperUpLeft, 0.12),
        ],
        Viseme::Oh => &[
            (B::JawOpen, 0.40),
            (B::MouthFunnel, 0.40),
            (B::MouthPucker, 0.35),
            (B::MouthLowerDownLeft, 0.10),
        ],
        Viseme::Ou => &[
            (B::MouthPucker, 0.75),
            (B::MouthFunnel, 0.20),
            (B::JawOpen, 0.20),
        ],
    }
}
