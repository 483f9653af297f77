//! Reading H.264 byte streams (ITU-T H.264 Annex B): finding NAL units, and the
//! bits of their headers.

use std::ops::Range;

/// Types of NAL units, ITU-T H.264 table 7-1.
pub mod kind {
    /// A slice of a picture that is no key frame.
    pub const SLICE: u8 = 1;
    /// A slice of a key frame.
    pub const SLICE_IDR: u8 = 5;
    /// Sequence parameter set.
    pub const SPS: u8 = 7;
    /// Picture parameter set.
    pub const PPS: u8 = 8;
}

/// The type of a NAL unit that is not empty, see [`kind`].
#[must_use]
pub const fn kind_of(unit: &[u8]) -> u8 {
    unit[0] & 0x1f
}

/// Reads the bits of a NAL unit whose emulation prevention bytes were taken out
/// by [`unescape`]. `None` means that the data has ended.
pub struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Begins at the first bit.
    #[must_use]
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// Position in bits.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.at
    }

    /// The next `count` bits, at most 32, as a number.
    pub fn bits(&mut self, count: usize) -> Option<u32> {
        debug_assert!(count <= 32);
        (0..count).try_fold(0, |value, _| {
            let byte = *self.data.get(self.at / 8)?;
            let bit = byte >> (7 - self.at % 8) & 1;
            self.at += 1;
            Some(value << 1 | u32::from(bit))
        })
    }

    /// The next bit.
    pub fn flag(&mut self) -> Option<bool> {
        self.bits(1).map(|bit| bit == 1)
    }

    /// An unsigned Exp-Golomb code, ue(v) of §9.1, below 2^31 - 1.
    pub fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 30 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.bits(zeros)?)
    }

    /// A signed Exp-Golomb code, se(v) of §9.1.1.
    pub fn se(&mut self) -> Option<i32> {
        let code = self.ue()? as i32;
        Some(if code % 2 == 1 {
            code / 2 + 1
        } else {
            -(code / 2)
        })
    }
}

/// A NAL unit without its emulation prevention bytes (§7.4.1.1).
#[must_use]
pub fn unescape(unit: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for &byte in unit {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

/// Where the NAL units of an Annex B byte stream lie, without start codes and
/// trailing zeros. None of them is empty.
#[must_use]
pub fn units(stream: &[u8]) -> Vec<Range<usize>> {
    let mut starts = Vec::new();
    let mut i = 0;
    while i + 3 <= stream.len() {
        if stream[i + 2] > 1 {
            // Neither of the next two positions can begin a start code.
            i += 3;
        } else if stream[i..i + 3] == [0, 0, 1] {
            starts.push(i + 3);
            i += 3;
        } else {
            i += 1;
        }
    }
    let ends = starts
        .iter()
        .skip(1)
        .map(|start| start - 3)
        .chain(std::iter::once(stream.len()));
    starts
        .iter()
        .zip(ends)
        .map(|(&start, mut end)| {
            while end > start && stream[end - 1] == 0 {
                end -= 1;
            }
            start..end
        })
        .filter(|range| !range.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_table_9_2_and_9_3_say() {
        // 1 | 010 | 011 | 00100 | 00101 | 0001000: ue 0, 1, 2, 3, 4, 7.
        let data = [0b1010_0110, 0b0100_0010, 0b1000_1000];
        let mut reader = Reader::new(&data);
        for value in [0, 1, 2, 3, 4, 7] {
            assert_eq!(reader.ue(), Some(value));
        }
        assert_eq!(reader.position(), 24);
        assert_eq!(reader.flag(), None);
        let mut reader = Reader::new(&data);
        for value in [0, 1, -1, 2, -2, 4] {
            assert_eq!(reader.se(), Some(value));
        }
        assert_eq!(Reader::new(&[0; 5]).ue(), None, "a code that never ends");
        assert_eq!(Reader::new(&[]).ue(), None);
        assert_eq!(Reader::new(&[0xa5, 0x0f]).bits(12), Some(0xa50));
    }

    #[test]
    fn emulation_prevention_is_undone() {
        assert_eq!(
            unescape(&[0x65, 0, 0, 3, 0, 0, 3, 1]),
            [0x65, 0, 0, 0, 0, 1]
        );
        assert_eq!(
            unescape(&[0x41, 3, 0, 3, 0, 0, 4]),
            [0x41, 3, 0, 3, 0, 0, 4]
        );
    }

    #[test]
    fn units_are_found_behind_both_start_codes() {
        let stream = [
            0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x68, 8, 0, 0, 0, 1, 0x65, 7, 0, 0, 6,
        ];
        assert_eq!(units(&stream), vec![4..6, 9..11, 15..20]);
        assert!(units(&[0, 0]).is_empty());
        assert!(units(&[0, 0, 1]).is_empty());
    }
}
