#!/usr/bin/env python3
"""Makes the small clips that the tests of the server use: python3 fixtures.py --downloads DIR --out DIR

Two sentences by two voices of flite, each with its phonemes (`start end viseme stress
ipa`, samples at 48 kHz), and some rows of log-mels to compare with.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.io import wavfile

import features
import phones
import voices

SENTENCE = "my brother will move five big blue boat from the south beach before summer".split()
OTHER = "we have found that people who sing very well often move the jaw more than they think".split()


def write(folder, name, sound, spans):
    pcm = np.clip(np.round(sound * 32767), -32768, 32767).astype(np.int16)
    wavfile.write(Path(folder, f"{name}.wav"), features.RATE, pcm)
    rows = []
    for i, (phone, start, end) in enumerate(spans):
        at = start
        vowel = any(v in ("aa", "E", "ih", "oh", "ou") for _, vs in phones.targets(phone) if vs for v in vs[:1])
        for share, visemes in phones.targets(phone):
            until = at + share * (end - start)
            if visemes is None:  # h: the mouth is already that of the vowel to come
                visemes = phones.targets(spans[i + 1][0])[0][1]
            rows.append(f"{round(max(at, 0) * 48000)}\t{round(until * 48000)}\t{visemes[0]}\t{2 if vowel else 0}\t{phone}")
            at = until
    Path(folder, f"{name}.tsv").write_text("\n".join(rows) + "\n", encoding="utf8")
    return pcm.astype(np.float32) / 32768


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--downloads", required=True)
    args.add_argument("--out", required=True)
    args = args.parse_args()
    folder = Path(args.downloads)
    flite = voices.Flite(voices.Words(folder / "x_misaki/misaki/data/us_gold.json"))
    sound = write(args.out, "slt", *flite.speak(" ".join(SENTENCE) + ".", "slt", 1.0, 170.0))
    write(args.out, "rms", *flite.speak(" ".join(OTHER) + ".", "rms", 1.1, 105.0))
    mel = features.log_mel(sound)
    rows = [f"{i} " + " ".join(f"{v:.5f}" for v in mel[i]) for i in (0, 1, 40, 41, 80, 81, 150, 151)]
    Path(args.out, "features.txt").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
