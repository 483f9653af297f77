//! Rules of letters and notation around the lexicon and the network.

use super::{Accent, is_vowel};

/// Latin letters without their marks: `é` to `e`, `ß` to `ss`.
pub(super) fn fold(word: &str) -> String {
    word.chars()
        .filter_map(|letter| {
            Some(
                match letter {
                    'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
                    'À'..='Å' | 'Ā' | 'Ă' | 'Ą' => "A",
                    'æ' | 'Æ' => "ae",
                    'ç' | 'ć' | 'č' => "c",
                    'Ç' | 'Ć' | 'Č' => "C",
                    'ď' | 'đ' | 'ð' => "d",
                    'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
                    'È'..='Ë' | 'Ē' | 'Ė' | 'Ę' | 'Ě' => "E",
                    'ğ' => "g",
                    'ì'..='ï' | 'ī' | 'į' | 'ı' => "i",
                    'Ì'..='Ï' | 'Ī' | 'İ' => "I",
                    'ł' => "l",
                    'Ł' => "L",
                    'ñ' | 'ń' | 'ň' => "n",
                    'Ñ' | 'Ń' => "N",
                    'ò'..='ö' | 'ø' | 'ō' | 'ő' => "o",
                    'Ò'..='Ö' | 'Ø' | 'Ō' | 'Ő' => "O",
                    'œ' | 'Œ' => "oe",
                    'ř' => "r",
                    'ś' | 'š' | 'ş' | 'ș' => "s",
                    'Ś' | 'Š' | 'Ş' | 'Ș' => "S",
                    'ß' => "ss",
                    'ť' | 'ţ' | 'ț' => "t",
                    'þ' | 'Þ' => "th",
                    'ù'..='ü' | 'ū' | 'ů' | 'ű' => "u",
                    'Ù'..='Ü' | 'Ū' | 'Ů' | 'Ű' => "U",
                    'ý' | 'ÿ' => "y",
                    'ź' | 'ż' | 'ž' => "z",
                    'Ź' | 'Ż' | 'Ž' => "Z",
                    letter if letter.is_ascii_alphabetic() => return Some(letter.to_string()),
                    '\'' => "'",
                    _ => return None,
                }
                .to_owned(),
            )
        })
        .collect()
}

/// The humps of camel case: `ChatGPT` is `Chat` and `GPT`, `iPhone` is `i` and
/// `Phone`. ASCII only.
pub(super) fn humps(word: &str) -> Vec<&str> {
    let bytes = word.as_bytes();
    let mut humps = Vec::new();
    let mut start = 0;
    for at in 1..bytes.len() {
        let upper = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_uppercase);
        let lower = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_lowercase);
        let rises = lower(at - 1) && upper(at);
        let falls = at > start + 1 && upper(at - 1) && upper(at) && lower(at + 1);
        // A plural of an acronym ("PDFs") is one hump.
        let plural = at + 2 == bytes.len() && bytes[at + 1] == b's';
        if rises || (falls && !plural) {
            humps.push(&word[start..at]);
            start = at;
        }
    }
    humps.push(&word[start..]);
    humps
}

/// Whether a word is better spelled: all capitals, or no vowel at all.
pub(super) fn is_unpronounceable(word: &str) -> bool {
    let capitals = word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase());
    capitals
        || !word
            .bytes()
            .any(|b| b"aeiouy".contains(&b.to_ascii_lowercase()))
}

/// The ending of a plural or possessive after these phonemes.
pub(super) fn plural(phonemes: &str) -> &'static str {
    match phonemes.chars().next_back() {
        Some('s' | 'z' | 'ʃ' | 'ʒ' | 'ʧ' | 'ʤ') => "ᵻz",
        Some('p' | 't' | 'k' | 'f' | 'θ') => "s",
        _ => "z",
    }
}

/// `ARPAbet` to the notation of the lexicon.
pub(super) fn from_arpabet(sounds: &[&str], accent: Accent) -> String {
    let mut phonemes = String::new();
    let british = accent == Accent::British;
    let base = |index: usize| {
        sounds
            .get(index)
            .map_or("", |sound| sound.trim_end_matches(['0', '1', '2']))
    };
    for (index, sound) in sounds.iter().enumerate() {
        let unstressed = sound.ends_with('0');
        if sound.ends_with('1') {
            phonemes.push('ˈ');
        } else if sound.ends_with('2') {
            phonemes.push('ˌ');
        }
        phonemes.push_str(match base(index) {
            "AA" if british && base(index + 1) == "R" => "ɑː",
            "AA" if british => "ɒ",
            "AA" => "ɑ",
            "AE" if british => "a",
            "AE" => "æ",
            "AH" if unstressed => "ə",
            "AH" => "ʌ",
            "AO" if british => "ɔː",
            "AO" => "ɔ",
            "AW" => "W",
            "AY" => "I",
            "CH" => "ʧ",
            "DH" => "ð",
            "EH" => "ɛ",
            "ER" if british && unstressed => "ə",
            "ER" if british => "ɜː",
            "ER" if unstressed => "əɹ",
            "ER" => "ɜɹ",
            "EY" => "A",
            "G" => "ɡ",
            "HH" => "h",
            "IH" => "ɪ",
            "IY" if british && !unstressed => "iː",
            "IY" => "i",
            "JH" => "ʤ",
            "NG" => "ŋ",
            "OW" if british => "Q",
            "OW" => "O",
            "OY" => "Y",
            // British speakers say r before vowels only.
            "R" if british
                && !sounds
                    .get(index + 1)
                    .is_some_and(|next| is_arpabet_vowel(next)) =>
            {
                ""
            }
            "R" => "ɹ",
            "SH" => "ʃ",
            "TH" => "θ",
            "UH" => "ʊ",
            "UW" if british => "uː",
            "UW" => "u",
            "Y" => "j",
            "ZH" => "ʒ",
            "B" => "b",
            "D" => "d",
            "F" => "f",
            "K" => "k",
            "L" => "l",
            "M" => "m",
            "N" => "n",
            "P" => "p",
            "S" => "s",
            "T" => "t",
            "V" => "v",
            "W" => "w",
            "Z" => "z",
            _ => "",
        });
    }
    // A word needs a stressed syllable.
    if !phonemes.contains('ˈ')
        && let Some(at) = phonemes.find(is_vowel)
    {
        phonemes.insert(at, 'ˈ');
    }
    phonemes
}

fn is_arpabet_vowel(sound: &str) -> bool {
    sound.starts_with(['A', 'E', 'I', 'O', 'U'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn camel_case_comes_apart_at_its_humps() {
        assert_eq!(humps("ChatGPT"), ["Chat", "GPT"]);
        assert_eq!(humps("iPhone"), ["i", "Phone"]);
        assert_eq!(humps("JSONParser"), ["JSON", "Parser"]);
        assert_eq!(humps("PDFs"), ["PDFs"]);
        assert_eq!(humps("plain"), ["plain"]);
        assert_eq!(humps(""), [""]);
    }

    #[test]
    fn marks_fall_off_letters() {
        assert_eq!(fold("Café"), "Cafe");
        assert_eq!(fold("Straße"), "Strasse");
        assert_eq!(fold("日本"), "");
    }

    #[test]
    fn plurals_follow_the_last_sound() {
        assert_eq!(plural("kˈæt"), "s");
        assert_eq!(plural("dˈɔɡ"), "z");
        assert_eq!(plural("bˈʌs"), "ᵻz");
    }

    #[test]
    fn arpabet_is_read_in_both_accents() {
        let sounds = ["K", "AA1", "R", "T"];
        assert_eq!(from_arpabet(&sounds, Accent::American), "kˈɑɹt");
        assert_eq!(from_arpabet(&sounds, Accent::British), "kˈɑːt");
        assert_eq!(from_arpabet(&["B", "AH0"], Accent::American), "bˈə");
    }
}
