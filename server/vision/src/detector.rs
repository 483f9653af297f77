//! Finding faces: `BlazeFace` (Bazarevsky et al. 2019), short range.
//!
//! The picture is seen at 128 × 128 pixels, so a face of less than about a
//! tenth of it is missed. When nothing is found, quarters of it are looked at,
//! too: such a face is too small for most purposes, but the caller can say so.

use crate::analyser::Error;
use crate::image::{Edge, Pyramid, Rect, Square};
use crate::network::Network;

/// Side of the view.
const SIDE: usize = 128;
/// Places where the network looks for a face, and numbers it gives for each:
/// a box and six points.
const ANCHORS: usize = 896;
const NUMBERS: usize = 16;
/// Sides of the two grids of places, and anchors at each of them.
const GRIDS: [(usize, usize); 2] = [(16, 2), (8, 6)];
/// Below this it is no face; as in `MediaPipe`.
const LEAST_SCORE: f32 = 0.5;
/// Boxes that overlap more than this are one face.
const SAME: f32 = 0.3;
/// Faces given at most: enough to say that there are too many.
const MOST: usize = 8;
/// How much larger than the face the square is that the landmarks are sought in.
const MARGIN: f32 = 1.5;

/// A face that was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub score: f32,
    bounds: Rect,
    /// Right and left eye.
    eyes: [[f32; 2]; 2],
}

impl Found {
    /// Where to look for the landmarks: upright along the eyes.
    pub fn square(&self) -> Square {
        let [right, left] = self.eyes;
        Square {
            centre: self.bounds.centre(),
            size: self.bounds.width.max(self.bounds.height) * MARGIN,
            angle: (left[1] - right[1]).atan2(left[0] - right[0]),
        }
    }
}

pub(crate) struct Detector {
    network: Network,
    anchors: Vec<[f32; 2]>,
}

impl Detector {
    pub fn load(tflite: &[u8]) -> Result<Self, Error> {
        let side = SIDE as i64;
        let shape = [1, side, side, 3];
        let outputs = [ANCHORS * NUMBERS, ANCHORS];
        Ok(Self {
            network: Network::from_tflite("face detector", tflite, &shape, &outputs)?,
            anchors: anchors(),
        })
    }

    /// The faces, best first.
    pub fn find(&mut self, pyramid: &Pyramid<'_>) -> Result<Vec<Found>, Error> {
        let whole = Square::around(pyramid.full());
        let mut found = self.look(pyramid, whole)?;
        if found.is_empty() {
            // Half as wide, overlapping by half.
            for (right, down) in (0..9).map(|at| (at % 3, at / 3)) {
                let part = Square {
                    centre: whole.to_image([right, down].map(|at| 0.25 + 0.25 * at as f32)),
                    size: whole.size / 2.0,
                    angle: 0.0,
                };
                found.extend(self.look(pyramid, part)?);
            }
        }
        Ok(merge(found))
    }

    fn look(&mut self, pyramid: &Pyramid<'_>, square: Square) -> Result<Vec<Found>, Error> {
        let view = pyramid.view(square, SIDE, Edge::Black, 2.0, -1.0);
        let out = self.network.run(&view)?;
        let [numbers, scores] = out.as_slice() else {
            return Err(Error::Shape("face detector"));
        };
        let (rows, _) = numbers.as_chunks::<NUMBERS>();
        let places = rows.iter().zip(scores).zip(&self.anchors);
        Ok(places
            .filter_map(|((row, &score), &anchor)| {
                let score = logistic(score);
                (score >= LEAST_SCORE).then(|| decode(row, score, anchor, square))
            })
            .collect())
    }
}

/// Makes pixels of the numbers for one place.
fn decode(row: &[f32; NUMBERS], score: f32, anchor: [f32; 2], square: Square) -> Found {
    let side = SIDE as f32;
    let point =
        |at: usize| square.to_image([row[at] / side + anchor[0], row[at + 1] / side + anchor[1]]);
    let [width, height] = [row[2], row[3]].map(|size| size / side * square.size);
    let centre = point(0);
    Found {
        score,
        bounds: Rect {
            x: centre[0] - width / 2.0,
            y: centre[1] - height / 2.0,
            width,
            height,
        },
        eyes: [point(4), point(6)],
    }
}

/// Several places see the same face: their mean, weighted by their scores, is
/// steadier than the best of them.
fn merge(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut faces = Vec::new();
    while let Some(&best) = found.first() {
        if faces.len() == MOST {
            break;
        }
        let (same, others): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|other| best.bounds.overlap(&other.bounds) > SAME);
        found = others;
        let total: f32 = same.iter().map(|each| each.score).sum();
        let mean = |value: &dyn Fn(&Found) -> f32| {
            same.iter()
                .map(|each| value(each) * each.score)
                .sum::<f32>()
                / total
        };
        let eye = |which: usize| [0, 1].map(|axis| mean(&|each| each.eyes[which][axis]));
        // A box that does not overlap itself has no area: it would stand alone.
        if same.is_empty() {
            found.retain(|other| other.bounds.width * other.bounds.height > 0.0);
            continue;
        }
        faces.push(Found {
            score: best.score,
            bounds: Rect {
                x: mean(&|each| each.bounds.x),
                y: mean(&|each| each.bounds.y),
                width: mean(&|each| each.bounds.width),
                height: mean(&|each| each.bounds.height),
            },
            eyes: [eye(0), eye(1)],
        });
    }
    faces
}

/// Centres of the places, as parts of the side.
fn anchors() -> Vec<[f32; 2]> {
    GRIDS
        .iter()
        .flat_map(|&(side, each)| {
            (0..side * side).flat_map(move |at| {
                let place = [at % side, at / side].map(|at| (at as f32 + 0.5) / side as f32);
                std::iter::repeat_n(place, each)
            })
        })
        .collect()
}

/// 0..=1 of a logit.
pub(crate) fn logistic(value: f32) -> f32 {
    1.0 / (1.0 + (-value).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(score: f32, x: f32) -> Found {
        Found {
            score,
            bounds: Rect {
                x,
                y: 10.0,
                width: 20.0,
                height: 20.0,
            },
            eyes: [[x + 5.0, 15.0], [x + 15.0, 15.0]],
        }
    }

    #[test]
    fn anchors_are_as_many_as_the_network_has() {
        let anchors = anchors();
        assert_eq!(anchors.len(), ANCHORS);
        assert_eq!(anchors[0], [1.0 / 32.0; 2]);
        assert_eq!(anchors[2], [3.0 / 32.0, 1.0 / 32.0]);
        assert_eq!(anchors[ANCHORS - 1], [15.0 / 16.0; 2]);
    }

    #[test]
    fn boxes_of_one_face_become_one() {
        let faces = merge(vec![found(0.6, 12.0), found(0.9, 10.0), found(0.8, 90.0)]);
        assert_eq!(faces.len(), 2);
        assert_eq!(faces[0].score, 0.9);
        assert!((faces[0].bounds.x - 10.8).abs() < 1e-4);
    }

    #[test]
    fn boxes_without_area_end() {
        let mut empty = found(0.9, 0.0);
        empty.bounds.width = 0.0;
        assert_eq!(merge(vec![empty, found(0.8, 50.0), empty]).len(), 1);
    }

    #[test]
    fn the_square_follows_the_eyes() {
        let mut tilted = found(0.9, 10.0);
        tilted.eyes = [[10.0, 10.0], [20.0, 20.0]];
        let square = tilted.square();
        assert!((square.angle - std::f32::consts::FRAC_PI_4).abs() < 1e-6);
        assert_eq!((square.centre, square.size), ([20.0, 20.0], 30.0));
    }
}
