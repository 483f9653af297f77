//! One photo avatar on one screen: keeps what was shown and redraws what
//! differs.

use std::sync::Arc;

use media::seam::{RenderError, Renderer};
use media::{FaceControls, Picture};

use super::dirty::Dirty;
use super::figure::{Figure, Moment};
use super::mesh::Pose;
use super::texture::Pixel;
use crate::avatars::check_picture;
use crate::ground::Ground;
use crate::idle::Life;
use crate::weights::Weights;

/// A single picture can be turned this far, degrees: beyond it ears and hair
/// betray that there is nothing behind them.
const TURN: f32 = 6.0;
/// Finest step of the head, of a pixel.
const STEP: f32 = 0.0625;
/// Finest step of a breath, of a pixel: it moves half the screen, so it must
/// not move for what nobody sees. All steps lie a quarter of a pixel beside
/// whole ones, where pictures are equally sharp.
const BREATH_STEP: f32 = 0.5;
const BREATH_FROM: f32 = 0.25;
/// How far the shoulders rise with a breath, of the head's width.
const BREATH: f32 = 0.012;
/// A design unit of the idle shift, of the head's width.
const SHIFT: f32 = 0.005;

/// All that a picture depends on, rounded to what can be seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct State {
    pub weights: Weights,
    /// Yaw, pitch and roll as ways of the head's rim, and shift across and
    /// down, in [`STEP`]s.
    pose: [i32; 5],
    /// In [`BREATH_STEP`]s.
    breath: i32,
}

/// Draws one photo avatar for one session.
pub(crate) struct Presenter {
    figure: Arc<Figure>,
    life: Life,
    frame: Vec<Pixel>,
    offsets: Vec<[f32; 3]>,
    places: Vec<[i32; 2]>,
    before: Vec<[i32; 2]>,
    dirty: Dirty,
    shown: Option<State>,
    ground: Ground,
}

impl Presenter {
    pub fn new(figure: Arc<Figure>, seed: u64) -> Self {
        let pixels = figure.size.0 * figure.size.1;
        Self {
            dirty: Dirty::new(figure.size),
            life: Life::new(seed).of_width(figure.mesh.skull.width),
            figure,
            frame: vec![0xFF00_0000; pixels],
            offsets: Vec::new(),
            places: Vec::new(),
            before: Vec::new(),
            shown: None,
            ground: Ground::Opaque,
        }
    }

    /// Before this ground.
    pub fn on(self, ground: Ground) -> Self {
        Self { ground, ..self }
    }

    /// The last picture.
    pub fn frame(&self) -> &[Pixel] {
        &self.frame
    }

    /// What is prepared of the face.
    pub fn figure(&self) -> &Figure {
        &self.figure
    }

    /// What is shown: the last face with the idle life of its moment.
    pub fn shown(&self) -> Option<State> {
        self.shown
    }

    /// Which pixels the last picture changed.
    pub fn dirty(&self) -> &Dirty {
        &self.dirty
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
        let slow = self.life.slow(&face);
        self.life.add(&mut face);
        let (across, down) = self.life.shift(slow);
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
            ],
            breath: (self.life.breath(slow) * BREATH * rim / BREATH_STEP).round() as i32,
        }
    }

    /// How the head stands in a state.
    pub fn pose(&self, state: &State) -> Pose {
        let rim = self.figure.mesh.skull.width;
        let [yaw, pitch, roll, across, down] = state.pose.map(|steps| steps as f32 * STEP);
        Pose::new(
            [yaw / rim, pitch / rim, roll / rim],
            [across, down],
            BREATH_FROM + state.breath as f32 * BREATH_STEP,
        )
    }

    /// Draws the face and the idle life of its moment.
    pub fn show(&mut self, face: &FaceControls) {
        let now = self.state(face);
        self.dirty.clear();
        let before = self.shown.replace(now);
        if before == Some(now) {
            return;
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
        };
        match before {
            Some(before) => {
                let turned = (before.pose, before.breath) != (now.pose, now.breath);
                let then = (&before.weights, self.before.as_slice());
                mark(&figure, &mut self.dirty, then, &moment, turned);
            }
            None => self.dirty.add_all(),
        }
        figure.draw(&moment, &mut self.frame, &self.dirty);
    }
}

/// Marks what differs between weights with their places and now. The teeth
/// also show turns that are too small to move a place.
fn mark(
    figure: &Figure,
    dirty: &mut Dirty,
    (before, places): (&Weights, &[[i32; 2]]),
    now: &Moment<'_>,
    turned: bool,
) {
    for corners in figure.visible() {
        let moved = |&i: &u16| places[usize::from(i)] != now.places[usize::from(i)];
        if corners.iter().any(moved) {
            dirty.add(figure.touched(places, corners));
            dirty.add(figure.touched(now.places, corners));
        }
    }
    let looks = figure.looks(before);
    let (old, new) = (figure.eye_areas(places), figure.eye_areas(now.places));
    let mouth = [figure.mouth_area(places), figure.mouth_area(now.places)];
    let mut features = [
        (looks[0] != now.looks[0], [old[0], new[0]]),
        (looks[1] != now.looks[1], [old[1], new[1]]),
        (turned || figure.jaw(before) != now.jaw, mouth),
    ];
    // A feature is drawn wholly or not at all, and what one of them makes dirty
    // may reach another.
    for _ in 0..features.len() {
        for (differs, areas) in &mut features {
            *differs |= areas.iter().any(|&area| dirty.touches(area));
            if *differs {
                for &area in areas.iter() {
                    dirty.add(area);
                }
            }
        }
    }
}

impl Renderer for Presenter {
    fn size(&self) -> (usize, usize) {
        self.figure.size
    }

    fn render(&mut self, face: &FaceControls, picture: &mut Picture) -> Result<(), RenderError> {
        check_picture(picture, self.figure.size)?;
        self.show(face);
        let dirty = self.dirty.rects();
        self.ground
            .show(&self.frame, Pixel::to_le_bytes, dirty, face.at, picture);
        Ok(())
    }
}
