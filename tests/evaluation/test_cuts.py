"""What a cut is worth, recomputed from the scores."""

import numpy as np
import pytest
from toys import judged

from pidcam.evaluation.cuts import PREVALENCES, cuts
from pidcam.evaluation.sections import Judged


def test_best_cut_and_purity_are_those_of_the_scores(heard):
    events = judged(n=2000)
    section = cuts(events, heard)
    made = section["signals"]["electron"]
    rates = []
    for split in ("valid", "test"):
        table = events.splits[split]
        electron, score = table.label == 1, table.columns["p_electron"]
        rates.append((np.sort(score[electron]), np.sort(score[~electron]), score))
    (signal, background, score), (test_signal, test_background, _) = rates

    def q(cut, signal, background):
        return (signal >= cut).mean() / np.sqrt((background >= cut).mean())

    best = max((cut for cut in score if (background >= cut).sum() >= 10), key=lambda cut: q(cut, signal, background))
    assert made["best"]["threshold"] == best
    assert made["best"]["quality_factor"] == pytest.approx(q(best, test_signal, test_background))
    purities = made["purity"][1]
    assert (purities["target"], purities["asked"]) == ("efficiency", 0.5)
    cut = signal[::-1][int(np.ceil(0.5 * len(signal))) - 1]
    e, f = (test_signal >= cut).mean(), (test_background >= cut).mean()
    assert purities["value"] == pytest.approx([e * p / (e * p + f * (1 - p)) for p in PREVALENCES])
    relative = np.hypot(np.sqrt((1 - e) / e / len(test_signal)), np.sqrt((1 - f) / f / len(test_background)))
    assert purities["error"] == pytest.approx([p * (1 - p) * relative for p in purities["value"]])
    assert heard == []


def test_without_validation_only_areas_are_given(heard):
    events = judged()
    section = cuts(Judged(events.task, {"test": events.splits["test"]}), heard)
    assert set(section["signals"]["electron"]) == {"partial_auc", "rejection_area"}
    assert heard == ["no valid split: no cut was chosen, only partial areas are given"]
