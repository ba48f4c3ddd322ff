"""What the page's interactive part works on: binned score curves of every run, and a choice of events to look at."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.colors import LogNorm, Normalize

from pidcam.errors import InputError, MismatchError
from pidcam.events import EventBatch, Images
from pidcam.predictions import Predictions
from pidcam.reports.images import colour_scale
from pidcam.reports.style import ENERGY_MAP, SIGNED_MAP
from pidcam.reports.truth import Known, known, signal_class
from pidcam.reports.views import View, hits, picture, views
from pidcam.reports.volume import describe_box, encode_colours, encode_hits, event_hits
from pidcam.schema import EventSchema, Image

BINS = 50
MOST_CELLS = 250
"""Cells along an axis of an embedded picture: their numbers fit 16 bits."""
MOST_HITS = 3000
"""Of a volume with more hits those with the largest values are embedded."""
MOST_BYTES = 2_000_000
"""Size of all embedded events; fewer are embedded where they are larger."""


@dataclass(frozen=True)
class EventSample:
    """Events to look at: those at `rows` of the predictions of `split`, with their images."""

    split: str
    rows: np.ndarray
    batch: EventBatch
    schema: EventSchema


def choose_events(predictions: Predictions, most: int = 120) -> np.ndarray:
    """Rows worth looking at, ascending, at most `most`, of every class alike: half of them the most confident
    mistakes, a quarter the least certain events, the rest the first correct ones. Events without a finite score are
    none of them."""
    scores = predictions.probabilities
    label = np.where(np.isfinite(scores).all(axis=1), predictions.label, -1)
    predicted = scores.argmax(axis=1)
    margin = np.partition(scores, -2, axis=1)
    margin = margin[:, -1] - margin[:, -2]
    chosen: set[int] = set()
    share = max(1, most // len(predictions.classes))
    for k in range(len(predictions.classes)):
        mine = np.flatnonzero(label == k)
        wrong, right = mine[predicted[mine] != k], mine[predicted[mine] == k]
        picked = [
            *wrong[np.argsort(-margin[wrong], kind="stable")][: share // 2],
            *mine[np.argsort(margin[mine], kind="stable")][: share // 4],
        ]
        unique = dict.fromkeys([*map(int, picked), *map(int, right[:share])])
        chosen.update(list(unique)[:share])
    return np.array(sorted(chosen), dtype=np.int64)


def explorer_data(runs: Mapping[str, Mapping[str, Predictions]], events: EventSample | None = None) -> dict[str, Any]:
    """JSON-ready curves of {run title: {split: Predictions}}, and the sample of events.

    Runs of other classes than the first are left out; an empty dictionary if no run has events of two classes.
    """
    with_predictions = {title: splits for title, splits in runs.items() if splits}
    if not with_predictions:
        return {}
    classes = next(iter(next(iter(with_predictions.values())).values())).classes
    curves = []
    for title, splits in with_predictions.items():
        usable = {
            split: _split_curves(known(table))
            for split, table in splits.items()
            if table.classes == classes and len(_classes_with_scores(table)) > 1
        }
        if usable:
            curves.append({"name": title, "splits": usable})
    if not curves:
        return {}
    data = {"classes": classes, "signal": classes.index(signal_class(classes)), "runs": curves}
    return data if events is None else {**data, **_browser(with_predictions, events, classes)}


def _classes_with_scores(table: Predictions) -> set[int]:
    """The true classes of events that can be drawn."""
    usable = (table.label >= 0) & np.isfinite(table.probabilities).all(axis=1)
    return set(table.label[usable].tolist())


def _split_curves(events: Known) -> dict[str, Any]:
    size = len(events.classes)
    weight = np.ones(len(events.label)) if events.weight is None else events.weight
    of_class = [events.label == k for k in range(size)]
    return {
        "n": [int(mine.sum()) for mine in of_class],
        "weight": [_round(weight[mine].sum()) for mine in of_class],
        "effective": [_round(weight[mine].sum() ** 2 / max((weight[mine] ** 2).sum(), 1e-300)) for mine in of_class],
        "signals": [_signal_curves(events.score[:, k], of_class, weight, k) for k in range(size)],
    }


def _signal_curves(score: np.ndarray, of_class: Sequence[np.ndarray], weight: np.ndarray, k: int) -> dict[str, Any]:
    """Fractions of every class at or above each threshold, and histograms of unit area; class k is the signal."""
    points = 240 if len(of_class) <= 4 else 80
    # even in efficiency of signal and background, and fine at the tight end, where rejections are made
    levels = np.concatenate([np.linspace(0, 1, points // 2), 1 - np.geomspace(1e-4, 0.1, points // 4)])
    rest = np.any([mine for i, mine in enumerate(of_class) if i != k], axis=0)
    quantiles = [np.quantile(score[mine], levels, method="higher") for mine in (of_class[k], rest) if mine.any()]
    # rounded before they are used, so that what the page says of a threshold is exact
    thresholds = np.unique([_round(t, 7) for t in np.concatenate([*quantiles, [0.5]])])
    edges = np.linspace(0, 1, BINS + 1)
    passed, heights = [], []
    for mine in of_class:
        order = np.argsort(score[mine])
        rising, own = score[mine][order], weight[mine][order]
        above = np.append(np.cumsum(own[::-1])[::-1], 0.0)
        total = own.sum() if own.sum() > 0 else 1.0
        passed.append([_round(x) for x in above[np.searchsorted(rising, thresholds, side="left")] / total])
        heights.append([_round(x, 3) for x in np.histogram(score[mine], edges, weights=weight[mine])[0] / total])
    return {"thresholds": thresholds.tolist(), "passed": passed, "heights": heights}


def _browser(
    runs: Mapping[str, Mapping[str, Predictions]], sample: EventSample, classes: tuple[str, ...]
) -> dict[str, Any]:
    if len(sample.rows) != len(sample.batch):
        raise MismatchError(f"{len(sample.rows)} rows for {len(sample.batch)} events", where="event sample")
    scores: dict[str, list[list[float]]] = {}
    first: Predictions | None = None
    for title, splits in runs.items():
        table = splits.get(sample.split)
        if table is None or table.classes != classes or (first is not None and not _same_events(first, table)):
            continue
        first = first or table
        if not np.isfinite(table.probabilities[sample.rows]).all():
            continue
        scores[title] = [[_round(p, 4) for p in row] for row in table.probabilities[sample.rows]]
    if first is None or not scores:
        return {}
    if not np.array_equal(first.row[sample.rows], sample.batch.row):
        raise InputError("the events are not those of the predictions", where="event sample", fix="give the same rows")
    shown, pictures = _pictures(sample)
    return {
        "browser": {
            "split": sample.split,
            "views": shown,
            "pictures": pictures,
            "label": [int(k) for k in first.label[sample.rows][: len(pictures)]],
            "row": [int(r) for r in first.row[sample.rows][: len(pictures)]],
            "file": [int(f) for f in first.file[sample.rows][: len(pictures)]],
            "files": list(first.files),
            "scores": {title: each[: len(pictures)] for title, each in scores.items()},
            "colours": {name: encode_colours(name) for name in (ENERGY_MAP, SIGNED_MAP)},
        }
    }


def _same_events(a: Predictions, b: Predictions) -> bool:
    return np.array_equal(a.row, b.row) and np.array_equal(a.file, b.file)


def _pictures(sample: EventSample) -> tuple[list[dict[str, Any]], list[list[str]]]:
    """Views with their scale, and what each shows of every event as base64: a volume as a whole, then from every side.

    Of flat views the hit cells and their steps on the scale, of volumes the places of hits and their steps.
    """
    shown: list[dict[str, Any]] = []
    encoded: list[list[str]] = [[] for _ in range(len(sample.batch))]
    for image in sample.schema.images:
        images = sample.batch.images[image.name]
        event, cell, value = hits(images, image)
        prefix = f"{image.name}: " if len(sample.schema.images) > 1 else ""
        for view in views(image, images):
            if len(image.shape) == 3 and (view.rows, view.columns) == (0, 1):
                _add_volumes(image, images, view, prefix, shown, encoded)
            flat = [
                picture(view, cell[event == i], value[event == i], most_cells=MOST_CELLS)
                for i in range(len(sample.batch))
            ]
            scale = colour_scale(view, flat)
            sides = {"row_axis": _side(view, 0), "column_axis": _side(view, 1)}
            rows, columns = flat[0].shape
            shown.append(_describe(view, prefix + view.title, scale) | sides | {"rows": rows, "columns": columns})
            for i, values in enumerate(flat):
                hit = np.flatnonzero(np.isfinite(values) & ((values > 0) | (not isinstance(scale, LogNorm))))
                steps = np.clip(np.ma.filled(scale(values.ravel()[hit]), 0.0), 0, 1) * 255
                raw = hit.astype("<u2").tobytes() + np.rint(steps).astype(np.uint8).tobytes()
                encoded[i].append(base64.b64encode(raw).decode("ascii"))
    keep = int(np.searchsorted(np.cumsum([sum(map(len, each)) for each in encoded]), MOST_BYTES, side="right"))
    return shown, encoded[:keep]


def _side(view: View, which: int) -> str:
    """The name of a side of the picture, and from where to where it goes if that is not the whole axis."""
    axis = (view.rows, view.columns)[which]
    first, stop = view.spans[which]
    if axis is None or stop - first == view.image.shape[axis]:
        return view.axis(axis)
    low, high = view.extent()[2:] if which == 0 else view.extent()[:2]
    return f"{view.axis_label(axis)} {low:.4g} to {high:.4g}"


def _add_volumes(
    image: Image, images: Images, view: View, prefix: str, shown: list[dict[str, Any]], encoded: list[list[str]]
) -> None:
    found = [event_hits(images, image, view, i) for i in range(len(images))]
    scale = colour_scale(view, [value for _, value in found])
    shown.append(_describe(view, f"{prefix}{view.name}, in space", scale) | {"box": describe_box(image)})
    for i, (place, value) in enumerate(found):
        encoded[i].append(encode_hits(place, value, scale, MOST_HITS))


def _describe(view: View, title: str, scale: Normalize) -> dict[str, Any]:
    return {
        "title": title,
        "unit": view.unit,
        "low": _round(scale.vmin),
        "high": _round(scale.vmax),
        "log": isinstance(scale, LogNorm),
        "steps": "linear" if type(scale) is Normalize else "logarithmic",
        "colours": ENERGY_MAP if isinstance(scale, LogNorm) else SIGNED_MAP,
    }


def _round(value: Any, digits: int = 5) -> float:
    """Five figures are more than a screen shows, and keep the page small."""
    return float(f"{float(value):.{digits}g}")


def as_script_json(data: Any) -> Markup:
    """JSON that is safe inside a <script> element, whatever the strings in it say."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
