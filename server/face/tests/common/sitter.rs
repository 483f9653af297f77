//! A person who sits for tests: a drawing of the neutral head of the basis.

use face::package::{LANDMARKS, Mask, Meta, Portrait, Rgb};
use media::face::BLENDSHAPES;
use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Rect, Transform};

/// Side of the drawing, pixels.
pub const SIDE: usize = 320;
/// Pixels of a millimetre, and where the middle between the eyes is.
const SCALE: f32 = 1.1;
const EYES: (f32, f32) = (160.0, 130.0);

const RIGHT_EYE: [usize; 16] = [
    33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7,
];
const LEFT_EYE: [usize; 16] = [
    263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249,
];
const LIPS: [usize; 20] = [
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
];
const SEAM: [usize; 11] = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308];
const OVAL: [usize; 36] = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
];

/// The landmarks of the neutral head in the drawing.
pub fn landmarks() -> Vec<[f32; 3]> {
    // After the mark and four counts come the points, in 1/128 mm.
    let file = include_bytes!("../../../../models/faces/basis/basis.bin");
    let (values, _) = file[16..16 + LANDMARKS * 6].as_chunks::<2>();
    let values: Vec<f32> = values
        .iter()
        .map(|v| f32::from(i16::from_le_bytes(*v)) / 128.0 * SCALE)
        .collect();
    let (points, _) = values.as_chunks::<3>();
    points
        .iter()
        .map(|[x, y, z]| [x + EYES.0, y + EYES.1, *z])
        .collect()
}

fn shape(pixmap: &mut Pixmap, points: &[[f32; 3]], list: &[usize], rgb: [u8; 3]) {
    let mut path = PathBuilder::new();
    for (k, &i) in list.iter().enumerate() {
        let [x, y, _] = points[i];
        if k == 0 {
            path.move_to(x, y);
        } else {
            path.line_to(x, y);
        }
    }
    path.close();
    fill(pixmap, path, rgb);
}

fn fill(pixmap: &mut Pixmap, path: PathBuilder, [r, g, b]: [u8; 3]) {
    let mut paint = Paint::default();
    paint.set_color_rgba8(r, g, b, 255);
    paint.anti_alias = true;
    pixmap.fill_path(
        &path.finish().expect("a shape"),
        &paint,
        FillRule::Winding,
        Transform::identity(),
        None,
    );
}

/// The portrait, with an alpha of the person.
pub fn portrait() -> Portrait {
    let points = landmarks();
    let side = SIDE as u32;
    let mut person = Pixmap::new(side, side).expect("a small picture");
    let mut hair = PathBuilder::new();
    hair.push_circle(EYES.0, EYES.1 - 4.0, 98.0);
    fill(&mut person, hair, [60, 40, 30]);
    let mut body = PathBuilder::new();
    body.push_rect(Rect::from_xywh(40.0, 262.0, 240.0, 90.0).expect("a rectangle"));
    body.push_rect(Rect::from_xywh(125.0, 200.0, 70.0, 90.0).expect("a rectangle"));
    fill(&mut person, body, [70, 90, 140]);
    shape(&mut person, &points, &OVAL, [216, 170, 148]);
    for (eye, iris) in [(&RIGHT_EYE, 468), (&LEFT_EYE, 473)] {
        shape(&mut person, &points, eye, [232, 230, 228]);
        let mut path = PathBuilder::new();
        path.push_circle(points[iris][0], points[iris][1], 4.0);
        fill(&mut person, path, [50, 36, 30]);
    }
    shape(&mut person, &points, &LIPS, [182, 96, 92]);
    let seam: Vec<_> = SEAM.iter().chain(SEAM.iter().rev()).copied().collect();
    let mut line = PathBuilder::new();
    line.push_rect(
        Rect::from_ltrb(
            points[seam[0]][0],
            points[13][1] - 0.6,
            points[SEAM[10]][0],
            points[13][1] + 0.6,
        )
        .expect("a line"),
    );
    fill(&mut person, line, [120, 56, 54]);
    let mut whole = Pixmap::new(side, side).expect("a small picture");
    whole.fill(Color::from_rgba8(150, 164, 176, 255));
    whole.draw_pixmap(
        0,
        0,
        person.as_ref(),
        &tiny_skia::PixmapPaint::default(),
        Transform::identity(),
        None,
    );
    Portrait {
        picture: Rgb {
            width: SIDE,
            height: SIDE,
            data: whole
                .pixels()
                .iter()
                .flat_map(|p| [p.red(), p.green(), p.blue()])
                .collect(),
        },
        landmarks: points,
        shapes: [0.0; BLENDSHAPES],
        person: Some(Mask {
            width: SIDE,
            height: SIDE,
            data: person.pixels().iter().map(|p| p.alpha()).collect(),
        }),
        eyes_closed: None,
    }
}

/// A description with an id.
pub fn meta(id: &str) -> Meta {
    Meta {
        id: id.into(),
        name: "Sitter".into(),
        description: "A drawing for tests.".into(),
        licence: "Apache-2.0".into(),
        voices: vec!["joe".into()],
        consent: None,
        group: None,
    }
}
