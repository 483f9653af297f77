//! What is painted once for an avatar at one size and shared by all sessions
//! that show it.

use tiny_skia::{Color, ColorU8, FilterQuality, Pixmap, PixmapPaint, Transform};

use super::Cast;
use super::brush::Canvas;
use super::look::Look;
use super::warp::{Framing, Texture};
use crate::resample::cover;
use crate::scene::{Behind, Shot, Stage};

/// Side of the square that the portrait is designed on.
const DESIGN: f32 = 512.0;
/// Narrowest part of the design that has to be seen: the shoulders may be cut,
/// the hair not.
const NARROW: f32 = 400.0;
/// The point that is kept at the same place in every format: the middle of
/// the face, and its height as a share of the picture's.
const ANCHOR: (f32, f32) = (256.0, 225.0);
const ANCHOR_HEIGHT: f32 = ANCHOR.1 / DESIGN;

/// The part of the design that moves with the head (left, top, right, bottom).
pub(super) const HEAD: (f32, f32, f32, f32) = (128.0, 40.0, 384.0, 416.0);
/// Where the body begins: above this only the head moves.
pub(super) const BODY_TOP: f32 = 236.0;

/// The painted head has this many pixels for one of the picture, so that it
/// stays crisp when it is resampled.
const HEAD_DENSITY: f32 = 1.5;
/// The backdrop is soft: it is painted at a fraction of the size.
const BACKDROP_DENSITY: f32 = 0.25;

/// Backdrop, body and head of one presenter at one picture size.
pub(crate) struct Layers {
    pub(super) look: &'static Look,
    pub(super) framing: Framing,
    pub(super) size: (usize, usize),
    /// Of the picture's size; opaque, or clear all over.
    pub(super) backdrop: Pixmap,
    /// Of the picture's width, from [`Layers::body_top`] to a few rows below
    /// the bottom.
    pub(super) body: Pixmap,
    /// First row of the body, pixels.
    pub(super) body_top: usize,
    /// First column of the body and one past its last.
    pub(super) body_columns: (usize, usize),
    pub(super) head: Texture,
    /// What is around a circle, premultiplied.
    pub(super) around: Option<[u8; 4]>,
}

impl Layers {
    /// Paints all of it; takes some tens of milliseconds.
    pub(crate) fn paint(cast: Cast, stage: &Stage) -> Self {
        let look = cast.look();
        let (width, height) = stage.size;
        let framing = framing(stage);
        let (scale, origin) = (framing.scale, framing.origin);
        let corner = (-origin.0 / scale, -origin.1 / scale);

        let mut backdrop = own_backdrop(look, corner, scale, (width, height));
        match &stage.behind {
            Behind::Colour([r, g, b]) => backdrop.fill(Color::from_rgba8(*r, *g, *b, 255)),
            Behind::Image(image) => {
                let colours = cover(image, width, height);
                let (colours, _) = colours.as_chunks::<3>();
                for (pixel, &[r, g, b]) in backdrop.pixels_mut().iter_mut().zip(colours) {
                    *pixel = ColorU8::from_rgba(r, g, b, 255).premultiply();
                }
            }
            Behind::Own => {}
            Behind::Open => backdrop.fill(Color::TRANSPARENT),
        }
        let body_top = ((BODY_TOP * scale + origin.1).max(0.0) as usize).min(height);
        let rows = height - body_top + SPARE_ROWS;
        let mut body = Canvas::new(
            (width as u32, rows as u32),
            (corner.0, corner.1 + body_top as f32 / scale),
            scale,
        );
        (look.body)(look, &mut body);

        let (mut left, mut right) = (width, 0);
        for row in body.pixmap.pixels().chunks_exact(width) {
            if let Some(first) = row.iter().position(|p| p.alpha() != 0) {
                left = left.min(first);
                right = right.max(row.iter().rposition(|p| p.alpha() != 0).unwrap_or(first) + 1);
            }
        }

        let density = scale * HEAD_DENSITY;
        let mut head = Canvas::new(
            (
                ((HEAD.2 - HEAD.0) * density).ceil() as u32,
                ((HEAD.3 - HEAD.1) * density).ceil() as u32,
            ),
            (HEAD.0, HEAD.1),
            density,
        );
        (look.head)(look, &mut head);
        Self {
            look,
            framing,
            size: (width, height),
            backdrop,
            body: body.pixmap,
            body_top,
            body_columns: (left.min(right), right),
            head: Texture::new(&head.pixmap, (HEAD.0, HEAD.1), density),
            around: stage.around,
        }
    }
}

/// The backdrop that belongs to a look.
fn own_backdrop(
    look: &Look,
    corner: (f32, f32),
    scale: f32,
    (width, height): (usize, usize),
) -> Pixmap {
    let small = |side: usize| ((side as f32 * BACKDROP_DENSITY).ceil() as u32).max(1);
    let mut far = Canvas::new(
        (small(width), small(height)),
        corner,
        scale * BACKDROP_DENSITY,
    );
    (look.backdrop)(&mut far);
    let mut backdrop = Canvas::new((width as u32, height as u32), corner, scale).pixmap;
    backdrop.draw_pixmap(
        0,
        0,
        far.pixmap.as_ref(),
        &PixmapPaint {
            quality: FilterQuality::Bicubic,
            ..PixmapPaint::default()
        },
        Transform::from_scale(1.0 / BACKDROP_DENSITY, 1.0 / BACKDROP_DENSITY),
        None,
    );
    backdrop
}

/// Rows of the body that are painted below the picture, so that it can rise.
pub(super) const SPARE_ROWS: usize = 16;

/// A close-up is this much nearer, and the face is at this height of the
/// picture.
const CLOSE: (f32, f32) = (1.55, 0.5);
/// In a circle it is this much nearer: its crown is narrow.
const ROUND: f32 = 1.3;

/// The largest portrait that fits the picture: as high as it is in a wide one,
/// as wide as it is in a tall one; nearer for a close-up. A circle shows the
/// same of the person in every picture.
fn framing(stage: &Stage) -> Framing {
    let (width, height) = (stage.size.0 as f32, stage.size.1 as f32);
    let fitting = (height / DESIGN).min(width / NARROW);
    let side = width.min(height);
    let (near, at_height, bottom) = match stage.framing.shot {
        Shot::Normal => (fitting, ANCHOR_HEIGHT, height),
        Shot::CloseUp => (CLOSE.0 * fitting, CLOSE.1, height),
        Shot::Circle => (ROUND * side / DESIGN, CLOSE.1, f32::midpoint(height, side)),
    };
    let scale = near * stage.framing.scale;
    let (across, down) = stage.framing.position;
    // The body is drawn down to the end of the design and no further.
    let lowest = bottom - DESIGN * scale;
    Framing {
        scale,
        origin: (
            width * (0.5 + across) - ANCHOR.0 * scale,
            (height * (at_height + down) - ANCHOR.1 * scale).max(lowest),
        ),
    }
}
