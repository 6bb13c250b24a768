"""Other libraries on the same arrays: whichever of them are installed."""

from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from typing import NamedTuple

from fastopt.bench.arrays import Array
from fastopt.bench.peers import deepspeed, optax, sklearn, thinc, torch
from fastopt.bench.turns import Call, Prepared, timed

Maker = Callable[[], Call | Prepared | None]  # None for an algorithm that a library does not have
# Of the name of an algorithm, or of the stages of a pipeline; parameters, gradients, of all of which
# they make copies; and the number of threads.
MakeStep = Callable[[str, list[Array], list[Array], int], Call | Prepared | None]
MakeSequence = Callable[[tuple[str, ...], list[Array], list[Array], int], Call | Prepared]


class Peer(NamedTuple):
    """A library, in one of the ways in which it takes a step."""

    library: str  # what it is called on the command line
    module: str  # what is imported
    step: MakeStep
    sequence: MakeSequence | None = None


PEERS: Mapping[str, Peer] = {
    "torch fused": Peer("torch", "torch", *torch.contestant(fused=True)),
    "torch": Peer("torch", "torch", *torch.contestant()),
    "optax": Peer("optax", "optax", optax.step, optax.sequence),
    "thinc": Peer("thinc", "thinc", thinc.step),
    "scikit-learn": Peer("scikit-learn", "sklearn", sklearn.step),
    "DeepSpeed": Peer("deepspeed", "deepspeed", deepspeed.step, deepspeed.sequence),
}
TOO_LONG = 2.0  # seconds for a step
LIBRARIES = {peer.library: peer.module for peer in PEERS.values()}


def is_installed(library: str) -> bool:
    """Return whether it can be imported, without importing it."""
    try:
        return find_spec(LIBRARIES[library]) is not None
    except ValueError:  # sys.modules has None there: somebody hides it
        return False


def of_libraries(libraries: tuple[str, ...]) -> dict[str, Peer]:
    """Return the peers of these libraries."""
    return {label: peer for label, peer in PEERS.items() if peer.library in libraries}


def admitted(makers: Mapping[str, Maker], notes: dict[str, str]) -> dict[str, Call | Prepared]:
    """Make all contestants that work; note why the others are left out."""
    found: dict[str, Call | Prepared] = {}
    for name, make in makers.items():
        made, why = tried(make)
        if made is not None:
            found[name] = made
        elif why:
            notes[name] = why
    return found


def tried(make: Maker) -> tuple[Call | Prepared | None, str]:
    """Make a contestant and run it twice; return what is wrong if that fails or takes too long.

    Anything can be: another version, a compiler that a library needs, a machine it was not built for;
    or a busy machine, where a library that starts threads anew for each of a thousand arrays waits for
    a processor as often.
    """
    seconds = 0.0
    try:
        with redirect_stdout(StringIO()):  # some say there what they compile
            made = make()
            if made is not None:
                timed(made, 1)  # which may compile
                seconds = timed(made, 1)
    except Exception as error:
        text = str(error).strip() or repr(error)
        return None, f"{type(error).__name__}: {text.splitlines()[0]}"
    if seconds > TOO_LONG:
        return None, f"a step took {seconds:.1f} s, too long to be repeated"
    return made, ""
