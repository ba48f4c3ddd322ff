"""A question pidcam has not been asked before: how large is the momentum?"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pidcam.batch import Batch
from pidcam.predictions import Predictions
from pidcam.schema import ClassSelection, EventSchema, Spec
from pidcam.tasks.base import Task, tasks


class MomentumOptions(Spec):
    """`unit`: momenta are learned in this many GeV."""

    unit: float = 1.0


@tasks.register("momentum")
class Momentum(Task):
    """Regression of the true momentum."""

    Options = MomentumOptions
    kind = "regression"
    monitor = ("loss", "min")

    def __init__(self, schema: EventSchema, options: Spec):
        assert isinstance(options, MomentumOptions)
        self.unit = options.unit
        self.selection = ClassSelection.of(None, schema)
        self.outputs = {"momentum": 1}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Tensor:
        """(n,) squared error."""
        return torch.square(outputs["momentum"][:, 0] - batch.targets["momentum"] / self.unit)

    def columns(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """`predicted_momentum` in GeV."""
        return {"predicted_momentum": outputs["momentum"][:, 0].astype(np.float64) * self.unit}

    def metrics(self, predictions: Predictions) -> dict[str, Any]:
        """`loss` and `bias` in GeV."""
        error = predictions.columns["predicted_momentum"] - predictions.spectators["momentum"]
        loss = float(np.average((error / self.unit) ** 2, weights=predictions.weight))
        return {"n": len(error), "loss": loss, "bias": float(error.mean()), "bias_error": float(error.std())}
