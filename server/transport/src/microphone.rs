//! The far side's sound on its way to whoever listens.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::doorbell::lock;
use crate::viewer::Slot;

/// Packets that wait: two seconds. A session takes them every 20 ms; if it
/// does not, it is the newest sound that counts.
const BOUND: usize = 100;

/// One Opus packet (RFC 6716) of the far side, mostly 20 ms of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// RTP time at 48 kHz, extended to 64 bits (RFC 7587 §4.1). Counts from a
    /// random origin.
    pub time: u64,
    /// Whether no packet is missing before this one.
    pub contiguous: bool,
    /// The payload.
    pub data: Bytes,
}

/// Packets in the order in which they were sent.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    packets: VecDeque<Sound>,
    wanted: bool,
}

impl Queue {
    pub(crate) fn push(&mut self, mut sound: Sound) {
        if !self.wanted {
            return;
        }
        if self.packets.len() == BOUND {
            self.packets.pop_front();
            match self.packets.front_mut() {
                Some(next) => next.contiguous = false,
                None => sound.contiguous = false,
            }
        }
        self.packets.push_back(sound);
    }
}

/// Gives the far side's sound.
#[derive(Debug)]
pub struct Microphone {
    slot: Arc<Mutex<Slot>>,
}

impl Microphone {
    pub(crate) fn new(slot: Arc<Mutex<Slot>>) -> Self {
        lock(&slot).sound.wanted = true;
        Self { slot }
    }

    /// Everything that came since the last call, in order.
    pub fn take(&mut self) -> impl Iterator<Item = Sound> + use<> {
        std::mem::take(&mut lock(&self.slot).sound.packets).into_iter()
    }

    /// Whether more may come.
    pub fn is_open(&self) -> bool {
        lock(&self.slot).is_open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_sound_is_kept_and_the_gap_marked() {
        let slot = Arc::new(Mutex::new(Slot::default()));
        let sound = |time| Sound {
            time,
            contiguous: true,
            data: Bytes::new(),
        };
        lock(&slot).sound.push(sound(0));
        let mut microphone = Microphone::new(slot.clone());
        assert_eq!(microphone.take().count(), 0);
        for time in 0..=BOUND as u64 {
            lock(&slot).sound.push(sound(time));
        }
        let got: Vec<Sound> = microphone.take().collect();
        assert_eq!(got.len(), BOUND);
        assert_eq!((got[0].time, got[0].contiguous), (1, false));
        assert!(got[1..].iter().all(|s| s.contiguous));
    }
}
