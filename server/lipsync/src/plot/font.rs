//! Letters of three by five dots, drawn at double size: enough for labels,
//! without a font file.

use image::{Rgb, RgbImage};

const COLUMNS: u32 = 3;
const ROWS: u32 = 5;
/// Pixels for each dot.
const DOT: u32 = 2;

/// Writes capital letters, digits and dots with the upper left corner at
/// (`x`, `y`); small letters become capitals, other characters a space.
pub fn write(picture: &mut RgbImage, text: &str, x: u32, y: u32, colour: Rgb<u8>) {
    for (i, letter) in text.chars().enumerate() {
        let left = x + i as u32 * (COLUMNS + 1) * DOT;
        let dots = glyph(letter.to_ascii_uppercase());
        for (row, column) in (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (row, column)))
        {
            if dots >> (ROWS * COLUMNS - 1 - row * COLUMNS - column) & 1 == 0 {
                continue;
            }
            for (dx, dy) in (0..DOT).flat_map(|dx| (0..DOT).map(move |dy| (dx, dy))) {
                let (px, py) = (left + column * DOT + dx, y + row * DOT + dy);
                if px < picture.width() && py < picture.height() {
                    picture.put_pixel(px, py, colour);
                }
            }
        }
    }
}

/// The dots of a letter, row by row from the top, highest bit first.
const fn glyph(letter: char) -> u16 {
    match letter {
        'A' => 0b010_101_111_101_101,
        'B' => 0b110_101_110_101_110,
        'C' => 0b011_100_100_100_011,
        'D' => 0b110_101_101_101_110,
        'E' => 0b111_100_110_100_111,
        'F' => 0b111_100_110_100_100,
        'G' => 0b011_100_101_101_011,
        'H' => 0b101_101_111_101_101,
        'I' => 0b111_010_010_010_111,
        'J' => 0b001_001_001_101_010,
        'K' => 0b101_101_110_101_101,
        'L' => 0b100_100_100_100_111,
        'M' => 0b101_111_111_101_101,
        'N' => 0b110_101_101_101_101,
        'O' => 0b010_101_101_101_010,
        'P' => 0b110_101_110_100_100,
        'Q' => 0b010_101_101_111_011,
        'R' => 0b110_101_110_101_101,
        'S' => 0b011_100_010_001_110,
        'T' => 0b111_010_010_010_010,
        'U' => 0b101_101_101_101_111,
        'V' => 0b101_101_101_101_010,
        'W' => 0b101_101_111_111_101,
        'X' => 0b101_101_010_101_101,
        'Y' => 0b101_101_010_010_010,
        'Z' => 0b111_001_010_100_111,
        '0' => 0b111_101_101_101_111,
        '1' => 0b010_110_010_010_111,
        '2' => 0b110_001_010_100_111,
        '3' => 0b110_001_010_001_110,
        '4' => 0b101_101_111_001_001,
        '5' => 0b111_100_110_001_110,
        '6' => 0b011_100_111_101_111,
        '7' => 0b111_001_010_010_010,
        '8' => 0b111_101_111_101_111,
        '9' => 0b111_101_111_001_110,
        '.' => 0b000_000_000_000_010,
        _ => 0,
    }
}
