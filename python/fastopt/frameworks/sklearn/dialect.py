"""scikit-learn, MLPClassifier and MLPRegressor: momentum is Nesterov's, epsilon is "epsilon hat".

The defaults are those of the estimators; the optimizer classes behind them, which are private, have 0.1
for SGD. Their L2 penalty ``alpha`` is added to the loss of a batch of n samples as ``alpha / (2 n) *
(w * w).sum()``, for weights and not for biases; `HINTS` say what that is here.
"""

from fastopt.frameworks.dialects import Names, Table

TABLE: Table = {
    "SGD": {"momentum": 0.9, "nesterov": True, "lr_in_buffer": True},
    "Adam": {"eps_placement": "hat"},
}

NAMES: Names = {
    "lr": "learning_rate_init",
    "nesterov": "nesterovs_momentum",
    "betas": ("beta_1", "beta_2"),
    "eps": "epsilon",
}

HINTS = {"alpha": "there it is an L2 penalty, weight_decay=alpha / n here, for batches of n samples"}
