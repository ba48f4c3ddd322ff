"""The text of a card: YAML with a remark wherever something was guessed or only the user can know it."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from pidcam.cards.card import DEFAULT_SPLIT
from pidcam.cards.classes import Classes, find_classes, guess_classes
from pidcam.cards.look import Look
from pidcam.cards.roles import Part, Roles, assign
from pidcam.detectors.base import detectors
from pidcam.errors import DataError

PATTERN = 3
"""More files than these are named by a pattern, if one fits."""


@dataclass(frozen=True)
class Drafted:
    """The text of a card, and what was guessed on the way or must be asked."""

    text: str
    name: str
    said: tuple[str, ...]


def draft(seen: Look, folder: Path) -> Drafted:
    """A card for the files, to be kept in `folder`. Raises `DataError` if nothing looks like an image or a feature."""
    classes = find_classes(seen)
    roles = assign(seen, classes.key if classes else None)
    if not roles.images and not roles.features:
        held = ", ".join(f"{key}: {why}" for key, why in (*roles.left.items(), *seen.unreadable)) or "nothing"
        fix = "write the card by hand: see docs/cards.md"
        raise DataError(f"nothing looks like an image or a feature ({held})", where=seen.paths[0], fix=fix)
    free = {*roles.features.values(), *(key for key, why in roles.left.items() if why.startswith("always"))}
    if classes is None and (classes := guess_classes(seen, free)):
        roles.features = {name: key for name, key in roles.features.items() if key != classes.key}
        roles.left.pop(classes.key or "", None)
    name = _name(seen.paths)
    lines = [
        f"# Drafted by pidcam from {len(seen.paths)} raw file{'s' * (len(seen.paths) > 1)}.",
        "# What is marked with '?' was guessed or must come from you. A channel or column may say range: [low, high],",
        "# and a channel non_negative: true; any other value in a file is then an error.",
        f"name: {name}",
        f"files: {_flow(_patterns(seen.paths, folder))}",
        f"format: {seen.layout.format}",
        *_cut(seen, roles),
        *_images(roles.images),
        *_columns("features", roles.features),
        *_columns("targets", roles.targets),
        *_left({**roles.left, **dict(seen.unreadable)}),
        *_label(classes),
        *_identity(seen, roles),
        f"split: {DEFAULT_SPLIT}",
    ]
    asked = [classes.said] if classes else ["no class was found: say under 'label' how it is told"]
    return Drafted("\n".join(lines) + "\n", name, tuple(filter(None, [*roles.said, *asked])))


def _cut(seen: Look, roles: Roles) -> list[str]:
    text = seen.layout.text.model_dump(exclude_defaults=True)
    lines = [f"text: {_flow(text)}"] if text else []
    if roles.rows is not None:
        lines.append(f"rows: {_flow(roles.rows.model_dump(exclude_none=True))}  # ? every row is a hit")
    return lines


def _images(images: Mapping[str, Part]) -> list[str]:
    lines = ["images:"] if images else []
    for name, part in images.items():
        lines += [f"  {_flow(name)}:"]
        lines += [f"    # {remark}" for remark in part.remarks]
        lines += [f"    {key}: {_flow(value)}" for key, value in part.fields.items()]
        lines += ["    channels:  # ? names and units"]
        lines += [f"      {_flow(channel)}: {_flow({'unit': ''})}" for channel in part.channels]
    return lines


def _columns(kind: str, columns: Mapping[str, str]) -> list[str]:
    if not columns:
        return []
    what = "what a model is given" if kind == "features" else "truth, which no model sees"
    return [f"{kind}:  # ? {what}", *(f"  {_flow(n)}: {_flow({'key': k, 'unit': ''})}" for n, k in columns.items())]


def _left(left: Mapping[str, str]) -> list[str]:
    return [f"# left out: {key} ({why})" for key, why in left.items()]


def _label(classes: Classes | None) -> list[str]:
    if classes is None:
        return [
            "# ? how is the class of an event found? By a column, or by the names of files or folders:",
            "# label: {key: y, values: {0: photon, 1: electron}}",
            '# label: {files: {"*photon*": photon, "electrons/*": electron}}',
        ]
    lines = [f"label:  # ? {classes.said}"]
    for key, value in classes.label.items():
        if isinstance(value, dict):
            lines += [f"  {key}:", *(f"    {_flow(k)}: {_flow(v)}" for k, v in value.items())]
        else:
            lines += [f"  {key}: {_flow(value)}"]
    if classes.classes:
        lines += ["classes:", *(f"  {_flow(name)}: {_flow(pdg)}" for name, pdg in classes.classes.items())]
    return lines


def _identity(seen: Look, roles: Roles) -> list[str]:
    used = {str(k) for part in roles.images.values() for k in _keys(part)} | set(roles.features.values())
    whole = all(f.seen.whole for f in seen.found if f.key in used)
    why = "whole numbers may be equal by chance" if whole else "equal content means the same event"
    return [f"content_identifies: {_flow(not whole)}  # ? {why}"]


def _keys(part: Part) -> list[object]:
    keys = [part.fields.get("key")]
    for name in ("values", "coordinates"):
        given = part.fields.get(name, [])
        keys += given if isinstance(given, list) else []
    return keys


def _patterns(paths: Sequence[Path], folder: Path) -> list[str]:
    """Names of the files as seen from the card."""
    names = [os.path.relpath(path, folder) for path in paths]
    if len(names) > PATTERN:
        parents = {os.path.dirname(n) for n in names}
        suffixes = {Path(n).suffix for n in names}
        patterns = [os.path.join(parent, f"*{suffix}") for parent in sorted(parents) for suffix in sorted(suffixes)]
        matched = {m for p in patterns for m in glob.glob(str(folder / p))}
        if {os.path.realpath(m) for m in matched} == {os.path.realpath(p) for p in paths} and len(patterns) < len(
            names
        ):
            return patterns
    return names


def _name(paths: Sequence[Path]) -> str:
    """From what the files' names have in common, or their folder."""
    stems = [p.name if p.is_dir() else p.stem for p in paths]
    common = stems[0] if len(paths) == 1 else os.path.commonprefix(stems)  # noqa: RUF071, of characters it is
    clean = re.sub(r"[^A-Za-z0-9_.+-]+", "-", common).strip("-_.+")
    if len(clean) < 3:
        clean = re.sub(r"[^A-Za-z0-9_.+-]+", "-", paths[0].resolve().parent.name).strip("-_.+") or "data"
    return f"my-{clean}" if clean in detectors else clean


def _flow(value: object) -> str:
    """A value on one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
