//! One presenter on one screen: keeps what was shown and redraws what differs.

use std::sync::Arc;

use media::Blendshape::{
    BrowDownLeft, CheekPuff, CheekSquintLeft, CheekSquintRight, EyeBlinkLeft, EyeWideRight,
    JawForward, MouthUpperUpRight, TongueOut,
};
use media::seam::{RenderError, Renderer};
use media::{FaceControls, Picture, Rect};
use tiny_skia::{Pixmap, Transform};

use super::brush::Pen;
use super::layers::Layers;
use super::mouth::Mouth;
use super::warp::{Framing, Pose, Warp, lay_row};
use super::{eyes, layers, lips};
use crate::avatars::check_picture;
use crate::ground::Ground;
use crate::idle::Life;
use crate::scene::outside_circle;
use crate::weights::Weights;

/// The head turns this far at most, degrees: beyond it a flat drawing shows
/// that it is one.
const TURN: f32 = 8.0;
/// Smallest step of the head, of a pixel. Finer than what can be seen moving.
const HEAD_STEP: f32 = 0.0625;
/// Smallest step of the body, of a pixel: a quarter, as motion vectors have.
const BODY_STEP: f32 = 0.25;
/// How far the shoulders rise with a breath, design units.
const BREATH: f32 = 1.7;
/// The share of that which the head goes along with.
const BREATH_HEAD: f32 = 0.45;

/// From the neck to the crown, design units: turns angles into distances.
const RADIUS: f32 = 300.0;
/// Width of a head, design units.
const HEAD: f32 = 200.0;

/// The parts of the face (left, top, right, bottom) that all paint of the eyes
/// and brows, and of the mouth and jaw, lies in.
const EYES: (f32, f32, f32, f32) = (168.0, 160.0, 344.0, 250.0);
const MOUTH: (f32, f32, f32, f32) = (158.0, 256.0, 354.0, 416.0);

/// All that a picture depends on, rounded to what can be seen.
#[derive(Clone, Copy, Debug, PartialEq)]
struct State {
    /// Rise of the shoulders, [`BODY_STEP`]s.
    breath: i32,
    /// Shift across and down, yaw, pitch and roll as ways of the head's rim,
    /// in [`HEAD_STEP`]s.
    head: [i32; 5],
    weights: Weights,
}

impl State {
    fn pose(&self, scale: f32) -> Pose {
        let unit = HEAD_STEP / scale;
        let [x, y, yaw, pitch, roll] = self.head.map(|steps| steps as f32 * unit);
        Pose {
            shift: (x, y),
            yaw: yaw / RADIUS,
            pitch: pitch / RADIUS,
            roll: roll / RADIUS,
        }
    }
}

/// Draws one presenter for one session.
pub(crate) struct Presenter {
    layers: Arc<Layers>,
    life: Life,
    /// Backdrop and body, RGBA.
    stage: Vec<u8>,
    /// What is shown.
    frame: Pixmap,
    shown: Option<State>,
    ground: Ground,
}

impl Presenter {
    pub(crate) fn new(layers: Arc<Layers>, seed: u64) -> Self {
        let frame = layers.backdrop.clone();
        Self {
            stage: frame.data().to_vec(),
            frame,
            life: Life::new(seed).of_width(HEAD * layers.framing.scale),
            layers,
            shown: None,
            ground: Ground::Opaque,
        }
    }

    /// Before this ground.
    pub(crate) fn on(self, ground: Ground) -> Self {
        Self { ground, ..self }
    }

    /// The last picture, RGBA.
    pub(crate) fn frame(&self) -> &Pixmap {
        &self.frame
    }

    /// Draws without converting: for stills.
    pub(crate) fn show(&mut self, face: &FaceControls) {
        self.advance(self.state(face));
    }

    fn framing(&self) -> Framing {
        self.layers.framing
    }

    /// The face and the idle life of its moment, rounded.
    fn state(&self, face: &FaceControls) -> State {
        let scale = self.framing().scale;
        let mut face = face.clone();
        for angle in [&mut face.yaw, &mut face.pitch, &mut face.roll] {
            if !angle.is_finite() {
                *angle = 0.0;
            }
        }
        let slow = self.life.slow(&face);
        self.life.add(&mut face);
        let breath = self.life.breath(slow);
        let shift = self.life.shift(slow);
        let steps = |units: f32| (units * scale / HEAD_STEP).round() as i32;
        let turn = |degrees: f32| steps(degrees.clamp(-TURN, TURN).to_radians() * RADIUS);
        State {
            breath: (breath * BREATH * scale / BODY_STEP).round() as i32,
            head: [
                steps(shift.0),
                steps(shift.1 - breath * BREATH * BREATH_HEAD),
                turn(face.yaw),
                turn(face.pitch),
                turn(face.roll),
            ],
            weights: Weights::new(&face),
        }
    }

    /// Draws the state into the frame and says which rectangles differ.
    fn advance(&mut self, now: State) -> [Rect; 2] {
        let areas = self.draw(now);
        if let Some(around) = self.layers.around {
            let pixels = self.frame.data_mut().as_chunks_mut::<4>().0;
            let width = self.layers.size.0;
            for (k, area) in areas.into_iter().enumerate() {
                outside_circle(self.layers.size, area, |at, share| {
                    // What both areas hold is cut once.
                    if k == 1 && areas[0].contains(at % width, at / width) {
                        return;
                    }
                    for (value, wanted) in pixels[at].iter_mut().zip(around) {
                        let sum = u32::from(*value) * (256 - share) + u32::from(wanted) * share;
                        *value = ((sum + 128) >> 8) as u8;
                    }
                });
            }
        }
        areas
    }

    fn draw(&mut self, now: State) -> [Rect; 2] {
        let (width, height) = self.layers.size;
        let bounds = (width, height);
        let scale = self.framing().scale;
        let mouth = Mouth::new(&now.weights, &self.layers.look.lips);
        let reach = self.layers.look.jaw_reach;
        let warp = Warp::new(self.framing(), now.pose(scale), mouth.chin(), reach);
        let before = self.shown.replace(now);
        let Some(before) = before else {
            self.set_stage(now.breath);
            self.restore(Rect {
                x: 0,
                y: 0,
                width,
                height,
            });
            self.draw_head(&warp, warp.cover(layers::HEAD, bounds));
            self.draw_eyes(&warp, &now);
            self.draw_mouth(&warp, &mouth);
            let all = Rect {
                x: 0,
                y: 0,
                width,
                height,
            };
            return [all, Rect::EMPTY];
        };
        if before == now {
            return [Rect::EMPTY; 2];
        }
        if before.breath != now.breath || before.head != now.head {
            let old = Warp::new(self.framing(), before.pose(scale), 0.0, reach);
            let area = old
                .cover(layers::HEAD, bounds)
                .union(warp.cover(layers::HEAD, bounds));
            let mut body = Rect::EMPTY;
            if before.breath != now.breath {
                body = self.set_stage(now.breath);
                self.restore(body);
            }
            self.restore(area);
            self.draw_head(&warp, warp.cover(layers::HEAD, bounds));
            self.draw_eyes(&warp, &now);
            self.draw_mouth(&warp, &mouth);
            return [area, body];
        }
        let mut areas = [Rect::EMPTY; 2];
        if now.eyes_differ(&before) {
            areas[0] = warp.cover(EYES, bounds);
            self.restore(areas[0]);
            self.draw_head(&warp, areas[0]);
            self.draw_eyes(&warp, &now);
        }
        if now.mouth_differs(&before) {
            areas[1] = warp.cover(MOUTH, bounds);
            self.restore(areas[1]);
            self.draw_head(&warp, areas[1]);
            self.draw_mouth(&warp, &mouth);
        }
        areas
    }

    /// Puts the body in front of the backdrop, raised by a breath, and gives
    /// the rectangle it lies in.
    fn set_stage(&mut self, breath: i32) -> Rect {
        let layers = &self.layers;
        let (width, height) = layers.size;
        let raised = (breath.max(0) as f32 * BODY_STEP).min((layers::SPARE_ROWS - 2) as f32);
        let (rows, part) = (raised as usize, (raised.fract() * 256.0) as u64);
        let (left, right) = layers.body_columns;
        let area = Rect::cover(
            left as f32,
            layers.body_top as f32,
            right as f32,
            height as f32,
            layers.size,
        );
        let (body, _) = layers.body.data().as_chunks::<4>();
        let (far, _) = layers.backdrop.data().as_chunks::<4>();
        let (stage, _) = self.stage.as_chunks_mut::<4>();
        for y in area.y..height {
            let span = y * width + area.x..y * width + area.x + area.width;
            stage[span.clone()].copy_from_slice(&far[span.clone()]);
            // The area may begin a row above the body, to be even.
            let Some(row) = (y + rows).checked_sub(layers.body_top) else {
                continue;
            };
            let at = row * width + area.x;
            lay_row(
                &body[at..at + area.width],
                &body[at + width..at + width + area.width],
                part,
                &mut stage[span],
            );
        }
        area
    }

    /// Copies the stage into the frame.
    fn restore(&mut self, area: Rect) {
        let width = self.layers.size.0;
        let data = self.frame.data_mut();
        for y in area.y..area.y + area.height {
            let span = (y * width + area.x) * 4..(y * width + area.x + area.width) * 4;
            data[span.clone()].copy_from_slice(&self.stage[span]);
        }
    }

    fn draw_head(&mut self, warp: &Warp, area: Rect) {
        let width = self.layers.size.0;
        self.layers
            .head
            .draw(warp, self.frame.data_mut(), width, area);
    }

    fn draw_eyes(&mut self, warp: &Warp, state: &State) {
        let mut pen = Pen {
            pixmap: self.frame.as_mut(),
            transform: Transform::identity(),
        };
        eyes::paint(&mut pen, &state.weights, self.layers.look, |at| {
            warp.local(at)
        });
    }

    fn draw_mouth(&mut self, warp: &Warp, mouth: &Mouth) {
        let at = self.layers.look.mouth_at;
        let mut pen = Pen {
            pixmap: self.frame.as_mut(),
            transform: warp.local(at).pre_translate(at.0, at.1),
        };
        lips::paint(&mut pen, mouth, self.layers.look);
    }
}

impl State {
    fn eyes_differ(&self, other: &Self) -> bool {
        self.weights
            .differ(&other.weights, EyeBlinkLeft, EyeWideRight)
            || self.weights.differ(&other.weights, BrowDownLeft, CheekPuff)
            || self
                .weights
                .differ(&other.weights, CheekSquintLeft, CheekSquintRight)
    }

    fn mouth_differs(&self, other: &Self) -> bool {
        self.weights
            .differ(&other.weights, JawForward, MouthUpperUpRight)
            || self.weights.differ(&other.weights, TongueOut, TongueOut)
    }
}

impl Renderer for Presenter {
    fn size(&self) -> (usize, usize) {
        self.layers.size
    }

    fn render(&mut self, face: &FaceControls, picture: &mut Picture) -> Result<(), RenderError> {
        check_picture(picture, self.layers.size)?;
        let now = self.state(face);
        let areas = self.advance(now);
        let (pixels, _) = self.frame.data().as_chunks::<4>();
        self.ground
            .show(pixels, |pixel| pixel, areas.into_iter(), face.at, picture);
        Ok(())
    }
}
