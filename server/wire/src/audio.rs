//! Sound as it stands in JSON: base64, or the bytes themselves as characters.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use thiserror::Error;

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, CONFIG);

/// Why a text holds no sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AudioError {
    /// Cut in the middle of a group of four, or damaged.
    #[error(
        "the audio is neither base64 nor raw bytes; cut base64 at multiples of four characters"
    )]
    Unreadable,
    /// A whole file instead of samples.
    #[error("the audio is a {0} file; send its samples as raw signed 16-bit little-endian mono")]
    File(&'static str),
}

/// The bytes of `text`.
///
/// Base64 (RFC 4648, either alphabet, with or without padding, broken over
/// lines or not, after a `data:` prefix or not) is what clients should send.
/// Some send every byte as the character of that number instead (`atob` gives
/// such strings), which is told apart by characters that base64 does not have.
///
/// # Errors
/// [`AudioError`].
pub fn decode(text: &str) -> Result<Vec<u8>, AudioError> {
    let text = match text.strip_prefix("data:") {
        Some(rest) => rest.split_once(',').map_or(rest, |(_, data)| data),
        None => text,
    };
    let bytes = if text.bytes().all(in_base64) {
        base64(text)?
    } else {
        text.chars()
            .map(|c| u8::try_from(u32::from(c)).map_err(|_| AudioError::Unreadable))
            .collect::<Result<_, _>>()?
    };
    let file = |magic: &[u8]| bytes.starts_with(magic);
    if file(b"RIFF") && bytes.get(8..12) == Some(b"WAVE") {
        return Err(AudioError::File("WAV"));
    }
    if file(b"OggS") {
        return Err(AudioError::File("Ogg"));
    }
    if file(b"ID3") {
        return Err(AudioError::File("MP3"));
    }
    Ok(bytes)
}

const fn in_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'+' | b'/' | b'-' | b'_' | b'=' | b'\n' | b'\r' | b' '
        )
}

fn base64(text: &str) -> Result<Vec<u8>, AudioError> {
    let joined;
    let text = if text.bytes().any(|b| matches!(b, b'\n' | b'\r' | b' ')) {
        joined = text
            .chars()
            .filter(|c| !matches!(c, '\n' | '\r' | ' '))
            .collect::<String>();
        &joined
    } else {
        text
    };
    let engine = if text.bytes().any(|b| matches!(b, b'-' | b'_')) {
        &BASE64_URL
    } else {
        &BASE64
    };
    engine.decode(text).map_err(|_| AudioError::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose as plain;
    use proptest::prelude::*;

    #[test]
    fn files_and_broken_pieces_are_told_apart_from_sound() {
        let wav = plain::STANDARD.encode(b"RIFF\0\0\0\0WAVEfmt ");
        assert_eq!(decode(&wav), Err(AudioError::File("WAV")));
        assert_eq!(decode("abcde"), Err(AudioError::Unreadable));
        assert_eq!(decode("\u{4e2d}"), Err(AudioError::Unreadable));
        assert_eq!(decode(""), Ok(Vec::new()));
        assert_eq!(decode("data:audio/pcm;base64,AAEC"), Ok(vec![0, 1, 2]));
        assert_eq!(decode("AA\nEC"), Ok(vec![0, 1, 2]));
    }

    proptest! {
        #[test]
        fn every_way_of_writing_gives_the_same_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assume!(!bytes.starts_with(b"ID3") && !bytes.starts_with(b"OggS"));
            for text in [
                plain::STANDARD.encode(&bytes),
                plain::STANDARD_NO_PAD.encode(&bytes),
                plain::URL_SAFE.encode(&bytes),
                plain::URL_SAFE_NO_PAD.encode(&bytes),
            ] {
                prop_assert_eq!(decode(&text), Ok(bytes.clone()));
            }
            // As long as one character gives it away.
            let mut latin1 = vec![0x80];
            latin1.extend_from_slice(&bytes);
            let text: String = latin1.iter().map(|&b| char::from(b)).collect();
            prop_assert_eq!(decode(&text), Ok(latin1));
        }

        #[test]
        fn any_text_is_taken(text in "\\PC*") {
            let _ = decode(&text);
        }
    }
}
