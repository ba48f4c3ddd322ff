"""Boosted decision trees on shower-shape features: the baseline every network has to beat."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import lightgbm
import numpy as np
from pydantic import Field

from pidcam.batch import Batch
from pidcam.errors import DataError, InputError, MismatchError
from pidcam.features import batch_features
from pidcam.files import read_json, reading, write_json, write_text
from pidcam.models.base import Inputs, register_model
from pidcam.models.ensembles import Ensemble, ensembles
from pidcam.tasks.regress import Regress, sigma_scales, with_scaled_sigma

if TYPE_CHECKING:
    from pidcam.runs import RunDirectory
    from pidcam.store.loader import Loader
    from pidcam.tasks.base import Task

Positive = Annotated[int, Field(ge=1)]
HISTORY_STEP = 10
"""Trees between two lines of the history."""


@dataclass(frozen=True)
class _Table:
    """Events as trees take them: features (n, k) with names, labels (n,), weights (n,), of regressions the values."""

    names: list[str]
    matrix: np.ndarray
    label: np.ndarray
    weight: np.ndarray
    values: np.ndarray | None


class BoostedTrees:
    """LightGBM as a `Model`: `parameters` are LightGBM's own, `trees` the most it may grow in an ensemble."""

    def __init__(
        self, inputs: Inputs, outputs: dict[str, int], parameters: dict[str, Any], *, trees: int, patience: int
    ):
        self.ensembles = ensembles(outputs)
        self.inputs, self.outputs, self.parameters = inputs, dict(outputs), parameters
        self.trees, self.patience = trees, patience
        self.boosters: list[lightgbm.Booster] = []
        self.scales = [1.0] * outputs.get("log_sigma", 0)
        """By target, what sigma is multiplied with: trees know their training events too well, and what is left of
        those is too small a sigma for others."""

    def features(self, batch: Batch) -> tuple[list[str], np.ndarray]:
        """Names and matrix (n, features) float32: what pidcam computes from the images, then the scalar features."""
        of = self.inputs
        scalars = batch.stack_features(of.features).numpy(force=True)
        if not of.images:
            return list(of.features), scalars
        names, matrix = batch_features(batch, of.images, of.channels, of.axes)
        return [*names, *of.features], np.concatenate([matrix, scalars], axis=1)

    def fit(self, train: Loader, valid: Loader, task: Task, record: RunDirectory) -> None:
        """Grow trees until the loss on `valid` has not improved for `patience` of them; keeps the best number.

        Of several ensembles the history tells of the first.
        """
        if task.outputs != self.outputs:
            raise MismatchError(f"model 'bdt' was made for {', '.join(self.outputs)}, not {', '.join(task.outputs)}")
        tables = [self._table(batches, task, split) for batches, split in ((train, "train"), (valid, "valid"))]
        boosters: list[lightgbm.Booster] = []
        for number, ensemble in enumerate(self.ensembles):
            value = boosters[number // 3 * 3] if "alpha" in ensemble.objective else None
            data = self._dataset(tables[0], ensemble, value)
            stop = lightgbm.early_stopping(self.patience, verbose=False)
            booster = lightgbm.train(
                self.parameters | ensemble.objective,
                data,
                num_boost_round=self.trees,
                valid_sets=[data, self._dataset(tables[1], ensemble, value, data)],
                valid_names=["train_loss", "valid_loss"],
                callbacks=[stop] if number else [_history(record), stop],
            )
            # what is predicted from here on is exactly what `save` writes
            best = booster.model_to_string(num_iteration=booster.best_iteration)
            boosters.append(lightgbm.Booster(model_str=best))
        self.boosters = boosters
        judge = tables[1]
        if judge.values is not None and self.scales:
            self.scales = sigma_scales(self._outputs(judge.matrix), judge.values, judge.weight)

    def _table(self, batches: Iterable[Batch], task: Task, split: str) -> _Table:
        names: list[str] = []
        parts, labels, weights, values = [], [], [], []
        for batch in batches:
            names, matrix = self.features(batch)
            parts.append(matrix)
            labels.append(batch.label.numpy(force=True))
            weights.append(batch.weight.numpy(force=True).astype(np.float64))
            if isinstance(task, Regress):
                values.append(task.standardised(batch.targets).numpy(force=True))
        if not parts:
            raise InputError("no events", where=split)
        weight = np.concatenate(weights)
        if weight.min() < 0 or weight.sum() == 0:
            raise InputError("model 'bdt' needs weights that are not negative and not all zero", where=split)
        plain, of_all = [_plain(name) for name in names], np.concatenate(values) if values else None
        return _Table(plain, np.concatenate(parts), np.concatenate(labels), weight / weight.mean(), of_all)

    def _dataset(
        self,
        table: _Table,
        ensemble: Ensemble,
        start: lightgbm.Booster | None,
        reference: lightgbm.Dataset | None = None,
    ) -> lightgbm.Dataset:
        """The events with what the ensemble shall learn beyond what `start` gives, where it is known."""
        label: np.ndarray = table.label
        if table.values is not None and ensemble.target is not None:
            label = table.values[:, ensemble.target]
        known = np.isfinite(label)
        matrix = table.matrix if known.all() else table.matrix[known]
        return lightgbm.Dataset(
            matrix,
            label[known],
            weight=table.weight[known],
            feature_name=table.names,
            init_score=None if start is None else start.predict(matrix, num_threads=self.parameters["num_threads"]),
            reference=reference,
            params=self.parameters,
        )

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        """Raw margins of classes, standardised values of a regression: {output: (n, width) float32}."""
        if not self.boosters:
            raise RuntimeError("fit or load the trees before predicting")
        names, matrix = self.features(batch)
        if [_plain(name) for name in names] != self.boosters[0].feature_name():
            raise MismatchError("the trees were grown on other features than these events have", where="model 'bdt'")
        outputs = self._outputs(matrix)
        outputs = with_scaled_sigma(outputs, self.scales) if self.scales else outputs
        return {name: values.astype(np.float32) for name, values in outputs.items()}

    def _outputs(self, matrix: np.ndarray) -> dict[str, np.ndarray]:
        """{output: (n, width) float64}, errors as they are left of the training events."""
        threads = self.parameters["num_threads"]
        raw = [np.asarray(b.predict(matrix, raw_score=True, num_threads=threads)) for b in self.boosters]
        (first, *more) = self.outputs
        if not more:
            return {first: np.concatenate([r.reshape(len(matrix), -1) for r in raw], axis=1)}
        value, low, high = (np.stack(raw[k::3], axis=1) for k in range(3))
        sigma = np.maximum((high - low) / 2, np.finfo(np.float32).tiny)
        return {"value": value, "log_sigma": np.log(sigma)}

    def importance(self) -> dict[str, float]:
        """Share of the gain of all splits that each feature brought, largest first; they add up to one.

        Of a regression without the trees for its errors.
        """
        shown = [b for b, e in zip(self.boosters, self.ensembles, strict=False) if "alpha" not in e.objective]
        if not shown:
            return {}
        gains = np.sum([booster.feature_importance("gain") for booster in shown], axis=0)
        shares = gains / (gains.sum() or 1.0)
        names = shown[0].feature_name()
        return {names[i]: float(shares[i]) for i in np.argsort(-shares, kind="stable")}

    def save(self, folder: Path) -> None:
        """Write `bdt-<n>.txt` (LightGBM's own text format) of every ensemble, and `bdt.json`."""
        if not self.boosters:
            raise RuntimeError("fit the trees before saving")
        for number, booster in enumerate(self.boosters):
            write_text(Path(folder) / f"bdt-{number}.txt", booster.model_to_string())
        trees = [booster.num_trees() for booster in self.boosters]
        about = {"outputs": self.outputs, "trees": trees, "scales": self.scales}
        write_json(Path(folder) / "bdt.json", about)

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote; `MismatchError` if those trees give other outputs."""
        about = read_json(Path(folder) / "bdt.json")
        if about.get("outputs") != self.outputs:
            given, wanted = (
                ", ".join(f"{name} of width {width}" for name, width in (of or {}).items()) or "nothing known"
                for of in (about.get("outputs"), self.outputs)
            )
            raise MismatchError(f"gives {given}, expected {wanted}", where=Path(folder) / "bdt.json")
        boosters = []
        for number in range(len(self.ensembles)):
            path = Path(folder) / f"bdt-{number}.txt"
            try:
                with reading(path):
                    boosters.append(lightgbm.Booster(model_str=path.read_text(encoding="utf-8")))
            except (OSError, lightgbm.basic.LightGBMError) as error:
                raise DataError(f"holds no LightGBM trees ({error})", where=path) from error
        self.boosters, self.scales = boosters, about["scales"]

    def parameters_count(self) -> int:
        """Leaves of all trees; 0 before they are grown."""
        texts = [booster.model_to_string() for booster in self.boosters]
        return sum(int(n) for text in texts for n in re.findall(r"^num_leaves=(\d+)$", text, re.MULTILINE))


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
