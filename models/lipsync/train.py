#!/usr/bin/env python3
"""Trains the network: python3 train.py --arrays DIR --out FILE --steps 6000

Resumable: FILE holds weights, optimiser and step, and is written every 250
steps. Uses a GPU when there is one. Prints the loss and the accuracy on clips
that are kept apart (every 25th).
"""

import argparse
import os
import time
import zlib
from pathlib import Path

import threads  # noqa: F401  (first)

import numpy as np
import torch
from torch.nn import functional as F

import network
import phones

UNKNOWN = 255
CHUNK = 300  # frames
# Jaw, rounding, closure, spread of each viseme: what an error costs to the eye.
CURVES = torch.tensor(
    [[0.03, 0.05, 0.35, 0.05], [0.02, 0.08, 1, 0.05], [0.1, 0.05, 0.45, 0.15], [0.18, 0.05, 0, 0.15],
     [0.18, 0.05, 0, 0.2], [0.28, 0.05, 0, 0.1], [0.14, 0.5, 0, 0], [0.1, 0.05, 0, 0.35], [0.2, 0.05, 0, 0.15],
     [0.22, 0.4, 0, 0], [0.9, 0.05, 0, 0.1], [0.5, 0, 0, 0.4], [0.28, 0, 0, 0.6], [0.6, 0.65, 0, 0], [0.28, 0.95, 0.05, 0]]
)


# How far above the pause before it a frame must be to be heard, in ln power.
HEARD = 1.2


def forget_silent_closures(mel, viseme, mask):
    """Nobody can hear lips that close in silence: the quiet part of a stop after a
    pause is taught as rest (its last two frames not at all), or the network
    would see a closure before every word that begins with a vowel."""
    level = mel.astype(np.float32).mean(1)
    starts = np.flatnonzero((viseme[1:] != viseme[:-1]) & (viseme[:-1] == 0)) + 1
    for start in starts:
        if viseme[start] in (phones.INDEX["PP"], phones.INDEX["DD"], phones.INDEX["kk"]):
            end = start + 1
            while end < len(viseme) and viseme[end] == viseme[start]:
                end += 1
            pause = np.median(level[max(0, start - 12) : start])
            heard = np.flatnonzero(level[start:end] > pause + HEARD)
            first = start + heard[0] if len(heard) else end
            viseme[start:first], mask[start:first] = 0, 1
            viseme[max(start, first - 2) : first], mask[max(start, first - 2) : first] = UNKNOWN, 0


class Clips:
    """All arrays in memory, one long piece each; chunks are cut anywhere."""

    def __init__(self, folder, hold_out, copies=False):
        self.mel, self.viseme, self.mask, self.group = [], [], [], []
        for path in sorted(Path(folder).glob("*.npz")):
            engine, number, _ = path.stem.split("-")
            if (zlib.crc32(f"{engine}{number}".encode()) % 25 == 0) != hold_out:
                continue
            if hold_out and not copies and not path.stem.endswith("-0"):
                continue
            with np.load(path) as arrays:
                mel, viseme, mask = arrays["mel"], arrays["viseme"], arrays["mask"]
                forget_silent_closures(mel, viseme, mask)
                self.mel.append(mel)
                self.viseme.append(viseme)
                self.mask.append(mask)
                self.group.append(engine)
        self.length = np.array([len(m) for m in self.mel])
        self.noises = [i for i, group in enumerate(self.group) if group == "noises"]

    def balance(self, engine_weight):
        """Chance of each clip: its length times the weight of its engine."""
        chance = self.length * np.array([engine_weight.get(g, 1.0) for g in self.group])
        return np.cumsum(chance / chance.sum())

    def pause(self, rng, i, n):
        """`n` frames without a voice: the silence of clip `i` itself, or other noises."""
        if rng.random() < 0.4 and self.noises:
            j = int(rng.choice(self.noises))
            start = int(rng.integers(max(1, self.length[j] - n)))
            return self.mel[j][start : start + n].astype(np.float32) - rng.uniform(0, 7)
        still = np.flatnonzero(self.viseme[i] == 0)
        if len(still) < 5:
            return np.full((n, network.BANDS), np.log(1e-5), np.float32)
        return self.mel[i][rng.choice(still, n)].astype(np.float32)

    def chunk(self, rng, cumulative):
        """CHUNK frames, joined from as many clips and pauses as it takes."""
        mel, viseme, mask, have = [], [], [], 0
        while have < CHUNK:
            i = min(int(np.searchsorted(cumulative, rng.random())), len(self.mel) - 1)
            start = int(rng.integers(max(1, self.length[i] - 100)))
            if rng.random() < 0.6:  # a pause, then the clip from its beginning or from anywhere
                still = self.pause(rng, i, min(int(rng.integers(10, 130)), CHUNK - have))
                mel.append(still)
                viseme.append(np.zeros(len(still), np.uint8))
                mask.append(np.ones(len(still), np.uint16))
                have += len(still)
                start = 0 if rng.random() < 0.6 else start
            end = min(start + CHUNK - have, int(self.length[i]))
            mel.append(self.mel[i][start:end].astype(np.float32))
            viseme.append(self.viseme[i][start:end])
            mask.append(self.mask[i][start:end])
            have += max(0, end - start)
        return np.concatenate(mel), np.concatenate(viseme), np.concatenate(mask)


def channel(rng, mel):
    """Another microphone, room noise and level, in the log-mel domain."""
    n, bands = mel.shape
    x = np.linspace(-1, 1, bands, dtype=np.float32)
    if rng.random() < 0.85:
        db = rng.uniform(-12, 12) * x + rng.uniform(-5, 5) * np.sin(x * rng.uniform(2, 9) + rng.uniform(0, 6))
        mel = mel + db * 0.2303
    mel = mel + rng.uniform(-4.0, 3.0)  # gain in ln power
    if rng.random() < 0.25:
        low, high = int(rng.integers(0, 6)), int(rng.integers(22, bands))
        cut = np.zeros(bands, np.float32)
        cut[:low] = -rng.uniform(2, 9)
        cut[high:] = -rng.uniform(2, 12)
        mel = mel + cut
    if rng.random() < 0.7:  # stationary noise floor
        loud = np.percentile(mel, 95)
        floor = loud - rng.uniform(1.5, 10) + rng.uniform(-2.5, 2.5) * x + rng.normal(0, 0.4, bands)
        wobble = rng.normal(0, rng.uniform(0.2, 0.6), (n, bands))
        mel = np.logaddexp(mel, floor + wobble)
    mel = np.logaddexp(mel, np.float32(np.log(1e-5)))
    if rng.random() < 0.5:  # holes
        for _ in range(int(rng.integers(1, 3))):
            f, w = int(rng.integers(bands)), int(rng.integers(1, 5))
            mel[:, f : f + w] = mel.mean()
    return mel.astype(np.float32)


def soft_targets(viseme, mask):
    """[.., 15]: .86 for the viseme that shows the phone, the rest for those that would also do."""
    bits = ((mask[..., None] >> np.arange(15)) & 1).astype(np.float32)
    known = viseme != UNKNOWN
    primary = np.eye(15, dtype=np.float32)[np.where(known, viseme, 0)]
    others = bits * (1 - primary)
    count = others.sum(-1, keepdims=True)
    target = np.where(count > 0, 0.86 * primary + 0.14 * others / np.maximum(count, 1), primary)
    return target * known[..., None], known


def batch(clips, rng, cumulative, size):
    mels, visemes, masks = [], [], []
    for _ in range(size):
        mel, viseme, mask = clips.chunk(rng, cumulative)
        mels.append(channel(rng, mel))
        visemes.append(viseme)
        masks.append(mask)
    target, known = soft_targets(np.stack(visemes), np.stack(masks))
    return torch.from_numpy(np.stack(mels)), torch.from_numpy(target), torch.from_numpy(known), np.stack(visemes)


def at_delays(x):
    """[b, n, ...] -> [b, n/2, delays, 2, ...]: what each head has to say at each hop."""
    n = x.shape[1]
    heads = []
    for d in network.DELAYS:
        shifted = torch.cat([torch.zeros_like(x[:, :d]), x[:, : n - d]], 1)
        heads.append(shifted.reshape(x.shape[0], n // 2, 2, *x.shape[2:]))
    return torch.stack(heads, 2)


# How often clips of an engine are taken, for each minute of them: Kokoro holds most speakers, and recordings are
# what the network is for.
ENGINES = {"kokoro": 2.0, "recordings": 2.5, "piper": 0.6, "flite": 0.7, "festival": 0.9, "espeak": 0.6, "noises": 1.1}

# Heads that the server uses count most.
HEAD_WEIGHT = torch.tensor([0.6, 0.9, 1.2, 1.4, 0.9])


# What lips that meet where they do not have to cost more than other mistakes.
FALSE_CLOSURE = 1.0


def loss_of(logits, target, known, weight, device):
    """Weighted cross entropy, the squared error of the curves that the eye sees, and a price for false closures."""
    target, known = at_delays(target), at_delays(known.float())
    smooth = target * 0.96 + 0.04 / 15
    frame = (target * weight).sum(-1) * known * HEAD_WEIGHT.to(device)[None, None, :, None]
    logp = F.log_softmax(logits, -1)
    p = logp.exp()
    ce = -(smooth * logp).sum(-1)
    curves = ((p - target) @ CURVES.to(device)).square().sum(-1)
    lips = [phones.INDEX["PP"], phones.INDEX["FF"]]
    closed = (p[..., lips] * (target[..., lips] == 0)).square().sum(-1)
    return ((ce + 4.0 * curves + FALSE_CLOSURE * closed) * frame).sum() / frame.sum().clamp(min=1)


def examine(model, clips, device, head=3):
    """Accuracy of speech frames, PP recall and precision (frames) on clips kept apart, without augmentation."""
    model.eval()
    delay, hit, total, groups = network.DELAYS[head], 0, 0, {}
    pp = np.zeros(3)
    with torch.no_grad():
        for mel, viseme, mask, group in zip(clips.mel, clips.viseme, clips.mask, clips.group):
            n = len(mel) // 2 * 2
            logits, _ = model(torch.from_numpy(mel[:n].astype(np.float32))[None].to(device), model.rest(1).to(device))
            guess = logits[0, :, head].reshape(n, 15).argmax(-1).cpu().numpy()[delay:]
            v, m = viseme[: len(guess)], mask[: len(guess)]
            speech = (v != UNKNOWN) & ((v > 0) | (group == "noises"))
            right = ((m >> guess) & 1)[speech].sum()
            got = groups.setdefault(group, [0, 0])
            got[0] += right
            got[1] += speech.sum()
            if group != "noises":
                hit, total = hit + right, total + speech.sum()
            pp += [((v == 1) & (guess == 1)).sum(), (v == 1).sum(), ((guess == 1) & (v != UNKNOWN)).sum()]
    model.train()
    each = " ".join(f"{k} {a / max(b, 1):.3f}" for k, (a, b) in sorted(groups.items()))
    return f"speech {hit / max(total, 1):.3f}  PP {pp[0] / max(pp[1], 1):.3f}/{pp[0] / max(pp[2], 1):.3f}  {each}"


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--arrays", required=True)
    args.add_argument("--out", required=True)
    args.add_argument("--steps", type=int, default=6000)
    args.add_argument("--start-from", help="checkpoint whose weights to begin with")
    args.add_argument("--batch", type=int, default=16)
    args.add_argument("--rate", type=float, default=2e-3)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--sizes", default="128,192,224,160")
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    clips, apart = Clips(args.arrays, False), Clips(args.arrays, True)
    hours = clips.length.sum() / 360_000
    print(f"{len(clips.mel)} arrays, {hours:.1f} h with copies; {len(apart.mel)} kept apart; {device}")

    sizes = dict(zip(["conv", "middle", "first", "second"], map(int, args.sizes.split(","))))
    model = network.Network(**sizes).to(device)
    sample = np.concatenate([m.astype(np.float32) for m in clips.mel[:: max(1, len(clips.mel) // 400)]])
    model.mean.copy_(torch.from_numpy(sample.mean(0)) - 1.0)  # augmentation lowers the level by 1 on average
    model.scale.copy_(torch.from_numpy(1 / (sample.std(0) + 0.5)))
    average = {k: v.clone() for k, v in model.state_dict().items()}
    optimiser = torch.optim.AdamW(model.parameters(), lr=args.rate, weight_decay=0.02)
    step = 0
    if args.start_from:
        weights = torch.load(args.start_from, map_location=device)["average"]
        model.load_state_dict(weights)
        average = {k: v.clone() for k, v in weights.items()}
    if os.path.exists(args.out):
        saved = torch.load(args.out, map_location=device)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        average, step = saved["average"], saved["step"]
        print(f"goes on at step {step}")

    counts = np.zeros(15)
    for v in clips.viseme:
        counts += np.bincount(v[v != UNKNOWN], minlength=15)
    # Rare visemes count a little more; much more would make lips meet in noise.
    weight = (counts / counts.sum() + 1e-4) ** -0.12
    weight /= (weight * counts).sum() / counts.sum()
    weight = torch.tensor(weight, dtype=torch.float32, device=device)
    cumulative = clips.balance(ENGINES)

    began, running = time.time(), None
    while step < args.steps:
        warm, left = min(1, (step + 1) / 150), 0.5 + 0.5 * np.cos(np.pi * step / args.steps)
        for group in optimiser.param_groups:
            group["lr"] = args.rate * warm * (0.02 + 0.98 * left)
        rng = np.random.default_rng([args.seed, step])
        mel, target, known, _ = batch(clips, rng, cumulative, args.batch)
        mel, target, known = mel.to(device), target.to(device), known.to(device)
        logits, _ = model(mel, model.rest(len(mel)).to(device))
        loss = loss_of(logits, target, known, weight, device)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        keep = min(0.995, step / (step + 20))
        with torch.no_grad():
            for k, v in model.state_dict().items():
                if v.dtype.is_floating_point:
                    average[k].mul_(keep).add_(v, alpha=1 - keep)
                else:
                    average[k].copy_(v)
        running = loss.item() if running is None else 0.97 * running + 0.03 * loss.item()
        if step % 25 == 0:
            print(f"\rstep {step}/{args.steps} loss {running:.3f} {(time.time() - began):.0f} s", end="", flush=True)
        if step % 250 == 0 or step == args.steps:
            tested = network.Network(**sizes).to(device)
            tested.load_state_dict(average)
            print(f"\rstep {step} loss {running:.3f} {examine(tested, apart, device)}  {time.time() - began:.0f} s", flush=True)
            torch.save(dict(model=model.state_dict(), average=average, optimiser=optimiser.state_dict(), step=step, sizes=sizes), f"{args.out}.part")
            os.replace(f"{args.out}.part", args.out)


if __name__ == "__main__":
    main()
