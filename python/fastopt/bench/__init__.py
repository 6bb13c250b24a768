"""``python -m fastopt bench``: how fast this machine takes a step, and beside whom."""

from fastopt.bench import command

__all__ = ["command"]
