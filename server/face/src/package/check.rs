//! Whether a portrait can be animated at all. How good a picture it is, is
//! for those who make avatars to judge.

use crate::photo::points::{CHIN, FOREHEAD, LEFT_EYE, OVAL, RIGHT_EYE};

use super::{Error, LANDMARKS, Portrait, SIDES};

/// Smallest distance between the outer corners of the eyes, pixels.
const EYES_APART: f32 = 24.0;
/// How far landmarks may lie outside the picture, of its longer side: faces
/// may be cut a little.
const OUTSIDE: f32 = 0.25;
/// Most that the head may be tilted, as the tangent of the eye line: 45°.
const TILT: f32 = 1.0;

pub(super) fn portrait(portrait: &Portrait) -> Result<(), Error> {
    let picture = &portrait.picture;
    let size = picture.size();
    if !(picture.is_whole() && SIDES.contains(&size.0) && SIDES.contains(&size.1)) {
        return Err(Error::Picture {
            file: "the picture".into(),
            why: format!(
                "it has {}x{} pixels; sides must be {} to {}",
                size.0,
                size.1,
                SIDES.start(),
                SIDES.end()
            ),
        });
    }
    let same = |file: &str, other: Option<((usize, usize), bool)>| match other {
        Some((other, whole)) if other != size || !whole => Err(Error::Picture {
            file: file.to_owned(),
            why: format!(
                "it has {}x{} pixels, the picture {}x{}",
                other.0, other.1, size.0, size.1
            ),
        }),
        _ => Ok(()),
    };
    same(
        "the person's alpha",
        portrait.person.as_ref().map(|p| (p.size(), p.is_whole())),
    )?;
    same(
        "the picture with closed eyes",
        portrait
            .eyes_closed
            .as_ref()
            .map(|p| (p.size(), p.is_whole())),
    )?;
    if !portrait.shapes.iter().all(|w| (0.0..=1.0).contains(w)) {
        return Err(Error::Manifest("calibration weights must be 0 to 1".into()));
    }
    landmarks(&portrait.landmarks, size)
}

fn landmarks(points: &[[f32; 3]], size: (usize, usize)) -> Result<(), Error> {
    let bad = |why: &str| Err(Error::Landmarks(why.to_owned()));
    if points.len() != LANDMARKS {
        return bad("there must be 478 of them");
    }
    if !points.iter().flatten().all(|v| v.is_finite()) {
        return bad("some are not numbers");
    }
    let (width, height) = (size.0 as f32, size.1 as f32);
    let margin = OUTSIDE * width.max(height);
    let inside = |[x, y, z]: &[f32; 3]| {
        (-margin..=width + margin).contains(x)
            && (-margin..=height + margin).contains(y)
            && z.abs() <= 2.0 * width.max(height)
    };
    if !points.iter().all(inside) {
        return bad("some lie far outside the picture");
    }
    let (right, left) = (points[RIGHT_EYE[0]], points[LEFT_EYE[0]]);
    let (across, down) = (left[0] - right[0], left[1] - right[1]);
    if across < EYES_APART {
        return bad("the eyes are too close together, or the face is turned away");
    }
    if down.abs() > TILT * across {
        return bad("the head is tilted too far");
    }
    let (crown, chin) = (points[FOREHEAD], points[CHIN]);
    if chin[1] - crown[1] < 0.5 * across || chin[1] - crown[1] > 6.0 * across {
        return bad("forehead and chin are not where those of a face are");
    }
    // The outline must go round the middle of the face.
    let middle = [
        f32::midpoint(crown[0], chin[0]),
        f32::midpoint(crown[1], chin[1]),
    ];
    let turn = |k: usize| {
        let (a, b) = (points[OVAL[k]], points[OVAL[(k + 1) % OVAL.len()]]);
        (a[0] - middle[0]) * (b[1] - middle[1]) - (a[1] - middle[1]) * (b[0] - middle[0])
    };
    if !(0..OVAL.len()).all(|k| turn(k) > 0.0) {
        return bad("the outline of the face is no outline");
    }
    Ok(())
}
