"""Fast predictions: lower precision where this machine is faster with it, and what that does to scores and AUC."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from pidcam.batch import Batch
from pidcam.tasks.base import Task
from pidcam.training.evaluate import predict
from pidcam.training.network import Network
from pidcam.training.precision import candidates, choose_precision, timed

TIMED = 256
"""Events that are timed: enough to tell, few enough for a machine that only emulates the lower precision."""


def quicken(network: Network, task: Task, batches: Sequence[Batch]) -> dict[str, Any]:
    """Let `network` predict in the fastest precision here, and say what it costs on `batches` (transformed, on its
    device): `precision`, `speed` over fp32, largest and mean `shift` of a score, and the shift of the task's AUC."""
    part = batches[0].rows(0, TIMED)
    seconds: dict[str, float] = {}
    for name in candidates(network.device):
        seconds[name] = _seconds(network, part, name, seconds.get("fp32"))
    chosen = choose_precision(seconds)
    exact = predict(_at(network, "fp32"), batches, task)
    quick = exact if chosen == "fp32" else predict(_at(network, chosen), batches, task)
    shifts = np.concatenate([np.abs(quick.columns[name] - exact.columns[name]) for name in exact.columns])
    report: dict[str, Any] = {
        "precision": chosen,
        "speed": round(seconds["fp32"] / seconds[chosen], 2),
        "events": len(exact),
        "largest_shift": float(shifts.max()),
        "mean_shift": float(shifts.mean()),
        "auc_shift": None,
    }
    if task.kind == "classification" and task.known(exact).any():
        after, before = (task.metrics(each).get("auc") for each in (quick, exact))
        report["auc_shift"] = None if after is None or before is None else float(after - before)
    network.scoring = chosen
    return report


def _at(network: Network, precision: str):  # type: ignore[no-untyped-def]
    """`predict` in a given precision."""

    def score(batch: Batch) -> dict[str, np.ndarray]:
        before, network.scoring = network.scoring, precision
        try:
            return network.predict(batch)
        finally:
            network.scoring = before

    return score


def _seconds(network: Network, batch: Batch, precision: str, fp32: float | None) -> float:
    return min(timed(partial(_at(network, precision), batch), fp32))
