//! The 52 blendshape weights of a face, from 146 of its landmarks: `MediaPipe`'s
//! network of this name, an MLP mixer.

use media::face::{BLENDSHAPES, Blendshape};

use crate::analyser::Error;
use crate::mesh::Landmarks;
use crate::network::Network;

/// The landmarks that the network takes, in its order.
#[rustfmt::skip]
const TAKEN: [u16; 146] = [
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
    81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153,
    154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249,
    251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311,
    312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380,
    381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471,
    472, 473, 474, 475, 476, 477,
];

/// What its outputs mean, in its order. The first is the share of a neutral
/// face, which no one asks for; the tongue is not seen.
const GIVEN: [Option<Blendshape>; 52] = {
    use Blendshape as B;
    [
        None,
        Some(B::BrowDownLeft),
        Some(B::BrowDownRight),
        Some(B::BrowInnerUp),
        Some(B::BrowOuterUpLeft),
        Some(B::BrowOuterUpRight),
        Some(B::CheekPuff),
        Some(B::CheekSquintLeft),
        Some(B::CheekSquintRight),
        Some(B::EyeBlinkLeft),
        Some(B::EyeBlinkRight),
        Some(B::EyeLookDownLeft),
        Some(B::EyeLookDownRight),
        Some(B::EyeLookInLeft),
        Some(B::EyeLookInRight),
        Some(B::EyeLookOutLeft),
        Some(B::EyeLookOutRight),
        Some(B::EyeLookUpLeft),
        Some(B::EyeLookUpRight),
        Some(B::EyeSquintLeft),
        Some(B::EyeSquintRight),
        Some(B::EyeWideLeft),
        Some(B::EyeWideRight),
        Some(B::JawForward),
        Some(B::JawLeft),
        Some(B::JawOpen),
        Some(B::JawRight),
        Some(B::MouthClose),
        Some(B::MouthDimpleLeft),
        Some(B::MouthDimpleRight),
        Some(B::MouthFrownLeft),
        Some(B::MouthFrownRight),
        Some(B::MouthFunnel),
        Some(B::MouthLeft),
        Some(B::MouthLowerDownLeft),
        Some(B::MouthLowerDownRight),
        Some(B::MouthPressLeft),
        Some(B::MouthPressRight),
        Some(B::MouthPucker),
        Some(B::MouthRight),
        Some(B::MouthRollLower),
        Some(B::MouthRollUpper),
        Some(B::MouthShrugLower),
        Some(B::MouthShrugUpper),
        Some(B::MouthSmileLeft),
        Some(B::MouthSmileRight),
        Some(B::MouthStretchLeft),
        Some(B::MouthStretchRight),
        Some(B::MouthUpperUpLeft),
        Some(B::MouthUpperUpRight),
        Some(B::NoseSneerLeft),
        Some(B::NoseSneerRight),
    ]
};

pub(crate) struct Expression {
    network: Network,
}

impl Expression {
    pub fn load(tflite: &[u8]) -> Result<Self, Error> {
        let shape = [1, TAKEN.len() as i64, 2];
        Ok(Self {
            network: Network::from_tflite("blendshapes", tflite, &shape, &[GIVEN.len()])?,
        })
    }

    /// Weights by [`Blendshape::index`].
    pub fn read(&mut self, landmarks: &Landmarks) -> Result<[f32; BLENDSHAPES], Error> {
        let input: Vec<f32> = TAKEN
            .iter()
            .flat_map(|&at| {
                let [x, y, _] = landmarks[usize::from(at)];
                [x, y]
            })
            .collect();
        let out = self.network.run(&input)?;
        let weights = out.first().ok_or(Error::Shape("blendshapes"))?;
        let mut shapes = [0.0; BLENDSHAPES];
        for (shape, &weight) in GIVEN.iter().zip(weights) {
            if let Some(shape) = shape {
                shapes[shape.index()] = weight.clamp(0.0, 1.0);
            }
        }
        Ok(shapes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_tongue_are_given_once() {
        let mut given: Vec<_> = GIVEN.iter().flatten().collect();
        given.sort();
        given.dedup();
        assert_eq!(given.len(), BLENDSHAPES - 1);
        assert!(!given.contains(&&Blendshape::TongueOut));
    }

    #[test]
    fn taken_landmarks_are_there_and_in_order() {
        assert!(TAKEN.is_sorted());
        assert!(TAKEN.iter().all(|&at| usize::from(at) < crate::LANDMARKS));
    }
}
