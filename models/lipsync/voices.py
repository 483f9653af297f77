"""Speech engines that say when each phone is heard.

Every engine yields clips: sound at 16 kHz and phones with start and end in
seconds. Durations come from the engines themselves; each has a label delay,
measured against hand-labelled speech, that is taken off here.
"""

import json
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

import phones

RATE = 16_000


def to_16k(sound, rate):
    """float32 sound at 16 kHz."""
    if rate == RATE:
        return sound.astype(np.float32)
    g = np.gcd(rate, RATE)
    return resample_poly(sound, RATE // g, rate // g).astype(np.float32)


def read_wav(path):
    rate, sound = wavfile.read(path)
    return to_16k(sound.astype(np.float32) / 32768.0, rate)


def lexicon(path):
    """{word: misaki phonemes} of plain lower-case words."""
    words = {}
    for word, value in json.loads(Path(path).read_text(encoding="utf8")).items():
        if isinstance(value, dict):
            value = value.get("DEFAULT")
        if value and re.fullmatch(r"[a-z]{2,11}", word) and " " not in value:
            words[word] = value
    return words


FUNCTION_WORDS = "the of and to in is you that it he was for on are with as his they be at have from or had by but what we were when your can said there each which do how their if will up about out many then them these so some would make like him into has more two way could no my than first been who its now people may down did get come made part over new most move above between before five four from half of both every very never them from with whether other mother father".split()


class Words:
    """Sentences of random English words: real words in the order of chance."""

    def __init__(self, path):
        self.table = lexicon(path)
        self.words = sorted(self.table)
        # Closures, f/th and rounding are what people see most; words that hold them are twice as likely.
        weight = np.array([2.0 if re.search("[pbmfvwθðuʊO]", self.table[w]) else 1.0 for w in self.words])
        self.chance = np.cumsum(weight / weight.sum())
        self.small = [w for w in FUNCTION_WORDS if w in self.table]

    def pick(self, rng, count):
        out = []
        for _ in range(count):
            if rng.random() < 0.4:
                out.append(str(rng.choice(self.small)))
            else:
                out.append(self.words[min(int(np.searchsorted(self.chance, rng.random())), len(self.words) - 1)])
        return out


def separators(rng, count):
    """What stands between words: mostly nothing, sometimes a pause; in every fourth clip always a pause."""
    listing = rng.random() < 0.25
    marks = [str(rng.choice([", ", ". ", "; "])) if listing or rng.random() < 0.1 else " " for _ in range(count - 1)]
    return marks + [str(rng.choice([".", ".", "?", "!"]))]


def _sessions(path, extra):
    import onnx
    import onnxruntime

    model = onnx.load(path)
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(extra))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _gather(symbols, ends):
    """Merges stress and length marks with their phones. `symbols[i]` ends at `ends[i]` s.

    Gives [phone, start, end] where phone is IPA, "" for a pause and None for a
    space between words.
    """
    spans, start, pending = [], 0.0, False
    for symbol, end in zip(symbols, ends):
        if symbol in phones.STRESS and symbol:
            pending = True  # its time goes to the phone that follows
            continue
        if symbol and symbol in phones.BEHIND and spans and spans[-1][0]:
            spans[-1][0] += symbol
            spans[-1][2] = end
        elif symbol == " ":
            spans.append([None, start, end])
        elif symbol in phones.DIPHTHONGS:
            spans.append([phones.DIPHTHONGS[symbol], start, end])
        elif symbol in phones.MISAKI:
            spans.append([phones.MISAKI[symbol], start, end])
        elif symbol in phones.PHONE or symbol in phones.UNSEEN:
            spans.append([symbol, start, end])
        else:
            spans.append(["", start, end])
        start, pending = end, False
    return spans


def _settle_spaces(sound, spans):
    """A space between words is a pause when it is quiet, else part of its neighbours."""
    level = np.abs(sound)
    loud = np.percentile(level, 99) if len(level) else 0.0
    out = []
    for i, (phone, start, end) in enumerate(spans):
        if phone is not None:
            out.append([phone, start, end])
            continue
        piece = level[max(0, int(start * RATE)) : max(0, int(end * RATE))]
        if len(piece) > RATE * 0.04 and np.sqrt(np.mean(piece**2)) < loud * 0.02:
            out.append(["", start, end])
            continue
        middle = (start + end) / 2
        if out:
            out[-1][2] = middle
        if i + 1 < len(spans):
            spans[i + 1][1] = middle
    return out


class Kokoro:
    """Kokoro-82M: 54 voices, mixed for new ones, in nine inventories of sounds."""

    DELAY = 0.055  # its labels come this late, seconds
    PREFIX = {"a": "en", "b": "en", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt", "z": "zh"}

    def __init__(self, model, vocabulary, voices, words):
        self.session = _sessions(model, "/encoder/Clip_output_0")
        self.vocabulary = json.loads(Path(vocabulary).read_text(encoding="utf8"))["vocab"]
        self.voices = {p.stem: np.fromfile(p, np.float32).reshape(-1, 256) for p in sorted(Path(voices).glob("*.bin"))}
        self.names = list(self.voices)
        self.words = words

    def clip(self, rng):
        names = [str(n) for n in rng.choice(self.names, 6, replace=False)]
        language = self.PREFIX[names[0][0]]
        if rng.random() < (0.35 if language == "en" else 0.2):
            language = str(rng.choice(list(phones.LANGUAGES)))
        count = int(rng.integers(3, 9))
        if language == "en" and rng.random() < 0.85:
            words = [self.words.table[w] for w in self.words.pick(rng, count)]
        else:
            words = phones.pseudo_words(rng, language, count)
        text = "".join(w + s for w, s in zip(words, separators(rng, count)))
        # The first half of a style colours the voice, the second its melody and rhythm: mixed apart,
        # they give a new speaker each time. Two thirds of the clips are by such a speaker.
        new = rng.random() < 0.67
        colour = dict(zip(names[:3], rng.dirichlet([0.7] * 3))) if new else {names[0]: 1.0}
        melody = dict(zip([names[0], *names[3:]], rng.dirichlet([1.0, 0.6, 0.6, 0.6]))) if new else colour
        sound, spans = self.speak(text, colour, melody, rng.uniform(0.75, 1.3))
        voice = "+".join(f"{n} {share:.2f}" for n, share in colour.items())
        return sound, spans, f"{voice}:{language}"

    def speak(self, text, colour, melody, speed):
        """Sound and phones of `text`; `colour` and `melody` are shares of voices."""
        text = [c for c in text if c in self.vocabulary]
        row = min(len(text), 509)
        style = np.concatenate(
            [
                sum(share * self.voices[n][row, :128] for n, share in colour.items()),
                sum(share * self.voices[n][row, 128:] for n, share in melody.items()),
            ]
        )
        audio, frames = self.session.run(
            ["audio", "/encoder/Clip_output_0"],
            {
                "tokens": np.array([[0, *(self.vocabulary[c] for c in text), 0]], np.int64),
                "style": style[None].astype(np.float32),
                "speed": np.array([speed], np.float32),
            },
        )
        ends = np.cumsum(np.maximum(np.asarray(frames).reshape(-1), 1)) * 0.025 - self.DELAY
        sound = to_16k(np.asarray(audio).reshape(-1), 24_000)
        return sound, _settle_spaces(sound, _gather(["", *text, ""], ends))


class Piper:
    """One Piper (VITS) voice."""

    DELAY = 0.010
    FROM_MISAKI = [("ɜɹ", "ɜː"), ("əɹ", "ɚ"), ("A", "eɪ"), ("I", "aɪ"), ("O", "oʊ"), ("W", "aʊ"), ("Y", "ɔɪ"), ("ʤ", "dʒ"),
                   ("ʧ", "tʃ"), ("ᵊ", "ə"), ("T", "ɾ"), ("ɑ", "ɑː"), ("i", "iː"), ("u", "uː"), ("ɔ", "ɔː")]

    def __init__(self, model, words):
        self.session = _sessions(model, "/Ceil_output_0")
        config = json.loads(Path(f"{model}.json").read_text(encoding="utf8"))
        self.ids = config["phoneme_id_map"]
        self.rate = config["audio"]["sample_rate"]
        self.words = words

    def clip(self, rng):
        count = int(rng.integers(4, 13))
        words = [self.words.table[w] for w in self.words.pick(rng, count)]
        if rng.random() < 0.25:
            words = phones.pseudo_words(rng, "en", count)
        text = "".join(w + s for w, s in zip(words, separators(rng, count)))
        for old, new in self.FROM_MISAKI:
            text = text.replace(old, new)
        text = [c for c in text if c in self.ids]
        ids, symbols = [*self.ids["^"], 0], ["", "_"]
        for c in text:
            ids += [*self.ids[c], 0]
            symbols += [c, "_"]
        ids += self.ids["$"]
        symbols.append("")
        audio, frames = self.session.run(
            ["output", "/Ceil_output_0"],
            {
                "input": np.array([ids], np.int64),
                "input_lengths": np.array([len(ids)], np.int64),
                "scales": np.array([rng.uniform(0.4, 0.9), rng.uniform(0.85, 1.35), rng.uniform(0.5, 1.0)], np.float32),
            },
        )
        frames = np.asarray(frames).reshape(-1)
        # Pads between tokens: half of the time to each side.
        times, joined = [], []
        clock = 0.0
        for symbol, n in zip(symbols, frames):
            seconds = float(n) * 256 / self.rate
            if symbol == "_" and times:
                times[-1] += seconds / 2
                clock += seconds
            else:
                clock += seconds
                joined.append(symbol)
                times.append(clock)
        ends = np.array(times) - self.DELAY
        symbols, merged = [], []
        for symbol, end in zip(joined, ends):  # t ʃ and d ʒ are one sound
            if symbol in "ʃʒ" and symbol and symbols and symbols[-1] == {"ʃ": "t", "ʒ": "d"}[symbol]:
                symbols[-1], merged[-1] = {"ʃ": "ʧ", "ʒ": "ʤ"}[symbol], end
            else:
                symbols.append(symbol)
                merged.append(end)
        sound = to_16k(np.asarray(audio).reshape(-1), self.rate)
        return sound, _settle_spaces(sound, _gather(symbols, merged)), "piper"


class Flite:
    """flite's five voices with varied pitch and speed."""

    DELAY = 0.0
    VOICES = {"kal": 95, "kal16": 95, "awb": 130, "rms": 105, "slt": 170}

    def __init__(self, words):
        self.words = words

    def clip(self, rng):
        voice = str(rng.choice(list(self.VOICES), p=[0.1, 0.15, 0.25, 0.25, 0.25]))
        count = int(rng.integers(4, 13))
        text = "".join(w + s for w, s in zip(self.words.pick(rng, count), separators(rng, count)))
        stretch = rng.uniform(0.8, 1.35)
        pitch = self.VOICES[voice] * rng.uniform(0.8, 1.3)
        sound, spans = self.speak(text, voice, stretch, pitch)
        return sound, spans, voice

    def speak(self, text, voice, stretch, pitch):
        """Sound and phones of `text`."""
        with tempfile.TemporaryDirectory() as folder:
            wav = f"{folder}/a.wav"
            out = subprocess.run(
                ["flite", "-psdur", "-voice", voice, "--setf", f"duration_stretch={stretch:.3f}",
                 "--setf", f"int_f0_target_mean={pitch:.1f}", "-t", text, "-o", wav],
                capture_output=True, text=True, check=True,
            ).stdout
            sound = read_wav(wav)
        spans, start = [], 0.0
        for item in out.split():
            name, end = item.rsplit(":", 1)
            spans.append([phones.ARPABET.get(name, ""), start, float(end)])
            start = float(end)
        return sound, spans


class Festival:
    """Festival's permissively licensed voices: two English diphone voices, one HTS
    voice, a Russian unit-selection voice, two Finnish diphone voices, a Catalan HTS voice."""

    DELAY = 0.0
    VOICES = {
        "kal_diphone": 0.14, "ked_diphone": 0.14, "cmu_us_slt_arctic_hts": 0.12, "msu_ru_nsh_clunits": 0.24,
        "suo_fi_lj_diphone": 0.12, "hy_fi_mv_diphone": 0.12, "upc_ca_ona_hts": 0.12,
    }
    # By the first letters of a voice: consonants, vowels, ends of words, encoding, phone set.
    LETTERS = {
        "msu_ru": ("б в г д ж з к л м н п р с т ф х ц ч ш щ м п б ф в", "а е и о у ы э ю я", "н м с л т к", "utf8", phones.RUSSIAN),
        "suo_fi": ("h j k l m n p r s t v d p m v kk pp tt ss mm", "a e i o u y ä ö aa ee ii uu ai ou", "n s t", "latin1", phones.FINNISH),
        "hy_fi": ("h j k l m n p r s t v d p m v kk pp tt ss mm", "a e i o u y ä ö aa ee ii uu ai ou", "n s t", "latin1", phones.FINNISH),
        "upc_ca": ("b c d f g j l ll m n ny p qu r s t v x tx p b m f pl br gr", "a e i o u a e o ai ou", "n s t l r m p", "latin1", phones.CATALAN),
    }

    def __init__(self, words):
        self.words = words

    def clip(self, rng):
        voice = str(rng.choice(list(self.VOICES), p=list(self.VOICES.values())))
        letters = next((value for start, value in self.LETTERS.items() if voice.startswith(start)), None)
        count = int(rng.integers(4, 12))
        if letters:
            consonants, vowels, ends, encoding, table = (part.split() if i < 3 else part for i, part in enumerate(letters))
            words = []
            for _ in range(count):
                word = "".join(str(rng.choice(consonants)) + str(rng.choice(vowels)) for _ in range(int(rng.integers(1, 4))))
                words.append(word + (str(rng.choice(ends)) if rng.random() < 0.4 else ""))
        else:
            words, encoding, table = self.words.pick(rng, count), "utf8", phones.ARPABET
        text = "".join(w + s for w, s in zip(words, separators(rng, count)))
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "a.scm")
            script.write_text(
                f"(voice_{voice})\n(Parameter.set 'Duration_Stretch {rng.uniform(0.8, 1.3):.3f})\n"
                f'(set! u (SynthText "{text}"))\n(utt.save.segs u "{folder}/a.lab")\n(utt.save.wave u "{folder}/a.wav" \'riff)\n',
                encoding=encoding,
            )
            subprocess.run(["festival", "-b", str(script)], capture_output=True, check=True)
            sound = read_wav(f"{folder}/a.wav")
            rows = Path(folder, "a.lab").read_text(encoding="latin1").splitlines()[1:]
        spans, start = [], 0.0
        for row in rows:
            end, _, name = row.split()
            # Stress and length marks of the Romance and Finnic sets.
            name = name.rstrip("1:") if letters else name
            if name not in table:
                raise ValueError(f"{voice} says {name}")
            spans.append([table[name], start, float(end)])
            start = float(end)
        return sound, spans, voice
