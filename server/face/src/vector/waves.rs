//! Nora's wavy hair: one lock on each side of the part.

use super::brush::{Canvas, Fill, Tint, blob};
use super::portrait;

const HAIR: Tint = Tint::hex(0x35_201A);
pub(super) const HAIR_DEEP: Tint = Tint::hex(0x1F_1210);
const HAIR_MID: Tint = Tint::hex(0x58_3628);
const HAIR_SHINE: Tint = Tint::hex(0x9A_6546);

/// Paints one lock; `sign` is -1 for the viewer's left.
pub(super) fn lock(canvas: &mut Canvas, outline: &[(f32, f32)], sign: f32) {
    let s = |x: f32, y: f32| (256.0 + sign * x, y);
    let path = blob(outline);
    let hair = canvas.clip(&path);
    canvas.fill(
        &path,
        &Fill::Linear(
            (256.0, 56.0),
            (256.0, 404.0),
            &[
                (0.0, HAIR_MID.mix(HAIR, 0.35).solid()),
                (0.3, HAIR.solid()),
                (0.62, HAIR.mix(HAIR_MID, 0.4).solid()),
                (1.0, HAIR.mix(HAIR_MID, 0.2).solid()),
            ],
        ),
        None,
    );
    // Darker at the part, along the face and where the waves turn in.
    let parting: &[(f32, f32)] = &[(242.0, 60.0), (239.0, 86.0), (241.0, 112.0)];
    portrait::strands(canvas, &[parting], 7.0, HAIR_DEEP, 0.7, 4.0, &hair);
    let rim: &[(f32, f32)] = &[
        s(40.0, 140.0),
        s(66.0, 172.0),
        s(79.0, 208.0),
        s(82.0, 240.0),
        s(79.0, 272.0),
        s(74.0, 304.0),
        s(62.0, 350.0),
    ];
    portrait::strands(canvas, &[rim], 9.0, HAIR_DEEP, 0.55, 5.0, &hair);
    // Waves: dark valleys between lit crests that follow the fall.
    let falls: [&[(f32, f32)]; 5] = [
        &[
            s(-8.0, 78.0),
            s(40.0, 84.0),
            s(76.0, 124.0),
            s(92.0, 190.0),
            s(90.0, 250.0),
            s(98.0, 310.0),
            s(92.0, 370.0),
        ],
        &[
            s(-6.0, 92.0),
            s(34.0, 104.0),
            s(66.0, 142.0),
            s(84.0, 196.0),
            s(86.0, 250.0),
            s(88.0, 306.0),
            s(74.0, 372.0),
        ],
        &[
            s(-4.0, 68.0),
            s(50.0, 72.0),
            s(88.0, 116.0),
            s(101.0, 186.0),
            s(99.0, 250.0),
            s(108.0, 310.0),
            s(106.0, 366.0),
        ],
        &[
            s(82.0, 262.0),
            s(88.0, 318.0),
            s(76.0, 360.0),
            s(72.0, 392.0),
        ],
        &[
            s(100.0, 268.0),
            s(112.0, 322.0),
            s(104.0, 374.0),
            s(90.0, 396.0),
        ],
    ];
    portrait::strands(canvas, &falls, 2.6, HAIR_DEEP, 0.5, 1.5, &hair);
    let crests: [&[(f32, f32)]; 4] = [
        &[
            s(4.0, 74.0),
            s(46.0, 80.0),
            s(82.0, 122.0),
            s(96.0, 188.0),
            s(95.0, 250.0),
            s(104.0, 310.0),
            s(98.0, 372.0),
        ],
        &[
            s(2.0, 96.0),
            s(36.0, 96.0),
            s(70.0, 136.0),
            s(88.0, 194.0),
            s(88.0, 250.0),
            s(94.0, 306.0),
            s(84.0, 372.0),
        ],
        &[
            s(10.0, 64.0),
            s(58.0, 70.0),
            s(94.0, 116.0),
            s(105.0, 186.0),
            s(104.0, 250.0),
            s(113.0, 308.0),
            s(112.0, 360.0),
        ],
        &[
            s(80.0, 292.0),
            s(76.0, 330.0),
            s(64.0, 366.0),
            s(70.0, 394.0),
        ],
    ];
    portrait::strands(canvas, &crests, 2.2, HAIR_MID, 0.85, 1.3, &hair);
    // The shine lies like a ribbon across the crown and again on the waves.
    let crown: [&[(f32, f32)]; 3] = [
        &[s(30.0, 76.0), s(62.0, 94.0), s(84.0, 128.0)],
        &[s(34.0, 92.0), s(60.0, 112.0), s(78.0, 146.0)],
        &[s(48.0, 72.0), s(82.0, 96.0), s(98.0, 134.0)],
    ];
    let bright = if sign < 0.0 { 0.62 } else { 0.46 };
    portrait::strands(canvas, &crown, 4.2, HAIR_SHINE, bright, 3.2, &hair);
    portrait::strands(canvas, &crown, 1.1, HAIR_SHINE, bright, 0.7, &hair);
    // The ends curl inwards.
    let ends: [&[(f32, f32)]; 3] = [
        &[s(60.0, 352.0), s(58.0, 376.0), s(66.0, 398.0)],
        &[s(84.0, 352.0), s(78.0, 380.0), s(82.0, 400.0)],
        &[s(110.0, 350.0), s(112.0, 374.0), s(100.0, 400.0)],
    ];
    portrait::strands(canvas, &ends, 3.6, HAIR_SHINE, bright * 0.5, 2.6, &hair);
    portrait::strands(canvas, &ends, 1.0, HAIR_SHINE, bright * 0.6, 0.6, &hair);
    let waves: [&[(f32, f32)]; 3] = [
        &[s(99.0, 284.0), s(105.0, 312.0), s(104.0, 340.0)],
        &[s(90.0, 290.0), s(94.0, 316.0), s(88.0, 344.0)],
        &[s(110.0, 296.0), s(114.0, 322.0), s(112.0, 348.0)],
    ];
    portrait::strands(canvas, &waves, 3.4, HAIR_SHINE, bright * 0.8, 2.6, &hair);
    portrait::strands(canvas, &waves, 0.9, HAIR_SHINE, bright * 0.8, 0.6, &hair);
}
