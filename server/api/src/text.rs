//! UTF-8 that comes in pieces cut anywhere.

/// Turns bytes into text; a character that is cut between two pieces waits for
/// its rest.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The beginning of a character, at most 3 bytes.
    carry: Vec<u8>,
    /// Bytes of whole characters so far.
    at: usize,
}

/// What a piece gave, and where it stops being UTF-8, in bytes of the whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) invalid_at: Option<usize>,
}

impl Decoder {
    /// Takes the next piece.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Piece {
        let mut all = std::mem::take(&mut self.carry);
        all.extend_from_slice(bytes);
        let (valid, invalid) = match std::str::from_utf8(&all) {
            Ok(text) => (text.len(), false),
            Err(error) => (error.valid_up_to(), error.error_len().is_some()),
        };
        self.at += valid;
        if !invalid {
            self.carry = all.split_off(valid);
        }
        all.truncate(valid);
        Piece {
            // Checked above, so nothing is replaced.
            text: String::from_utf8_lossy(&all).into_owned(),
            invalid_at: invalid.then_some(self.at),
        }
    }

    /// Where a character is left unfinished at the end.
    pub(crate) fn finish(&self) -> Option<usize> {
        (!self.carry.is_empty()).then_some(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn invalid_text_keeps_what_came_before() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.push(b"ab").text, "ab");
        let piece = decoder.push(b"c\xffd");
        assert_eq!(piece.text, "c");
        assert_eq!(piece.invalid_at, Some(3));
        let mut cut = Decoder::default();
        assert_eq!(cut.push(&"é".as_bytes()[..1]).text, "");
        assert_eq!(cut.finish(), Some(0));
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(text in ".{0,60}", size in 1usize..7) {
            let mut decoder = Decoder::default();
            let mut out = String::new();
            for piece in text.as_bytes().chunks(size) {
                let piece = decoder.push(piece);
                prop_assert_eq!(piece.invalid_at, None);
                out += &piece.text;
            }
            prop_assert_eq!(decoder.finish(), None);
            prop_assert_eq!(out, text);
        }

        #[test]
        fn any_bytes_are_taken(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..9)) {
            let mut decoder = Decoder::default();
            for piece in &pieces {
                if decoder.push(piece).invalid_at.is_some() {
                    break;
                }
                prop_assert!(decoder.carry.len() <= 3);
            }
        }
    }
}
