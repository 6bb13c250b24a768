"""A PyTorch model on a CPU, whose steps fastopt takes: one import is all that changes.

``python examples/torch_on_a_cpu.py``, with the extra `peers`.
"""

import time
from itertools import pairwise

import numpy as np
import torch

import fastopt.torch

STEPS = 60


def network():
    torch.manual_seed(0)
    sizes = [32, *[64] * 8, 10]  # many small arrays, as many models have
    layers = [torch.nn.Linear(a, b) for a, b in pairwise(sizes)]
    return torch.nn.Sequential(*(each for layer in layers for each in (layer, torch.nn.Tanh())))


def train(optimizers):
    model = network()
    opt = optimizers.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, STEPS)
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
        schedule.step()
    return model, loss.item(), np.median(seconds)


def main():
    torch_model, torch_loss, torch_time = train(torch.optim)
    model, loss, own_time = train(fastopt.torch)
    print(f"torch.optim.AdamW:   loss {torch_loss:.4f}, {torch_time * 1e6:6.0f} microseconds a step")
    print(f"fastopt.torch.AdamW: loss {loss:.4f}, {own_time * 1e6:6.0f} microseconds a step")
    pairs = zip(torch_model.parameters(), model.parameters(), strict=True)
    gap = max((a - b).abs().max().item() for a, b in pairs)
    print(f"largest difference of a weight after {STEPS} steps: {gap:.0e}")


if __name__ == "__main__":
    main()
