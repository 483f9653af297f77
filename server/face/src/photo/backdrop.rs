//! What is behind the person, as large as the screen.

use super::texture::{Pixel, Placement, Texture, pixel};
use crate::package::{Portrait, Rgb};
use crate::resample::cover;
use crate::scene::Behind;

/// Side of the grid in which the portrait's own background is made up where the
/// person covers it or the picture ends, cells. Soft, as backdrops are.
const GRID: usize = 48;

/// An opaque picture; `None` if nothing is drawn behind the person.
pub(super) fn paint(behind: &Behind, own: &Texture, size: (usize, usize)) -> Option<Vec<Pixel>> {
    let middles =
        (0..size.0 * size.1).map(|i| [(i % size.0) as f32 + 0.5, (i / size.0) as f32 + 0.5]);
    match behind {
        Behind::Own => Some(middles.map(|at| own.sample(at)).collect()),
        Behind::Colour(rgb) => Some(vec![pixel(*rgb, 255); size.0 * size.1]),
        Behind::Image(image) => Some(filling(image, size)),
        Behind::Open => None,
    }
}

/// A picture cut to fill the screen.
fn filling(picture: &Rgb, (width, height): (usize, usize)) -> Vec<Pixel> {
    let bytes = cover(picture, width, height);
    let (colours, _) = bytes.as_chunks::<3>();
    colours.iter().map(|&rgb| pixel(rgb, 255)).collect()
}

/// The portrait's own background without the person, continued beyond the
/// picture, over the screen: known cells of a coarse grid spread into the unknown
/// ones.
pub(super) fn own(portrait: &Portrait, placement: Placement, size: (usize, usize)) -> Texture {
    let picture = &portrait.picture;
    let cell = (size.0.max(size.1) as f32 / GRID as f32).max(1.0);
    let (columns, rows) = (
        (size.0 as f32 / cell).ceil() as usize + 1,
        (size.1 as f32 / cell).ceil() as usize + 1,
    );
    let mut grid = vec![None; columns * rows];
    for (i, known) in grid.iter_mut().enumerate() {
        let at = [(i % columns) as f32 * cell, (i / columns) as f32 * cell];
        let x = placement.from.0 + at[0] * placement.step;
        let y = placement.from.1 + at[1] * placement.step;
        *known = mean_background(portrait, (x, y), 0.5 * cell * placement.step);
    }
    if grid.iter().all(Option::is_none) {
        let rgb = [picture.data[0], picture.data[1], picture.data[2]];
        grid.fill(Some(rgb.map(f32::from)));
    }
    while grid.contains(&None) {
        let before = grid.clone();
        for i in 0..grid.len() {
            if before[i].is_none() {
                grid[i] = neighbours(&before, i, columns);
            }
        }
    }
    for _ in 0..2 {
        let before = grid.clone();
        for (i, value) in grid.iter_mut().enumerate() {
            *value = neighbours(&before, i, columns);
        }
    }
    let mut texture = Texture::blank(
        (
            -0.5 * cell,
            -0.5 * cell,
            (columns as f32 - 0.5) * cell,
            (rows as f32 - 0.5) * cell,
        ),
        1.0 / cell,
    );
    for y in 0..texture.height.min(rows) {
        for x in 0..texture.width.min(columns) {
            if let Some(rgb) = grid[y * columns + x] {
                texture.texels[y * texture.width + x] = pixel(rgb.map(|v| v as u8), 255);
            }
        }
    }
    texture
}

/// The mean colour of a part of the picture that is surely background.
fn mean_background(portrait: &Portrait, (x, y): (f32, f32), reach: f32) -> Option<[f32; 3]> {
    let picture = &portrait.picture;
    let mut sum = [0.0; 3];
    let mut count = 0.0;
    for dy in -3..=3 {
        for dx in -3..=3 {
            let (px, py) = (x + reach * dx as f32 / 3.0, y + reach * dy as f32 / 3.0);
            if px < 0.0 || py < 0.0 || px >= picture.width as f32 || py >= picture.height as f32 {
                continue;
            }
            let at = py as usize * picture.width + px as usize;
            let person = portrait.person.as_ref().map_or(0, |p| p.data[at]);
            if person < 8 {
                for (s, &v) in sum.iter_mut().zip(&picture.data[at * 3..at * 3 + 3]) {
                    *s += f32::from(v);
                }
                count += 1.0;
            }
        }
    }
    // A few pixels beside the person may still be the person's.
    (count >= 10.0).then(|| sum.map(|s| s / count))
}

fn neighbours(grid: &[Option<[f32; 3]>], at: usize, columns: usize) -> Option<[f32; 3]> {
    let (x, y) = ((at % columns) as isize, (at / columns) as isize);
    let rows = (grid.len() / columns) as isize;
    let mut sum = [0.0; 3];
    let mut count = 0.0;
    for dy in -1..=1 {
        for dx in -1..=1 {
            let (nx, ny) = (x + dx, y + dy);
            if nx < 0 || ny < 0 || nx >= columns as isize || ny >= rows {
                continue;
            }
            if let Some(rgb) = grid[ny as usize * columns + nx as usize] {
                for (s, v) in sum.iter_mut().zip(rgb) {
                    *s += v;
                }
                count += 1.0;
            }
        }
    }
    (count > 0.0).then(|| sum.map(|s| s / count))
}
