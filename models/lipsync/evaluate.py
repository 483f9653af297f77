#!/usr/bin/env python3
"""Posteriors of one head for a folder of 16 kHz wavs: python3 evaluate.py CHECKPOINT WAVS OUT --head 3

Writes OUT/ID.npy [frames, 15] at 100 Hz, delay compensated: what
`bench/lipsync` scores. This is the network alone; what the server makes of it is
written by `cargo run --release -p lipsync --example evaluate`.
"""

import argparse
from pathlib import Path

import threads  # noqa: F401  (first)

import numpy as np
import torch

import features
import network
import voices


def main():
    args = argparse.ArgumentParser()
    args.add_argument("checkpoint")
    args.add_argument("wavs")
    args.add_argument("out")
    args.add_argument("--head", type=int, default=3)
    args = args.parse_args()
    torch.set_num_threads(1)
    model, _ = network.load(args.checkpoint)
    Path(args.out).mkdir(parents=True, exist_ok=True)
    delay = network.DELAYS[args.head]
    for path in sorted(Path(args.wavs).glob("*.wav")):
        sound = voices.read_wav(path)
        frames = len(sound) // features.HOP
        sound = np.concatenate([sound, np.zeros((delay + 2) * features.HOP, np.float32)])
        mel = features.log_mel(sound)
        mel = mel[: len(mel) // 2 * 2]
        with torch.no_grad():
            logits, _ = model(torch.from_numpy(mel)[None], model.rest(1))
        posteriors = torch.softmax(logits, -1)[0, :, args.head].reshape(-1, 15).numpy()
        np.save(Path(args.out, f"{path.stem}.npy"), posteriors[delay : delay + frames].astype(np.float32))


if __name__ == "__main__":
    main()
