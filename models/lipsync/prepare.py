#!/usr/bin/env python3
"""Clips to training arrays: python3 prepare.py --clips DIR --out DIR --copies 3

Every copy but the first of a clip is changed in the waveform: speed with pitch
and formants, equaliser, room, noise or music, low-pass, mu-law, gain. Writes
one file for each clip and copy: log-mels (float16), for each frame the viseme
(255 where nothing is to be learnt) and a bit mask of those that would also do.
Resumable; with --aligned the labels of what exists are made anew.
"""

import argparse
import json
import os
import time
from pathlib import Path

import threads  # noqa: F401  (first)

import numpy as np
from scipy.signal import butter, fftconvolve, resample, sosfilt

import features
import noises
import phones

UNKNOWN = 255


def labels(spans, frames, stretch=1.0):
    """(viseme, mask) of each 10 ms frame, whose middle is (i + .5) 10 ms."""
    viseme = np.full(frames, UNKNOWN, np.uint8)
    mask = np.zeros(frames, np.uint16)
    middle = (np.arange(frames) + 0.5) * 0.01
    if spans:
        first, last = spans[0][1] * stretch, spans[-1][2] * stretch
        viseme[(middle < first) | (middle >= last)] = 0
        mask[(middle < first) | (middle >= last)] = 1
    for phone, start, end in spans:
        at, length = start * stretch, (end - start) * stretch
        for share, visemes in phones.targets(phone):
            here = (middle >= at) & (middle < at + share * length)
            if visemes is not None:
                viseme[here] = phones.INDEX[visemes[0]]
                mask[here] = sum(1 << phones.INDEX[v] for v in visemes)
            else:
                viseme[here], mask[here] = UNKNOWN, 0
            at += share * length
    return viseme, mask


def equalise(rng, sound):
    points = rng.normal(0, 5, 8)
    f = np.fft.rfftfreq(len(sound), 1 / features.RATE)
    gain = np.interp(np.log2(f + 50), np.linspace(np.log2(50), np.log2(8050), 8), points)
    return np.fft.irfft(np.fft.rfft(sound) * 10 ** (gain / 20), len(sound))


def reverberate(rng, sound):
    seconds = rng.uniform(0.08, 0.5)
    n = int(features.RATE * seconds)
    tail = rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
    tail[: int(features.RATE * rng.uniform(0.002, 0.02))] = 0
    room = np.concatenate([[1.0], tail / np.sqrt(np.sum(tail**2)) * rng.uniform(0.1, 0.7)])
    return fftconvolve(sound, room)[: len(sound)]


def crowd(rng, n, others):
    """`n` samples of several people who talk elsewhere."""
    out = np.zeros(n)
    for _ in range(int(rng.integers(3, 8))):
        other = others[int(rng.integers(len(others)))]
        start = int(rng.integers(len(other)))
        out += np.resize(np.roll(other, -start), n) * rng.uniform(0.3, 1)
    return reverberate(rng, out)


def tape(rng, sound):
    """An old field recording: a narrow band, hum, hiss, a recorder that is driven too far and does not turn evenly."""
    n = len(sound)
    seconds = np.arange(n) / features.RATE
    flutter = np.cumsum(1 + rng.uniform(0, 0.004) * np.sin(2 * np.pi * rng.uniform(0.4, 9) * seconds + rng.uniform(0, 6)))
    sound = np.interp(flutter, np.arange(n), sound)
    band = [rng.uniform(60, 320), rng.uniform(2600, 5500)]
    sound = sosfilt(butter(int(rng.integers(1, 4)), band, "bandpass", fs=features.RATE, output="sos"), sound)
    sound = sound / (np.max(np.abs(sound)) + 1e-9)
    sound = np.tanh(sound * rng.uniform(0.5, 3))
    loud = np.sqrt(np.mean(sound**2)) + 1e-9
    hiss = noises.coloured(rng, n, rng.uniform(0, 1.3)) * loud * 10 ** (-rng.uniform(12, 30) / 20)
    mains = float(rng.choice([50, 60]))
    hum = sum(rng.uniform(0, 1) / k * np.sin(2 * np.pi * mains * k * seconds + rng.uniform(0, 6)) for k in range(1, 7))
    return sound + hiss + hum * loud * 10 ** (-rng.uniform(14, 45) / 20)


def disturb(rng, sound, speech, others):
    if rng.random() < 0.8:
        sound = equalise(rng, sound)
    if rng.random() < 0.15 and speech:
        sound = sound + crowd(rng, len(sound), others) / 3 * 10 ** (-rng.uniform(6, 24) / 20)
    if rng.random() < 0.45:
        sound = reverberate(rng, sound)
    if rng.random() < 0.6 and speech:
        kind = str(rng.choice(["stationary", "music", "clicks", "breaths"], p=[0.65, 0.2, 0.1, 0.05]))
        noise = noises.KINDS[kind][0](rng, len(sound))
        loud = np.sqrt(np.mean(sound**2)) + 1e-9
        sound = sound + noise / (np.std(noise) + 1e-9) * loud * 10 ** (-rng.uniform(3, 32) / 20)
    if rng.random() < 0.25:
        sound = sosfilt(butter(4, rng.uniform(2200, 7000), fs=features.RATE, output="sos"), sound)
    if rng.random() < 0.15:
        sound = sosfilt(butter(2, rng.uniform(80, 400), "highpass", fs=features.RATE, output="sos"), sound)
    if rng.random() < 0.15:
        peak = np.max(np.abs(sound)) + 1e-9
        coded = np.round(np.sign(sound) * np.log1p(255 * np.abs(sound / peak)) / np.log(256) * 127) / 127
        sound = np.sign(coded) * (256 ** np.abs(coded) - 1) / 255 * peak
    if rng.random() < 0.1:
        sound = np.clip(sound, -1, 1) if rng.random() < 0.5 else np.tanh(sound * 3)
    return tape(rng, sound) if rng.random() < 0.25 and speech else sound


def another(rng, sound, stretch, speech, others):
    """The same words by another voice, in another room, through another microphone."""
    sound = disturb(rng, resample(sound, int(len(sound) * stretch)), speech, others)
    return sound / (np.max(np.abs(sound)) + 1e-9) * 10 ** (-rng.uniform(1, 30) / 20)


def voices_behind(paths, count=60):
    """Some clips of speech, of even loudness."""
    speech = [path for path in paths if path.parent.name != "noises"]
    sounds = []
    for path in speech[:: max(1, len(speech) // count)]:
        with np.load(path) as clip:
            sound = clip["pcm"].astype(np.float32)
        if len(sound) > features.RATE:
            sounds.append(sound / (np.std(sound) + 1e-9) * 0.1)
    return sounds


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--clips", required=True)
    args.add_argument("--out", required=True)
    args.add_argument("--aligned", help="folder of realign.py")
    args.add_argument("--copies", type=int, default=3)
    args.add_argument("--seed", type=int, default=1)
    args = args.parse_args()
    Path(args.out).mkdir(parents=True, exist_ok=True)
    paths, began, done = sorted(Path(args.clips).glob("*/[0-9]*.npz")), time.time(), 0
    others = voices_behind(paths)
    for path in paths:
        aligned = Path(args.aligned, path.parent.name, f"{path.stem}.json") if args.aligned else None
        aligned = aligned if aligned and aligned.exists() else None
        for copy in range(args.copies):
            target = Path(args.out, f"{path.parent.name}-{path.stem}-{copy}.npz")
            if target.exists() and (aligned is None or target.stat().st_mtime > aligned.stat().st_mtime):
                continue
            with np.load(path) as clip:
                sound, spans = clip["pcm"].astype(np.float32) / 32768, json.loads(str(clip["spans"]))
            if len(sound) < features.RATE // 2:
                continue
            rng = np.random.default_rng([args.seed, copy, int(path.stem), len(sound)])
            stretch = rng.uniform(0.82, 1.22) if copy > 0 else 1.0
            if aligned:
                spans = json.loads(aligned.read_text(encoding="utf8"))
            if target.exists():  # only the labels are new
                with np.load(target) as old:
                    mel = old["mel"]
            else:
                mel = features.log_mel(another(rng, sound, stretch, path.parent.name != "noises", others) if copy > 0 else sound)
            viseme, mask = labels(spans, len(mel), stretch)
            temporary = target.with_suffix(".part")
            with open(temporary, "wb") as file:
                np.savez(file, mel=mel.astype(np.float16), viseme=viseme, mask=mask)
            os.replace(temporary, target)
            done += 1
            if done % 50 == 0:
                print(f"\r{done} arrays, {time.time() - began:.0f} s", end="", flush=True)
    print(f"\r{done} new arrays of {len(paths)} clips, {time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
