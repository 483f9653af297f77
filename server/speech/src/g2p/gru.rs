//! Pronouncing words that are in no lexicon: a recurrent network from letters
//! to `ARPAbet`.
//!
//! The weights are those of the `g2p-en` package (Park & Kim, Apache-2.0): an
//! encoder and a decoder of one GRU layer each, with 256 units, read from its
//! `checkpoint20.npz`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use thiserror::Error;
use zip::ZipArchive;

/// The weights could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("the weights for unknown words cannot be read")]
    Io(#[from] std::io::Error),
    /// The file is no archive of arrays.
    #[error("the weights for unknown words are not an npz archive")]
    Archive(#[from] zip::result::ZipError),
    /// An array is missing or not as it should be.
    #[error("the weights for unknown words hold no sound array `{0}`")]
    Array(&'static str),
}

/// Longest pronunciation, phonemes. The network was trained with this bound.
const LONGEST: usize = 20;

/// Longest word read, letters; the rest is dropped. Longer ones are no words.
const LONGEST_WORD: usize = 40;

/// Largest array file taken. The largest real one is under 1 MB.
const LARGEST_ARRAY: u64 = 16 << 20;

/// Index of `</s>` among the letters; `a` is the next one.
const LETTER_END: usize = 2;
/// Index of `<s>` among the phonemes.
const SOUND_START: usize = 2;
/// Index of `</s>` among the phonemes; the table below begins after it.
const SOUND_END: usize = 3;

/// The phonemes in the order of the network's outputs.
const SOUNDS: [&str; 70] = [
    "AA0", "AA1", "AA2", "AE0", "AE1", "AE2", "AH0", "AH1", "AH2", "AO0", "AO1", "AO2", "AW0",
    "AW1", "AW2", "AY0", "AY1", "AY2", "B", "CH", "D", "DH", "EH0", "EH1", "EH2", "ER0", "ER1",
    "ER2", "EY0", "EY1", "EY2", "F", "G", "HH", "IH0", "IH1", "IH2", "IY0", "IY1", "IY2", "JH",
    "K", "L", "M", "N", "NG", "OW0", "OW1", "OW2", "OY0", "OY1", "OY2", "P", "R", "S", "SH", "T",
    "TH", "UH0", "UH1", "UH2", "UW", "UW0", "UW1", "UW2", "V", "W", "Y", "Z", "ZH",
];

struct Matrix {
    columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.columns..(index + 1) * self.columns]
    }

    fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    /// `out = self * x + bias`.
    fn apply(&self, x: &[f32], bias: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.extend((0..self.rows()).map(|row| {
            let product: f32 = self.row(row).iter().zip(x).map(|(w, x)| w * x).sum();
            product + bias[row]
        }));
    }
}

struct Cell {
    input: Matrix,
    input_bias: Vec<f32>,
    hidden: Matrix,
    hidden_bias: Vec<f32>,
}

impl Cell {
    /// One step of a GRU (Cho et al. 2014, with the reset gate applied after
    /// the product, as cuDNN and `PyTorch` have it).
    fn step(&self, x: &[f32], state: &mut [f32], scratch: &mut [Vec<f32>; 2]) {
        let [from_input, from_hidden] = scratch;
        self.input.apply(x, &self.input_bias, from_input);
        self.hidden.apply(state, &self.hidden_bias, from_hidden);
        let units = state.len();
        for (unit, state) in state.iter_mut().enumerate() {
            let gate = |part: usize| {
                let at = part * units + unit;
                sigmoid(from_input[at] + from_hidden[at])
            };
            let (reset, update) = (gate(0), gate(1));
            let at = 2 * units + unit;
            let candidate = (from_input[at] + reset * from_hidden[at]).tanh();
            *state = (1.0 - update) * candidate + update * *state;
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The network.
pub struct Network {
    letters: Matrix,
    encoder: Cell,
    sounds: Matrix,
    decoder: Cell,
    head: Matrix,
    head_bias: Vec<f32>,
}

impl Network {
    /// Reads the weights.
    ///
    /// # Errors
    /// [`Error`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        const UNITS: usize = 256;
        const GATES: usize = 3 * UNITS;
        const LETTERS: usize = LETTER_END + 1 + 26;
        const OUTPUTS: usize = SOUND_END + 1 + SOUNDS.len();
        let mut archive = ZipArchive::new(File::open(path)?)?;
        let mut array = |name: &'static str, rows: usize, columns: usize| {
            read(&mut archive, name, rows, columns)
        };
        Ok(Self {
            letters: array("enc_emb", LETTERS, UNITS)?,
            encoder: Cell {
                input: array("enc_w_ih", GATES, UNITS)?,
                input_bias: array("enc_b_ih", 1, GATES)?.values,
                hidden: array("enc_w_hh", GATES, UNITS)?,
                hidden_bias: array("enc_b_hh", 1, GATES)?.values,
            },
            sounds: array("dec_emb", OUTPUTS, UNITS)?,
            decoder: Cell {
                input: array("dec_w_ih", GATES, UNITS)?,
                input_bias: array("dec_b_ih", 1, GATES)?.values,
                hidden: array("dec_w_hh", GATES, UNITS)?,
                hidden_bias: array("dec_b_hh", 1, GATES)?.values,
            },
            head: array("fc_w", OUTPUTS, UNITS)?,
            head_bias: array("fc_b", 1, OUTPUTS)?.values,
        })
    }

    /// The likeliest pronunciation in `ARPAbet` with stress digits. Letters
    /// outside a to z are skipped.
    #[must_use]
    pub fn pronounce(&self, word: &str) -> Vec<&'static str> {
        let letters = word
            .chars()
            .filter_map(|letter| {
                let letter = letter.to_ascii_lowercase();
                letter
                    .is_ascii_lowercase()
                    .then(|| LETTER_END + 1 + (letter as usize - 'a' as usize))
            })
            .take(LONGEST_WORD)
            .chain([LETTER_END]);
        let mut state = vec![0.0; self.letters.columns];
        let mut scratch = [Vec::new(), Vec::new()];
        for letter in letters {
            self.encoder
                .step(self.letters.row(letter), &mut state, &mut scratch);
        }
        let mut sound = SOUND_START;
        let mut spoken = Vec::new();
        let mut scores = Vec::new();
        while spoken.len() < LONGEST {
            self.decoder
                .step(self.sounds.row(sound), &mut state, &mut scratch);
            self.head.apply(&state, &self.head_bias, &mut scores);
            sound = (0..scores.len())
                .max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
                .unwrap_or(SOUND_END);
            if sound == SOUND_END {
                break;
            }
            spoken.extend(sound.checked_sub(SOUND_END + 1).map(|index| SOUNDS[index]));
            // Padding marks are no sounds; a network that repeats them has
            // nothing more to say.
            if sound < SOUND_END {
                break;
            }
        }
        spoken
    }
}

/// Reads one little-endian f32 array of the npy format, version 1 (NEP 1).
fn read(
    archive: &mut ZipArchive<File>,
    name: &'static str,
    rows: usize,
    columns: usize,
) -> Result<Matrix, Error> {
    const PREAMBLE: usize = 10;
    let mut bytes = Vec::new();
    archive
        .by_name(&format!("{name}.npy"))?
        .take(LARGEST_ARRAY)
        .read_to_end(&mut bytes)?;
    let broken = || Error::Array(name);
    let (Some(b"\x93NUMPY\x01\x00"), Some(&[low, high])) = (bytes.get(..8), bytes.get(8..PREAMBLE))
    else {
        return Err(broken());
    };
    let data = PREAMBLE + usize::from(u16::from_le_bytes([low, high]));
    let header = bytes.get(PREAMBLE..data).ok_or_else(broken)?;
    let header = std::str::from_utf8(header).map_err(|_| broken())?;
    if !header.contains("'<f4'") || !header.contains("'fortran_order': False") {
        return Err(broken());
    }
    let values: Vec<f32> = bytes[data..]
        .as_chunks()
        .0
        .iter()
        .map(|&value| f32::from_le_bytes(value))
        .collect();
    if values.len() != rows * columns {
        return Err(broken());
    }
    Ok(Matrix { columns, values })
}
