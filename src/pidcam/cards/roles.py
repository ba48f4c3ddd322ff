"""Which column is what: images, hits, features, targets; what is left out, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pidcam.cards.hits import find_hits
from pidcam.cards.look import Found, Look, Seen
from pidcam.cards.names import NUMBER, TRUTH, WEIGHT, tail
from pidcam.formats.layout import HitRows

FEW_CHANNELS = 4
SHORT = 10
"""A row of fewer numbers than these is a list of features, of more an image."""


@dataclass
class Part:
    """An image as a card says it: `fields` in their order, `channels`, and `remarks` on what was seen or guessed."""

    fields: dict[str, object]
    channels: list[str]
    remarks: list[str] = field(default_factory=list)


@dataclass
class Roles:
    """What becomes of every column."""

    images: dict[str, Part] = field(default_factory=dict)
    features: dict[str, str] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    rows: HitRows | None = None
    said: list[str] = field(default_factory=list)


def assign(seen: Look, label: str | None) -> Roles:
    """Roles of all columns but the label's."""
    roles = Roles(rows=seen.layout.rows)
    found = [f for f in seen.found if f.key != label]
    hits = find_hits(found, seen.layout, _events(found))
    if hits:
        roles.images[hits.name] = Part(hits.fields, hits.channels, hits.remarks)
        roles.rows = hits.rows
        roles.said += hits.said
        found = [f for f in found if f.key not in hits.used]
    window = _window(found, seen.layout.format)
    if window:
        _, used, part = window
        roles.images["window"] = part
        roles.said += part.remarks[:1]
        found = [f for f in found if f.key not in used]
    if roles.rows is None:  # else every column has a row for every hit
        events = next((f.column.rows for f in seen.found if f.key == label), None) or _events(found)
        roles.left |= {
            f.key: f"{f.column.rows} rows, there are {events} events" for f in found if f.column.rows != events
        }
        found = [f for f in found if f.key not in roles.left]
    counters = {f"n{name}" for name in hits.used} if hits else set()
    for f in found:
        if f.key in counters:
            roles.left[f.key] = "the number of hits"
        elif f.text:
            roles.left[f.key] = "words"
        elif f.scalar:
            _scalar(f, f.key, roles)
        elif f.column.lists and not f.even:
            roles.left[f.key] = "lists of different lengths: hits? then say coordinates and values"
        elif math.prod(f.column.shape) < SHORT:
            _vector(f, roles)
        else:
            part = _dense(f)
            roles.images[_name(f.key, roles.images)] = part
            roles.said += [f"'{f.key}': {remark}" for remark in part.remarks[:-1]]
    return roles


def _events(found: Sequence[Found]) -> int:
    """Rows that most columns have."""
    rows = [f.column.rows or 0 for f in found]
    return max(set(rows), key=rows.count) if rows else 0


def _scalar(f: Found, key: str, roles: Roles) -> None:
    name = _name(key, {**roles.features, **roles.targets})
    if f.seen.low == f.seen.high:
        roles.left[key] = f"always {f.seen.low:g}"
    elif NUMBER.fullmatch(key) and f.seen.whole:
        roles.left[key] = "numbers the events, it seems"
    elif WEIGHT.fullmatch(key):
        roles.left[key] = "a weight, it seems"
    elif TRUTH.fullmatch(key):
        roles.targets[name] = key
    else:
        roles.features[name] = key


def _vector(f: Found, roles: Roles) -> None:
    to = roles.targets if TRUTH.fullmatch(f.key) else roles.features
    for i in range(math.prod(f.column.shape)):
        to[f"{_name(f.key, {})}_{i}"] = f"{f.key}[{i}]"


def _dense(f: Found) -> Part:
    shape = f.column.shape
    remarks: list[str] = []
    order, axes, channels = "no-channel", shape, 1
    fields: dict[str, object] = {"key": f.key}
    if f.key == "picture":
        order, axes, channels = ("channel-last", shape[:2], shape[2]) if len(shape) == 3 else (order, shape, 1)
    elif len(shape) == 1 and math.isqrt(shape[0]) ** 2 == shape[0]:
        side = math.isqrt(shape[0])
        fields["flat"], axes = True, (side, side)
        remarks.append(f"{shape[0]} numbers in a row, taken for {side} x {side}")
    elif len(shape) > 1 and shape[-1] <= FEW_CHANNELS < min(shape[:-1]):
        order, axes, channels = "channel-last", shape[:-1], shape[-1]
        remarks.append(f"the last axis is short: taken for {channels} channels")
    elif len(shape) > 1 and shape[0] <= FEW_CHANNELS < min(shape[1:]):
        order, axes, channels = "channel-first", shape[1:], shape[0]
        remarks.append(f"the first axis is short: taken for {channels} channels")
    elif len(shape) > 2:
        remarks.append(f"taken for a volume of {len(shape)} axes, without channels")
    return Part({**fields, "order": order, "shape": list(axes)}, channel_names(f, channels), [*remarks, numbers(f)])


def channel_names(f: Found, channels: int) -> list[str]:
    """Names to begin with."""
    if f.key == "picture":
        return ["intensity"] if channels == 1 else ["red", "green", "blue", "alpha"][:channels]
    return ["value"] if channels == 1 else [f"channel_{i}" for i in range(channels)]


def numbers(f: Found) -> str:
    """The range in words."""
    return f"{f.seen.words}, {100 * f.seen.occupancy:.2g} % of them not 0"


def _window(found: Sequence[Found], kind: str) -> tuple[str, set[str], Part] | None:
    """Many columns of a text file with one number each, side by side: an image."""
    if kind != "text":
        return None
    runs: list[list[int]] = [[]]
    for i, f in enumerate(found):
        if f.text or not f.scalar:
            runs.append([])
        else:
            if runs[-1] and _stem(found[runs[-1][-1]].key) != _stem(f.key):
                runs.append([])
            runs[-1].append(i)
    run = max(runs, key=len)
    if len(run) < 25:
        return None
    size = max(n * n for n in range(5, 1 + math.isqrt(len(run))))
    exact = size == len(run)
    start = run[-1] + 1 - size if exact or _stem(found[run[0]].key) else run[0]
    places = [found[i].number for i in (start, start + size - 1)]
    key = f"{places[0]}:{places[1] + 1}"
    side = math.isqrt(size)
    said = f"columns {key} are taken for an image of {side} x {side}"
    used = {found[i].key for i in range(start, start + size)}
    seen = Seen()
    for i in range(start, start + size):
        seen.whole = seen.whole and found[i].seen.whole
        seen.low, seen.high = min(seen.low, found[i].seen.low), max(seen.high, found[i].seen.high)
    part = Part({"key": key, "order": "no-channel", "shape": [side, side]}, ["value"], [said, seen.words])
    return key, used, part


def _stem(key: str) -> str:
    """`pixel_12` -> `pixel_`; nothing for a column that is only numbered."""
    return key.rstrip("0123456789")


def _name(key: str, taken: Mapping[str, object]) -> str:
    """A name in the schema for a key of the file."""
    name = "".join(c if c.isalnum() or c == "_" else "_" for c in tail(key)).strip("_") or "value"
    name = f"column_{name}" if name.isdecimal() else name
    return next(n for n in (name, *(f"{name}_{i}" for i in range(2, 10_000))) if n not in taken)
