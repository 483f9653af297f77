//! The mesh over the whole screen: the face, rings around it out to the edges,
//! and how head and body carry its points.

use super::basis::Basis;
use super::curve::smooth;
use super::points::{
    CHIN, FOREHEAD, LEFT_EAR, LEFT_LIDS, LOWER_LIP, MESH, OVAL, RIGHT_EAR, RIGHT_LIDS, UPPER_LIP,
};
use super::raster::STEPS;

/// Each ring is this much wider than the one inside it, while it is near enough
/// to move with the head, and beyond.
const RING: (f32, f32) = (1.13, 1.4);
/// Where that changes, of the size of the face's outline.
const NEAR: f32 = 3.0;
/// Rings there are at most, for a face that is tiny on its screen.
const RINGS: usize = 30;
/// Where the skin around the face stops to follow its expressions, of the
/// size of the face's outline.
const FOLLOWS: f32 = 1.55;

/// Steepest slope of the surface away from the viewer. A turn by the most that
/// is shown (6°, sine 0.105) squeezes such a place to about half.
const STEEPEST: f32 = 4.5;
/// Sweeps over the mesh that flatten it, at most: it settles within a few dozen.
const FLATTENING: usize = 200;

/// Everything that moves the head as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pose {
    /// Radians.
    pub yaw: f32,
    pub pitch: f32,
    pub roll: f32,
    /// Across and down, pixels.
    pub shift: [f32; 2],
    /// Rise of the shoulders, pixels.
    pub breath: f32,
    /// Sines and cosines of yaw, pitch and roll.
    turns: [(f32, f32); 3],
}

impl Pose {
    /// From yaw, pitch and roll in radians, and shift and breath in pixels.
    pub fn new([yaw, pitch, roll]: [f32; 3], shift: [f32; 2], breath: f32) -> Self {
        Self {
            yaw,
            pitch,
            roll,
            shift,
            breath,
            turns: [yaw, pitch, roll].map(f32::sin_cos),
        }
    }
}

/// How the head turns on the screen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Skull {
    /// The middle between the ears, where yaw and pitch turn about: x, y, and
    /// depth.
    pub middle: [f32; 3],
    /// Where roll turns about: low in the neck.
    pub neck: [f32; 2],
    /// Ear to ear, pixels.
    pub width: f32,
}

/// Share of a breath that the head goes along with.
const BREATH_HEAD: f32 = 0.45;
/// How far the neck carries the head to the side it turns to, of its width
/// and the sine of the yaw.
const CARRIED: f32 = 0.1;

impl Skull {
    fn new(at: &[[f32; 3]]) -> Self {
        let (right, left) = (at[RIGHT_EAR], at[LEFT_EAR]);
        let width = (left[0] - right[0]).hypot(left[1] - right[1]);
        let chin = at[CHIN];
        Self {
            middle: [
                f32::midpoint(right[0], left[0]),
                f32::midpoint(right[1], left[1]),
                f32::midpoint(right[2], left[2]) + 0.08 * width,
            ],
            neck: [chin[0], chin[1] + 0.35 * width],
            width,
        }
    }

    /// Where a point goes whose share of the head's motion is `head` and of the
    /// body's `body`.
    pub fn carry(&self, [x, y, z]: [f32; 3], head: f32, body: f32, pose: &Pose) -> [f32; 2] {
        let rise = pose.breath * (body + BREATH_HEAD * head * (1.0 - body));
        if head == 0.0 {
            return [x, y - rise];
        }
        let (px, py, pz) = (x - self.middle[0], y - self.middle[1], z - self.middle[2]);
        let [
            (sin_yaw, cos_yaw),
            (sin_pitch, cos_pitch),
            (sin_roll, cos_roll),
        ] = pose.turns;
        let mut dx = px * cos_yaw - pz * sin_yaw - px + CARRIED * self.width * sin_yaw;
        let deep = pz * cos_yaw + px * sin_yaw;
        let mut dy = py * cos_pitch + deep * sin_pitch - py;
        let (rx, ry) = (x + dx - self.neck[0], y + dy - self.neck[1]);
        dx += rx * cos_roll - ry * sin_roll - rx;
        dy += rx * sin_roll + ry * cos_roll - ry;
        dx += pose.shift[0];
        dy += pose.shift[1];
        [x + dx * head, y + dy * head - rise]
    }
}

/// How steeply depth changes across a triangle; endless if it has no area.
fn slope(a: [f32; 3], b: [f32; 3], c: [f32; 3]) -> f32 {
    let (u, v) = ([b[0] - a[0], b[1] - a[1]], [c[0] - a[0], c[1] - a[1]]);
    let (du, dv) = (b[2] - a[2], c[2] - a[2]);
    if du == 0.0 && dv == 0.0 {
        return 0.0;
    }
    let area = u[0] * v[1] - u[1] * v[0];
    let (gx, gy) = (du * v[1] - dv * u[1], dv * u[0] - du * v[0]);
    gx.hypot(gy) / area.abs().max(f32::MIN_POSITIVE)
}

/// A ring point that follows the outline of the face.
struct Follower {
    vertex: usize,
    leader: usize,
    share: f32,
}

pub(crate) struct Mesh {
    /// Points at rest, screen pixels; the landmarks first, then the rings.
    pub rest: Vec<[f32; 3]>,
    /// What of the picture at rest each point shows, screen pixels.
    pub shows: Vec<[f32; 2]>,
    /// Share of the head's motion, and of the body's.
    head: Vec<f32>,
    body: Vec<f32>,
    followers: Vec<Follower>,
    pub triangles: Vec<[u16; 3]>,
    pub skull: Skull,
}

impl Mesh {
    /// The mesh for landmarks on a screen of a size. With `open` the picture
    /// shows an open mouth, and lip is drawn over what is between the lips.
    pub fn new(basis: &Basis, landmarks: &[[f32; 3]], size: (usize, usize), open: bool) -> Self {
        let skull = Skull::new(landmarks);
        let mut mesh = Self {
            rest: landmarks[..MESH].to_vec(),
            shows: landmarks[..MESH].iter().map(|&[x, y, _]| [x, y]).collect(),
            head: vec![1.0; MESH],
            body: vec![0.0; MESH],
            followers: Vec::new(),
            triangles: Vec::new(),
            skull,
        };
        // Openings lie behind the skin.
        if open {
            let skin = mesh.lip_skin();
            mesh.fill(&UPPER_LIP[3], &skin);
        } else {
            mesh.fill(&UPPER_LIP[3], &LOWER_LIP[3]);
        }
        mesh.fill(&RIGHT_LIDS[0], &RIGHT_LIDS[1]);
        mesh.fill(&LEFT_LIDS[0], &LEFT_LIDS[1]);
        mesh.triangles.extend(&basis.triangles);
        mesh.add_rings(landmarks, size);
        mesh.flatten();
        mesh
    }

    /// Points that go with the edge of the lower lip and show the edge of the
    /// upper one.
    fn lip_skin(&mut self) -> [usize; 11] {
        std::array::from_fn(|k| {
            let (up, low) = (UPPER_LIP[3][k], LOWER_LIP[3][k]);
            let vertex = self.rest.len();
            self.followers.push(Follower {
                vertex,
                leader: low,
                share: 1.0,
            });
            self.rest.push(self.rest[low]);
            self.shows.push(self.shows[up]);
            self.head.push(1.0);
            self.body.push(0.0);
            vertex
        })
    }

    /// Takes depth from where the surface is so steep that it would fold over
    /// when the head turns: folds have hard edges, and show what the picture
    /// does not.
    fn flatten(&mut self) {
        for _ in 0..FLATTENING {
            let mut steep = false;
            for &corners in &self.triangles {
                let corners = corners.map(usize::from);
                let [a, b, c] = corners.map(|i| self.rest[i]);
                let slope = slope(a, b, c);
                if slope <= STEEPEST {
                    continue;
                }
                steep = true;
                let mean = (a[2] + b[2] + c[2]) / 3.0;
                for i in corners {
                    let z = &mut self.rest[i][2];
                    *z = mean + (*z - mean) * STEEPEST / slope;
                }
            }
            if !steep {
                break;
            }
        }
    }

    fn fill(&mut self, upper: &[usize], lower: &[usize]) {
        for (up, low) in upper.windows(2).zip(lower.windows(2)) {
            let [a, b, c, d] = [up[0], up[1], low[1], low[0]].map(|i| i as u16);
            self.triangles.push([a, b, c]);
            self.triangles.push([a, c, d]);
        }
    }

    fn add_rings(&mut self, landmarks: &[[f32; 3]], size: (usize, usize)) {
        let (crown, chin) = (landmarks[FOREHEAD], landmarks[CHIN]);
        let middle = [
            f32::midpoint(crown[0], chin[0]),
            f32::midpoint(crown[1], chin[1]),
        ];
        let tall = f32::midpoint(chin[1] - crown[1], 0.0);
        let nearest = OVAL
            .iter()
            .map(|&i| (landmarks[i][0] - middle[0]).hypot(landmarks[i][1] - middle[1]))
            .fold(f32::INFINITY, f32::min);
        let (width, height) = (size.0 as f32, size.1 as f32);
        let farthest = [[0.0, 0.0], [width, 0.0], [0.0, height], [width, height]]
            .iter()
            .map(|c| (c[0] - middle[0]).hypot(c[1] - middle[1]))
            .fold(0.0, f32::max);
        let mut inner = OVAL.map(|i| i as u16);
        let mut wide = 1.0;
        for _ in 0..RINGS {
            if wide * nearest > 1.25 * farthest {
                break;
            }
            wide *= if wide < NEAR { RING.0 } else { RING.1 };
            let first = self.rest.len() as u16;
            for &i in &OVAL {
                let point = landmarks[i];
                let place = [
                    middle[0] + wide * (point[0] - middle[0]),
                    middle[1] + wide * (point[1] - middle[1]),
                ];
                let down = (point[1] - middle[1]) / tall;
                self.add_ring_point(i, place, point[2], wide, down);
            }
            let outer: [u16; OVAL.len()] = std::array::from_fn(|k| first + k as u16);
            for k in 0..OVAL.len() {
                let next = (k + 1) % OVAL.len();
                self.triangles.push([inner[k], outer[k], outer[next]]);
                self.triangles.push([inner[k], outer[next], inner[next]]);
            }
            inner = outer;
        }
    }

    /// `wide` is the size of its ring, `down` where on it the point is: -1 over
    /// the forehead, 1 under the chin.
    fn add_ring_point(&mut self, leader: usize, place: [f32; 2], z: f32, wide: f32, down: f32) {
        // Hair and ears go with the head, far out nothing does; under the chin
        // the neck takes over at once.
        let low = smooth((down - 0.1) / 0.7);
        let begins = 1.75 * (1.0 - low) + 1.02 * low;
        let ends = 2.5 * (1.0 - low) + 2.0 * low;
        let head = 1.0 - smooth((wide - begins) / (ends - begins));
        let chin = self.rest[CHIN][1];
        let body = smooth((place[1] - chin) / (0.75 * self.skull.width));
        // Behind the face the head is about as deep as its middle, where
        // turning does not move it.
        let deep = smooth((wide - 1.0) / 0.4);
        let z = z + (self.skull.middle[2] - z) * deep;
        let share = 1.0 - smooth((wide - 1.0) / (FOLLOWS - 1.0));
        if share > 0.0 {
            self.followers.push(Follower {
                vertex: self.rest.len(),
                leader,
                share,
            });
        }
        self.rest.push([place[0], place[1], z]);
        self.shows.push(place);
        self.head.push(head);
        self.body.push(body);
    }

    /// Where all points are for offsets of the landmarks and a pose, in
    /// [`STEPS`] of a pixel.
    pub fn place(&self, offsets: &[[f32; 3]], pose: &Pose, places: &mut Vec<[i32; 2]>) {
        let nearest = |v: f32| (v * STEPS + 0.5_f32.copysign(v)) as i32;
        let fixed = |p: [f32; 2]| p.map(nearest);
        let mut at: Vec<[f32; 3]> = self.rest.clone();
        for (point, offset) in at.iter_mut().zip(offsets) {
            for (p, o) in point.iter_mut().zip(offset) {
                *p += o;
            }
        }
        for Follower {
            vertex,
            leader,
            share,
        } in &self.followers
        {
            let offset = offsets[*leader];
            for (p, o) in at[*vertex].iter_mut().zip(offset) {
                *p += share * o;
            }
        }
        places.clear();
        places.extend(
            at.iter()
                .zip(&self.head)
                .zip(&self.body)
                .map(|((&point, &head), &body)| fixed(self.skull.carry(point, head, body, pose))),
        );
    }
}
