//! Leo: light skin, short chestnut hair, trimmed beard, navy sweater over a
//! white collar.

use super::brush::{Canvas, Fill, Tint, blob, curve, mirrored};
use super::eyes::{BrowShape, EyeShape};
use super::look::Look;
use super::mouth::LipShape;
use super::portrait;

const HAIR: Tint = Tint::hex(0x5B_3A26);
const HAIR_DEEP: Tint = Tint::hex(0x38_2115);
const HAIR_MID: Tint = Tint::hex(0x7A_5034);
const HAIR_SHINE: Tint = Tint::hex(0xB8_8556);
const SWEATER: Tint = Tint::hex(0x2D_3F5E);
const SWEATER_LIGHT: Tint = Tint::hex(0x43_5A80);
const SWEATER_DEEP: Tint = Tint::hex(0x1A_2740);
const COLLAR: Tint = Tint::hex(0xF4_F6FA);
const COLLAR_SHADE: Tint = Tint::hex(0xC3_CCDA);

pub(super) const LOOK: Look = Look {
    skin: Tint::hex(0xF0_C5A6),
    skin_light: Tint::hex(0xFC_E1CB),
    skin_shade: Tint::hex(0xD6_9C7B),
    skin_deep: Tint::hex(0xB6_7758),
    skin_line: Tint::hex(0x8A_4F3A),
    blush: Tint::hex(0xE2_8570),
    lid: Tint::hex(0xC9_8C70),
    lip: Tint::hex(0xCB_8072),
    lip_light: Tint::hex(0xE0_A090),
    lip_dark: Tint::hex(0xA4_5F54),
    lip_line: Tint::hex(0x6E_3029),
    lip_shine: 0.16,
    fold: 0.1,
    iris: Tint::hex(0x5A_8296),
    iris_light: Tint::hex(0xA6_CBD4),
    iris_dark: Tint::hex(0x22_3D4C),
    lash: Tint::hex(0x33_2018),
    hair_brow: Tint::hex(0x5A_3A28),
    mouth_at: (256.0, 302.0),
    lips: LipShape {
        half_width: 32.0,
        upper: 5.8,
        lower: 8.6,
        bow: 0.28,
        rise: 3.6,
    },
    jaw_reach: (46.0, 96.0),
    eye: EyeShape {
        spread: 40.0,
        y: 222.0,
        half_width: 19.5,
        upper: 9.2,
        lower: 5.4,
        tilt: 2.0,
        iris: 9.3,
        lash: 1.7,
        lashes: 0.0,
    },
    brow: BrowShape {
        inner: (19.0, -21.5),
        peak: (47.0, -27.5),
        tail: (65.0, -19.5),
        thickness: 8.2,
    },
    backdrop,
    body,
    head,
};

/// An office by a tall window, far out of focus.
fn backdrop(canvas: &mut Canvas) {
    portrait::wall(
        canvas,
        [
            Tint::hex(0xF1_F5F8),
            Tint::hex(0xDA_E4EB),
            Tint::hex(0xB2_C4D2),
        ],
    );
    for (x, width) in [(388.0, 84.0), (492.0, 84.0), (596.0, 84.0)] {
        let pane = portrait::panel(x, -60.0, x + width, 350.0);
        canvas.soft(&pane, Tint::hex(0xFF_FFFF).alpha(0.6), 12.0, None);
    }
    // A shelf with books on the left.
    for y in [140.0, 262.0, 384.0] {
        canvas.soft(
            &portrait::panel(-220.0, y, 132.0, y + 9.0),
            Tint::hex(0x8F_A6B8).alpha(0.5),
            5.0,
            None,
        );
    }
    for (x, y, width, height, tint) in [
        (-150.0, 140.0, 18.0, 82.0, 0x7D_99AE),
        (-126.0, 140.0, 24.0, 70.0, 0xC7_B49A),
        (-96.0, 140.0, 16.0, 88.0, 0x5F_7F98),
        (20.0, 140.0, 22.0, 74.0, 0xA5_BAC8),
        (46.0, 140.0, 16.0, 86.0, 0x6F_8CA3),
        (66.0, 140.0, 26.0, 64.0, 0xD2_C2AA),
        (-40.0, 262.0, 20.0, 78.0, 0x88_A2B5),
        (-14.0, 262.0, 24.0, 66.0, 0xBF_CBD4),
        (92.0, 262.0, 18.0, 84.0, 0x6A_89A1),
        (-120.0, 262.0, 60.0, 48.0, 0xCB_BDA8),
        (30.0, 384.0, 58.0, 52.0, 0x90_A9BB),
        (-90.0, 384.0, 22.0, 80.0, 0x74_91A8),
    ] {
        canvas.soft(
            &portrait::panel(x, y - height, x + width, y),
            Tint::hex(tint).alpha(0.42),
            6.5,
            None,
        );
    }
}

fn body(look: &Look, canvas: &mut Canvas) {
    portrait::neck(look, canvas, 44.0, 404.0);
    collar_back(canvas);

    let outline = mirrored(
        256.0,
        &[
            (20.0, 424.0),
            (44.0, 410.0),
            (57.0, 388.0),
            (57.0, 388.0),
            (86.0, 400.0),
            (126.0, 412.0),
            (166.0, 432.0),
            (190.0, 474.0),
            (203.0, 560.0),
            (210.0, 700.0),
            (216.0, 5000.0),
        ],
    );
    let sweater = blob(&outline);
    let knit = canvas.clip(&sweater);
    canvas.soft(&sweater, Tint::hex(0x20_2A38).alpha(0.35), 3.5, None);
    canvas.fill(
        &sweater,
        &Fill::Linear(
            (150.0, 400.0),
            (372.0, 640.0),
            &[
                (0.0, SWEATER_LIGHT.solid()),
                (0.45, SWEATER.solid()),
                (1.0, SWEATER_DEEP.solid()),
            ],
        ),
        None,
    );
    for sign in [-1.0, 1.0] {
        let s = |x: f32, y: f32| (256.0 + sign * x, y);
        canvas.soft_stroke(
            &curve(&[
                s(84.0, 404.0),
                s(126.0, 417.0),
                s(162.0, 436.0),
                s(182.0, 470.0),
            ]),
            7.0,
            Tint::hex(0x7D_95BA).alpha(if sign < 0.0 { 0.5 } else { 0.28 }),
            4.5,
            Some(&knit),
        );
        // Sleeve seam and the folds that start from it.
        canvas.soft_stroke(
            &curve(&[
                s(150.0, 424.0),
                s(141.0, 470.0),
                s(146.0, 540.0),
                s(150.0, 700.0),
            ]),
            2.6,
            SWEATER_DEEP.alpha(0.9),
            1.5,
            Some(&knit),
        );
        canvas.soft_stroke(
            &curve(&[s(142.0, 500.0), s(112.0, 486.0), s(86.0, 490.0)]),
            8.0,
            SWEATER_DEEP.alpha(0.42),
            5.0,
            Some(&knit),
        );
        canvas.soft_stroke(
            &curve(&[s(146.0, 540.0), s(110.0, 536.0), s(70.0, 552.0)]),
            8.0,
            SWEATER_DEEP.alpha(0.4),
            5.0,
            Some(&knit),
        );
    }
    ribbing(canvas);
    for sign in [-1.0, 1.0] {
        collar(canvas, sign);
    }
}

/// The inside of the shirt's collar behind the neck's sides.
fn collar_back(canvas: &mut Canvas) {
    for sign in [-1.0, 1.0] {
        let s = |x: f32, y: f32| (256.0 + sign * x, y);
        let stand = blob(&[
            s(40.0, 366.0),
            s(40.0, 366.0),
            s(52.0, 380.0),
            s(58.0, 396.0),
            s(30.0, 426.0),
            s(0.0, 440.0),
            s(0.0, 440.0),
            s(24.0, 412.0),
            s(38.0, 390.0),
        ]);
        canvas.fill(&stand, &Fill::Solid(COLLAR_SHADE.solid()), None);
    }
}

fn ribbing(canvas: &mut Canvas) {
    let band = blob(&mirrored(
        256.0,
        &[
            (18.0, 427.0),
            (43.0, 411.0),
            (56.0, 386.0),
            (56.0, 386.0),
            (69.0, 392.0),
            (69.0, 392.0),
            (57.0, 420.0),
            (24.0, 441.0),
        ],
    ));
    let rib = canvas.clip(&band);
    canvas.soft(&band, SWEATER_DEEP.alpha(0.8), 4.0, None);
    canvas.fill(
        &band,
        &Fill::Linear(
            (200.0, 0.0),
            (312.0, 0.0),
            &[
                (0.0, SWEATER_LIGHT.solid()),
                (0.6, SWEATER.solid()),
                (1.0, SWEATER.mix(SWEATER_DEEP, 0.5).solid()),
            ],
        ),
        None,
    );
    for i in -13..=13 {
        let t = i as f32 / 13.0;
        let angle = t * 1.45;
        let (sin, cos) = angle.sin_cos();
        let from = (256.0 + 48.0 * sin, 386.0 + 40.0 * cos);
        let to = (256.0 + 68.0 * sin, 388.0 + 58.0 * cos);
        canvas.stroke(
            &curve(&[from, to]),
            0.8,
            SWEATER_DEEP.alpha(0.45),
            Some(&rib),
        );
    }
}

fn collar(canvas: &mut Canvas, sign: f32) {
    let s = |x: f32, y: f32| (256.0 + sign * x, y);
    let leaf = blob(&[
        s(43.0, 368.0),
        s(43.0, 368.0),
        s(56.0, 384.0),
        s(62.0, 398.0),
        s(62.0, 398.0),
        s(48.0, 424.0),
        s(40.0, 440.0),
        s(40.0, 440.0),
        s(22.0, 430.0),
        s(5.0, 419.0),
        s(5.0, 419.0),
        s(24.0, 408.0),
        s(37.0, 392.0),
    ]);
    canvas.soft(&leaf, Tint::hex(0x10_1828).alpha(0.5), 3.0, None);
    canvas.fill(
        &leaf,
        &Fill::Linear(
            s(50.0, 376.0),
            s(20.0, 436.0),
            &[
                (0.0, COLLAR.mix(COLLAR_SHADE, 0.45).solid()),
                (0.4, COLLAR.solid()),
                (
                    1.0,
                    COLLAR
                        .mix(COLLAR_SHADE, if sign < 0.0 { 0.15 } else { 0.5 })
                        .solid(),
                ),
            ],
        ),
        None,
    );
    let cloth = canvas.clip(&leaf);
    canvas.soft_stroke(
        &curve(&[
            s(58.0, 400.0),
            s(45.0, 424.0),
            s(39.0, 436.0),
            s(22.0, 426.5),
            s(8.0, 417.0),
        ]),
        0.7,
        COLLAR_SHADE.alpha(0.9),
        0.3,
        Some(&cloth),
    );
}

fn head(look: &Look, canvas: &mut Canvas) {
    let back = blob(&mirrored(
        256.0,
        &[
            (20.0, 66.0),
            (66.0, 88.0),
            (90.0, 136.0),
            (92.0, 180.0),
            (88.0, 216.0),
            (70.0, 236.0),
        ],
    ));
    canvas.fill(&back, &Fill::Solid(HAIR_DEEP.solid()), None);
    portrait::ear(look, canvas, -1.0, 86.0, 238.0);
    portrait::ear(look, canvas, 1.0, 86.0, 238.0);
    let outline = mirrored(
        256.0,
        &[
            (12.0, 100.0),
            (56.0, 116.0),
            (82.0, 160.0),
            (87.0, 214.0),
            (84.5, 264.0),
            (74.0, 309.0),
            (48.0, 343.0),
            (17.0, 356.0),
        ],
    );
    let inside = portrait::face(look, canvas, &outline);
    portrait::sockets(look, canvas, 0.45, &inside);
    portrait::blush(look, canvas, 0.26, &inside);
    beard(canvas, &inside);
    portrait::nose(look, canvas, (256.0, 273.0), 17.0, &inside);
    portrait::philtrum(look, canvas, 280.0, 292.0, &inside);
    hair(look, canvas, &inside);
}

/// A trimmed beard: a soft shadow of hair over the jaw, the chin and the upper
/// lip.
fn beard(canvas: &mut Canvas, inside: &super::brush::Clip) {
    let whole = blob(&mirrored(
        256.0,
        &[
            (12.0, 284.0),
            (32.0, 288.0),
            (46.0, 298.0),
            (62.0, 282.0),
            (74.0, 254.0),
            (79.0, 222.0),
            (79.0, 222.0),
            (96.0, 222.0),
            (96.0, 330.0),
            (50.0, 376.0),
            (16.0, 380.0),
        ],
    ));
    canvas.soft(&whole, HAIR.alpha(0.2), 5.0, Some(inside));
    let dense = blob(&mirrored(
        256.0,
        &[
            (14.0, 324.0),
            (34.0, 318.0),
            (56.0, 306.0),
            (72.0, 272.0),
            (82.0, 240.0),
            (82.0, 240.0),
            (98.0, 240.0),
            (96.0, 330.0),
            (50.0, 376.0),
            (16.0, 380.0),
        ],
    ));
    canvas.soft(&dense, HAIR.alpha(0.16), 6.0, Some(inside));
    for sign in [-1.0, 1.0] {
        let s = |x: f32, y: f32| (256.0 + sign * x, y);
        let moustache = blob(&[
            s(3.0, 286.0),
            s(16.0, 285.5),
            s(32.0, 292.0),
            s(39.0, 303.0),
            s(30.0, 300.0),
            s(12.0, 294.5),
            s(3.0, 294.0),
        ]);
        canvas.soft(&moustache, HAIR.alpha(0.13), 2.8, Some(inside));
    }
    portrait::spot(
        canvas,
        (256.0, 322.0),
        (5.0, 4.0),
        HAIR_DEEP,
        0.12,
        2.5,
        inside,
    );
}

fn hair(look: &Look, canvas: &mut Canvas, inside: &super::brush::Clip) {
    // One shape: short sides down to the ears, the top swept up from the
    // forehead to the viewer's right.
    let top = [
        (173.5, 232.0),
        (168.5, 234.0),
        (165.0, 224.0),
        (163.0, 200.0),
        (161.5, 160.0),
        (164.0, 122.0),
        (177.0, 92.0),
        (202.0, 69.0),
        (238.0, 55.0),
        (276.0, 50.0),
        (312.0, 56.0),
        (338.0, 77.0),
        (350.0, 108.0),
        (351.5, 150.0),
        (349.0, 200.0),
        (347.0, 224.0),
        (343.5, 234.0),
        (338.5, 232.0),
        (339.0, 212.0),
        (338.5, 190.0),
        (334.0, 170.0),
        (325.0, 149.0),
        (306.0, 132.0),
        (278.0, 123.0),
        (250.0, 122.0),
        (222.0, 128.0),
        (200.0, 139.0),
        (185.0, 155.0),
        (178.0, 174.0),
        (173.5, 192.0),
        (173.0, 212.0),
    ];
    let shadow: Vec<_> = top.iter().map(|&(x, y)| (x + 1.0, y + 6.0)).collect();
    canvas.soft(&blob(&shadow), look.skin_deep.alpha(0.5), 5.0, Some(inside));
    let path = blob(&top);
    let clip = canvas.clip(&path);
    canvas.fill(
        &path,
        &Fill::Linear(
            (200.0, 56.0),
            (290.0, 190.0),
            &[
                (0.0, HAIR_MID.solid()),
                (0.5, HAIR.solid()),
                (1.0, HAIR.mix(HAIR_DEEP, 0.55).solid()),
            ],
        ),
        None,
    );
    // The sides are cut short: darker, without shine.
    for side in [
        [
            (150.0, 132.0),
            (176.0, 150.0),
            (180.0, 200.0),
            (176.0, 250.0),
            (150.0, 250.0),
        ],
        [
            (362.0, 132.0),
            (338.0, 150.0),
            (332.0, 200.0),
            (336.0, 250.0),
            (362.0, 250.0),
        ],
    ] {
        canvas.soft(&blob(&side), HAIR_DEEP.alpha(0.4), 7.0, Some(&clip));
    }
    // Strands rise from the hairline and bend over to the right.
    let mut dark: Vec<Vec<(f32, f32)>> = Vec::new();
    let mut light: Vec<Vec<(f32, f32)>> = Vec::new();
    for i in 0..11 {
        let t = i as f32 / 10.0;
        let root = (
            182.0 + 154.0 * t,
            146.0 - 28.0 * (t * std::f32::consts::PI).sin() + 6.0 * t * t,
        );
        let bend = (
            root.0 - 10.0 + 22.0 * t,
            104.0 - 22.0 * (t * std::f32::consts::PI).sin() + 16.0 * t * t,
        );
        let tip = (
            root.0 + 44.0 - 22.0 * t,
            74.0 - 14.0 * (t * std::f32::consts::PI).sin() + 34.0 * t * t,
        );
        dark.push(vec![root, bend, tip]);
        light.push(vec![
            (root.0 + 6.0, root.1 - 6.0),
            (bend.0 + 7.0, bend.1),
            (tip.0 + 6.0, tip.1 + 2.0),
        ]);
    }
    for line in &dark {
        portrait::strands(canvas, &[line], 2.6, HAIR_DEEP, 0.36, 1.8, &clip);
    }
    for line in &light {
        portrait::strands(canvas, &[line], 1.8, HAIR_MID, 0.8, 1.0, &clip);
    }
    let shine: [&[(f32, f32)]; 3] = [
        &[(192.0, 112.0), (206.0, 92.0), (236.0, 78.0)],
        &[(214.0, 112.0), (232.0, 92.0), (262.0, 80.0)],
        &[(246.0, 110.0), (268.0, 92.0), (296.0, 86.0)],
    ];
    portrait::strands(canvas, &shine, 6.0, HAIR_SHINE, 0.42, 4.5, &clip);
    portrait::strands(canvas, &shine, 1.2, HAIR_SHINE, 0.5, 0.7, &clip);
}
