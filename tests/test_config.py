"""Configuration: YAML, overrides, and one clear line for everything that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from pidcam.config import dump_yaml, load_yaml, merge, options_of, overrides, parse
from pidcam.errors import ConfigError, InputError, UnknownNameError
from pidcam.schema import Spec


class Optimiser(Spec):
    lr: float = Field(default=0.1, gt=0)
    betas: tuple[float, float] = (0.9, 0.99)


class Layer(Spec):
    width: int


class Training(Spec):
    epochs: int = 5
    optimiser: Optimiser = Optimiser()
    schedule: Optimiser | None = None
    layers: tuple[Layer, ...] = ()
    name: str = "run"

    @model_validator(mode="after")
    def _check(self) -> Training:
        if self.epochs == 13:
            raise ValueError("13 epochs bring bad luck")
        return self


trees = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6), trees, max_size=4))
def test_yaml_reads_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "config.yaml"
    path.write_text(dump_yaml(content), encoding="utf-8")
    assert load_yaml(path) == content


def test_a_model_survives_yaml(tmp_path: Path) -> None:
    model = Training(epochs=3, layers=(Layer(width=4),))
    (tmp_path / "c.yaml").write_text(dump_yaml(model), encoding="utf-8")
    assert parse(Training, load_yaml(tmp_path / "c.yaml")) == model


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a: [1, 2", "is not valid YAML (while parsing a flow sequence"),
        (b"a: \xff\xfe", "is not valid YAML ("),
        (b"- 1\n- 2\n", "must hold keys and values"),
        (b"", "must hold keys and values"),
        (b"a: !!python/object/apply:os.getcwd []", "is not valid YAML (could not determine a constructor"),
    ],
)
def test_what_is_no_configuration_is_refused_with_its_file(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(text)
    with pytest.raises(ConfigError) as error:
        load_yaml(path)
    assert str(error.value).startswith(f"{path}: {message}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml: no such file$"):
        load_yaml(tmp_path / "none.yaml")


# overrides


def test_assignments_become_a_tree() -> None:
    given = ["training.epochs=3", "model.widths=[8, 16]", "training.optimiser.lr=1e-3", "name=a=b", "x=", "y=yes"]
    assert overrides(given) == {
        "training": {"epochs": 3, "optimiser": {"lr": "1e-3"}},
        "model": {"widths": [8, 16]},
        "name": "a=b",
        "x": None,
        "y": True,
    }


def test_a_number_without_a_point_in_its_mantissa_is_a_number() -> None:
    # YAML 1.1 reads 1e-3 as text; as a float field it is the number that was meant
    assert parse(Training, overrides(["optimiser.lr=1e-3"])).optimiser.lr == 0.001


def test_the_last_assignment_counts() -> None:
    assert overrides(["a.b=1", "a.b=2", "a.c=3"]) == {"a": {"b": 2, "c": 3}}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("epochs", "'epochs' is not key=value; write for example training.epochs=10"),
        ("=3", "'=3' is not key=value; write for example training.epochs=10"),
        ("a.b=[1", "a.b: '[1' is not a YAML value"),
    ],
)
def test_a_bad_assignment_is_named(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        overrides([assignment])
    assert str(error.value) == message


def test_merging_goes_into_mappings_and_replaces_lists() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": {"z": 1}}
    top = {"a": {"y": [3]}, "b": {"now": "deep"}, "c": 5}
    assert merge(base, top) == {"a": {"x": 1, "y": [3]}, "b": {"now": "deep"}, "c": 5}
    assert base["a"] == {"x": 1, "y": [1, 2]}, "what is laid under stays as it was"


# faults


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"epoch": 3}, "recipe: unknown key 'epoch'; did you mean 'epochs'?"),
        ({"lr": 3}, "recipe: unknown key 'lr'; did you mean 'optimiser.lr'?"),
        ({"optimiser": {"rl": 3}}, "recipe: unknown key 'optimiser.rl'; did you mean 'optimiser.lr'?"),
        ({"schedule": {"beta": 3}}, "recipe: unknown key 'schedule.beta'; did you mean 'schedule.betas'?"),
        (
            {"layers": [{"width": 1}, {"widht": 2}]},
            "recipe: unknown key 'layers.1.widht'; did you mean 'layers.1.width'?",
        ),
        ({"zzz": 1}, "recipe: unknown key 'zzz'; known: epochs, layers, name, optimiser, schedule"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest(content: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownNameError) as error:
        parse(Training, content, where="recipe")
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"epochs": "many"}, "recipe epochs: input should be a valid integer, unable to parse string as an integer, "),
        ({"optimiser": {"lr": 0}}, "recipe optimiser.lr: input should be greater than 0, not 0"),
        ({"layers": [{}]}, "recipe layers.0.width: field required"),
        ({"epochs": 13}, "recipe: 13 epochs bring bad luck"),
        ({"optimiser": 3}, "recipe optimiser: input should be a valid dictionary or instance of Optimiser, not 3"),
    ],
)
def test_a_bad_value_is_named_with_its_key(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(Training, content, where="recipe")
    assert str(error.value).startswith(message)


def test_an_unknown_key_is_told_before_a_bad_value() -> None:
    with pytest.raises(UnknownNameError, match="unknown key 'epoch'"):
        parse(Training, {"epoch": 3, "optimiser": {"lr": 0}})


# options


def test_a_signature_is_its_options() -> None:
    def build(inputs: int, *, width: int = 8, depth: int, kind: str | None = None) -> None: ...

    options = options_of(build)
    assert parse(options, {"depth": 2}).model_dump() == {"width": 8, "depth": 2, "kind": None}
    with pytest.raises(UnknownNameError, match=r"unknown key 'widht'; did you mean 'width'\?"):
        parse(options, {"depth": 2, "widht": 3})
    with pytest.raises(ConfigError, match="depth: field required"):
        parse(options, {})
    with pytest.raises(ConfigError, match="width: input should be a valid integer"):
        parse(options, {"depth": 2, "width": "wide"})
