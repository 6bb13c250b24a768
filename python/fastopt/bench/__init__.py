"""``python -m fastopt bench``: how fast this machine takes a step, and beside whom."""
