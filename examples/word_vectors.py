"""Word vectors from real text: skip-gram with negative sampling, and a vocabulary that grows.

``python examples/word_vectors.py``. The text is Python's own help, which every installation has.
Mikolov et al., arXiv:1310.4546. A batch has gradients of the rows of its words, and of no others.
"""

import re
from pydoc_data.topics import topics

import numpy as np

import fastopt

WIDTH, WINDOW, NEGATIVE, BATCH = 32, 4, 5, 2048


def words_of(text):
    return re.findall(r"[a-z]+", text.lower())


def pairs_of(ids):
    """List (center, context) for words of the vocabulary that stand near each other."""
    found = []
    for distance in range(1, WINDOW + 1):
        a, b = ids[:-distance], ids[distance:]
        known = (a >= 0) & (b >= 0)
        found += [(a[known], b[known]), (b[known], a[known])]
    return tuple(map(np.concatenate, zip(*found, strict=True)))


def grads_of(params, center, context, rng):
    """Return the mean loss of a batch of pairs, and the gradients of rows of both tables."""
    inside, outside = params["in"], params["out"]
    others = rng.integers(0, len(outside), (len(center), NEGATIVE))
    ids = np.concatenate([context[:, None], others], axis=1)
    target = np.zeros(ids.shape, np.float32)
    target[:, 0] = 1
    v, u = inside[center], outside[ids]
    score = np.einsum("bd,bkd->bk", v, u)
    loss = np.logaddexp(0, np.where(target == 1, -score, score)).sum(axis=1).mean()
    error = (1 / (1 + np.exp(-score)) - target).astype(np.float32) / len(center)
    of_out = (error[:, :, None] * v[:, None, :]).reshape(-1, WIDTH)
    return loss, {
        "in": fastopt.RowGradient(center, np.einsum("bk,bkd->bd", error, u)),
        "out": fastopt.RowGradient(ids.ravel(), of_out),
    }


def train(params, opt, ids, rng, steps):
    center, context = pairs_of(ids)
    losses = []
    for _ in range(steps):
        batch = rng.integers(0, len(center), BATCH)
        loss, grads = grads_of(params, center[batch], context[batch], rng)
        opt.step(grads)
        losses.append(loss)
    return np.mean(losses[-50:])


def near(params, number, word, most=5):
    table = params["in"] / np.linalg.norm(params["in"], axis=1, keepdims=True)
    order = np.argsort(-(table @ table[number[word]]))
    names = list(number)
    return ", ".join(names[i] for i in order[1 : most + 1])


def main():
    rng = np.random.default_rng(0)
    text = words_of(" ".join(topics.values()))
    names, counts = np.unique(text, return_counts=True)
    order = names[np.argsort(-counts, kind="stable")]
    number = {word: i for i, word in enumerate(order[:1000])}
    ids = np.array([number.get(word, -1) for word in text])
    params = {
        "in": rng.normal(0, 0.1, (len(number), WIDTH)).astype(np.float32),
        "out": np.zeros((len(number), WIDTH), np.float32),
    }
    opt = fastopt.Adam(params, lr=0.01, sparse="exact")  # as if all rows had a gradient
    print(f"{len(text):,} words of text; {len(number):,} have vectors of {WIDTH}")
    print(f"loss after 300 steps: {train(params, opt, ids, rng, 300):.3f}")

    # 500 words more: the tables grow, and each old row keeps its moments.
    number = {word: i for i, word in enumerate(order[:1500])}
    ids = np.array([number.get(word, -1) for word in text])
    rows = [*range(1000), *[-1] * 500]
    for name, begin in (("in", rng.normal(0, 0.1, (500, WIDTH))), ("out", np.zeros((500, WIDTH)))):
        opt.replace(name, np.concatenate([params[name], begin.astype(np.float32)]), rows=rows)
    print(f"loss with 500 words more, after 300 steps: {train(params, opt, ids, rng, 300):.3f}")
    for word in ("float", "list", "exception"):
        print(f"near {word!r}: {near(params, number, word)}")


if __name__ == "__main__":
    main()
