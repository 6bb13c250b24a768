"""Hyperparameters and settings under the names that other libraries have for them."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastopt.runtime.arguments import suggest

# By ours, with a value where that is of another form than there, in the order in which they are looked
# for: an algorithm has some of them. Of names that differ in case and underscores one stands here.
Table = Mapping[str, tuple[str, ...]]

OPTIONS: Table = {
    "lr": ("learning_rate", "learning_rate_init", "learn_rate", "alpha", "eta", "eta0", "step_size"),
    "betas=(0.9, 0.999)": ("beta_1", "beta_2", "b1", "b2"),
    "eps": ("epsilon",),
    "etas=(0.5, 1.2)": ("eta_minus", "eta_plus"),
    "step_sizes=(1e-6, 50.0)": ("min_step_size", "max_step_size", "step_size_min", "step_size_max"),
    "alpha": ("rho", "decay", "decay_rate", "gamma", "beta"),
    "rho": ("decay", "decay_rate", "gamma", "beta"),
    "lr_decay": ("decay",),
    "momentum": ("mass", "mu", "beta", "gamma"),
    "nesterov": ("use_nesterov", "nesterovs_momentum"),
    "momentum_decay": ("schedule_decay",),
    "amsbound": ("ams_bound",),
    "eps_placement": ("eps_in_sqrt",),
    "bias_correction": ("correct_bias", "debias"),
    "initial_accumulator_value": ("initial_scale", "initial_accumulator"),
    "warmup_steps": ("num_warmup_steps",),
    "weight_decay": ("wd", "l2", "l2_regularization", "l2_penalty", "lambda", "weight_decay_rate"),
    "decoupled_weight_decay=True": ("decoupled", "weight_decouple", "L2_is_weight_decay"),
    "l1": ("l1_regularization", "l1_penalty"),
    "global_clipnorm": (
        *("clip_grad_norm", "max_grad_norm", "max_norm", "gradient_clip_norm", "gradient_clip_val"),
        "clip_by_global_norm",
    ),
    "centralize=True": ("use_gc", "gradient_centralization"),
    "adaptive_clip=0.01": ("agc", "use_agc", "agc_clipping_value"),
    "grokfast=2.0": ("grokfast_lamb",),
    "clipvalue": ("clip_grad_value", "gradient_clip_value", "max_delta"),
    "nonfinite='skip'": ("skip_nonfinite",),
    "loss_scale": ("loss_scale_factor", "init_scale"),
    "gradient_accumulation_steps": (
        *("accumulate_grad_batches", "accumulation_steps", "every_k_schedule"),
    ),
    "ema=0.999": ("ema_momentum", "ema_decay", "use_ema"),
    "swa_every": ("swa_freq",),
    "lookahead_steps": ("sync_period",),
    "lookahead_alpha": ("slow_step_size",),
}


def plain(name: Any) -> str:
    """Return a name without what spellings of it differ in."""
    return str(name).lower().replace("_", "")


def ours(name: Any, known: Iterable[str], table: Table = OPTIONS) -> str | None:
    """Return which of the `known` options a name of another library means, as it is written here."""
    spelt, known = plain(name), set(known)
    for form, theirs in table.items():
        if form.partition("=")[0] in known and spelt in map(plain, theirs):
            return form
    return None


def option(name: Any, known: Iterable[str], table: Table = OPTIONS) -> str:
    """Describe which of the `known` options is meant by a name, or list them, as `suggest` does."""
    known = list(known)
    form = ours(name, known, table)
    return suggest(name, known) if form is None else f"fastopt calls it {form}"
