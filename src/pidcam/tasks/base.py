"""A task is the question asked of the events. It owns labels, loss, metrics and prediction columns.

A new question is one class registered with `@tasks.register(name)`; nothing else in pidcam knows what is asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor

from pidcam.batch import Batch
from pidcam.predictions import Predictions
from pidcam.registry import Registry
from pidcam.schema import ClassSelection, EventSchema, Spec


class Task(ABC):
    """`Options` are its typed options; `kind` tells tree models which objective fits.

    Set by the constructor: `selection` (classes looked at, their merging and order), `outputs` (width of every named
    output that a model must give) and `monitor` (the validation metric that training follows, and its good direction).
    """

    Options: ClassVar[type[Spec]]
    kind: ClassVar[Literal["classification", "regression", "image"]]

    selection: ClassSelection
    outputs: dict[str, int]
    monitor: tuple[str, Literal["min", "max"]] = ("loss", "min")

    @abstractmethod
    def __init__(self, schema: EventSchema, options: Spec): ...

    @abstractmethod
    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Tensor:
        """(n,) loss of every event, unweighted; the caller weights it by `batch.weight`."""

    @abstractmethod
    def columns(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Prediction columns (n,) float64 from the model's raw outputs {name: (n, width) float32}."""

    @abstractmethod
    def metrics(self, predictions: Predictions) -> dict[str, Any]:
        """JSON-ready metrics of events with known truth: at least `n` and `loss`, and the `monitor`."""


tasks: Registry[type[Task]] = Registry("task", "pidcam.tasks")
