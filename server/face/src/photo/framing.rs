//! Where a portrait lies on the screen.

use super::points::{CHIN, FOREHEAD, LEFT_EAR, RIGHT_EAR};
use super::texture::Placement;
use crate::package::Portrait;
use crate::scene::{Shot, Stage};

/// The crown is this far over the forehead's upper landmark, of the distance
/// from there to the chin.
const CROWN: f32 = 0.33;
/// How large a shot shows the head, and where.
struct Size {
    /// Head height, of the window's height, and at most of its width.
    head: (f32, f32),
    /// Air over the crown, of the window's height.
    air: f32,
}

/// On a screen this much wider than high there is room for the shoulders.
const WIDE: f32 = 1.2;
const NORMAL_WIDE: Size = Size {
    head: (0.42, 0.6),
    air: 0.13,
};
const NORMAL: Size = Size {
    head: (0.48, 0.66),
    air: 0.1,
};
const CLOSE_UP: Size = Size {
    head: (0.66, 0.78),
    air: 0.09,
};
/// Less high than a close-up: the corners of the window are cut off.
const CIRCLE: Size = Size {
    head: (0.62, 0.62),
    air: 0.12,
};
/// A close-up is at least this much nearer than the normal shot, which may be
/// near already where the body must reach the lower edge of a tall screen.
const NEARER: f32 = 1.2;
/// A person that covers this much of an edge of the picture is cut by it.
const CUT: f32 = 0.03;

/// Where a portrait is, and whether there is screen that it does not reach.
pub(super) struct Framed {
    pub placement: Placement,
    pub beyond: bool,
    /// Whether the person goes on beyond the picture's left and right.
    pub sides_cut: bool,
}

/// The part of the screen that is filled: all of it, or the square around a
/// circle.
struct Window {
    left: f32,
    top: f32,
    width: f32,
    height: f32,
}

impl Window {
    fn of(stage: &Stage) -> Self {
        let (width, height) = (stage.size.0 as f32, stage.size.1 as f32);
        let side = width.min(height);
        match stage.framing.shot {
            Shot::Normal | Shot::CloseUp => Self {
                left: 0.0,
                top: 0.0,
                width,
                height,
            },
            Shot::Circle => Self {
                left: (width - side) / 2.0,
                top: (height - side) / 2.0,
                width: side,
                height: side,
            },
        }
    }
}

/// Places a portrait. With `free`, what is behind the person can be made up,
/// so the person need not be cut where the picture ends.
pub(super) fn frame(portrait: &Portrait, stage: &Stage, free: bool) -> Framed {
    let (width, height) = (stage.size.0 as f32, stage.size.1 as f32);
    let window = Window::of(stage);
    let picture = &portrait.picture;
    let (wide, tall) = (picture.width as f32, picture.height as f32);
    let points = &portrait.landmarks;
    let chin = points[CHIN][1];
    let crown = points[FOREHEAD][1] - CROWN * (chin - points[FOREHEAD][1]);
    let middle = f32::midpoint(points[RIGHT_EAR][0], points[LEFT_EAR][0]);
    let sides_cut = !free || touches_sides(portrait);
    let scale = |size: &Size| {
        let head = (size.head.0 * window.height).min(size.head.1 * window.width);
        // The body must reach the lower edge: one that is made smaller than this
        // stands lower.
        let reach = (1.0 - size.air) * window.height / (tall - crown);
        let mut scale = (head / (chin - crown)).max(reach) * stage.framing.scale;
        // The picture must reach the other edges unless more can be made up.
        if sides_cut {
            scale = scale.max(window.width / wide);
        }
        if !free {
            scale = scale.max(window.height / tall);
        }
        scale
    };
    let normal = if width > WIDE * height {
        &NORMAL_WIDE
    } else {
        &NORMAL
    };
    let (scale, air) = match stage.framing.shot {
        Shot::Normal => (scale(normal), normal.air),
        Shot::CloseUp => {
            let near = scale(&CLOSE_UP).max(NEARER * scale(normal));
            (near, CLOSE_UP.air)
        }
        Shot::Circle => (scale(&CIRCLE), CIRCLE.air),
    };
    let step = 1.0 / scale;
    let (across, down) = stage.framing.position;
    let mut x = middle - (0.5 + across) * width * step;
    let mut y = crown - (window.top + air * window.height + down * height) * step;
    let (right, bottom) = (window.left + window.width, window.top + window.height);
    // Where the window's left and top may be.
    let (first, furthest) = (-window.left * step, wide - right * step);
    if sides_cut {
        x = x.clamp(first, furthest.max(first));
    }
    let (first, lowest) = (-window.top * step, tall - bottom * step);
    y = if free {
        y.min(lowest)
    } else {
        y.clamp(first, lowest.max(first))
    };
    // Half a pixel is no edge.
    let slack = 0.51;
    let beyond = x + window.left * step < -slack
        || y + window.top * step < -slack
        || x + right * step > wide + slack
        || y + bottom * step > tall + slack;
    Framed {
        placement: Placement { step, from: (x, y) },
        beyond,
        sides_cut,
    }
}

/// Whether the person is cut by the left or right edge of the picture.
fn touches_sides(portrait: &Portrait) -> bool {
    let Some(person) = &portrait.person else {
        return true;
    };
    let covered = |column: usize| {
        let rows = person.data.iter().skip(column).step_by(person.width);
        let inside = rows.filter(|&&alpha| alpha > 127).count();
        inside as f32 > CUT * person.height as f32
    };
    covered(0) || covered(person.width - 1)
}
