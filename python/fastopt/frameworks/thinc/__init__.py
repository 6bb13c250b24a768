"""Thinc."""
