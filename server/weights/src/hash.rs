//! SHA-256 of files, as written in the manifest.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::Deserialize;
use sha2::Digest;

/// A SHA-256; shown and read as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// Hashes a file in pieces, so that its size does not matter.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = std::fs::File::open(path)?;
        let mut hasher = Hasher::new(io::sink());
        // Large reads: the files are tens of megabytes.
        let mut buffer = vec![0; 1 << 18];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish().1),
                read => hasher.write_all(&buffer[..read])?,
            }
        }
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Sha256 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut bytes = [0; 32];
        let wrong = || format!("a SHA-256 has 64 hexadecimal digits, not {text:?}");
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        for (byte, index) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[index..index + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

/// Hashes and counts everything on its way to another writer.
pub(crate) struct Hasher<W> {
    inner: W,
    digest: sha2::Sha256,
    written: u64,
}

impl<W: Write> Hasher<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self {
            inner,
            digest: sha2::Sha256::new(),
            written: 0,
        }
    }

    /// Bytes so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// The inner writer, the hash, and the number of bytes.
    pub(crate) fn finish(self) -> (W, Sha256, u64) {
        (
            self.inner,
            Sha256(self.digest.finalize().into()),
            self.written,
        )
    }
}

impl<W: Write> Write for Hasher<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_published() {
        // FIPS 180-2, appendix B.1.
        let mut hasher = Hasher::new(Vec::new());
        hasher.write_all(b"a").unwrap();
        hasher.write_all(b"bc").unwrap();
        let (bytes, hash, written) = hasher.finish();
        assert_eq!((bytes.as_slice(), written), (b"abc".as_slice(), 3));
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), text);
        assert_eq!(Sha256::try_from(text.to_owned()), Ok(hash));
    }

    #[test]
    fn other_text_is_no_hash() {
        for text in ["", "ab", &"g".repeat(64), &"é".repeat(32), &"+1".repeat(32)] {
            assert!(Sha256::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
