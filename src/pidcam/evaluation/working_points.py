"""Working points: thresholds chosen on validation, efficiency, fake rate and rejection quoted on test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pidcam import analysis
from pidcam.analysis import WorkingPoint
from pidcam.analysis.working_points import FEW_EVENTS
from pidcam.errors import InputError
from pidcam.evaluation.sample import against_rest, rest_of
from pidcam.evaluation.sections import Judged, Warn, sections


@sections.register("working_points")
def working_points(judged: Judged, warn: Warn) -> dict[str, Any]:
    """Per signal: efficiency at fake rates of 1 and 10 %, fake rate and rejection at efficiencies of 30 to 90 %."""
    valid, test = judged.need("valid"), judged.need("test")
    few: dict[str, list[str]] = {}

    def points(name: str) -> dict[str, Any]:
        made = analysis.working_points(against_rest(valid, name), against_rest(test, name))
        for point in made:
            if point.warnings:
                few.setdefault(describe(point), []).append(name)
        return {"background": rest_of(test.classes, name), "points": made}

    found = for_each_signal(judged, warn, points)
    if few:
        warn(f"fewer than {FEW_EVENTS} background events pass at {_listed(few, len(found))}")
    return {"chosen_on": "valid", "quoted_on": "test", "signals": found}


def _listed(few: dict[str, list[str]], signals: int) -> str:
    """`efficiency 30 %, fake rate 1 % (electron, proton)`: signals are named where it is not all of them."""
    return ", ".join(
        point if len(names) == signals else f"{point} ({', '.join(names)})" for point, names in few.items()
    )


def describe(point: WorkingPoint) -> str:
    """`efficiency 30 %`, `fake rate 1 %`."""
    if point.target == "threshold":
        return f"threshold {point.threshold:g}"
    return f"{point.target.replace('_', ' ')} {100 * point.asked:g} %"


def for_each_signal(judged: Judged, warn: Warn, make: Callable[[str], Any]) -> dict[str, Any]:
    """{class: what `make` gives}; a class that cannot be measured is left out and named. `InputError` if none can."""
    found, last = {}, None
    for name in judged.signals:
        try:
            found[name] = make(name)
        except InputError as error:
            if len(judged.signals) == 1:
                raise
            warn(f"{name}: {error}")
            last = error
    if not found and last is not None:
        raise last
    return found
