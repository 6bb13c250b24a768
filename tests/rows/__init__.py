"""Gradients of some rows: the bits of dense steps, of gathered rows, and of every backend."""
