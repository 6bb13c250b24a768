"""Boston housing: house prices by a small network, at learning rates that collapse it and others."""

from fastopt.demo.data import boston
from fastopt.demo.experiment import Experiment
from fastopt.demo.loss import mean_squared_error
from fastopt.demo.model import Network, relu
from fastopt.demo.sweep import DEFAULTS, Sweep

NETWORK = Network((13, 4, 1), (relu,), mean_squared_error)
NOTE = (
    "One of the 13 features, B, is made of the share of Black residents; scikit-learn has removed the "
    "data set for it. It is here for the experiment of a course that fastopt reproduces. --experiment "
    "diabetes does the same with other data."
)

EXPERIMENT = Experiment(
    "boston",
    "house prices, 13-4-1: learning rates from 1e-3 to 1e-9, with and without clipnorm",
    {"mlxtend": "mlxtend", "tqdm": "tqdm"},
    Sweep("Boston housing", NETWORK, boston, "the mean price", NOTE).run,
    DEFAULTS,
)
