"""Directives that print what pidcam says about itself, so that no page repeats by hand what the code knows.

{options} VERB | {schema} DETECTOR | {raw-layout} DETECTOR | {official} DETECTOR | {recipes} DETECTOR |
{registry} KIND | {model-page} MODEL | {keys} MODULE:CLASS PREFIX | {explained} MODULE:CLASS
"""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from docutils import nodes
from pydantic import BaseModel
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from pidcam.cli.main import app
from pidcam.config import dump_yaml
from pidcam.detectors.base import Detector, detectors
from pidcam.errors import PidcamError
from pidcam.formats.layout import Layout
from pidcam.models.base import models
from pidcam.verbs.list import list_things

NOTHING = ""
SHARED = {"json", "debug", "quiet"}
"""Options of every verb, described once in errors.md."""
MANY = 12
"""Columns of a schema that are listed in a sentence instead of a table."""


def cell(value: Any) -> str:
    """A value as the text of one table cell."""
    if value is None or value == "" or value == () or value == []:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{k} {cell(v)}".strip() for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value))
    return str(value).replace("|", "\\|").replace("\n", " ")


def table(columns: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table; columns that are empty in every row are left out."""
    keep = [i for i in range(len(columns)) if any(cell(row[i]) != NOTHING for row in rows)]
    lines = [[columns[i] for i in keep], ["---"] * len(keep), *([cell(row[i]) for i in keep] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


class Live(SphinxDirective):
    """Parses the Markdown that `markdown` returns in place of the directive."""

    required_arguments = 1
    final_argument_whitespace = True

    def markdown(self, name: str) -> str:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        try:
            text = self.markdown(self.arguments[0])
        except (KeyError, AttributeError, PidcamError) as error:
            raise self.error(f"{self.name} {self.arguments[0]}: {error}") from error
        return self.parse_text_to_nodes(text)


class Options(Live):
    """Arguments and options of a verb."""

    def markdown(self, name: str) -> str:
        command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
        arguments = [p for p in command.params if p.param_type_name == "argument" and not p.hidden]
        usage = " ".join(["pidcam", name, *map(metavar, arguments), "[OPTIONS]"])
        rows = [[f"`{metavar(p)}`", text(p)] for p in arguments]
        rows += [
            [", ".join(f"`{o}{value(p)}`" for o in p.opts), text(p)]
            for p in command.params
            if p.param_type_name == "option" and p.name not in SHARED and not p.hidden
        ]
        shared = "and the [options of every verb](/errors.md#options-of-every-verb): `--json`, `--quiet`, `--debug`."
        return f"```text\n{usage}\n```\n\n{table(['', 'meaning'], rows)}\n\n… {shared}"


def metavar(parameter: Any) -> str:
    """`FILES...`, `[KIND]`: as the usage line shows it."""
    if parameter.metavar:
        return str(parameter.metavar)
    name = parameter.name.upper() + ("..." if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def value(parameter: Any) -> str:
    """What stands for the value of an option; flags have none."""
    return "" if parameter.is_flag else f" {parameter.name.upper()}"


def text(parameter: Any) -> str:
    """The help of a parameter with its default."""
    words = parameter.help or ""
    if parameter.default not in (None, False) and not callable(parameter.default) and "default" not in words:
        words += f" Default: `{parameter.default}`."
    return re.sub(r"\[default: (.*)\]", r"Default: `\1`.", words)


class Schema(Live):
    """What one event of a detector is."""

    def markdown(self, name: str) -> str:
        schema = detectors[name]().schema
        rows = [
            [
                f"`{image.name}`",
                "x".join(map(str, image.shape)),
                image.axes,
                [f"`{c.name}`" + (f" ({c.unit})" if c.unit else "") for c in image.channels],
                [f"{a} {p:g} {image.unit}" for a, p in zip(image.axes, image.pitch, strict=False)],
                image.storage,
            ]
            for image in schema.images
        ]
        parts = [table(["image", "cells", "axes", "channels (unit)", "pitch", "stored as"], rows)] if rows else []
        for kind, columns in (("feature", schema.features), ("target", schema.targets)):
            if len(columns) > MANY:
                names = ", ".join(f"`{c.name}`" + (f" ({c.unit})" if c.unit else "") for c in columns)
                parts.append(f"{len(columns)} {kind}s: {names}.")
            elif columns:
                rows = [[f"`{c.name}`", c.unit, "to".join(f" {x:g} " for x in c.range or ())] for c in columns]
                rows = [[*row, "may be missing" if c.optional else ""] for row, c in zip(rows, columns, strict=True)]
                parts.append(table([kind, "unit", "range", ""], rows))
        classes = [[i, f"`{c.name}`", [str(p) for p in c.pdg]] for i, c in enumerate(schema.classes)]
        parts.append(table(["label", "class", "PDG ids"], classes))
        return "\n\n".join(parts)


class RawLayout(Live):
    """Where the parts of an event are in a raw file."""

    def markdown(self, name: str) -> str:
        layout = detectors[name]().layout
        parts = [layout_table(layout)]
        for pattern, other in layout.variants.items():
            parts.append(f"Files named `{pattern}`:\n\n{layout_table(other)}")
        return "\n\n".join(parts)


def layout_table(layout: Layout) -> str:
    """One row per part of a layout that says anything."""
    rows: list[list[Any]] = []
    for field, about in type(layout).model_fields.items():
        given = getattr(layout, field)
        if field == "variants" or given == about.get_default(call_default_factory=True):
            continue
        if isinstance(given, dict):
            own = [part for part, source in given.items() if part == source]
            named = {part: source for part, source in given.items() if part not in own or len(own) <= MANY}
            rows += [[field.rstrip("s"), f"`{part}`", *place(source)] for part, source in named.items()]
            if len(own) > MANY:
                rows.append([field, f"{len(own)}, each", "under its own name", ""])
        else:
            rows.append([field, "", *place(given)])
    return table(["part", "name", "in the file", ""], rows)


def place(source: Any) -> tuple[str, str]:
    """(key, how it is to be read) of one part of a layout."""
    if not isinstance(source, BaseModel):
        return keys(source, " or "), ""
    words = []
    for name, given in source.model_dump(exclude_defaults=True, exclude={"key"}).items():
        if isinstance(given, dict):
            words.append(", ".join(f"`{k}` = {v}" for k, v in given.items()))
        elif name == "order":
            words.append(given)
        else:
            words.append(name if given is True else f"{name}: {keys(given)}")
    return keys(getattr(source, "key", None), " or "), "; ".join(words)


def keys(given: Any, between: str = ", ") -> str:
    """A key of a file, or several."""
    if given is None:
        return ""
    return between.join(f"`{key}`" for key in (given if isinstance(given, list | tuple) else (given,)))


class Official(Live):
    """Official files and split of a detector."""

    def markdown(self, name: str) -> str:
        detector: Detector = detectors[name]()
        parts = []
        if detector.files:
            rows = [
                [f"`{f.name}`", list(f.urls), " or ".join(f"{size:,}" for size in f.sha256)] for f in detector.files
            ]
            parts.append(table(["file", "generations", "bytes"], rows))
        else:
            parts.append("No public address of its files is known to pidcam.")
        if detector.official_split:
            split = [[part, f"{a:,} to {b - 1:,}"] for part, (a, b) in detector.official_split.items()]
            parts.append(table(["official split", "rows of each class"], split))
        parts.append(f"Split unless you say otherwise: `{detector.split}` (train/valid/test).")
        return "\n\n".join(parts)


class Recipes(Live):
    """What a detector lays over the recipes of models."""

    def markdown(self, name: str) -> str:
        recipes = detectors[name]().recipes
        return f"```yaml\n{dump_yaml(recipes)}```" if recipes else "None: the models' own are used."


class RegistryTable(Live):
    """`pidcam list KIND` as a table."""

    def markdown(self, name: str) -> str:
        rows = [
            {k: v for k, v in row.items() if name != "models" or k in ("name", "title")}
            for row in (known_models() if name == "models" else list_things(name))
        ]
        return table(list(rows[0]), [[f"`{row['name']}`", *list(row.values())[1:]] for row in rows])


@cache
def known_models() -> list[dict[str, Any]]:
    """Counted once for all pages."""
    return list_things("models")


class ModelPage(Live):
    """Options and recipe of a model."""

    def markdown(self, name: str) -> str:
        entry = models[name]
        counts = next(row["parameters"] for row in known_models() if row["name"] == name)
        known = {detector: n for detector, n in counts.items() if n is not None}
        fits = f"Parameters: {cell(known)}." if known else f"Fits {cell(list(counts))}; its size is what grows."
        parts = [inspect.getdoc(entry.build) or "", fits]
        if entry.options.model_fields:
            parts.append(fields_table(entry.options, "model."))
        if entry.recipe:
            parts.append(f"Its recipe:\n\n```yaml\n{dump_yaml(entry.recipe)}```")
        return "\n\n".join(parts)


class Keys(Live):
    """The keys of a configuration section, `{keys} pidcam.training.options:TrainingOptions training.`"""

    def markdown(self, name: str) -> str:
        place, _, prefix = name.partition(" ")
        module, _, attribute = place.partition(":")
        return fields_table(getattr(importlib.import_module(module), attribute), prefix)


class Explained(Live):
    """The keys of a section after what its docstring says."""

    def markdown(self, name: str) -> str:
        module, _, attribute = name.partition(":")
        model = getattr(importlib.import_module(module), attribute)
        return f"{inspect.getdoc(model)}\n\n{fields_table(model, follow=False)}"


def fields_table(model: type[BaseModel], prefix: str = "", *, follow: bool = True) -> str:
    return table(["key", "type", "default"], fields_rows(model, prefix, follow))


def fields_rows(model: type[BaseModel], prefix: str, follow: bool) -> list[list[str]]:
    """One row per key; with `follow`, sections are followed into their own keys."""
    rows = []
    for name, field in model.model_fields.items():
        union = get_origin(field.annotation) in (Union, UnionType)
        inner = get_args(field.annotation) if union else (field.annotation,)
        section = next((t for t in inner if isinstance(t, type) and issubclass(t, BaseModel)), None)
        default = "required" if field.is_required() else field.get_default(call_default_factory=True)
        if section is not None and follow:
            rows.append(
                [f"`{prefix}{name}`", "section", shown(default) if default in (None, "required") else "as below"]
            )
            rows += fields_rows(section, f"{prefix}{name}.", follow)
        else:
            default = f"{type(default).__name__}()" if isinstance(default, BaseModel) else shown(default)
            rows.append([f"`{prefix}{name}`", kind_of(field.annotation), f"`{default}`"])
    return rows


def kind_of(annotation: Any) -> str:
    """A type as people say it: `Literal['adam', 'sgd'] | None` is "adam or sgd or none"."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind_of(inside[0])
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in inside)
    if origin in (Union, UnionType):
        return " or ".join(map(kind_of, inside))
    if origin is tuple and inside[-1] is Ellipsis:
        return f"list of {kind_of(inside[0])}"
    if origin in (list, tuple):
        return f"list of {', '.join(dict.fromkeys(map(kind_of, inside)))}"
    if origin is dict:
        return f"mapping of {kind_of(inside[0])} to {kind_of(inside[1])}"
    return "none" if annotation in (None, NoneType) else str(getattr(annotation, "__name__", annotation))


def shown(default: Any) -> str:
    if default is None:
        return "none"
    if isinstance(default, tuple):
        return "[" + ", ".join(map(str, default)) + "]"
    return str(default)


def escape(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text with code in backticks: what reStructuredText would take for markup is escaped."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = re.split(r"(`[^`]*`)", line)
            lines[i] = "".join(p if p.startswith("`") else re.sub(r"([*|]|_\b)", r"\\\1", p) for p in parts)


def setup(app: Sphinx) -> dict[str, Any]:
    directives = {
        "options": Options,
        "schema": Schema,
        "raw-layout": RawLayout,
        "official": Official,
        "registry": RegistryTable,
        "model-page": ModelPage,
        "recipes": Recipes,
        "keys": Keys,
        "explained": Explained,
    }
    for name, directive in directives.items():
        app.add_directive(name, directive)
    app.add_lexer("house", TextLexer)  # the picture in architecture.md, which a test reads
    app.connect("autodoc-process-docstring", escape)
    return {"version": "1", "parallel_read_safe": True}
