"""scikit-learn's multi-layer perceptrons, trained by any optimizer, for those who import this page.

::

    from fastopt.sklearn import MLPClassifier

    MLPClassifier(optimizer="adamw", optimizer_options={"weight_decay": 0.01}).fit(x, y)
"""

from fastopt.sklearn.perceptrons import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
