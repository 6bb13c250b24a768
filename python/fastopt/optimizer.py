"""Optimizer: the public face of every algorithm."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray

from fastopt.algorithm.hyperparameters import given
from fastopt.arrays.read_only import read_only, read_only_list, read_only_states
from fastopt.backends import BOUND
from fastopt.followers.averages import EqualAverage, MovingAverage
from fastopt.followers.base import Follower
from fastopt.model import sharing
from fastopt.model.attributes import GROUPS, check_same, is_shown, refuse, remedy_for
from fastopt.model.gate import STEPPING
from fastopt.moves.elsewhere import Elsewhere
from fastopt.runtime.arguments import suggest
from fastopt.runtime.threads import get_num_threads
from fastopt.state.config import config_of, keywords_of
from fastopt.state.save import Persistence
from fastopt.step.accumulation import WEIGHT
from fastopt.step.closing import Closing
from fastopt.step.hooks import Hooks
from fastopt.step.membership import Roster
from fastopt.step.restarting import Restarting

if TYPE_CHECKING:
    from fastopt.step.report import GroupReport

_ATTRIBUTES = ("groups", "like", "backend")  # set once, when the optimizer is made


class Optimizer(Closing, Persistence, Roster, Elsewhere, Restarting, Hooks):
    """Updates parameters in place from their gradients. The base of every algorithm.

    What a subclass defines is said at `Algorithm`. The memory of its arrays cannot go away until
    `close`, or the end of a block ``with fastopt.Adam(p) as opt:``.

    Parameters
    ----------
    params : array, or list, tuple or dict of arrays (nested as you like), or list of groups
        What is updated: C- or F-contiguous, writeable NumPy arrays, float32 or float64. A group is a
        dict ``{"params": ..., "lr": ...}`` with hyperparameters of its own.
    lr : float
        Learning rate. It and all that follows is given by keyword. For this and every number below, a
        function of the number of steps taken before can be given instead: see `fastopt.schedules`.
    weight_decay : float
        Added to the gradient as ``weight_decay * p``, or taken off the parameter.
    decoupled_weight_decay : {False, True, "fixed", "corrected", "after", "proximal"}
        Take ``lr * weight_decay * p`` off the parameter before the step (True), ``weight_decay * p``
        ("fixed", as in the paper of AdamW), ``lr * lr / max_lr * weight_decay * p`` ("corrected":
        Defazio, arXiv:2506.02285), or ``lr * weight_decay * p`` of the new p ("after"); or divide the
        new p by ``1 + lr * weight_decay`` ("proximal": Adan, arXiv:2208.06677).
    max_lr : float > 0, or None
        The largest learning rate of the schedule, which "corrected" needs.
    cautious_weight_decay : bool
        Let decoupled weight decay leave out what the update moves away from zero (Chen et al.,
        arXiv:2510.12402).
    l1 : float >= 0
        The L1 penalty: adds ``l1 * sign(p)`` to the gradient.
    soft_threshold : bool
        Let the L1 penalty move the new p towards zero by ``lr * l1`` and no further, which makes exact
        zeros (ISTA; Daubechies et al., arXiv:math/0307152), and add nothing to the gradient.
    maximize : bool
        Ascend instead of descend.
    clipnorm : float > 0, or None
        The largest L2 norm of each gradient: a longer one is scaled down to it, before all else. A
        norm that is infinite makes the finite entries 0; one that is NaN scales nothing.
    like : {"torch", "keras", "optax", "tf1", "mlx", "sklearn", "thinc", "paper"}, or None
        Whose rule and defaults to take; see `fastopt.dialects`. Each option can still be given. None:
        fastopt's own, which are torch's for the algorithms that torch has.
    global_clipnorm : float > 0, or None
        The largest L2 norm of all gradients together. Where it is infinite or NaN, finite gradients
        count as 0. Norms are taken first, then values are limited.
    nonfinite : {"propagate", "raise", "skip"}
        What to do about gradients that are infinite or NaN, or so large that a parameter or a state
        would become so: take them, raise FloatingPointError, or leave the step out and count it in
        `skipped`.
    max_consecutive_skips : int >= 1, or None
        How many steps in a row may be left out; one more raises FloatingPointError and changes nothing.
        Of 20 in a row there is a warning, once.
    loss_scale : float > 0, or "dynamic"
        By what the loss was multiplied, and what gradients are divided by. Dynamic is the rule of
        ``torch.amp.GradScaler``: steps with non-finite gradients are left out and halve it, 2,000 good
        ones double it.
    zero_grad : bool
        Zero the gradients when they have been read.
    cast_grads : bool
        Take gradients of another float dtype (float64, float32, float16, bfloat16), rounding each
        element once. They are refused otherwise.
    cast_to : optional
        Arrays in the structure of the parameters, of ml_dtypes.bfloat16, float16, or uint16 (the bits
        of bfloat16), that hold the parameters, rounded to nearest, after each step; what is written
        into parameters by hand comes with the next step, or `restart_averages`.
    ema : float >= 0 and < 1, or a function of the step 0, 1, 2, ..., or None
        Keep ``e = ema * e + (1 - ema) * p``, from the parameters on that the first step finds: see
        `ema_state`, `averaged` and `restart_averages`. The step is the number of steps taken before; a
        schedule is such a function.
    ema_bias_correction : bool
        Let the average begin at nothing, and divide by the weights so far.
    swa_start : int >= 0, or None
        Keep the mean of the parameters as they are after so many steps and after every `swa_every`
        more: stochastic weight averaging, Izmailov et al. (arXiv:1803.05407). Until then it is the
        parameters. See `swa_state`, `averaged` and `restart_averages`; instead of `ema`.
    swa_every : int >= 1
        How many steps it is from one that is averaged to the next.
    lookahead_steps : int >= 1, or None
        Keep slow weights, from the parameters on that the first step finds, and after every so many
        steps pull the parameters to them: ``slow = (1 - alpha) * slow + alpha * p`` and ``p = slow``,
        before the average and the copy are made. This is Lookahead, Zhang et al. (arXiv:1907.08610),
        and not Nesterov's look ahead, which is `lookahead`. The state goes on as it is; a parameter
        that sits out such a step is not pulled. See `slow_state` and `restart_averages`.
    lookahead_alpha : float > 0 and <= 1
        How far slow weights go towards the parameters: the alpha above.
    gradient_accumulation_steps : int >= 1
        How many calls of `accumulate` make a step; see also `flush`.
    stats : bool
        Measure each step for `report`.
    flush_subnormals : bool
        Let the native kernels, and your own rules where Numba compiles them into the native plan, take
        numbers below the smallest normal one (1.2e-38 in float32) for zero, which is faster where
        moments have decayed that far. The bits are then no longer those of other backends, which may
        do nothing about it. Nothing outside the step changes.
    groups : dict from patterns of names, or functions of name and array, to options
        Parameters with hyperparameters of their own: ``{"*.bias": {"weight_decay": 0}}``. Besides
        hyperparameters, the options can have ``"multiply": {"lr": 0.1}``, factors of what all groups
        have, and ``"frozen": True``. What several patterns say holds together, the later one first. See
        `no_decay` and `layer_decay`.
    grads : optional
        Gradients bound once, in the structure of the parameters; then ``step()`` needs none.
    backend : {"native", "numba", "numpy"}, optional
        The first that is there, unless `use_backend` or ``FASTOPT_BACKEND`` say otherwise.

    Raises
    ------
    TypeError, ValueError
        For arrays that cannot be updated in place, hyperparameters out of range, unknown names; the
        message says which, and what to do. Nothing has changed then.
    """

    if TYPE_CHECKING:  # the constructor that type checkers see: these, then the hyperparameters
        params: Any = given(kw_only=False)
        like: str | None = None
        groups: Any = None  # patterns to give, a list of groups to read
        grads: Any = None
        backend: Any = None  # a name or None to give, a name to read

    def __init__(self, params: Any, *args: Any, **keywords: Any) -> None:
        self.check_class()
        shared = self.check_keywords(args, keywords)
        self._build(params, keywords.get("like"), shared, keywords)
        if self._grads is not None:
            self._bind(self._grads)
            self._hold = self._make_hold(self._states)
        sharing.register(self)
        self._pipeline.write_copies()

    # The step.

    def step(self, grads: Any = None) -> bool:
        """Take one step: update every parameter that has a gradient, and its state, in place.

        Parameters
        ----------
        grads : in the structure of the parameters
            Gradients with the shape and dtype of their parameters, of any layout, which are read
            alone; None where a parameter sits out. Left out where they were bound with ``grads=``.
            They are kept alive until the step ends, but unlike what is bound, their memory is not held:
            no other thread may resize one meanwhile with ``refcheck=False``, or close its mmap.

        Returns
        -------
        bool
            Whether the step was taken; ``nonfinite="skip"`` and a dynamic loss scale leave some out.

        Raises
        ------
        TypeError, ValueError
            For a gradient that does not fit, or a parameter that is no longer the one that was given;
            the message names it. No byte has changed then.
        FloatingPointError
            With ``nonfinite="raise"``, for a gradient that is not finite or would make something
            infinite; for more steps left out in a row than `max_consecutive_skips`. No byte has changed
            then.
        RuntimeError
            If another thread is inside a step of this optimizer, after `close`, or while gradients of
            `accumulate` wait for their step: `flush` takes it.

        A signal's handler that raises, as Ctrl-C does, finds a step whole or not begun; on the backends
        numba and numpy it may find it half done.
        """
        if self._before:
            self._call(self._before)
        try:
            self._free.pop()
        except IndexError:
            raise self._busy() from None
        except BaseException:  # as in `_begin`
            self._free.append(True)
            raise
        try:
            self._taken.doing = STEPPING
            if self._news.changed or self._scheduled:
                self._prepare()
            gradients = self._listed(self._grads if grads is None else grads)
            now = self._parameters.now()
            # In as few calls as can be: they are what a small step costs.
            cohorts, threads = self._cohorts, get_num_threads()
            taken = (
                self._direct
                and self._plan.step(gradients, now, cohorts, self.coefficients, threads, self._taken)
                == BOUND
            )
            if not taken:
                gradients = self._bind_arrays(gradients, now, self._taking)
                self._check_nothing_waits()
                taken = self._update(gradients, 1, self._settings["zero_grad"])
        finally:
            self._free.append(True)
        if taken and self._after:
            del gradients, now  # no references of ours while hooks run
            self._call(self._after)
        return taken

    def accumulate(self, grads: Any = None, *, weight: float = 1.0) -> bool:
        """Add gradients up; every `gradient_accumulation_steps`-th call takes a step with their mean.

        Parameters
        ----------
        grads : as of `step`
            Where it is None in all calls, the parameter sits out.
        weight : float > 0
            How much these gradients count: the mean is ``sum(weight * grads) / sum(weight)``. For means
            over batches of unequal size, the number of samples: ``weight=len(x)``.

        Returns
        -------
        bool
            Whether a step was taken.

        Raises
        ------
        As `step`, and TypeError or ValueError for a `weight` that is none, or that float32 cannot hold.
        After FloatingPointError the sum begins again. If a step fails otherwise, all that was given
        stays in the sum, and the next call takes the step with it, adding nothing.
        """
        counts: Any = WEIGHT.check(weight, "weight")
        added = 0 if self._accumulator is None else self._accumulator.count
        if added + 1 >= self.gradient_accumulation_steps:
            self._call(self._before)
        self._begin()
        try:
            taken = self._accumulate(grads, counts)
        finally:
            self._end()
        if taken and self._after:
            self._call(self._after)
        return taken

    def flush(self) -> bool:
        """Take the step with the gradients that `accumulate` has added up, however few they are.

        For what is left at the end of the data, when their number is no multiple of
        `gradient_accumulation_steps`. `fastopt.fit` does it at the end of each epoch.

        Returns
        -------
        bool
            Whether a step was taken: False where no gradients wait, and where ``nonfinite="skip"`` or
            a dynamic loss scale leaves it out.

        Raises
        ------
        As `accumulate`. After FloatingPointError the sum begins again; after another error the
        gradients wait as before.
        """
        if self._accumulator is not None and self._accumulator.count:
            self._call(self._before)
        self._begin()
        try:
            taken = self._flush()
        finally:
            self._end()
        if taken and self._after:
            self._call(self._after)
        return taken

    # Parameters, groups, state.

    @property
    def step_count(self) -> int:
        """How many steps have been taken."""
        steps: int = self._taken.steps
        return steps

    @property
    def names(self) -> list[str]:
        """The names of the parameters, by their keys and indices: ``"layer.w"``."""
        return read_only_list(self._parameters.names, remedy_for(self, "names"), "opt.names")

    @property
    def state(self) -> dict[str, dict[str, NDArray[Any]]]:
        """Views of the states, by parameter name and state name: ``state["layer.w"]["m"]``.

        What is written into them is written into the states: ``state["layer.w"]["m"][...] = x``. The
        dicts cannot be changed. Whatever else becomes of a view, such as another shape, does nothing to
        the optimizer.
        """
        return read_only_states(self._parameters.names, self._states)

    @property
    def ema_state(self) -> Any:
        """Views of the averages of ``ema=``, in the structure of the parameters."""
        return self._shown(self._averages(MovingAverage), "ema_state")

    @property
    def swa_state(self) -> Any:
        """Views of the averages of ``swa_start=``, in the structure of the parameters."""
        return self._shown(self._averages(EqualAverage), "swa_state")

    @property
    def slow_state(self) -> Any:
        """Views of the slow weights of ``lookahead_steps=``, in the structure of the parameters."""
        if self._pipeline.slow is None:
            raise ValueError(
                "there are no slow weights: make the optimizer with lookahead_steps=5 or the like"
            )
        return self._shown(self._pipeline.slow, "slow_state")

    def _shown(self, follower: Follower, name: str) -> Any:
        """Put views into containers like those of the parameters, which only show them."""
        self._look_at_followers()
        return read_only(self._parameters.tree(follower.views()), f"opt.{name}")

    @property
    def grad_norm(self) -> float | None:
        """The L2 norm of all gradients of the last step, after the loss scale and before clipping.

        None where nothing has asked for it: a limit on norms, ``nonfinite``, ``stats``, ...
        """
        return self._pipeline.grad_norm

    @property
    def skipped(self) -> int:
        """How many steps have been left out for gradients that were not finite, or too large."""
        return self._pipeline.skips.total

    def report(self) -> "list[GroupReport]":
        """Say what the last step has done, for each group; needs ``stats=True``.

        Norms are L2: of the gradients (after the loss scale, before clipping), of the update, of the
        new parameters; the ratio of the last two; the smallest factor of clipping; and how many
        entries of the gradients were not finite. RuntimeError where there is nothing to say.
        """
        if self._pipeline.report is None:
            raise RuntimeError("there is no report: set stats=True before the step")
        return self._pipeline.report

    def get_config(self) -> dict[str, Any]:
        """Give the name of the class, the hyperparameters and the settings, as JSON can hold them.

        Groups are frozen in it where all their parameters are. TypeError for a function of the step
        that is none of `fastopt.schedules`.
        """
        names = self._parameters.names_of_groups()
        out = set(self.frozen)
        frozen = [bool(group) and out.issuperset(group) for group in names]
        by_name = names if self._parameters.by_name else []
        return config_of(type(self).__name__, self.groups, by_name, frozen, self._settings)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], params: Any, **options: Any) -> Self:
        """Make an optimizer with the hyperparameters that `get_config` gave.

        `params` is as of the constructor; for several groups a list with the parameters of each, or
        as it was where ``groups=`` has divided it. `options` are other keywords of the constructor.
        """
        params, keywords = keywords_of(config, cls.__name__, params)
        return cls(params, **{**keywords, **options})

    def __repr__(self) -> str:
        arrays = self._parameters.arrays
        values = sum(p.size for p in arrays)
        head = f"{type(self).__name__}({len(arrays)} arrays, {values:,} values, {self.backend})"
        return "\n  ".join([head, *map(repr, self.groups)])

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
            return
        if not (name in _ATTRIBUTES or hasattr(type(self), name)):
            known = suggest(name, {**self.hyperparameters, **self.declared})
            raise AttributeError(f"{type(self).__name__} has no hyperparameter {name!r}: {known}")
        if name in _ATTRIBUTES and hasattr(self, name):  # not vars(): it slows every later look
            remedy = GROUPS if name == "groups" else "make a new one"
            raise AttributeError(f"{name} is decided when an optimizer is made: {remedy}")
        if is_shown(self, name):
            check_same(self, name, value)
            return
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if name in _ATTRIBUTES or is_shown(self, name):
            refuse(self, name, "be deleted")
        if name in self.hyperparameters or name in self.declared:
            raise AttributeError(f"opt.{name} cannot be deleted: an optimizer always has one")
        super().__delattr__(name)
