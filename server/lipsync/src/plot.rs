//! A picture of a clip: waveform, viseme weights and the curves of the mouth,
//! so that a person can see what the mouth does and why.

mod font;

use image::{Rgb, RgbImage};
use media::{Blendshape, CLOCK_HZ, FaceControls, HOP, Viseme};

use crate::clip::Clip;

/// Pixels for each 10 ms.
const SCALE: u32 = 3;
const MARGIN: u32 = 84;
const WAVE: u32 = 90;
const ROW: u32 = 12;
const CURVE: u32 = 56;
const GAP: u32 = 10;
/// Longest clip drawn, frames of 10 ms (60 s): a wider picture shows no more.
const LONGEST: usize = 6_000;

const PAPER: Rgb<u8> = Rgb([250, 250, 247]);
const INK: Rgb<u8> = Rgb([40, 44, 52]);
const GRID: Rgb<u8> = Rgb([224, 224, 218]);
const SOUND: Rgb<u8> = Rgb([96, 125, 160]);

/// A curve: what is written beside it and how it is read from a face.
type Curve = (&'static str, Rgb<u8>, fn(&FaceControls) -> f32);

/// The curves, top down.
const CURVES: [Curve; 6] = [
    ("JAW", Rgb([190, 60, 50]), |face| {
        face.get(Blendshape::JawOpen)
    }),
    ("CLOSED", Rgb([30, 110, 170]), |face| {
        face.get(Blendshape::MouthPressLeft) / 0.45
    }),
    ("F V TUCK", Rgb([120, 80, 160]), |face| {
        let press = face.get(Blendshape::MouthPressLeft) / 0.45;
        (face.get(Blendshape::MouthRollLower) / 0.6 - press).max(0.0)
    }),
    ("ROUND", Rgb([200, 130, 20]), |face| {
        face.get(Blendshape::MouthPucker) + 0.5 * face.get(Blendshape::MouthFunnel)
    }),
    ("SPREAD", Rgb([40, 140, 80]), |face| {
        2.0 * face.get(Blendshape::MouthStretchLeft)
    }),
    ("BROWS", Rgb([90, 90, 90]), |face| {
        2.0 * face.get(Blendshape::BrowInnerUp)
    }),
];

/// Draws the clip: 300 pixels for each second, at most 60 s.
#[must_use]
pub fn render(clip: &Clip) -> RgbImage {
    let frames = clip.visemes.len().min(LONGEST);
    let width = MARGIN + frames as u32 * SCALE + GAP;
    let visemes_top = GAP + WAVE + GAP;
    let curves_top = visemes_top + ROW * Viseme::ALL.len() as u32 + GAP;
    let height = curves_top + (CURVE + GAP) * CURVES.len() as u32 + 12;
    let mut picture = RgbImage::from_pixel(width, height, PAPER);
    for tenth in 0..=frames / 10 {
        let x = MARGIN + tenth as u32 * 10 * SCALE;
        vertical(&mut picture, x, GAP, height - 14, GRID);
        if tenth % 5 == 0 {
            let label = format!("{}.{}", tenth / 10, tenth % 10);
            font::write(&mut picture, &label, x.saturating_sub(6), height - 10, INK);
        }
    }
    draw_wave(&mut picture, clip, frames);
    for viseme in Viseme::ALL {
        let top = visemes_top + ROW * viseme.index() as u32;
        font::write(&mut picture, viseme.name(), 8, top + 2, INK);
        for (i, weights) in clip.visemes[..frames].iter().enumerate() {
            let shade = heat(weights[viseme.index()]);
            let x = MARGIN + i as u32 * SCALE;
            for (dx, dy) in (0..SCALE).flat_map(|dx| (0..ROW - 1).map(move |dy| (dx, dy))) {
                if weights[viseme.index()] > 0.02 {
                    picture.put_pixel(x + dx, top + dy, shade);
                }
            }
        }
    }
    for (i, (name, colour, read)) in CURVES.iter().enumerate() {
        let top = curves_top + (CURVE + GAP) * i as u32;
        font::write(&mut picture, name, 8, top + CURVE / 2, INK);
        for x in MARGIN..width - GAP {
            picture.put_pixel(x, top + CURVE, GRID);
        }
        let mut before = None;
        for (hop, face) in clip.faces.iter().take(frames / 2).enumerate() {
            let y = top + CURVE - (read(face).clamp(0.0, 1.0) * CURVE as f32) as u32;
            let x = MARGIN + hop as u32 * 2 * SCALE;
            for dx in 0..2 * SCALE {
                picture.put_pixel(x + dx, y, *colour);
            }
            let from = before.unwrap_or(y);
            vertical(&mut picture, x, y.min(from), y.max(from), *colour);
            before = Some(y);
        }
    }
    picture
}

fn draw_wave(picture: &mut RgbImage, clip: &Clip, frames: usize) {
    let (middle, half) = ((GAP + WAVE / 2) as f32, WAVE as f32 / 2.0);
    font::write(picture, "SOUND", 8, GAP + WAVE / 2 - 3, INK);
    let loudest = clip.sound.iter().fold(0.05, |m: f32, s| m.max(s.abs()));
    let piece = CLOCK_HZ as usize / 100 / SCALE as usize;
    for (i, samples) in clip
        .sound
        .chunks(piece)
        .take(frames * SCALE as usize)
        .enumerate()
    {
        let low = samples.iter().copied().fold(0.0, f32::min) / loudest;
        let high = samples.iter().copied().fold(0.0, f32::max) / loudest;
        let x = MARGIN + i as u32;
        let (top, end) = (middle - high * half, middle - low * half);
        vertical(picture, x, top as u32, end as u32, SOUND);
    }
}

fn vertical(picture: &mut RgbImage, x: u32, from: u32, to: u32, colour: Rgb<u8>) {
    for y in from..=to {
        if x < picture.width() && y < picture.height() {
            picture.put_pixel(x, y, colour);
        }
    }
}

fn heat(weight: f32) -> Rgb<u8> {
    let mix =
        |from: u8, to: u8| (f32::from(from) + (f32::from(to) - f32::from(from)) * weight) as u8;
    Rgb([mix(235, 20), mix(238, 70), mix(235, 120)])
}

const _: () = assert!(HOP as i64 * 50 == CLOCK_HZ, "two frames for each hop");

#[cfg(test)]
mod tests {
    use media::MediaTime;

    use super::*;
    use crate::model::SILENT;

    #[test]
    fn a_clip_is_drawn_at_its_length() {
        let mut face = FaceControls::rest(MediaTime::ZERO);
        face.set(Blendshape::JawOpen, 0.5);
        let clip = Clip {
            sound: vec![0.2; HOP * 50],
            visemes: vec![SILENT; 100],
            faces: vec![face; 50],
        };
        let picture = render(&clip);
        assert_eq!(picture.width(), MARGIN + 300 + GAP);
        let jaw = CURVES[0].1;
        assert!(picture.pixels().filter(|&&p| p == jaw).count() >= 300);
    }

    #[test]
    fn an_empty_clip_is_a_picture_too() {
        let clip = Clip {
            sound: Vec::new(),
            visemes: Vec::new(),
            faces: Vec::new(),
        };
        assert_eq!(render(&clip).width(), MARGIN + GAP);
    }
}
