//! From blendshape weights to offsets of this person's landmarks.

use media::Blendshape;
use media::face::BLENDSHAPES;

use super::basis::Basis;
use super::fit::Fit;
use super::points::{LOWER_LIP, MESH, UPPER_LIP};
use crate::weights::Weights;

/// How much of a correction at a lip's edge its rows take, outline first.
const ROWS: [f32; 4] = [0.2, 0.45, 0.75, 1.0];
/// The share of a frown in the picture that the brows give up at rest: a
/// picture holds one look, and an hour of it reads as anger.
const CALM: f32 = 0.4;
/// A person's lips are at most this much thicker or thinner, and their mouth
/// wider or narrower, than the basis.
const RATIO: std::ops::RangeInclusive<f32> = 0.6..=1.7;

/// The basis as it moves one face on one screen.
pub(crate) struct Motion {
    /// Offsets in screen pixels at weight 1.
    shapes: Vec<(Blendshape, Vec<[f32; 3]>)>,
    /// Closes the mouth of the picture.
    closing: Vec<[f32; 3]>,
    /// Landmarks at rest, screen pixels.
    rest: Vec<[f32; 3]>,
    /// What the picture shows already.
    shown: [f32; BLENDSHAPES],
    /// Pixels of a millimetre.
    pub scale: f32,
    /// Way of the lower teeth when the jaw is fully open, and when it goes to
    /// its left.
    pub jaw: [[f32; 3]; 2],
}

impl Motion {
    /// For landmarks at rest; with `open` their mouth is to be closed.
    pub fn new(basis: &Basis, rest: &[[f32; 3]], shown: &[f32; BLENDSHAPES], open: bool) -> Self {
        let fit = Fit::new(basis, rest);
        let ratios = Ratios::new(basis, rest, fit.scale);
        let shapes: Vec<_> = basis
            .shapes
            .iter()
            .map(|(shape, offsets)| {
                let offsets = (0..MESH)
                    .map(|i| fit.offset(ratios.adapt(*shape, i, offsets[i])))
                    .collect();
                (*shape, offsets)
            })
            .collect();
        let way = |wanted: Blendshape, share: f32| {
            shapes
                .iter()
                .find(|(shape, _)| *shape == wanted)
                .map_or([0.0; 3], |(_, offsets): &(_, Vec<[f32; 3]>)| {
                    offsets[LOWER_LIP[0][5]].map(|v| v * share)
                })
        };
        let jaw = [
            way(Blendshape::JawOpen, 0.94),
            way(Blendshape::JawLeft, 1.0),
        ];
        let mut closing = vec![[0.0; 3]; MESH];
        if open {
            seal(rest, &mut closing, |_| true);
        }
        Self {
            shapes,
            closing,
            rest: rest[..MESH].to_vec(),
            shown: *shown,
            scale: fit.scale,
            jaw,
        }
    }

    /// Offsets of the landmarks for weights. Lips never pass through each
    /// other.
    pub fn offsets(&self, weights: &Weights, offsets: &mut Vec<[f32; 3]>) {
        offsets.clear();
        offsets.extend_from_slice(&self.closing);
        for (shape, way) in &self.shapes {
            let weight = self.weight(*shape, weights);
            if weight == 0.0 {
                continue;
            }
            for (offset, way) in offsets.iter_mut().zip(way) {
                for (o, w) in offset.iter_mut().zip(way) {
                    *o += weight * w;
                }
            }
        }
        let crossed = |gap: f32| gap < 0.0;
        seal(&self.rest, offsets, crossed);
    }

    /// A weight, less what the picture shows already. A smile gives way to
    /// rounded lips, and a frown to a calm look unless it is asked for.
    fn weight(&self, shape: Blendshape, weights: &Weights) -> f32 {
        use Blendshape::{
            BrowDownLeft, BrowDownRight, MouthFunnel, MouthPucker, MouthSmileLeft, MouthSmileRight,
        };

        let shown = self.shown[shape.index()];
        let wanted = weights.get(shape);
        if matches!(shape, MouthSmileLeft | MouthSmileRight) {
            let round = weights.get(MouthPucker).max(weights.get(MouthFunnel));
            return (wanted - shown).max(0.0) - 0.7 * shown * round;
        }
        let more = (wanted - shown).max(0.0);
        if matches!(shape, BrowDownLeft | BrowDownRight) {
            return more - CALM * shown * (1.0 - wanted).max(0.0);
        }
        more
    }

    /// How far the lower teeth are from where they are with the jaw closed.
    pub fn jaw_way(&self, weights: &Weights) -> [f32; 3] {
        use Blendshape::{JawLeft, JawOpen, JawRight};

        let open = self.weight(JawOpen, weights);
        let side = weights.get(JawLeft) - weights.get(JawRight);
        std::array::from_fn(|k| open * self.jaw[0][k] + side * self.jaw[1][k])
    }
}

/// Brings the edges of the lips together wherever `when` says so of the gap
/// between them.
fn seal(rest: &[[f32; 3]], offsets: &mut [[f32; 3]], when: impl Fn(f32) -> bool) {
    for column in 1..10 {
        let (up, low) = (UPPER_LIP[3][column], LOWER_LIP[3][column]);
        let gap = (rest[low][1] + offsets[low][1]) - (rest[up][1] + offsets[up][1]);
        // Landmarks of closed lips may cross by themselves.
        let own = (rest[low][1] - rest[up][1]).min(0.0);
        if !when(gap - own) {
            continue;
        }
        for (row, share) in ROWS.into_iter().enumerate() {
            offsets[UPPER_LIP[row][column]][1] += 0.5 * share * (gap - own);
            offsets[LOWER_LIP[row][column]][1] -= 0.5 * share * (gap - own);
        }
    }
}

/// How this mouth compares with that of the basis.
struct Ratios {
    width: f32,
    upper: f32,
    lower: f32,
}

impl Ratios {
    fn new(basis: &Basis, rest: &[[f32; 3]], scale: f32) -> Self {
        let apart = |points: &[[f32; 3]], a: usize, b: usize| {
            (points[a][0] - points[b][0]).hypot(points[a][1] - points[b][1])
        };
        let ratio = |a, b| {
            (apart(rest, a, b) / scale / apart(&basis.rest, a, b).max(0.1))
                .clamp(*RATIO.start(), *RATIO.end())
        };
        let row = |lip: &[[usize; 11]; 4]| (lip[0][5], lip[3][5]);
        let (upper, lower) = (row(&UPPER_LIP), row(&LOWER_LIP));
        Self {
            width: ratio(UPPER_LIP[0][0], UPPER_LIP[0][10]),
            upper: ratio(upper.0, upper.1),
            lower: ratio(lower.0, lower.1),
        }
    }

    /// Lips round by a share of their width, and tuck in by a share of their
    /// height.
    fn adapt(&self, shape: Blendshape, point: usize, [x, y, z]: [f32; 3]) -> [f32; 3] {
        use Blendshape::{
            MouthFunnel, MouthPressLeft, MouthPressRight, MouthPucker, MouthRollLower,
            MouthRollUpper,
        };

        match shape {
            MouthPucker | MouthFunnel => [x * self.width, y, z],
            MouthRollLower => [x, y * self.lower, z],
            MouthRollUpper => [x, y * self.upper, z],
            MouthPressLeft | MouthPressRight => {
                let lower = LOWER_LIP[..3].iter().any(|row| row[1..10].contains(&point));
                [x, y * if lower { self.lower } else { self.upper }, z]
            }
            _ => [x, y, z],
        }
    }
}

#[cfg(test)]
mod tests {
    use media::{FaceControls, MediaTime};

    use super::super::points::LEFT_BROW;
    use super::*;

    /// How far a brow is down, by the sum of its points, that frowns in the
    /// picture and is asked to.
    fn brow(shown: f32, wanted: f32) -> f32 {
        let basis = Basis::get();
        let mut shapes = [0.0; BLENDSHAPES];
        shapes[Blendshape::BrowDownLeft.index()] = shown;
        let motion = Motion::new(basis, &basis.rest, &shapes, false);
        let mut face = FaceControls::rest(MediaTime::ZERO);
        face.set(Blendshape::BrowDownLeft, wanted);
        let mut offsets = Vec::new();
        motion.offsets(&Weights::new(&face), &mut offsets);
        LEFT_BROW.iter().map(|&i| offsets[i][1]).sum()
    }

    #[test]
    fn a_frown_of_the_picture_is_calmed_unless_asked_for() {
        assert_eq!(brow(0.0, 0.0), 0.0);
        let whole = brow(0.0, 1.0);
        assert!(whole > 1.0, "{whole}");
        assert!((brow(0.6, 0.0) / whole + 0.6 * CALM).abs() < 0.01);
        let asked: Vec<f32> = (0..=10).map(|i| brow(0.6, i as f32 / 10.0)).collect();
        assert!(asked.is_sorted());
        assert!((asked[10] / whole - 0.4).abs() < 0.01);
    }
}
