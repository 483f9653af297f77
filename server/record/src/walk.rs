//! Walking over the boxes at the top of a file.

use std::io::{self, Read, Seek, SeekFrom};

/// A box at the top of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its type.
    pub kind: [u8; 4],
    /// Where it begins, bytes.
    pub start: u64,
    /// Where its contents begin.
    pub body: u64,
    /// Where it ends.
    pub end: u64,
}

/// What lies at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A whole box.
    Box(Found),
    /// The end of the file.
    End,
    /// Bytes that are no whole box.
    Torn,
}

/// Looks at the box that begins at `at` in a file of `length` bytes. A box of
/// size zero, which would reach to the end of the file, counts as torn: it is
/// what a crash of the machine leaves, and nothing of ours writes one.
///
/// # Errors
/// When reading fails.
pub fn step(input: &mut (impl Read + Seek), at: u64, length: u64) -> io::Result<Step> {
    let left = length.saturating_sub(at);
    if left == 0 {
        return Ok(Step::End);
    }
    if left < 8 {
        return Ok(Step::Torn);
    }
    let mut head = [0; 8];
    input.seek(SeekFrom::Start(at))?;
    input.read_exact(&mut head)?;
    let [a, b, c, d, kind @ ..] = head;
    let short = u64::from(u32::from_be_bytes([a, b, c, d]));
    let (head_size, size) = if short == 1 {
        if left < 16 {
            return Ok(Step::Torn);
        }
        let mut wide = [0; 8];
        input.read_exact(&mut wide)?;
        (16, u64::from_be_bytes(wide))
    } else {
        (8, short)
    };
    if size < head_size || size > left {
        return Ok(Step::Torn);
    }
    Ok(Step::Box(Found {
        kind,
        start: at,
        body: at + head_size,
        end: at + size,
    }))
}

/// Reads the contents of a box.
///
/// # Errors
/// When reading fails, or the box is larger than `limit` bytes.
pub fn contents(input: &mut (impl Read + Seek), found: Found, limit: u64) -> io::Result<Vec<u8>> {
    let size = found.end - found.body;
    if size > limit {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a box of {size} bytes where at most {limit} are expected"),
        ));
    }
    input.seek(SeekFrom::Start(found.body))?;
    let mut body = vec![0; size as usize];
    input.read_exact(&mut body)?;
    Ok(body)
}
