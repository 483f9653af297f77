//! Bands of a spectrum, each a triangle over neighbouring bins. The scale that
//! places them (HTK's or Slaney's mel) and what is done with their sums differ
//! from network to network, and are theirs.

/// One triangle: its first bin and its weights from there, all above 0.
#[derive(Clone, Debug)]
pub struct Band {
    first: usize,
    /// At most 1, at the peak.
    pub weights: Vec<f32>,
}

impl Band {
    /// `count` triangles over the bins of a real transform of `length` samples
    /// taken at `rate` Hz. Triangle `i` rises from `edge(i)` to its peak at
    /// `edge(i + 1)` and falls to `edge(i + 2)`, Hz.
    pub fn bank(
        count: usize,
        edge: impl Fn(usize) -> f32,
        rate: f32,
        length: usize,
    ) -> impl Iterator<Item = Self> {
        let bins = length / 2 + 1;
        (0..count).map(move |band| {
            let (left, peak, right) = (edge(band), edge(band + 1), edge(band + 2));
            let weight = |bin: usize| {
                let hz = bin as f32 * rate / length as f32;
                ((hz - left) / (peak - left)).min((right - hz) / (right - peak))
            };
            let first = (0..bins).find(|&bin| weight(bin) > 0.0).unwrap_or(bins);
            let weights = (first..bins)
                .map(weight)
                .take_while(|&weight| weight > 0.0)
                .collect();
            Self { first, weights }
        })
    }

    /// Its part of a spectrum: each bin's value times its weight.
    pub fn sum<T>(&self, spectrum: &[T], value: impl Fn(&T) -> f32) -> f32 {
        spectrum[self.first..]
            .iter()
            .zip(&self.weights)
            .map(|(bin, weight)| value(bin) * weight)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triangles_rise_fall_and_overlap_to_one() {
        // Bins of 100 Hz, edges 400 Hz apart.
        let bank: Vec<_> = Band::bank(3, |i| 400.0 * i as f32, 3_200.0, 32).collect();
        assert_eq!(bank[0].first, 1);
        assert_eq!(bank[0].weights, [0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25]);
        // Between the first peak and the last, every bin counts once.
        for at in 4..=12 {
            let mut spectrum = [0.0_f32; 17];
            spectrum[at] = 3.0;
            let sum: f32 = bank.iter().map(|band| band.sum(&spectrum, |&v| v)).sum();
            assert!((sum - 3.0).abs() < 1e-6, "bin {at}: {sum}");
        }
    }

    #[test]
    fn a_triangle_beyond_the_spectrum_is_empty() {
        let bank: Vec<_> = Band::bank(1, |i| 9_000.0 + i as f32, 3_200.0, 32).collect();
        assert!(bank[0].weights.is_empty());
        assert_eq!(bank[0].sum(&[1.0_f32; 17], |&v| v), 0.0);
    }
}
