"""The algorithms of Keras 3: states and hyperparameters by the attributes of its optimizers."""

from fastopt.frameworks.counterpart import Counterpart, Options, Table

_EVERY: Options = {
    "lr": "learning_rate",
    "weight_decay": "weight_decay",
    "clipnorm": "clipnorm",
    "clipvalue": "clipvalue",
}
_ADAM: Options = {**_EVERY, "betas": ("beta_1", "beta_2"), "eps": "epsilon"}
_MOMENTS = {"m": "_momentums", "v": "_velocities"}
_AMSGRAD = {**_MOMENTS, "v_max": "_velocity_hats"}

TABLE: Table = {
    "SGD": Counterpart(
        "SGD", {"b": "momentums"}, {**_EVERY, "momentum": "momentum", "nesterov": "nesterov"}
    ),
    "Adagrad": Counterpart(
        "Adagrad",
        {"a": "_accumulators"},
        {**_EVERY, "initial_accumulator_value": "initial_accumulator_value", "eps": "epsilon"},
    ),
    "Adadelta": Counterpart(
        "Adadelta",
        {"v": "_accumulated_grads", "u": "_accumulated_delta_vars"},
        {**_EVERY, "rho": "rho", "eps": "epsilon"},
    ),
    "RMSprop": Counterpart(
        "RMSprop",
        {"v": "_velocities", "b": "_momentums", "g_mean": "_average_gradients"},
        {**_EVERY, "alpha": "rho", "eps": "epsilon", "momentum": "momentum", "centered": "centered"},
    ),
    "Adam": Counterpart("Adam", _AMSGRAD, {**_ADAM, "amsgrad": "amsgrad"}),
    "AdamW": Counterpart("AdamW", _AMSGRAD, {**_ADAM, "amsgrad": "amsgrad"}),
    "Adamax": Counterpart("Adamax", {"m": "_m", "u": "_u"}, _ADAM),
    "NAdam": Counterpart("Nadam", _MOMENTS, _ADAM),
}
