//! That pictures are read in bounded memory. The only test of its program, so
//! that the peak is its own.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use common::{file, png};
use image::{GrayImage, ImageFormat, RgbImage};
use studio::Code;
use studio::decode::{MOST_PIXELS, decode};

/// Forgets the peak so far: from now on it is what is held now (proc(5)).
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Most memory that this process has held since, bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}

#[test]
fn a_picture_takes_its_pixels_and_not_much_more() {
    let (width, height) = (7_000, 5_700);
    assert!(u64::from(width) * u64::from(height) < MOST_PIXELS);
    let bytes = file(RgbImage::new(width, height), ImageFormat::Jpeg);
    let large = png(GrayImage::new(10_000, 6_000));
    // Making the files has taken more than what is measured.
    forget_peak();
    let before = peak();
    // Refused by its header alone.
    assert_eq!(decode(&large).unwrap_err(), Code::TooManyPixels);
    assert!(peak() - before < 1 << 20, "{} bytes", peak() - before);
    let picture = decode(&bytes).unwrap();
    let pixels = picture.as_raw().len() as u64;
    let taken = peak() - before;
    // Less would mean that the peak is not that of reading.
    let expected = pixels / 10 * 9..2 * pixels;
    assert!(expected.contains(&taken), "{taken} bytes for {pixels}");
}
