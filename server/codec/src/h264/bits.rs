//! Writing the bits of H.264 headers: Exp-Golomb codes (ITU-T H.264 §9.1) and
//! emulation prevention (§7.4.1.1).

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

#[cfg(test)]
mod tests {
    use media::annexb::{Reader, unescape, units};

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
    fn patching_changes_only_its_bits() {
        let mut data = [0xff, 0x00, 0xff];
        patch(&mut data, 6, 0b01_1010, 6);
        assert_eq!(data, [0b1111_1101, 0b1010_0000, 0xff]);
    }
}
