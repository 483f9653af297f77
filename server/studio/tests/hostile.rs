//! Files that somebody made to do harm, and those that only look strange.

#![allow(clippy::unwrap_used)]

mod common;

use common::{file, png, portrait, portrait_file, request};
use image::{DynamicImage, GrayImage, ImageFormat, Rgb, RgbImage, imageops};
use std::sync::Arc;
use studio::decode::decode;
use studio::{Code, Error, Studio};

/// CRC of a PNG chunk (ISO 3309), bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&kind[..], data].concat();
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], &body, &crc(&body).to_be_bytes()].concat()
}

/// The chunks of a PNG: kind and data.
fn chunks(png: &[u8]) -> Vec<([u8; 4], Vec<u8>)> {
    let mut rest = &png[8..];
    let mut found = Vec::new();
    while let Some((length, more)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let kind = more[..4].try_into().unwrap();
        found.push((kind, more[4..4 + length].to_vec()));
        rest = &more[4 + length + 4..];
    }
    found
}

fn assembled(chunks: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        png.extend(chunk(*kind, data));
    }
    png
}

/// A PNG whose header says another size than its data have.
fn with_size(png: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut chunks = chunks(png);
    chunks[0].1[..4].copy_from_slice(&width.to_be_bytes());
    chunks[0].1[4..8].copy_from_slice(&height.to_be_bytes());
    assembled(&chunks)
}

/// 40 MB of zeros, as a PNG compresses them.
fn zeros() -> Vec<u8> {
    png(GrayImage::new(8_000, 5_000))
}

#[test]
fn animated_pictures_are_told_from_still_ones() {
    let still = png(RgbImage::new(16, 16));
    assert!(decode(&still).is_ok());
    // One frame, played once: an animation all the same.
    let mut moving = chunks(&still);
    moving.insert(1, (*b"acTL", [0, 0, 0, 1, 0, 0, 0, 0].to_vec()));
    assert_eq!(decode(&assembled(&moving)).unwrap_err(), Code::Animated);

    let still = file(RgbImage::new(16, 16), ImageFormat::WebP);
    assert!(decode(&still).is_ok());
    let riff = |kind: &[u8; 4], data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap().to_le_bytes();
        let pad = &[0_u8][..data.len() % 2];
        [&kind[..], &length, data, pad].concat()
    };
    let frame = [
        &[0; 6][..],
        &[15, 0, 0, 15, 0, 0, 40, 0, 0, 0],
        &still[12..],
    ]
    .concat();
    let parts = [
        riff(b"VP8X", &[0x02, 0, 0, 0, 15, 0, 0, 15, 0, 0]),
        riff(b"ANIM", &[0; 6]),
        riff(b"ANMF", &frame),
    ];
    let moving = riff(b"RIFF", &[&b"WEBP"[..], &parts.concat()].concat());
    assert_eq!(decode(&moving).unwrap_err(), Code::Animated);

    let gif = b"GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xff\xff\xff!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0;";
    assert_eq!(decode(gif).unwrap_err(), Code::UnsupportedFormat);
}

#[test]
fn pictures_for_print_become_rgb() {
    // A JPEG of four colours: a grey one's tables, and of each colour a block
    // that is empty (DC 0 is 00, the end of a block 1010).
    let grey = file(GrayImage::new(8, 8), ImageFormat::Jpeg);
    let segment = |marker: u8| {
        let at = grey
            .windows(2)
            .position(|pair| pair == [0xff, marker])
            .unwrap();
        let length = u16::from_be_bytes([grey[at + 2], grey[at + 3]]) as usize;
        grey[at..at + 2 + length].to_vec()
    };
    let tables: Vec<u8> = {
        let mut all = Vec::new();
        let mut at = 2;
        while grey[at + 1] != 0xda {
            let length = u16::from_be_bytes([grey[at + 2], grey[at + 3]]) as usize;
            if grey[at + 1] == 0xc4 {
                all.extend(&grey[at..at + 2 + length]);
            }
            at += 2 + length;
        }
        all
    };
    let cmyk = [
        &b"\xff\xd8\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"[..],
        &segment(0xdb),
        b"\xff\xc0\0\x14\x08\0\x08\0\x08\x04\x01\x11\0\x02\x11\0\x03\x11\0\x04\x11\0",
        &tables,
        b"\xff\xda\0\x0e\x04\x01\0\x02\0\x03\0\x04\0\0\x3f\0\x28\xa2\x8a\xff\xd9",
    ]
    .concat();
    let picture = decode(&cmyk).unwrap();
    assert_eq!(picture.dimensions(), (8, 8));
    // Half of each ink, as Adobe writes it (the other way round).
    let Rgb([red, green, blue]) = *picture.get_pixel(4, 4);
    assert!(
        red == green && green == blue && (56..72).contains(&red),
        "{red} {green} {blue}"
    );
}

#[test]
fn bombs_are_stopped_by_what_their_headers_promise() {
    let zeros = zeros();
    // Far more data than pixels: what is too much is never unpacked, or the
    // file is called damaged.
    let long = decode(&with_size(&zeros, 64, 64));
    assert!(
        long.as_ref().map_or_else(
            |code| *code == Code::Damaged,
            |small| small.dimensions() == (64, 64)
        ),
        "{long:?}"
    );
    // Far more pixels than data.
    let short = png(RgbImage::new(8, 8));
    assert_eq!(
        decode(&with_size(&short, 6_000, 6_000)).unwrap_err(),
        Code::Damaged
    );
    assert_eq!(
        decode(&with_size(&short, 60_000, 60_000)).unwrap_err(),
        Code::TooManyPixels
    );
    assert_eq!(
        decode(&with_size(&short, u32::MAX, 1)).unwrap_err(),
        Code::TooManyPixels
    );
    // Text and a colour profile that unpack to 40 MB beside a picture of 8 × 8.
    let packed = chunks(&zeros)
        .into_iter()
        .filter(|(kind, _)| kind == b"IDAT");
    let packed: Vec<u8> = packed.flat_map(|(_, data)| data).collect();
    for kind in [b"zTXt", b"iCCP"] {
        let mut chunks = chunks(&short);
        chunks.insert(1, (*kind, [&b"a\0\0"[..], &packed].concat()));
        match decode(&assembled(&chunks)) {
            Ok(picture) => assert_eq!(picture.dimensions(), (8, 8)),
            Err(code) => assert_eq!(code, Code::Damaged, "{kind:?}"),
        }
    }
}

#[test]
fn names_and_extensions_say_nothing() {
    // What is called a picture and is none, and the other way round.
    for (bytes, code) in [
        (
            &b"<html><body>not found</body></html>"[..],
            Code::NotAPicture,
        ),
        (b"\x7fELF\x02\x01\x01", Code::NotAPicture),
        (b"PK\x03\x04me.jpg", Code::NotAPicture),
        (b"BM\x3a\0\0\0\0\0\0\0", Code::UnsupportedFormat),
        (b"II*\0\x08\0\0\0", Code::UnsupportedFormat),
        (b"\xff\xd8\xff", Code::Damaged),
        (b"\x89PNG\r\n\x1a\n", Code::Damaged),
        (b"RIFF\x04\0\0\0WEBP", Code::Damaged),
    ] {
        assert_eq!(decode(bytes).unwrap_err(), code, "{bytes:?}");
    }
}

#[test]
fn refused_files_leave_nothing_and_the_studio_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (avatars, _) = face::Avatars::open(None, Some(folder.path()));
    let avatars = Arc::new(avatars);
    let studio = Studio::new(common::opened(), avatars.clone());
    let half = portrait_file();
    let bad = [
        png(DynamicImage::from(RgbImage::from_pixel(
            300,
            300,
            Rgb([80, 120, 160]),
        ))),
        half[..half.len() / 2].to_vec(),
        with_size(&png(RgbImage::new(8, 8)), 9_000, 9_000),
        png(imageops::thumbnail(&portrait(), 20, 20)),
        b"GIF89a".to_vec(),
    ];
    let before = avatars.list().len();
    for bytes in bad {
        let refused = studio.create(&request(&bytes, "Ada")).unwrap_err();
        assert!(matches!(refused, Error::Unusable(_)), "{refused:?}");
        assert!(refused.to_string().len() > 20, "it says what to do");
        let now = std::time::Instant::now();
        assert!(studio.draft(&request(&bytes, "Ada"), now).is_err());
    }
    assert_eq!(avatars.list().len(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(studio.create(&request(&portrait_file(), "Ada")).is_ok());
}
