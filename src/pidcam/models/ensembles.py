"""Which ensembles of trees the outputs of a task need: LightGBM learns one quantity at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pidcam.analysis import ONE_SIGMA
from pidcam.errors import MismatchError


@dataclass(frozen=True)
class Ensemble:
    """Trees that are grown together: LightGBM's words for what they learn, and the target whose value it is (None: the
    class of the event)."""

    objective: dict[str, Any]
    target: int | None = None


def ensembles(outputs: dict[str, int]) -> tuple[Ensemble, ...]:
    """What must be grown for the outputs of a task. `MismatchError` if trees cannot give them.

    Of a regression the value, and where it has an error the quantiles of what is left at -1 and +1 standard deviation:
    half their distance is sigma.
    """
    if outputs == {"logit": 1}:
        return (Ensemble({"objective": "binary", "metric": "binary_logloss"}),)
    if len(outputs) == 1 and (width := outputs.get("logits")):
        return (Ensemble({"objective": "multiclass", "metric": "multi_logloss", "num_class": width}),)
    width = outputs.get("value", 0)
    if not width or outputs not in ({"value": width}, {"value": width, "log_sigma": width}):
        raise MismatchError(f"model 'bdt' can classify and regress, the task asks for {', '.join(outputs)}")
    kinds: list[dict[str, Any]] = [{"objective": "regression"}]
    if "log_sigma" in outputs:
        kinds += [{"objective": "quantile", "alpha": (1 + side * ONE_SIGMA) / 2} for side in (-1, 1)]
    return tuple(Ensemble(kind, target) for target in range(width) for kind in kinds)
