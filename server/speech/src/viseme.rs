//! How each sound of speech is seen: IPA to the fifteen visemes.
//!
//! The grouping is that of Meta's "Viseme Reference" for Oculus `LipSync`,
//! widened to the symbols that the voices use:
//!
//! | viseme | sounds | viseme | sounds |
//! |---|---|---|---|
//! | PP | p b m | nn | n l ɲ ʎ |
//! | FF | f v | RR | ɹ r ʁ ɚ ɝ |
//! | TH | θ ð | aa | a ɑ æ ʌ |
//! | DD | t d ɾ ʈ ɖ | E | e ɛ ə ɐ ɜ |
//! | kk | k ɡ ŋ x ɣ q ʔ | ih | ɪ i j y ᵻ |
//! | CH | tʃ dʒ ʃ ʒ ɕ ʑ | oh | o ɔ ɒ ɤ |
//! | SS | s z | ou | u ʊ w ɯ ø œ |
//!
//! `h` has no mouth shape of its own and takes that of the sound after it.

use media::Viseme;

/// Part of a diphthong's time that its first vowel is held. Longer than half,
/// as the mouth glides late.
pub const NUCLEUS: f64 = 0.55;

/// The viseme of one IPA symbol, which may be an affricate such as `tʃ`.
/// `None` for marks, spaces, `h` and symbols that are not sounds.
#[must_use]
pub fn of(ipa: &str) -> Option<Viseme> {
    let mut symbols = ipa.chars();
    let first = symbols.next()?;
    Some(match first {
        't' | 'd' if matches!(symbols.next(), Some('ʃ' | 'ʒ')) => Viseme::Ch,
        'p' | 'b' | 'm' | 'β' | 'ɸ' => Viseme::Pp,
        'f' | 'v' | 'ʋ' => Viseme::Ff,
        'θ' | 'ð' => Viseme::Th,
        't' | 'd' | 'ɾ' | 'T' | 'ʈ' | 'ɖ' => Viseme::Dd,
        'k' | 'ɡ' | 'g' | 'ŋ' | 'x' | 'ɣ' | 'q' | 'ʔ' | 'χ' | 'c' | 'ç' => Viseme::Kk,
        'ʧ' | 'ʤ' | 'ʃ' | 'ʒ' | 'ɕ' | 'ʑ' | 'ʂ' | 'ʐ' => Viseme::Ch,
        's' | 'z' | 'ʦ' | 'ʣ' => Viseme::Ss,
        'n' | 'l' | 'ɲ' | 'ʎ' | 'ɫ' | 'ɳ' | 'ɭ' => Viseme::Nn,
        'ɹ' | 'r' | 'ʁ' | 'ʀ' | 'ɚ' | 'ɝ' | 'ɻ' | 'ɽ' => Viseme::Rr,
        'a' | 'ɑ' | 'æ' | 'ʌ' => Viseme::Aa,
        'e' | 'ɛ' | 'ə' | 'ɐ' | 'ɜ' | 'ᵊ' | 'ɘ' | 'ɞ' => Viseme::E,
        'ɪ' | 'i' | 'j' | 'y' | 'ᵻ' | 'ɨ' | 'ʏ' | 'ʝ' => Viseme::Ih,
        'o' | 'ɔ' | 'ɒ' | 'ɤ' => Viseme::Oh,
        'u' | 'ʊ' | 'w' | 'ɯ' | 'ø' | 'œ' | 'ʉ' | 'ɥ' | 'ʍ' => Viseme::Ou,
        _ => return None,
    })
}

/// Whether a symbol is a vowel, alone or as the first half of a diphthong.
#[must_use]
pub fn is_vowel(symbol: char) -> bool {
    diphthong(symbol).is_some() || "aɑæʌɐeɛəɜᵊɘɞɚɝɪiyᵻɨʏoɔɒɤuʊɯøœʉ".contains(symbol)
}

/// The two vowels of a diphthong that is written as one symbol (the voices'
/// own shorthand for eɪ, aɪ, oʊ, əʊ, aʊ, ɔɪ).
#[must_use]
pub fn diphthong(symbol: char) -> Option<(&'static str, &'static str)> {
    Some(match symbol {
        'A' => ("e", "ɪ"),
        'I' => ("a", "ɪ"),
        'O' => ("o", "ʊ"),
        'Q' => ("ə", "ʊ"),
        'W' => ("a", "ʊ"),
        'Y' => ("ɔ", "ɪ"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_viseme_but_rest_has_a_sound() {
        let sounds = "p f θ t k tʃ s n ɹ a e ɪ o u";
        let visemes: Vec<_> = sounds.split(' ').filter_map(of).collect();
        assert_eq!(visemes, Viseme::ALL[1..]);
    }

    #[test]
    fn a_stop_is_not_an_affricate() {
        assert_eq!(of("dʒ"), Some(Viseme::Ch));
        assert_eq!(of("d"), Some(Viseme::Dd));
        assert_eq!(of("ts"), Some(Viseme::Dd));
    }

    #[test]
    fn marks_have_no_viseme() {
        for mark in ["", " ", "ˈ", "ː", "h", ".", "❓"] {
            assert_eq!(of(mark), None, "{mark}");
        }
    }

    #[test]
    fn halves_of_diphthongs_are_vowels_with_a_viseme() {
        for symbol in "AIOQWY".chars() {
            let (first, second) = diphthong(symbol).unwrap();
            assert!(of(first).is_some() && of(second).is_some());
        }
    }
}
