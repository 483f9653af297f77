//! From measures to findings. The limits of size, light and sharpness were set
//! on rendered portraits that were reduced, darkened and blurred until they
//! looked wrong. Those of eyes, glasses and drawings lie between what the two
//! sides measure: the rendered heads of `models/faces`, one photograph, each
//! also smaller and compressed, with spectacles and sunglasses drawn over them,
//! turned, and with shut eyes; and the two drawn presenters. The figures stand
//! at each limit.

use media::face::Blendshape;
use vision::{Face, Rect};

use crate::frame::Crop;
use crate::measure::Measures;
use crate::report::Code;

/// Height of a face in the picture, pixels: below the first nothing can be
/// seen of the teeth and lids that move, below the second it looks soft.
const FACE: [f32; 2] = [96.0, 200.0];

/// Degrees beyond which half of the face hides, and those beyond which it
/// shows.
const YAW: [f32; 2] = [28.0, 12.0];
const PITCH: [f32; 2] = [35.0, 20.0];
const ROLL: f32 = 14.0;

/// Tilted by more, it is the picture that lies on its side: nobody holds the
/// head so, and turning the picture mends it.
const LYING: f32 = 40.0;

/// Both eyes, as blendshapes: shut 0.69 to 0.81, open up to 0.10, laughing 0.06.
/// Squinting eyes lie between, and are no error.
const SHUT: f32 = 0.55;
/// See [`Measures::mouth`].
const MOUTH: f32 = 0.025;
/// Blendshapes of a face that is not at rest.
const SMILE: f32 = 0.7;
const JAW: f32 = 0.3;

/// Limits of [`Measures`], the one of an error first where there are two.
const BRIGHT: [f32; 2] = [45.0, 80.0];
const BURNT: f32 = 0.15;
const UNEVEN: f32 = 2.2;
const DETAIL: [f32; 2] = [0.03, 0.055];

/// Drawings 0.46 to 0.56, rendered faces up to 0.33, the photograph 0.07. Make-up
/// and filters smooth the skin of real faces, so it only warns.
const FLAT: f32 = 0.4;

/// Black and dark sunglasses 0.11 to 0.45 (on dark skin), tinted ones 0.53 to
/// 0.66, spectacles 0.93, nothing from 1.02 on.
const EYES: [f32; 2] = [0.5, 0.8];

/// Spectacles 0.27 and 0.28 or more, nothing up to 0.055 and 0.06. Above the
/// middle, since tired eyes and the shadow of a brow are edges; a rim of wire
/// may be missed.
const RIMS: [f32; 2] = [0.16, 0.14];

/// What the size and place of a face say.
pub(crate) fn place(face: &Rect, crop: Crop, [width, height]: [u32; 2]) -> Vec<Code> {
    let mut codes = Vec::new();
    if face.height < FACE[0] {
        codes.push(Code::FaceTooSmall);
    } else if face.height < FACE[1] {
        codes.push(Code::FaceSmall);
    }
    let inside = face.x >= 0.0
        && face.y >= 0.0
        && face.x + face.width <= width as f32
        && face.y + face.height <= height as f32;
    if !inside {
        codes.push(Code::FaceCut);
    } else if !crop.is_roomy(face) {
        codes.push(Code::Tight);
    }
    codes
}

/// What a face in its frame says.
pub(crate) fn face(face: &Face, measures: &Measures) -> Vec<Code> {
    let mut codes = Vec::new();
    let held = [(face.pose.yaw, YAW), (face.pose.pitch, PITCH)];
    let beyond = |which: usize| held.iter().any(|(angle, limit)| angle.abs() > limit[which]);
    let tilted = face.pose.roll.abs();
    if tilted > LYING {
        codes.push(Code::Lying);
    } else if beyond(0) {
        codes.push(Code::Profile);
    } else if beyond(1) || tilted > ROLL {
        codes.push(Code::Turned);
    }
    let shape = |shape: Blendshape| face.shapes[shape.index()];
    let hidden = measures.eyes < EYES[0];
    if hidden {
        codes.push(Code::EyesHidden);
    } else if shape(Blendshape::EyeBlinkLeft).min(shape(Blendshape::EyeBlinkRight)) > SHUT {
        codes.push(Code::EyesClosed);
    }
    let rimmed = measures.rims[0] > RIMS[0] && measures.rims[1] > RIMS[1];
    if !hidden && (rimmed || measures.eyes < EYES[1]) {
        codes.push(Code::Glasses);
    }
    if measures.mouth > MOUTH || shape(Blendshape::JawOpen) > JAW {
        codes.push(Code::MouthOpen);
    } else if shape(Blendshape::MouthSmileLeft).min(shape(Blendshape::MouthSmileRight)) > SMILE {
        codes.push(Code::Expression);
    }
    // In the dark and out of focus, all is alike.
    if measures.flat > FLAT && measures.bright > BRIGHT[1] && measures.detail > DETAIL[1] {
        codes.push(Code::Drawing);
    }
    let two = |value: f32, limits: [f32; 2], worse: Code, bad: Code| {
        (value < limits[0])
            .then_some(worse)
            .or((value < limits[1]).then_some(bad))
    };
    codes.extend(two(measures.bright, BRIGHT, Code::TooDark, Code::Dark));
    if measures.burnt > BURNT {
        codes.push(Code::TooBright);
    }
    if measures.uneven > UNEVEN {
        codes.push(Code::Uneven);
    }
    codes.extend(two(measures.detail, DETAIL, Code::Blurred, Code::Soft));
    codes
}
