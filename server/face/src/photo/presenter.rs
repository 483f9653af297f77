//! One photo avatar on one screen: keeps what was shown and redraws what
//! differs.

use std::sync::Arc;

use media::seam::{RenderError, Renderer};
use media::{FaceControls, Picture, Rect};

use super::figure::{Figure, Moment, to_rect};
use super::mesh::Pose;
use super::texture::Pixel;
use crate::avatars::check_picture;
use crate::idle::Life;
use crate::raster;
use crate::weights::Weights;

/// A single picture can be turned this far, degrees: beyond it ears and hair
/// betray that there is nothing behind them.
const TURN: f32 = 6.0;
/// Finest step of head and body, of a pixel.
const STEP: f32 = 0.0625;
/// How far the shoulders rise with a breath, of the head's width.
const BREATH: f32 = 0.012;
/// A design unit of the idle shift, of the head's width.
const SHIFT: f32 = 0.005;
/// Triangles whose rest is above the tip of the nose redraw the upper part of
/// the face, those below the lower one.
const NOSE_TIP: usize = 1;

/// All that a picture depends on, rounded to what can be seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct State {
    pub weights: Weights,
    /// Yaw, pitch and roll as ways of the head's rim, shift across and down,
    /// and the breath, in [`STEP`]s.
    pose: [i32; 6],
    backdrop: usize,
}

/// Draws one photo avatar for one session.
pub(crate) struct Presenter {
    figure: Arc<Figure>,
    life: Life,
    frame: Vec<Pixel>,
    offsets: Vec<[f32; 3]>,
    places: Vec<[i32; 2]>,
    before: Vec<[i32; 2]>,
    shown: Option<State>,
}

impl Presenter {
    pub fn new(figure: Arc<Figure>, seed: u64) -> Self {
        let pixels = figure.size.0 * figure.size.1;
        Self {
            figure,
            life: Life::new(seed),
            frame: vec![0xFF00_0000; pixels],
            offsets: Vec::new(),
            places: Vec::new(),
            before: Vec::new(),
            shown: None,
        }
    }

    /// The last picture.
    pub fn frame(&self) -> &[Pixel] {
        &self.frame
    }

    /// What is prepared of the face.
    pub fn figure(&self) -> &Figure {
        &self.figure
    }

    /// Draws without converting, and says which rectangles differ.
    pub fn show(&mut self, face: &FaceControls) -> [Rect; 2] {
        self.advance(self.state(face))
    }

    /// What is shown: the last face with the idle life of its moment.
    pub fn shown(&self) -> Option<State> {
        self.shown
    }

    /// The face and the idle life of its moment, rounded.
    fn state(&self, face: &FaceControls) -> State {
        let rim = self.figure.mesh.skull.width;
        let mut face = face.clone();
        for angle in [&mut face.yaw, &mut face.pitch, &mut face.roll] {
            if !angle.is_finite() {
                *angle = 0.0;
            }
        }
        self.life.add(&mut face);
        let (across, down) = self.life.shift(face.at);
        let steps = |pixels: f32| (pixels / STEP).round() as i32;
        let turn = |degrees: f32| steps(degrees.clamp(-TURN, TURN).to_radians() * rim);
        State {
            weights: Weights::new(&face),
            pose: [
                turn(face.yaw),
                turn(face.pitch),
                turn(face.roll),
                steps(across * SHIFT * rim),
                steps(down * SHIFT * rim),
                steps(self.life.breath(face.at) * BREATH * rim),
            ],
            backdrop: self.figure.backdrop(face.at.0),
        }
    }

    /// How the head stands in a state.
    pub fn pose(&self, state: &State) -> Pose {
        let rim = self.figure.mesh.skull.width;
        let [yaw, pitch, roll, across, down, breath] = state.pose.map(|steps| steps as f32 * STEP);
        Pose {
            yaw: yaw / rim,
            pitch: pitch / rim,
            roll: roll / rim,
            shift: [across, down],
            breath,
        }
    }

    /// Draws the state into the frame and says which rectangles differ.
    fn advance(&mut self, now: State) -> [Rect; 2] {
        let before = self.shown.replace(now);
        if before == Some(now) {
            return [Rect::EMPTY; 2];
        }
        let figure = self.figure.clone();
        let pose = self.pose(&now);
        std::mem::swap(&mut self.places, &mut self.before);
        figure.motion.offsets(&now.weights, &mut self.offsets);
        figure.mesh.place(&self.offsets, &pose, &mut self.places);
        let moment = Moment {
            places: &self.places,
            pose: &pose,
            looks: figure.looks(&now.weights),
            jaw: figure.jaw(&now.weights),
            backdrop: now.backdrop,
        };
        let areas = match before {
            Some(before) if before.backdrop == now.backdrop => self.differ(&before, &moment),
            _ => {
                let (width, height) = figure.size;
                let all = Rect {
                    x: 0,
                    y: 0,
                    width,
                    height,
                };
                [all, Rect::EMPTY]
            }
        };
        for area in areas {
            if !area.is_empty() {
                figure.draw(&moment, &mut self.frame, area);
            }
        }
        areas
    }

    /// What differs between the places before and now: in the upper and in
    /// the lower part of the face, or in one rectangle if these meet.
    fn differ(&self, before: &State, now: &Moment<'_>) -> [Rect; 2] {
        let figure = &self.figure;
        let mesh = &figure.mesh;
        let none = [i32::MAX, i32::MAX, i32::MIN, i32::MIN];
        let mut parts = [none; 2];
        let nose = mesh.rest[NOSE_TIP][1];
        for &corners in &mesh.triangles {
            let moved = corners
                .iter()
                .any(|&i| self.before[usize::from(i)] != self.places[usize::from(i)]);
            if !moved {
                continue;
            }
            let low = mesh.rest[usize::from(corners[0])][1] > nose;
            let part = &mut parts[usize::from(low)];
            for places in [&self.before, &self.places] {
                let [left, top, right, bottom] = Figure::touched(places, corners);
                *part = [
                    part[0].min(left),
                    part[1].min(top),
                    part[2].max(right),
                    part[3].max(bottom),
                ];
            }
        }
        let mut areas = parts.map(|part| to_rect(part, figure.size));
        let moved = parts != [none; 2];
        let looks = figure.looks(&before.weights);
        let (old, new) = (
            figure.eye_areas(&self.before),
            figure.eye_areas(&self.places),
        );
        for k in 0..2 {
            if moved && old[k] != new[k] || looks[k] != now.looks[k] {
                areas[0] = areas[0].union(old[k]).union(new[k]);
            }
        }
        if parts[1] != none || figure.jaw(&before.weights) != now.jaw {
            areas[1] = areas[1]
                .union(figure.mouth_area(&self.before))
                .union(figure.mouth_area(&self.places));
        }
        if !areas[0].intersection(areas[1]).is_empty() {
            return [areas[0].union(areas[1]), Rect::EMPTY];
        }
        areas
    }
}

impl Renderer for Presenter {
    fn size(&self) -> (usize, usize) {
        self.figure.size
    }

    fn render(&mut self, face: &FaceControls, picture: &mut Picture) -> Result<(), RenderError> {
        check_picture(picture, self.figure.size)?;
        let areas = self.show(face);
        for area in areas {
            if !area.is_empty() {
                raster::convert(&self.frame, Pixel::to_le_bytes, picture, area);
            }
        }
        picture.at = face.at;
        picture.changed = areas[0].union(areas[1]);
        Ok(())
    }
}
