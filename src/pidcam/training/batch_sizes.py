"""What the number of events in a batch does to the speed of a training and to what is learnt in a given time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pidcam.errors import InputError, PidcamError
from pidcam.jobs import default_threads
from pidcam.runs import RunDirectory
from pidcam.store.loader import Loader
from pidcam.store.store import Store
from pidcam.training.config import RunConfig
from pidcam.training.evaluate import predict
from pidcam.training.loop import class_weight, find_precision
from pidcam.training.precision import keep_freed_memory
from pidcam.training.run import Run
from pidcam.training.state import FitState
from pidcam.training.step import Stepper
from pidcam.training.torch_model import TorchModel
from pidcam.training.utilisation import Utilisation
from pidcam.transforms.base import Chain


@dataclass(frozen=True)
class Trial:
    """One batch size on one device: `seconds_per_epoch` and `events_per_second` with loading and all, `utilisation` of
    the device (see `training.utilisation`), and after `seconds` of training (`steps` updates) the validation metric
    with its error. What could not be measured is None, and `note` says why."""

    device: str
    batch_size: int
    precision: str
    learning_rate: float
    seconds_per_epoch: float | None = None
    events_per_second: float | None = None
    utilisation: float | None = None
    seconds: float | None = None
    steps: int = 0
    value: float | None = None
    error: float | None = None
    note: str = ""


def devices() -> tuple[str, ...]:
    """The kinds of device that this machine has."""
    return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)


def try_batch_size(store: Store, config: RunConfig, chain: Chain, device: str, seconds: float, folder: Path) -> Trial:
    """Train as `config` says for `seconds` after a first step, from the same weights for any batch size.

    The schedule runs down within that time (a plateau, which needs epochs, stays constant). Raises `InputError` for a
    model that is not trained in batches.
    """
    run = Run(RunDirectory(folder), config, store.schema, chain, device=device)
    if not isinstance(run.model, TorchModel):
        raise InputError(f"model '{config.model.name}' does not learn in batches", where="--model")
    run.directory.create()
    options = config.training
    torch.set_num_threads(options.threads or default_threads())
    keep_freed_memory()
    train = run.loader(store, "train", training=True, limit=options.limit)
    state = FitState(run.model, run.task, run.directory, options, steps=10**9)
    about: tuple[str, int, str, float] = (device, options.batch_size, options.precision, options.optimiser.lr)
    try:
        state.set_precision(find_precision(state, train))
        about = (device, options.batch_size, state.precision, options.optimiser.lr)
        step = Stepper(state, class_weight(options, run.task, train))
        measured = _train(state, step, train, seconds)
    except PidcamError as error:  # out of memory, or a loss that is not finite: of this batch size alone
        return Trial(*about, note=str(error))
    if state.average:
        run.model.module.load_state_dict(state.average.state)
    valid = predict(run.model.predict, run.loader(store, "valid", limit=options.limit), run.task)
    metrics = run.task.metrics(valid)
    name = run.task.headline
    return Trial(*about, **measured, value=metrics.get(name), error=metrics.get(f"{name}_error"))


def _train(state: FitState, step: Stepper, train: Loader, seconds: float) -> dict[str, Any]:
    """Updates until the time is over, epoch after epoch; the first one, which makes ready, is not timed."""
    module, events, first = state.network.module, 0, True
    start, used = math.inf, Utilisation(state.network.device)
    while True:
        train.epoch, train.cursor = state.epoch, 0
        for batch in train:
            module.train()
            step(batch)
            events += len(batch)
            if first:
                first, events, start = False, 0, time.perf_counter()
                used.begin()
                continue
            elapsed = time.perf_counter() - start
            state.steps = max(state.step + 1, round(state.step * seconds / elapsed))
            if elapsed >= seconds:
                rate = events / elapsed
                return {
                    "seconds_per_epoch": train.events / rate,
                    "events_per_second": rate,
                    "utilisation": used.end(elapsed),
                    "seconds": elapsed,
                    "steps": state.step,
                }
        state.epoch += 1
