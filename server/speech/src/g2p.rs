//! Words to phonemes, for American and British English.
//!
//! The lexicons and the part-of-speech tagger are those of `misaki-rs` (MIT,
//! lexicons Apache-2.0); words that are in none of them are taken apart or
//! spelled, and at last read by a [network](gru). Phonemes are in the
//! notation of the lexicon: IPA without length marks in American English, with
//! one capital for a diphthong (`A` eɪ, `I` aɪ, `O` oʊ, `Q` əʊ, `W` aʊ, `Y` ɔɪ),
//! `ʤ` and `ʧ` for the affricates, and `ᵊ` for a schwa that is hardly there.

pub mod gru;
mod letters;

use std::sync::Arc;

use misaki_rs::lexicon::TokenContext;
use misaki_rs::spacy_tagger::Tagger;
use misaki_rs::{Language, Lexicon};

use crate::normalise::Piece;

/// How English is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Accent {
    /// General American.
    American,
    /// Received Pronunciation.
    British,
}

/// What is heard, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sound {
    /// A spoken word.
    Word {
        /// Its phonemes, never empty.
        phonemes: String,
        /// Index of the [`Piece`] that it was read from. Several words may come
        /// from one piece: `5:30` is two.
        piece: usize,
    },
    /// A punctuation mark, one of `, . ! ? ; : — …`.
    Mark(char),
}

/// Reads words aloud. Shared by all voices of one accent: about 50 MB and
/// 70 ms to build.
pub struct Phonemiser {
    accent: Accent,
    lexicon: Lexicon,
    tagger: Tagger,
    unknown: Arc<gru::Network>,
}

struct Token<'a> {
    text: &'a str,
    piece: usize,
}

impl Token<'_> {
    fn mark(&self) -> Option<char> {
        let mut letters = self.text.chars();
        letters
            .next()
            .filter(|&first| letters.next().is_none() && is_mark(first))
    }
}

fn is_mark(letter: char) -> bool {
    matches!(letter, ',' | '.' | '!' | '?' | ';' | ':' | '—' | '…')
}

impl Phonemiser {
    /// Builds the lexicon of an accent.
    #[must_use]
    pub fn new(accent: Accent, unknown: Arc<gru::Network>) -> Self {
        Self {
            accent,
            lexicon: Lexicon::new(match accent {
                Accent::American => Language::EnglishUS,
                Accent::British => Language::EnglishGB,
            }),
            tagger: Tagger::load(),
            unknown,
        }
    }

    /// The accent of its words.
    #[must_use]
    pub fn accent(&self) -> Accent {
        self.accent
    }

    /// Reads a clause.
    #[must_use]
    pub fn read(&self, pieces: &[Piece]) -> Vec<Sound> {
        let marks: Vec<String> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Word(_) => String::new(),
                Piece::Mark { mark, .. } => mark.to_string(),
            })
            .collect();
        let mut tokens = Vec::new();
        for (piece, each) in pieces.iter().enumerate() {
            match each {
                Piece::Word(word) => tokens.extend(
                    word.spoken
                        .split([' ', '-'])
                        .filter(|text| !text.is_empty())
                        .map(|text| Token { text, piece }),
                ),
                Piece::Mark { .. } => tokens.push(Token {
                    text: &marks[piece],
                    piece,
                }),
            }
        }
        let tags = self.tag(&tokens);
        let mut sounds = Vec::with_capacity(tokens.len());
        let mut context = TokenContext::default();
        for (token, tag) in tokens.iter().zip(&tags).rev() {
            if let Some(mark) = token.mark() {
                context = TokenContext::default();
                sounds.push(Sound::Mark(mark));
                continue;
            }
            let phonemes = self.word(token.text, tag, &context);
            context = TokenContext {
                future_vowel: phonemes
                    .chars()
                    .find(|symbol| !matches!(symbol, 'ˈ' | 'ˌ'))
                    .map(is_vowel)
                    .or(context.future_vowel),
                future_to: token.text.eq_ignore_ascii_case("to"),
            };
            if !phonemes.is_empty() {
                sounds.push(Sound::Word {
                    phonemes,
                    piece: token.piece,
                });
            }
        }
        sounds.reverse();
        sounds
    }

    /// Part-of-speech tags, which decide words such as "read" and "record".
    fn tag(&self, tokens: &[Token<'_>]) -> Vec<&str> {
        let mut parts = Vec::with_capacity(tokens.len());
        let mut heads = Vec::with_capacity(tokens.len());
        for token in tokens {
            heads.push(parts.len());
            // The tagger was trained on contractions in two parts.
            match contraction(token.text) {
                Some((head, tail, norm)) => {
                    parts.push((head.to_owned(), head.to_lowercase(), false));
                    parts.push((tail.to_owned(), norm.to_owned(), true));
                }
                None => parts.push((token.text.to_owned(), token.text.to_lowercase(), true)),
            }
        }
        for index in 1..heads.len() {
            if tokens[index].mark().is_some() {
                parts[heads[index] - 1].2 = false;
            }
        }
        let tags = self.tagger.tag(&parts);
        heads.into_iter().map(|head| tags[head]).collect()
    }

    fn word(&self, word: &str, tag: &str, context: &TokenContext) -> String {
        let found = self
            .known(word, tag, Some(context))
            .or_else(|| self.known(&letters::fold(word), tag, Some(context)))
            .unwrap_or_else(|| self.unknown(&letters::fold(word), tag));
        found.chars().filter(|&symbol| is_symbol(symbol)).collect()
    }

    fn known(&self, word: &str, tag: &str, context: Option<&TokenContext>) -> Option<String> {
        // The lexicon spells whatever is in capitals and not in it; a long
        // word in capitals is rather a word that is shouted.
        const LONGEST_ACRONYM: usize = 5;
        // The lexicon cuts endings off by bytes, at most so many, and panics
        // within a character; such words are looked up folded to ASCII.
        const CUT: usize = 4;
        if !word.chars().rev().take(CUT).all(|c| c.is_ascii()) {
            return None;
        }
        let shouted = word.len() > LONGEST_ACRONYM && !word.contains(|c: char| !c.is_uppercase());
        let lowered;
        let word = if shouted && !self.lexicon.in_gold(word) {
            lowered = word.to_lowercase();
            &lowered
        } else {
            word
        };
        let stress = if !word.contains(char::is_uppercase) {
            None
        } else if word.contains(char::is_lowercase) {
            Some(self.lexicon.cap_stresses.0)
        } else {
            Some(self.lexicon.cap_stresses.1)
        };
        self.lexicon
            .get_word(word, tag, stress, context)
            .map(|(phonemes, _)| phonemes)
            .filter(|phonemes| !phonemes.is_empty())
    }

    /// A word that the lexicon lacks, in ASCII letters and apostrophes.
    fn unknown(&self, word: &str, tag: &str) -> String {
        let word = word.trim_matches('\'');
        if let Some(owner) = word.strip_suffix("'s").filter(|owner| !owner.is_empty()) {
            let mut phonemes = self
                .known(owner, tag, None)
                .unwrap_or_else(|| self.unknown(owner, tag));
            phonemes.push_str(letters::plural(&phonemes));
            return phonemes;
        }
        let humps = letters::humps(word);
        if humps.len() > 1 {
            return humps
                .iter()
                .map(|hump| {
                    self.known(hump, tag, None)
                        .unwrap_or_else(|| self.unknown(hump, tag))
                })
                .collect();
        }
        if letters::is_unpronounceable(word) {
            return self.spell(word);
        }
        self.compound(&word.to_lowercase())
            .unwrap_or_else(|| letters::from_arpabet(&self.unknown.pronounce(word), self.accent))
    }

    fn spell(&self, word: &str) -> String {
        word.chars()
            .filter_map(|letter| self.known(&letter.to_uppercase().to_string(), "NNP", None))
            .collect()
    }

    /// A word made of two known ones ("livestream"): the second is stressed
    /// less.
    fn compound(&self, word: &str) -> Option<String> {
        /// Shorter parts are found in too many words by chance.
        const SHORTEST: usize = 4;
        let splits = SHORTEST..=word.len().checked_sub(SHORTEST)?;
        let (head, tail) = splits
            .filter_map(|at| word.split_at_checked(at))
            .find(|(head, tail)| self.lexicon.in_gold(head) && self.lexicon.in_gold(tail))?;
        let head = self.known(head, "NN", None)?;
        let tail = self.known(tail, "NN", None)?;
        Some(head + &tail.replace('ˌ', "").replace('ˈ', "ˌ"))
    }
}

/// A contraction as head, tail and the word that the tail stands for.
fn contraction(word: &str) -> Option<(&str, &str, &'static str)> {
    const TAILS: [(&str, &str); 7] = [
        ("n't", "not"),
        ("'m", "am"),
        ("'re", "are"),
        ("'ve", "have"),
        ("'ll", "will"),
        ("'d", "'d"),
        ("'s", "'s"),
    ];
    TAILS.into_iter().find_map(|(tail, norm)| {
        let head = word.strip_suffix(tail).filter(|head| !head.is_empty())?;
        Some((head, &word[head.len()..], norm))
    })
}

/// Whether a symbol of the lexicon's notation is a vowel.
#[must_use]
pub fn is_vowel(symbol: char) -> bool {
    "AIOQWYaiuæɑɒɔəɐɛɜɪʊʌᵻᵊ".contains(symbol)
}

fn is_symbol(symbol: char) -> bool {
    is_vowel(symbol) || "bdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθʔˈˌː".contains(symbol)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::normalise::normalise;
    use crate::testing;

    fn phonemes(text: &str, accent: Accent) -> String {
        let words: Vec<String> = testing::phonemiser(accent)
            .read(&normalise(text))
            .into_iter()
            .map(|sound| match sound {
                Sound::Word { phonemes, .. } => phonemes,
                Sound::Mark(mark) => mark.to_string(),
            })
            .collect();
        words.join(" ")
    }

    #[test]
    fn the_part_of_speech_decides() {
        assert_eq!(
            phonemes("Please read the report I read yesterday.", Accent::American),
            "plˈiz ɹˈid ðə ɹəpˈɔɹt ˌI ɹˈɛd jˈɛstəɹdˌA ."
        );
        assert_eq!(
            phonemes("They record a record every week.", Accent::American),
            "ðˌA ɹəkˈɔɹd ɐ ɹˈɛkəɹd ˈɛvəɹi wˈik ."
        );
    }

    #[test]
    fn the_next_sound_decides() {
        let said = phonemes("the apple, the pear, to go, to eat", Accent::American);
        assert!(
            said.starts_with("ði ˈæpᵊl , ðə pˈɛɹ , tə ɡˌO , tʊ"),
            "{said}"
        );
    }

    #[test]
    fn accents_differ() {
        assert_eq!(phonemes("go home", Accent::American), "ɡˌO hˈOm");
        assert_eq!(phonemes("go home", Accent::British), "ɡˌQ hˈQm");
    }

    #[test]
    fn acronyms_are_spelled() {
        assert_eq!(phonemes("API", Accent::American), "ˌApˌiˈI");
        assert_eq!(phonemes("U.S.A.", Accent::American), "jˌuˌɛsˈA");
        let said = phonemes("qzxwv", Accent::American);
        assert!(said.contains("kj") && said.len() > 10, "{said}");
    }

    #[test]
    fn unknown_words_are_read() {
        assert_eq!(phonemes("Kubernetes", Accent::American), "kəbˈɜɹnəts");
        let owner = phonemes("Kubernetes's", Accent::American);
        assert_eq!(owner, "kəbˈɜɹnətsᵻz");
        let parts = [
            phonemes("cloud", Accent::American),
            phonemes("butter", Accent::American).replace('ˈ', "ˌ"),
        ];
        assert_eq!(phonemes("cloudbutter", Accent::American), parts.concat());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn anything_is_read_in_known_symbols(
            text in "((\\PC|[A-Za-z'À-ÿ.-]){1,12}(s|es|ed|ing|'s|s'|ies)?[ ,.]{0,2}){0,12}",
            british: bool,
        ) {
            let accent = if british { Accent::British } else { Accent::American };
            let pieces = normalise(&text);
            for sound in testing::phonemiser(accent).read(&pieces) {
                if let Sound::Word { phonemes, piece } = sound {
                    prop_assert!(!phonemes.is_empty() && phonemes.chars().all(is_symbol));
                    prop_assert!(matches!(pieces[piece], Piece::Word(_)));
                }
            }
        }
    }

    #[test]
    fn endings_behind_letters_of_several_bytes_are_read() {
        for word in ["YozØing", "XØing", "étés", "Øed", "Øies", "日本s"] {
            for accent in [Accent::American, Accent::British] {
                assert!(
                    !phonemes(&format!("a {word} b"), accent).is_empty(),
                    "{word}"
                );
            }
        }
    }

    #[test]
    fn contractions_are_words() {
        let said = phonemes("I don't think they're here, it's Tom's.", Accent::American);
        assert_eq!(said.matches(' ').count(), 8, "{said}");
    }
}
