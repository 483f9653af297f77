//! How the head is held: the rotation that fits the mean face to the landmarks
//! best (Horn, "Closed-form solution of absolute orientation using unit
//! quaternions", 1987).
//!
//! The mean face and the landmarks that hardly move with the expression come
//! with the networks, in `GeometryPipelineMetadata` of `MediaPipe`.

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
        let total: f64 = self.anchors.iter().map(|anchor| anchor.weight).sum();
        let mean = |place: &dyn Fn(&Anchor) -> [f64; 3]| {
            let mut mean = [0.0; 3];
            for anchor in &self.anchors {
                for (sum, value) in mean.iter_mut().zip(place(anchor)) {
                    *sum += value * anchor.weight / total;
                }
            }
            mean
        };
        let (from, to) = (mean(&|anchor| anchor.place), mean(&seen));
        let mut moments = [[0.0; 3]; 3];
        for anchor in &self.anchors {
            let (place, seen) = (anchor.place, seen(anchor));
            for row in 0..3 {
                for column in 0..3 {
                    moments[row][column] +=
                        anchor.weight * (place[row] - from[row]) * (seen[column] - to[column]);
                }
            }
        }
        angles(rotation(moments))
    }
}

/// The rotation that turns the first points onto the second ones, given the
/// sums of their products.
fn rotation(moments: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let [[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]] = moments;
    let symmetric = [
        [xx + yy + zz, yz - zy, zx - xz, xy - yx],
        [yz - zy, xx - yy - zz, xy + yx, zx + xz],
        [zx - xz, xy + yx, yy - xx - zz, yz + zy],
        [xy - yx, zx + xz, yz + zy, zz - xx - yy],
    ];
    let [w, x, y, z] = largest_eigenvector(symmetric);
    [
        [
            1.0 - 2.0 * (y * y + z * z),
            2.0 * (x * y - w * z),
            2.0 * (x * z + w * y),
        ],
        [
            2.0 * (x * y + w * z),
            1.0 - 2.0 * (x * x + z * z),
            2.0 * (y * z - w * x),
        ],
        [
            2.0 * (x * z - w * y),
            2.0 * (y * z + w * x),
            1.0 - 2.0 * (x * x + y * y),
        ],
    ]
}

/// By Jacobi's rotations, which converge for every symmetric matrix.
fn largest_eigenvector(mut a: [[f64; 4]; 4]) -> [f64; 4] {
    /// Far more than the five or so that a matrix of this size needs.
    const SWEEPS: usize = 20;
    let mut vectors = [[0.0; 4]; 4];
    for (at, row) in vectors.iter_mut().enumerate() {
        row[at] = 1.0;
    }
    for _ in 0..SWEEPS {
        for p in 0..3 {
            for q in p + 1..4 {
                if a[p][q].abs() < f64::MIN_POSITIVE {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let c = 1.0 / t.hypot(1.0);
                let s = t * c;
                let turn = |(p, q): (f64, f64)| (c * p - s * q, s * p + c * q);
                for row in &mut a {
                    (row[p], row[q]) = turn((row[p], row[q]));
                }
                let (rows_p, rows_q) = (a[p], a[q]);
                for (column, pair) in rows_p.into_iter().zip(rows_q).enumerate() {
                    (a[p][column], a[q][column]) = turn(pair);
                }
                for row in &mut vectors {
                    (row[p], row[q]) = turn((row[p], row[q]));
                }
            }
        }
    }
    let best = (0..4).fold(
        0,
        |best, at| if a[at][at] > a[best][best] { at } else { best },
    );
    vectors.map(|row| row[best])
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
