"""The figures of one run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from pidcam import reports
from pidcam.errors import InputError
from pidcam.evaluation.saliency import saliency
from pidcam.evaluation.sections import Gaps, Judged, Warn
from pidcam.predictions import Predictions
from pidcam.reports.layers import layer_table
from pidcam.store.store import Store
from pidcam.training.run import Run

SAMPLE = 2000
"""Events from which sample and mean images are made."""


def write_figures(
    run: Run, store: Store, predictions: Mapping[str, Predictions], out: Path, metrics: Mapping[str, Any], gaps: Gaps
) -> None:
    """Structure, history, images, the task's own figures and those of `metrics`, as PNG and PDF in the folder `out`.

    Those that cannot be drawn are named in `gaps`.
    """
    figures = {"structure": structure_figure(run, store)}
    for make in (lambda: run.task.figures(predictions), lambda: section_figures(metrics)):
        try:
            figures |= make()
        except InputError as error:
            gaps.warn("figures")(str(error))
    if run.history:
        step = "tree" if not isinstance(_module(run), nn.Module) else "epoch"
        sizes = {split: len(p) for split, p in predictions.items() if split in ("train", "valid")}
        figures["history"] = reports.history(run.history, n=sizes, step=step)
    if store.schema.images:
        sample = store.events(store.splits[0], slice(0, SAMPLE))
        asked = {member for _, members in run.task.selection.groups for member in members}
        mine = np.isin(sample.label, [k for k, name in enumerate(store.schema.class_names) if name in asked])
        sample = sample.take(mine) if mine.any() else sample
        figures["sample_images"] = reports.sample_images(sample, store.schema)
        figures["mean_images"] = reports.mean_images(sample, store.schema)
    for name, figure in figures.items():
        reports.save(figure, out / name)


def section_figures(metrics: Mapping[str, Any]) -> dict[str, Figure]:
    """Figures of those sections of metrics.json that have one."""
    figures = {}
    for name, of in metrics.get("by", {}).items():
        figures[f"by_{name}".replace(".", "_")] = reports.in_bins(of, name)
        if any("sculpting" in each for each in of["signals"].values()):
            figures[f"sculpting_{name}".replace(".", "_")] = reports.sculpting(of, name)
    for number, (name, of) in enumerate(metrics.get("resolution", {}).get("targets", {}).items()):
        figures[f"resolution_{name}" if number else "resolution"] = reports.resolution(of, name)
    if "calibration" in metrics:
        figures["reliability"] = reports.reliability(metrics["calibration"])
    if "robustness" in metrics:
        figures["robustness"] = reports.robustness(metrics["robustness"])
    if "importance" in metrics:
        figures["importance"] = reports.importance(metrics["importance"])
        if metrics["importance"].get("gain"):
            figures["gain"] = reports.gain(metrics["importance"])
    return figures


def saliency_section(run: Run, store: Store, judged: Judged, out: Path, warn: Warn) -> dict[str, Any]:
    """The section `saliency`, and its figure in the folder `out`."""
    section, found, events = saliency(run, store, judged.need("test"), warn)
    titles = [each["title"] for each in section["events"]]
    reports.save(reports.saliency(events, store.schema, found.images, titles), out / "saliency")
    return section


def structure_figure(run: Run, store: Store):  # type: ignore[no-untyped-def]
    """A drawing of the model, from the shapes that one batch takes on its way through."""
    module = _module(run)
    entry = run.config.entry
    if not isinstance(module, nn.Module):
        facts = {"inputs": ", ".join(i.name for i in store.schema.images), **run.config.model.options}
        return reports.description(entry.title, {**facts, "parameters": run.model.parameters_count()})
    batch = next(iter(run.loader(store, store.splits[0], limit=2)))
    return reports.structure(layer_table(module, batch), title=run.config.model.name)


def _module(run: Run) -> object:
    return getattr(run.model, "module", None)
