"""Evolution strategies in worker processes: a pole is balanced on a cart, without any gradient.

``python examples/evolution.py``. The estimate of the gradient is that of OpenAI's evolution strategies
(Salimans et al., arXiv:1703.03864), with mirrored noise and ranks in place of rewards.
"""

from multiprocessing import get_context

import numpy as np

import fastopt

PAIRS, SIGMA, GENERATIONS, STEPS = 24, 0.1, 25, 500
SHAPES = {"w1": (4, 8), "b1": (8,), "w2": (8, 1)}


def balanced(given):
    """Return for how many steps the policy keeps the pole up (Barto, Sutton and Anderson, 1983)."""
    params, seed = given
    x, v, angle, spin = np.random.default_rng(seed).uniform(-0.05, 0.05, 4)
    for step in range(STEPS):
        seen = np.array([x, v, angle, spin]) / [2.4, 2.0, 0.21, 2.0]
        push = 10.0 if (np.tanh(seen @ params["w1"] + params["b1"]) @ params["w2"])[0] > 0 else -10.0
        sin, cos = np.sin(angle), np.cos(angle)
        pull = (push + 0.05 * spin**2 * sin) / 1.1
        turn = (9.8 * sin - cos * pull) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
        x, v = x + 0.02 * v, v + 0.02 * (pull - 0.05 * turn * cos / 1.1)
        angle, spin = angle + 0.02 * spin, spin + 0.02 * turn
        if abs(x) > 2.4 or abs(angle) > 0.2095:
            return step
    return STEPS


def main():
    rng = np.random.default_rng(0)
    params = {name: rng.normal(0, 0.1, shape) for name, shape in SHAPES.items()}
    opt = fastopt.Adam(params, lr=0.05, maximize=True)
    with get_context("spawn").Pool(2) as pool:
        for generation in range(GENERATIONS):
            noise = [{k: rng.normal(size=p.shape) for k, p in params.items()} for _ in range(PAIRS)]
            tried = [
                ({k: p + sign * SIGMA * each[k] for k, p in params.items()}, generation)
                for each in noise
                for sign in (1, -1)
            ]
            rewards = np.array(pool.map(balanced, tried, chunksize=6), float)
            ranks = rewards.argsort().argsort() / (len(rewards) - 1) - 0.5
            weights = (ranks[::2] - ranks[1::2]) / (2 * SIGMA * PAIRS)
            opt.step({k: sum(w * n[k] for w, n in zip(weights, noise, strict=True)) for k in params})
            if generation % 5 == 4:
                mean = rewards.mean()
                print(f"generation {generation + 1:3}: {mean:6.1f} of {STEPS} steps on average")
    last = [balanced((params, seed)) for seed in range(100, 120)]
    print(f"in the end, from 20 other beginnings: {np.mean(last):.1f}")


if __name__ == "__main__":
    main()
