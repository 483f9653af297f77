//! Twenty seconds of a session: rest, speech with nods and turns, rest.

use media::{Blendshape, FRAME, FaceControls, MediaTime, Viseme};

use super::visemes;

/// The first and the last picture of the speech.
pub const SPEECH: std::ops::Range<i64> = 100..400;

/// The face of a picture. Visemes follow each other every four pictures and
/// blend, the head turns slowly and nods every second, brows go up with it.
pub fn face(n: i64) -> FaceControls {
    let at = MediaTime(n * FRAME);
    if !SPEECH.contains(&n) {
        return FaceControls::rest(at);
    }
    let viseme = |n: i64| visemes::face(Viseme::ALL[(n * 7).rem_euclid(15) as usize], at);
    let (mut face, next) = (viseme(n / 4), viseme(n / 4 + 1));
    let t = (n % 4) as f32 / 4.0;
    for (weight, next) in face.shapes.iter_mut().zip(next.shapes) {
        *weight += t * (next - *weight);
    }
    let fade = ((n - SPEECH.start).min(SPEECH.end - 1 - n) as f32 / 8.0).min(1.0);
    for weight in &mut face.shapes {
        *weight *= fade;
    }
    let nod = ((n % 25) as f32 / 12.0 * std::f32::consts::PI)
        .sin()
        .max(0.0);
    face.yaw = fade * (n as f32 * 0.1).sin() * 3.0;
    face.pitch = -2.0 * fade * nod;
    face.set(Blendshape::BrowInnerUp, 0.3 * fade * nod);
    face
}
