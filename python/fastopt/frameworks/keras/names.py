"""The algorithms of Keras 3: states and hyperparameters by the attributes of its optimizers."""

from functools import partial

from fastopt.frameworks.counterpart import Options, Table, named

_of = partial(
    named, lr="learning_rate", weight_decay="weight_decay", clipnorm="clipnorm", clipvalue="clipvalue"
)
_ADAM: Options = {"betas": ("beta_1", "beta_2"), "eps": "epsilon"}
_MOMENTS = {"m": "_momentums", "v": "_velocities"}
_AMSGRAD = {**_MOMENTS, "v_max": "_velocity_hats"}
_RMS = {"v": "_velocities", "b": "_momentums", "g_mean": "_average_gradients"}
_DELTA = {"v": "_accumulated_grads", "u": "_accumulated_delta_vars"}

ONLY = {"Ftrl": {"learning_rate_power": -0.5}}  # options of which we have one value

TABLE: Table = {
    "SGD": _of("SGD", {"b": "momentums"}, "momentum", "nesterov"),
    "Adagrad": _of("Adagrad", {"a": "_accumulators"}, "initial_accumulator_value", eps="epsilon"),
    "Adadelta": _of("Adadelta", _DELTA, "rho", eps="epsilon"),
    "RMSprop": _of("RMSprop", _RMS, "momentum", "centered", alpha="rho", eps="epsilon"),
    "Adam": _of("Adam", _AMSGRAD, "amsgrad", **_ADAM),
    "AdamW": _of("AdamW", _AMSGRAD, "amsgrad", **_ADAM),
    "Adamax": _of("Adamax", {"m": "_m", "u": "_u"}, **_ADAM),
    "NAdam": _of("Nadam", _MOMENTS, **_ADAM),
    "FTRL": _of(
        "Ftrl",
        {"n": "_accumulators", "z": "_linears"},
        *("initial_accumulator_value", "beta", "l1_regularization_strength"),
        *("l2_regularization_strength", "l2_shrinkage_regularization_strength"),
    ),
    "LAMB": _of("Lamb", _MOMENTS, **_ADAM),
    "Lion": _of("Lion", {"m": "_momentums"}, betas=("beta_1", "beta_2")),
}
