//! A drawn stand-in for a talking head: textured background, an oval that
//! sways, a mouth that opens and closes, and the grain of a renderer.

use media::{MediaTime, Picture, Rect};

/// Draws picture number `n` into `picture`.
pub fn draw(picture: &mut Picture, n: usize) {
    let (width, height) = (picture.width(), picture.height());
    let t = n as f32 / 25.0;
    let sway = 0.015 * (t * 1.7).sin();
    let open = 0.02 + 0.05 * (t * 19.0).sin().abs();
    let mut grain = 0x2545_f491_u32.wrapping_mul(n as u32 + 1) | 1;
    for row in 0..height {
        let v = row as f32 / height as f32;
        for column in 0..width {
            let u = column as f32 / width as f32;
            let (x, y) = ((u - 0.5 - sway) / 0.24, (v - 0.48) / 0.36);
            let mut luma = 70.0 + 40.0 * u + 14.0 * (u * 61.0).sin() * (v * 47.0).cos();
            if x * x + y * y < 1.0 {
                luma = 175.0 - 45.0 * (x * x + y * y) + 5.0 * (x * 40.0).sin() * (y * 33.0).sin();
                let (mx, my) = ((u - 0.5 - sway) / 0.08, (v - 0.66) / open);
                if mx * mx + my * my < 1.0 {
                    luma = 45.0;
                }
                grain ^= grain << 13;
                grain ^= grain >> 17;
                grain ^= grain << 5;
                luma += (grain % 5) as f32 - 2.0;
            }
            picture.y[row * width + column] = luma.clamp(16.0, 235.0) as u8;
        }
    }
    let chroma = width / 2;
    for (i, (u, v)) in picture.u.iter_mut().zip(&mut picture.v).enumerate() {
        let (column, row) = (i % chroma, i / chroma);
        *u = 112 + (column * 12 / chroma) as u8;
        *v = 140 + (row * 10 / (height / 2)) as u8;
    }
    picture.at = MediaTime(n as i64 * media::FRAME);
    picture.changed = Rect {
        x: 0,
        y: 0,
        width,
        height,
    };
}
