"""Averages and slow weights that begin anew, from weights that were written by hand."""

from fastopt.followers.followers import Arrays, Followers
from fastopt.model import commit


def check_restartable(followers: Followers) -> None:
    """Raise ValueError where there is nothing to restart."""
    if not any(followers):
        raise ValueError(
            "there are no averages, slow weights or copies to restart: make the optimizer with "
            "ema=0.999, swa_start=1000, lookahead_steps=5 or cast_to=..."
        )


def restart(followers: Followers, parameters: Arrays, steps: int) -> None:
    """Begin all of them anew from the parameters as they are, after so many steps."""
    commit([change for each in followers.by_key().values() for change in each.restarts(steps)])
    followers.refresh(parameters)
    followers.write_copies(parameters)
