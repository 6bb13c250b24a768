"""The one exception for whatever is wrong with a checkpoint."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastopt.checkpoint.places import Place, called


class CheckpointError(ValueError):
    """A checkpoint that cannot be written, or cannot be trusted; ``__cause__`` says what was met."""


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """There is no file at the path: what a run that resumes may catch, and begin afresh."""


@contextmanager
def writing(path: str, replaces: bool) -> Iterator[None]:
    """Turn what the system reports while a checkpoint is written into a CheckpointError."""
    left = "what the path held before is unchanged" if replaces else "the file may have a part of it"
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"checkpoint {path!r} was not written: {error}; {left}") from error


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn whatever goes wrong while a checkpoint is read into a CheckpointError."""
    try:
        yield
    except CheckpointError:
        raise
    except FileNotFoundError as error:
        raise CheckpointNotFoundError(f"there is no checkpoint at {path!r}") from error
    except Exception as error:  # of a damaged file, zipfile, json and NumPy raise a dozen kinds
        said = str(error) if isinstance(error, (ValueError, OSError)) else repr(error)
        raise CheckpointError(f"checkpoint {path!r} cannot be read: {said}") from error


@contextmanager
def fitting(path: Place) -> Iterator[None]:
    """Turn what is said of a checkpoint's content into a CheckpointError."""
    try:
        yield
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        said = (
            str(error) if isinstance(error, ValueError | TypeError) else f"it is no state ({error!r})"
        )
        raise CheckpointError(f"checkpoint {called(path)!r} does not fit: {said}") from error
