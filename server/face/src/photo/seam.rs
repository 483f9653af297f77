//! The line between closed lips.
//!
//! Landmarks of closed lips lie up to two millimetres beside the line that the
//! picture shows. The mesh is cut there, so the landmarks are moved onto it.

use super::points::{LOWER_LIP, UPPER_LIP};
use super::texture::{Texture, parts};

/// Landmarks farther apart than this are those of an open mouth, millimetres.
const OPEN: f32 = 2.8;
/// How far from the middle between the landmarks the line is looked for,
/// millimetres beyond half their distance.
const SEARCH: f32 = 0.8;
/// Luma that a line a millimetre away must be darker by.
const PULL: f32 = 5.0;

/// Moves the edges of both lips onto the darkest line between them, and says
/// whether the lips are closed. `scale` is pixels of a millimetre.
pub(super) fn snap(rest: &mut [[f32; 3]], picture: &Texture, scale: f32) -> bool {
    let gap =
        |k: usize, rest: &[[f32; 3]]| (rest[LOWER_LIP[3][k]][1] - rest[UPPER_LIP[3][k]][1]) / scale;
    if (4..=6).map(|k| gap(k, rest)).sum::<f32>() / 3.0 > OPEN {
        return false;
    }
    let mut line = [0.0; 11];
    for (k, y) in line.iter_mut().enumerate() {
        let (up, low) = (rest[UPPER_LIP[3][k]], rest[LOWER_LIP[3][k]]);
        let middle = [f32::midpoint(up[0], low[0]), f32::midpoint(up[1], low[1])];
        *y = middle[1];
        if !(1..10).contains(&k) {
            continue;
        }
        let reach = 0.5 * gap(k, rest).abs() + SEARCH;
        let mut darkest = f32::INFINITY;
        for step in -24..=24 {
            let away = reach * step as f32 / 24.0;
            let at = [middle[0], middle[1] + away * scale];
            let [r, g, b, _] = parts(picture.sample(at)).map(f32::from);
            let dark = 0.3 * r + 0.59 * g + 0.11 * b + PULL * away * away;
            if dark < darkest {
                darkest = dark;
                *y = at[1];
            }
        }
    }
    for k in 1..10 {
        let smooth = 0.25 * line[k - 1] + 0.5 * line[k] + 0.25 * line[k + 1];
        // Not beyond the rows outside the edges.
        let (high, low) = (rest[UPPER_LIP[2][k]][1], rest[LOWER_LIP[2][k]][1]);
        let y = if high < low {
            smooth.clamp(high, low)
        } else {
            f32::midpoint(high, low)
        };
        let x = f32::midpoint(rest[UPPER_LIP[3][k]][0], rest[LOWER_LIP[3][k]][0]);
        for row in [UPPER_LIP[3][k], LOWER_LIP[3][k]] {
            rest[row][0] = x;
            rest[row][1] = y;
        }
    }
    true
}
