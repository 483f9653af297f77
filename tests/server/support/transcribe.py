"""Writes down what is said in sound or video files: one JSON string a line.

    transcribe.py MODEL_FOLDER FILE...

Whisper tiny.en (Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak
Supervision"), run by CTranslate2. Files may be up to 30 s long.
"""

import json
import subprocess
import sys
from pathlib import Path

import ctranslate2
import numpy

RATE = 16_000
WINDOW = 400
HOP = 160
BANDS = 80
SECONDS = 30
PROMPT = ["<|startoftranscript|>", "<|notimestamps|>"]


def sound(path):
    """The sound of a file at 16 kHz."""
    command = ["ffmpeg", "-v", "error", "-i", path, "-vn", "-ac", "1", "-ar", str(RATE)]
    raw = subprocess.run([*command, "-f", "f32le", "-"], check=True, stdout=subprocess.PIPE)
    samples = numpy.frombuffer(raw.stdout, dtype="<f4")
    if len(samples) > SECONDS * RATE:
        sys.exit(f"{path} is longer than {SECONDS} s")
    return numpy.pad(samples, (0, SECONDS * RATE - len(samples)))


def mel(hz):
    """Hz to mel: linear up to 1 kHz, logarithmic above (Slaney, Auditory Toolbox 1998)."""
    high = 15 + 27 * numpy.log(numpy.maximum(hz, 1) / 1_000) / numpy.log(6.4)
    return numpy.where(hz < 1_000, hz * 3 / 200, high)


def filters():
    """Triangles of equal area, evenly spaced in mel."""
    fine = numpy.linspace(0, RATE / 2, 100_001)
    edges = numpy.interp(numpy.linspace(0, mel(fine[-1]), BANDS + 2), mel(fine), fine)
    bins = numpy.linspace(0, RATE / 2, WINDOW // 2 + 1)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rise, fall = (bins - left) / (centre - left), (right - bins) / (right - centre)
    return numpy.maximum(0, numpy.minimum(rise, fall)) * 2 / (right - left)


def features(samples):
    """The log-mel picture that the network hears."""
    padded = numpy.pad(samples, WINDOW // 2, mode="reflect")
    windows = numpy.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:-1]
    hann = 0.5 - 0.5 * numpy.cos(2 * numpy.pi * numpy.arange(WINDOW) / WINDOW)
    power = numpy.abs(numpy.fft.rfft(windows * hann)) ** 2
    level = numpy.log10(numpy.maximum(filters() @ power.T, 1e-10))
    level = numpy.maximum(level, level.max() - 8)
    return ((level + 4) / 4).astype(numpy.float32)


def letters():
    """The printable letters that stand for bytes in tokens, as in GPT-2."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    pairs = [(chr(byte), byte) for byte in shown]
    return dict(pairs + [(chr(256 + at), byte) for at, byte in enumerate(hidden)])


def main(folder, *paths):
    model = ctranslate2.models.Whisper(str(Path(folder)), device="cpu", compute_type="int8")
    byte_of = letters()
    for path in paths:
        view = ctranslate2.StorageView.from_array(features(sound(path))[None])
        (result,) = model.generate(view, [PROMPT], beam_size=1)
        tokens = [token for token in result.sequences[0] if not token.startswith("<|")]
        raw = bytes(byte_of[letter] for letter in "".join(tokens))
        print(json.dumps(raw.decode(errors="replace").strip()))


main(*sys.argv[1:])
