"""An estimator as scikit-learn has them, whose optimizer is chosen by name.

``python examples/estimator.py``, with the extra `demo`: cross-validation in two processes, which
pickles the estimators that have been fitted, optimizers and all, and training that goes on afterwards.
"""

import copy

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastopt


class Logistic(ClassifierMixin, BaseEstimator):
    """Logistic regression, by whichever optimizer `fastopt.get` knows by that name."""

    def __init__(self, optimizer="adamw", lr=0.05, epochs=20):
        self.optimizer, self.lr, self.epochs = optimizer, lr, epochs

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        self.params_ = {"w": np.zeros(x.shape[1]), "b": np.zeros(1)}
        self.opt_ = fastopt.get(self.optimizer, self.params_, lr=self.lr)
        return self.partial_fit(x, y)

    def partial_fit(self, x, y):
        data = fastopt.Batches((x, (y == self.classes_[1]).astype(float)), 32, seed=0)
        self.history_ = fastopt.fit(loss_and_grad, self.params_, self.opt_, data, epochs=self.epochs)
        return self

    def predict(self, x):
        return self.classes_[(x @ self.params_["w"] + self.params_["b"] > 0).astype(int)]


def loss_and_grad(params, x, y):
    score = x @ params["w"] + params["b"]
    error = 1 / (1 + np.exp(-score)) - y
    loss = np.mean(np.logaddexp(0, score) - y * score)
    return loss, {"w": x.T @ error / len(x), "b": np.array([error.mean()])}


def main():
    x, y = load_breast_cancer(return_X_y=True)
    for name in ("sgd", "adamw", "nadam"):
        model = make_pipeline(StandardScaler(), Logistic(name))
        found = cross_validate(model, x, y, cv=4, n_jobs=2, return_estimator=True)
        steps = [each[-1].opt_.step_count for each in found["estimator"]]
        print(f"{name:6} accuracy {found['test_score'].mean():.3f} after {steps[0]} steps in each fold")
    fitted = found["estimator"][0]
    before = copy.deepcopy(fitted)  # whose optimizer has the arrays that it predicts with
    fitted[-1].partial_fit(fitted[0].transform(x), y)
    same = np.array_equal(before[-1].params_["w"], fitted[-1].params_["w"])
    print(f"training went on to step {fitted[-1].opt_.step_count}; the copy's weights went too: {same}")


if __name__ == "__main__":
    main()
