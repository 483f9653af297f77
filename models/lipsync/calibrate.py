#!/usr/bin/env python3
"""Biases for closures: python3 calibrate.py CHECKPOINT --arrays DIR --out FILE

Class weights and label noise make a network name lip closures too often. On
clips that were kept apart from training, through other microphones and noise, a
bias for PP and FF is found with which it names as many frames as there are.
Writes the checkpoint with the biases in its last layer.
"""

import argparse

import threads  # noqa: F401  (first)

import numpy as np
import torch

import network
import phones
import train


def main():
    args = argparse.ArgumentParser()
    args.add_argument("checkpoint")
    args.add_argument("--arrays", required=True)
    args.add_argument("--out", required=True)
    args.add_argument("--seed", type=int, default=1)
    args = args.parse_args()
    torch.set_num_threads(1)
    model, checkpoint = network.load(args.checkpoint)
    clips = train.Clips(args.arrays, True, copies=True)
    logits, visemes = [], []
    head = network.DELAYS.index(6)
    chance = clips.balance(train.ENGINES)
    for i in range(40):
        rng = np.random.default_rng([args.seed, 7, i])
        mel, _, _, viseme = train.batch(clips, rng, chance, 16)
        with torch.no_grad():
            out, _ = model(mel, model.rest(len(mel)))
        out = out[:, :, head].reshape(len(mel), -1, 15).numpy()
        logits.append(out[:, 6:].reshape(-1, 15))
        visemes.append(viseme[:, : viseme.shape[1] - 6].reshape(-1))
    logits, visemes = np.concatenate(logits), np.concatenate(visemes)
    logits, visemes = logits[visemes != train.UNKNOWN], visemes[visemes != train.UNKNOWN]
    bias = np.zeros(15, np.float32)
    for _ in range(30):
        guess = (logits + bias).argmax(1)
        for name in ("PP", "FF"):
            viseme = phones.INDEX[name]
            said, there = (guess == viseme).sum() + 1, (visemes == viseme).sum() + 1
            bias[viseme] = np.clip(bias[viseme] - 0.3 * np.log(said / there), -1.5, 0.5)
    for name in ("PP", "FF"):
        viseme = phones.INDEX[name]
        guess = (logits + bias).argmax(1)
        both = ((guess == viseme) & (visemes == viseme)).sum()
        print(f"{name}: bias {bias[viseme]:+.2f}, frames recalled {both / (visemes == viseme).sum():.2f}, right {both / (guess == viseme).sum():.2f}")
    for weights in (checkpoint["average"], checkpoint["model"]):
        rows = weights["out.bias"].reshape(-1, 15)
        weights["out.bias"] = (rows + torch.from_numpy(bias)).reshape(-1)
    torch.save(checkpoint, args.out)


if __name__ == "__main__":
    main()
