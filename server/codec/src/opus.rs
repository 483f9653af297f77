//! Opus (RFC 6716), mono at 48 kHz, 20 ms frames.

use bytes::Bytes;
use media::HOP;
use media::seam::{AudioEncoder, EncodeError};

use crate::Error;

/// What the encoder is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Target rate, bit/s, 6 000..=256 000. Default 48 000: speech is
    /// transparent there. The rate hardly changes the cost.
    pub bitrate: u32,
    /// Search effort, 0..=10. Default 5: half the CPU time of 10, no
    /// difference that can be heard in speech.
    pub complexity: u8,
    /// Whether each packet carries a coarse copy of the one before it (in-band
    /// FEC, RFC 6716 §2.1.7). Default off: it costs a fifth of the rate and
    /// loss is repaired by retransmission first.
    pub fec: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bitrate: 48_000,
            complexity: 5,
            fec: false,
        }
    }
}

/// Packet loss the encoder should expect when FEC is on, percent. Without a
/// figure above zero libopus sends no FEC data at all.
const EXPECTED_LOSS: i32 = 10;

/// Largest packet that a 20 ms frame can need, bytes (RFC 6716 §3.2.1).
const LARGEST_PACKET: usize = 1_275;

/// Sound to Opus packets, one stream.
///
/// Discontinuous transmission is off: silence is sound too, and a gap would
/// take the clock away from the pictures.
pub struct Encoder {
    inner: ::opus::Encoder,
    pre_skip: u16,
    packet: [u8; LARGEST_PACKET],
}

impl Encoder {
    /// Makes an encoder.
    ///
    /// # Errors
    /// [`Error::Setting`] outside the documented ranges, [`Error::Opus`] when
    /// the library refuses.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        if !(6_000..=256_000).contains(&settings.bitrate) {
            return Err(Error::Setting {
                what: "the Opus bit rate",
                range: "6000..=256000 bit/s",
                got: u64::from(settings.bitrate),
            });
        }
        if settings.complexity > 10 {
            return Err(Error::Setting {
                what: "the Opus complexity",
                range: "0..=10",
                got: u64::from(settings.complexity),
            });
        }
        let mut inner = ::opus::Encoder::new(
            media::CLOCK_HZ as u32,
            ::opus::Channels::Mono,
            ::opus::Application::Audio,
        )?;
        inner.set_bitrate(::opus::Bitrate::Bits(settings.bitrate as i32))?;
        inner.set_complexity(i32::from(settings.complexity))?;
        // No hint that the sound is speech: it would bring in the linear
        // prediction layer, at six times the cost and for nothing at this rate.
        inner.set_dtx(false)?;
        inner.set_inband_fec(settings.fec)?;
        if settings.fec {
            inner.set_packet_loss_perc(EXPECTED_LOSS)?;
        }
        let pre_skip = inner.get_lookahead()?.clamp(0, i32::from(u16::MAX)) as u16;
        Ok(Self {
            inner,
            pre_skip,
            packet: [0; LARGEST_PACKET],
        })
    }
}

impl AudioEncoder for Encoder {
    fn encode(&mut self, sound: &[f32; HOP]) -> Result<Bytes, EncodeError> {
        let length = self
            .inner
            .encode_float(sound, &mut self.packet)
            .map_err(Error::from)?;
        Ok(Bytes::copy_from_slice(&self.packet[..length]))
    }

    fn pre_skip(&self) -> u16 {
        self.pre_skip
    }
}

/// Opus packets to sound, one stream.
pub struct Decoder {
    inner: ::opus::Decoder,
}

/// Longest frame a packet may hold, samples (120 ms, RFC 6716 §2.1.4).
const LONGEST_PACKET: usize = 5_760;

impl Decoder {
    /// Makes a decoder for mono sound at 48 kHz.
    ///
    /// # Errors
    /// [`Error::Opus`] when the library refuses.
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            inner: ::opus::Decoder::new(media::CLOCK_HZ as u32, ::opus::Channels::Mono)?,
        })
    }

    /// Decodes one packet and appends its samples, -1..=1, to `sound`. An
    /// empty packet stands for a lost one and is concealed.
    ///
    /// # Errors
    /// [`Error::Opus`] when the packet is damaged.
    pub fn decode(&mut self, packet: &[u8], sound: &mut Vec<f32>) -> Result<(), Error> {
        let start = sound.len();
        let room = if packet.is_empty() {
            HOP
        } else {
            LONGEST_PACKET
        };
        sound.resize(start + room, 0.0);
        let result = self.inner.decode_float(packet, &mut sound[start..], false);
        sound.truncate(start + *result.as_ref().unwrap_or(&0));
        result?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hops: usize) -> Vec<[f32; HOP]> {
        (0..hops)
            .map(|hop| {
                std::array::from_fn(|i| {
                    let t = (hop * HOP + i) as f32 / 48_000.0;
                    0.4 * (std::f32::consts::TAU * 440.0 * t).sin()
                })
            })
            .collect()
    }

    #[test]
    fn sound_comes_back_after_exactly_the_pre_skip() {
        let mut encoder = Encoder::new(Settings::default()).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut heard = Vec::new();
        let said: Vec<f32> = tone(50).into_iter().flatten().collect();
        for hop in tone(50) {
            decoder
                .decode(&encoder.encode(&hop).unwrap(), &mut heard)
                .unwrap();
        }
        assert_eq!(heard.len(), said.len());
        let skip = usize::from(encoder.pre_skip());
        let likeness = |lag: usize| -> f32 {
            (9_600..38_400)
                .map(|i| said[i] * heard[i + lag])
                .sum::<f32>()
        };
        let best = (0..700)
            .max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)))
            .unwrap();
        // A tone repeats every 109 samples; the pre-skip must be one of its peaks.
        assert!(
            likeness(skip) > 0.98 * likeness(best),
            "pre-skip {skip}, best lag {best}"
        );
        assert_eq!(skip, 312, "6.5 ms, as RFC 7845 expects of libopus");
    }

    #[test]
    fn equal_sound_gives_equal_packets_near_the_target_rate() {
        let run = || -> Vec<Bytes> {
            let mut encoder = Encoder::new(Settings::default()).unwrap();
            tone(100)
                .iter()
                .map(|hop| encoder.encode(hop).unwrap())
                .collect()
        };
        let (first, second) = (run(), run());
        assert_eq!(first, second);
        let bits: usize = first.iter().map(|p| p.len() * 8).sum();
        assert!((60_000..140_000).contains(&bits), "{bits} bits in 2 s");
    }

    #[test]
    fn silence_is_sent_and_hostile_samples_do_no_harm() {
        let mut encoder = Encoder::new(Settings {
            fec: true,
            ..Settings::default()
        })
        .unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut heard = Vec::new();
        for value in [0.0, 1e9, -1e9, 0.0] {
            let packet = encoder.encode(&[value; HOP]).unwrap();
            assert!(!packet.is_empty());
            decoder.decode(&packet, &mut heard).unwrap();
        }
        assert_eq!(heard.len(), 4 * HOP);
        assert!(heard.iter().all(|v| v.is_finite()));
        assert!(decoder.decode(&[0xff; 3], &mut heard).is_err());
        assert_eq!(heard.len(), 4 * HOP, "nothing is added for a bad packet");
    }

    #[test]
    fn redundancy_is_there_when_asked_for() {
        // Only the linear prediction layer can carry it; the packet's first
        // byte says which layers there are (RFC 6716 §3.1, table 2).
        for (fec, layer) in [(false, 16..32), (true, 0..16)] {
            let mut encoder = Encoder::new(Settings {
                fec,
                ..Settings::default()
            })
            .unwrap();
            for hop in tone(20) {
                let packet = encoder.encode(&hop).unwrap();
                assert!(layer.contains(&(packet[0] >> 3)), "fec {fec}");
            }
        }
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        for settings in [
            Settings {
                bitrate: 5_999,
                ..Settings::default()
            },
            Settings {
                complexity: 11,
                ..Settings::default()
            },
        ] {
            assert!(matches!(Encoder::new(settings), Err(Error::Setting { .. })));
        }
    }
}
