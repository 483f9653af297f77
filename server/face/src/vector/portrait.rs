//! Parts of a head that all presenters share: skin, light and nose.

use super::brush::{Canvas, Clip, Fill, Tint, blob, curve, oval};
use super::look::Look;
use tiny_skia::Path;

/// Fills the face and lights it from the upper left.
pub(super) fn face(look: &Look, canvas: &mut Canvas, outline: &[(f32, f32)]) -> Clip {
    let path = blob(outline);
    let inside = canvas.clip(&path);
    canvas.fill(
        &path,
        &Fill::Linear(
            (190.0, 110.0),
            (322.0, 350.0),
            &[
                (0.0, look.skin.mix(look.skin_light, 0.5).solid()),
                (0.45, look.skin.solid()),
                (1.0, look.skin.mix(look.skin_shade, 0.55).solid()),
            ],
        ),
        None,
    );
    // The far side and the underside turn away from the light.
    let rim = mirror_free_rim(outline);
    canvas.soft_stroke(
        &blob(&rim),
        13.0,
        look.skin_shade.alpha(0.5),
        7.0,
        Some(&inside),
    );
    spot(
        canvas,
        (337.0, 245.0),
        (26.0, 92.0),
        look.skin_shade,
        0.5,
        14.0,
        &inside,
    );
    spot(
        canvas,
        (176.0, 262.0),
        (12.0, 70.0),
        look.skin_shade,
        0.3,
        10.0,
        &inside,
    );
    spot(
        canvas,
        (256.0, 352.0),
        (46.0, 10.0),
        look.skin_shade,
        0.5,
        7.0,
        &inside,
    );
    // Forehead and cheekbones catch it.
    spot(
        canvas,
        (238.0, 152.0),
        (40.0, 20.0),
        look.skin_light,
        0.5,
        15.0,
        &inside,
    );
    spot(
        canvas,
        (203.0, 258.0),
        (15.0, 9.0),
        look.skin_light,
        0.5,
        8.0,
        &inside,
    );
    spot(
        canvas,
        (306.0, 258.0),
        (13.0, 8.0),
        look.skin_light,
        0.32,
        8.0,
        &inside,
    );
    inside
}

fn mirror_free_rim(outline: &[(f32, f32)]) -> Vec<(f32, f32)> {
    outline.iter().map(|&(x, y)| (x + 1.0, y + 1.0)).collect()
}

/// A blurred ellipse inside a clip.
pub(super) fn spot(
    canvas: &mut Canvas,
    centre: (f32, f32),
    radii: (f32, f32),
    tint: Tint,
    alpha: f32,
    blur: f32,
    clip: &Clip,
) {
    if let Some(path) = oval(centre, radii) {
        canvas.soft(&path, tint.alpha(alpha), blur, Some(clip));
    }
}

/// Warm cheeks.
pub(super) fn blush(look: &Look, canvas: &mut Canvas, alpha: f32, inside: &Clip) {
    for x in [200.0, 312.0] {
        spot(
            canvas,
            (x, 270.0),
            (17.0, 11.0),
            look.blush,
            alpha,
            9.0,
            inside,
        );
    }
}

/// The hollows in which the eyes lie.
pub(super) fn sockets(look: &Look, canvas: &mut Canvas, alpha: f32, inside: &Clip) {
    let y = look.eye.y;
    for sign in [-1.0, 1.0] {
        let x = 256.0 + sign * look.eye.spread;
        spot(
            canvas,
            (x - sign * 9.0, y - 10.0),
            (15.0, 8.0),
            look.skin_shade,
            alpha,
            6.0,
            inside,
        );
        spot(
            canvas,
            (x + sign * 2.0, y - 2.0),
            (23.0, 12.0),
            look.skin_shade,
            alpha * 0.55,
            6.0,
            inside,
        );
        // Where brow and nose meet.
        spot(
            canvas,
            (256.0 + sign * 16.0, y - 6.0),
            (4.5, 12.0),
            look.skin_shade,
            alpha * 0.9,
            4.5,
            inside,
        );
    }
}

/// The nose: side shadow, tip, wings and nostrils. `tip` is its lowest point,
/// `wing` the half width at the wings.
pub(super) fn nose(look: &Look, canvas: &mut Canvas, tip: (f32, f32), wing: f32, inside: &Clip) {
    let (x, y) = tip;
    // The side away from the light, from the brow down.
    let shade = blob(&[
        (x + 7.0, y - 62.0),
        (x + 8.5, y - 34.0),
        (x + wing * 0.95, y - 12.0),
        (x + wing * 0.9, y - 3.0),
        (x + 5.0, y - 10.0),
        (x + 4.0, y - 34.0),
    ]);
    canvas.soft(&shade, look.skin_shade.alpha(0.75), 3.2, Some(inside));
    // Bridge and tip catch the light.
    let bridge = blob(&[
        (x - 4.5, y - 58.0),
        (x + 0.5, y - 58.0),
        (x + 2.0, y - 22.0),
        (x - 4.0, y - 22.0),
    ]);
    canvas.soft(&bridge, look.skin_light.alpha(0.6), 2.8, Some(inside));
    spot(
        canvas,
        (x - 2.5, y - 12.5),
        (5.0, 4.2),
        look.skin_light,
        0.85,
        2.4,
        inside,
    );
    // The shadow below.
    spot(
        canvas,
        (x + 2.0, y + 5.0),
        (wing * 0.95, 3.6),
        look.skin_deep,
        0.42,
        3.0,
        inside,
    );
    // Underside of the tip.
    let under = blob(&[
        (x - 7.0, y - 2.5),
        (x, y + 0.6),
        (x + 7.0, y - 2.5),
        (x + 4.0, y + 2.4),
        (x, y + 3.4),
        (x - 4.0, y + 2.4),
    ]);
    canvas.soft(&under, look.skin_deep.alpha(0.5), 1.5, Some(inside));
    for sign in [-1.0, 1.0] {
        let s = |dx: f32| x + sign * dx;
        let nostril = blob(&[
            (s(3.4), y + 0.9),
            (s(6.4), y - 1.9),
            (s(9.6), y - 1.0),
            (s(8.6), y + 0.9),
        ]);
        canvas.soft(&nostril, look.skin_line.alpha(0.85), 0.55, Some(inside));
        let alar = curve(&[
            (s(wing * 0.84), y - 9.5),
            (s(wing), y - 4.4),
            (s(wing * 0.92), y + 0.2),
            (s(wing * 0.66), y + 1.6),
        ]);
        let weight = if sign > 0.0 { 0.6 } else { 0.42 };
        canvas.soft_stroke(&alar, 1.7, look.skin_deep.alpha(weight), 0.8, Some(inside));
    }
}

/// The groove between nose and lip.
pub(super) fn philtrum(look: &Look, canvas: &mut Canvas, top: f32, bottom: f32, inside: &Clip) {
    let groove = blob(&[(254.0, top), (258.6, top), (260.0, bottom), (253.2, bottom)]);
    canvas.soft(&groove, look.skin_shade.alpha(0.5), 1.6, Some(inside));
}

/// An ear; `sign` is -1 for the viewer's left.
pub(super) fn ear(look: &Look, canvas: &mut Canvas, sign: f32, x: f32, y: f32) {
    let s = |dx: f32| 256.0 + sign * (x + dx);
    let outline = [
        (s(-8.0), y - 22.0),
        (s(4.0), y - 28.0),
        (s(13.0), y - 20.0),
        (s(12.5), y - 3.0),
        (s(8.0), y + 12.0),
        (s(1.5), y + 23.0),
        (s(-6.0), y + 22.0),
        (s(-12.0), y),
    ];
    let path = blob(&outline);
    let inside = canvas.clip(&path);
    canvas.fill(
        &path,
        &Fill::Solid(
            look.skin
                .mix(look.skin_shade, if sign < 0.0 { 0.18 } else { 0.5 })
                .solid(),
        ),
        None,
    );
    let fold = curve(&[
        (s(-3.0), y - 18.0),
        (s(5.0), y - 20.0),
        (s(8.0), y - 8.0),
        (s(3.0), y + 8.0),
    ]);
    canvas.soft_stroke(&fold, 2.6, look.skin_deep.alpha(0.55), 1.3, Some(&inside));
    spot(
        canvas,
        (s(-2.0), y),
        (5.0, 9.0),
        look.skin_deep,
        0.5,
        2.6,
        &inside,
    );
}

/// The neck with the shadow of the head on it, from the jaw into the collar.
pub(super) fn neck(look: &Look, canvas: &mut Canvas, half: f32, shoulder_y: f32) -> Clip {
    let outline = super::brush::mirrored(
        256.0,
        &[
            (half - 4.0, 280.0),
            (half - 1.0, 330.0),
            (half, 362.0),
            (half + 7.0, shoulder_y - 22.0),
            (half + 30.0, shoulder_y - 6.0),
            (half + 52.0, shoulder_y + 8.0),
            (half + 20.0, shoulder_y + 90.0),
        ],
    );
    let path = blob(&outline);
    let inside = canvas.clip(&path);
    canvas.fill(
        &path,
        &Fill::Linear(
            (256.0 - half, 0.0),
            (256.0 + half, 0.0),
            &[
                (0.0, look.skin.mix(look.skin_shade, 0.25).solid()),
                (0.35, look.skin.mix(look.skin_shade, 0.12).solid()),
                (1.0, look.skin.mix(look.skin_shade, 0.8).solid()),
            ],
        ),
        None,
    );
    spot(
        canvas,
        (262.0, 338.0),
        (half * 1.25, 32.0),
        look.skin_deep,
        0.7,
        8.0,
        &inside,
    );
    // The two cords that run to the hollow of the throat, and the collar bones.
    for sign in [-1.0, 1.0] {
        let cord = curve(&[
            (256.0 + sign * (half - 8.0), 372.0),
            (256.0 + sign * half * 0.55, shoulder_y - 4.0),
            (256.0 + sign * 8.0, shoulder_y + 18.0),
        ]);
        canvas.soft_stroke(&cord, 3.0, look.skin_shade.alpha(0.4), 2.4, Some(&inside));
        let bone = curve(&[
            (256.0 + sign * 9.0, shoulder_y + 22.0),
            (256.0 + sign * 34.0, shoulder_y + 13.0),
            (256.0 + sign * 74.0, shoulder_y + 10.0),
        ]);
        canvas.soft_stroke(&bone, 2.6, look.skin_shade.alpha(0.6), 2.0, Some(&inside));
    }
    spot(
        canvas,
        (256.0, shoulder_y + 21.0),
        (7.0, 5.0),
        look.skin_deep,
        0.4,
        3.0,
        &inside,
    );
    inside
}

/// Strands: soft lines along the hair, inside `clip`.
pub(super) fn strands(
    canvas: &mut Canvas,
    lines: &[&[(f32, f32)]],
    width: f32,
    tint: Tint,
    alpha: f32,
    blur: f32,
    clip: &Clip,
) {
    for line in lines {
        canvas.soft_stroke(&curve(line), width, tint.alpha(alpha), blur, Some(clip));
    }
}

/// The wall behind: a slanted gradient of three colours that goes on beyond
/// the square for every format.
pub(super) fn wall(canvas: &mut Canvas, tints: [Tint; 3]) {
    canvas.fill(
        &panel(-6000.0, -6000.0, 6000.0, 6000.0),
        &Fill::Linear(
            (150.0, -40.0),
            (370.0, 560.0),
            &[
                (0.0, tints[0].solid()),
                (0.55, tints[1].solid()),
                (1.0, tints[2].solid()),
            ],
        ),
        None,
    );
}

/// A rectangle.
pub(super) fn panel(left: f32, top: f32, right: f32, bottom: f32) -> Path {
    // Each corner twice: sharp.
    blob(&[
        (left, top),
        (left, top),
        (right, top),
        (right, top),
        (right, bottom),
        (right, bottom),
        (left, bottom),
        (left, bottom),
    ])
}

/// A pointed leaf that grows from below `middle`; `lean` is its angle in
/// radians from upright.
pub(super) fn leaf(middle: (f32, f32), lean: f32, length: f32) -> Path {
    let (sin, cos) = lean.sin_cos();
    let turn = |x: f32, y: f32| (middle.0 + x * cos - y * sin, middle.1 + x * sin + y * cos);
    let (half, wide) = (length * 0.5, length * 0.2);
    blob(&[
        turn(0.0, -half),
        turn(0.0, -half),
        turn(wide, -half * 0.2),
        turn(wide * 0.7, half * 0.5),
        turn(0.0, half),
        turn(0.0, half),
        turn(-wide * 0.7, half * 0.5),
        turn(-wide, -half * 0.2),
    ])
}
