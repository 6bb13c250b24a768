"""Every schedule in several settings, no option left at its default, for the tests to go through."""

from fastopt import schedules
from fastopt.schedules import Schedule

BASE = schedules.cosine(0.3, 20, 0.01)

CASES: list[Schedule] = [
    schedules.constant(0.1),
    schedules.constant(-3),
    schedules.step(0.1, 7, 0.3),
    schedules.multi_step(0.1, [3, 4, 30], 0.7),
    schedules.piecewise([5, 20], [0.3, 0.1, 0.2]),
    schedules.piecewise([5, 20], [0.3, 0.1, 0.2], "linear"),
    schedules.piecewise([5, 20], [0.3, 0.1, 0.2], "cosine"),
    schedules.linear(0.1, 30, 0.7),
    schedules.polynomial(0.1, 30, 0.003, 2.5),
    schedules.polynomial(0.1, 10, 0.003, 0.5, cycle=True),
    schedules.rex(0.1, 30, 0.003),
    schedules.exponential(0.1, 0.9, 7),
    schedules.exponential(0.1, 0.9, 7, staircase=True, end=0.08),
    schedules.exponential(0.1, 1.5, 7, end=0.3),
    schedules.inverse_time(0.1, 0.7, 3),
    schedules.inverse_time(0.1, 0.7, 3, staircase=True),
    schedules.inverse_sqrt(0.1, 12),
    schedules.cosine(0.1, 30, 0.003, 1.7),
    schedules.cosine(0.1, 10, 0.003, 0.6, periodic=True),
    schedules.cosine_restarts(0.1, 9, 1, 0.003, 0.8),
    schedules.cosine_restarts(0.1, 3, 2, 0.003, 0.8),
    schedules.one_cycle(0.1, 40, 0.4, 10, 50, anneal="linear"),
    schedules.one_cycle(0.1, 40, 0.2, 10, 50, three_phase=True),
    schedules.one_cycle_momentum(40, 0.7, 0.9, 0.4, anneal="linear"),
    schedules.one_cycle_momentum(40, 0.7, 0.9, 0.2, three_phase=True),
    schedules.cyclic(0.01, 0.1, 6, 3),
    schedules.cyclic(0.01, 0.1, 6, None, "triangular2"),
    schedules.cyclic(0.9, 0.8, 6, 4, "exp_range", 0.97),
    schedules.warmup(BASE, 10, 0.02, "cosine"),
    schedules.warmup(BASE, 0),
    schedules.warmup_cosine(0.1, 40, 10, 0.003, 0.02, 1.7),
    schedules.warmup_linear(0.1, 40, 10, 0.003, 0.02),
    schedules.warmup_stable_decay(0.1, 40, 10, 20, 0.003, 0.02, "cosine"),
    schedules.warmup_stable_decay(0.1, 40, 0, 40, 0.003, 0.02, "1-sqrt"),
    schedules.join([schedules.step(0.1, 2), BASE, BASE * 2.0], [5, 9]),
    schedules.delayed(BASE, 15),
    schedules.scaled(BASE, 0.1),
    schedules.reduce_on_plateau(0.1, 0.5, 3, 0.01, "abs", "max", 2, 0.001, 1e-6),
]

LONGEST = 40  # steps; none of them changes after it, but those that never end


def label(schedule: Schedule) -> str:
    return repr(schedule).replace("schedule", "")
