"""One self-contained HTML page for one run or several: what was done, how well it works, what to worry about.

The page opens from a file in any browser, loads nothing from anywhere, and says the same without JavaScript.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

import pidcam
from pidcam.predictions import Predictions
from pidcam.reports.captions import FigureView, figure_view, in_order
from pidcam.reports.explore import EventSample, as_script_json, explorer_data
from pidcam.reports.inline import Picture, data_address
from pidcam.reports.style import count, value_with_error
from pidcam.reports.worries import worries

_FOLDER = Path(__file__).parent / "templates"
_METRICS = {"auc": "AUC", "accuracy": "accuracy"}
WIDE_PIXELS = 900
MOST_ROWS = 12
"""A table of more rows is folded: a working point for every one of many classes would hide the figures."""
FITS_A_PHONE = 3
"""A table of more columns becomes, on a narrow screen, a list for each of its rows."""
_SPLITS = ("test", "valid", "train")
CITATION = f"pidcam {pidcam.__version__}: particle identification with imaging detectors (The pidcam developers)."


@dataclass(frozen=True)
class TableView:
    """A table of texts under a title; columns of `numbers` are set flush right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[bool]


@dataclass(frozen=True)
class RunView:
    """One run as the page shows it; everything but the name may be missing.

    `metrics` is {split: what `Task.metrics` gives}: `n`, `n_per_class`, `auc`, `auc_error`, `accuracy` ...; `figures`
    maps `roc`, `scores`, `history`, ... (see `captions`) to a figure, PNG path, PNG bytes or `FigureView`; `about`
    holds versions, git commit, seed and the like; `note` is to be read with the results; `seconds` is the time of the
    fit; `commands` reproduce this run; `predictions`, {split: table}, make it part of the page's threshold explorer.
    """

    name: str
    title: str = ""
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    figures: Mapping[str, Picture | FigureView] = field(default_factory=dict)
    config_yaml: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    seconds: float | None = None
    parameters: int | None = None
    commands: Sequence[str] = ()
    tables: Sequence[TableView] = ()
    warnings: Sequence[str] = ()
    predictions: Mapping[str, Predictions] = field(default_factory=dict)


@dataclass(frozen=True)
class DataView:
    """The data of all runs on the page: raw files {name: events}, counts {split: {class: events}}, how it was split."""

    detector: str = ""
    files: Mapping[str, int | None] = field(default_factory=dict)
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    split: str = ""
    fingerprint: str = ""
    notes: Sequence[str] = ()


def render_page(
    runs: Sequence[RunView],
    *,
    title: str,
    data: DataView | None = None,
    comparisons: Sequence[str] = (),
    tables: Sequence[TableView] = (),
    warnings: Sequence[str] = (),
    commands: Sequence[str] = (),
    figures: Mapping[str, Picture | FigureView] | None = None,
    about: Mapping[str, Any] | None = None,
    citation: str = CITATION,
    events: EventSample | None = None,
) -> str:
    """Return the page as HTML text, to be written as UTF-8.

    `comparisons` are lines such as "default - reference: difference of AUC 0.003 +- 0.002", `tables` what belongs to
    them; `warnings` come before
    those found in the runs themselves (`worries`); `commands` reproduce everything; `figures` are of all runs together
    (data, overlaid ROC curves), those of a single run are in its `RunView`; `events` can be leafed through
    if the runs bring predictions for them.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"count": count, "duration": duration, "plain": plain, "most_rows": MOST_ROWS}
    environment.globals["fits_a_phone"] = FITS_A_PHONE
    shown = [_figures(run.figures, f"{run.title or run.name} ({headline(run)})") for run in runs]
    common, own = _shared(shown)
    explorer = explorer_data({run.title or run.name: run.predictions for run in runs}, events)
    return environment.get_template("page.html.j2").render(
        title=title,
        css=_part("page.css"),
        data=data,
        classes=list(dict.fromkeys(name for split in data.counts.values() for name in split)) if data else [],
        runs=[{"view": r, "headline": headline(r), "figures": f} for r, f in zip(runs, own, strict=True)],
        table=result_table(runs),
        notes=_notes(runs),
        comparisons=comparisons,
        tables=tables,
        warnings=_all_warnings(runs, warnings),
        commands=commands,
        figures=[*_figures(figures or {}, ""), *common],
        about=about or {},
        citation=citation,
        explore=as_script_json(explorer) if explorer else "",
        split=events.split if events else "",
        scripts=[_part("explore.js"), _part("volume.js"), _part("events.js")],
    )


def _part(name: str) -> Markup:
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))


@dataclass(frozen=True)
class ResultTable:
    """Header (metric, split) pairs and a row per run: name, title, parameters, fit time, a text per header."""

    columns: list[tuple[str, str]]
    rows: list[tuple[RunView, list[str]]]


def result_table(runs: Sequence[RunView]) -> ResultTable:
    """Every metric known of any run, test split first, each value with its error where it has one; all splits of those
    that tell overtraining, of the others the first alone, because a page has no room for more."""
    known = {(m, s) for run in runs for s in _SPLITS for m, v in run.metrics.get(s, {}).items() if v is not None}
    metrics = _with_errors(run.metrics.get(s, {}) for run in runs for s in _SPLITS) or ["loss"]
    columns: list[tuple[str, str]] = []
    for metric in metrics:
        splits = [split for split in _SPLITS if (metric, split) in known]
        columns += [(metric, split) for split in (splits if metric in (*_METRICS, "resolution") else splits[:1])]
    rows = [(run, [_cell(run.metrics.get(split, {}), metric) for metric, split in columns]) for run in runs]
    return ResultTable([(_name(metric), split) for metric, split in columns], rows)


def _with_errors(metrics: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the metrics that are quoted with an error; those everybody knows come first."""
    names = dict.fromkeys(name for of in metrics for name in of if of.get(f"{name}_error") is not None)
    return [*(m for m in _METRICS if m in names), *(m for m in names if m not in _METRICS)]


def _name(metric: str) -> str:
    return _METRICS.get(metric, metric.replace("_", " "))


def _cell(values: Mapping[str, Any], metric: str) -> str:
    value, error = values.get(metric), values.get(f"{metric}_error")
    return "—" if value is None else value_with_error(value, error or 0.0).replace(" ", "\N{NO-BREAK SPACE}")


def _notes(runs: Sequence[RunView]) -> dict[str, list[str]]:
    """{note: names of the runs that it is about}."""
    notes: dict[str, list[str]] = {}
    for run in runs:
        if run.note:
            notes.setdefault(run.note, []).append(run.title or run.name)
    return notes


def _all_warnings(runs: Sequence[RunView], warnings: Sequence[str]) -> list[tuple[str, str]]:
    """(names of runs or "" for all of them, sentence), each sentence once."""
    found = [("", sentence) for sentence in warnings]
    per_run = {run.title or run.name: [*run.warnings, *worries(run.metrics, run.history)] for run in runs}
    for sentence in dict.fromkeys(s for sentences in per_run.values() for s in sentences):
        names = [name for name, sentences in per_run.items() if sentence in sentences]
        found.append(("" if len(names) == len(runs) else ", ".join(names), sentence))
    return found


def headline(run: RunView) -> str:
    """The one sentence a supervisor reads: the result on events that the model never saw."""
    split = next((s for s in _SPLITS if s in run.metrics), None)
    if split is None:
        return "not evaluated yet"
    values = run.metrics[split]
    known = [key for key in _with_errors([values]) if values.get(key) is not None] or ["loss"] * ("loss" in values)
    parts = [f"{_name(key)} {_cell(values, key)}" for key in known]
    seen = {"test": "test events", "valid": "validation events", "train": "events it was trained on"}[split]
    return f"{', '.join(parts)} on {count(values['n'])} {seen}" if parts and "n" in values else ", ".join(parts)


def _figures(figures: Mapping[str, Picture | FigureView], subject: str) -> list[dict[str, Any]]:
    out = []
    for name in in_order(figures):
        given = figures[name]
        view = given if isinstance(given, FigureView) else figure_view(name, given, subject)
        address, width, height = data_address(view.picture)
        # what is made of several panels needs the width of the page to be read
        wide = width >= WIDE_PIXELS or width > 1.6 * height
        size = {"width": width, "height": height, "wide": wide}
        out.append({"name": name, "view": view, "address": Markup(address), **size})
    return out


def _shared(shown: list[list[dict[str, Any]]]) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """Pictures that are the same for all runs (their data, not their doing) are shown once, for all of them."""
    addresses = [{figure["address"] for figure in figures} for figures in shown]
    same = set.intersection(*addresses) if len(shown) > 1 else set()
    common = []
    for figure in shown[0] if same else []:
        if figure["address"] in same:
            alone = figure_view(figure["name"], b"")  # words that name no run
            common.append({**figure, "view": replace(figure["view"], alt=alone.alt)})
    return common, [[figure for figure in figures if figure["address"] not in same] for figures in shown]


def plain(value: Any) -> str:
    """A fact in words: nested facts on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain(each)}" for key, each in value.items())
    if isinstance(value, list | tuple | set):
        return ", ".join(map(plain, value))
    return "—" if value is None else str(value)


def duration(seconds: float | None) -> str:
    """`42 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds is None:
        return "—"
    if seconds < 99.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
