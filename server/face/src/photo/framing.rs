//! Where a portrait lies on the screen.

use super::points::{CHIN, FOREHEAD, LEFT_EAR, RIGHT_EAR};
use super::texture::Placement;
use crate::package::Portrait;
use crate::scene::{Scene, Shot};

/// The crown is this far over the forehead's upper landmark, of the distance
/// from there to the chin.
const CROWN: f32 = 0.33;
/// How large a shot shows the head, and where.
struct Size {
    /// Head height, of the screen's height, and at most of its width.
    head: (f32, f32),
    /// Air over the crown, of the screen's height.
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
/// A person that covers this much of an edge of the picture is cut by it.
const CUT: f32 = 0.03;

/// Where a portrait is, and whether there is screen that it does not reach.
pub(super) struct Framed {
    pub placement: Placement,
    pub beyond: bool,
}

/// Places a portrait. With `free`, what is behind the person can be made up,
/// so the person need not be cut where the picture ends.
pub(super) fn frame(portrait: &Portrait, scene: &Scene, free: bool) -> Framed {
    let (width, height) = (scene.width as f32, scene.height as f32);
    let picture = &portrait.picture;
    let (wide, tall) = (picture.width as f32, picture.height as f32);
    let points = &portrait.landmarks;
    let chin = points[CHIN][1];
    let crown = points[FOREHEAD][1] - CROWN * (chin - points[FOREHEAD][1]);
    let middle = f32::midpoint(points[RIGHT_EAR][0], points[LEFT_EAR][0]);
    let Size {
        head: (of_height, of_width),
        air,
    } = match scene.framing.shot {
        Shot::Normal if width > WIDE * height => NORMAL_WIDE,
        Shot::Normal => NORMAL,
        Shot::CloseUp | Shot::Circle => CLOSE_UP,
    };
    let head = (of_height * height).min(of_width * width);
    let mut scale = head / (chin - crown) * scene.framing.scale;
    // The body must reach the lower edge, and the picture the others unless
    // more of them can be made up.
    let below = tall - crown;
    scale = scale.max((height - air * height) / below);
    let sides_cut = !free || touches_sides(portrait);
    if sides_cut {
        scale = scale.max(width / wide);
    }
    if !free {
        scale = scale.max(height / tall);
    }
    let step = 1.0 / scale;
    let (across, down) = scene.framing.position;
    let mut x = middle - (0.5 + across) * width * step;
    let mut y = crown - (air + down) * height * step;
    if sides_cut {
        x = x.clamp(0.0, (wide - width * step).max(0.0));
    }
    let lowest = tall - height * step;
    y = if free {
        y.min(lowest)
    } else {
        y.clamp(0.0, lowest.max(0.0))
    };
    // Half a pixel is no edge.
    let slack = 0.51;
    let beyond = x < -slack
        || y < -slack
        || x + width * step > wide + slack
        || y + height * step > tall + slack;
    Framed {
        placement: Placement { step, from: (x, y) },
        beyond,
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
