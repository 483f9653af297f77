//! Pictures at other sizes.

use crate::package::Rgb;

/// A source of pixels, clamped at its edges.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    pub data: &'a [u8],
}

impl<'a> Source<'a> {
    /// The pixels of a picture.
    pub fn of(picture: &'a Rgb) -> Self {
        Self {
            width: picture.width,
            height: picture.height,
            channels: Rgb::CHANNELS,
            data: &picture.data,
        }
    }
}

/// A picture cut to fill `width` x `height`, 3 bytes a pixel.
pub(crate) fn cover(picture: &Rgb, width: usize, height: usize) -> Vec<u8> {
    let (first, step) = covering((picture.width, picture.height), (width, height));
    resample(Source::of(picture), first, step, width, height)
}

/// Where the first pixel of a screen lies in a source that is cut to fill it,
/// and how far the next one is.
fn covering(source: (usize, usize), (width, height): (usize, usize)) -> ((f32, f32), f32) {
    let (wide, tall) = (source.0 as f32, source.1 as f32);
    let step = (wide / width as f32).min(tall / height as f32);
    let first = (
        (wide - step * width as f32) / 2.0 + 0.5 * step,
        (tall - step * height as f32) / 2.0 + 0.5 * step,
    );
    (first, step)
}

/// Cuts planes of one size to fill another, as [`cover`] does pictures; for many
/// of them.
pub(crate) struct Planes {
    stride: usize,
    columns: Vec<Tap>,
    rows: Vec<Tap>,
}

impl Planes {
    pub fn new(source: (usize, usize), size: (usize, usize)) -> Self {
        let (first, step) = covering(source, size);
        Self {
            stride: source.0,
            columns: taps(source.0, first.0, step, size.0),
            rows: taps(source.1, first.1, step, size.1),
        }
    }

    /// Scales a plane of the source's size.
    pub fn scale(&self, plane: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.columns.len() * self.rows.len());
        let mut line = vec![0.0_f32; self.stride];
        for row in &self.rows {
            // Whole rows first: these loops are the ones that vectorise.
            line.fill(0.0);
            for (&at, &share) in row.at.iter().zip(&row.share) {
                let source = &plane[at * self.stride..(at + 1) * self.stride];
                for (sum, &value) in line.iter_mut().zip(source) {
                    *sum += share * f32::from(value);
                }
            }
            out.extend(self.columns.iter().map(|column| {
                let parts = column.at.iter().zip(&column.share);
                let sum: f32 = parts.map(|(&at, &share)| share * line[at]).sum();
                sum.round().clamp(0.0, 255.0) as u8
            }));
        }
        out
    }
}

/// Resamples a source with a Catmull-Rom cubic that widens when it shrinks,
/// into `width` x `height` values of each channel. The middle of output pixel
/// (i, j) lies at source position `first` + (i, j) * `step`.
pub(crate) fn resample(
    source: Source<'_>,
    first: (f32, f32),
    step: f32,
    width: usize,
    height: usize,
) -> Vec<u8> {
    let channels = source.channels;
    let columns = taps(source.width, first.0, step, width);
    let rows = taps(source.height, first.1, step, height);
    // Only the rows that any output row asks for.
    let needed = rows.iter().flat_map(|tap| tap.at.iter().copied());
    let (low, high) = needed.fold((usize::MAX, 0), |(l, h), at| (l.min(at), h.max(at)));
    let mut wide = vec![0.0_f32; (high - low + 1) * width * channels];
    for (line, out) in wide.chunks_exact_mut(width * channels).enumerate() {
        let row = &source.data[(low + line) * source.width * channels..];
        for (tap, out) in columns.iter().zip(out.chunks_exact_mut(channels)) {
            for (&at, &share) in tap.at.iter().zip(&tap.share) {
                let pixel = &row[at * channels..(at + 1) * channels];
                for (sum, &value) in out.iter_mut().zip(pixel) {
                    *sum += share * f32::from(value);
                }
            }
        }
    }
    let mut sums = vec![0.0_f32; width * channels];
    let mut out = Vec::with_capacity(width * height * channels);
    for tap in &rows {
        sums.fill(0.0);
        for (&at, &share) in tap.at.iter().zip(&tap.share) {
            let line = &wide[(at - low) * width * channels..(at - low + 1) * width * channels];
            for (sum, value) in sums.iter_mut().zip(line) {
                *sum += share * value;
            }
        }
        out.extend(sums.iter().map(|v| v.round().clamp(0.0, 255.0) as u8));
    }
    out
}

/// The source pixels of one output row or column and their shares.
struct Tap {
    at: Vec<usize>,
    share: Vec<f32>,
}

fn taps(length: usize, first: f32, step: f32, count: usize) -> Vec<Tap> {
    let stretch = step.max(1.0);
    (0..count)
        .map(|i| {
            let middle = first + i as f32 * step - 0.5;
            let reach = 2.0 * stretch;
            let (low, high) = ((middle - reach).ceil(), (middle + reach).floor());
            let mut tap = Tap {
                at: Vec::new(),
                share: Vec::new(),
            };
            let mut total = 0.0;
            let mut at = low;
            while at <= high {
                let share = cubic((at - middle) / stretch);
                tap.at
                    .push((at.max(0.0) as usize).min(length.saturating_sub(1)));
                tap.share.push(share);
                total += share;
                at += 1.0;
            }
            for share in &mut tap.share {
                *share /= total;
            }
            tap
        })
        .collect()
}

/// Catmull-Rom.
fn cubic(x: f32) -> f32 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resampling_keeps_a_flat_picture_flat() {
        let data = [77_u8; 3 * 9 * 7];
        let source = Source {
            width: 9,
            height: 7,
            channels: 3,
            data: &data,
        };
        for step in [0.3, 1.0, 2.7] {
            let out = resample(source, (-3.0, -2.0), step, 6, 5);
            assert!(out.iter().all(|&v| v == 77));
        }
    }
}
