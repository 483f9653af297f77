//! The protobuf wire format, as much of it as model files need.
//!
//! Messages are walked in place and written from slices of the original, so
//! fields that are not understood are kept and weights are copied once. See
//! "Encoding" in the Protocol Buffers documentation.

use crate::Malformed;

/// Wire type of a length-delimited field (strings, bytes, messages).
const DELIMITED: u64 = 2;

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Field number.
    pub number: u64,
    /// The field with its tag, as it stands in the message.
    pub raw: &'a [u8],
    /// The payload when the field is length-delimited, else empty.
    pub payload: &'a [u8],
}

impl<'a> Field<'a> {
    /// The payload as text.
    ///
    /// # Errors
    /// [`Malformed`] when it is not UTF-8.
    pub fn text(&self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.payload).map_err(|_| Malformed("a name is not UTF-8"))
    }

    /// The values of a repeated `float` field, packed or not.
    ///
    /// # Errors
    /// [`Malformed`] when it ends within a value.
    pub fn floats(&self) -> Result<Vec<f32>, Malformed> {
        let bytes = if self.payload.is_empty() {
            let mut value = self.raw;
            varint(&mut value)?;
            value
        } else {
            self.payload
        };
        let (values, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(Malformed("a list of numbers ends in one"));
        }
        Ok(values
            .iter()
            .map(|&value| f32::from_le_bytes(value))
            .collect())
    }

    /// The values of a repeated integer field, packed or not.
    ///
    /// # Errors
    /// [`Malformed`] when it ends within a value.
    pub fn integers(&self) -> Result<Vec<i64>, Malformed> {
        let mut rest = if self.payload.is_empty() {
            let mut value = self.raw;
            varint(&mut value)?;
            value
        } else {
            self.payload
        };
        let mut values = Vec::new();
        while !rest.is_empty() {
            values.push(varint(&mut rest)? as i64);
        }
        Ok(values)
    }
}

/// The fields of a message, in order.
#[derive(Debug)]
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = take(&mut self.0);
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<Field<'a>, Malformed> {
    let start = *rest;
    let tag = varint(rest)?;
    // Protobuf's own reader keeps 32 bits of a tag: with more, a runtime would
    // see another field than this walk.
    if tag > u64::from(u32::MAX) || tag >> 3 == 0 {
        return Err(Malformed("a field has no valid number"));
    }
    let mut payload: &[u8] = &[];
    match tag & 7 {
        0 => {
            varint(rest)?;
        }
        1 => skip(rest, 8)?,
        5 => skip(rest, 4)?,
        DELIMITED => {
            let length = usize::try_from(varint(rest)?)
                .map_err(|_| Malformed("a field is longer than memory"))?;
            let before = *rest;
            skip(rest, length)?;
            payload = &before[..length];
        }
        _ => return Err(Malformed("a field has an unknown wire type")),
    }
    Ok(Field {
        number: tag >> 3,
        raw: &start[..start.len() - rest.len()],
        payload,
    })
}

fn skip(rest: &mut &[u8], count: usize) -> Result<(), Malformed> {
    *rest = rest.get(count..).ok_or(Malformed("it ends in a field"))?;
    Ok(())
}

fn varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first().ok_or(Malformed("it ends in a number"))?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed("a number is too long"))
}

/// Appends a variable-length integer.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends an integer field.
pub fn put_integer(out: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(out, number << 3);
    put_varint(out, value);
}

/// Appends the tag and length of a length-delimited field of `length` bytes.
pub fn put_header(out: &mut Vec<u8>, number: u64, length: usize) {
    put_varint(out, number << 3 | DELIMITED);
    put_varint(out, length as u64);
}

/// Appends a length-delimited field.
pub fn put_bytes(out: &mut Vec<u8>, number: u64, payload: &[u8]) {
    put_header(out, number, payload.len());
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut message = Vec::new();
        put_integer(&mut message, 3, 300);
        put_bytes(&mut message, 17, b"name");
        let fields: Vec<_> = Fields(&message).collect::<Result<_, _>>().unwrap();
        assert_eq!(fields[0].number, 3);
        assert_eq!(fields[0].integers().unwrap(), [300]);
        assert_eq!(fields[1].number, 17);
        assert_eq!(fields[1].text().unwrap(), "name");
        assert_eq!([fields[0].raw, fields[1].raw].concat(), message);
    }

    #[test]
    fn floats_are_read_packed_and_single() {
        let mut message = Vec::new();
        put_bytes(
            &mut message,
            1,
            &[1.5_f32.to_le_bytes(), 2_f32.to_le_bytes()].concat(),
        );
        message.push(2 << 3 | 5);
        message.extend(0.25_f32.to_le_bytes());
        let fields: Vec<_> = Fields(&message).collect::<Result<_, _>>().unwrap();
        assert_eq!(fields[0].floats().unwrap(), [1.5, 2.0]);
        assert_eq!(fields[1].floats().unwrap(), [0.25]);
    }

    #[test]
    fn tags_that_readers_take_differently_are_refused() {
        // Field 6 as bytes for a reader that keeps 32 bits, else one of more
        // than 2^29; field 0; the same field 6 without the bit above them.
        for (tag, sound) in [
            (vec![0xb2, 0x80, 0x80, 0x80, 0x10], false),
            (vec![0x02], false),
            (vec![0x32], true),
        ] {
            let message = [tag, vec![1, b'x']].concat();
            assert_eq!(Fields(&message).all(|field| field.is_ok()), sound);
        }
        let mut largest = Vec::new();
        put_bytes(&mut largest, (1 << 29) - 1, b"x");
        assert!(Fields(&largest).all(|field| field.is_ok()));
    }

    #[test]
    fn damaged_messages_end_with_an_error() {
        let mut message = Vec::new();
        put_bytes(&mut message, 1, b"name");
        for length in 1..message.len() {
            assert!(Fields(&message[..length]).any(|field| field.is_err()));
        }
        assert!(Fields(&[0xff; 12]).any(|field| field.is_err()));
        assert!(
            Fields(&[0x0b]).any(|field| field.is_err()),
            "groups are not known"
        );
    }
}
