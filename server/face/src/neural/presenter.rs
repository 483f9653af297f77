//! A photo avatar whose mouth a network repaints.

use std::sync::Arc;
use std::time::Duration;

use media::seam::{RenderError, Renderer};
use media::{Blendshape, CLOCK_HZ, FRAME, FaceControls, MediaTime, Picture, Rect};

use super::Error;
use super::mel::{Hearing, PREVIEW};
use super::network::{Network, POSE, Told};
use super::patch::{Patch, Region};
use super::settings::{Kind, Settings};
use crate::avatars::check_picture;
use crate::ground::Ground;
use crate::photo::texture::Pixel;
use crate::photo::{self, Pose, State};

/// What a live session has for a picture.
const PICTURE: Duration = Duration::from_millis((FRAME * 1_000 / CLOCK_HZ) as u64);
/// Pictures in a row that may be late: 400 ms and more, which no short burst of
/// other work takes.
const LATE: u32 = 10;
/// How late pictures in a row may be together. Meanwhile other sessions of the
/// same thread wait, so a very slow network goes with its first picture.
const BEHIND: Duration = Duration::from_millis(500);

/// Whether a network keeps up with a live session.
#[derive(Debug, Default)]
struct Pace {
    late: u32,
    behind: Duration,
}

impl Pace {
    /// Takes what a picture took, and says whether the network is too slow.
    fn is_lost(&mut self, took: Duration) -> bool {
        if took <= PICTURE {
            *self = Self::default();
            return false;
        }
        self.late += 1;
        self.behind += took.saturating_sub(PICTURE);
        self.late >= LATE || self.behind >= BEHIND
    }
}

/// What the crop was painted for, and where it is.
struct Shown {
    state: State,
    window: Vec<f32>,
    bounds: Rect,
}

/// Draws one photo avatar with a network for one session.
pub(crate) struct Presenter {
    photo: photo::Presenter,
    /// `None` after it failed or was too slow: then the photo engine's picture
    /// is shown.
    network: Option<Arc<Network>>,
    region: Region,
    hearing: Option<Hearing>,
    /// The photo engine's frame with the crop over it.
    canvas: Vec<Pixel>,
    crop: Vec<f32>,
    shown: Option<Shown>,
    pace: Pace,
    /// Whether the last picture took a run of the network.
    ran: bool,
    ground: Ground,
}

impl Presenter {
    pub fn new(
        photo: photo::Presenter,
        network: Arc<Network>,
        settings: &Settings,
        ground: Ground,
    ) -> Self {
        let figure = photo.figure();
        let region = Region::new(figure, settings);
        Self {
            canvas: photo.frame().to_vec(),
            crop: Vec::new(),
            region,
            hearing: (settings.kind == Kind::Wav2Lip).then(Hearing::new),
            network: Some(network),
            shown: None,
            pace: Pace::default(),
            ran: false,
            ground,
            photo,
        }
    }

    /// Repaints the crop if anything it depends on is new, and says which
    /// rectangle differs by that.
    fn repaint(&mut self, at: MediaTime) -> Result<Rect, Error> {
        self.ran = false;
        let Some(network) = &self.network else {
            return Ok(self.uncover());
        };
        let Some(state) = self.photo.shown() else {
            return Ok(Rect::EMPTY);
        };
        let window = self.hearing.as_mut().map(|hearing| hearing.window(at));
        let window = window.unwrap_or_default();
        let before = self.shown.as_ref();
        if before.is_some_and(|b| b.state == state && b.window == window) {
            return Ok(Rect::EMPTY);
        }
        let (figure, pose) = (self.photo.figure(), self.photo.pose(&state));
        let patch = Patch::new(&self.region, figure, &pose);
        let (frame, screen, size) = (self.photo.frame(), figure.size, network.size());
        let old = before.map_or(Rect::EMPTY, |b| b.bounds);
        let differs = old.union(patch.bounds);
        for area in self.photo.dirty().rects().chain([differs]) {
            copy(frame, &mut self.canvas, screen.0, area);
        }
        if !patch.bounds.is_empty() {
            patch.cut(frame, screen, size, &mut self.crop);
            self.ran = true;
            let painted = network.run(&Told {
                controls: &Blendshape::ALL.map(|shape| state.weights.get(shape)),
                pose: &told(&pose, figure.mesh.skull.width),
                window,
                crop: &self.crop,
            })?;
            let alpha = painted.alpha.as_deref();
            patch.blend(&painted.crop, alpha, size, &mut self.canvas, figure);
        }
        self.shown = Some(Shown {
            state,
            window: window.to_vec(),
            bounds: patch.bounds,
        });
        Ok(differs)
    }

    /// What the network painted last must go when it is given up.
    fn uncover(&mut self) -> Rect {
        self.shown.take().map_or(Rect::EMPTY, |shown| shown.bounds)
    }
}

/// A pose as networks are told it.
fn told(pose: &Pose, width: f32) -> [f32; POSE] {
    [
        pose.yaw.to_degrees(),
        pose.pitch.to_degrees(),
        pose.roll.to_degrees(),
        pose.shift[0] / width,
        pose.shift[1] / width,
        pose.breath / width,
    ]
}

/// Copies a rectangle from one frame to another, both `width` wide.
fn copy(from: &[Pixel], to: &mut [Pixel], width: usize, area: Rect) {
    for y in area.y..area.y + area.height {
        let row = y * width + area.x..y * width + area.x + area.width;
        to[row.clone()].copy_from_slice(&from[row]);
    }
}

impl Renderer for Presenter {
    fn size(&self) -> (usize, usize) {
        self.photo.size()
    }

    fn preview(&self) -> Option<i64> {
        self.hearing.is_some().then_some(PREVIEW)
    }

    fn hear(&mut self, _: MediaTime, sound: &[f32]) {
        if let Some(hearing) = &mut self.hearing {
            hearing.hear(sound);
        }
    }

    fn render(&mut self, face: &FaceControls, picture: &mut Picture) -> Result<(), RenderError> {
        check_picture(picture, self.size())?;
        self.photo.show(face);
        let patch = match self.repaint(face.at) {
            Ok(patch) => patch,
            Err(error) => {
                tracing::warn!(%error, "the avatar's network is given up; its mouth is drawn without it");
                self.network = None;
                self.uncover()
            }
        };
        let frame = match &self.network {
            Some(_) => &self.canvas,
            None => self.photo.frame(),
        };
        let dirty = self.photo.dirty().rects().chain([patch]);
        self.ground
            .show(frame, Pixel::to_le_bytes, dirty, face.at, picture);
        Ok(())
    }

    fn took(&mut self, time: Duration) {
        // Pictures that the network had no part in say nothing of it.
        if self.ran && self.network.is_some() && self.pace.is_lost(time) {
            tracing::warn!(
                ms = time.as_millis(),
                "the avatar's network is too slow for a live session and is given up; its mouth is drawn without it"
            );
            self.network = None;
        }
    }
}
