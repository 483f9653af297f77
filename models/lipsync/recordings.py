#!/usr/bin/env python3
"""Recorded speech with its text: python3 recordings.py NETWORK --sounds DIR --texts DIR --out DIR

Reads the prompts of the Debian packages asterisk-core-sounds-{en,es,fr,it,ru}
(one speaker each, 16 kHz G.722) and their texts. Each prompt's phones are laid
along the sound by dynamic programming over what NETWORK hears; a prompt is kept
when that fits throughout. Resumable.
"""

import argparse
import gzip
import json
import re
import subprocess
from pathlib import Path

import threads  # noqa: F401  (first)

import numpy as np
import torch

import espeak
import features
import network
import phones
import realign

# Folder of the sounds, espeak's voice for the text.
SPEAKERS = {
    "en": ("en_US_f_Allison", "en-us"), "es": ("es_MX_f_Allison", "es-419"), "fr": ("fr_CA_f_June", "fr-fr"),
    "it": ("it_IT_m_Carlo", "it"), "ru": ("ru_RU_f_IvrvoiceRU", "ru"),
}
# A prompt is kept when its phones are this likely on average, and no stretch of half a second is worse than that (nats).
MEAN, WORST, STRETCH = -1.1, -2.6, 50
LEAST = 2  # frames of a phone


def texts(path):
    """{name: text} of a file of `name: text` lines; prompts that are sounds or hold signs are left out."""
    found = {}
    for line in gzip.open(path, "rt", encoding="utf8", errors="replace"):
        name, _, text = line.strip().partition(":")
        text = text.strip()
        if line[0] != ";" and text and not re.search(r"[\[\]<>()\d\ufffd?*#/_]", text.replace("? ", " ").rstrip("?")):
            found[name] = text
    return found


def decode(path):
    """G.722 at 16 kHz as float32."""
    raw = subprocess.run(["ffmpeg", "-v", "error", "-f", "g722", "-i", str(path), "-f", "s16le", "-ac", "1", "-ar", "16000", "-"],
                         capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.int16).astype(np.float32) / 32768


def lay(words, frames):
    """[[phone, start, end]] of the words along posteriors [n, 15], with pauses where
    they are heard, and for each frame the log-likelihood of what it was given."""
    states = []  # (phone, its number, log-likelihood of each frame, may be skipped)

    def pause():
        states.append(("", -1, np.log(np.maximum(frames[:, 0], 1e-3)), True))

    number = 0
    pause()
    for word in words:
        for phone in word:
            for _, visemes in phones.targets(phone):
                if visemes is None:
                    gain = np.full(len(frames), np.log(0.3))
                else:
                    gain = np.log(np.maximum(frames[:, [phones.INDEX[v] for v in visemes]].sum(1), 1e-3))
                states += [(phone, number, gain, False)] * LEAST
            number += 1
        pause()
    gains = np.stack([s[2] for s in states], 1)
    optional = np.array([s[3] for s in states])
    count = len(states)
    score = np.full(count, -1e9)
    score[0] = gains[0, 0]
    score[1] = gains[0, 1]
    back = np.zeros((len(frames), count), np.int8)
    over = np.concatenate([[False, False], optional[1:-1]])  # the state before may be skipped
    for t in range(1, len(frames)):
        steps = np.full((3, count), -1e9)
        steps[0] = score
        steps[1, 1:] = score[:-1]
        steps[2, 2:] = np.where(over[2:], score[:-2], -1e9)
        back[t] = steps.argmax(0)
        score = steps.max(0) + gains[t]
    at = count - 1 if score[-1] > score[-2] else count - 2
    path = np.zeros(len(frames), int)
    for t in range(len(frames) - 1, -1, -1):
        path[t] = at
        at -= back[t, at]
    fit = gains[np.arange(len(frames)), path]
    spans, last = [], None
    for t, state in enumerate(path):
        phone, number = states[state][:2]
        if number == last and spans:
            spans[-1][2] = (t + 1) / 100
        else:
            spans.append([phone, t / 100, (t + 1) / 100])
        last = number
    return (spans, fit) if at <= 1 else ([], fit)


def fits(spans, fit):
    """Whether sound and text belong together."""
    speech = np.ones(len(fit), bool)
    for phone, start, end in spans:
        if not phone:
            speech[round(start * 100) : round(end * 100)] = False
    heard = fit[speech]
    if not spans or len(heard) < 20:
        return False
    mean = np.convolve(heard, np.ones(min(STRETCH, len(heard))) / min(STRETCH, len(heard)), "valid")
    return heard.mean() > MEAN and mean.min() > WORST


def main():
    args = argparse.ArgumentParser()
    args.add_argument("network", help="checkpoint of train.py")
    args.add_argument("--sounds", required=True, help="/usr/share/asterisk/sounds")
    args.add_argument("--texts", required=True, help="/usr/share/doc")
    args.add_argument("--out", required=True)
    args = args.parse_args()
    torch.set_num_threads(1)
    model, _ = network.load(args.network)
    folder = Path(args.out, "recordings")
    folder.mkdir(parents=True, exist_ok=True)
    index = 0
    for language, (speaker, voice) in SPEAKERS.items():
        kept, seconds, fit_of = 0, 0.0, []
        for name, text in sorted(texts(Path(args.texts, f"asterisk-core-sounds-{language}", f"core-sounds-{language}.txt.gz")).items()):
            index += 1
            target, path = folder / f"{index:05}.npz", Path(args.sounds, speaker, f"{name}.g722")
            if target.exists() or not path.exists():
                continue
            sound, words = decode(path), espeak.words(text, voice)
            if not words or not features.RATE // 2 < len(sound) < features.RATE * 25:
                continue
            spans, fit = lay(words, realign.posteriors(model, sound))
            fit_of.append(fit.mean())
            if not fits(spans, fit):
                continue
            with open(target, "wb") as file:
                np.savez(file, pcm=np.round(sound * 32767).astype(np.int16), spans=json.dumps(spans), voice=speaker)
            kept, seconds = kept + 1, seconds + len(sound) / features.RATE
        print(f"{speaker}: {kept} of {len(fit_of)} prompts, {seconds / 60:.1f} min, fit {np.mean(fit_of or [0]):.2f}", flush=True)


if __name__ == "__main__":
    main()
