"""Notable values of groups, and a table of them in HTML, for notebooks."""

from collections.abc import Iterable, Sequence
from typing import Any

from fastopt.runtime import html_table, shown


def notable(group: Any) -> dict[str, Any]:
    """Return the learning rate of a group, and what is not as by default."""
    found: dict[str, Any] = {"algorithm": group.algorithm} if group.other else {}
    found |= {name: value for name, value in group.given.items() if name == "lr"}
    for name, value in group.given.items():
        if name != "lr" and value != group.kind.hyperparameters[name].default:
            found[name] = value
    return found | ({"multiply": dict(group.multiply)} if group.multiply else {})


def groups_table(caption: str, groups: Sequence[Any], arrays: Iterable[tuple[int, Any]] = ()) -> str:
    """Return a table in HTML with a row for each group; `arrays` have the number of theirs.

    What is notable of one group stands there of all.
    """
    sizes: list[list[int]] = [[] for _ in groups]
    for i, array in arrays:
        sizes[i].append(array.size)
    counted = ["group", "arrays", "values"] if any(sizes) else []
    names = dict.fromkeys(name for group in groups for name in notable(group))
    columns = sorted(names, key=lambda name: name != "algorithm")  # which is first, if it is there
    rows = []
    for i, group in enumerate(groups):
        values = {"algorithm": group.algorithm, **group.given, **notable(group)}
        texts = {name: v if isinstance(v, str) else shown(v) for name, v in values.items()}
        counts = [str(i), f"{len(sizes[i]):,}", f"{sum(sizes[i]):,}"][: len(counted)]
        rows.append([*counts, *(texts.get(name, "") for name in columns)])
    return html_table(caption, [*counted, *columns], rows)
