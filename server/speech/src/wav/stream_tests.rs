use proptest::prelude::*;

use super::tests::file;
use super::*;

/// A file that announces `size` bytes of sound.
fn wav(format: u16, channels: u16, bits: u16, size: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = file(format, bits, channels, 22_050, data);
    let at = bytes.len() - data.len() - 4;
    bytes[at..at + 4].copy_from_slice(&size.to_le_bytes());
    bytes
}

fn read(file: &[u8]) -> Result<Vec<f32>, Error> {
    Stream::default().push(file)
}

#[test]
fn every_width_gives_the_same_sound() {
    let half = [
        (1, 8, vec![192, 64]),
        (1, 16, vec![0, 0x40, 0, 0xc0]),
        (1, 24, vec![0, 0, 0x40, 0, 0, 0xc0]),
        (1, 32, vec![0, 0, 0, 0x40, 0, 0, 0, 0xc0]),
        (
            3,
            32,
            [0.5f32.to_le_bytes(), (-0.5f32).to_le_bytes()].concat(),
        ),
        (
            3,
            64,
            [0.5f64.to_le_bytes(), (-0.5f64).to_le_bytes()].concat(),
        ),
    ];
    for (tag, bits, data) in half {
        let size = data.len() as u32;
        let file = wav(tag, 1, bits, size, &data);
        assert_eq!(read(&file), Ok(vec![0.5, -0.5]), "{tag} {bits}");
    }
}

#[test]
fn stereo_is_mixed_and_what_is_no_number_is_silence() {
    let data = [0, 0x40, 0, 0, 0, 0xc0, 0, 0xc0];
    assert_eq!(read(&wav(1, 2, 16, 8, &data)), Ok(vec![0.25, -0.5]));
    let nan = [
        f32::NAN.to_le_bytes(),
        f32::INFINITY.to_le_bytes(),
        9f32.to_le_bytes(),
    ];
    assert_eq!(
        read(&wav(3, 1, 32, 12, &nan.concat())),
        Ok(vec![0.0, 0.0, 1.0])
    );
}

#[test]
fn announced_lengths_may_be_wrong() {
    let data = [0, 0x40, 0, 0xc0, 0];
    for size in [0, u32::MAX, 4_000] {
        assert_eq!(
            read(&wav(1, 1, 16, size, &data)),
            Ok(vec![0.5, -0.5]),
            "{size}"
        );
    }
    let mut longer = wav(1, 1, 16, 2, &data[..2]);
    longer.extend(b"LIST more about it");
    assert_eq!(read(&longer), Ok(vec![0.5]));
}

#[test]
fn what_cannot_be_read_is_named() {
    assert_eq!(read(b"ID3\x04 an mp3"), Err(Error::NotWav));
    assert_eq!(read(b"RIFF\0\0\0\0AVI "), Err(Error::NotWav));
    assert_eq!(
        read(b"RIFF\0\0\0\0WAVEdata\x04\0\0\0"),
        Err(Error::NoFormat)
    );
    assert_eq!(
        read(b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0"),
        Err(Error::NoFormat)
    );
    let channels = |count| Err(UnsupportedChannels(count).into());
    assert_eq!(read(&wav(1, 0, 16, 2, &[0; 2])), channels(0));
    assert_eq!(read(&wav(1, 9, 16, 2, &[0; 2])), channels(9));
    let law = Error::Encoding { format: 7, bits: 8 };
    assert_eq!(read(&wav(7, 1, 8, 2, &[0; 2])), Err(law));
    assert_eq!(read(b"RI"), Ok(vec![]));
}

proptest! {
    #[test]
    fn cuts_do_not_matter(
        data in prop::collection::vec(any::<u8>(), 0..64),
        size in 1usize..9,
        channels in 1u16..4,
        (tag, bits) in prop::sample::select(vec![(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64)]),
    ) {
        let file = wav(tag, channels, bits, u32::MAX, &data);
        let whole = read(&file).unwrap();
        let mut reader = Stream::default();
        let mut pieces = Vec::new();
        for piece in file.chunks(size) {
            pieces.extend(reader.push(piece).unwrap());
        }
        prop_assert_eq!(pieces, whole);
        prop_assert_eq!(reader.rate(), Some(22_050));
    }

    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..60) {
        let mut file = wav(1, 2, 24, 40, &bytes);
        for (to, from) in file.iter_mut().skip(at).zip(&bytes) {
            *to = *from;
        }
        if let Ok(sound) = read(&file) {
            prop_assert!(sound.iter().all(|s| (-1.0..=1.0).contains(s)));
        }
    }
}
