"""The algorithms of torch.optim: states and hyperparameters under its names."""

from functools import partial

from fastopt.frameworks.counterpart import Table, named

UNCOUNTED = "SGD"  # has no number of steps there
LATE = ("SGD", "Rprop")  # whose states begin with the gradient or learning rate of the first step
CARRIED = {"NAdam": {"mu_product"}}  # numbers that go from step to step
FOLLOWING = {"ASGD": {"eta", "mu"}}  # numbers of the step that comes, which follow from the rest

_of = partial(named, lr="lr", weight_decay="weight_decay", maximize="maximize")
_MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq"}
_AMSGRAD = {**_MOMENTS, "v_max": "max_exp_avg_sq"}
_RMS = {"v": "square_avg", "g_mean": "grad_avg", "b": "momentum_buffer"}
_LENGTHS = {"g_prev": "prev", "d": "step_size"}

TABLE: Table = {
    each.name: each
    for each in (
        _of("SGD", {"b": "momentum_buffer"}, "momentum", "dampening", "nesterov"),
        _of("Adagrad", {"a": "sum"}, "lr_decay", "initial_accumulator_value", "eps"),
        _of("Adadelta", {"v": "square_avg", "u": "acc_delta"}, "rho", "eps"),
        _of("RMSprop", _RMS, "alpha", "eps", "momentum", "centered"),
        _of("Adam", _AMSGRAD, "betas", "eps", "amsgrad", "decoupled_weight_decay"),
        _of("AdamW", _AMSGRAD, "betas", "eps", "amsgrad"),
        _of("Adamax", {"m": "exp_avg", "u": "exp_inf"}, "betas", "eps"),
        _of("NAdam", _MOMENTS, "betas", "eps", "momentum_decay", "decoupled_weight_decay"),
        _of("RAdam", _MOMENTS, "betas", "eps", "decoupled_weight_decay"),
        named("Rprop", _LENGTHS, "lr", "etas", "step_sizes", "maximize"),
        _of("ASGD", {"average": "ax"}, "lambd", "alpha", "t0"),
    )
}
