//! The lexicon's notation in that of espeak-ng, which Piper voices learnt.

use crate::g2p::{Accent, Sound};

/// A symbol of the voice's input and the written word it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Symbol {
    pub symbol: char,
    pub word: Option<usize>,
}

/// What a voice is given for a clause.
pub(super) fn of(sounds: &[Sound], accent: Accent, ends_sentence: bool) -> Vec<Symbol> {
    let mut symbols: Vec<Symbol> = Vec::new();
    for sound in sounds {
        match sound {
            Sound::Word { phonemes, piece } => {
                if !symbols.is_empty() {
                    symbols.push(Symbol {
                        symbol: ' ',
                        word: None,
                    });
                }
                symbols.extend(espeak(phonemes, accent).chars().map(|symbol| Symbol {
                    symbol,
                    word: Some(*piece),
                }));
            }
            Sound::Mark(mark) => symbols.push(Symbol {
                // These two are not in what the voices learnt from.
                symbol: match mark {
                    '—' | '…' => ',',
                    mark => *mark,
                },
                word: None,
            }),
        }
    }
    // Without a mark at its end the voice would break off.
    let last = symbols.last().map(|last| last.symbol);
    let is_open = last.is_some_and(|last| !matches!(last, '.' | '!' | '?' | ',' | ';' | ':'));
    let is_cut = ends_sentence && matches!(last, Some(',' | ';' | ':'));
    if is_cut {
        symbols.pop();
    }
    if is_open || is_cut {
        symbols.push(Symbol {
            symbol: if ends_sentence { '.' } else { ',' },
            word: None,
        });
    }
    symbols
}

/// One word in the notation of espeak-ng.
fn espeak(phonemes: &str, accent: Accent) -> String {
    let mut word = String::with_capacity(phonemes.len() + 8);
    let mut symbols = phonemes.chars().peekable();
    while let Some(symbol) = symbols.next() {
        let american = accent == Accent::American;
        let before_r = american && symbols.peek() == Some(&'ɹ');
        let spelling = match symbol {
            'A' => "eɪ",
            'I' => "aɪ",
            'O' => "oʊ",
            'Q' => "əʊ",
            'W' => "aʊ",
            'Y' => "ɔɪ",
            'ʤ' => "dʒ",
            'ʧ' => "tʃ",
            'ᵊ' => "ə",
            'ɜ' if before_r => {
                symbols.next();
                "ɜː"
            }
            'ə' if before_r => {
                symbols.next();
                "ɚ"
            }
            'ɑ' if american => "ɑː",
            'i' if american => "iː",
            'u' if american => "uː",
            'ɔ' if american => "ɔː",
            other => {
                word.push(other);
                continue;
            }
        };
        word.push_str(spelling);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(symbols: &[Symbol]) -> String {
        symbols.iter().map(|symbol| symbol.symbol).collect()
    }

    fn word(phonemes: &str) -> Sound {
        Sound::Word {
            phonemes: phonemes.to_owned(),
            piece: 0,
        }
    }

    #[test]
    fn notation_is_that_of_espeak() {
        assert_eq!(
            espeak("ʧˌætʤˌipˌitˈi", Accent::American),
            "tʃˌætdʒˌiːpˌiːtˈiː"
        );
        assert_eq!(espeak("kəbˈɜɹnəts", Accent::American), "kəbˈɜːnəts");
        assert_eq!(espeak("wˈɔtəɹ", Accent::American), "wˈɔːtɚ");
        assert_eq!(espeak("ɡˌQ hˈɑːd", Accent::British), "ɡˌəʊ hˈɑːd");
    }

    #[test]
    fn clauses_end_with_a_mark() {
        let sounds = [word("bi"), Sound::Mark(','), word("bi")];
        assert_eq!(text(&of(&sounds, Accent::American, true)), "biː, biː.");
        assert_eq!(text(&of(&sounds, Accent::American, false)), "biː, biː,");
        assert_eq!(text(&of(&sounds[..2], Accent::American, true)), "biː.");
        assert_eq!(text(&of(&sounds[..2], Accent::American, false)), "biː,");
        let asked = [word("bi"), Sound::Mark('?')];
        assert_eq!(text(&of(&asked, Accent::American, true)), "biː?");
    }
}
