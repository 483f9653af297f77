//! The ARKit shapes as offsets of the face landmarks.
//!
//! `models/faces/basis` makes the file and describes its layout.

use std::sync::OnceLock;

use media::Blendshape;

use crate::package::LANDMARKS;

static FILE: &[u8] = include_bytes!("../../../../models/faces/basis/basis.bin");

/// Steps of a millimetre in the file.
const STEPS: f32 = 128.0;

/// x to the viewer's right, y down, z away from the viewer, millimetres.
pub(crate) type Points = Vec<[f32; 3]>;

/// The neutral head, its triangles and what each shape does to it.
pub(crate) struct Basis {
    /// Landmarks at rest; the origin is between the outer eye corners.
    pub rest: Points,
    /// Triangles of the skin, without eye openings and the inside of the mouth.
    pub triangles: Vec<[u16; 3]>,
    /// Offsets at weight 1.
    pub shapes: Vec<(Blendshape, Points)>,
}

impl Basis {
    /// The basis that comes with the product.
    pub fn get() -> &'static Self {
        static BASIS: OnceLock<Basis> = OnceLock::new();
        BASIS.get_or_init(|| Self::parse(FILE).expect("the basis in the binary is whole"))
    }

    fn parse(file: &[u8]) -> Option<Self> {
        let mut reader = Reader(file);
        if reader.take(8)? != b"VISBASIS" || reader.u16()? != 1 {
            return None;
        }
        let (points, triangles, shapes) = (reader.u16()?, reader.u16()?, reader.u16()?);
        if usize::from(points) != LANDMARKS {
            return None;
        }
        let rest = reader.points()?;
        let triangles = (0..triangles)
            .map(|_| {
                let corners = [reader.u16()?, reader.u16()?, reader.u16()?];
                corners.iter().all(|&c| c < points).then_some(corners)
            })
            .collect::<Option<_>>()?;
        let shapes = (0..shapes)
            .map(|_| {
                let shape = *Blendshape::ALL.get(usize::from(reader.u16()?))?;
                Some((shape, reader.points()?))
            })
            .collect::<Option<_>>()?;
        reader.0.is_empty().then_some(Self {
            rest,
            triangles,
            shapes,
        })
    }
}

/// What of the file is still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.take(2)?.first_chunk()?;
        Some(u16::from_le_bytes(*bytes))
    }

    fn points(&mut self) -> Option<Points> {
        let (values, _) = self.take(LANDMARKS * 6)?.as_chunks::<2>();
        let values: Vec<f32> = values
            .iter()
            .map(|v| f32::from(i16::from_le_bytes(*v)) / STEPS)
            .collect();
        Some(values.as_chunks::<3>().0.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::super::points::{CHIN, LOWER_LIP, UPPER_LIP};
    use super::*;

    fn shape(shape: Blendshape) -> &'static Points {
        let found = Basis::get().shapes.iter().find(|(s, _)| *s == shape);
        &found.expect("the shape exists").1
    }

    #[test]
    fn a_torn_file_is_refused() {
        assert!(Basis::parse(FILE).is_some());
        for length in [0, 7, 16, 1000, FILE.len() - 1] {
            assert!(Basis::parse(&FILE[..length]).is_none());
        }
        let longer = [FILE, &[0]].concat();
        assert!(Basis::parse(&longer).is_none());
    }

    #[test]
    fn jaw_and_close_together_seal_the_lips() {
        let (jaw, close) = (shape(Blendshape::JawOpen), shape(Blendshape::MouthClose));
        for (&up, &low) in UPPER_LIP[3].iter().zip(&LOWER_LIP[3]) {
            let gap = (jaw[low][1] + close[low][1]) - (jaw[up][1] + close[up][1]);
            assert!(gap.abs() < 0.1, "{gap} mm between {up} and {low}");
        }
        // The chin stays down.
        assert!(jaw[CHIN][1] + close[CHIN][1] > 15.0);
    }

    #[test]
    fn sides_mirror_each_other() {
        use Blendshape::{MouthSmileLeft, MouthSmileRight};
        let (left, right) = (shape(MouthSmileLeft), shape(MouthSmileRight));
        let (l, r) = (left[291], right[61]);
        assert!((l[0] + r[0]).abs() < 0.1 && (l[1] - r[1]).abs() < 0.1);
        assert!(l[0] > 2.0 && l[1] < -3.0, "{l:?}");
        assert!(right[291][1].abs() < 0.5);
    }
}
