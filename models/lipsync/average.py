#!/usr/bin/env python3
"""The weighted mean of two networks, of which one was trained on from the other:
python3 average.py A B --share 0.2 --out FILE (that share of A, the rest of B)
"""

import argparse

import threads  # noqa: F401  (first)

import torch


def main():
    args = argparse.ArgumentParser()
    args.add_argument("a")
    args.add_argument("b")
    args.add_argument("--share", type=float, required=True)
    args.add_argument("--out", required=True)
    args = args.parse_args()
    first, second = (torch.load(path, map_location="cpu") for path in (args.a, args.b))
    mean = {
        name: args.share * first["average"][name] + (1 - args.share) * value if value.dtype.is_floating_point else value
        for name, value in second["average"].items()
    }
    torch.save(dict(model=mean, average=mean, step=second["step"], sizes=second["sizes"]), args.out)


if __name__ == "__main__":
    main()
