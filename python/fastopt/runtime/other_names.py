"""Hyperparameters and settings under the names that other libraries have for them."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastopt.runtime.arguments import suggest

# By our names, in the order in which they are looked for: an algorithm has some of them. Of names that
# differ in case and underscores one stands here.
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "lr": ("learning_rate", "learning_rate_init", "learn_rate", "alpha", "eta", "eta0", "step_size"),
    "betas": ("beta_1", "beta_2", "b1", "b2"),
    "eps": ("epsilon",),
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
    "decoupled_weight_decay": ("decoupled", "weight_decouple", "L2_is_weight_decay"),
    "l1": ("l1_regularization", "l1_penalty"),
    "global_clipnorm": (
        *("clip_grad_norm", "max_grad_norm", "max_norm", "gradient_clip_norm", "gradient_clip_val"),
        "clip_by_global_norm",
    ),
    "clipvalue": ("clip_grad_value", "gradient_clip_value", "max_delta"),
    "nonfinite": ("skip_nonfinite",),
    "loss_scale": ("loss_scale_factor", "init_scale"),
    "gradient_accumulation_steps": (
        *("accumulate_grad_batches", "accumulation_steps", "every_k_schedule"),
    ),
    "ema": ("ema_momentum", "ema_decay", "use_ema"),
    "swa_every": ("swa_freq",),
    "lookahead_steps": ("sync_period",),
    "lookahead_alpha": ("slow_step_size",),
}

# How ours are written, where a value is of another form than there.
FORMS: Mapping[str, str] = {
    "betas": "betas=(0.9, 0.999)",
    "decoupled_weight_decay": "decoupled_weight_decay=True",
    "nonfinite": "nonfinite='skip'",
    "ema": "ema=0.999",
}


def plain(name: Any) -> str:
    """Return a name without what spellings of it differ in."""
    return str(name).lower().replace("_", "")


def option(name: Any, known: Iterable[str]) -> str:
    """Describe which of the `known` options is meant by a name, or list them, as `suggest` does."""
    spelt, known = plain(name), set(known)
    for ours, theirs in OPTIONS.items():
        if ours in known and spelt in map(plain, theirs):
            form = f", as in {FORMS[ours]}" if ours in FORMS else ""
            return f"fastopt calls it {ours}{form}"
    return suggest(name, known)
