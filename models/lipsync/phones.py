"""Phones, visemes and made-up words.

One table says by which of the fifteen visemes a phone is shown; further tables
bring the phone sets of the speech engines to IPA. `pseudo_words` makes words
that could be of a language from its inventory of sounds: that needs no text, no
dictionary and no letter-to-sound rules, and covers mouths that English does not.
"""

import unicodedata

VISEMES = ["sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou"]
INDEX = {name: i for i, name in enumerate(VISEMES)}

# First the viseme that shows the phone, then others that would also do.
_TABLE = {
    "PP": "p b m ɓ",
    "FF": "f v ʋ ɱ",
    "TH": "θ ð",
    "DD": "t d ʈ ɖ",
    "kk": "k g ɡ q x ɣ χ",
    "CH": "ʃ ʒ ʧ ʤ ɕ ʑ ʂ ʐ ʨ ʥ ꭧ",
    "SS": "s z ʦ ʣ",
    "nn": "n l ɫ ɲ ɳ ɴ ʎ ŋ",
    "RR": "ɹ r ɻ",
    "aa": "a ɑ ɐ ʌ æ",
    "E": "e ɛ ə ɜ ɘ",
    "ih": "i ɪ ɨ ᵻ j ʝ",
    "oh": "o ɔ ɒ œ",
    "ou": "u ʊ w y ø ɥ ʉ",
}
_ALSO = {
    "β": ("PP", "FF", "ou"), "ɸ": ("FF", "PP", "ou"), "ɾ": ("DD", "RR", "nn"), "ɽ": ("RR", "DD"),
    "ʁ": ("kk", "RR"), "c": ("kk", "DD", "CH"), "ɟ": ("kk", "DD", "CH"), "ŋ": ("nn", "kk"),
    "ɚ": ("RR", "E"), "ɝ": ("RR", "E"), "ɜ": ("E", "RR"), "ɐ": ("aa", "E"), "ʌ": ("aa", "E"),
    "æ": ("aa", "E"), "ə": ("E", "ih", "aa"), "œ": ("oh", "E", "ou"), "ø": ("ou", "oh"),
    "y": ("ou", "ih"), "ɥ": ("ou", "ih"), "ɤ": ("oh", "E"), "ɯ": ("ou", "ih"), "ɰ": ("ou", "ih"),
    "ç": ("ih", "SS", "CH"), "ᵝ": ("ou",),
}
PHONE = {p: (viseme,) for viseme, row in _TABLE.items() for p in row.split()}
PHONE.update(_ALSO)
# The mouth takes the shape of the neighbours: these teach nothing.
UNSEEN = set("h ɦ ʔ ħ ʕ".split())

# Symbols of the misaki lexicons that stand for two phones.
DIPHTHONGS = {"A": "eɪ", "I": "aɪ", "O": "oʊ", "W": "aʊ", "Y": "ɔɪ", "Q": "əʊ"}
MISAKI = {"ᵊ": "ə", "T": "ɾ", "S": "ʃ"}
STRESS = "ˈˌ"
BEHIND = "ːʰʲ̃↓→↗↘"  # belongs to the phone before
FIRST_HALF = 0.55  # of a diphthong; the glide comes late

ARPABET = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "ay": "aɪ", "b": "b", "ch": "ʧ",
    "d": "d", "dh": "ð", "dx": "ɾ", "eh": "ɛ", "el": "l", "em": "m", "en": "n", "er": "ɝ", "axr": "ɚ",
    "ey": "eɪ", "f": "f", "g": "ɡ", "hh": "h", "hv": "h", "ih": "ɪ", "iy": "i", "jh": "ʤ", "k": "k",
    "l": "l", "m": "m", "n": "n", "nx": "n", "ng": "ŋ", "ow": "oʊ", "oy": "ɔɪ", "p": "p", "r": "ɹ",
    "s": "s", "sh": "ʃ", "t": "t", "th": "θ", "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j",
    "z": "z", "zh": "ʒ", "pau": "", "h#": "", "brth": "", "ssil": "",
}
# Phone set of festival's msu_ru_nsh; a doubled consonant is palatalised, a doubled vowel stressed.
RUSSIAN = {
    "a": "ə", "aa": "a", "ae": "ə", "ay": "ə", "b": "b", "bb": "b", "c": "ʦ", "ch": "ʨ", "d": "d", "dd": "d", "e": "e", "ee": "e",
    "f": "f", "ff": "f", "g": "ɡ", "gg": "ɡ", "h": "x", "hh": "x", "i": "ɪ", "ii": "i", "j": "j", "k": "k",
    "kk": "k", "l": "l", "ll": "l", "m": "m", "mm": "m", "n": "n", "nn": "n", "o": "o", "oo": "o", "p": "p",
    "pp": "p", "r": "r", "rr": "r", "s": "s", "ss": "s", "sch": "ɕ", "sh": "ʂ", "t": "t", "tt": "t",
    "u": "ʊ", "ur": "ʊ", "uu": "u", "v": "v", "vv": "v", "y": "ɨ", "yy": "ɨ", "z": "z", "zz": "z", "zh": "ʐ", "pau": "",
}

# Phone sets of festival's Finnish and Catalan voices; a digit marks stress, a colon length.
FINNISH = {c: c for c in "abdefhijklmnoprstuvyz"} | {"g": "ɡ", "N": "ŋ", "@": "æ", "7": "ø", "{": "æ", "#": ""}
CATALAN = {c: c for c in "abdefijklmnopstuvwxz"} | {
    "g": "ɡ", "ax": "ə", "E": "ɛ", "O": "ɔ", "S": "ʃ", "Z": "ʒ", "L": "ʎ", "J": "ɲ", "N": "ŋ", "r": "ɾ", "rr": "r", "B": "β",
    "D": "ð", "G": "ɣ", "ts": "ʦ", "dz": "ʣ", "tS": "ʧ", "dZ": "ʤ", "y": "j", "uw": "w", "pau": "",
}


def targets(ipa):
    """[(share of the span, visemes or None)] of one phone: None where nothing is to be learnt."""
    letters = [c for c in unicodedata.normalize("NFD", ipa) if c in PHONE or c in UNSEEN]
    if not ipa:
        return [(1.0, ("sil",))]
    if not letters:
        return [(1.0, None)]
    if len(letters) == 2 and letters[0] in "td" and letters[1] in "ʃʒɕʑʂʐ":
        return [(1.0, ("CH", "DD"))]
    if len(letters) == 2 and letters[0] in "td" and letters[1] in "sz":
        return [(1.0, ("SS", "DD"))]
    if len(letters) == 2 and letters[0] not in UNSEEN and letters[1] not in UNSEEN:
        return [(FIRST_HALF, PHONE[letters[0]]), (1 - FIRST_HALF, PHONE[letters[1]])]
    return [(1.0, next((PHONE[c] for c in letters if c in PHONE), None))]


# Inventories: onsets, vowels, codas (with their chance), tones. Sounds are those of Kokoro's vocabulary.
LANGUAGES = {
    "es": ("p b β t d ð k ɡ ɣ m n ɲ f s x ʧ l ɾ r ʎ j pɾ bɾ tɾ kɾ pl bl fl fɾ kl w bw mw pw kw", "a e i o u ja je wa we aj ej", "n s l ɾ m", 0.25, ""),
    "it": ("p b t d k ɡ m n ɲ f v s z ʦ ʣ ʧ ʤ ʃ l ʎ r pr br tr fr fl pl kw mw", "a e ɛ i o ɔ u ja wɔ", "n l r s m", 0.2, ""),
    "pt": ("p b t d k ɡ m n ɲ f v s z ʃ ʒ ʎ l ɾ x ʧ ʤ pɾ bɾ fɾ vl mw", "a ɐ e ɛ i o ɔ u ɐ̃ ẽ õ ĩ ũ ɐ̃w ej ow", "s l ɾ m", 0.2, ""),
    "fr": ("p b t d k ɡ m n ɲ f v s z ʃ ʒ l ʁ j w ɥ pʁ bʁ fʁ vʁ pl bl mw vw", "a e ɛ i o ɔ u y ø œ ə ɑ̃ ɔ̃ ɛ̃ œ̃", "ʁ l t s m p v f b", 0.35, ""),
    "hi": ("p pʰ b bʰ t tʰ d dʰ ʈ ʈʰ ɖ k kʰ ɡ ʧ ʧʰ ʤ m n f v s ʃ l ɾ ɽ j h mj pj", "ə aː ɪ iː ʊ uː eː ɛː oː ɔː ə̃ ãː", "n m ɾ l k t p s b", 0.4, ""),
    "ja": ("p b t d k ɡ m n ɸ s z ɕ ʥ ʨ ʦ h ç ɾ j w bʲ pʲ mʲ kʲ", "a i ɯ e o aː oː ɯː", "ɴ m", 0.12, ""),
    "zh": ("p pʰ t tʰ k kʰ m n f s ʂ ɕ ʦ ʦʰ ꭧ ꭧʰ ʨ ʨʰ l ɻ x w j ɥ", "a ɤ i u y o ai ei au ou ja jau wo wei ɥɛ", "n ŋ", 0.35, "→↗↓↘"),
    "de": ("p b t d k ɡ m n f v s z ʃ ʦ l ʁ j h pf ʃp ʃt ʃv ʃm fl fʁ bl kv", "a aː ɛ eː ɪ iː ɔ oː ʊ uː y yː ø œ ə aɪ aʊ ɔɪ", "n l ɐ s t x ç m p f ŋ k nt st mt", 0.5, ""),
    "en": ("p b t d k ɡ m n f v θ ð s z ʃ ʧ ʤ l ɹ j w h pl pɹ bl bɹ fl fɹ θɹ tɹ kɹ kw sp st sm sn sw", "æ ɛ ɪ ʌ ʊ ɑ ɔ i u A I O W ə ɜɹ ɑɹ ɔɹ", "p b t d k ɡ m n f v θ ð s z ʃ ʧ l ŋ ɹ mp nt nd st ft ks lm", 0.6, ""),
}


def pseudo_words(rng, language, count):
    """`count` made-up words of a language, as IPA strings with stress or tone marks."""
    onsets, vowels, codas, chance, tones = LANGUAGES[language]
    onsets, vowels, codas = onsets.split(), vowels.split(), codas.split()
    # Lips are what people see: sounds made with them come twice as often as the list says.
    onsets += [o for o in onsets if o[0] in "pbmfvwβɸ"]
    words = []
    for _ in range(count):
        syllables = int(rng.choice([1, 2, 3, 4], p=[0.3, 0.4, 0.22, 0.08]))
        stressed = int(rng.integers(syllables))
        word = ""
        for i in range(syllables):
            if not tones and i == stressed:
                word += "ˈ"
            if i > 0 or rng.random() < 0.85:
                word += str(rng.choice(onsets))
            word += str(rng.choice(vowels))
            last = i == syllables - 1
            if rng.random() < (chance if last else chance / 3):
                word += str(rng.choice(codas))
            if tones:
                word += str(rng.choice(list(tones)))
        words.append(word)
    return words
