//! Names that the protocol asks for.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Makes names; the same seed gives the same ones.
#[derive(Debug)]
pub(crate) struct Ids(StdRng);

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// `PA_`, `TR_` or `RM_` and twelve letters and digits, as LiveKit's own
    /// server makes them.
    pub(crate) fn sid(&mut self, prefix: &str) -> String {
        let letters = (&mut self.0)
            .sample_iter(rand::distr::Alphanumeric)
            .take(12)
            .map(char::from);
        prefix.chars().chain(letters).collect()
    }

    /// A UUID of version 4 (RFC 9562 §5.4).
    pub(crate) fn uuid(&mut self) -> String {
        let bits: u128 = self.0.random();
        let bits = bits & !(0xf << 76) | (4 << 76);
        let bits = bits & !(0x3 << 62) | (2 << 62);
        let hex = format!("{bits:032x}");
        [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ]
        .join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_form() {
        let mut ids = Ids::new(1);
        let sid = ids.sid("PA_");
        assert!(sid.len() == 15 && sid.starts_with("PA_"), "{sid}");
        for _ in 0..100 {
            let uuid = ids.uuid();
            assert_eq!(uuid.len(), 36);
            assert_eq!(&uuid[14..15], "4", "{uuid}");
            assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        }
        assert_ne!(ids.sid("TR_"), ids.sid("TR_"));
    }
}
