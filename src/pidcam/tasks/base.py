"""A task is the question asked of the events. It owns labels, loss, metrics, prediction columns and figures.

A new question is one class registered with `@tasks.register(name)`; nothing else in pidcam knows what is asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from torch import Tensor

from pidcam.batch import Batch
from pidcam.errors import UnknownNameError
from pidcam.predictions import Predictions
from pidcam.registry import Registry
from pidcam.schema import ClassSelection, EventSchema, Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Task(ABC):
    """`Options` are its typed options; `kind` tells tree models which objective fits.

    Set by the constructor: `selection` (classes looked at, their merging and order), `outputs` (width of every named
    output that a model must give) and `monitor` (the validation metric that training follows, and its good direction).
    A classification also sets `signals`, the classes that are held against the rest. `sections` names the parts of
    metrics.json beyond `metrics` that make sense for the task (see `pidcam.evaluation`). `headline` is the metric that
    says in one number how good a model is.
    """

    Options: ClassVar[type[Spec]]
    kind: ClassVar[Literal["classification", "regression", "image"]]
    sections: ClassVar[tuple[str, ...]] = ()
    headline: ClassVar[str] = "loss"

    selection: ClassSelection
    signals: tuple[str, ...] = ()
    outputs: dict[str, int]
    monitor: tuple[str, Literal["min", "max"]] = ("loss", "min")

    @abstractmethod
    def __init__(self, schema: EventSchema, options: Spec): ...

    @property
    def question(self) -> str:
        """What is asked, in a few words: the title of a page."""
        return " against ".join(self.selection.names)

    def fitted(self, truth: Callable[[str], np.ndarray]) -> Spec | None:
        """The options with what depends on the training split fixed, so that a run records numbers; None if nothing
        does. `truth(name)` gives a target (n,) of the training events of the selection.
        """
        return None

    @abstractmethod
    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Tensor:
        """(n,) loss of every event, unweighted; the caller weights it by `batch.weight`."""

    @abstractmethod
    def columns(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Prediction columns (n,) float64 from the model's raw outputs {name: (n, width) float32}."""

    def known(self, predictions: Predictions) -> np.ndarray:
        """(n,) bool: the events whose truth is known, as far as the task asks for it."""
        return np.ones(len(predictions), bool)

    def averaged(self, each: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Columns of one model from those of several for the same events."""
        return {name: np.mean([columns[name] for columns in each], axis=0) for name in each[0]}

    @abstractmethod
    def metrics(self, predictions: Predictions) -> dict[str, Any]:
        """JSON-ready metrics of events with known truth: at least `n` and `loss`, and the `monitor`.

        A number `x` may come with its standard error `x_error`; tables show those that do.
        """

    def monitored(self, name: str, predictions: Predictions) -> float | None:
        """The metric `name` that a training may follow although `metrics` does not give it; None if it is not known."""
        raise UnknownNameError("metric", name, scalar_metrics(self.metrics(predictions)), where="training.monitor")

    def figures(self, predictions: Mapping[str, Predictions]) -> dict[str, Figure]:
        """Figures of the predictions of every split, by name."""
        return {}


def scalar_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The numbers among metrics that are worth a line of history: no counts, no errors of others, no sections."""
    return {
        name: value
        for name, value in metrics.items()
        if isinstance(value, float) and not name.endswith("_error") and name != "n"
    }


def split_metrics(metrics: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The numbers per split in the content of metrics.json, without its other sections."""
    return {name: of for name, of in metrics.items() if isinstance(of, dict) and {"n", "loss"} <= of.keys()}


tasks: Registry[type[Task]] = Registry("task", "pidcam.tasks")
