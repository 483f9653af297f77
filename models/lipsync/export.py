#!/usr/bin/env python3
"""Checkpoint to ONNX with explicit state: python3 export.py CHECKPOINT lipsync.onnx

mel [batch, frames, 40] (frames even) and state [batch, S] in; visemes
[batch * frames / 2 * 5 delays * 2, 15] (posteriors, in that order) and state out.
"""

import sys

import torch

import network


class Posteriors(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, mel, state):
        logits, state = self.inner.flat(mel, state)
        return torch.softmax(logits.reshape(-1, network.VISEMES), -1), state


def main():
    model, checkpoint = network.load(sys.argv[1])
    torch.onnx.export(
        Posteriors(model).eval(), (torch.zeros(2, 4, network.BANDS), model.rest(2)), sys.argv[2],
        input_names=["mel", "state"], output_names=["visemes", "next_state"], opset_version=14,
        dynamic_axes={"mel": {0: "batch", 1: "frames"}, "state": {0: "batch"}, "visemes": {0: "rows"}, "next_state": {0: "batch"}},
    )
    size = sum(p.numel() for p in model.parameters())
    print(f"step {checkpoint['step']}, {size} parameters, state of {model.state_size}")


if __name__ == "__main__":
    main()
