"""The commands ``python -m fastopt compare`` and ``info``."""
