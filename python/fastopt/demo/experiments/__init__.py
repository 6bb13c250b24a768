"""The presets of ``python -m fastopt compare``: each module here defines an ``EXPERIMENT``."""

from importlib import import_module
from pkgutil import iter_modules

from fastopt.demo.arguments import UsageError
from fastopt.demo.experiment import Experiment
from fastopt.runtime import suggest

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
}


def spelled(name: str) -> str:
    """Spell a name, in whatever case and with whatever between its words, as ours are."""
    return name.lower().replace("_", "-").replace(" ", "-")


def find(name: str) -> Experiment:
    """Find the experiment of this name, however it is spelled."""
    wanted = spelled(name)
    if wanted not in EXPERIMENTS:
        raise UsageError(f"there is no experiment {name!r}: {suggest(wanted, list(EXPERIMENTS))}")
    return EXPERIMENTS[wanted]
