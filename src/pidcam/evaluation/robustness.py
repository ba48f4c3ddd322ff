"""The test split once more under each shift of the detector, against the same events unshifted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pidcam import analysis
from pidcam.errors import InputError
from pidcam.evaluation.paired import compare_scores
from pidcam.evaluation.sample import against_rest, clean
from pidcam.evaluation.sections import Judged, Warn
from pidcam.evaluation.shifts import Shift
from pidcam.evaluation.working_points import for_each_signal
from pidcam.predictions import Predictions
from pidcam.schema import EventSchema
from pidcam.tasks.base import Task

FAKE_RATES, EFFICIENCIES = (0.1,), (0.9,)
"""The cuts, chosen on unshifted validation events, that are held against the shifted ones."""


def robustness(
    judged: Judged,
    nominal: Predictions,
    shifts: Sequence[Shift],
    rescore: Callable[[Shift], Predictions],
    schema: EventSchema,
    warn: Warn,
) -> dict[str, Any]:
    """Metrics of the test events `nominal`, and of what `rescore` gives for them under each shift, with differences.

    Thresholds stay those of the unshifted validation split: a shifted detector does not tell that it is shifted.
    """
    rows = []
    for shift in shifts:
        shifted = rescore(shift)
        row = {"shift": shift.text, "title": shift.title(schema), **_metrics(judged, shifted, shift.text, warn)}

        def tell(line: str, shift: Shift = shift) -> None:
            warn(f"{shift.text}: {line}")

        paired = compare_scores(judged.task, nominal, shifted, tell, where=f"shift {shift.text}")
        rows.append(row | {"difference": {"auc": paired.auc, "accuracy": paired.accuracy}})
    return {
        "chosen_on": "valid" if "valid" in judged.splits else None,
        "quoted_on": "test",
        "nominal": _metrics(judged, nominal, "nominal", warn),
        "shifts": rows,
    }


def _metrics(judged: Judged, predictions: Predictions, name: str, warn: Warn) -> dict[str, Any]:
    events, lines = clean(judged.task, predictions, name)
    for line in lines:
        warn(f"{name}: {line}")
    numbers = headline(judged.task, events)
    if "valid" not in judged.splits:
        return numbers
    valid = judged.splits["valid"]

    def points(signal: str) -> Any:
        samples = against_rest(valid, signal), against_rest(events, signal)
        return analysis.working_points(*samples, efficiencies=EFFICIENCIES, fake_rates=FAKE_RATES)

    try:
        return numbers | {"signals": for_each_signal(judged, warn, points)}
    except InputError as error:
        warn(f"{name}: {error}")
        return numbers


def headline(task: Task, predictions: Predictions) -> dict[str, Any]:
    """n, AUC and accuracy with their errors."""
    metrics = task.metrics(predictions)
    return {key: metrics.get(key) for key in ("n", "auc", "auc_error", "accuracy", "accuracy_error")}
