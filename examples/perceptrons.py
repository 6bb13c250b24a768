"""scikit-learn's perceptrons with an optimizer of your choice: one line is changed.

``python examples/perceptrons.py``, with the extra `demo`: handwritten digits, by the solver of
scikit-learn, by the same of ours, and by optimizers that it does not have; and a grid of them.
"""

import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier as Theirs

import fastopt
from fastopt.sklearn import MLPClassifier


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)  # they are short on purpose
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x / 16, y, random_state=0)
    usual = {"hidden_layer_sizes": (64,), "max_iter": 15, "random_state": 0}

    rates = fastopt.schedules.cosine(0.01, 15 * 7)  # 7 batches in each pass
    clipped = {"lr": rates, "weight_decay": 0.1, "global_clipnorm": 1.0}
    models = {
        "theirs": Theirs(**usual),
        "ours": MLPClassifier(**usual),
        "AdamW, schedule": MLPClassifier(**usual, optimizer="adamw", optimizer_options=clipped),
        "Lion": MLPClassifier(**usual, optimizer="lion", learning_rate_init=0.001),
        "Prodigy": MLPClassifier(**usual, optimizer="prodigy", learning_rate_init=1.0),
    }
    for name, model in models.items():
        print(f"{name:15} accuracy {model.fit(x, y).score(x_test, y_test):.3f}")

    grid = {"optimizer": ["nadam", "radam"], "learning_rate_init": [0.001, 0.01]}
    search = GridSearchCV(MLPClassifier(**usual), grid, cv=3).fit(x, y)
    print("best of the grid:", *search.best_params_.values())


if __name__ == "__main__":
    main()
