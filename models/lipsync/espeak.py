"""espeak-ng as a tool: phonemes of written text, and a formant synthesiser for the
sounds of many languages. A program of its own (GPL-3), used while data is made;
nothing of it is part of the network.
"""

import ctypes
import subprocess

import numpy as np

import phones
from voices import RATE, separators, to_16k

# Symbols that `phones` does not know, as the nearest that it knows.
NEAR = {
    "ɭ": "l", "ɬ": "l", "ɮ": "l", "ʟ": "l", "ɵ": "ø", "ɞ": "ɜ", "ɶ": "œ", "ɢ": "ɡ", "ɠ": "ɡ", "ɗ": "d", "ʄ": "ɟ",
    "ɧ": "ʃ", "ɹ̩": "ɹ", "ʙ": "b", "ɫ": "l", "ᵊ": "ə", "g": "ɡ", "ʍ": "w", "ɺ": "ɾ", "ɚ": "ɚ", "ɘ": "ɘ", "ɪ̈": "ɪ", "ᵻ": "ɪ",
}


def plain(symbol):
    """IPA as `phones` knows it, without stress."""
    return "".join(NEAR.get(c, c) for c in symbol if c not in phones.STRESS).replace("-", "")


def words(text, voice):
    """[[phone, …] for each word] of a text, or None where espeak changes to another language."""
    out = subprocess.run(["espeak-ng", "-q", "-v", voice, "--ipa", "--sep=|", text], capture_output=True, text=True, check=True).stdout
    if "(" in out:
        return None
    found = []
    for word in out.split():
        sounds = [plain(s) for s in word.split("|")]
        found.append([s for s in sounds if s])
    return [w for w in found if w]


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("unique", ctypes.c_uint), ("text_position", ctypes.c_int), ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int), ("sample", ctypes.c_int), ("user", ctypes.c_void_p), ("id", _Id),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_PHONEME = 7
# espeak_Initialize: events for phonemes, in IPA; sound is handed over, not played.
_RETRIEVE, _EVENTS = 2, 3


class Espeak:
    """espeak-ng in the languages that write with Latin letters, by voices of many formants."""

    DELAY = 0.010  # its events come this late, seconds
    LANGUAGES = "en-us en-gb-scotland de es fr-be it pt pt-br nl sv da nb pl cs sk hu ro hr sl fi et lv lt tr sw id ms vi ca eu ga cy is sq af eo az uz qu gn mt la".split()
    VARIANTS = "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 klatt klatt2 klatt3 klatt4 adam anika aunty benjamin boris caleb david ed edward gustave iven linda max michel norbert pablo paul quincy rob robert sandro shelby steph travis victor".split()
    C = "p b t d k g m n f v s z l r h j w ch sh sp st pl br tr kr fl gr m p b v f y".split()
    V = "a e i o u a e i o u ai au ei ou oi aa ee oo".split()

    def __init__(self):
        self.library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self.library.espeak_Initialize(_RETRIEVE, 0, None, _EVENTS)
        self.sound, self.events = [], []

        def receive(samples, count, events):
            if count > 0:
                self.sound.append(np.ctypeslib.as_array(samples, (count,)).copy())
            i = 0
            while events[i].type != 0:
                if events[i].type == _PHONEME:
                    self.events.append((events[i].sample, events[i].id.string.decode("utf8", "replace")))
                i += 1
            return 0

        self.receive = _CALLBACK(receive)  # kept: the library holds no reference
        self.library.espeak_SetSynthCallback(self.receive)

    def _word(self, rng):
        word = ""
        for _ in range(int(rng.choice([1, 2, 3, 4], p=[0.3, 0.4, 0.22, 0.08]))):
            word += (str(rng.choice(self.C)) if rng.random() < 0.85 else "") + str(rng.choice(self.V))
            word += str(rng.choice(list("nmlrstkpf"))) if rng.random() < 0.25 else ""
        return word

    def clip(self, rng):
        language, variant = str(rng.choice(self.LANGUAGES)), str(rng.choice(self.VARIANTS))
        count = int(rng.integers(3, 10))
        text = "".join(self._word(rng) + s for s in separators(rng, count))
        return *self.speak(text, f"{language}+{variant}", int(rng.integers(95, 190)), int(rng.integers(25, 80)), int(rng.integers(30, 75))), f"{language}+{variant}"

    def speak(self, text, voice, speed, pitch, melody):
        """Sound and phones of `text`; words a minute, pitch and its range 0..=100."""
        if self.library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"no voice {voice}")
        for parameter, value in ((1, speed), (3, pitch), (4, melody)):
            self.library.espeak_SetParameter(parameter, value, 0)
        self.sound.clear()
        self.events.clear()
        data = text.encode()
        self.library.espeak_Synth(data, len(data) + 1, 0, 0, 0, 1, None, None)
        sound = np.concatenate(self.sound).astype(np.float32) / 32768
        ends = [sample for sample, _ in self.events[1:]] + [len(sound)]
        spans = []
        for (start, symbol), end in zip(self.events, ends):
            if end > start:
                spans.append([plain(symbol), start / self.rate - self.DELAY, end / self.rate - self.DELAY])
        return to_16k(sound, self.rate), spans
