//! What makes one presenter different from another.

use super::brush::{Canvas, Tint};
use super::eyes::{BrowShape, EyeShape};
use super::mouth::LipShape;

/// Colours, proportions and painted parts of one presenter. Sizes are design
/// units: the portrait is drawn on a square of 512 with the middle of the face
/// at x = 256.
pub(super) struct Look {
    pub skin: Tint,
    pub skin_light: Tint,
    pub skin_shade: Tint,
    /// Darkest soft shadow on the skin.
    pub skin_deep: Tint,
    /// Fine lines on the skin: lid crease, nostrils.
    pub skin_line: Tint,
    pub blush: Tint,
    /// Tint of the upper lid.
    pub lid: Tint,
    pub lip: Tint,
    pub lip_light: Tint,
    pub lip_dark: Tint,
    pub lip_line: Tint,
    /// Opacity of the shine on the lower lip.
    pub lip_shine: f32,
    /// Opacity of the smile lines at rest.
    pub fold: f32,
    pub iris: Tint,
    pub iris_light: Tint,
    pub iris_dark: Tint,
    pub lash: Tint,
    pub hair_brow: Tint,
    /// Middle of the mouth at rest.
    pub mouth_at: (f32, f32),
    pub lips: LipShape,
    /// Distance from the middle of the face up to which the whole jaw goes down
    /// when the mouth opens, and from which nothing does: hair beside the face
    /// stays.
    pub jaw_reach: (f32, f32),
    pub eye: EyeShape,
    pub brow: BrowShape,
    /// Paints what is behind the person. It is scaled up, so no fine detail.
    pub backdrop: fn(&mut Canvas),
    /// Paints what does not move with the head: clothes, neck, hair behind.
    pub body: fn(&Look, &mut Canvas),
    /// Paints the head without eyes, brows and mouth.
    pub head: fn(&Look, &mut Canvas),
}
