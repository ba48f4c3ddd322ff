"""What needs the model once more: the test split under shifts, and with parts of the input shuffled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pidcam.evaluation.importance import MOST_EVENTS, Part, importance, parts_of, shuffled
from pidcam.evaluation.robustness import robustness
from pidcam.evaluation.scores import score_split
from pidcam.evaluation.sections import Judged, Warn
from pidcam.evaluation.shifts import Shift
from pidcam.predictions import Predictions
from pidcam.progress import progress
from pidcam.store.store import Store
from pidcam.training.run import Run

SPLIT = "test"
SAMPLE = 2048
"""Events whose mean image says where the centre of the rings is."""


def shifted_test(run: Run, store: Store, judged: Judged, shifts: Sequence[Shift], warn: Warn) -> dict[str, Any]:
    """The section `robustness`; raises `InputError` without a test split, or classes."""
    judged.need_classes("the comparison of shifted events")
    judged.need(SPLIT)
    nominal = score_split(run, store, SPLIT)  # with the events that cannot be judged
    with progress("shifting the detector", len(shifts)) as bar:

        def rescore(shift: Shift) -> Predictions:
            bar.note(shift.text)
            moved = score_split(run, store, SPLIT, change=lambda batch, number: shift(batch, run.schema, number))
            bar.advance()
            return moved

        return robustness(judged, nominal, shifts, rescore, run.schema, warn)


def input_importance(run: Run, store: Store, judged: Judged, warn: Warn) -> dict[str, Any]:
    """The section `importance`: by permutation for every model, by gain where the model knows its own."""
    judged.need_classes("the importance of inputs")
    judged.need(SPLIT)
    events = min(MOST_EVENTS, store.manifest.events(SPLIT))
    nominal = score_split(run, store, SPLIT, limit=events)
    parts = parts_of(run.schema, _mean_images(run, store))
    with progress("shuffling parts of the input", len(parts)) as bar:

        def rescore(part: Part) -> Predictions:
            bar.note(part.name)
            moved = score_split(run, store, SPLIT, change=shuffled(part), limit=events)
            bar.advance()
            return moved

        section = importance(judged, nominal, parts, rescore, warn)
    gains = getattr(run.model, "importance", None)
    if gains is not None:
        section["gain"] = [{"feature": name, "share": share} for name, share in gains().items()]
    return section


def _mean_images(run: Run, store: Store) -> dict[str, np.ndarray]:
    """{image: grid} mean size of the first channel over some test events."""
    total = {image.name: np.zeros(image.shape) for image in run.schema.images}
    for batch in run.loader(store, SPLIT, limit=SAMPLE, stored=True, dense=True):
        for name in total:
            total[name] += batch.dense(name)[:, 0].abs().sum(dim=0).double().numpy(force=True)
    return total
