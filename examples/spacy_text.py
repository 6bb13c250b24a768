"""A pipeline of spaCy, whose optimizer is another: one line of its config is changed.

``python examples/spacy_text.py``, with spaCy: a text classifier on made-up reviews, trained by thinc's
Adam, by the same of ours, and by Lion.
"""

import random

import spacy
from spacy.training import Example
from spacy.util import fix_random_seed, registry

GOOD = ["a joy to read", "warm and clever", "I loved every page", "funny, kind and wise"]
BAD = ["a waste of paper", "dull and cold", "I gave up halfway", "vain, slow and wrong"]

CONFIGS = {
    "thinc's Adam": {"@optimizers": "Adam.v1", "learn_rate": 0.001},
    "fastopt's Adam": {"@optimizers": "fastopt.Adam.v1", "learn_rate": 0.001},
    "fastopt's Lion": {
        "@optimizers": "fastopt.Optimizer.v1",
        "algorithm": "lion",
        "learn_rate": 0.0003,
    },
}


def reviews(nlp):
    for words, good in [(GOOD, 1.0), (BAD, 0.0)]:
        for _ in range(30):
            text = " and ".join(random.sample(words, 2))
            labels = {"GOOD": good, "BAD": 1.0 - good}
            yield Example.from_dict(nlp.make_doc(text), {"cats": labels})


def train(config):
    random.seed(0)
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("textcat")
    examples = list(reviews(nlp))
    nlp.initialize(lambda: examples)
    optimizer = registry.resolve({"optimizer": config})["optimizer"]
    losses = []
    for _ in range(5):
        random.shuffle(examples)
        found = {}
        for batch in spacy.util.minibatch(examples, 10):
            nlp.update(batch, sgd=optimizer, losses=found)
            optimizer.step_schedules()
        losses.append(found["textcat"])
    return losses, nlp("funny, kind and wise and a joy to read").cats["GOOD"]


def main():
    for name, config in CONFIGS.items():
        losses, good = train(config)
        print(f"{name:15} loss {losses[0]:.5f}, {losses[1]:.5f}, {losses[-1]:.5f}; good: {good:.2f}")


if __name__ == "__main__":
    main()
