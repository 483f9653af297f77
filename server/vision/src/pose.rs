//! How the head is held: the rotation that fits the mean face to the landmarks
//! best.
//!
//! The mean face and the landmarks that hardly move with the expression come
//! with the networks, in `GeometryPipelineMetadata` of `MediaPipe`.

use media::geometry::Similarity;
use onnx::Malformed;
use onnx::wire::Fields;

use crate::mesh::Landmarks;

/// How the head is held, degrees; signs as in [`media::FaceControls`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pose {
    /// Turned to the person's own left.
    pub yaw: f32,
    /// Raised.
    pub pitch: f32,
    /// Tilted towards the person's own left shoulder.
    pub roll: f32,
}

/// A point of the mean face that the fit uses.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    landmark: usize,
    weight: f64,
    /// x to the right as seen, y up, z towards the camera.
    place: [f64; 3],
}

/// The mean face.
#[derive(Debug)]
pub(crate) struct Canonical {
    anchors: Vec<Anchor>,
}

impl Canonical {
    /// Reads `GeometryPipelineMetadata` (`MediaPipe`, `geometry_pipeline_metadata.proto`).
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        const MESH: u64 = 1;
        const BASIS: u64 = 2;
        const VERTICES: u64 = 3;
        const LANDMARK: u64 = 1;
        const WEIGHT: u64 = 2;
        /// x, y, z and the place in a texture.
        const NUMBERS: usize = 5;
        let mut vertices = Vec::new();
        let mut basis = Vec::new();
        for each in Fields(bytes) {
            let each = each?;
            match each.number {
                MESH => {
                    for part in Fields(each.payload) {
                        let part = part?;
                        if part.number == VERTICES {
                            vertices.extend(part.floats()?);
                        }
                    }
                }
                BASIS => {
                    let (mut landmark, mut weight) = (0, 0.0);
                    for part in Fields(each.payload) {
                        let part = part?;
                        match part.number {
                            LANDMARK => landmark = *part.integers()?.first().unwrap_or(&0),
                            WEIGHT => weight = *part.floats()?.first().unwrap_or(&0.0),
                            _ => {}
                        }
                    }
                    basis.push((landmark, weight));
                }
                _ => {}
            }
        }
        let (vertices, _) = vertices.as_chunks::<NUMBERS>();
        let anchors = basis
            .into_iter()
            .map(|(landmark, weight)| {
                let landmark = usize::try_from(landmark).unwrap_or(usize::MAX);
                let &[x, y, z, ..] = vertices
                    .get(landmark)
                    .ok_or(Malformed("the mean face lacks a landmark"))?;
                Ok(Anchor {
                    landmark,
                    weight: weight.into(),
                    place: [x, y, z].map(f64::from),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        // Three points fix a rotation; a mesh of any other kind has fewer.
        if anchors.len() < 3
            || anchors
                .iter()
                .any(|anchor| anchor.landmark >= crate::LANDMARKS)
        {
            return Err(Malformed("there is no mean face in it"));
        }
        Ok(Self { anchors })
    }

    /// The pose of a face.
    pub fn fit(&self, landmarks: &Landmarks) -> Pose {
        let seen = |anchor: &Anchor| {
            let [x, y, z] = landmarks[anchor.landmark].map(f64::from);
            [x, -y, -z]
        };
        let pairs = self
            .anchors
            .iter()
            .map(|anchor| (anchor.weight, anchor.place, seen(anchor)));
        angles(Similarity::fit(pairs).rotation)
    }
}

/// Yaw about the upright axis, then pitch, then roll about the line of sight.
fn angles(r: [[f64; 3]; 3]) -> Pose {
    let forward = [r[0][2], r[1][2], r[2][2]];
    let yaw = forward[0].atan2(forward[2]);
    let pitch = forward[1].clamp(-1.0, 1.0).asin();
    // The person's side, as seen, with yaw and pitch undone.
    let (sin, cos) = yaw.sin_cos();
    let across = cos * r[0][0] - sin * r[2][0];
    let along = sin * r[0][0] + cos * r[2][0];
    let up = pitch.cos() * r[1][0] - pitch.sin() * along;
    let roll = -up.atan2(across);
    Pose {
        yaw: yaw.to_degrees() as f32,
        pitch: pitch.to_degrees() as f32,
        roll: roll.to_degrees() as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face() -> Canonical {
        let places = [
            [0.0, 0.0, 6.0],
            [-4.0, 3.0, 3.0],
            [4.0, 3.0, 3.0],
            [0.0, -7.0, 4.0],
            [-6.0, 0.0, -1.0],
            [6.0, 0.0, -1.0],
        ];
        let anchors = places.iter().enumerate().map(|(landmark, &place)| Anchor {
            landmark,
            weight: 0.1 + landmark as f64 * 0.05,
            place,
        });
        Canonical {
            anchors: anchors.collect(),
        }
    }

    /// The face, rolled, then raised, then turned, as the camera sees it.
    fn held(face: &Canonical, pose: Pose) -> Box<Landmarks> {
        let [yaw, pitch, roll] =
            [pose.yaw, pose.pitch, pose.roll].map(|angle| f64::from(angle).to_radians());
        let mut landmarks = Box::new([[0.0; 3]; crate::LANDMARKS]);
        for anchor in &face.anchors {
            let [x, y, z] = anchor.place;
            let (x, y) = (
                x * roll.cos() + y * roll.sin(),
                y * roll.cos() - x * roll.sin(),
            );
            let (y, z) = (
                y * pitch.cos() + z * pitch.sin(),
                z * pitch.cos() - y * pitch.sin(),
            );
            let (x, z) = (x * yaw.cos() + z * yaw.sin(), z * yaw.cos() - x * yaw.sin());
            landmarks[anchor.landmark] =
                [300.0 + 20.0 * x, 200.0 - 20.0 * y, -20.0 * z].map(|at| at as f32);
        }
        landmarks
    }

    #[test]
    fn the_pose_of_a_turned_face_is_found() {
        let face = face();
        for (yaw, pitch, roll) in [
            (0, 0, 0),
            (30, 0, 0),
            (0, -20, 0),
            (0, 0, 25),
            (-40, 15, -10),
        ] {
            let pose = Pose {
                yaw: yaw as f32,
                pitch: pitch as f32,
                roll: roll as f32,
            };
            let found = face.fit(&held(&face, pose));
            for (found, real) in [
                (found.yaw, pose.yaw),
                (found.pitch, pose.pitch),
                (found.roll, pose.roll),
            ] {
                assert!((found - real).abs() < 0.01, "{found} instead of {real}");
            }
        }
    }

    #[test]
    fn other_messages_are_refused() {
        assert!(Canonical::parse(b"").is_err());
        assert!(Canonical::parse(&[0xff; 40]).is_err());
    }
}
