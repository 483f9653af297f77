//! The person against the background: `MediaPipe`'s selfie segmentation at
//! 256 × 256, brought to the full size along the edges of the picture.

use crate::analyser::Error;
use crate::guided::{Filter, Plane};
use crate::image::{Edge, Mask, Pyramid, Square};
use crate::network::Network;

/// Side of the view.
const SIDE: usize = 256;

pub(crate) struct Outline {
    network: Network,
}

impl Outline {
    pub fn load(tflite: &[u8]) -> Result<Self, Error> {
        let side = SIDE as i64;
        let shape = [1, side, side, 3];
        Ok(Self {
            network: Network::from_tflite("person outline", tflite, &shape, &[SIDE * SIDE])?,
        })
    }

    pub fn find(&mut self, pyramid: &Pyramid<'_>) -> Result<Mask, Error> {
        // The network was trained on pictures squeezed to a square; a square
        // with black beside the picture keeps shapes as they are instead, and
        // is as good.
        let square = Square::around(pyramid.full());
        let view = pyramid.view(square, SIDE, Edge::Repeat, 1.0, 0.0);
        let out = self.network.run(&view)?;
        let coarse = out.first().ok_or(Error::Shape("person outline"))?;
        Ok(refine(pyramid, coarse))
    }
}

/// Longest side of the copy in which the edge is sought.
const FINE: usize = 768;

/// Brings the mask of the square around the picture to the picture.
fn refine(pyramid: &Pyramid<'_>, coarse: &[f32]) -> Mask {
    let full = pyramid.full();
    let square = Square::around(full);
    let coarse = Plane {
        width: SIDE,
        height: SIDE,
        values: coarse.to_vec(),
    };
    let (copy, divisor) = pyramid.at_most(FINE);
    let corner = square.to_image([0.0, 0.0]);
    let scale = SIDE as f32 / square.size;
    let mask = Plane::new(copy.width(), copy.height(), |x, y| {
        let [x, y] = [x, y].map(|at| (at as f32 + 0.5) * divisor);
        coarse.at((x - corner[0]) * scale, (y - corner[1]) * scale)
    });
    let guide = [0, 1, 2].map(|channel: usize| {
        Plane::new(copy.width(), copy.height(), |x, y| {
            f32::from(copy.clamped(x as i64, y as i64)[channel]) / 255.0
        })
    });
    let filter = Filter::fit(&guide, &mask);
    let (width, height) = (full.width(), full.height());
    let mut alpha = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            let colour = full
                .clamped(x as i64, y as i64)
                .map(|value| f32::from(value) / 255.0);
            let place = [x, y].map(|at| (at as f32 + 0.5) / divisor);
            alpha.push(decided(filter.apply(place[0], place[1], colour)));
        }
    }
    Mask {
        width,
        height,
        alpha,
    }
}

/// 0..=255 of a fitted mask, which never quite reaches either end.
fn decided(value: f32) -> u8 {
    const LOW: f32 = 0.08;
    const HIGH: f32 = 0.92;
    (((value - LOW) / (HIGH - LOW)).clamp(0.0, 1.0) * 255.0).round() as u8
}
