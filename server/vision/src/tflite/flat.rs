//! `FlatBuffers`: tables with fields at offsets that the file itself names.
//! See "Internals" in the `FlatBuffers` documentation.

use super::Malformed;

const CUT: Malformed = Malformed("an offset points outside of it");

/// Tensors, operators or buffers of one model; the largest of ours has 700.
const MOST_TABLES: usize = 1 << 16;

/// A table: where it begins, and where its list of fields does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Start and length of the list of fields; none is a table that is left out.
    fields: Option<(usize, usize)>,
}

impl<'a> Table<'a> {
    /// The table that the file begins with.
    pub fn root(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Self::behind(bytes, 0)
    }

    /// The table that the offset at `place` leads to.
    fn behind(bytes: &'a [u8], place: usize) -> Result<Self, Malformed> {
        let at = follow(bytes, place)?;
        let back = i64::from(word(bytes, at)? as i32);
        let fields = i64::try_from(at)
            .ok()
            .and_then(|at| at.checked_sub(back))
            .and_then(|fields| usize::try_from(fields).ok())
            .ok_or(CUT)?;
        let length = usize::from(short(bytes, fields)?);
        Ok(Self {
            bytes,
            at,
            fields: Some((fields, length)),
        })
    }

    /// Where the value of a field is; none if it has its default.
    fn field(&self, number: usize) -> Result<Option<usize>, Malformed> {
        /// Lengths of the list and of the table stand before the fields.
        const HEAD: usize = 4;
        let Some((fields, length)) = self.fields else {
            return Ok(None);
        };
        let place = HEAD + 2 * number;
        if place + 2 > length {
            return Ok(None);
        }
        let offset = usize::from(short(self.bytes, fields.checked_add(place).ok_or(CUT)?)?);
        Ok((offset > 0).then_some(self.at + offset))
    }

    /// A byte, or its default.
    pub fn byte(&self, number: usize, default: i64) -> Result<i64, Malformed> {
        match self.field(number)? {
            None => Ok(default),
            Some(at) => Ok(i64::from(*self.bytes.get(at).ok_or(CUT)? as i8)),
        }
    }

    /// A 32-bit integer, or its default.
    pub fn int(&self, number: usize, default: i64) -> Result<i64, Malformed> {
        match self.field(number)? {
            None => Ok(default),
            Some(at) => Ok(i64::from(word(self.bytes, at)? as i32)),
        }
    }

    /// A table; one that is left out has only defaults.
    pub fn table(&self, number: usize) -> Result<Self, Malformed> {
        match self.field(number)? {
            None => Ok(Self {
                fields: None,
                ..*self
            }),
            Some(at) => Self::behind(self.bytes, at),
        }
    }

    /// A list of bytes or a string.
    pub fn bytes(&self, number: usize) -> Result<&'a [u8], Malformed> {
        self.list(number, 1)
    }

    /// A list of at most `most` 32-bit integers. Many tables may share one
    /// list, so that without a bound a small file could fill the memory.
    pub fn integers(&self, number: usize, most: usize) -> Result<Vec<i64>, Malformed> {
        let (values, _) = self.list(number, 4)?.as_chunks::<4>();
        if values.len() > most {
            return Err(Malformed("a list is too long"));
        }
        Ok(values
            .iter()
            .map(|&value| i32::from_le_bytes(value).into())
            .collect())
    }

    /// A list of tables.
    pub fn tables(&self, number: usize) -> Result<Vec<Self>, Malformed> {
        let Some(at) = self.field(number)? else {
            return Ok(Vec::new());
        };
        let start = follow(self.bytes, at)?;
        let count = self.list(number, 4)?.len() / 4;
        if count > MOST_TABLES {
            return Err(Malformed("it has too many parts"));
        }
        (0..count)
            .map(|index| Self::behind(self.bytes, start + 4 + 4 * index))
            .collect()
    }

    fn list(&self, number: usize, width: usize) -> Result<&'a [u8], Malformed> {
        let Some(at) = self.field(number)? else {
            return Ok(&[]);
        };
        let start = follow(self.bytes, at)?;
        let length = (word(self.bytes, start)? as usize)
            .checked_mul(width)
            .ok_or(CUT)?;
        self.bytes
            .get(start + 4..)
            .and_then(|rest| rest.get(..length))
            .ok_or(CUT)
    }
}

/// Follows the offset that stands at `place`, relative to itself.
fn follow(bytes: &[u8], place: usize) -> Result<usize, Malformed> {
    let at = place.checked_add(word(bytes, place)? as usize).ok_or(CUT)?;
    (at < bytes.len()).then_some(at).ok_or(CUT)
}

fn word(bytes: &[u8], at: usize) -> Result<u32, Malformed> {
    let bytes = bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .ok_or(CUT)?;
    Ok(u32::from_le_bytes(*bytes))
}

fn short(bytes: &[u8], at: usize) -> Result<u16, Malformed> {
    let bytes = bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .ok_or(CUT)?;
    Ok(u16::from_le_bytes(*bytes))
}
