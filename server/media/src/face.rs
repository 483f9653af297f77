//! Face controls: ARKit blendshapes, head pose and gaze, and the fifteen
//! visemes that the mouth is built from.

use crate::time::MediaTime;

macro_rules! named_enum {
    ($(#[$meta:meta])* $name:ident, $count:ident, $count_doc:literal, { $($variant:ident => $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $(#[doc = $text] $variant),+ }

        #[doc = $count_doc]
        pub const $count: usize = [$($name::$variant),+].len();

        impl $name {
            /// All values, in the order of their index.
            pub const ALL: [Self; $count] = [$(Self::$variant),+];

            /// The published name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The value with this published name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|v| v.name() == name)
            }

            /// Position in arrays that hold one weight for each value.
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

pub(crate) use named_enum;

named_enum! {
    /// The 52 blendshape locations of Apple's ARKit
    /// (`ARFaceAnchor.BlendShapeLocation`), in the order commonly used on the
    /// wire.
    Blendshape, BLENDSHAPES, "Number of blendshapes.", {
        EyeBlinkLeft => "eyeBlinkLeft",
        EyeLookDownLeft => "eyeLookDownLeft",
        EyeLookInLeft => "eyeLookInLeft",
        EyeLookOutLeft => "eyeLookOutLeft",
        EyeLookUpLeft => "eyeLookUpLeft",
        EyeSquintLeft => "eyeSquintLeft",
        EyeWideLeft => "eyeWideLeft",
        EyeBlinkRight => "eyeBlinkRight",
        EyeLookDownRight => "eyeLookDownRight",
        EyeLookInRight => "eyeLookInRight",
        EyeLookOutRight => "eyeLookOutRight",
        EyeLookUpRight => "eyeLookUpRight",
        EyeSquintRight => "eyeSquintRight",
        EyeWideRight => "eyeWideRight",
        JawForward => "jawForward",
        JawLeft => "jawLeft",
        JawRight => "jawRight",
        JawOpen => "jawOpen",
        MouthClose => "mouthClose",
        MouthFunnel => "mouthFunnel",
        MouthPucker => "mouthPucker",
        MouthLeft => "mouthLeft",
        MouthRight => "mouthRight",
        MouthSmileLeft => "mouthSmileLeft",
        MouthSmileRight => "mouthSmileRight",
        MouthFrownLeft => "mouthFrownLeft",
        MouthFrownRight => "mouthFrownRight",
        MouthDimpleLeft => "mouthDimpleLeft",
        MouthDimpleRight => "mouthDimpleRight",
        MouthStretchLeft => "mouthStretchLeft",
        MouthStretchRight => "mouthStretchRight",
        MouthRollLower => "mouthRollLower",
        MouthRollUpper => "mouthRollUpper",
        MouthShrugLower => "mouthShrugLower",
        MouthShrugUpper => "mouthShrugUpper",
        MouthPressLeft => "mouthPressLeft",
        MouthPressRight => "mouthPressRight",
        MouthLowerDownLeft => "mouthLowerDownLeft",
        MouthLowerDownRight => "mouthLowerDownRight",
        MouthUpperUpLeft => "mouthUpperUpLeft",
        MouthUpperUpRight => "mouthUpperUpRight",
        BrowDownLeft => "browDownLeft",
        BrowDownRight => "browDownRight",
        BrowInnerUp => "browInnerUp",
        BrowOuterUpLeft => "browOuterUpLeft",
        BrowOuterUpRight => "browOuterUpRight",
        CheekPuff => "cheekPuff",
        CheekSquintLeft => "cheekSquintLeft",
        CheekSquintRight => "cheekSquintRight",
        NoseSneerLeft => "noseSneerLeft",
        NoseSneerRight => "noseSneerRight",
        TongueOut => "tongueOut",
    }
}

named_enum! {
    /// The fifteen visemes of Oculus `LipSync` ("Viseme Reference", Meta), in
    /// its order.
    Viseme, VISEMES, "Number of visemes.", {
        Sil => "sil",
        Pp => "PP",
        Ff => "FF",
        Th => "TH",
        Dd => "DD",
        Kk => "kk",
        Ch => "CH",
        Ss => "SS",
        Nn => "nn",
        Rr => "RR",
        Aa => "aa",
        E => "E",
        Ih => "ih",
        Oh => "oh",
        Ou => "ou",
    }
}

/// The state of a face at one moment: 52 blendshape weights, head pose, gaze.
///
/// One is made for every hop of 20 ms (50 Hz).
#[derive(Clone, Debug, PartialEq)]
pub struct FaceControls {
    /// The moment this face belongs to.
    pub at: MediaTime,
    /// Weights by [`Blendshape::index`], each 0..=1.
    pub shapes: [f32; BLENDSHAPES],
    /// Head turned to its own left (positive), degrees.
    pub yaw: f32,
    /// Head raised (positive) or nodding down, degrees.
    pub pitch: f32,
    /// Head tilted towards its own left shoulder (positive), degrees.
    pub roll: f32,
}

impl FaceControls {
    /// A face at rest: all weights zero, head straight.
    #[must_use]
    pub const fn rest(at: MediaTime) -> Self {
        Self {
            at,
            shapes: [0.0; BLENDSHAPES],
            yaw: 0.0,
            pitch: 0.0,
            roll: 0.0,
        }
    }

    /// The weight of one blendshape.
    #[must_use]
    pub const fn get(&self, shape: Blendshape) -> f32 {
        self.shapes[shape.index()]
    }

    /// Sets one weight, clamped to 0..=1.
    pub const fn set(&mut self, shape: Blendshape, weight: f32) {
        self.shapes[shape.index()] = weight.clamp(0.0, 1.0);
    }

    /// Adds to one weight, clamped to 0..=1.
    pub const fn add(&mut self, shape: Blendshape, weight: f32) {
        self.set(shape, self.get(shape) + weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        assert_eq!(BLENDSHAPES, 52);
        assert_eq!(VISEMES, 15);
        for shape in Blendshape::ALL {
            assert_eq!(Blendshape::from_name(shape.name()), Some(shape));
            assert_eq!(Blendshape::ALL[shape.index()], shape);
        }
        assert_eq!(Viseme::from_name("ou"), Some(Viseme::Ou));
        assert_eq!(Viseme::from_name("xx"), None);
    }

    #[test]
    fn weights_stay_in_range() {
        let mut face = FaceControls::rest(MediaTime::ZERO);
        face.set(Blendshape::JawOpen, 3.0);
        assert_eq!(face.get(Blendshape::JawOpen), 1.0);
        face.add(Blendshape::JawOpen, -5.0);
        assert_eq!(face.get(Blendshape::JawOpen), 0.0);
    }
}
