//! Gaussian noise that is the same on every run.

/// A generator of normally distributed numbers, seeded by a text.
pub(crate) struct Noise {
    state: u64,
    spare: Option<f32>,
}

impl Noise {
    /// The generator of this text (FNV-1a, 64 bit).
    pub fn of(text: &str) -> Self {
        const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        Self {
            state: text.bytes().fold(BASIS, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(PRIME)
            }),
            spare: None,
        }
    }

    /// `count` numbers of mean 0 and variance 1.
    pub fn take(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // Box & Muller 1958. The first factor is never log 0.
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sine, cosine) = (std::f32::consts::TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }

    /// In `0..1`, of `SplitMix64` (Steele, Lea & Flood 2014).
    fn uniform(&mut self) -> f32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits >> 40) as f32 / (1_u32 << 24) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_normal_and_its_text_decides_it() {
        let noise = Noise::of("a").take(100_001);
        let mean = noise.iter().sum::<f32>() / noise.len() as f32;
        let power = noise.iter().map(|x| x * x).sum::<f32>() / noise.len() as f32;
        assert!(
            mean.abs() < 0.01 && (power - 1.0).abs() < 0.02,
            "{mean} {power}"
        );
        assert!(noise.iter().all(|x| x.is_finite() && x.abs() < 7.0));
        assert_eq!(noise[..9], Noise::of("a").take(9));
        assert_ne!(noise[..9], Noise::of("b").take(9));
    }
}
