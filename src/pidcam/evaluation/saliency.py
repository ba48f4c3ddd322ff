"""Which cells made the network decide: integrated gradients on the detector image of its most confident mistakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pidcam.batch import Batch
from pidcam.errors import InputError, MismatchError
from pidcam.evaluation.choose import confident_mistakes, facts
from pidcam.evaluation.sample import event_key
from pidcam.evaluation.sections import Warn
from pidcam.events import EventBatch
from pidcam.predictions import Predictions
from pidcam.store.loader import batch_from_events
from pidcam.store.store import Store
from pidcam.training.run import Run

STEPS = 64
"""Points along the path; the sum of the attributions then meets the change of the output to a few per cent."""
INCOMPLETE = 0.1


@dataclass(frozen=True)
class Attribution:
    """What each cell added to the output of n events: `images` {name: (n, channels, *grid)}.

    They sum to `output` - `empty` (n,), the network's output for the event and for the empty detector, up to `gap`.
    """

    images: dict[str, np.ndarray]
    output: np.ndarray
    empty: np.ndarray

    @property
    def gap(self) -> np.ndarray:
        """(n,) what the sum misses, relative to the change of the output."""
        n = len(self.output)
        total = np.sum([values.reshape(n, -1).sum(axis=1) for values in self.images.values()], axis=0)
        change = self.output - self.empty
        return np.abs(total - change) / np.maximum(np.abs(change), 1e-3)


def integrated_gradients(score: Callable[[Batch], Tensor], batch: Batch, *, steps: int = STEPS) -> Attribution:
    """Integrate the gradient of `score(batch)` (n,) along the straight way from the empty image to each event.

    M. Sundararajan et al., ICML 2017; the empty detector is the baseline, features stay as they are. The midpoint rule
    with `steps` points.
    """
    full = {name: batch.dense(name).detach() for name in batch.images}
    total = {name: torch.zeros_like(x) for name, x in full.items()}
    for step in range(steps):
        part = {name: (x * ((step + 0.5) / steps)).requires_grad_() for name, x in full.items()}
        with torch.enable_grad():
            gradients = torch.autograd.grad(score(replace(batch, images=dict(part))).sum(), list(part.values()))
        for name, gradient in zip(part, gradients, strict=True):
            total[name] += gradient
    with torch.no_grad():
        output = score(batch)
        empty = score(replace(batch, images={name: torch.zeros_like(x) for name, x in full.items()}))
    attributed = {name: (total[name] / steps * x).numpy(force=True) for name, x in full.items()}
    return Attribution(attributed, output.numpy(force=True), empty.numpy(force=True))


def saliency(
    run: Run, store: Store, predictions: Predictions, warn: Warn, *, split: str = "test", events: int = 4
) -> tuple[dict[str, Any], Attribution, EventBatch]:
    """Attributions of the most confident mistakes: the facts for metrics.json, the attributions, the raw events.

    What is explained is the log odds of the class the model chose. Raises `InputError` for a model without gradients,
    and where there is no mistake.
    """
    network = getattr(run.model, "module", None)
    if not isinstance(network, torch.nn.Module) or not callable(run.model):
        raise InputError(
            f"model '{run.config.model.name}' has no gradients", where="--saliency", fix="try --importance"
        )
    if not store.schema.images or not run.task.signals:
        what = "no images" if run.task.signals else "no classes to mistake"
        raise InputError(f"'{store.schema.name}' has {what}", where="--saliency")
    rows = confident_mistakes(predictions, events)
    if not len(rows):
        raise InputError(f"no mistake in the {split} split", where="--saliency")
    raw = stored_events(store, split, predictions, rows)
    batch = batch_from_events(raw, store.schema).to(run.device)
    chosen = torch.from_numpy(predictions.probabilities[rows].argmax(axis=1)).to(run.device)

    def log_odds(part: Batch) -> Tensor:
        outputs = run.model(run.change(part))  # type: ignore[operator]
        return _log_odds(outputs, chosen)

    training = network.training
    network.eval()
    try:
        found = integrated_gradients(log_odds, batch)
    finally:
        network.train(training)
    if (worst := float(found.gap.max())) > INCOMPLETE:
        warn(f"the attributions miss up to {100 * worst:.0f} % of the change of the output")
    return _facts(run, predictions, rows, found, split), found, raw


def stored_events(store: Store, split: str, predictions: Predictions, rows: np.ndarray) -> EventBatch:
    """The events of a store at `rows` of predictions made from it, matched by (file, row).

    Raises `MismatchError` if the store has them not.
    """
    shards = store.shards(split)
    stored = np.concatenate([event_key(s.file, s.row) for s in shards] or [np.empty(0, np.int64)])
    wanted = event_key(predictions.file[rows], predictions.row[rows])
    order = np.argsort(stored, kind="stable")
    place = np.searchsorted(stored, wanted, sorter=order).clip(max=max(len(stored) - 1, 0))
    if not len(stored) or not np.array_equal(stored[order[place]], wanted):
        raise MismatchError("does not hold the events of the predictions", where=store.path)
    return store.events(split, order[place])


def _log_odds(outputs: dict[str, Tensor], chosen: Tensor) -> Tensor:
    """ln(p / (1 - p)) of the chosen class, from one logit of the second of two classes, or a logit per class."""
    if "logit" in outputs:
        logit = outputs["logit"].float()[:, 0]
        return torch.where(chosen == 1, logit, -logit)
    logits = outputs["logits"].float()
    own = logits.gather(1, chosen[:, None])[:, 0]
    others = logits.scatter(1, chosen[:, None], -torch.inf)
    return own - torch.logsumexp(others, dim=1)


def _facts(run: Run, predictions: Predictions, rows: np.ndarray, found: Attribution, split: str) -> dict[str, Any]:
    described = []
    for i, known in enumerate(facts(predictions, rows)):
        sizes = {
            f"{image.name}.{channel.name}": float(np.abs(found.images[image.name][i, k]).sum())
            for image in run.schema.images
            for k, channel in enumerate(image.channels)
        }
        total = sum(sizes.values()) or 1.0
        numbers = {"log_odds": found.output[i], "log_odds_empty": found.empty[i], "gap": found.gap[i]}
        described.append(
            {**asdict(known), "title": known.title}
            | {name: float(value) for name, value in numbers.items()}
            | {"share": {name: size / total for name, size in sizes.items()}}
        )
    return {"quoted_on": split, "method": "integrated gradients from the empty detector", "events": described}
