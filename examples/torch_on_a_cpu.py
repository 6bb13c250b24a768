"""A PyTorch model on a CPU, whose steps fastopt takes: on the memory of its tensors, without a copy.

``python examples/torch_on_a_cpu.py``, with the extra `peers`.
"""

import time
from itertools import pairwise

import numpy as np
import torch

import fastopt

STEPS = 60


def network():
    torch.manual_seed(0)
    sizes = [32, *[64] * 8, 10]  # many small arrays, as many models have
    layers = [torch.nn.Linear(a, b) for a, b in pairwise(sizes)]
    return torch.nn.Sequential(*(each for layer in layers for each in (layer, torch.nn.Tanh())))


class OnTensors:
    """Steps of fastopt on a model's parameters; the gradients are those of ``loss.backward()``."""

    def __init__(self, model):
        self.tensors = dict(model.named_parameters())
        params = {name: p.detach().numpy() for name, p in self.tensors.items()}  # the same memory
        self.opt = fastopt.AdamW(params, lr=1e-3, weight_decay=0.01)

    def zero_grad(self):
        for p in self.tensors.values():
            p.grad = None

    def step(self):
        self.opt.step({name: p.grad.numpy() for name, p in self.tensors.items()})


def train(make):
    model = network()
    opt = make(model)
    generator = torch.Generator().manual_seed(1)
    seconds = []
    for _ in range(STEPS):
        x = torch.randn(64, 32, generator=generator)
        opt.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), x[:, :10].argmax(dim=1))
        loss.backward()
        begun = time.perf_counter()
        opt.step()
        seconds.append(time.perf_counter() - begun)
    return model, loss.item(), np.median(seconds)


def main():
    def theirs(model):
        return torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)

    torch_model, torch_loss, torch_time = train(theirs)
    model, loss, own_time = train(OnTensors)
    print(f"torch.optim.AdamW: loss {torch_loss:.4f}, {torch_time * 1e6:6.0f} microseconds a step")
    print(f"fastopt.AdamW:     loss {loss:.4f}, {own_time * 1e6:6.0f} microseconds a step")
    pairs = zip(torch_model.parameters(), model.parameters(), strict=True)
    gap = max((a - b).abs().max().item() for a, b in pairs)
    print(f"largest difference of a weight after {STEPS} steps: {gap:.0e}")


if __name__ == "__main__":
    main()
