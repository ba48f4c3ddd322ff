"""One update of the weights: from a batch to the next state, in parts where memory asks for it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pidcam.batch import Batch, SparseImage
from pidcam.errors import ConfigError, PidcamError
from pidcam.progress import say
from pidcam.training.guards import not_finite
from pidcam.training.network import Prepared
from pidcam.training.precision import autocast
from pidcam.training.schedules import set_step
from pidcam.training.state import FitState

OOM_WORDS = ("out of memory", "can't allocate memory", "could not allocate", "bad_alloc")


class Done(NamedTuple):
    """Weighted mean loss of a batch (over all ranks), and the raw outputs of ours before the update."""

    loss: float
    outputs: dict[str, np.ndarray]


class Stepper:
    """Makes updates. `class_weight` (classes,) or None multiplies the weight of every event in the loss."""

    def __init__(self, state: FitState, class_weight: Tensor | None = None):
        self.state = state
        self.class_weight = class_weight
        self.call = Prepared(state.network, state.options.compile, state.ranks)

    def __call__(self, batch: Batch) -> Done:
        s, o = self.state, self.state.options
        set_step(s.optimiser, o.optimiser, s.lr(), s.step)
        weight = self.weights(batch)
        while True:
            torch.manual_seed(seed_of(o.seed, s.step, *([s.ranks.rank] if s.ranks.rank else [])))
            s.optimiser.zero_grad(set_to_none=True)
            try:
                loss, outputs = self._backward(batch, weight)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self._make_room(batch)  # outside of except: a traceback would keep the memory
        s.scaler.unscale_(s.optimiser)
        if o.clip:
            torch.nn.utils.clip_grad_norm_(s.network.module.parameters(), o.clip)
        s.scaler.step(s.optimiser)
        s.scaler.update()
        s.step += 1
        if s.average:
            s.average.update(s.network.module, s.step)
        return Done(loss, {name: value.numpy(force=True) for name, value in outputs.items()})

    def weights(self, batch: Batch) -> Tensor:
        """(n,) weight of every event in the loss; zero for padding."""
        weight = batch.weight if self.state.options.event_weights else (~batch.padding).to(batch.weight.dtype)
        return weight if self.class_weight is None else weight * self.class_weight[batch.label]

    def _backward(self, batch: Batch, weight: Tensor) -> tuple[float, dict[str, Tensor]]:
        """Gradients of the weighted mean loss over the events of all ranks."""
        s = self.state
        (total,) = s.ranks.total(float(weight.sum()))
        if not total:
            raise PidcamError(f"all events of batch {s.cursor + 1} in epoch {s.epoch + 1} have weight zero")
        summed, collected = 0.0, []
        edges = np.linspace(0, len(batch), min(s.parts, len(batch)) + 1).round().astype(int).tolist()
        for start, stop in pairwise(edges):
            whole = len(edges) == 2
            part, w = (batch, weight) if whole else (batch.rows(start, stop), weight[start:stop])
            last = stop == len(batch)
            with nullcontext() if last else self.call.no_sync():
                outputs, each = self._forward(part)
                loss = (each * w).sum() / total
                not_finite(loss, each, part, s)
                summed += loss.item()
                # gradients are averaged over ranks, the loss is a sum over them
                s.scaler.scale(loss * s.ranks.ranks).backward()
            collected.append({name: value.detach() for name, value in outputs.items()})
        merged = (
            collected[0] if len(collected) == 1 else {k: torch.cat([c[k] for c in collected]) for k in collected[0]}
        )
        return s.ranks.total(summed)[0], merged

    def _forward(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        """Outputs and the loss of every event."""
        s = self.state
        mixed = mixup(batch, s.options.mixup) if s.options.mixup else None
        with autocast(s.precision, batch.device):
            outputs = self.call(mixed.batch if mixed else batch)
        outputs = {name: value.float() for name, value in outputs.items()}
        each = s.task.loss(outputs, batch)
        if mixed:
            other = s.task.loss(outputs, replace(batch, label=batch.label[mixed.other], targets=mixed.targets))
            each = mixed.share * each + (1 - mixed.share) * other
        return outputs, each

    def _make_room(self, batch: Batch) -> None:
        """After memory ran out: compute in twice as many parts, or say how many events would fit."""
        s = self.state
        s.optimiser.zero_grad(set_to_none=True)
        if batch.device.type == "cuda":
            torch.cuda.empty_cache()
        if s.options.out_of_memory == "split" and not s.ranks.several and s.parts < len(batch):
            s.parts *= 2
            s.record.update(accumulate=s.parts)
            say(f"out of memory: an update of {len(batch)} events is now computed in {s.parts} parts")
            return
        size = -(-len(batch) // s.parts)
        fits = self._largest_fit(batch, size)
        if not fits:
            raise PidcamError(
                f"out of memory: not even one event fits on {batch.device}; take a smaller model"
            ) from None
        parts = s.parts
        while -(-len(batch) // parts) > fits:
            parts *= 2
        raise PidcamError(
            f"out of memory with {size} events at once on {batch.device}, {fits} would fit: "
            f"training.accumulate={parts} computes the same update in {parts} parts, "
            f"training.batch_size={fits * s.ranks.ranks} makes smaller updates, training.out_of_memory=split finds "
            "out by itself"
        ) from None

    def _largest_fit(self, batch: Batch, size: int) -> int:
        while size > 1:
            size //= 2
            part = batch.rows(0, size)
            try:
                with autocast(self.state.precision, batch.device):
                    outputs = self.state.network(part)
                self.state.task.loss({k: v.float() for k, v in outputs.items()}, part).mean().backward()
                return size
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self.state.optimiser.zero_grad(set_to_none=True)
        return 0


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on a GPU or on the CPU (where torch raises a plain RuntimeError)."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error).lower() for words in OOM_WORDS)


class Mixed(NamedTuple):
    """A batch whose event i is `share` of event i and the rest of event `other[i]`, with the targets of the other."""

    batch: Batch
    other: Tensor
    share: float
    targets: dict[str, Tensor]


def mixup(batch: Batch, alpha: float) -> Mixed:
    """Mix every event with another one of the batch; the label that stays is that of the larger share."""
    if any(isinstance(image, SparseImage) for image in batch.images.values()):
        raise ConfigError(
            "hits of two events cannot be mixed", where="training.mixup", fix="set training.mixup=0 for this model"
        )
    drawn = float(torch.distributions.Beta(alpha, alpha).sample())
    share = max(drawn, 1 - drawn)
    other = torch.randperm(len(batch)).to(batch.device)

    def mix(values: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: share * x + (1 - share) * x[other] for name, x in values.items()}

    images = mix({name: batch.dense(name) for name in batch.images})
    mixed = replace(batch, images={**images}, features=mix(batch.features), made=mix(batch.made))
    return Mixed(mixed, other, share, {name: x[other] for name, x in batch.targets.items()})


def balanced(labels: np.ndarray, classes: int) -> np.ndarray:
    """(classes,) weights that let every class count the same, with mean one over events."""
    counts = np.bincount(labels, minlength=classes)
    weights: np.ndarray = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return weights


def seed_of(*key: int) -> int:
    """A seed for torch from any number of whole numbers."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)
