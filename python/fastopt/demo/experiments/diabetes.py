"""Diabetes: the experiment of Boston housing on scikit-learn's diabetes data."""

from fastopt.demo.data import diabetes
from fastopt.demo.experiment import Experiment
from fastopt.demo.loss import mean_squared_error
from fastopt.demo.model import Network, relu
from fastopt.demo.sweep import DEFAULTS, Sweep

NETWORK = Network((10, 4, 1), (relu,), mean_squared_error)

EXPERIMENT = Experiment(
    "diabetes",
    "progression of diabetes, 10-4-1: the same as boston, with other data",
    {"sklearn": "scikit-learn", "tqdm": "tqdm"},
    Sweep("Diabetes", NETWORK, diabetes, "the mean progression").run,
    DEFAULTS,
)
