"""A program that imports fastopt among its neighbours, in any order, and trains beside them."""

from itertools import permutations

PEERS = ("torch", "sklearn.cluster", "numba")

# Every order of the three, with fastopt in every place among them.
ORDERS = [
    (*order[:place], "fastopt", *order[place:])
    for order in permutations(PEERS)
    for place in range(len(PEERS) + 1)
]

_PROGRAM = """
import hashlib, importlib, locale, multiprocessing, os, random, signal, sys, warnings

warnings.simplefilter("ignore")  # neighbours have their own
import numpy as np

ORDER = {order!r}


def digest(seed):
    import fastopt

    fastopt.set_num_threads(2)
    rng = np.random.default_rng(seed)
    p = rng.standard_normal(300_000).astype(np.float32)
    opt = fastopt.Adam(p, global_clipnorm=10.0, ema=0.9)
    for _ in range(3):
        opt.step(rng.standard_normal(p.size, np.float32))
    return hashlib.sha256(p.tobytes() + opt.ema_state.tobytes()).hexdigest()


def outside():
    found = {{
        "handlers": [signal.getsignal(n) for n in (2, 10, 14, 15, 17)],
        "mask": signal.pthread_sigmask(signal.SIG_BLOCK, []),
        "affinity": os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None,
        "environ": dict(os.environ),
        "locale": locale.setlocale(locale.LC_ALL),
        "errors": np.geterr(),
        "switch": sys.getswitchinterval(),
        "folder": os.getcwd(),
        "random": (random.getstate(), str(np.random.get_state())),
        "subnormals": float(np.float32(1e-40) * np.float32(1.0)),
    }}
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        found["torch"] = (torch.get_num_threads(), torch.get_num_interop_threads())
        found["torch seed"] = torch.random.get_rng_state().tolist()
    if "threadpoolctl" in sys.modules:
        pools = sys.modules["threadpoolctl"].threadpool_info()
        found["pools"] = [(pool["filepath"], pool["num_threads"]) for pool in pools]
    return found


def train_neighbours():
    if "torch" in ORDER:
        import torch

        q = torch.ones(300_000, requires_grad=True)
        q.grad = torch.ones_like(q)
        torch.optim.Adam([q], fused=True).step()
    if "sklearn.cluster" in ORDER:
        from sklearn.cluster import KMeans

        KMeans(3, n_init=1, random_state=0).fit(np.random.default_rng(0).random((2000, 5)))
    if "numba" in ORDER:
        import numba

        @numba.njit(parallel=True)
        def total(x):
            sum = 0.0
            for i in numba.prange(x.size):
                sum += x[i]
            return sum

        {numba_call}


if __name__ == "__main__":
    for name in ORDER:
        before = outside()
        importlib.import_module(name)
        if name == "fastopt":
            assert outside() == before
    digest(1)
    train_neighbours()
    before = outside()
    print(digest(1))
    assert outside() == before
    with multiprocessing.get_context({start!r}).Pool(1) as pool:
        print(pool.apply_async(digest, (1,)).get(100))
"""


def program(order: tuple[str, ...], start: str) -> str:
    """Give the program: it prints a hash of what was trained, in the process and in a child of it."""
    # A parallel kernel of Numba's, on its OpenMP layer, would end every child of a fork that uses it;
    # ours does not, so the parent may.
    return _PROGRAM.format(order=order, start=start, numba_call="total(np.ones(100_000))")


def hashes(text: str) -> set[str]:
    """Give what it has printed, of which all is to be the same."""
    lines = text.split()
    assert len(lines) == 2
    return set(lines)
