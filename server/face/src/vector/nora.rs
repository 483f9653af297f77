//! Nora: warm brown skin, wavy dark hair with a side part, teal blazer.

use super::brush::{Canvas, Fill, Tint, blob, curve, mirrored, oval};
use super::eyes::{BrowShape, EyeShape};
use super::look::Look;
use super::mouth::LipShape;
use super::portrait;
use super::waves::{self, HAIR_DEEP};

const BLAZER: Tint = Tint::hex(0x1F_6670);
const BLAZER_LIGHT: Tint = Tint::hex(0x2F_828B);
const BLAZER_DEEP: Tint = Tint::hex(0x12_434B);
const TOP: Tint = Tint::hex(0xF6_ECDD);
const TOP_SHADE: Tint = Tint::hex(0xD3_BFA8);
const GOLD: Tint = Tint::hex(0xE2_B657);

pub(super) const LOOK: Look = Look {
    skin: Tint::hex(0xCF_9370),
    skin_light: Tint::hex(0xE9_B896),
    skin_shade: Tint::hex(0xA9_694C),
    skin_deep: Tint::hex(0x86_4A36),
    skin_line: Tint::hex(0x5A_2C22),
    blush: Tint::hex(0xD0_6355),
    lid: Tint::hex(0x8E_5142),
    lip: Tint::hex(0xBE_5A58),
    lip_light: Tint::hex(0xDA_8580),
    lip_dark: Tint::hex(0x93_3C40),
    lip_line: Tint::hex(0x5C_1F24),
    lip_shine: 0.34,
    fold: 0.05,
    iris: Tint::hex(0x6B_3F22),
    iris_light: Tint::hex(0xB0_7A3E),
    iris_dark: Tint::hex(0x2C_160C),
    lash: Tint::hex(0x1D_1110),
    hair_brow: Tint::hex(0x3A_2219),
    mouth_at: (256.0, 300.0),
    lips: LipShape {
        half_width: 31.0,
        upper: 8.6,
        lower: 11.5,
        bow: 0.34,
        rise: 3.8,
    },
    jaw_reach: (32.0, 76.0),
    eye: EyeShape {
        spread: 39.0,
        y: 223.0,
        half_width: 21.5,
        upper: 11.2,
        lower: 6.0,
        tilt: 3.4,
        iris: 10.6,
        lash: 2.6,
        lashes: 3.6,
    },
    brow: BrowShape {
        inner: (19.5, -23.5),
        peak: (47.0, -31.5),
        tail: (64.0, -23.0),
        thickness: 6.2,
    },
    backdrop,
    body,
    head,
};

/// A warm room in the morning, far out of focus: a window on the left, a plant
/// on the right.
fn backdrop(canvas: &mut Canvas) {
    portrait::wall(
        canvas,
        [
            Tint::hex(0xFA_F1E6),
            Tint::hex(0xF0_DFCB),
            Tint::hex(0xD8_BC9F),
        ],
    );
    for (x, width) in [(-170.0, 104.0), (-46.0, 104.0), (78.0, 62.0)] {
        let pane = portrait::panel(x, -60.0, x + width, 356.0);
        canvas.soft(&pane, Tint::hex(0xFF_FCF5).alpha(0.62), 13.0, None);
    }
    canvas.soft(
        &portrait::panel(-400.0, 384.0, 912.0, 700.0),
        Tint::hex(0xC3_9F80).alpha(0.3),
        22.0,
        None,
    );
    // A picture on the wall.
    canvas.soft(
        &portrait::panel(560.0, 60.0, 690.0, 220.0),
        Tint::hex(0xC9_8F6C).alpha(0.26),
        9.0,
        None,
    );
    for (x, y, lean, size, green) in [
        (428.0, 250.0, -0.5, 84.0, 0x8F_A67C),
        (462.0, 214.0, 0.05, 100.0, 0x7C_9A70),
        (500.0, 258.0, 0.6, 92.0, 0x9C_B088),
        (446.0, 300.0, -0.9, 72.0, 0xA9_B995),
        (488.0, 306.0, 0.95, 76.0, 0x86_A077),
    ] {
        let leaf = portrait::leaf((x, y), lean, size);
        canvas.soft(&leaf, Tint::hex(green).alpha(0.62), 7.0, None);
    }
    canvas.soft(
        &portrait::panel(434.0, 372.0, 500.0, 460.0),
        Tint::hex(0xE9_D3BD).alpha(0.85),
        8.0,
        None,
    );
}

fn body(look: &Look, canvas: &mut Canvas) {
    // Hair behind the neck.
    let behind = blob(&mirrored(
        256.0,
        &[
            (40.0, 240.0),
            (84.0, 290.0),
            (96.0, 350.0),
            (88.0, 392.0),
            (50.0, 408.0),
            (20.0, 404.0),
        ],
    ));
    canvas.fill(&behind, &Fill::Solid(HAIR_DEEP.solid()), None);

    let skin = portrait::neck(look, canvas, 32.0, 402.0);
    portrait::spot(
        canvas,
        (256.0, 470.0),
        (60.0, 22.0),
        look.skin_light,
        0.25,
        14.0,
        &skin,
    );

    // A fine chain with a drop.
    let chain = curve(&[
        (221.0, 396.0),
        (231.0, 416.0),
        (256.0, 433.0),
        (281.0, 416.0),
        (291.0, 396.0),
    ]);
    canvas.soft_stroke(
        &curve(&[(224.0, 402.0), (256.0, 437.0), (288.0, 402.0)]),
        1.6,
        look.skin_deep.alpha(0.3),
        1.2,
        Some(&skin),
    );
    canvas.stroke(&chain, 1.1, GOLD.solid(), Some(&skin));
    if let Some(drop) = oval((256.0, 437.5), (3.0, 3.8)) {
        canvas.fill(&drop, &Fill::Solid(GOLD.solid()), None);
    }
    if let Some(glint) = oval((255.0, 436.2), (1.0, 1.3)) {
        canvas.fill(&glint, &Fill::Solid(Tint::hex(0xFF_F3CF).solid()), None);
    }

    // Silk top with a round neckline.
    let top = blob(&mirrored(
        256.0,
        &[
            (10.0, 458.0),
            (30.0, 447.0),
            (44.0, 424.0),
            (50.0, 404.0),
            (50.0, 404.0),
            (120.0, 430.0),
            (140.0, 620.0),
            (140.0, 5000.0),
        ],
    ));
    let silk = canvas.clip(&top);
    canvas.soft(&top, look.skin_deep.alpha(0.35), 4.0, Some(&skin));
    canvas.fill(
        &top,
        &Fill::Linear(
            (220.0, 440.0),
            (292.0, 600.0),
            &[(0.0, TOP.solid()), (1.0, TOP_SHADE.solid())],
        ),
        None,
    );
    for (from, to) in [
        ((238.0, 462.0), (226.0, 540.0)),
        ((256.0, 466.0), (258.0, 560.0)),
        ((276.0, 462.0), (288.0, 540.0)),
    ] {
        canvas.soft_stroke(
            &curve(&[
                from,
                (
                    f32::midpoint(from.0, to.0) - 3.0,
                    f32::midpoint(from.1, to.1),
                ),
                to,
            ]),
            5.0,
            TOP_SHADE.alpha(0.75),
            4.0,
            Some(&silk),
        );
    }
    canvas.stroke(
        &curve(&[
            (207.0, 404.0),
            (213.0, 424.0),
            (227.0, 446.5),
            (256.0, 458.0),
            (285.0, 446.5),
            (299.0, 424.0),
            (305.0, 404.0),
        ]),
        1.4,
        Tint::hex(0xFF_FBF2).alpha(0.9),
        Some(&silk),
    );

    for sign in [-1.0, 1.0] {
        blazer(canvas, sign);
    }
}

fn blazer(canvas: &mut Canvas, sign: f32) {
    let s = |x: f32, y: f32| (256.0 + sign * x, y);
    let side = blob(&[
        s(40.0, 386.0),
        s(40.0, 386.0),
        s(62.0, 398.0),
        s(104.0, 411.0),
        s(142.0, 428.0),
        s(164.0, 462.0),
        s(176.0, 530.0),
        s(184.0, 640.0),
        s(190.0, 5000.0),
        s(0.0, 5000.0),
        s(0.0, 600.0),
        s(10.0, 562.0),
        s(28.0, 520.0),
        s(46.0, 470.0),
        s(49.0, 424.0),
    ]);
    let cloth = canvas.clip(&side);
    canvas.soft(&side, Tint::hex(0x4A_3020).alpha(0.4), 3.5, None);
    let light = if sign < 0.0 { 0.0 } else { 0.35 };
    canvas.fill(
        &side,
        &Fill::Linear(
            s(120.0, 400.0),
            s(60.0, 620.0),
            &[
                (0.0, BLAZER_LIGHT.mix(BLAZER, light).solid()),
                (0.5, BLAZER.mix(BLAZER_DEEP, light * 0.4).solid()),
                (1.0, BLAZER_DEEP.mix(BLAZER, 0.4).solid()),
            ],
        ),
        None,
    );
    // Light on the shoulder, the sleeve's seam, the fold of the arm.
    canvas.soft_stroke(
        &curve(&[
            s(66.0, 402.0),
            s(106.0, 415.0),
            s(140.0, 431.0),
            s(158.0, 458.0),
        ]),
        5.0,
        Tint::hex(0x6F_B5B8).alpha(if sign < 0.0 { 0.5 } else { 0.3 }),
        3.5,
        Some(&cloth),
    );
    canvas.soft_stroke(
        &curve(&[
            s(140.0, 430.0),
            s(130.0, 470.0),
            s(132.0, 530.0),
            s(136.0, 640.0),
        ]),
        2.4,
        BLAZER_DEEP.alpha(0.85),
        1.3,
        Some(&cloth),
    );
    canvas.soft_stroke(
        &curve(&[s(126.0, 540.0), s(98.0, 520.0), s(84.0, 528.0)]),
        6.0,
        BLAZER_DEEP.alpha(0.4),
        4.0,
        Some(&cloth),
    );

    // The lapel, with its notch.
    let lapel = blob(&[
        s(40.0, 385.0),
        s(40.0, 385.0),
        s(60.0, 410.0),
        s(76.0, 446.0),
        s(79.0, 452.0),
        s(79.0, 452.0),
        s(64.0, 455.0),
        s(64.0, 455.0),
        s(84.0, 471.0),
        s(84.0, 471.0),
        s(58.0, 520.0),
        s(20.0, 580.0),
        s(6.0, 610.0),
        s(6.0, 610.0),
        s(12.0, 560.0),
        s(30.0, 512.0),
        s(45.0, 466.0),
        s(48.0, 424.0),
    ]);
    canvas.soft(&lapel, BLAZER_DEEP.alpha(0.9), 4.0, Some(&cloth));
    canvas.fill(
        &lapel,
        &Fill::Linear(
            s(40.0, 400.0),
            s(70.0, 560.0),
            &[
                (0.0, BLAZER.mix(BLAZER_DEEP, 0.25).solid()),
                (0.35, BLAZER_LIGHT.mix(BLAZER, light).solid()),
                (1.0, BLAZER.solid()),
            ],
        ),
        None,
    );
    let inside = canvas.clip(&lapel);
    canvas.soft_stroke(
        &curve(&[s(84.0, 471.0), s(58.0, 520.0), s(20.0, 580.0)]),
        1.6,
        Tint::hex(0x6F_B5B8).alpha(0.55),
        0.7,
        Some(&inside),
    );
    canvas.soft_stroke(
        &curve(&[s(64.0, 455.0), s(79.0, 452.0)]),
        1.4,
        BLAZER_DEEP.alpha(0.8),
        0.5,
        Some(&cloth),
    );
}

fn head(look: &Look, canvas: &mut Canvas) {
    let back = blob(&[
        (250.0, 57.0),
        (210.0, 64.0),
        (174.0, 90.0),
        (155.0, 134.0),
        (150.0, 190.0),
        (150.0, 240.0),
        (145.0, 295.0),
        (142.0, 345.0),
        (148.0, 384.0),
        (168.0, 400.0),
        (190.0, 396.0),
        (203.0, 366.0),
        (205.0, 330.0),
        (214.0, 300.0),
        (298.0, 300.0),
        (307.0, 330.0),
        (309.0, 366.0),
        (322.0, 396.0),
        (344.0, 400.0),
        (364.0, 384.0),
        (370.0, 345.0),
        (367.0, 295.0),
        (362.0, 240.0),
        (362.0, 190.0),
        (357.0, 134.0),
        (338.0, 90.0),
        (302.0, 64.0),
    ]);
    canvas.fill(&back, &Fill::Solid(HAIR_DEEP.solid()), None);

    let outline = mirrored(
        256.0,
        &[
            (14.0, 96.0),
            (56.0, 114.0),
            (80.0, 160.0),
            (84.5, 214.0),
            (80.5, 260.0),
            (66.0, 304.0),
            (41.0, 337.0),
            (15.0, 350.0),
        ],
    );
    let inside = portrait::face(look, canvas, &outline);
    portrait::sockets(look, canvas, 0.4, &inside);
    portrait::blush(look, canvas, 0.36, &inside);
    portrait::nose(look, canvas, (256.0, 272.0), 15.5, &inside);
    portrait::spot(
        canvas,
        (253.0, 334.0),
        (11.0, 6.0),
        look.skin_light,
        0.42,
        5.0,
        &inside,
    );
    portrait::philtrum(look, canvas, 279.0, 289.0, &inside);

    // The larger lock falls to the viewer's right of the part.
    let right = [
        (240.0, 60.0),
        (268.0, 54.0),
        (306.0, 64.0),
        (340.0, 92.0),
        (359.0, 136.0),
        (365.0, 186.0),
        (362.0, 230.0),
        (369.0, 272.0),
        (378.0, 308.0),
        (374.0, 344.0),
        (380.0, 372.0),
        (372.0, 398.0),
        (352.0, 408.0),
        (338.0, 402.0),
        (326.0, 407.0),
        (313.0, 396.0),
        (309.0, 372.0),
        (321.0, 342.0),
        (332.0, 312.0),
        (331.0, 280.0),
        (337.0, 246.0),
        (336.0, 212.0),
        (328.0, 178.0),
        (313.0, 149.0),
        (292.0, 128.0),
        (266.0, 115.0),
        (240.0, 110.0),
        (234.0, 88.0),
    ];
    let left = [
        (244.0, 60.0),
        (212.0, 62.0),
        (174.0, 88.0),
        (153.0, 132.0),
        (148.0, 188.0),
        (150.0, 232.0),
        (143.0, 272.0),
        (134.0, 308.0),
        (138.0, 344.0),
        (133.0, 374.0),
        (142.0, 400.0),
        (162.0, 408.0),
        (176.0, 401.0),
        (188.0, 405.0),
        (200.0, 392.0),
        (203.0, 370.0),
        (191.0, 342.0),
        (181.0, 312.0),
        (181.0, 280.0),
        (175.0, 246.0),
        (176.0, 212.0),
        (182.0, 178.0),
        (193.0, 150.0),
        (208.0, 130.0),
        (224.0, 117.0),
        (241.0, 110.0),
        (244.0, 88.0),
    ];
    for lock in [&right[..], &left[..]] {
        let shadow: Vec<_> = lock.iter().map(|&(x, y)| (x + 1.0, y + 6.0)).collect();
        canvas.soft(
            &blob(&shadow),
            look.skin_deep.alpha(0.55),
            5.5,
            Some(&inside),
        );
    }
    waves::lock(canvas, &left, -1.0);
    waves::lock(canvas, &right, 1.0);
}
