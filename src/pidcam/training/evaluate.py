"""Model + loader -> predictions. The only road by which any score is made, in training and after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from pidcam.batch import Batch
from pidcam.predictions import Predictions
from pidcam.tasks.base import Task

Score = Callable[[Batch], dict[str, np.ndarray]]


class Collector:
    """Gathers raw outputs and truth batch by batch, and turns them into `Predictions`."""

    def __init__(self, task: Task, files: tuple[str, ...] = ()):
        self.task, self.files = task, files
        self.outputs: dict[str, list[np.ndarray]] = {name: [] for name in task.outputs}
        self.truth: dict[str, list[np.ndarray]] = {name: [] for name in ("label", "weight", "event")}
        self.spectators: dict[str, list[np.ndarray]] = {}

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        """Keep a batch; what only pads it is left out."""
        if padded := bool(batch.padding.any()):
            keep = (~batch.padding).numpy(force=True)

        def rows(array: np.ndarray) -> np.ndarray:
            return array[keep] if padded else array

        for name, values in self.outputs.items():
            values.append(rows(outputs[name]))
        for name, values in self.truth.items():
            values.append(rows(getattr(batch, name).numpy(force=True)))
        for name, column in {**batch.features, **batch.targets}.items():
            self.spectators.setdefault(name, []).append(rows(column.numpy(force=True)))

    def state(self) -> dict[str, np.ndarray]:
        """All that was gathered, under names of its own, for a checkpoint."""
        kinds = {"outputs": self.outputs, "truth": self.truth, "spectators": self.spectators}
        return {f"{kind}.{name}": np.concatenate(v) for kind, of in kinds.items() for name, v in of.items() if v}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what `state` gave."""
        for key, values in state.items():
            kind, name = key.split(".", 1)
            getattr(self, kind).setdefault(name, []).append(values)

    def predictions(self) -> Predictions:
        outputs = {name: np.concatenate(values) for name, values in self.outputs.items()}
        truth = {name: np.concatenate(values) for name, values in self.truth.items()}
        return Predictions(
            classes=self.task.selection.names,
            files=self.files,
            label=truth["label"],
            weight=truth["weight"],
            file=truth["event"][:, 0],
            row=truth["event"][:, 1],
            columns=self.task.columns(outputs),
            spectators={name: np.concatenate(values) for name, values in self.spectators.items()},
        )


def predict(score: Score, batches: Iterable[Batch], task: Task, files: tuple[str, ...] = ()) -> Predictions:
    """Predictions of all batches, in their order; `score` is a model's `predict`."""
    return collect(score, batches, task, files).predictions()


def collect(score: Score, batches: Iterable[Batch], task: Task, files: tuple[str, ...] = ()) -> Collector:
    """Raw outputs and truth of all batches."""
    collector = Collector(task, files)
    for batch in batches:
        collector.add(score(batch), batch)
    return collector
