"""Typed configuration: YAML on disk, `key.sub=value` on the command line, one pydantic model per section.

Nothing here executes what it reads. An unknown key is an error that names the nearest known one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml
from pydantic import BaseModel, ValidationError, create_model

from pidcam.errors import ConfigError, InputError, UnknownNameError
from pidcam.files import reading
from pidcam.schema import Spec

Model = TypeVar("Model", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """YAML without whole numbers to base 60, which YAML 1.2 dropped: `2:50` is text, and not 170."""


def _whole_number(loader: _Loader, node: yaml.ScalarNode) -> int | str:
    text = str(loader.construct_scalar(node))
    return text if ":" in text else int(loader.construct_yaml_int(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)


def load_yaml(path: Path | str) -> dict[str, Any]:
    """Read a YAML mapping; errors name file and line."""
    try:
        with reading(path):
            content = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)  # a SafeLoader
    except FileNotFoundError as error:
        raise InputError("no such file", where=path) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = " ".join(str(error).split())
        raise ConfigError(f"is not valid YAML ({line})", where=path) from error
    if not isinstance(content, dict):
        raise ConfigError("must hold keys and values", where=path)
    return content


def dump_yaml(content: BaseModel | dict[str, Any]) -> str:
    """YAML text that `load_yaml` reads back to the same values."""
    if isinstance(content, BaseModel):
        content = content.model_dump(mode="json")
    return yaml.safe_dump(content, sort_keys=False, width=120)


def merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """`base` with `top` laid over it, mapping by mapping; lists are replaced whole."""
    merged = dict(base)
    for key, value in top.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def overrides(assignments: Iterable[str]) -> dict[str, Any]:
    """`["training.epochs=3", "model.widths=[8,16]"]` as a nested mapping; values are YAML."""
    result: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            raise ConfigError(f"'{assignment}' is not key=value", fix="write for example training.epochs=10")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"'{text}' is not a YAML value", where=key) from error
        for part in reversed(key.split(".")):
            value = {part: value}
        result = merge(result, value)
    return result


def parse(model: type[Model], content: dict[str, Any], *, where: str | Path | None = None) -> Model:
    """`content` as `model`; the first fault is one line with the key, and the nearest known key if it is unknown."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _first_fault(error, model, where) from None


def _first_fault(error: ValidationError, model: type[BaseModel], where: str | Path | None) -> InputError:
    faults = error.errors(include_url=False)
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    path = [str(p) for p in fault["loc"]]
    if fault["type"] == "extra_forbidden":
        known = [".".join([*path[:-1], k]) for k in _fields_at(model, fault["loc"][:-1])]
        elsewhere = [name for name in _nested(model) if name.rpartition(".")[2] == path[-1]]
        return UnknownNameError("key", ".".join(path), elsewhere or known, where=where)
    message = fault["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = fault.get("input")
    if fault["type"] != "missing" and isinstance(given, str | int | float | bool | None):
        message += f", not {given!r}"
    return ConfigError(message, where=" ".join(filter(None, [str(where or ""), ".".join(path)])) or None)


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for step in location:
        model = _inner(model, str(step)) or model
    return list(model.model_fields)


def _nested(model: type[BaseModel], prefix: str = "", above: tuple[type[BaseModel], ...] = ()) -> Iterator[str]:
    """All keys below the first level, `training.epochs`; of a model that holds itself, once."""
    for name in model.model_fields:
        inner = _inner(model, name)
        if prefix:
            yield f"{prefix}{name}"
        if inner and inner not in above:
            yield from _nested(inner, f"{prefix}{name}.", (*above, model))


def _inner(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The model that the value of `key` is, or may be."""
    field = model.model_fields.get(key)
    inner = field.annotation if field else None
    candidates = [a for a in (inner, *getattr(inner, "__args__", ())) if isinstance(a, type)]
    return next((a for a in candidates if issubclass(a, BaseModel)), None)


def options_of(function: Callable[..., Any]) -> type[Spec]:
    """The keyword-only parameters of `function` as a typed options model: its signature is its configuration."""
    hints = get_type_hints(function)
    fields: dict[str, Any] = {
        p.name: (hints.get(p.name, Any), ... if p.default is p.empty else p.default)
        for p in inspect.signature(function).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    }
    return create_model(f"{function.__name__}_options", __base__=Spec, **fields)
