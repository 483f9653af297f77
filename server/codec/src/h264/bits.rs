//! Bits of H.264 headers: Exp-Golomb codes (ITU-T H.264 §9.1), emulation
//! prevention (§7.4.1.1) and Annex B byte streams.

use std::ops::Range;

/// Reads a payload whose emulation prevention bytes were taken out.
pub struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// Position in bits.
    pub const fn position(&self) -> usize {
        self.at
    }

    pub fn bits(&mut self, count: usize) -> Option<u32> {
        debug_assert!(count <= 32);
        (0..count).try_fold(0, |value, _| {
            let byte = *self.data.get(self.at / 8)?;
            let bit = byte >> (7 - self.at % 8) & 1;
            self.at += 1;
            Some(value << 1 | u32::from(bit))
        })
    }

    pub fn flag(&mut self) -> Option<bool> {
        self.bits(1).map(|bit| bit == 1)
    }

    /// ue(v), values below 2^31.
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

    /// se(v): only its length matters here.
    pub fn skip_se(&mut self) -> Option<()> {
        self.ue().map(|_| ())
    }
}

/// Writes a payload without emulation prevention bytes.
#[derive(Default)]
pub struct Writer {
    data: Vec<u8>,
    at: usize,
}

impl Writer {
    pub fn bits(&mut self, value: u32, count: usize) {
        for shift in (0..count).rev() {
            if self.at.is_multiple_of(8) {
                self.data.push(0);
            }
            let bit = (value >> shift & 1) as u8;
            self.data[self.at / 8] |= bit << (7 - self.at % 8);
            self.at += 1;
        }
    }

    pub fn ue(&mut self, value: u32) {
        let code = value + 1;
        let length = (u32::BITS - code.leading_zeros()) as usize;
        self.bits(0, length - 1);
        self.bits(code, length);
    }

    /// The payload with its stop bit (`rbsp_trailing_bits`, §7.3.2.11).
    pub fn finish(mut self) -> Vec<u8> {
        self.bits(1, 1);
        self.data
    }
}

/// Overwrites `count` bits of `data` from bit `at` on.
pub fn patch(data: &mut [u8], at: usize, value: u32, count: usize) {
    for i in 0..count {
        let bit = (value >> (count - 1 - i) & 1) as u8;
        let position = at + i;
        let shift = 7 - position % 8;
        let byte = &mut data[position / 8];
        *byte = *byte & !(1 << shift) | bit << shift;
    }
}

/// Takes the emulation prevention bytes out of a NAL unit.
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

/// Appends a NAL unit behind a four-byte start code, with emulation prevention
/// bytes put in.
pub fn append_escaped(unit: &[u8], out: &mut Vec<u8>) {
    out.reserve(unit.len() + 8);
    out.extend_from_slice(&[0, 0, 0, 1]);
    let mut zeros = 0;
    for &byte in unit {
        if zeros >= 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
}

/// Where the NAL units of an Annex B byte stream lie, without start codes and
/// trailing zeros.
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
    fn codes_come_back() {
        let values = [0, 1, 2, 7, 8, 255, 1_023, 3_599, 1 << 20];
        let mut writer = Writer::default();
        for value in values {
            writer.ue(value);
        }
        writer.bits(0x2a5, 10);
        let data = writer.finish();
        let mut reader = Reader::new(&data);
        for value in values {
            assert_eq!(reader.ue(), Some(value));
        }
        assert_eq!(reader.bits(10), Some(0x2a5));
        assert_eq!(reader.flag(), Some(true), "the stop bit");
        assert_eq!(Reader::new(&[0; 5]).ue(), None, "a code that never ends");
        assert_eq!(Reader::new(&[]).ue(), None);
    }

    #[test]
    fn escaping_hides_every_start_code_and_is_undone() {
        for unit in [
            vec![0x41, 0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 4],
            vec![0x65, 0, 0, 3, 0, 0, 3, 1],
            vec![0x41, 1, 2, 3],
        ] {
            let mut stream = Vec::new();
            append_escaped(&unit, &mut stream);
            let found = units(&stream);
            assert_eq!(found, vec![4..stream.len()]);
            assert_eq!(unescape(&stream[4..]), unit);
        }
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

    #[test]
    fn patching_changes_only_its_bits() {
        let mut data = [0xff, 0x00, 0xff];
        patch(&mut data, 6, 0b01_1010, 6);
        assert_eq!(data, [0b1111_1101, 0b1010_0000, 0xff]);
    }
}
