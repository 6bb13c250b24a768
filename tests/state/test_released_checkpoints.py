"""Every checkpoint that a release has written is read everywhere, to the bit. Needs NumPy alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.released_checkpoints import DATA, DIGESTS, EXTRA, SUFFIXES, digest, model

import fastopt
from fastopt import checkpoint

RELEASES = sorted(folder.name for folder in DATA.iterdir())
FILES = sorted(file for suffix in SUFFIXES for file in DATA.glob(f"*/*{suffix}"))


def expected(file: Path) -> str:
    found = json.loads((file.parent / DIGESTS).read_text())[file.stem]
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_a_checkpoint_of_a_release_is_read(file: Path) -> None:
    params = {name: np.full_like(p, 7) for name, p in model(0).items()}
    opt = fastopt.load(file, params, progress=False)
    assert digest(opt, params) == expected(file)
    with checkpoint.Reader(file) as reader:
        assert reader.written_by == file.parent.name
    opt.step(model(9))
    assert digest(opt, params) != expected(file)
    assert opt.load(file, progress=False).extra == EXTRA
    assert digest(opt, params) == expected(file)


@pytest.mark.parametrize("release", RELEASES)
def test_a_release_has_both_formats_of_what_its_digests_name(release: str) -> None:
    names = set(json.loads((DATA / release / DIGESTS).read_text()))
    assert {file.name for file in FILES if file.parent.name == release} == {
        name + suffix for name in names for suffix in SUFFIXES
    }
