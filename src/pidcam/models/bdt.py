"""Boosted decision trees on shower-shape features: the baseline every network has to beat."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import lightgbm
import numpy as np
from pydantic import Field

from pidcam.batch import Batch, SparseImage
from pidcam.errors import DataError, InputError, MismatchError
from pidcam.features import ImageHits, image_features
from pidcam.files import read_json, reading, write_json, write_text
from pidcam.models.base import Inputs, register_model

if TYPE_CHECKING:
    from pidcam.runs import RunDirectory
    from pidcam.store.loader import Loader
    from pidcam.tasks.base import Task

Positive = Annotated[int, Field(ge=1)]
HISTORY_STEP = 10
"""Trees between two lines of the history."""


class BoostedTrees:
    """LightGBM as a `Model`: `parameters` are LightGBM's own, `trees` the most it may grow."""

    def __init__(
        self, inputs: Inputs, outputs: dict[str, int], parameters: dict[str, Any], *, trees: int, patience: int
    ):
        if outputs not in ({"logit": 1}, {"logits": max(outputs.values(), default=0)}):
            raise MismatchError(f"model 'bdt' can only classify, the task asks for {', '.join(outputs)}")
        self.inputs, self.parameters, self.trees, self.patience = inputs, parameters, trees, patience
        ((self.output, self.width),) = outputs.items()
        self.booster: lightgbm.Booster | None = None

    def features(self, batch: Batch) -> tuple[list[str], np.ndarray]:
        """Names and matrix (n, features) float32: what pidcam computes from the images, then the scalar features."""
        images = {name: _hits(batch.hits(name)) for name in self.inputs.images}
        names, matrix = image_features(images, self.inputs.channels, self.inputs.axes)
        scalars = batch.stack_features(self.inputs.features).numpy(force=True)
        if not images:
            return list(self.inputs.features), scalars
        return [*names, *self.inputs.features], np.concatenate([matrix, scalars], axis=1)

    def fit(self, train: Loader, valid: Loader, task: Task, record: RunDirectory) -> None:
        """Grow trees until the loss on `valid` has not improved for `patience` of them; keeps the best number."""
        if task.kind != "classification":
            raise MismatchError(f"model 'bdt' can only classify, the task is {task.kind}")
        data = self._dataset(train, "train")
        data_valid = self._dataset(valid, "valid", data)
        booster = lightgbm.train(
            self.parameters | self._objective(),
            data,
            num_boost_round=self.trees,
            valid_sets=[data, data_valid],
            valid_names=["train_loss", "valid_loss"],
            callbacks=[_history(record), lightgbm.early_stopping(self.patience, verbose=False)],
        )
        # what is predicted from here on is exactly what `save` writes
        self._restore(booster.model_to_string(num_iteration=booster.best_iteration))

    def _objective(self) -> dict[str, Any]:
        if self.output == "logit":
            return {"objective": "binary", "metric": "binary_logloss"}
        return {"objective": "multiclass", "metric": "multi_logloss", "num_class": self.width}

    def _dataset(self, batches: Iterable[Batch], split: str, train: lightgbm.Dataset | None = None) -> lightgbm.Dataset:
        names: list[str] = []
        parts, labels, weights = [], [], []
        for batch in batches:
            names, matrix = self.features(batch)
            parts.append(matrix)
            labels.append(batch.label.numpy(force=True))
            weights.append(batch.weight.numpy(force=True).astype(np.float64))
        if not parts:
            raise InputError("no events", where=split)
        weight = np.concatenate(weights)
        if weight.min() < 0 or weight.sum() == 0:
            raise InputError("model 'bdt' needs weights that are not negative and not all zero", where=split)
        return lightgbm.Dataset(
            np.concatenate(parts),
            np.concatenate(labels),
            weight=weight / weight.mean(),
            feature_name=[_plain(name) for name in names],
            reference=train,
            params=self.parameters,
        )

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        """Raw margins {output: (n, width) float32}."""
        if self.booster is None:
            raise RuntimeError("fit or load the trees before predicting")
        names, matrix = self.features(batch)
        if [_plain(name) for name in names] != self.booster.feature_name():
            raise MismatchError("the trees were grown on other features than these events have", where="model 'bdt'")
        margin = self.booster.predict(matrix, raw_score=True, num_threads=self.parameters["num_threads"])
        return {self.output: np.asarray(margin, np.float32).reshape(len(batch), self.width)}

    def importance(self) -> dict[str, float]:
        """Share of the gain of all splits that each feature brought, largest first; they add up to one."""
        if self.booster is None:
            return {}
        gains = self.booster.feature_importance("gain")
        shares = gains / (gains.sum() or 1.0)
        order = np.argsort(-shares, kind="stable")
        names = self.booster.feature_name()
        return {names[i]: float(shares[i]) for i in order}

    def save(self, folder: Path) -> None:
        """Write `bdt.txt` (LightGBM's own text format) and `bdt.json`."""
        if self.booster is None:
            raise RuntimeError("fit the trees before saving")
        write_text(Path(folder) / "bdt.txt", self.booster.model_to_string())
        about = {"output": self.output, "width": self.width, "trees": self.booster.num_trees()}
        write_json(Path(folder) / "bdt.json", about)

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote; `MismatchError` if those trees give other outputs."""
        about = read_json(Path(folder) / "bdt.json")
        if (about["output"], about["width"]) != (self.output, self.width):
            raise MismatchError(
                f"gives {about['output']} of width {about['width']}, expected {self.output} of width {self.width}",
                where=Path(folder) / "bdt.json",
            )
        path = Path(folder) / "bdt.txt"
        try:
            with reading(path):
                self._restore(path.read_text(encoding="utf-8"))
        except (OSError, lightgbm.basic.LightGBMError) as error:
            raise DataError(f"holds no LightGBM trees ({error})", where=path) from error

    def _restore(self, text: str) -> None:
        self.booster = lightgbm.Booster(model_str=text)

    def parameters_count(self) -> int:
        """Leaves of all trees; 0 before they are grown."""
        if self.booster is None:
            return 0
        return sum(int(n) for n in re.findall(r"^num_leaves=(\d+)$", self.booster.model_to_string(), re.MULTILINE))


def _hits(image: SparseImage) -> ImageHits:
    event, place, value = (x.numpy(force=True) for x in (image.event, image.place.T, image.value))
    return ImageHits(len(image.offsets) - 1, image.shape, event, place, value)


def _plain(name: str) -> str:
    """LightGBM takes no blanks and no JSON characters in the names of features."""
    return re.sub(r"[^\w.+-]", "_", name)


def _history(record: RunDirectory) -> Callable[[Any], None]:
    start = [time.monotonic()]

    def callback(env: Any) -> None:
        trees = env.iteration + 1
        if trees % HISTORY_STEP == 0:
            losses = {name: float(value) for name, _, value, _ in env.evaluation_result_list}
            now = time.monotonic()
            record.epoch({"epoch": trees, **losses, "seconds": now - start[0]})
            start[0] = now

    callback.order = 20  # type: ignore[attr-defined]
    return callback


@register_model("bdt", hits=True)
def bdt(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    trees: Positive = 2000,
    patience: Positive = 100,
    leaves: Annotated[int, Field(ge=2)] = 15,
    learning_rate: Annotated[float, Field(gt=0)] = 0.03,
    min_events: Positive = 40,
    feature_fraction: Annotated[float, Field(gt=0, le=1)] = 0.4,
    event_fraction: Annotated[float, Field(gt=0, le=1)] = 0.7,
    l2: Annotated[float, Field(ge=0)] = 5.0,
    seed: int = 0,
    threads: Annotated[int, Field(ge=0)] = 0,
) -> BoostedTrees:
    """Boosted decision trees (LightGBM) on shower and track features computed from the images.

    `min_events` per leaf; every tree sees `feature_fraction` of the features and `event_fraction` of the events;
    `threads` 0 takes all cores. The same seed gives the same trees for any number of threads.
    """
    parameters = {
        "num_leaves": leaves,
        "learning_rate": learning_rate,
        "min_data_in_leaf": min_events,
        "feature_fraction": feature_fraction,
        "bagging_fraction": event_fraction,
        "bagging_freq": 1,
        "lambda_l2": l2,
        "seed": seed,
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "feature_pre_filter": False,
        "verbosity": -1,
    }
    return BoostedTrees(inputs, outputs, parameters, trees=trees, patience=patience)
