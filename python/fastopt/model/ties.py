"""Limits of tied arrays: one group, no gradients that are bound or zeroed, no copies of views."""

from collections.abc import Sequence
from typing import Any

from fastopt.model.places import Places


def check_groups(places: Places, group_of: Sequence[int]) -> None:
    """Raise ValueError where tied places stand in different groups."""
    for k, first in places.later:
        if group_of[k] != group_of[first]:
            raise ValueError(
                f"{places.tie(k)}, and stands in group {group_of[k]}, not in group {group_of[first]}: "
                "tied arrays are one parameter, with one learning rate; put both into one group"
            )


def check_patterns(places: Places, matching: Sequence[Sequence[int]], patterns: Sequence[Any]) -> None:
    """Raise ValueError where one matches a later place, and not the first.

    `matching` are for each place the numbers of the patterns that match it.
    """
    for k, first in places.later:
        for i in matching[k]:
            if i not in matching[first]:
                both = places.names[first], places.names[k]
                raise ValueError(
                    f"groups has {patterns[i]!r}, which matches {both[1]!r} and not {both[0]!r}, and "
                    f"{places.tie(k)}: tied arrays are one parameter in one group; give a pattern that "
                    f"matches both, such as {both}"
                )


def check_gradients(places: Places, bound: bool, zeroes: bool) -> None:
    """Raise ValueError for gradients that are bound or zeroed: a step reads the sum of several."""
    if not places.later or not (bound or zeroes):
        return
    tie = places.tie(places.later[0][0])
    if bound:
        raise ValueError(
            f"grads= has each step read the arrays that are bound, and {tie}: the sum of their "
            "gradients is read; leave grads= out, and give them to each step, opt.step(grads)"
        )
    raise ValueError(
        f"zero_grads=True zeroes what a step has read, and {tie}: that is the sum of their gradients; "
        "leave it out, and fill yours with zeros, g[...] = 0"
    )


def check_copied(places: Places) -> None:
    """Raise ValueError for a later place with a view, of which a copy is no view."""
    for k, first in places.later:
        if places.arrays[k] is not places.arrays[first]:
            raise ValueError(
                f"{places.tie(k)} as a view of it, and what NumPy copies or pickles of a view is an "
                "array of its own: opt.save('opt.npz', params=True), and fastopt.load('opt.npz', "
                "others) with others that are tied; or give the same array in both places"
            )
