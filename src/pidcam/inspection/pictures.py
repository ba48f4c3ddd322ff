"""Pictures of a sample of events: single events, mean images, spectra, and how many there are of each class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pidcam import reports
from pidcam.events import EventBatch
from pidcam.reports.style import DPI, style
from pidcam.schema import EventSchema


def draw(
    sample: EventBatch | None, schema: EventSchema, counts: Mapping[str, Mapping[str, int]], out: Path
) -> tuple[str, ...]:
    """Write PNG files into the folder `out`; returns their names.

    `counts` is {part: {class: events}}. Without good events in the sample only the class counts are drawn.
    """
    figures = {"class_counts": reports.class_counts(counts)}
    if sample is not None:
        if schema.images:
            figures["sample_images"] = reports.sample_images(sample, schema)
            figures["mean_images"] = reports.mean_images(sample, schema)
        figures["spectra"] = reports.spectra(sample, schema)
    with style():
        for name, figure in figures.items():
            figure.savefig(out / f"{name}.png", dpi=DPI, metadata={"Software": None})
    return tuple(f"{name}.png" for name in figures)
