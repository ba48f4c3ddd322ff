"""Checks that find the usual mistakes before, while and after they spoil a training, in words a student understands."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pidcam.batch import Batch, SparseImage
from pidcam.errors import PidcamError
from pidcam.files import atomic_path
from pidcam.training.growing import Train

if TYPE_CHECKING:
    from pidcam.training.state import FitState

BATCHES = 4
"""Batches of the training split that are looked at before it begins."""
TINY, HUGE = 0.03, 100.0
"""Spreads of a channel outside of which a network learns badly; below the first, batch normalisation adds its own
1e-5 to variances of the same size."""
SETTLED = 100
"""Updates after which running statistics should describe the training events."""
WORSE = 1.25
"""How many times larger the loss in evaluation mode may be than in training mode."""

BATCH_NORMS = (torch.nn.modules.batchnorm._BatchNorm,)


def look_at_inputs(module: torch.nn.Module, train: Train) -> list[str]:
    """What is odd about the events as the model will see them: constant channels and features, spreads far from 1."""
    channels: dict[str, list[Tensor]] = {}
    sparse: set[str] = set()
    train.epoch, train.cursor = 0, 0
    for batch in islice(train, BATCHES):
        for name, value, is_sparse in _channels(batch):
            channels.setdefault(name, []).append(value.detach().float().cpu().clone())
            sparse |= {name} if is_sparse else set()
    train.cursor = 0
    normalises = any(isinstance(layer, BATCH_NORMS) for layer in module.modules())
    return [
        line
        for name, parts in channels.items()
        if (line := _oddity(name, torch.cat(parts), sparse=name in sparse, normalises=normalises))
    ]


def _channels(batch: Batch) -> Iterator[tuple[str, Tensor, bool]]:
    for name, image in batch.images.items():
        is_sparse = isinstance(image, SparseImage)
        values = image.value.t() if isinstance(image, SparseImage) else image.transpose(0, 1).flatten(1)
        for k, channel in enumerate(values):
            yield f"channel {k} of image '{name}'", channel, is_sparse
    for name, feature in batch.features.items():
        yield f"feature '{name}'", feature, False


def _oddity(name: str, values: Tensor, *, sparse: bool, normalises: bool) -> str | None:
    if not len(values) or not torch.isfinite(values).all():
        return None  # a loss that is not finite is told by itself, with its events
    spread = float(values.std(unbiased=False))
    if spread == 0:
        # a hit that says nothing but that it is there is a good input
        return None if sparse else f"{name} is {float(values[0]):g} in every event: the model can learn nothing from it"
    if name.startswith("feature"):
        return None  # every model scales its features by itself
    size = spread if not sparse else float(values.square().mean().sqrt())
    if normalises and size < TINY:
        return (
            f"{name} is not scaled: its values spread by {size:.2g} only, and batch normalisation, which adds 1e-5 "
            "to the variance, works well around 1; add the transform {name: scale}"
        )
    if size < TINY**2 or size > HUGE:
        return (
            f"{name} is not scaled: its values spread by {size:.2g}, and networks learn best around 1; "
            "add the transform {name: scale}"
        )
    return None


def compare_modes(state: FitState, batch: Batch) -> str | None:
    """Whether the loss of the same training events is much worse in evaluation mode than in training mode.

    With dropout it should be better; it is worse where the running statistics of batch normalisation do not describe
    the events, as on sparse images without scaling or at too high a learning rate.
    """
    module = state.network.module
    if state.step < SETTLED or not any(isinstance(layer, BATCH_NORMS) for layer in module.modules()) or len(batch) < 2:
        return None
    losses = []
    for training in (True, False):
        trial = copy.deepcopy(module).train(training)  # its running statistics move, ours shall not
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            outputs = {name: value.float() for name, value in trial(batch).items()}
            losses.append(float(state.task.loss(outputs, batch).mean()))
    learning, scoring = losses
    if not scoring > WORSE * learning + 0.05:
        return None
    return (
        f"after epoch {state.epoch} the loss of the same training events is {learning:.3f} in training mode and "
        f"{scoring:.3f} in evaluation mode: the running averages of batch normalisation do not describe the events; "
        "scale the inputs ({name: scale}), lower the learning rate, or train for longer"
    )


def not_finite(loss: Tensor, each: Tensor, batch: Batch, state: FitState) -> None:
    """Raise if the loss is not a number, naming the events, which are kept in the run for a look."""
    if torch.isfinite(loss):
        return
    bad = (~torch.isfinite(each.detach())).nonzero()[:, 0].cpu()
    bad = bad if len(bad) else torch.arange(len(batch))
    files = list(state.record.about.get("files", {}))
    names = [f"{files[f] if 0 <= f < len(files) else f'file {f}'} row {r}" for f, r in batch.event.cpu()[bad].tolist()]
    where = f"epoch {state.epoch + 1}, batch {state.cursor + 1}"
    path = state.record.path / f"not-finite-epoch{state.epoch + 1}-batch{state.cursor + 1}.npz"
    arrays: dict[str, Any] = _arrays(batch, each)
    with atomic_path(path) as part, open(part, "wb") as file:
        np.savez_compressed(file, **arrays)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    raise PidcamError(
        f"the loss is {loss.item()} in {where}, for {len(names)} of {len(batch)} events: {', '.join(names[:3])}{more} "
        f"(kept in {path}); {_cause(batch, state)}"
    )


def _cause(batch: Batch, state: FitState) -> str:
    """What is not finite besides the loss, and what to do."""
    if broken := _broken_inputs(batch):
        return f"{broken} holds values that are not finite"
    fixes = ["lower training.optimiser.lr", "scale the inputs"]
    if state.precision != "fp32":
        fixes.append(f"take training.precision=fp32 instead of {state.precision}")
    fix = " or ".join([", ".join(fixes[:-1]), fixes[-1]])
    weights = state.network.module.named_parameters()
    spoilt = next((name for name, value in weights if not torch.isfinite(value).all()), None)
    return f"{spoilt} was not finite after the update before; {fix}" if spoilt else fix


def _arrays(batch: Batch, each: Tensor) -> dict[str, np.ndarray]:
    """The batch as plain arrays, for `numpy.load`."""
    arrays: dict[str, Any] = {"loss": each.detach().float(), "label": batch.label, "weight": batch.weight}
    arrays["event"] = batch.event
    for name, image in batch.images.items():
        if isinstance(image, SparseImage):
            arrays |= {f"{name}.{k}": getattr(image, k) for k in ("offsets", "place", "value")}
        else:
            arrays[name] = image
    arrays |= batch.features | batch.made | batch.targets
    return {name: tensor.cpu().numpy() for name, tensor in arrays.items()}


def _broken_inputs(batch: Batch) -> str | None:
    return next((name for name, value, _ in _channels(batch) if not torch.isfinite(value).all()), None)
