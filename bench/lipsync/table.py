#!/usr/bin/env python3
"""The lip-sync table of any folder in the evaluation's format.

  bench/lipsync/run FOLDER [--out DIR] [--no-browser-libraries] [--no-voices]

FOLDER holds `wav/*.wav` and `refs.json` (see metrics.py). Rows: our mouth as the
server runs it, in both delays; a mouth that follows the volume; and two browser
libraries on the same sound. Below it: how well the two mouths of our own voices
agree, the one that knows the phonemes and the one that hears the sound.
`run` brings what this needs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.io import wavfile

import metrics

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def load(folder):
    return {path.stem: np.load(path) for path in Path(folder).glob("*.npy")}


def amplitude_follower(wavs):
    """A mouth that opens with the volume: silence below a threshold, else `aa` as far as it is loud."""
    out = {}
    for path in wavs.glob("*.wav"):
        rate, sound = wavfile.read(path)
        step = rate // 100
        sound = sound.astype(np.float32) / 32768
        frames = sound[: len(sound) // step * step].reshape(-1, step)
        level = np.sqrt(np.mean(frames**2, 1))
        opening = np.clip(level / (np.percentile(level, 95) + 1e-9), 0, 1)
        weights = np.zeros((len(level), 15), np.float32)
        weights[:, 0], weights[:, metrics.phones.INDEX["aa"]] = 1 - opening, opening
        out[path.stem] = weights
    return out


def example(package, name, built):
    """The command that runs an example of the server."""
    return [built] if built else ["cargo", "run", "--release", "--quiet", "-p", package, "--example", name, "--"]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("folder", type=Path)
    args.add_argument("--out", type=Path)
    args.add_argument("--no-browser-libraries", action="store_true")
    args.add_argument("--no-voices", action="store_true", help="without the agreement of our own voices")
    args.add_argument("--evaluate", help="the built example, to spare cargo")
    args.add_argument("--parity", help="the same of the engine's")
    args = args.parse_args()
    refs = json.loads((args.folder / "refs.json").read_text(encoding="utf8"))
    wavs, rows, costs = args.folder / "wav", {}, []
    out = args.out or Path(tempfile.mkdtemp())
    for name, option in (("Visavis, balanced (60 ms)", []), ("Visavis, low latency (40 ms)", ["--low-latency"])):
        target = out / ("low" if option else "balanced")
        start = example("lipsync", "evaluate", args.evaluate)
        subprocess.run([*start, str(wavs), str(target), *option], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        rows[name] = metrics.score(refs, load(target), load(f"{target}.cur"))
        costs.append(f"{name}: {Path(f'{target}.cost.txt').read_text().strip()}")
    rows["follows the volume"] = metrics.score(refs, amplitude_follower(wavs))
    if not args.no_browser_libraries:
        if not (HERE / "node_modules").exists():
            sys.exit("run `npm ci` in bench/lipsync first, or give --no-browser-libraries")
        for name, library in (("@met4citizen/headaudio 0.1.0", "headaudio"), ("wawa-lipsync 0.0.2", "wawa")):
            target = out / library
            subprocess.run(["node", str(HERE / "reference.mjs"), library, str(wavs), str(target)], check=True)
            rows[name] = metrics.score(refs, load(target))
    columns = list(next(iter(rows.values())))
    print(f"{len(refs)} clips, {sum(ref['dur'] for ref in refs) / 60:.1f} min\n")
    print("| system | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name, figures in rows.items():
        cells = (figures.get(column) for column in columns)
        print(f"| {name} | " + " | ".join("-" if c is None else f"{c:.0f}" if abs(c) > 5 else f"{c:.2f}" for c in cells) + " |")
    print("\n" + "\n".join(costs) + "\n", flush=True)
    if not args.no_voices:
        subprocess.run(example("engine", "parity", args.parity), cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
