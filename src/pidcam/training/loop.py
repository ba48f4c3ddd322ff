"""The training loop: epochs over a loader, followed on the validation split, stoppable and resumable at every batch.

A run that was stopped and resumed ends with the same weights as one that never was (on one device, with the same number
of threads and ranks): the order of events is a function of (seed, epoch), every random choice inside a step of (seed,
step), and all other state is in the checkpoint.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch

from pidcam.batch import Batch
from pidcam.errors import ConfigError, PidcamError, Stopped
from pidcam.jobs import default_threads
from pidcam.progress import Progress, progress, say
from pidcam.runs import RunDirectory
from pidcam.store.loader import Loader
from pidcam.tasks.base import Task, scalar_metrics
from pidcam.training.clock import Clock
from pidcam.training.evaluate import Collector, collect
from pidcam.training.growing import Train, Valid
from pidcam.training.guards import compare_modes, look_at_inputs
from pidcam.training.loggers import Loggers
from pidcam.training.network import Network
from pidcam.training.options import TrainingOptions
from pidcam.training.precision import choose_precision, keep_freed_memory, probe_precision
from pidcam.training.ranks import Ranks
from pidcam.training.signals import StopRequest, stop_on_signals
from pidcam.training.start import Frozen
from pidcam.training.state import FitState, Unfinished, merge_states
from pidcam.training.step import Stepper, balanced


@dataclass
class Fit:
    """What one fit works with; all that must survive it is in `state`."""

    state: FitState
    train: Train
    valid: Valid
    step: Stepper
    frozen: Frozen
    loggers: Loggers
    stop: StopRequest
    bar: Progress


def fit(
    network: Network,
    train: Train,
    valid: Valid,
    task: Task,
    record: RunDirectory,
    options: TrainingOptions,
    *,
    ranks: Ranks | None = None,
    clock: Clock | None = None,
) -> None:
    """Train `network` and leave it with its best weights. Goes on from the checkpoint in `record`, if there is one.

    Raises `Stopped` after a signal or when the time on `clock` is short, with a checkpoint behind it; `PidcamError` if
    the loss is not finite or memory runs out.
    """
    torch.set_num_threads(options.threads or default_threads())
    keep_freed_memory()
    ranks = ranks or Ranks()
    network.spread(ranks)
    frozen = Frozen(network.module, options.freeze)
    state = FitState(network, task, record, options, ranks=ranks, clock=clock)
    resumed = state.restore()
    _count_steps(state, train)
    if resumed is not None:
        if ranks.first:
            say(f"{record.path}: going on in epoch {state.epoch + 1} after {state.step} of {state.steps} steps")
    else:
        _begin(state, train)
    step = Stepper(state, class_weight(options, task, train))
    loggers = Loggers(options.loggers if ranks.first else (), record)
    try:
        with stop_on_signals() as stop, progress("training", state.steps) as bar:
            bar.advance(state.step)
            run = Fit(state, train, valid, step, frozen, loggers, stop, bar)
            while state.epoch < options.epochs and not state.finished:
                _one_epoch(run, resumed)
                resumed = None
    finally:
        loggers.close()
    best = ranks.share(record.load_checkpoint("best") if ranks.first else None)
    if best is None:
        raise PidcamError(f"{record.path}: no epoch gave a usable validation {state.monitor}")
    network.module.load_state_dict({k: torch.from_numpy(v) for k, v in best[0].items()})
    if ranks.first:
        record.update(fit_seconds=round(state.seconds, 3), epochs=state.epoch, best_epoch=state.best_epoch)


def _count_steps(state: FitState, train: Train) -> None:
    """How many steps there are in all; the first epoch of a store in the making has another number than the others."""
    train.epoch = state.epoch
    state.steps = state.step - state.cursor + (state.options.epochs - state.epoch) * len(train)


def _begin(state: FitState, train: Train) -> None:
    """What is done once, before the first step: look at the inputs, choose the precision."""
    with state.ranks.first_alone() as mine:
        if mine:
            for line in look_at_inputs(state.network.module, train):
                state.record.warn(line)
            state.set_precision(find_precision(state, train))
            if state.options.monitor:  # a misspelt one shall not cost an epoch
                _metrics(state, [collect(state.network.predict, islice(train, 1), state.task).state()])
                train.cursor = 0
    state.set_precision(state.ranks.share(state.precision))


def _one_epoch(run: Fit, resumed: Unfinished | None) -> None:
    state, task, train, clock = run.state, run.state.task, run.train, run.state.clock
    collector, losses = Collector(task), list[float]()
    if resumed:
        arrays, losses = resumed
        collector.restore(arrays)
    _count_steps(state, train)
    start, lr = time.perf_counter() - (state.seconds - _told_seconds(state.record)), state.lr(state.step - state.cursor)
    train.cursor = state.cursor
    state.network.module.train()
    run.frozen.hold(state.network.module)
    began = last = time.perf_counter()
    batch: Batch | None = None
    for batch in train:
        done = run.step(batch)
        collector.add(done.outputs, batch)
        losses.append(done.loss)
        state.cursor = train.cursor
        run.bar.advance()
        run.bar.note(f"epoch {state.epoch + 1} loss {done.loss:.4f}")
        now = time.perf_counter()
        clock.learn("batch", now - last)
        last = now
        if _must_save(run):
            state.seconds, began = state.seconds + now - began, now
            state.save(collector, losses)
            _leave_if_asked(run)
    warning = compare_modes(state, batch) if batch is not None and state.ranks.first else None
    measured = _measure(run, collector)
    clock.learn("validation", time.perf_counter() - last)
    state.seconds += time.perf_counter() - began
    seconds = time.perf_counter() - start
    measured["train"]["loss"] = float(np.average(losses, weights=train.sizes))
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
    if state.ranks.first:
        if warning:
            state.record.warn(warning)
        state.record.epoch(row)
        run.loggers.epoch(row)
    state.save()
    run.bar.note(f"epoch {state.epoch} valid {state.monitor} {value:.4f}")


def _measure(run: Fit, collector: Collector) -> dict[str, dict[str, Any]]:
    """Metrics of the events trained on, as they were met, and of the validation split, over all ranks.

    The validation split is scored with the averaged weights where there are any.
    """
    state, module = run.state, run.state.network.module
    state.ranks.share_state(module)
    own = {k: v.clone() for k, v in module.state_dict().items()} if state.average else None
    if state.average:
        module.load_state_dict(state.average.state)
    scored = collect(state.network.predict, run.valid, state.task)
    if own is not None:
        module.load_state_dict(own)
    parts = {"train": collector, "valid": scored}
    merged = {split: state.ranks.gather(part.state()) for split, part in parts.items()}
    with state.ranks.first_alone() as mine:
        measured = {split: _metrics(state, part) for split, part in merged.items()} if mine else {}
    return state.ranks.share(measured)


def _metrics(state: FitState, parts: list[dict[str, np.ndarray]]) -> dict[str, Any]:
    collector = Collector(state.task)
    collector.restore(merge_states(parts))
    predictions = collector.predictions()
    metrics = state.task.metrics(predictions)
    if state.monitor not in metrics:
        metrics[state.monitor] = state.task.monitored(state.monitor, predictions)
    return metrics


def _must_save(run: Fit) -> bool:
    """Whether a checkpoint is due: anybody, on any rank, was asked to stop or has too little time left for what comes
    next, or the last checkpoint is old."""
    clock, ranks = run.state.clock, run.state.ranks
    if not run.stop and clock.short(validation=run.train.at_the_end):
        run.stop.reason = "the time limit"
    asked, due = ranks.total(bool(run.stop), clock.due(run.state.options.checkpoint_seconds))
    if asked and not run.stop:
        run.stop.reason = "another rank"
    return bool(asked or due)


def _leave_if_asked(run: Fit) -> None:
    if run.stop:
        raise Stopped(
            f"{run.state.record.path}: stopped by {run.stop.reason} in epoch {run.state.epoch + 1} with a checkpoint; "
            "call the same command again to go on"
        )


def find_precision(state: FitState, train: Train) -> str:
    """As asked; `auto` is decided by a short timed probe, which is recorded."""
    options, record = state.options, state.record
    if options.precision != "auto":
        record.update(precision=options.precision)
        return options.precision
    torch.manual_seed(options.seed)
    train.epoch, train.cursor = 0, 0
    batch = next(iter(train))
    train.cursor = 0
    part = batch.rows(0, -(-len(batch) // state.parts))
    seconds = probe_precision(state.network.module, part, state.task.loss)
    chosen = choose_precision(seconds)
    record.update(precision=chosen, precision_probe_seconds={k: round(v, 4) for k, v in seconds.items()})
    return chosen


def class_weight(options: TrainingOptions, task: Task, train: Train) -> torch.Tensor | None:
    """(classes,) that multiplies the weight of every event in the loss, or None."""
    names = task.selection.names
    if options.class_weights is None:
        return None
    if options.class_weights == "balanced":
        if not isinstance(train, Loader):
            fix = "give them by name, or prepare first"
            raise ConfigError("needs all events counted", where="training.class_weights=balanced", fix=fix)
        weights = balanced(train.labels, len(names))
    else:
        given = options.class_weights
        if wrong := [name for name in given if name not in names]:
            raise ConfigError(f"unknown class '{wrong[0]}'", where="training.class_weights", fix=", ".join(names))
        weights = np.array([given.get(name, 1.0) for name in names])
    return torch.tensor(weights, dtype=torch.float32, device=train.device)


def _told_seconds(record: RunDirectory) -> float:
    return sum(row["seconds"] for row in record.history)
