"""Optimizer: the public face of every algorithm."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from numpy.typing import NDArray

from fastopt import frameworks
from fastopt.algorithm import Algorithm, Option, given, renamed
from fastopt.arrays import read_only, read_only_dict, read_only_list, read_only_states
from fastopt.backends import BOUND, FOR_PYTHON
from fastopt.followers import Averages, EqualAverage, Follower, MovingAverage
from fastopt.model import STEPPING, Which, groups_table, shown
from fastopt.runtime import attributes, describe, get_num_threads, other_names, warn
from fastopt.step import (
    Core,
    accumulation,
    bind,
    check_same,
    closing,
    estimates,
    install,
    is_shown,
    membership,
    of_the_caller,
    prepare,
    program,
    refuse,
    remedy_for,
    renewal,
    set_value,
    sharing,
    take_gradients,
    value_of,
    watch,
    zero_gradients,
)

if TYPE_CHECKING:
    from fastopt.model import Group
    from fastopt.state import Differences, Loaded, Names, Path
    from fastopt.step import GroupReport

Hook = Callable[[Any], object]


class Optimizer(Algorithm, attributes.OtherNames):
    """Updates parameters in place from their gradients. The base class of every algorithm.

    All arguments but `params` are given by keyword. Options can be read as attributes, and those that
    need no arrays can be set at any time. Every number up to `clipvalue` can be a function of the
    number of steps taken before, such as one of `fastopt.schedules`. The memory of the arrays cannot be
    resized or closed until `close`, or the end of a block ``with fastopt.Adam(p) as opt:``.

    Examples
    --------
    >>> import numpy as np
    >>> import fastopt
    >>> params = {"w": np.ones((3, 2), np.float32), "b": np.zeros(2, np.float32)}
    >>> opt = fastopt.AdamW(params, lr=0.01, groups={"b": {"weight_decay": 0.0}})
    >>> opt.step({"w": np.full((3, 2), 0.5, np.float32), "b": np.ones(2, np.float32)})
    True
    >>> params["b"]
    array([-0.01, -0.01], dtype=float32)
    >>> list(opt.state["w"])
    ['m', 'v']

    In bfloat16, with moments of 8 bits:

    >>> import ml_dtypes
    >>> halves = {"w": np.ones((64, 64), ml_dtypes.bfloat16)}
    >>> opt = fastopt.AdamW(halves, lr=0.01, state_dtype="8bit")
    >>> opt.step({"w": np.full((64, 64), 0.5, ml_dtypes.bfloat16)})
    True
    >>> print(halves["w"][0, 0])
    0.988281

    Parameters
    ----------
    params : array, container or iterator of arrays, pairs of names and arrays, or list of groups
        The arrays to update: writeable, C- or F-contiguous NumPy arrays of float32 or float64, or of
        ml_dtypes.bfloat16 or float16, which are computed in float32 (see Formats).
        Containers are lists, tuples, dicts, NamedTuples and dataclasses, nested as you like. A group
        is a dict ``{"params": ..., "lr": ...}`` with hyperparameters of its own, and with
        ``"algorithm": ...`` with another algorithm.
    groups : dict from patterns of names, or functions of name and array, to options
        Parameters with hyperparameters of their own: ``{"*.bias": {"weight_decay": 0}}``. A key is a
        name, a pattern with ``*``, ``?`` and ``[...]``, a ``re.compile(...)`` of whole names, a
        function of name and array, or a tuple of these. Besides hyperparameters, the options can have
        ``"multiply": {"lr": 0.1}``, factors of the common values, ``"frozen": True``, and
        ``"algorithm": "adamw"``, a name as of `get` or a class, for another algorithm than this: its
        hyperparameters are then its own defaults (of `like`, if that framework has it) but for what
        stands there, and only `maximize` and what is done to gradients, from `grokfast` to `clipvalue`,
        are as they are given for all.
        Where several patterns match, all hold, and the later one wins. See
        `no_decay` and `layer_decay`.
    grads : optional
        Gradients bound once, in the structure of the parameters; then ``step()`` needs none.
    like : {"torch", "keras", "optax", "tf1", "mlx", "sklearn", "thinc", "paper"}, or None
        The framework whose rule and defaults apply; see `fastopt.dialects`. Each option can still be
        given. None: fastopt's own, which are torch's for the algorithms that torch has.
    backend : {"native", "numba", "numpy"}, optional
        By default the first one installed, unless `use_backend` or ``FASTOPT_BACKEND`` choose another.

    Update
    ------
    lr : float
        Learning rate. The options of each algorithm are described at its class.
    maximize : bool
        Ascend instead of descend.
    cautious : {False, True, "grams"}
        True leaves out a step where it goes against the gradient of that element, and multiplies all
        others of an array by its size over the number of these, 1000 at most (Liang et al.,
        arXiv:2411.16085); "grams" takes the length of each step along the gradient (Cao et al.,
        arXiv:2412.17107).
    mask : optional
        Bool arrays in the structure of the parameters, None for those without one: where they are
        False, an element stays exactly as it is, whatever momentum, decay or Lookahead do; states
        go on. They have the shape of their parameters, or length 1 along axes at the end (a row
        each) or at the beginning, and are read at each step: what is written into them counts.
    lr_scale : optional
        Float arrays like those of `mask`, in the dtype of their parameters: ``p = old + s * (new -
        old)``, exactly ``new`` where s is 1, and ``old`` where it is 0. They must be finite and not
        below 0; what is written into them later is not checked.

    Regularization
    --------------
    weight_decay : float
        Add ``weight_decay * p`` to the gradient or, decoupled, subtract it from the parameter.
    decoupled_weight_decay : {False, True, "fixed", "corrected", "after", "proximal"}
        True subtracts ``lr * weight_decay * p`` from the parameter before the step; "fixed"
        ``weight_decay * p``, as in the paper of AdamW; "corrected" ``lr * lr / max_lr * weight_decay *
        p`` (Defazio, arXiv:2506.02285); "after" ``lr * weight_decay * p`` of the new p. "proximal"
        divides the new p by ``1 + lr * weight_decay`` (Adan, arXiv:2208.06677).
    max_lr : float > 0, or None
        The largest learning rate of the schedule, which "corrected" needs.
    cautious_weight_decay : bool
        Skip decoupled weight decay where the update moves an element away from zero (Chen et al.,
        arXiv:2510.12402).
    l1 : float >= 0
        L1 penalty: add ``l1 * sign(p)`` to the gradient.
    soft_threshold : bool
        Move the new p towards zero by ``lr * l1`` and no further, which makes exact zeros (ISTA;
        Daubechies et al., arXiv:math/0307152), and add nothing to the gradient.

    Gradients
    ---------
    grokfast : float >= 0, or None
        Add to each gradient so many times the running mean of all so far, which begins with the first
        (Grokfast-EMA; Lee et al., arXiv:2405.20233, with 2). This and the next three are done in this
        order to gradients that have been divided by the loss scale, and the limits after them.
    grokfast_alpha : float >= 0 and < 1
        How much of that mean is kept.
    orthograd : bool
        Leave out of each gradient what lies along its parameter, and make it as long as before (Prieto
        et al., arXiv:2501.04697). An array of one number is left alone.
    centralize : bool
        Subtract its mean from each slice of the first axis of a gradient, where there are two axes or
        more (Yong et al., arXiv:2004.01461).
    adaptive_clip : float > 0, or None
        The largest L2 norm of each slice of the first axis of a gradient, in norms of that slice of
        the parameter: a longer one is scaled down to it (Brock et al., arXiv:2102.06171, with 0.01). A
        vector is one slice.
    adaptive_clip_eps : float >= 0
        The smallest norm that a slice of a parameter counts with there.
    clipnorm : float > 0, or None
        The largest L2 norm of each gradient: a longer one is scaled down to it, before all that
        follows. Where the norm is infinite, finite entries become 0; where it is NaN, nothing is
        scaled.
    clipvalue : float > 0, or None
        The largest absolute value of each element of a gradient, after `clipnorm`.
    sparse : {"lazy", "exact"}, or None
        The rows that a step with a `RowGradient` takes, where the algorithm moves others, too: "lazy"
        those of the gradient alone, with the number of the step of all, as torch's SparseAdam; "exact"
        also those that had one before, which gives the bits of the step with a dense gradient, for
        algorithms that leave alone rows which never had one. None takes neither for granted.
    global_clipnorm : float > 0, or None
        The largest L2 norm of all gradients together, instead of `clipnorm`. Where it is infinite or
        NaN, finite gradients count as 0.
    nonfinite : {"propagate", "raise", "skip"}
        For gradients that are infinite or NaN, or so large that a parameter or a state would become
        so: use them, raise FloatingPointError, or skip the step and count it in `skipped`.
    max_consecutive_skips : int >= 1, or None
        The largest number of steps skipped in a row; one more raises FloatingPointError and changes
        nothing. After 20 in a row there is one warning.
    loss_scale : float > 0, or "dynamic"
        The factor of the loss, by which gradients are divided. "dynamic" is the rule of
        ``torch.amp.GradScaler``: a step with non-finite gradients is skipped and halves it, 2,000 good
        steps in a row double it.
    gradient_accumulation_steps : int >= 1
        The number of calls of `accumulate` that make a step; see also `flush`.
    cast_grads : bool
        Accept gradients of another float dtype (float64, float32, float16, bfloat16); each element is
        rounded once. Without it they are refused.
    zero_grads : bool
        Zero the gradients after they have been read.
    tied : "add", or None
        For an array that stands in `params` twice, or beside a view of all its elements, such as
        ``a.T`` or ``a.reshape(...)``: tied weights. "add" makes it one parameter, with the name of its
        first place, and adds the gradients of its places, in their order and in its dtype, before
        all else; None in place of one adds nothing. Without it such arrays are refused.

    Averages
    --------
    ema : float >= 0 and < 1, or a function of the step 0, 1, 2, ..., or None
        Keep the moving average ``e = ema * e + (1 - ema) * p``, which begins with the parameters at the
        first step: see `ema_state`, `averaged` and `restart_averages`.
    ema_bias_correction : bool
        Begin the average with zeros, and divide it by the sum of the weights so far.
    swa_start : int >= 0, or None
        Keep the mean of the parameters after so many steps and after every `swa_every` more: stochastic
        weight averaging (Izmailov et al., arXiv:1803.05407). Until then it equals the parameters. See
        `swa_state`, `averaged` and `restart_averages`; instead of `ema`.
    swa_every : int >= 1
        The number of steps from one average to the next.
    lookahead_steps : int >= 1, or None
        Keep slow weights, which begin with the parameters at the first step, and after every so many
        steps move the parameters to them: ``slow = (1 - alpha) * slow + alpha * p`` and ``p = slow``,
        before average and copy are made. This is Lookahead (Zhang et al., arXiv:1907.08610), and not
        Nesterov's look-ahead, which is `at_nesterov_point`. The state is unchanged; a parameter
        without a gradient at such a step is not moved. See `slow_state` and `restart_averages`.
    lookahead_alpha : float > 0 and <= 1
        The alpha above.
    cast_to : optional
        Arrays in the structure of the parameters, of ml_dtypes.bfloat16, float16, or uint16 (the bits
        of bfloat16), for a copy of the parameters, rounded to nearest, after each step. Values written
        into parameters by hand are copied at the next step, or by `restart_averages`.

    Formats
    -------
    state_dtype : {"float32", "bfloat16", "8bit"}, or dict from names of states to these
        What states are stored in, of those that the class has in ``facts.few_bits``; they are computed
        in float32. Others, and those of small arrays (`min_8bit_size`), stay float32. "8bit" takes 8
        bits an element, and a float32 for each 128. Groups can have their own; it is decided when the
        optimizer is made. Not for parameters of float64.
    min_8bit_size : int >= 0
        The number of elements of a parameter from which on "8bit" is heeded: what is small, such as
        biases and norms, costs little and is sensitive.
    master_weights : bool
        Keep for each parameter of 16 bits what its float32 has besides: an int16 for bfloat16, a
        float32 for float16, as the state "master". A step is then, for bfloat16, that of a float32
        parameter with the same gradients, bit for bit, and the array is its rounded value. False,
        for bfloat16 alone, keeps nothing, and rounds each new parameter.
    stochastic_rounding : bool
        Round what loses bits (states in few bits, parameters without masters) up or down by noise, so
        that it is right in the mean: many small steps add up. False rounds to nearest, where a step of
        less than half of the last bit is lost, each time.
    rounding_seed : int >= 0 and < 2**64
        The seed of that noise, which depends besides on the name of the parameter, its number of steps
        and the place of the element, and on nothing else: the bits are the same on all backends and
        numbers of threads, and after a state has been loaded.

    Bookkeeping
    -----------
    stats : bool
        Measure each step for `report`.
    flush_subnormals : bool
        Treat numbers below the smallest normal one (1.2e-38 in float32) as zero in the native kernels,
        and in your own rules where Numba compiles them into the native plan, which is faster where
        moments have decayed that far. The bits are then no longer those of other backends, which may
        ignore this. Nothing outside the step changes.

    Raises
    ------
    TypeError, ValueError
        For arrays that cannot be updated in place, hyperparameters out of range, unknown names; the
        message says which, and what to do. Nothing has changed then.

    Notes
    -----
    `Algorithm` describes what a class of your own defines.
    """

    if TYPE_CHECKING:  # the constructor that type checkers see: these, then the hyperparameters
        params: Any = given(kw_only=False)
        like: str | None = None
        groups: Any = None  # patterns to give, a list of groups to read
        grads: Any = None
        backend: Any = None  # a name or None to give, a name to read
    else:

        @property
        def params(self) -> Any:
            """The parameters, as they were given."""
            self._core.gate.read = True
            return self._core.bound.params

        @property
        def groups(self) -> "list[Group]":
            """The groups, with parameters and hyperparameters: ``opt.groups[0]["lr"] = 0.1``."""
            return self._core.bound.groups

        @property
        def like(self) -> Any:
            """The dialect, as it was given."""
            return self._core.bound.like

        @property
        def backend(self) -> str:
            """The name of the backend."""
            return self._core.bound.backend

    def __init__(self, params: Any, *args: Any, **keywords: Any) -> None:
        self.check_class()
        keywords = renamed.given_as(keywords)
        if keywords.get("like") is not None:
            keywords = frameworks.as_ours(type(self), keywords["like"], keywords)
        shared = self.check_keywords(args, keywords)
        core = Core()
        bound = install(core, bind(core.gate, type(self), params, shared, keywords))
        if bound.grads is not None:
            take_gradients(core, None)
        sharing.register(core)
        bound.followers.write_copies(bound.parameters.arrays)
        self._begin(core, [], [])

    def _begin(self, core: Core, before: list[Hook], after: list[Hook]) -> None:
        """Begin with a core that is bound, and hooks."""
        self._before, self._after, self._core = before, after, core
        watch(after)

    # The step.

    def step(self, grads: Any = None, surplus: EllipsisType = ..., *, loss: Any = None) -> bool:
        """Take one step: update every parameter that has a gradient, and its state, in place.

        Parameters
        ----------
        grads : in the structure of the parameters
            Gradients with the shape and dtype of their parameters, of any layout, which are read
            alone; None where a parameter sits out. Arrays of other libraries are read where they lie,
            if the processor can do that. Left out where they were bound with ``grads=``.
            They are kept alive until the step ends, but unlike what is bound, their memory is not held:
            no other thread may resize one meanwhile with ``refcheck=False``, or close its mmap.
        loss : float
            The loss that the gradients are of, for the algorithms that need it, and for these alone.

        Returns
        -------
        bool
            Whether the step was taken; ``nonfinite="skip"`` and a dynamic loss scale leave some out.

        Raises
        ------
        TypeError, ValueError
            For a gradient that does not fit, or a parameter that is no longer the one that was given;
            the message names it. For anything but gradients, such as parameters or a closure. For a
            loss that is missing, no number, not finite or not used. No byte has changed then.
        FloatingPointError
            With ``nonfinite="raise"``, for a gradient that is not finite or would make something
            infinite; for more steps left out in a row than `max_consecutive_skips`. No byte has changed
            then.
        RuntimeError
            If another thread is inside a step of this optimizer, after `close`, or while gradients of
            `accumulate` wait for their step: `flush` takes it; before the first `estimate`, for an
            algorithm that takes its step from these.

        A signal's handler that raises, as Ctrl-C does, finds a step whole or not begun; on the backends
        numba and numpy it may find it half done.
        """
        if surplus is not ...:
            raise TypeError(
                "step is given gradients alone, opt.step(grads): the parameters are those that the "
                "optimizer was made with"
            )
        if self._before:
            self._call(self._before)
        core = self._core
        gate = core.gate
        try:
            gate.free.pop()
        except IndexError:
            raise gate.busy() from None
        except BaseException:  # as in `Gate.take`
            gate.free.append(True)
            raise
        try:
            gate.doing = STEPPING
            bound = core.bound
            if gate.changed or bound.prepared:
                bound = prepare(core)
            given = bound.grads if grads is None else grads
            found = FOR_PYTHON
            if bound.direct and loss is None:
                found = bound.plan.step(
                    given,
                    bound.parameters,
                    bound.counts,
                    get_num_threads(),
                    bound.progress,
                    bound.program,
                )
            taken = found == BOUND or program.step(core, given, found, loss)
        finally:
            gate.free.append(True)
        if taken and self._after:
            del given  # no reference of ours while hooks run
            self._call(self._after)
        return taken

    def estimate(self, h: Any) -> bool:
        """Accept an estimate of the Hessian's diagonal, for the algorithms that step by it.

        ::

            if step % 10 == 0:
                opt.estimate(z_times_hz)  # what exactly it is, is said by the class
            opt.step(grads)

        It goes into a state in place, so that as many steps follow as the caller likes.

        Parameters
        ----------
        h : in the structure of the parameters
            Arrays as gradients are; None for parameters that get no estimate, and for all those of
            groups whose algorithm takes none. No loss scale divides them, and nothing clips them.

        Returns
        -------
        bool
            Whether it was taken: not if ``nonfinite="skip"`` or a dynamic loss scale leave it out.

        Raises
        ------
        TypeError, ValueError
            For an algorithm that takes none, and an array that does not fit; the message names it.
            Nothing has changed then.
        FloatingPointError
            With ``nonfinite="raise"``, for one that is not finite, or has no finite square.
        RuntimeError
            As of `step`.
        """
        core = self._core
        core.gate.enter()
        try:
            return estimates.estimate(core, h)
        finally:
            core.gate.leave()

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
        counts: Any = accumulation.WEIGHT.check(weight, "weight")
        core = self._core
        if accumulation.is_due(core):
            self._call(self._before)
        core.gate.enter()
        try:
            taken = accumulation.accumulate(core, grads, counts)
        finally:
            core.gate.leave()
        if taken:
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
        core = self._core
        if self.accumulated:
            self._call(self._before)
        core.gate.enter()
        try:
            taken = accumulation.flush(core)
        finally:
            core.gate.leave()
        if taken:
            self._call(self._after)
        return taken

    @property
    def accumulated(self) -> int:
        """The number of calls of `accumulate` whose gradients wait for their step."""
        sums = self._core.bound.sums
        return 0 if sums is None else sums.count

    def zero_grad(self) -> None:
        """Zero the gradients that were bound with ``grads=``, in place.

        For gradients that are added up in them from call to call. Sums of `accumulate` stay. What a
        step zeroes by itself is the setting ``zero_grads``.

        Raises
        ------
        RuntimeError
            Where no gradients are bound: they are the caller's, who fills them with zeros. After
            `close`, and if another thread is inside a step.
        TypeError, ValueError
            For a gradient that does not fit, or is read-only. Nothing has been zeroed then.
        """
        zero_gradients(self._core)

    def before_step(self, hook: Hook) -> Callable[[], None]:
        """Call ``hook(opt)`` before each step, when nothing has changed yet.

        It may change hyperparameters. What it raises leaves the step out. Gives back a function that
        takes it away again.
        """
        return _added(self._before, hook)

    def after_step(self, hook: Hook) -> Callable[[], None]:
        """Call ``hook(opt)`` after each step that was taken; else as `before_step`."""
        return _added(self._after, hook)

    def _stepped(self, take: Callable[[Core], bool]) -> bool:
        """Take a step in another way, between the hooks."""
        self._call(self._before)
        taken = take(self._core)
        if taken:
            self._call(self._after)
        return taken

    def _call(self, hooks: list[Hook]) -> None:
        """Call hooks, which may remove themselves meanwhile."""
        for hook in tuple(hooks):
            hook(self)

    # Parameters elsewhere for a time.

    def at_nesterov_point(self) -> AbstractContextManager[None]:
        """Move the parameters to where momentum alone would take them, for the time of a with block.

        Nesterov's momentum: ``with opt.at_nesterov_point(): grads = ...`` takes the gradient there, and
        ``opt.step(grads)`` after the block the step. The parameters are given back bit by
        bit, also after an exception. For `SGD` and `RMSprop` with momentum and without ``nesterov``.
        Not Zhang's Lookahead with its slow weights, which is the setting ``lookahead_steps``.

        Raises
        ------
        TypeError, ValueError
            For an algorithm or a group without momentum, which the message names.
        RuntimeError
            If another thread is inside a step, or the optimizer looks ahead already, or one that shares
            memory with it does either; and inside the block from `step`, of those too.
        """
        from fastopt.moves import at_nesterov_point

        return at_nesterov_point(self._core)

    def lookahead(self) -> AbstractContextManager[None]:
        """Call `at_nesterov_point`; this is its old name, which the next version has no more."""
        warn("opt.lookahead() is opt.at_nesterov_point() now", DeprecationWarning)
        return self.at_nesterov_point()

    def perturbed(
        self, grads: Any = None, *, rho: float = 0.05, adaptive: bool = False, eta: float = 0.01
    ) -> AbstractContextManager[None]:
        """Move the parameters to where the loss is larger, for the time of a with block.

        Sharpness-aware minimization: ``with opt.perturbed(grads): there = ...`` takes the gradient
        there, and ``opt.step(there)`` after the block the step. The parameters are given back bit by
        bit, also after an exception. ::

            p + rho * g / ||g||                    SAM: Foret et al. (arXiv:2010.01412)
            p + rho * T * T * g / ||T * g||        ASAM: Kwon et al. (arXiv:2102.11600), T = |p| + eta

        The norm is that of all gradients together. Where it is 0 or not finite, there is no such
        place, and the parameters stay. ASAM's own code has T = 1 for biases, and ours has not.

        Parameters
        ----------
        grads : as of `step`
            They are read alone, but for ``zero_grads``. A loss scale makes no difference.
        rho : float >= 0
            How far: the norm of the move. For ASAM about ten times that of SAM.
        adaptive : bool
            Take ASAM.
        eta : float >= 0
            How far ASAM moves what is 0.

        Raises
        ------
        TypeError, ValueError
            For a gradient that does not fit, as `step` does, and values out of range.
        FloatingPointError
            For a gradient that is not finite, with ``nonfinite="raise"``.
        RuntimeError
            As `at_nesterov_point` does.
        """
        from fastopt.moves import Ball, perturbed

        return perturbed(self._core, grads, Ball(rho, adaptive, eta))

    def averaged(self) -> AbstractContextManager[None]:
        """Move the parameters to their averages, for the time of a with block.

        Where a group has an algorithm with averages of its own, Schedule-Free, those of such groups are
        moved to them, and others stay where they are; else all are swapped with the averages of
        ``ema=`` or ``swa_start=``. They are given back bit by bit, also after an exception.

        Raises ValueError where there are none, or where a parameter is not as it was given; and
        RuntimeError as `at_nesterov_point` does.
        """
        from fastopt.moves import averaged, evaluation

        own = any(evaluation.averages(self._core.bound))
        return evaluation.evaluated(self._core) if own else averaged(self._core)

    def eval(self) -> None:
        """Move the parameters to their algorithms' averages, where the model is used, until `train`.

        For Schedule-Free algorithms; the parameters of groups with another algorithm stay where they
        are. A second call does nothing. Copies of the parameters are kept for `train`: as much memory
        again as they take. Arrays of ``cast_to=`` are moved too.

        Raises
        ------
        TypeError
            If no group has an algorithm with averages of its own.
        ValueError
            If a parameter is not as it was given. Nothing has changed then.
        RuntimeError
            If another thread is inside a step, or a with block has moved the parameters, or an
            optimizer that shares memory with this one is so; and until `train` from `step`, of those
            too.
        """
        from fastopt.moves import evaluation

        evaluation.begin(self._core)

    def train(self) -> None:
        """Restore the parameters of before `eval`, bit by bit; else do nothing.

        What has been written to them in between is lost. ValueError, and eval mode goes on, if a
        parameter is no longer the array that was given.
        """
        from fastopt.moves import evaluation

        evaluation.end(self._core)

    def restart_averages(self) -> None:
        """Begin averages and slow weights anew, from the parameters as they are now.

        ::

            np.copyto(params["w"], pretrained)  # in the middle of training
            opt.restart_averages()

        Before the first step that is not needed: they begin with the parameters that it finds. The
        averages of ``ema=`` and ``swa_start=`` are those of the steps that come, with the parameters of
        now as the first that are averaged. Slow weights are the parameters, and the next pull comes
        after the step that it would have come after. Arrays of ``cast_to=`` are written anew.
        Parameters and states stay.

        Raises
        ------
        ValueError
            If the optimizer has none of these, or a parameter is not as it was given. Nothing has
            changed then.
        RuntimeError
            Inside of a step, where a with block or `eval` has moved the parameters, or after `close`.
        """
        from fastopt.followers import check_restartable, restart

        core = self._core
        check_restartable(core.bound.followers)
        core.gate.enter("is restarting its averages")
        try:
            bound = core.bound
            bound.check_arrays()
            restart(bound.followers, bound.parameters.arrays, bound.progress.steps)
        finally:
            core.gate.leave()

    # Parameters and groups.

    @property
    def param_groups(self) -> "list[Group]":
        """The same as `groups`, by the name that torch has for them."""
        return self._core.bound.groups

    @property
    def names(self) -> list[str]:
        """The names of the parameters, by their keys and indices: ``"layer.w"``."""
        names = self._core.bound.parameters.names
        return read_only_list(names, remedy_for(self, "names"), "opt.names")

    def named_parameters(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of the parameters, by their names."""
        self._core.gate.read = True
        parameters = self._core.bound.parameters
        return dict(zip(parameters.names, parameters.arrays, strict=True))

    @property
    def frozen(self) -> list[str]:
        """The names of the parameters that sit out all steps."""
        names = membership.frozen(self._core.bound)
        return read_only_list(names, remedy_for(self, "frozen"), "opt.frozen")

    def freeze(self, which: Which) -> list[str]:
        """Freeze parameters: no update, no decay, no count, whatever their gradients.

        `which` is as the keys of ``groups=``, such as ``"embed.*"``, or a list of these. Gives back the
        names that it means; ValueError if there are none.
        """
        return membership.freeze(self._core, which, True)

    def unfreeze(self, which: Which) -> list[str]:
        """Unfreeze parameters, which go on with the state that they had; as `freeze`."""
        return membership.freeze(self._core, which, False)

    def add_params(self, more: Any, **options: Any) -> None:
        """Add parameters, also to the container that was given as params.

        ::

            opt.add_params({"head": {"w": w, "b": b}}, lr=1e-4)

        Parameters
        ----------
        more : dict, array, or list of arrays
            A dict with new keys where params is a dict; arrays where it is a list; where it is a list
            of groups, the ``"params"`` of a new group.
        **options
            Options of a group of their own, as in ``groups=``; else they join those that the others
            are in. `mask` and `lr_scale`, in the structure of `more`, are those of its arrays.

        Raises
        ------
        TypeError, ValueError
            For arrays that cannot be updated, names that are taken, a tuple, which cannot grow; where
            ``cast_to=`` has been given, or gradients have been accumulated. Nothing has changed then.
        RuntimeError
            Inside of a step.
        """
        hooks = list(self._after)
        watch(self._after)
        try:
            membership.add(self._core, more, options)
        except BaseException:
            self._after[:] = hooks
            raise

    def remove_params(self, which: Which) -> list[str]:
        """Remove parameters and their states, also from the container that they were in.

        `which` is as of `freeze`. Gives back the names. Raises as `add_params`, and ValueError where
        no parameter would be left.
        """
        return membership.remove(self._core, which)

    def reset(self, which: Which | None = None, *, rows: Any = None) -> list[str]:
        """Reset states to those of a new optimizer; the parameters stay.

        ::

            opt.reset("head.*")  # a head with new weights
            opt.reset("embed", rows=[3, 17])  # two words with new vectors

        Averages, slow weights and sums of gradients stay, too: see `restart_averages`.

        Parameters
        ----------
        which : as of `freeze`, or None
            The parameters that are meant, by default all. They count their steps from 0 again.
        rows : numbers, a mask of bools, or a slice; or None
            Their rows along the first axis whose states are reset; they go on counting.

        Returns
        -------
        list of str
            The names of the parameters that are meant.

        Raises
        ------
        TypeError, ValueError
            For a pattern that matches nothing, and rows that are not there. Nothing has changed then.
        RuntimeError
            Inside of a step, where a with block or `eval` has moved the parameters, or after `close`.
        """
        return renewal.reset(self._core, which, rows)

    def replace(self, name: str, new: NDArray[Any], *, rows: Any = None) -> None:
        """Put another array in the place of a parameter, also in the container that it is in.

        ::

            new = np.concatenate([params["embed"], rng.normal(size=(10, 64)).astype(np.float32)])
            opt.replace("embed", new, rows=[*range(len(new) - 10), *[-1] * 10])

        States, averages and slow weights move with its rows: a table grows, is cut or permuted.
        Gradients that were bound with ``grads=`` have to fit from then on.

        Parameters
        ----------
        name : str
            The name of the parameter, one of `names`.
        new : array
            Of the same dtype, and the same shape but for the number of rows. Its values are taken as
            they are.
        rows : integers, one for each row of `new`, or None
            The row that each was before; -1 for one that begins with the state of a new optimizer, and
            with its values as average. None where all stay in their places.

        Raises
        ------
        TypeError, ValueError
            For an array that cannot be updated, of another dtype or shape, rows that are not there, a
            parameter in a tuple, where nothing can be replaced; where ``cast_to=`` has been given, or
            gradients have been accumulated. Nothing has changed then.
        RuntimeError
            Inside of a step, where a with block or `eval` has moved the parameters, or after `close`.
        """
        hooks = list(self._after)
        watch(self._after)
        try:
            renewal.replace(self._core, name, new, rows)
        except BaseException:
            self._after[:] = hooks
            raise

    # What can be read.

    @property
    def step_count(self) -> int:
        """The number of steps taken."""
        return self._core.bound.progress.steps

    @property
    def needs_loss(self) -> bool:
        """True where an algorithm takes its step from the loss: ``opt.step(grads, loss=loss)``."""
        return self._core.bound.needs_loss

    @property
    def needs_estimate(self) -> bool:
        """True where an algorithm takes its step from estimates of the Hessian: `estimate`."""
        return self._core.bound.needs_estimate

    @property
    def skipped(self) -> int:
        """The number of steps left out for gradients that were not finite, or too large."""
        return self._core.bound.progress.skips.total

    @property
    def grad_norm(self) -> float | None:
        """The L2 norm of all gradients of the last step, after the loss scale and before clipping.

        None where nothing has asked for it: a limit on norms, ``nonfinite``, ``stats``, ...
        """
        return self._core.bound.progress.grad_norm

    def report(self) -> "list[GroupReport]":
        """Return norms of the last step for each group; needs ``stats=True``.

        Norms are L2: of the gradients (after the loss scale, before clipping), of the update, of the
        new parameters; the ratio of the last two; the smallest factor of clipping; and how many
        entries of the gradients were not finite. RuntimeError where there is nothing to say.
        """
        found = self._core.bound.progress.report
        if found is None:
            raise RuntimeError("there is no report: set stats=True before the step")
        return found

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings as they were set, by name: ``opt.settings["loss_scale"]`` can be "dynamic"."""
        return read_only_dict(self._core.bound.settings, remedy_for(self, "settings"), "opt.settings")

    @property
    def state(self) -> dict[str, dict[str, Any]]:
        """Views of the states, by parameter name and state name: ``state["layer.w"]["m"]``.

        What is written into them is written into the states: ``state["layer.w"]["m"][...] = x``. The
        dicts cannot be changed. Whatever else becomes of a view, such as another shape, does nothing to
        the optimizer.

        A state of 8 bits is a `Stored`, which has its codes and scales; one of bfloat16 an array of
        ml_dtypes' dtype, or without that library of its bits, in uint16. What parameters of 16 bits
        have besides stands under ``"master"``; see `master_params`.
        """
        bound = self._core.bound
        bound.living.clear()  # which rows have states that a step can change, is looked at anew
        views = [shown(how, arrays) for how, arrays in zip(bound.how_stored, bound.states, strict=True)]
        return read_only_states(bound.parameters.names, views)

    def master_params(self) -> Any:
        """Copy the parameters as they are computed in, in the structure of the parameters.

        Of parameters of 16 bits these are float32 arrays, with what ``master_weights=True`` keeps of
        them: to be saved, compared or averaged exactly. Of others they are plain copies.

        Examples
        --------
        >>> w = np.ones(2, np.float16)
        >>> opt = fastopt.SGD({"w": w}, lr=1e-4)
        >>> opt.step({"w": np.ones(2, np.float16)})
        True
        >>> w, opt.master_params()["w"]
        (array([1., 1.], dtype=float16), array([0.9999, 0.9999], dtype=float32))
        """
        from fastopt.step import masters

        return masters(self._core.bound)

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
        slow = self._core.bound.followers.slow
        if slow is None:
            raise ValueError(
                "there are no slow weights: make the optimizer with lookahead_steps=5 or the like"
            )
        return self._shown(slow, "slow_state")

    def _averages(self, kind: type[Averages]) -> Averages:
        from fastopt.moves import averages_of

        return averages_of(self._core.bound.followers, [kind])

    def _shown(self, follower: Follower, name: str) -> Any:
        """Put views into containers like those of the parameters, which only show them."""
        closing.refresh_followers(self._core)
        return read_only(self._core.bound.parameters.tree(follower.views(), views=True), f"opt.{name}")

    # Save and load; training resumes bit for bit.

    def state_dict(self, copy: bool = True) -> dict[str, Any]:
        """Return the whole state: hyperparameters, counts and arrays, by the names of the parameters.

        ``state["parameters"]["layer.w"]["arrays"]["m"]`` is an array, all that is not is what JSON can
        hold. With ``copy=False`` they are views of the optimizer's: the next step changes them.

        Raises RuntimeError inside of a step, or where a with block has moved the parameters.
        """
        from fastopt.state import state_dict

        return state_dict(self._core, copy)

    def load_state_dict(
        self,
        state: Mapping[str, Any],
        *,
        strict: bool = True,
        hyperparameters: bool = True,
        skip: Which | None = None,
        names: "Names | None" = None,
    ) -> "Differences":
        """Load a state: training resumes bit for bit.

        Parameters are found by name, and their arrays copied. Unlike torch, nothing is cast. Functions
        of the step, which no state can hold, stay as they are here; so do schedules that were saved
        with the same arguments, and those with a state take it over.

        Parameters
        ----------
        state : dict
            What `state_dict` gave.
        strict : bool
            Raise for parameters and arrays that are on one side only or have another shape or dtype,
            and for another ``ema`` or ``gradient_accumulation_steps``; else take what fits, and give
            back what does not. A parameter of another shape stays as it is, with its state.
        hyperparameters : bool
            Take hyperparameters, schedules, settings, and who is frozen, too, in place of this
            optimizer's. A group of which no parameter is loaded keeps its own.
        skip : pattern of names, or list of these, optional
            Parameters, by their names here, that stay as they are: what is saved of them is not
            loaded, and not missed if there is nothing. Patterns are as the keys of ``groups=``.
        names : dict, or function of a saved name, optional
            The names here of parameters that had other ones: ``{"old.w": "new.w"}``. None leaves out
            what is saved.

        Raises
        ------
        TypeError, ValueError
            For a state that does not fit; the message says what. For a `skip` that means no parameter,
            `names` that are not there, or two that become one. Nothing has changed then.
        RuntimeError
            As of `state_dict`.
        """
        from fastopt.state import load_state_dict

        return load_state_dict(self._core, state, strict, hyperparameters, skip, names)

    def save(
        self, path: "Path", *, params: bool = False, extra: Any = None, progress: bool | None = None
    ) -> None:
        """Write a checkpoint: one file, ``.npz`` or ``.safetensors``, that is whole or not there.

        Parameters
        ----------
        path : str, path or file open for bytes
            Where; a file that is there is replaced when the new one is complete, and ``~`` is the home
            directory. An open file, such as ``io.BytesIO()``, gets an .npz where it stands: nothing is
            replaced then, and an error may leave a part of it.
        params : bool
            Write the parameters, too.
        extra : optional
            What `load` gives back, equal and of the same type: None, bools, numbers, text, bytes,
            lists, tuples, sets, dicts, NumPy's scalars and small arrays, paths, dates; with them the
            states of random generators.
        progress : bool, optional
            Show a progress bar; by default from 1 GB, on a terminal.

        Raises
        ------
        CheckpointError
            If it cannot be written. The file that was there is still there.
        TypeError, ValueError
            For an `extra` with anything else, a path of another suffix, and a file that is closed or
            open for text.
        RuntimeError
            As of `state_dict`.
        """
        from fastopt.state import save

        save(self._core, path, params, extra, progress)

    def load(
        self,
        path: "Path",
        *,
        params: bool | None = None,
        strict: bool = True,
        hyperparameters: bool = True,
        skip: Which | None = None,
        names: "Names | None" = None,
        progress: bool | None = None,
    ) -> "Loaded":
        """Load a checkpoint: training resumes bit for bit.

        Parameters
        ----------
        path : str, path or file open for bytes
            What `save` has written. An open file is read from where it stands: ``file.seek(0)`` before.
        params : bool, optional
            Whether to write the parameters, too; by default where the checkpoint has them.
        strict, hyperparameters, skip, names : optional
            As of `load_state_dict`.
        progress : bool, optional
            As of `save`.

        Raises
        ------
        CheckpointError
            For a file that is damaged, cut short, of a newer version, or of something else; the
            message says what. Nothing has changed then, no parameter and no state.
        TypeError, ValueError
            For `skip` and `names`, as of `load_state_dict`.
        RuntimeError
            As of `state_dict`.
        """
        from fastopt import checkpoint
        from fastopt.state import load

        with checkpoint.Reader(path) as file:
            return load(self._core, file, path, params, strict, hyperparameters, skip, names, progress)

    def get_config(self) -> dict[str, Any]:
        """Return the name of the class, the hyperparameters and the settings, as JSON can hold them.

        Groups are frozen in it where all their parameters are. TypeError for a function of the step
        that is none of `fastopt.schedules`.
        """
        from fastopt.state import config_of

        bound = self._core.bound
        names = bound.parameters.names_of_groups()
        out = set(membership.frozen(bound))
        frozen = [bool(group) and out.issuperset(group) for group in names]
        by_name = names if bound.parameters.by_name else []
        return config_of(type(self).__name__, bound.groups, by_name, frozen, bound.settings)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], params: Any, **options: Any) -> Self:
        """Make an optimizer with the hyperparameters that `get_config` gave.

        `params` is as of the constructor; for several groups a list with the parameters of each, or
        as it was where ``groups=`` has divided it. `options` are other keywords of the constructor.
        """
        from fastopt.state import keywords_of

        params, keywords = keywords_of(config, cls.__name__, params)
        return cls(params, **{**keywords, **options})

    # The end.

    def close(self) -> None:
        """Release the memory of all arrays; do nothing if that has been done.

        As long as an optimizer is there and not closed, the memory of its arrays cannot go away:
        ``p.resize(..., refcheck=False)`` is a ValueError, for p and for what it is a view of, and
        closing the mmap or the shared memory that it lies in a BufferError. That holds for parameters,
        states, averages, copies, sums, and gradients bound with ``grads=``. Afterwards it is allowed.

        What has been trained stays: `state`, `state_dict` and `save` work as before. Whatever takes a
        step, loads a state, or changes or moves the parameters is a RuntimeError. A block
        ``with fastopt.Adam(p) as opt:`` closes at its end.

        Raises
        ------
        RuntimeError
            If another thread is inside a step, or the parameters are elsewhere: in eval mode, or in a
            with block such as that of `averaged`. Nothing has been let go then.
        """
        closing.close(self._core)

    def __enter__(self) -> Self:
        if self._core.gate.closed:
            raise self._core.gate.busy()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __copy__(self) -> NoReturn:
        """Refuse: two optimizers would update the same arrays."""
        raise TypeError(
            "copy.copy(opt) would bind a second optimizer to the same arrays: copy.deepcopy(opt) "
            "copies them, too, and copy.deepcopy((model, opt)) does with the model that has them"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return what ``copy.deepcopy`` and ``pickle`` make another optimizer of.

        It goes on with the same bits, and has copies of `params` and of all else that it was given.
        Copied or pickled together with a model that has the same arrays, both have the same copies
        again; alone, the copy has its arrays in `params`. Functions of the step and hooks have to be
        picklable, which lambdas are not. No other thread may take a step meanwhile.

        Raises
        ------
        RuntimeError
            After `close`, inside of a step, and in a with block that has moved the parameters; eval
            mode is copied with the rest.
        ValueError
            Where a parameter is no longer the array that was given.
        """
        from fastopt.state import parts_of

        own = {k: v for k, v in vars(self).items() if k not in ("_before", "_after", "_core")}
        hooks = list(self._before), of_the_caller(self._after)
        return {"own": own, "hooks": hooks, **parts_of(self._core)}

    def __setstate__(self, parts: dict[str, Any]) -> None:
        """Bind a new optimizer to what `__getstate__` returned.

        ValueError for what another version has returned.
        """
        from fastopt.state import revive

        if hasattr(self, "_core"):
            raise TypeError("an optimizer takes a state by opt.load_state_dict(state)")
        core = Core()
        revive(core, type(self), parts)
        vars(self).update(parts["own"])
        self._begin(core, *parts["hooks"])

    def __repr__(self) -> str:
        arrays = self._core.bound.parameters.arrays
        values = sum(p.size for p in arrays)
        head = f"{type(self).__name__}({len(arrays)} arrays, {values:,} values, {self.backend})"
        return "\n  ".join([head, *map(repr, self.groups)])

    def _repr_html_(self) -> str:
        parameters = self._core.bound.parameters
        arrays = zip(parameters.group_of, parameters.arrays, strict=True)
        return groups_table(repr(self).partition("\n")[0], self.groups, arrays)

    # Attributes: those of hyperparameters and settings, and no others.

    def _read(self, option: Option) -> Any:
        """Return a hyperparameter of all groups, or a setting."""
        return value_of(self._core.bound, option)

    def _write(self, option: Option, value: Any) -> None:
        """Change a hyperparameter of all groups, or a setting."""
        set_value(self._core, option, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.hyperparameters:
            set_value(self._core, self.hyperparameters[name], value)
            return
        if name.startswith("_"):
            super().__setattr__(name, value)
            return
        if name in renamed.RENAMED:
            new = renamed.RENAMED[name]
            warn(f"opt.{name} = ... is opt.{new} = ... now", DeprecationWarning)
            setattr(self, new, value)
            return
        if not hasattr(type(self), name):
            raise self._missing(name)
        if is_shown(self, name):
            check_same(self, name, value)
            return
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        cls = type(self)
        hidden = attributes.Missing
        return [x for x in super().__dir__() if not isinstance(getattr(cls, x, None), hidden)]

    def _missing(self, name: str) -> AttributeError:
        """Make the error for an attribute that there is not, with what is meant."""
        cls = type(self).__name__
        if name in attributes.METHODS:
            call, does = attributes.METHODS[name]
            return AttributeError(f"{cls} has no method {name!r}: {call} {does}")
        known = other_names.option(name, {**self.hyperparameters, **self.declared})
        for i, group in enumerate(self.groups):
            if name in group.kind.hyperparameters:
                known = f"{group.algorithm}, of group {i}, has it: opt.groups[{i}][{name!r}]"
        return AttributeError(f"{cls} has no hyperparameter {name!r}: {known}")

    def __delattr__(self, name: str) -> None:
        if is_shown(self, name):
            refuse(self, name, "be deleted")
        if option := {**self.hyperparameters, **self.declared}.get(name):
            default = option.default
            raise AttributeError(
                f"opt.{name} cannot be deleted: set its default, opt.{name} = {default!r}"
            )
        super().__delattr__(name)


for _name in attributes.METHODS:
    setattr(Optimizer, _name, attributes.Missing(_name))


def _added(hooks: list[Hook], hook: Hook) -> Callable[[], None]:
    if not callable(hook):
        raise TypeError(f"the hook is {describe(hook)}; it must be a function of the optimizer")
    hooks.append(hook)

    def remove() -> None:
        if hook in hooks:
            hooks.remove(hook)

    return remove
