#!/usr/bin/env python3
"""Moves phone boundaries to where a trained network hears them:
python3 realign.py CHECKPOINT --clips DIR --out DIR

Engines round durations (Kokoro to 25 ms) and guess what their decoder will do.
Each boundary may move by up to 70 ms; the best set of moves is found by dynamic
programming. Writes one JSON file of spans for each clip, for prepare.py.
Resumable.
"""

import argparse
import json
import time
from pathlib import Path

import threads  # noqa: F401  (first)

import numpy as np
import torch

import features
import network
import phones

REACH = 7  # frames
HEAD = 4  # the most delayed head hears most
# Cost of moving by one frame, squared, in nats: without it long vowels drift.
PULL = 0.06


def posteriors(model, sound):
    delay = network.DELAYS[HEAD]
    padded = np.concatenate([sound, np.zeros((delay + 2) * features.HOP, np.float32)])
    mel = features.log_mel(padded)
    mel = torch.from_numpy(mel[: len(mel) // 2 * 2])
    with torch.no_grad():
        logits, _ = model(mel[None], model.rest(1))
    frames = torch.softmax(logits, -1)[0, :, HEAD].reshape(-1, 15).numpy()
    return frames[delay : delay + len(sound) // features.HOP]


def halves(spans):
    """Spans with diphthongs in two: [[visemes or None, index of the span, part]], boundaries."""
    parts, edges = [], []
    for index, (phone, start, end) in enumerate(spans):
        at = start
        for share, visemes in phones.targets(phone):
            parts.append((visemes, index))
            edges.append(at)
            at += share * (end - start)
    edges.append(spans[-1][2])
    return parts, np.array(edges)


def align(spans, frames):
    """The spans with moved boundaries."""
    parts, edges = halves(spans)
    count = len(frames)
    sums = []
    for visemes, _ in parts:
        if visemes is None:
            gain = np.full(count, np.log(0.3), np.float32)  # any shape will do
        else:
            gain = np.log(np.maximum(frames[:, [phones.INDEX[v] for v in visemes]].sum(1), 1e-4))
        sums.append(np.concatenate([[0], np.cumsum(gain)]))
    base = np.clip(np.round(edges * 100).astype(int), 0, count)
    moves = np.arange(-REACH, REACH + 1)
    pull = PULL * moves.astype(float) ** 2
    n = len(edges)
    # score[k]: best so far with the current boundary at base + moves[k].
    score = np.where(moves == 0, 0.0, -1e9)
    back = []
    for i in range(1, n):
        here = np.clip(base[i] + moves, 0, count)
        before = np.clip(base[i - 1] + moves, 0, count)
        total = score[None, :] + sums[i - 1][here][:, None] - sums[i - 1][before][None, :]
        total[here[:, None] < before[None, :] + 1] = -1e9  # a phone lasts 10 ms at least
        if i == n - 1:
            total[moves != 0] = -1e9
        back.append(total.argmax(1))
        score = total.max(1) - (pull if i < n - 1 else 0)
    if score[REACH] < -1e8:
        return spans
    at = REACH
    shift = np.zeros(n, int)
    for i in range(n - 1, 0, -1):
        shift[i] = moves[at]
        at = back[i - 1][at]
    moved = np.clip(base + shift, 0, count) / 100
    out = [list(span) for span in spans]
    first = {}
    for i, (_, index) in enumerate(parts):
        first.setdefault(index, i)
    for index, span in enumerate(out):
        span[1] = float(moved[first[index]])
        span[2] = float(moved[first.get(index + 1, n - 1)])
    return out


def main():
    args = argparse.ArgumentParser()
    args.add_argument("checkpoint")
    args.add_argument("--clips", required=True)
    args.add_argument("--out", required=True)
    args.add_argument("--engines", default="kokoro,piper", help="whose labels to move; flite and festival are exact and keep the clock")
    args = args.parse_args()
    torch.set_num_threads(1)
    model, _ = network.load(args.checkpoint)
    began, done, distance = time.time(), 0, []
    for path in sorted(Path(args.clips).glob("*/[0-9]*.npz")):
        target = Path(args.out, path.parent.name, f"{path.stem}.json")
        if path.parent.name not in args.engines.split(",") or target.exists():
            continue
        with np.load(path) as clip:
            sound, spans = clip["pcm"].astype(np.float32) / 32768, json.loads(str(clip["spans"]))
        if len(sound) < features.RATE // 2 or len(spans) < 3:
            continue
        moved = align(spans, posteriors(model, sound))
        distance += [abs(a[1] - b[1]) for a, b in zip(spans, moved)]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(moved), encoding="utf8")
        done += 1
        if done % 50 == 0:
            print(f"\r{done} clips, boundaries moved by {1000 * np.mean(distance):.0f} ms, {time.time() - began:.0f} s", end="", flush=True)
    print()


if __name__ == "__main__":
    main()
