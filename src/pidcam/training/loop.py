"""The training loop: epochs over a loader, followed on the validation split, stoppable and resumable at every batch.

A run that was stopped and resumed ends with the same weights as one that never was (on one device, with the same number
of threads): the order of events is a function of (seed, epoch), every random choice inside a step of (seed, step), and
all other state is in the checkpoint.
"""

from __future__ import annotations

import math
import time
from typing import Any, Literal

import numpy as np
import torch

from pidcam.batch import Batch
from pidcam.errors import PidcamError, Stopped
from pidcam.jobs import available_cores
from pidcam.progress import Progress, progress, say
from pidcam.runs import RunDirectory
from pidcam.store.loader import Loader
from pidcam.tasks.base import Task, scalar_metrics
from pidcam.training.evaluate import Collector, predict
from pidcam.training.network import Network
from pidcam.training.options import TrainingOptions
from pidcam.training.precision import autocast, choose_precision, keep_freed_memory, probe_precision
from pidcam.training.schedules import EarlyStopping, Plateau, build_optimiser, improved, set_step, step_lr
from pidcam.training.signals import StopRequest, stop_on_signals

PARTIAL = "partial."


class _Average:
    """Running average of all floating-point state, which is validated and kept instead of the raw weights."""

    def __init__(self, module: torch.nn.Module, decay: float):
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in module.state_dict().items()}

    def update(self, module: torch.nn.Module, step: int) -> None:
        # early averages forget faster, so that they do not remember the start
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - decay)
            else:
                self.state[name].copy_(value)


class _Fit:
    """State of one fit: everything that a checkpoint must hold."""

    def __init__(self, network: Network, task: Task, record: RunDirectory, options: TrainingOptions, steps: int):
        self.network, self.task, self.record, self.options = network, task, record, options
        self.optimiser = build_optimiser(network.module, options.optimiser)
        name, direction = (options.monitor.name, options.monitor.direction) if options.monitor else self.task.monitor
        self.monitor: str = name
        self.direction: Literal["min", "max"] = direction
        self.average = _Average(network.module, options.ema) if options.ema else None
        self.plateau = Plateau(options.schedule, options.optimiser.lr, direction)
        self.stopping = EarlyStopping(options.early_stopping, direction) if options.early_stopping else None
        self.precision = "fp32"
        self.steps, self.step, self.epoch, self.cursor = steps, 0, 0, 0
        self.best: float | None = None
        self.best_epoch = 0
        self.seconds = 0.0
        self.finished = False

    # checkpoint

    def save(self, partial: Collector | None = None, losses: list[float] | None = None) -> None:
        tensors = {f"model.{k}": v for k, v in self.network.module.state_dict().items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{k}": torch.as_tensor(v) for k, v in state.items()}
        if self.average:
            tensors |= {f"average.{k}": v for k, v in self.average.state.items()}
        arrays = {k: v.detach().contiguous().cpu().numpy() for k, v in tensors.items()}
        if partial is not None:  # the part of the epoch that was already trained on, for its line of history
            arrays |= {f"{PARTIAL}{k}": v for k, v in partial.state().items()}
        state = {k: getattr(self, k) for k in ("step", "epoch", "cursor", "best", "best_epoch", "seconds", "finished")}
        state |= {"precision": self.precision, "plateau": self.plateau.state, "losses": losses or []}
        state |= {"stopping": self.stopping.state if self.stopping else None}
        self.record.save_checkpoint("last", arrays, state)

    def restore(self) -> tuple[dict[str, np.ndarray], list[float]] | None:
        """Take up the last checkpoint, if there is one; returns what it held of an unfinished epoch."""
        found = self.record.load_checkpoint("last")
        if found is None:
            return None
        arrays, state = found

        def part(prefix: str) -> dict[str, torch.Tensor]:
            return {k.removeprefix(prefix): torch.from_numpy(v) for k, v in arrays.items() if k.startswith(prefix)}

        try:
            self.network.module.load_state_dict(part("model."))
            if self.average:
                self.average.state = {k: v.to(self.network.device) for k, v in part("average.").items()}
            packed = self.optimiser.state_dict()
            packed["state"] = {}
            for key, value in part("optimiser.").items():
                number, name = key.split(".", 1)
                packed["state"].setdefault(int(number), {})[name] = value
            self.optimiser.load_state_dict(packed)
        except (RuntimeError, KeyError, ValueError) as error:
            raise PidcamError(f"{self.record.path}: the checkpoint does not fit the model: {error}") from error
        for name in ("step", "epoch", "cursor", "best", "best_epoch", "seconds", "finished", "precision"):
            setattr(self, name, state[name])
        self.plateau.state = state["plateau"]
        if self.stopping and state["stopping"]:
            self.stopping.state = state["stopping"]
        return {k.removeprefix(PARTIAL): v for k, v in arrays.items() if k.startswith(PARTIAL)}, state["losses"]

    # steps

    def train_step(self, batch: Batch) -> tuple[float, dict[str, np.ndarray]]:
        """One update; returns the weighted mean loss and the raw outputs before it."""
        o = self.options
        torch.manual_seed(_seed_of(o.seed, self.step))
        lr = self.lr()
        set_step(self.optimiser, o.optimiser, lr, self.step)
        with autocast(self.precision, batch.device):
            outputs = self.network(batch)
        outputs = {name: value.float() for name, value in outputs.items()}
        loss = (self.task.loss(outputs, batch) * batch.weight).sum() / batch.weight.sum()
        if not torch.isfinite(loss):
            first = batch.event[0].tolist()
            raise PidcamError(
                f"the loss is {loss.item()} in epoch {self.epoch + 1}, batch {self.cursor + 1} "
                f"(its first event: file {first[0]}, row {first[1]}); lower training.optimiser.lr or scale the inputs"
            )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if o.clip:
            torch.nn.utils.clip_grad_norm_(self.network.module.parameters(), o.clip)
        self.optimiser.step()
        self.step += 1
        if self.average:
            self.average.update(self.network.module, self.step)
        return loss.item(), {name: value.detach().numpy(force=True) for name, value in outputs.items()}

    def lr(self) -> float:
        base = self.plateau.state["lr"] if self.options.schedule.name == "plateau" else self.options.optimiser.lr
        return step_lr(self.options.schedule, float(base or 0), self.step, self.steps)

    def validate(self, valid: Loader) -> dict[str, Any]:
        """Metrics on the validation split, of the averaged weights where there are any."""
        if not self.average:
            return self.task.metrics(predict(self.network.predict, valid, self.task))
        own = {k: v.clone() for k, v in self.network.module.state_dict().items()}
        self.network.module.load_state_dict(self.average.state)
        metrics = self.task.metrics(predict(self.network.predict, valid, self.task))
        self.network.module.load_state_dict(own)
        return metrics

    def keep_best(self, value: float) -> None:
        if improved(value, self.best, self.direction):
            self.best, self.best_epoch = value, self.epoch
            state = self.average.state if self.average else self.network.module.state_dict()
            arrays = {k: v.detach().contiguous().cpu().numpy() for k, v in state.items()}
            self.record.save_checkpoint("best", arrays, {"epoch": self.epoch, self.monitor: value})


def fit(
    network: Network, train: Loader, valid: Loader, task: Task, record: RunDirectory, options: TrainingOptions
) -> None:
    """Train `network` and leave it with its best weights. Goes on from the checkpoint in `record`, if there is one.

    Raises `Stopped` after a signal, with a checkpoint behind it; `PidcamError` if the loss is not finite.
    """
    torch.set_num_threads(options.threads or available_cores())
    keep_freed_memory()
    state = _Fit(network, task, record, options, options.epochs * len(train))
    resumed = state.restore()
    if resumed is not None:
        say(f"{record.path}: going on in epoch {state.epoch + 1} after {state.step} of {state.steps} steps")
    else:
        state.precision = _precision(network, train, task, record, options)
    with stop_on_signals() as stop, progress("training", state.steps) as bar:
        bar.advance(state.step)
        while state.epoch < options.epochs and not state.finished:
            _one_epoch(state, train, valid, stop, bar, resumed)
            resumed = None
    best = record.load_checkpoint("best")
    if best is None:
        raise PidcamError(f"{record.path}: no epoch gave a usable validation {state.monitor}")
    network.module.load_state_dict({k: torch.from_numpy(v) for k, v in best[0].items()})
    record.update(fit_seconds=round(state.seconds, 3), epochs=state.epoch, best_epoch=state.best_epoch)


def _one_epoch(
    state: _Fit,
    train: Loader,
    valid: Loader,
    stop: StopRequest,
    bar: Progress,
    resumed: tuple[dict[str, np.ndarray], list[float]] | None,
) -> None:
    network, task = state.network, state.task
    collector, losses = Collector(task), list[float]()
    if resumed:
        arrays, losses = resumed
        collector.restore(arrays)
    start, lr = time.perf_counter() - (state.seconds - _told_seconds(state.record)), state.lr()
    train.epoch, train.cursor = state.epoch, state.cursor
    network.module.train()
    clock = time.perf_counter()
    for batch in train:
        loss, outputs = state.train_step(batch)
        collector.add(outputs, batch)
        losses.append(loss)
        state.cursor = train.cursor
        bar.advance()
        bar.note(f"epoch {state.epoch + 1} loss {loss:.4f}")
        if stop:
            state.seconds += time.perf_counter() - clock
            state.save(collector, losses)
            raise Stopped(
                f"{state.record.path}: stopped by {stop.reason} in epoch {state.epoch + 1} with a checkpoint; "
                "call the same command again to go on"
            )
    measured = {"train": task.metrics(collector.predictions()), "valid": state.validate(valid)}
    state.seconds += time.perf_counter() - clock
    seconds = time.perf_counter() - start
    measured["train"]["loss"] = float(np.average(losses, weights=_batch_sizes(train)))
    state.epoch, state.cursor = state.epoch + 1, 0
    row: dict[str, Any] = {"epoch": state.epoch}
    for split, metrics in measured.items():
        row |= {f"{split}_{name}": value for name, value in scalar_metrics(metrics).items()}
    row |= {"learning_rate": lr, "seconds": round(seconds, 3), "samples_per_second": round(train.events / seconds, 1)}

    value = measured["valid"].get(state.monitor)
    value = math.nan if value is None else float(value)
    if state.options.schedule.name == "plateau":
        state.plateau.epoch_end(value)
    state.keep_best(value)
    state.finished = state.stopping.epoch_end(value) if state.stopping else False
    state.record.epoch(row)
    state.save()
    bar.note(f"epoch {state.epoch} valid {state.monitor} {value:.4f}")


def _precision(network: Network, train: Loader, task: Task, record: RunDirectory, options: TrainingOptions) -> str:
    """As asked; `auto` is decided by a short timed probe, which is recorded."""
    if options.precision != "auto":
        record.update(precision=options.precision)
        return options.precision
    torch.manual_seed(options.seed)
    train.epoch, train.cursor = 0, 0
    batch = next(iter(train))
    train.cursor = 0
    seconds = probe_precision(network.module, batch, task.loss)
    chosen = choose_precision(seconds)
    record.update(precision=chosen, precision_probe_seconds={k: round(v, 4) for k, v in seconds.items()})
    return chosen


def _told_seconds(record: RunDirectory) -> float:
    return sum(row["seconds"] for row in record.history)


def _batch_sizes(loader: Loader) -> list[int]:
    full, rest = divmod(loader.events, loader.batch_size)
    return [loader.batch_size] * full + [rest] * bool(rest)


def _seed_of(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)
