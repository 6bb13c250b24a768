"""``python -m bench.figures``: the README's figures of speed, each a ratio of one run.

Contestants take turns (A B A B ...), nine rounds, medians. Rows whose peer is not installed are
left out. `python -m bench.figures row ...` measures some rows only; `--list` names them.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import Any

import numpy as np
from bench import loops
from bench.ceiling import Streams, WholeStep

import fastopt
from fastopt.algorithm.hyperparameters import Values
from fastopt.bench import beside, handwritten, pipeline
from fastopt.bench.arrays import arrays, copies, refill
from fastopt.bench.peers import torch as torch_peer
from fastopt.bench.report import spent
from fastopt.bench.turns import Call, Prepared, in_turn
from fastopt.registry import ALGORITHMS

THREADS = 2
Figure = tuple[str, str, str]  # what, how much, in time
FAMILY = {"sgd": 2, "adagrad": 4, "rmsprop": 4, "adam": 6, "adamw": 6, "adamax": 6, "nadam": 6}


def ours(params: list[Any], grads: list[Any], name: str = "adam", **options: Any) -> Callable[[], bool]:
    opt = fastopt.get(name, params, **options)
    return lambda: opt.step(grads)


def times(value: float) -> str:
    return f"{value:.2f}x"


def compared(what: str, each: Mapping[str, Call | Prepared], rounds: int = 9) -> Figure:
    """Measure two contestants: how many times as fast the first is, and its time."""
    t = in_turn(each, rounds)
    first, second = t.values()
    return what, times(second / first), spent(first)


def versus_torch_fused() -> Iterator[Figure]:
    """Adam against torch's fused Adam: one large array, many small ones, one small one."""
    for what, sizes in (
        ("one array of 25 M", [25_000_000]),
        ("1,000 arrays of 1,000", [1_000] * 1_000),
        ("one array of 1,000", [1_000]),
    ):
        params, grads = arrays(sizes)
        torch = torch_peer.step("adam", params, grads, THREADS, fused=True)
        each = {"ours": ours(params, grads), "torch": torch}
        yield compared(f"Adam, {what}: faster than torch fused", each)


def versus_ceiling() -> Iterator[Figure]:
    """Every algorithm on 25 M float32 against a sweep of the same streams that only adds."""
    for name in ALGORITHMS:
        params, grads = arrays([25_000_000], algorithm=name)
        opt = fastopt.get(name, params)
        streams = Streams(grads[0], params[0], list(opt.state["0"].values()))
        t = in_turn({"ours": lambda: opt.step(grads), "add": lambda: streams.add(THREADS)})  # noqa: B023
        rate = params[0].nbytes * (3 + 2 * len(opt.state["0"])) / t["ours"] / 1e9
        share = f"{t['add'] / t['ours']:.2f}"
        yield (
            f"{name}, 25 M: share of the same-traffic sweep",
            share,
            f"{spent(t['ours'])}, {rate:.0f} GB/s",
        )


def versus_openmp() -> Iterator[Figure]:
    """Adam alone against an OpenMP static loop of the same kernel."""
    for count in (1_000_000, 25_000_000):
        params, grads = arrays([count])
        opt = fastopt.Adam(params)
        streams = Streams(grads[0], params[0], list(opt.state["0"].values()))
        t = in_turn({"ours": lambda: opt.step(grads), "omp": lambda: streams.adam(THREADS)})  # noqa: B023
        yield (
            f"Adam, {count // 10**6} M: time of an OpenMP static loop",
            times(t["ours"] / t["omp"]),
            spent(t["ours"]),
        )


def beside_matmul() -> Iterator[Figure]:
    """Adam in a loop with NumPy's matmul."""
    for size, count in ((512, 1_000_000), (1024, 4_000_000)):
        params, grads = arrays([count])
        step = ours(params, grads)

        def on(threads: int, step: Callable[[], object] = step) -> Callable[[], None]:
            def call() -> None:
                fastopt.set_num_threads(threads)
                step()

            return call

        torch = torch_peer.step("adam", params, grads, THREADS, fused=True)
        steps = {"two": on(2), "one": on(1), "nothing": lambda: None, "torch": torch}
        found = beside.beside_matmul(steps, size, turns=30 if size == 512 else 12)
        fastopt.set_num_threads(THREADS)
        two, one, nothing = found["two"], found["one"], found["nothing"]
        what = f"matmul {size} and Adam on {count // 10**6} M"
        yield f"{what}: step on 2 threads, of that on 1", times(two.step / one.step), spent(two.step)
        yield f"{what}: matmul, of itself alone", times(two.matmul / nothing.matmul), spent(two.matmul)
        faster = times(found["torch"].round / two.round)
        yield f"{what}: loop faster than with torch fused", faster, spent(two.round)


def whole_run() -> Iterator[Figure]:
    """Training on MNIST digits in plain NumPy, against a hand-written Adam."""
    data = loops.digits()

    def by_hand(params: dict[str, Any]) -> Callable[[dict[str, Any]], object]:
        names = list(params)
        held: list[Any] = [None] * len(names)
        step = handwritten.stepper("adam", [params[name] for name in names], held)

        def call(grads: dict[str, Any]) -> None:
            held[:] = [grads[name] for name in names]
            step()

        return call

    def fused(params: dict[str, Any]) -> Callable[[dict[str, Any]], object]:
        return fastopt.Adam(params).step

    for hidden in (100, 1024):
        sizes = [784, hidden, hidden, 10]
        runs: dict[str, list[loops.Whole]] = {"ours": [], "hand": []}
        for _ in range(7 if hidden == 100 else 3):
            for name, make in (("ours", fused), ("hand", by_hand)):
                runs[name].append(loops.train_on_digits(sizes, make, data))
        total = {name: median(run.total for run in found) for name, found in runs.items()}
        share = median(run.optimizer / run.total for run in runs["ours"])
        pairs = zip(runs["ours"][0].losses, runs["hand"][0].losses, strict=True)
        apart = max(abs(a - b) / max(b, 1e-2) for a, b in pairs)
        what = f"digits, 784-{hidden}-{hidden}-10, 300 steps"
        yield f"{what}: faster than by hand", times(total["hand"] / total["ours"]), spent(total["ours"])
        yield f"{what}: optimizer's share", f"{share:.1%}", f"losses within {apart:.1e}"


def versus_torch_best() -> Iterator[Figure]:
    """Algorithms that torch does not fuse on a CPU, against the better of its two implementations."""
    for name in ("adadelta", "adamax", "nadam", "rmsprop"):
        params, grads = arrays([25_000_000])
        each = {
            "ours": ours(params, grads, name),
            "foreach": torch_peer.step(name, params, grads, THREADS, foreach=True),
            "loop": torch_peer.step(name, params, grads, THREADS, foreach=False),
        }
        t = in_turn(each, rounds=7)
        best = min(t["foreach"], t["loop"])
        yield f"{name}, 25 M: faster than torch's best", times(best / t["ours"]), spent(t["ours"])


def versus_numpy() -> Iterator[Figure]:
    """Every algorithm against plain NumPy as people write it."""
    for name in handwritten.BY_NAME:
        params, grads = arrays([25_000_000])
        options = {"momentum": 0.9} if name == "momentum" else {}
        step = ours(params, grads, "sgd" if name == "momentum" else name, **options)
        copies = [p.copy() for p in params]
        each = {"ours": step, "numpy": handwritten.stepper(name, copies, grads)}
        yield compared(f"{name}, 25 M: faster than NumPy by hand", each, rounds=7)


def numba_versus_native() -> Iterator[Figure]:
    """The Numba backend against native."""
    for name in ALGORITHMS:
        params, grads = arrays([25_000_000], algorithm=name)
        copies = [p.copy() for p in params]
        each = {b: ours(p, grads, name, backend=b) for b, p in (("native", params), ("numba", copies))}
        t = in_turn(each, rounds=7)
        yield (
            f"{name}, 25 M: time of Numba, of native",
            times(t["numba"] / t["native"]),
            spent(t["numba"]),
        )


def own_rule() -> Iterator[Figure]:
    """A user's Adam, compiled by Numba, against the native one."""

    class Copy(fastopt.Adam):
        """Adam, as if a user had written it."""

        @classmethod
        def select_rule(cls, h: Values) -> Any:
            return own_adam

    for what, sizes in (("25 M", [25_000_000]), ("1,000 arrays of 1,000", [1_000] * 1_000)):
        params, grads = arrays(sizes)
        opt = Copy(copies(params))
        t = in_turn({"own": lambda: opt.step(grads), "native": ours(params, grads)})  # noqa: B023
        yield f"a user's Adam on Numba, {what}: time of native", times(t["own"] / t["native"]), ""


def own_adam(p: Any, g: Any, m: Any, v: Any, c: Any) -> Any:
    """Write Adam as a user would."""
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * g * g
    return p - c.step * m / (np.sqrt(v + c.eps_root) * c.unbias + c.eps), m, v


def whole_step() -> Iterator[Figure]:
    """Clip, AdamW, zero, average and bfloat16 copy, against torch's calls and a loop by hand."""
    stages = ("clip", "zero", "ema", "cast")
    params, grads = arrays([25_000_000])
    hand = WholeStep(grads[0].copy(), params[0].copy())
    all_of_it = {
        "ours": pipeline.ours(stages, copies(params), grads),
        "hand": Prepared(lambda: refill(hand.gradients, grads), lambda: hand.step(THREADS)),
        "torch": torch_peer.sequence(stages, params, grads, THREADS, fused=True),
    }
    t = in_turn(all_of_it)
    what = "clip, AdamW, zero, EMA, bf16 copy, 25 M"
    yield f"{what}: faster than torch's calls", times(t["torch"] / t["ours"]), spent(t["ours"])
    yield f"{what}: time of one loop by hand and a norm", times(t["ours"] / t["hand"]), ""
    clip = {
        "ours": pipeline.ours(("clip",), copies(params), grads),
        "torch": torch_peer.sequence(("clip",), params, grads, THREADS, fused=True),
    }
    t = in_turn(clip)
    yield "clip and AdamW, 25 M: faster than torch's", times(t["torch"] / t["ours"]), spent(t["ours"])


def more_sizes() -> Iterator[Figure]:
    """Adam in the second cache on one thread, bound gradients, and the arrays of ResNet-50."""
    params, grads = arrays([50_000])
    fastopt.set_num_threads(1)
    try:
        torch = torch_peer.step("adam", params, grads, 1, fused=True)
        each = {"ours": ours(params, grads), "torch": torch}
        yield compared("Adam, 50,000, one thread: faster than torch fused", each)
    finally:
        fastopt.set_num_threads(THREADS)
    params, grads = arrays([1_000])
    torch = torch_peer.step("adam", params, grads, THREADS, fused=True)
    each = {"ours": fastopt.Adam(params, grads=grads).step, "torch": torch}
    yield compared("Adam, 1,000, gradient bound: faster than torch fused", each)
    params, grads = arrays(RESNET_50)
    torch = torch_peer.step("adam", params, grads, THREADS, fused=True)
    each = {"ours": ours(params, grads), "torch": torch}
    yield compared("Adam, ResNet-50's 161 arrays: faster than torch fused", each)


def _resnet_50() -> list[int]:
    """List the sizes of its parameters: a stem, four stages of bottlenecks, a head."""
    sizes = [64 * 3 * 49, 64, 64]
    channels = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            sizes += [channels * width, width, width, width * width * 9, width, width]
            sizes += [width * 4 * width, width * 4, width * 4]
            if block == 0:
                sizes += [channels * width * 4, width * 4, width * 4]
            channels = width * 4
    return [*sizes, 1000 * 2048, 1000]


RESNET_50 = _resnet_50()


def subnormals() -> Iterator[Figure]:
    """Moments that 2,000 steps without a gradient have left subnormal, against `flush_subnormals`."""
    fastopt.set_num_threads(1)
    try:
        for name, options in (("adam", {}), ("sgd", {"momentum": 0.9})):
            flags = {"flushed": True, "kept": False}
            each = {k: decayed(name, flush_subnormals=on, **options) for k, on in flags.items()}
            what = f"{' '.join([name, *options])}, 50,000, one thread, moments decayed to subnormals"
            yield compared(f"{what}: faster flushed", each)
    finally:
        fastopt.set_num_threads(THREADS)


def decayed(name: str, **options: Any) -> Callable[[], bool]:
    params, grads = arrays([50_000])
    step = ours(params, grads, name, **options)
    step()
    grads[0][...] = 0
    for _ in range(2_000):
        step()
    return step


def import_time() -> Iterator[Figure]:
    """Importing fastopt, after NumPy."""
    code = "import numpy, time; t = time.perf_counter(); import fastopt; print(time.perf_counter() - t)"
    found = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(11)]
    yield "import fastopt, after numpy", spent(median(found)), f"best {spent(min(found))}"


ROWS = {
    row.__name__: row
    for row in (
        versus_torch_fused, versus_ceiling, versus_openmp, beside_matmul, whole_run,
        versus_torch_best, versus_numpy, numba_versus_native, own_rule, whole_step,
        more_sizes, subnormals, import_time,
    )
}  # fmt: skip


def main(names: list[str]) -> None:
    """Measure the rows and print a Markdown table."""
    if names == ["--list"]:
        print(*ROWS, sep="\n")
        return
    fastopt.set_num_threads(THREADS)
    print("| | figure | ours |\n|---|---|---|")
    for name in names or ROWS:
        try:
            for what, how_much, in_time in ROWS[name]():
                print(f"| {what} | {how_much} | {in_time} |", flush=True)
        except ImportError as error:
            print(f"| {name}: left out, {error} | | |")


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        main(sys.argv[1:])
