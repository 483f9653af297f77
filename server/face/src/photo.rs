//! Photo avatars: one picture, warped by a mesh over 478 face landmarks.
//!
//! A [`figure::Figure`] holds what is prepared once: the picture at the size of
//! the screen, the mesh from the face out to the edges, the ARKit shapes as
//! this face moves by them, eyeballs, shut lids and teeth. Each picture then
//! places the points of the mesh, redraws the triangles that moved, and draws
//! eyes and the inside of the mouth over them.

mod backdrop;
mod basis;
mod curve;
mod dirty;
mod eyes;
mod figure;
mod fit;
mod framing;
mod mesh;
mod motion;
mod mouth;
pub(crate) mod points;
mod presenter;
mod raster;
mod seam;
mod teeth;
pub(crate) mod texture;

use std::sync::Arc;

use media::Blendshape::{MouthSmileLeft, MouthSmileRight};
use media::{FaceControls, MediaTime};

use crate::package::{Package, Rgb};
use crate::scene::{Framing, Scene, Shot};

pub(crate) use figure::Figure;
pub(crate) use mesh::Pose;
pub(crate) use presenter::{Presenter, State};

/// A square picture of a package with a slight smile.
pub(crate) fn preview(package: &Package, side: usize) -> Rgb {
    let scene = Scene {
        framing: Framing {
            shot: Shot::Normal,
            scale: 1.05,
            ..Framing::default()
        },
        ..Scene::new(side, side)
    };
    let figure = Arc::new(Figure::new(package.portrait(), &scene.stage()));
    let mut presenter = Presenter::new(figure, 0);
    let mut face = FaceControls::rest(MediaTime::ZERO);
    face.set(MouthSmileLeft, 0.3);
    face.set(MouthSmileRight, 0.3);
    presenter.show(&face);
    let data = presenter.frame().iter().flat_map(|&pixel| {
        let [r, g, b, _] = texture::parts(pixel);
        [r, g, b]
    });
    Rgb {
        width: side,
        height: side,
        data: data.collect(),
    }
}
