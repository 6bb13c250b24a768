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

TABLE: Table = {
    "SGD": _of("SGD", {"b": "momentums"}, "momentum", "nesterov"),
    "Adagrad": _of("Adagrad", {"a": "_accumulators"}, "initial_accumulator_value", eps="epsilon"),
    "Adadelta": _of("Adadelta", _DELTA, "rho", eps="epsilon"),
    "RMSprop": _of("RMSprop", _RMS, "momentum", "centered", alpha="rho", eps="epsilon"),
    "Adam": _of("Adam", _AMSGRAD, "amsgrad", **_ADAM),
    "AdamW": _of("AdamW", _AMSGRAD, "amsgrad", **_ADAM),
    "Adamax": _of("Adamax", {"m": "_m", "u": "_u"}, **_ADAM),
    "NAdam": _of("Nadam", _MOMENTS, **_ADAM),
}
