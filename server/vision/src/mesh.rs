//! The 478 landmarks of a face: `MediaPipe`'s attention mesh (Grishchenko et al.
//! 2020) with irises.

use crate::analyser::Error;
use crate::detector::logistic;
use crate::image::{Edge, Pyramid, Rect, Square};
use crate::network::Network;

/// Number of landmarks: 468 of the skin, 5 of each iris.
pub const LANDMARKS: usize = 478;

/// Points by `MediaPipe`'s numbers: x, y in pixels of the picture, and z at the
/// same scale, smaller towards the camera, 0 about at the middle of the head.
/// 468 and 473 are the centres of the right and left pupil.
pub type Landmarks = [[f32; 3]; LANDMARKS];

/// Outer corners of the right and the left eye.
pub(crate) const EYE_CORNERS: [usize; 2] = [33, 263];

/// Side of the view.
const SIDE: usize = 256;
/// As [`crate::detector`] has it.
const MARGIN: f32 = 1.5;

pub(crate) struct Mesh {
    network: Network,
}

impl Mesh {
    pub fn load(tflite: &[u8]) -> Result<Self, Error> {
        let side = SIDE as i64;
        let shape = [1, side, side, 3];
        let outputs = [LANDMARKS * 3, 1];
        Ok(Self {
            network: Network::from_tflite("face landmarks", tflite, &shape, &outputs)?,
        })
    }

    /// The landmarks of the face in `square`, and how surely there is one,
    /// 0..=1.
    pub fn find(
        &mut self,
        pyramid: &Pyramid<'_>,
        square: Square,
    ) -> Result<(Box<Landmarks>, f32), Error> {
        let view = pyramid.view(square, SIDE, Edge::Repeat, 1.0, 0.0);
        let out = self.network.run(&view)?;
        let [points, presence, ..] = out.as_slice() else {
            return Err(Error::Shape("face landmarks"));
        };
        let (points, _) = points.as_chunks::<3>();
        let mut landmarks = Box::new([[0.0; 3]; LANDMARKS]);
        for (landmark, &[x, y, z]) in landmarks.iter_mut().zip(points) {
            let side = SIDE as f32;
            let [x, y] = square.to_image([x / side, y / side]);
            *landmark = [x, y, z / side * square.size];
        }
        Ok((landmarks, presence.first().copied().map_or(0.0, logistic)))
    }
}

/// The smallest upright rectangle around the landmarks.
pub(crate) fn bounds(landmarks: &Landmarks) -> Rect {
    Rect::around(landmarks.iter().map(|&[x, y, _]| [x, y]))
}

/// Where to look again: around the landmarks, upright along the eyes.
pub(crate) fn square(landmarks: &Landmarks) -> Square {
    let bounds = bounds(landmarks);
    let [right, left] = EYE_CORNERS.map(|at| landmarks[at]);
    Square {
        centre: bounds.centre(),
        size: bounds.width.max(bounds.height) * MARGIN,
        angle: (left[1] - right[1]).atan2(left[0] - right[0]),
    }
}
