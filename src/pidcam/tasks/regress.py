"""How large is a quantity of the event, and how well is it known? Energy, momentum, a track length."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BeforeValidator, Field
from torch import Tensor

from pidcam.analysis import ONE_SIGMA, bias_and_width, fraction, quantile
from pidcam.batch import Batch
from pidcam.errors import ConfigError, InputError, UnknownNameError
from pidcam.predictions import Predictions
from pidcam.schema import ClassSelection, EventSchema, Spec
from pidcam.tasks.base import Task, tasks
from pidcam.units import physical_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENERGIES = ("eV", "keV", "MeV", "GeV", "TeV")
NARROWEST, WIDEST = math.log(1e-4), math.log(10.0)
"""Bounds of ln(sigma) in units of the targets' spread."""


Loss = Literal["beta-nll", "nll", "huber", "mse"]


def _as_list(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


class RegressOptions(Spec):
    """What is regressed, and how.

    targets: names of the schema's targets; the first gives the metrics without a prefix. classes: the events looked at,
    as for `classify`. loss: `beta-nll` and `nll` learn an error of every event beside its value (Gaussian likelihood;
    weighted with sigma^(2 beta), Seitzer et al., arXiv:2203.09168), `huber` and `mse` the value alone. delta: where
    Huber's loss becomes linear, in units of `spread`. relative: targets whose residuals are told relative to the truth
    (default: those in units of energy). centre, spread: mean and standard deviation of the targets, from the training
    split unless told.
    """

    targets: Annotated[list[str] | None, BeforeValidator(_as_list)] = None
    classes: dict[str, list[str] | str] | list[str] | None = None
    loss: Loss = "beta-nll"
    beta: Annotated[float, Field(ge=0, le=1)] = 0.5
    delta: Annotated[float, Field(gt=0)] = 0.1
    relative: list[str] | None = None
    centre: dict[str, float] | None = None
    spread: dict[str, Annotated[float, Field(gt=0)]] | None = None


@tasks.register("regress")
class Regress(Task):
    """One output `value`, and for the likelihoods `log_sigma`, each as wide as there are targets: standardised, that is
    (target - centre) / spread."""

    Options = RegressOptions
    kind = "regression"
    headline = "resolution"
    sections = ("resolution",)

    def __init__(self, schema: EventSchema, options: Spec):
        assert isinstance(options, RegressOptions)
        self.options: RegressOptions = options
        self.selection = ClassSelection.of(options.classes, schema)
        units = {column.name: column.unit for column in schema.targets}
        if options.targets is None and len(units) != 1:
            what = f"'{schema.name}' has {', '.join(units) or 'no targets'}"
            raise InputError(f"which target? {what}", where="task.targets", fix="task.targets=[NAME]")
        self.targets = tuple(options.targets or units)
        for key, names in (("targets", self.targets), ("relative", options.relative or ())):
            if wrong := [name for name in names if name not in units]:
                raise UnknownNameError("target", wrong[0], units, where=f"task.{key}")
        if not self.targets or len(set(self.targets)) < len(self.targets):
            raise ConfigError("names every target once, and at least one", where="task.targets")
        self.units = {name: units[name] for name in self.targets}
        energies = [name for name, unit in self.units.items() if physical_unit(unit)[1] in ENERGIES]
        self.relative = frozenset(energies if options.relative is None else options.relative)
        self.has_sigma = options.loss.endswith("nll")
        self.outputs = dict.fromkeys(("value", "log_sigma") if self.has_sigma else ("value",), len(self.targets))
        self.monitor = ("nll" if self.has_sigma else "loss", "min")

    @property
    def question(self) -> str:
        return f"{', '.join(self.targets)} of {', '.join(self.selection.names) or 'all events'}"

    def fitted(self, truth: Callable[[str], np.ndarray]) -> Spec:
        """With `centre` and `spread` of the training split where they were not told."""
        found: dict[str, dict[str, float]] = {"centre": {}, "spread": {}}
        for name in self.targets:
            values = truth(name).astype(np.float64)
            values = values[np.isfinite(values)]
            if not len(values):
                raise InputError(f"target '{name}' is unknown in every training event", where="task.targets")
            found["centre"][name] = float(values.mean())
            found["spread"][name] = float(values.std()) or 1.0
        told = {"centre": self.options.centre or {}, "spread": self.options.spread or {}}
        return self.options.model_copy(update={key: {**found[key], **told[key]} for key in found})

    def standardised(self, targets: Mapping[str, Tensor]) -> Tensor:
        """(n, targets) of the truth in units of `spread` around `centre`; NaN where it is not known."""
        centre, spread = self._scales()
        columns = [(targets[name].double() - c) / s for name, c, s in zip(self.targets, centre, spread, strict=True)]
        return torch.stack(columns, dim=1)

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Tensor:
        """(n,) loss summed over targets; a target that is not known costs nothing."""
        truth = self.standardised(batch.targets).to(outputs["value"].dtype)
        known = torch.isfinite(truth)
        each = losses(self.options, self.options.loss, outputs, torch.where(known, truth, 0))
        return torch.where(known, each, 0).sum(dim=1)

    def columns(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """`<target>_predicted`, and `<target>_sigma` where the loss learns it, in the unit of the target."""
        made = {}
        for k, (name, centre, spread) in enumerate(zip(self.targets, *self._scales(), strict=True)):
            made[f"{name}_predicted"] = centre + spread * outputs["value"][:, k].astype(np.float64)
            if self.has_sigma:
                made[f"{name}_sigma"] = spread * np.exp(_bounded(outputs["log_sigma"][:, k]))
        return made

    def known(self, predictions: Predictions) -> np.ndarray:
        """(n,) where the truth of every target is known."""
        spectators, unknown = predictions.spectators, np.full(len(predictions), np.nan)
        return np.all([np.isfinite(spectators.get(name, unknown)) for name in self.targets], axis=0)

    def metrics(self, predictions: Predictions) -> dict[str, Any]:
        """`n`, weighted mean `loss` (with an error for every event also `nll`), and of every target with its `_error`:
        `bias` (median) and `resolution` (half the shortest interval with 68.3 % of the events) of its residuals,
        `pull` (median) and `pull_width` of residual / sigma, `coverage` of +- sigma (0.683 if it is true).

        Names of targets after the first have its name before them. Raises InputError where no truth is known.
        """
        known = self.known(predictions)
        if not known.any():
            raise InputError(f"no event with a known {', '.join(self.targets)}", where="predictions")
        events = predictions if known.all() else predictions.take(known)
        weight = events.weight.astype(np.float64)
        metrics: dict[str, Any] = {"n": len(events), **self._mean_losses(events, weight)}
        for k, name in enumerate(self.targets):
            prefix = f"{name}_" if k else ""
            found = dict(zip(("bias", "resolution"), bias_and_width(self.residuals(events, name), weight), strict=True))
            if self.has_sigma:
                pulls = self.pulls(events, name)
                found |= dict(zip(("pull", "pull_width"), bias_and_width(pulls, weight), strict=True))
                found["coverage"] = fraction(np.abs(pulls) < 1, weight)
            for key, value in found.items():
                metrics |= {f"{prefix}{key}": value.value, f"{prefix}{key}_error": value.error}
        return metrics

    def residuals(self, events: Predictions, name: str) -> np.ndarray:
        """(n,) predicted - true, for `relative` targets over the truth."""
        truth = events.spectators[name].astype(np.float64)
        return (events.columns[f"{name}_predicted"] - truth) / (truth if name in self.relative else 1)

    def pulls(self, events: Predictions, name: str) -> np.ndarray:
        """(n,) (predicted - true) / sigma."""
        truth = events.spectators[name].astype(np.float64)
        return (events.columns[f"{name}_predicted"] - truth) / events.columns[f"{name}_sigma"]

    def averaged(self, each: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Mean values; the variance is that of the mixture: the mean variance, and what the members differ by."""
        made = super().averaged(each)
        if self.has_sigma and len(each) > 1:
            for name in self.targets:
                values, sigmas = (np.stack([of[f"{name}_{what}"] for of in each]) for what in ("predicted", "sigma"))
                made[f"{name}_sigma"] = np.sqrt((sigmas**2).mean(axis=0) + values.var(axis=0))
        return made

    def figures(self, predictions: Mapping[str, Predictions]) -> dict[str, Figure]:
        """Predicted against true value, and pulls where there is an error, of the test split."""
        from pidcam import reports

        shown = predictions.get("test") or next(iter(predictions.values()))
        made = {}
        for name, unit in self.units.items():
            suffix = "" if name == self.targets[0] else f"_{name}"
            truth, predicted = shown.spectators[name], shown.columns[f"{name}_predicted"]
            made[f"predicted{suffix}"] = reports.predicted(
                truth, predicted, self.residuals(shown, name), name, unit, relative=name in self.relative
            )
            if self.has_sigma:
                made[f"pulls{suffix}"] = reports.pulls(self.pulls(shown, name), name)
        return made

    def _mean_losses(self, events: Predictions, weight: np.ndarray) -> dict[str, float]:
        """The loss as it was trained, and the likelihood itself: ln(sigma) + residual^2 / (2 sigma^2), standardised."""
        centre, spread = (torch.tensor(scale, dtype=torch.float64) for scale in self._scales())
        truth, value = (
            torch.from_numpy(np.stack([of[name] for name in names], axis=1).astype(np.float64))
            for of, names in (
                (events.spectators, self.targets),
                (events.columns, [f"{name}_predicted" for name in self.targets]),
            )
        )
        outputs, truth = {"value": (value - centre) / spread}, (truth - centre) / spread
        if self.has_sigma:
            sigma = np.stack([events.columns[f"{name}_sigma"] for name in self.targets], axis=1)
            outputs["log_sigma"] = torch.log(torch.from_numpy(sigma) / spread)
        kinds: dict[str, Loss] = {"loss": self.options.loss} | ({"nll": "nll"} if self.has_sigma else {})
        each = {key: losses(self.options, kind, outputs, truth).sum(dim=1).numpy() for key, kind in kinds.items()}
        return {key: float(np.average(values, weights=weight)) for key, values in each.items()}

    def _scales(self) -> tuple[list[float], list[float]]:
        options = self.options
        if options.centre is None or options.spread is None:
            raise RuntimeError("centre and spread of the targets are fitted before anything is learnt")
        return [options.centre[name] for name in self.targets], [options.spread[name] for name in self.targets]


def losses(options: RegressOptions, kind: Loss, outputs: Mapping[str, Tensor], truth: Tensor) -> Tensor:
    """(n, targets) loss of standardised values, of one kind: what Huber's and the squared loss are without factors."""
    residual = outputs["value"] - truth
    if kind == "mse":
        return residual**2
    if kind == "huber":
        return F.huber_loss(outputs["value"], truth, reduction="none", delta=options.delta) / options.delta
    log_sigma = outputs["log_sigma"].clamp(NARROWEST, WIDEST)
    nll = log_sigma + residual**2 / (2 * torch.exp(2 * log_sigma))
    return nll if kind == "nll" else nll * torch.exp(2 * options.beta * log_sigma).detach()


def sigma_scales(outputs: Mapping[str, np.ndarray], truth: np.ndarray, weight: np.ndarray) -> list[float]:
    """By target, what sigma is multiplied with so that +- sigma holds 68.3 % of these events, of those whose truth is
    known: `outputs` and standardised `truth` (n, targets), `weight` (n,).

    To be found on events that were not trained on, and not of those that the result is quoted for. Raises `InputError`
    for negative weights, and if no truth of a target is known.
    """
    pulls = np.abs(outputs["value"] - truth) / np.exp(_bounded(outputs["log_sigma"]))
    known = np.isfinite(truth)
    found = [quantile(pull[k], ONE_SIGMA, weight[k]) for pull, k in zip(pulls.T, known.T, strict=True)]
    return [max(scale, float(np.finfo(np.float32).tiny)) for scale in found]


def with_scaled_sigma(outputs: dict[str, np.ndarray], scales: Sequence[float]) -> dict[str, np.ndarray]:
    """Raw outputs with every target's sigma multiplied with its scale."""
    kind = outputs["log_sigma"].dtype
    return {**outputs, "log_sigma": (_bounded(outputs["log_sigma"]) + np.log(scales)).astype(kind)}


def _bounded(log_sigma: np.ndarray) -> np.ndarray:
    return log_sigma.astype(np.float64).clip(NARROWEST, WIDEST)
