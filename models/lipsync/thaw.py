#!/usr/bin/env python3
"""The shipped network as a checkpoint to go on from:
python3 thaw.py lipsync.onnx --clips DIR --out shipped.pt

Export folds batch normalisation into the convolutions. Here the statistics of
their outputs on some clips become the normalisation again, so that the network
gives the same answers and can be trained on. Needs the `onnx` package.
"""

import argparse
from pathlib import Path

import threads  # noqa: F401  (first)

import numpy as np
import onnx
import torch
from onnx import numpy_helper

import features
import network
import train

SAMPLE = 300  # clips


def gates(x):
    """ONNX orders the gates of a GRU update, reset, new; PyTorch reset, update, new."""
    update, reset, new = np.split(x, 3)
    return torch.from_numpy(np.concatenate([reset, update, new]).copy())


def weights(path, model):
    """The weights of an exported network with normalisations that do nothing."""
    arrays = {i.name: numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer}
    named = lambda kind: [value for name, value in arrays.items() if kind in name]
    tensor = lambda x: torch.from_numpy(np.array(x))
    state = model.state_dict()
    state["mean"], state["scale"] = tensor(arrays["inner.mean"]), tensor(arrays["inner.scale"])
    convolutions, recurrent = named("Conv_"), named("GRU_")
    for k in (1, 2, 3):
        state[f"conv{k}.weight"], state[f"conv{k}.bias"] = map(tensor, convolutions[2 * k - 2 : 2 * k])
        state[f"norm{k}.running_var"].fill_(1 - getattr(model, f"norm{k}").eps)
    for k in (1, 2):
        inputs, hidden, bias = (x[0] for x in recurrent[3 * k - 3 : 3 * k])
        of_inputs, of_hidden = np.split(bias, 2)
        for name, value in (("weight_ih", inputs), ("weight_hh", hidden), ("bias_ih", of_inputs), ("bias_hh", of_hidden)):
            state[f"gru{k}.{name}_l0"] = gates(value)
    state["out.weight"], state["out.bias"] = tensor(named("MatMul_")[0].T), tensor(arrays["inner.out.bias"])
    return state


def unfold(model, clips):
    """Gives the normalisations the statistics of what they see."""
    sums = {k: [0, 0.0, 0.0] for k in (1, 2, 3)}

    def watch(k):
        def hook(_, __, out):
            values = out.detach().double().transpose(0, 1).flatten(1)
            sums[k][0] += values.shape[1]
            sums[k][1] += values.sum(1)
            sums[k][2] += values.square().sum(1)

        return getattr(model, f"conv{k}").register_forward_hook(hook)

    hooks = [watch(k) for k in sums]
    rng = np.random.default_rng(0)
    for path in rng.permutation(clips)[:SAMPLE]:
        with np.load(path) as clip:
            mel = train.channel(rng, features.log_mel(clip["pcm"].astype(np.float32) / 32768))
        with torch.no_grad():
            model(torch.from_numpy(mel[: len(mel) // 2 * 2])[None], model.rest(1))
    for hook in hooks:
        hook.remove()
    for k, (count, total, squares) in sums.items():
        norm, mean = getattr(model, f"norm{k}"), total / count
        spread = squares / count - mean**2
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(spread)
        norm.weight.data.copy_((spread + norm.eps).sqrt())
        norm.bias.data.copy_(mean)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("network")
    args.add_argument("--clips", required=True)
    args.add_argument("--out", required=True)
    args = args.parse_args()
    torch.set_num_threads(1)
    model = network.Network().eval()
    model.load_state_dict(weights(args.network, model))
    unfold(model, [str(p) for p in sorted(Path(args.clips).glob("*/[0-9]*.npz")) if p.stat().st_size > 40_000])
    torch.save(dict(model=model.state_dict(), average=model.state_dict(), step=0, sizes=model.sizes), args.out)


if __name__ == "__main__":
    main()
