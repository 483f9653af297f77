//! What lies behind a presenter's frame when it becomes a picture: nothing,
//! where the frame is opaque; a clip, which moves under a person that need
//! not be drawn anew; or whatever somebody else puts there.

use std::sync::Arc;

use media::{MediaTime, Picture, Rect};

use crate::clip::Clip;
use crate::raster;
use crate::scene::{Background, Scene};

/// What lies behind the frame of one presenter.
pub(crate) enum Ground {
    /// The frame is opaque.
    Opaque,
    /// Nothing: the picture has an alpha.
    Transparent,
    /// A clip, and which of its pictures was shown last.
    Clip(Arc<Clip>, Option<usize>),
}

impl Ground {
    /// What a scene puts behind a frame.
    pub fn of(scene: &Scene) -> Self {
        match &scene.background {
            Background::Clip(clip) => Self::Clip(clip.clone(), None),
            Background::Transparent => Self::Transparent,
            Background::Own | Background::Colour(_) | Background::Image(_) => Self::Opaque,
        }
    }

    /// Converts what differs of a frame of premultiplied pixels, which `rgba`
    /// takes apart, into a picture of this moment.
    pub fn show<P: Copy>(
        &mut self,
        frame: &[P],
        rgba: impl Fn(P) -> [u8; 4] + Copy,
        dirty: impl Iterator<Item = Rect>,
        at: MediaTime,
        picture: &mut Picture,
    ) {
        picture.at = at;
        picture.changed = Rect::EMPTY;
        match self {
            Self::Opaque => {
                for area in dirty {
                    raster::convert(frame, rgba, picture, area);
                    picture.changed = picture.changed.union(area);
                }
            }
            Self::Transparent => {
                for area in dirty {
                    raster::cut_out(frame, rgba, picture, area);
                    picture.changed = picture.changed.union(area);
                }
            }
            Self::Clip(clip, shown) => {
                let index = clip.index(at);
                let behind = clip.picture(index);
                if shown.replace(index) == Some(index) {
                    for area in dirty {
                        raster::lay(frame, rgba, behind, picture, area);
                        picture.changed = picture.changed.union(area);
                    }
                    return;
                }
                picture.changed = Rect {
                    x: 0,
                    y: 0,
                    width: picture.width(),
                    height: picture.height(),
                };
                let whole = picture.changed;
                raster::lay(frame, rgba, behind, picture, whole);
            }
        }
    }
}
