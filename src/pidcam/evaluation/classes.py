"""How classes are told apart and mixed up on test events, and whether the model knows its training events."""

from __future__ import annotations

from typing import Any

from pidcam import analysis
from pidcam.analysis import ClassSample
from pidcam.evaluation.sample import against_rest, weights
from pidcam.evaluation.sections import Judged, Warn, sections
from pidcam.evaluation.working_points import for_each_signal

FAKE_RATE = 0.01
"""Where the species table is quoted, as LArTPC groups do."""


@sections.register("confusion")
def confusion(judged: Judged, warn: Warn) -> dict[str, Any]:
    """Confusion matrix of the most probable class, and how often the truth is among the k most probable."""
    test = judged.need("test")
    weight, scores = weights(test), test.probabilities
    table = analysis.confusion(test.label, scores.argmax(axis=1), test.classes, weight)
    several = range(2, len(test.classes))
    top = {str(k): analysis.top_k(test.label, scores, k, weight) for k in several}
    return {"quoted_on": "test", **analysis.plain(table), "top_k": top}


@sections.register("overtraining")
def overtraining(judged: Judged, warn: Warn) -> dict[str, Any]:
    """Kolmogorov-Smirnov of train against test scores per class, and the difference in AUC."""
    train, test = judged.need("train"), judged.need("test")
    signals = for_each_signal(
        judged, warn, lambda name: analysis.overtraining(against_rest(train, name), against_rest(test, name))
    )
    return {"signals": signals}


@sections.register("areas")
def areas(judged: Judged, warn: Warn) -> dict[str, Any] | None:
    """AUC of every class against the rest and against every other, with averages; of more than two classes."""
    test = judged.need("test")
    if len(test.classes) == 2:
        return None
    arguments = (test.label, test.probabilities, test.classes, weights(test))
    rest, one = analysis.auc_one_vs_rest(*arguments), analysis.auc_one_vs_one(*arguments)
    for line in dict.fromkeys((*rest.warnings, *one.warnings)):
        warn(line)
    return {"quoted_on": "test", "one_vs_rest": rest, "one_vs_one": one}


@sections.register("species")
def species(judged: Judged, warn: Warn) -> dict[str, Any] | None:
    """Efficiency of every class at a fixed fake rate of every other, cuts chosen on validation; of more than two."""
    valid, test = judged.need("valid"), judged.need("test")
    if len(test.classes) == 2:
        return None
    choose, quote = (ClassSample(p.label, p.probabilities, weights(p)) for p in (valid, test))
    table = analysis.species_table(choose, quote, test.classes, fake_rate=FAKE_RATE)
    for line in table.warnings:
        warn(line)
    return {"chosen_on": "valid", "quoted_on": "test", **analysis.plain(table)}
