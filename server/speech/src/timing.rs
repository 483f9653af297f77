//! Durations of a voice's symbols to phonemes and words on the media clock.

use std::ops::Range;

use media::{CLOCK_HZ, Phoneme, Timings, Viseme, Word};

use crate::viseme;

/// One symbol as a voice is given it, with its length.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unit {
    /// IPA, a stress or length mark, a space, a punctuation mark, or
    /// [`SILENCE`].
    pub symbol: char,
    /// Index of the written word it belongs to.
    pub word: Option<usize>,
    /// Seconds.
    pub length: f64,
}

/// The symbol of silence at the ends of a clause.
pub(crate) const SILENCE: char = '\0';

/// A gap between words that is shorter than this is no pause: the mouth goes
/// from one word to the next. Seconds. Models spend up to this on the closure
/// of a stop.
const SHORTEST_GAP: f64 = 0.1;

/// The same where a punctuation mark stands.
const SHORTEST_PAUSE: f64 = 0.05;

struct Span {
    /// Empty for a pause.
    ipa: String,
    viseme: Viseme,
    stress: u8,
    word: Option<usize>,
    length: f64,
}

/// Lays units on the clock of their clause.
///
/// `delay` is by how much the voice's labels are late, seconds; `total` the
/// length of the clause with all its silence, media samples; `words` the
/// written words with their ranges in the clause, at the index that units name.
pub(crate) fn lay(
    units: &[Unit],
    delay: f64,
    total: i64,
    words: &[(String, Range<usize>)],
) -> Timings {
    let spans = spans(units);
    let mut phonemes: Vec<Phoneme> = Vec::with_capacity(spans.len());
    let mut places: Vec<Option<(i64, i64)>> = vec![None; words.len()];
    let mut at = 0.0;
    let mut start = 0;
    for (index, span) in spans.iter().enumerate() {
        at += span.length;
        let end = if index + 1 == spans.len() {
            total
        } else {
            (((at - delay) * CLOCK_HZ as f64).round() as i64).clamp(start, total)
        };
        if let Some(place) = span.word.and_then(|word| places.get_mut(word)) {
            let first = place.map_or(start, |(first, _)| first);
            *place = Some((first, end));
        }
        if end > start {
            phonemes.push(Phoneme {
                ipa: span.ipa.clone(),
                viseme: span.viseme,
                start,
                end,
                stress: span.stress,
            });
        }
        start = end;
    }
    Timings {
        phonemes,
        words: words
            .iter()
            .zip(places)
            .filter_map(|((text, range), place)| {
                place.map(|(start, end)| Word {
                    text: text.clone(),
                    range: range.clone(),
                    start,
                    end,
                })
            })
            .collect(),
    }
}

fn spans(units: &[Unit]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::with_capacity(units.len());
    let mut stress = 0;
    // Length of marks that belong to the sound after them.
    let mut carried = 0.0;
    // Shortest length at which the pause that is open counts as one.
    let mut shortest = SHORTEST_GAP;
    for unit in units {
        match unit.symbol {
            'ˈ' | 'ˌ' => {
                stress = if unit.symbol == 'ˈ' { 2 } else { 1 };
                carried += unit.length;
                continue;
            }
            'ː' | '̩' | '̃' | 'ʲ' | 'ʰ' => {
                if let Some(span) = spans.last_mut() {
                    span.length += unit.length;
                    if !span.ipa.is_empty() {
                        span.ipa.push(unit.symbol);
                    }
                }
                continue;
            }
            symbol if symbol.is_alphabetic() => {}
            mark => {
                let is_new = spans.last().is_none_or(|span| !span.ipa.is_empty());
                if is_new {
                    shortest = SHORTEST_GAP;
                    spans.push(Span {
                        ipa: String::new(),
                        viseme: Viseme::Sil,
                        stress: 0,
                        word: None,
                        length: 0.0,
                    });
                }
                if mark != ' ' {
                    shortest = SHORTEST_PAUSE;
                }
                if let Some(pause) = spans.last_mut() {
                    pause.length += unit.length + std::mem::take(&mut carried);
                }
                continue;
            }
        }
        absorb_short_pause(&mut spans, shortest, &mut carried);
        let length = unit.length + std::mem::take(&mut carried);
        if let Some(span) = spans.last_mut()
            && matches!(unit.symbol, 'ʃ' | 'ʒ')
            && matches!(span.ipa.as_str(), "t" | "d")
            && span.word == unit.word
        {
            span.ipa.push(unit.symbol);
            span.viseme = Viseme::Ch;
            span.length += length;
            continue;
        }
        let mut push = |ipa: &str, length| {
            spans.push(Span {
                ipa: ipa.to_owned(),
                // Sounds without a shape are given one below.
                viseme: viseme::of(ipa).unwrap_or(Viseme::Sil),
                stress,
                word: unit.word,
                length,
            });
        };
        match viseme::diphthong(unit.symbol) {
            Some((first, second)) => {
                push(first, length * viseme::NUCLEUS);
                push(second, length * (1.0 - viseme::NUCLEUS));
            }
            None => match unit.symbol {
                'ʤ' => push("dʒ", length),
                'ʧ' => push("tʃ", length),
                symbol => push(symbol.encode_utf8(&mut [0; 4]), length),
            },
        }
        if viseme::is_vowel(unit.symbol) {
            stress = 0;
        }
    }
    lend_shapes(&mut spans);
    spans
}

/// Gives a short pause to the sounds on both sides of it.
fn absorb_short_pause(spans: &mut Vec<Span>, shortest: f64, carried: &mut f64) {
    let is_short = |span: &Span| span.ipa.is_empty() && span.length < shortest;
    if spans.len() < 2 || !spans.last().is_some_and(is_short) {
        return;
    }
    if let Some(pause) = spans.pop() {
        *carried += pause.length / 2.0;
        if let Some(before) = spans.last_mut() {
            before.length += pause.length / 2.0;
        }
    }
}

/// A sound without a shape of its own (`h`) takes that of the sound after it,
/// else of the one before.
fn lend_shapes(spans: &mut [Span]) {
    for index in (0..spans.len()).rev() {
        let span = &spans[index];
        if span.ipa.is_empty() || viseme::of(&span.ipa).is_some() {
            continue;
        }
        let after = spans.get(index + 1).filter(|next| !next.ipa.is_empty());
        let before = index.checked_sub(1).map(|before| &spans[before]);
        if let Some(lender) = after.or(before) {
            spans[index].viseme = lender.viseme;
        }
    }
}

/// Words spread over a time by the length of their text, for voices that give
/// no durations.
pub(crate) fn spread(words: &[(String, Range<usize>)], total: i64) -> Timings {
    let weight = |text: &str| text.chars().count() as i64 + 1;
    let whole: i64 = words.iter().map(|(text, _)| weight(text)).sum();
    let mut before = 0;
    Timings {
        phonemes: Vec::new(),
        words: words
            .iter()
            .map(|(text, range)| {
                let start = before * total / whole.max(1);
                before += weight(text);
                Word {
                    text: text.clone(),
                    range: range.clone(),
                    start,
                    end: before * total / whole.max(1),
                }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str, length: f64) -> Vec<Unit> {
        let mut word = 0;
        text.chars()
            .map(|symbol| {
                if symbol == ' ' {
                    word += 1;
                }
                Unit {
                    symbol: if symbol == '_' { SILENCE } else { symbol },
                    word: symbol.is_alphabetic().then_some(word),
                    length,
                }
            })
            .collect()
    }

    fn words(text: &str) -> Vec<(String, Range<usize>)> {
        let mut at = 0;
        text.split(' ')
            .map(|word| {
                let range = at..at + word.len();
                at = range.end + 1;
                (word.to_owned(), range)
            })
            .collect()
    }

    fn shown(timings: &Timings) -> String {
        let spans: Vec<_> = timings
            .phonemes
            .iter()
            .map(|p| format!("{}{}", p.ipa, ["", "2", "1"][p.stress as usize]))
            .collect();
        spans.join("|")
    }

    #[test]
    fn marks_join_the_sound_they_belong_to() {
        let timings = lay(&units("_hˈɛlɡoː_", 0.05), 0.0, 21_600, &words("hello"));
        assert_eq!(shown(&timings), "|h|ɛ1|l|ɡ|oː|");
        assert_eq!(timings.phonemes[1].viseme, Viseme::E, "h looks ahead");
        let vowel = &timings.phonemes[2];
        assert_eq!((vowel.start, vowel.end), (4_800, 9_600), "with its mark");
    }

    #[test]
    fn spans_touch_and_cover_the_clause() {
        let timings = lay(
            &units("_tʃˈIm, bɑ._", 0.06),
            0.025,
            50_000,
            &words("chime ba"),
        );
        assert_eq!(shown(&timings), "|tʃ|a1|ɪ1|m||b|ɑ|");
        assert_eq!(timings.phonemes[0].start, 0);
        for pair in timings.phonemes.windows(2) {
            assert_eq!(pair[0].end, pair[1].start);
        }
        assert_eq!(timings.phonemes.last().map(|p| p.end), Some(50_000));
        assert_eq!(timings.words.len(), 2);
        assert_eq!(timings.words[1].range, 6..8);
        assert!(timings.words[0].end <= timings.words[1].start);
    }

    #[test]
    fn short_gaps_are_no_pauses() {
        let timings = lay(&units("bɑ bɑ", 0.05), 0.0, 12_000, &words("ba ba"));
        assert_eq!(shown(&timings), "b|ɑ|b|ɑ");
        assert_eq!(timings.words[0].end, timings.words[1].start);
    }

    #[test]
    fn labels_are_moved_by_their_delay() {
        let late = lay(&units("bɑbɑ", 0.1), 0.05, 19_200, &words("baba"));
        let starts: Vec<_> = late.phonemes.iter().map(|p| p.start).collect();
        assert_eq!(starts, [0, 2_400, 7_200, 12_000]);
    }

    #[test]
    fn estimates_follow_the_length_of_words() {
        let timings = spread(&words("a longer b"), 48_000);
        assert_eq!(timings.words[0].start, 0);
        assert_eq!(timings.words[2].end, 48_000);
        let length = |index: usize| timings.words[index].end - timings.words[index].start;
        assert!(length(1) > 3 * length(0));
    }
}
