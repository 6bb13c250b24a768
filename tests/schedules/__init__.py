"""Schedules: formulas, arguments, and the end."""
