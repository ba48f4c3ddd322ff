"""A drawing of a model's structure, top to bottom: a box per step, repeated blocks drawn once."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from pidcam.errors import DataError
from pidcam.reports.style import INK, PALE, PALETTE, TIMES, count, new_figure, styled

# a layer that changes no shape and learns little is written into the box of the layer before it
_COMPANIONS = ("ReLU", "GELU", "SiLU", "ELU", "Tanh", "Sigmoid", "Norm", "Dropout", "Identity", "Softmax", "PReLU")
_TINTS = {"Conv": 0, "Linear": 3, "Pool": 2, "Attention": 1, "Embedding": 5, "Flatten": 4, "Norm": 9}
_INVISIBLE = ("Identity", "ChannelsLast")
_BESIDE = ("skip", "short", "down", "proj", "resid")
BOXES_PER_COLUMN = 18
MOST_LINES = 8


@dataclass
class Box:
    """One box: a layer with its companions, or a block of layers; `times` in a row."""

    name: str
    title: str
    lines: list[str]
    shape: tuple[int, ...] | None
    parameters: int
    times: int = 1
    block: bool = False

    def looks_like(self, other: Box) -> bool:
        """Whether both would look the same but for their name."""
        return replace(self, name="", times=1) == replace(other, name="", times=1)


@styled
def structure(
    layers: Sequence[Mapping[str, Any]], *, title: str = "", inputs: Mapping[str, Any] | None = None
) -> Figure:
    """Draw the rows of `layer_table`: name, type and size on the left, output shape and parameters on the right.

    `inputs` are the shapes that go in, {name: (channels, rows, columns)}, shown on top.
    """
    if not layers:
        raise DataError("there are no layers to draw")
    boxes = merge_repeats(boxes_of(layers))
    top = [Box("", f"input: {name}", [], tuple(shape), 0) for name, shape in (inputs or {}).items()]
    total = sum(row["parameters"] for row in layers)
    heading = f"{title}: {count(total)} parameters" if title else f"{count(total)} parameters"
    return _draw([*top, *boxes], heading)


@styled
def description(title: str, facts: Mapping[str, Any]) -> Figure:
    """A model that is not a stack of layers (trees): one box with its facts, such as {"trees": 300, "leaves": 31}."""
    lines = [f"{key}: {count(value) if isinstance(value, int) else value}" for key, value in facts.items()]
    first, *more = textwrap.wrap(title, 46, break_on_hyphens=False) or [""]
    return _draw([Box("", first, [*more, *lines], None, 0, block=True)], "")


def boxes_of(layers: Sequence[Mapping[str, Any]]) -> list[Box]:
    """Layers gathered into boxes: companions join the layer before them, the layers of one block share its box."""
    boxes: list[Box] = []
    for block, group in itertools.groupby(layers, key=lambda row: row.get("block")):
        rows = list(group)
        units = _units(rows)
        if block is None or len(units) == 1 or len(units) > MOST_LINES:
            boxes += units
            continue
        lines = [_via(unit.name, block) + ", ".join([unit.title, *unit.lines]) for unit in units]
        shape = next((row["output_shape"] for row in reversed(rows) if row["output_shape"]), None)
        boxes.append(
            Box(block, rows[0]["block_type"], lines, shape, sum(unit.parameters for unit in units), block=True)
        )
    return boxes


def _via(name: str, block: str) -> str:
    """`shortcut: ` before a layer that runs beside the others."""
    part = name.removeprefix(block + ".").split(".")[0]
    return f"{part}: " if any(word in part for word in _BESIDE) else ""


def merge_repeats(boxes: Sequence[Box]) -> list[Box]:
    """Runs of equal boxes become one, `times` n."""
    merged: list[Box] = []
    for box in boxes:
        last = merged[-1] if merged else None
        if last is not None and box.looks_like(last):
            last.times += 1
        else:
            merged.append(replace(box))
    return merged


def _units(rows: Sequence[Mapping[str, Any]]) -> list[Box]:
    units: list[Box] = []
    for row in rows:
        kind, detail = row["type"], row["detail"]
        companion = any(word in kind for word in _COMPANIONS)
        if kind in _INVISIBLE:
            continue
        if companion and units and units[-1].shape == row["output_shape"]:
            units[-1].lines.append(f"{kind} {detail}".strip())
            units[-1].parameters += row["parameters"]
        else:
            title = f"{kind} {detail}".strip()
            units.append(Box(row["name"], title, [], row["output_shape"], row["parameters"]))
    return units


def _draw(boxes: Sequence[Box], heading: str) -> Figure:
    columns = [list(boxes[i : i + BOXES_PER_COLUMN]) for i in range(0, len(boxes), BOXES_PER_COLUMN)]
    tallest = max(sum(_height(box) + 0.22 for box in column) for column in columns)
    figure = new_figure(6.3 * len(columns), tallest + (0.55 if heading else 0.2))
    panels = figure.subplots(1, len(columns), squeeze=False)[0]
    for number, (panel, column) in enumerate(zip(panels, columns, strict=True)):
        panel.set(xlim=(0, 6.3), ylim=(tallest, -0.05))
        panel.set_axis_off()
        _draw_column(panel, column, first=number == 0, last=number == len(columns) - 1)
    if heading:
        panels[0].set_title(heading, fontweight="bold")
    return figure


def _draw_column(panel: Axes, boxes: Sequence[Box], *, first: bool, last: bool) -> None:
    y = 0.0
    for i, box in enumerate(boxes):
        height = _height(box)
        tint = next((PALETTE[k] for word, k in _TINTS.items() if word in box.title + "".join(box.lines)), PALE)
        look: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.07", "lw": 1.0}
        if box.times > 1:  # the sheet behind says: there are more of these
            panel.add_patch(FancyBboxPatch((0.18, y + 0.06), 3.9, height, fc="white", ec=tint, **look))
        panel.add_patch(FancyBboxPatch((0.1, y), 3.9, height, fc="white", ec=tint, **look))
        panel.add_patch(FancyBboxPatch((0.1, y), 3.9, height, fc=tint, ec="none", alpha=0.13, **look))
        times = f"{box.times} {TIMES} " if box.times > 1 else ""
        panel.text(0.22, y + 0.17, times + box.title, va="center", fontsize=9.5, fontweight="bold", color=INK)
        panel.text(3.9, y + 0.17, box.name, va="center", ha="right", fontsize=7, color="#555b60")
        for k, line in enumerate(_lines(box)):
            panel.text(0.22, y + 0.37 + 0.17 * k, line, va="center", fontsize=8, color=INK)
        if box.shape is not None:
            shape = f" {TIMES} ".join(map(str, box.shape)) or "scalar"
            panel.text(4.3, y + 0.17, shape, va="center", fontsize=9, color=INK)
        if box.parameters:
            each = " each" if box.times > 1 else ""
            panel.text(6.2, y + 0.17, f"{count(box.parameters)}{each}", va="center", ha="right", fontsize=9, color=INK)
        y += height
        if i < len(boxes) - 1 or not last:
            arrow = {"arrowstyle": "-|>", "color": PALE, "lw": 1.1, "shrinkA": 0, "shrinkB": 0}
            panel.annotate("", (2.05, y + 0.22), (2.05, y + 0.02), arrowprops=arrow)
        y += 0.22


def _lines(box: Box) -> list[str]:
    """Small print: companions on one line; the layers of a block on a line each."""
    if box.block:
        return box.lines
    return [", ".join(box.lines)] if box.lines and len(box.lines) <= 3 else box.lines


def _height(box: Box) -> float:
    lines = _lines(box)
    return 0.34 + (0.06 + 0.17 * len(lines) if lines else 0.0)
