"""Configuration out and in, the registry, and what `fastopt.dialects` shows."""

import json
from typing import Any

import numpy as np
import pytest
from support.steps import take_step
from support.variants import Variant, label, variants

import fastopt
from fastopt import frameworks
from fastopt.optimizers import CLASSES
from fastopt.registry import ALGORITHMS, optimizer_class


@pytest.mark.parametrize("variant", variants(), ids=label)
def test_round_trip_through_json(variant: Variant) -> None:
    name, options = variant
    p, q = np.ones(5), np.ones(5)
    opt = fastopt.get(name, p, **options)
    config = json.loads(json.dumps(opt.get_config()))
    assert config == opt.get_config()
    for twin in (fastopt.from_config(config, q), type(opt).from_config(config, q)):
        assert type(twin) is type(opt)
        assert twin.get_config() == config
        assert [dict(g) | {"params": 0} for g in twin.groups] == [
            dict(g) | {"params": 0} for g in opt.groups
        ]
    take_step(opt, np.full(5, 0.3))
    take_step(twin, np.full(5, 0.3))
    assert p.tobytes() == q.tobytes()


def test_groups() -> None:
    groups = [
        {"params": {"w": np.ones(3)}, "lr": 0.1, "betas": (0.1, 1 / 3)},
        {"params": {"b": np.ones(2)}, "weight_decay": 0.3},
    ]
    config = fastopt.AdamW(groups).get_config()
    others: list[Any] = [{"w": np.ones(3)}, {"b": np.ones(2)}]
    for params in (others, [{"params": others[0]}, others[1]], tuple(others)):
        twin = fastopt.from_config(config, params)
        assert twin.get_config() == config
        assert twin.names == ["w", "b"]
    one = fastopt.AdamW([groups[0]]).get_config()
    assert fastopt.from_config(one, [{"params": others[0]}]).get_config() == one
    assert fastopt.from_config(one, others[0]).get_config() == one


def test_a_class_of_the_user() -> None:
    class Slow(fastopt.Adam):
        pass

    config = Slow(np.ones(2), lr=1e-5).get_config()
    assert Slow.from_config(config, np.ones(2)).lr == 1e-5
    with pytest.raises(ValueError, match="there is no optimizer 'Slow'"):
        fastopt.from_config(config, np.ones(2))


@pytest.mark.parametrize(
    ("config", "params", "error", "words"),
    [
        (None, np.ones(2), TypeError, r"a config is what get_config\(\) gives"),
        ({}, np.ones(2), TypeError, r"a config is what get_config\(\) gives"),
        ({"name": "Adam"}, np.ones(2), TypeError, r"a config is what get_config\(\) gives"),
        ({"name": "Adm", "groups": [{}]}, np.ones(2), ValueError, "did you mean 'adam'"),
        ({"name": "Adam", "groups": [{"beta": 1}]}, np.ones(2), TypeError, "did you mean 'betas'"),
        ({"name": "Adam", "groups": [{"lr": -1}]}, np.ones(2), ValueError, "lr is -1"),
        ({"name": "Adam", "groups": [{}, {}]}, np.ones(2), ValueError, "the config has 2 groups"),
        ({"name": "Adam", "groups": [{}, {}]}, [np.ones(2)], ValueError, "the config has 2 groups"),
    ],
)
def test_wrong_configs(config: Any, params: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        fastopt.from_config(config, params)


def test_the_config_of_another_class() -> None:
    config = fastopt.Adam(np.ones(2)).get_config()
    with pytest.raises(ValueError, match="this is the config of 'Adam', not of SGD"):
        fastopt.SGD.from_config(config, np.ones(2))


# The registry.


def test_names_of_the_teaching_documents() -> None:
    asked = {"sgd", "momentum", "rmsprop", "adagrad", "adam", "adamax", "adadelta"}
    assert asked <= set(fastopt.names())
    assert set(ALGORITHMS) <= set(fastopt.names())
    for name in fastopt.names():
        for spelt in (name, name.upper(), name.title()):
            assert type(fastopt.get(spelt, np.ones((2, 2)))) is optimizer_class(name)


def test_presets() -> None:
    assert fastopt.get("momentum", np.ones(2)).groups[0]["momentum"] == 0.9
    assert fastopt.get("momentum", np.ones(2), momentum=0.5).groups[0]["momentum"] == 0.5
    assert fastopt.get("nesterov", np.ones(2)).groups[0]["nesterov"] is True
    assert fastopt.get("amsgrad", np.ones(2)).groups[0]["amsgrad"] is True


def test_an_old_name_still_works_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="'Iterative' is now called 'sgd'") as caught:
        plain = fastopt.get("Iterative", np.ones(2), like="keras")
    assert caught[0].filename == __file__
    assert (type(plain), plain.groups[0]["lr"]) == (fastopt.SGD, 0.01)
    with pytest.warns(DeprecationWarning, match="is now called 'sgd'"):
        assert fastopt.functional.iterative.__doc__
    assert "iterative" not in fastopt.names()


@pytest.mark.parametrize(("name", "meant"), [("adm", "adam"), ("nesterof", "nesterov")])
def test_unknown_names(name: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"there is no optimizer {name!r}: .*{meant}"):
        fastopt.get(name, np.ones(2))


@pytest.mark.parametrize("name", [3, None, b"adam", fastopt.Adam])
def test_no_names(name: Any) -> None:
    with pytest.raises(TypeError, match=r"the optimizer is .*; it must be a name, such as 'adamw'"):
        fastopt.get(name, np.ones(2))


# What is shown of the dialects.


@pytest.mark.parametrize("name", fastopt.names())
def test_dialects_of_an_algorithm(name: str) -> None:
    found = fastopt.dialects(name)
    cls = optimizer_class(name)
    for like in frameworks.NAMES[1:]:
        assert (like in found) == (cls.__name__ in frameworks.table(like))
        if like in found:
            assert found[like] == frameworks.table(like)[cls.__name__]
    assert next(iter(found.values()))["lr"] == cls.hyperparameters["lr"].default
    text = str(found)
    assert max(map(len, text.splitlines())) < 80
    assert all(f"\n{like} " in text for like in found)


def test_dialects_in_all() -> None:
    found = fastopt.dialects()
    assert list(found) == list(frameworks.NAMES)
    assert found["torch"] == sorted(frameworks.table("torch"))
    assert set(found["torch"]) < set(CLASSES)
    assert max(map(len, str(found).splitlines())) < 80
    with pytest.raises(ValueError, match="did you mean 'rmsprop'"):
        fastopt.dialects("rmspop")


def test_tables_name_classes_and_their_options() -> None:
    for like in frameworks.NAMES[1:]:
        for name, options in frameworks.table(like).items():
            assert set(options) <= set(CLASSES[name].hyperparameters), (like, name)


def test_a_dialect_is_kept() -> None:
    opt: Any = fastopt.Adam(np.ones(2), like="keras")
    assert opt.like == "keras"
    assert fastopt.Adam(np.ones(2)).like is None
    assert fastopt.Adam(np.ones(2), like="torch").like == "torch"
    for name in ("like", "backend", "params"):
        words = f"opt.{name} cannot be replaced: it is decided when an optimizer is made"
        with pytest.raises(AttributeError, match=words):
            setattr(opt, name, getattr(opt, name))


@pytest.mark.parametrize("like", ["karas", "Keras"])
def test_unknown_dialects(like: str) -> None:
    with pytest.raises(ValueError, match=f"there is no dialect {like!r}: .*keras, mlx, optax"):
        fastopt.Adam(np.ones(2), like=like)


@pytest.mark.parametrize("like", [3, ["keras"], b"keras"])
def test_no_dialects(like: Any) -> None:
    with pytest.raises(TypeError, match=r"like is .*; it must be one of 'torch', 'keras', 'optax'"):
        fastopt.Adam(np.ones(2), like=like)


def test_groups_may_give_what_a_dialect_requires() -> None:
    groups = [{"params": np.ones(2), "lr": 0.1}, {"params": np.ones(3), "lr": 0.2}]
    fastopt.Adam(groups, like="optax")
    with pytest.raises(TypeError, match=r"optax has no default for lr of Adam: give lr=\.\.\."):
        fastopt.Adam([groups[0], {"params": np.ones(3)}], like="optax")
