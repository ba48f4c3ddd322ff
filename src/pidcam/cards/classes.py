"""How the class of an event may be found: in a column, in the names of files, or in their folders."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from pidcam.cards.look import DISTINCT, Found, Look
from pidcam.cards.names import OWN_ANTIPARTICLE, PARTICLES, PDG, is_label, particle, tail

FEW = 20
"""A column with more different whole numbers than these is hardly a label, unless it is named so."""


@dataclass
class Classes:
    """The `label` and `classes` of a card, and what is to be said about them."""

    label: dict[str, object]
    classes: dict[str, list[int]] = field(default_factory=dict)
    said: str = ""
    key: str | None = None


def find_classes(seen: Look) -> Classes | None:
    """A column named like a label, else the only one of words, else folders, else file names."""
    scalars = _scalars(seen)
    several = [f for f in scalars if len(f.seen.distinct or ()) > 1]
    beside_x = any(tail(f.key).lower() == "x" and not math.prod(f.column.shape) > 1 for f in seen.found)
    named = [f for f in several if is_label(f.key) and not (beside_x and tail(f.key).lower() == "y")]
    if named:
        best = sorted(named, key=lambda f: (not PDG.fullmatch(f.key), len(f.seen.distinct or ())))[0]
        return _by_column(best, f"'{best.key}' looks like the label")
    rows = [f for f in seen.found if _one_hot(f)]
    if len(rows) == 1:
        names = [f"class {i}" for i in range(rows[0].column.shape[0])]
        return Classes({"key": rows[0].key, "one_hot": names}, said=f"'{rows[0].key}' is one-hot", key=rows[0].key)
    by_path = by_folder(seen.paths) or by_file(seen.paths)
    words = [f for f in several if f.text]
    if by_path or len(words) != 1:
        return by_path
    return _by_column(words[0], f"'{words[0].key}' has few different words: it may be the label")


def _one_hot(f: Found) -> bool:
    """Rows of zeros with a one."""
    shape = f.column.shape
    if f.text or len(shape) != 1 or not 1 < shape[0] <= DISTINCT or f.seen.distinct != {0.0, 1.0}:
        return False
    return f.seen.count - f.seen.zeros == f.seen.count // shape[0]


def guess_classes(seen: Look, keys: Collection[str]) -> Classes | None:
    """The only column of `keys` that has few values, or is named like a label but has one value alone."""
    scalars = [f for f in _scalars(seen) if f.key in keys]
    few = [f for f in scalars if 1 < len(f.seen.distinct or ()) <= FEW < seen.rows / 5]
    if len(few) == 1:
        return _by_column(few[0], f"'{few[0].key}' has few different values: it may be the label")
    alone = [f for f in scalars if is_label(f.key)]
    return _by_column(alone[0], f"'{alone[0].key}' looks like the label, with one value alone") if alone else None


def _scalars(seen: Look) -> list[Found]:
    return [f for f in seen.found if f.scalar and f.seen.distinct and (f.text or f.seen.whole)]


def _by_column(found: Found, said: str) -> Classes:
    values = sorted(found.seen.distinct or (), key=lambda v: (str(type(v)), v))
    if found.text:
        return Classes({"key": found.key, "values": {str(v): str(v) for v in values}}, said=said, key=found.key)
    numbers = [int(v) for v in values]
    known = sum(abs(n) in PARTICLES for n in numbers)
    if PDG.fullmatch(found.key) or (known == len(numbers) and max(map(abs, numbers)) > 20):
        classes: dict[str, list[int]] = {}
        for pdg in sorted({abs(n) for n in numbers}):
            classes[particle(pdg)] = [pdg] if pdg in OWN_ANTIPARTICLE else [pdg, -pdg]
        return Classes({"key": found.key, "pdg": True}, classes, f"{said}, with PDG ids", found.key)
    names = {n: f"class {n}" for n in numbers}
    yes = re.fullmatch(r"is_?(\w+)", tail(found.key), re.I)
    if yes and numbers == [0, 1]:
        names = {0: f"no {yes[1]}", 1: yes[1]}
    return Classes({"key": found.key, "values": names}, said=said, key=found.key)


def by_folder(paths: Sequence[Path]) -> Classes | None:
    """Every folder is a class, where there are several; a picture folder is one itself."""
    folders = [path.name if path.is_dir() else path.resolve().parent.name for path in paths]
    names = list(dict.fromkeys(folders))
    if len(names) < 2:
        return None
    files = {(name if paths[folders.index(name)].is_dir() else f"{name}/*"): name for name in names}
    return Classes({"files": files}, said="every folder is a class")


def by_file(paths: Sequence[Path]) -> Classes | None:
    """What the names of files differ in, numbers aside, is the class."""
    if len(paths) < 2:
        return None
    words = [[w for w in re.split(r"[\W_]+", path.stem) if w and not w.isdecimal()] for path in paths]
    common = set(words[0]).intersection(*words[1:])
    names = [" ".join(w for w in mine if w not in common) for mine in words]
    found = list(dict.fromkeys(names))
    if len(found) < 2 or "" in found or len(found) > 50:
        return None
    files = {f"*{name.replace(' ', '*')}*": name for name in found}
    alone = all(
        [name for pattern, name in files.items() if PurePath(path).match(pattern)] == [mine]
        for path, mine in zip(paths, names, strict=True)
    )
    if not alone:
        files = {path.name: name for path, name in zip(paths, names, strict=True)}
    return Classes({"files": files}, said="the class is in the name of the file")
