"""Everything that a fit must remember to go on as if it had never been stopped, and how it goes into a checkpoint."""

from __future__ import annotations

import time
from typing import Literal

import numpy as np
import torch

from pidcam.errors import PidcamError
from pidcam.runs import RunDirectory
from pidcam.tasks.base import Task
from pidcam.training.clock import Clock
from pidcam.training.evaluate import Collector
from pidcam.training.network import Network
from pidcam.training.options import TrainingOptions
from pidcam.training.ranks import Ranks
from pidcam.training.schedules import EarlyStopping, Plateau, build_optimiser, improved, step_lr

PARTIAL = "partial."
LAYOUT = 1
"""Version of what a checkpoint holds. A later pidcam reads it; what it does not know is left alone."""
PLAIN = ("step", "epoch", "cursor", "best", "best_epoch", "seconds", "finished", "precision", "parts", "kept")
Unfinished = tuple[dict[str, np.ndarray], list[float]]
"""What was collected of an epoch that a checkpoint interrupted, and the loss of its batches."""


class Average:
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


class FitState:
    """The state of one fit, which ends after `steps` batches; `parts` is how many an update is computed in."""

    def __init__(
        self,
        network: Network,
        task: Task,
        record: RunDirectory,
        options: TrainingOptions,
        steps: int = 0,
        ranks: Ranks | None = None,
        clock: Clock | None = None,
    ):
        self.network, self.task, self.record, self.options = network, task, record, options
        self.ranks, self.clock = ranks or Ranks(), clock or Clock()
        self.optimiser = build_optimiser(network.module, options.optimiser)
        name, direction = (options.monitor.name, options.monitor.direction) if options.monitor else task.monitor
        self.monitor: str = name
        self.direction: Literal["min", "max"] = direction
        self.average = Average(network.module, options.ema) if options.ema else None
        self.plateau = Plateau(options.schedule, options.optimiser.lr, direction)
        self.stopping = EarlyStopping(options.early_stopping, direction) if options.early_stopping else None
        self.scaler = torch.amp.GradScaler(network.device.type, enabled=False)
        self.precision = "fp32"
        self.parts = options.accumulate
        self.steps, self.step, self.epoch, self.cursor = steps, 0, 0, 0
        self.best: float | None = None
        self.best_epoch = 0
        self.kept: list[list[float]] = []
        self.seconds = 0.0
        self.finished = False

    def set_precision(self, precision: str) -> None:
        """Half precision needs its gradients scaled up, lest they vanish; the others do not."""
        self.precision = precision
        self.scaler = torch.amp.GradScaler(self.network.device.type, enabled=precision == "fp16")

    def lr(self, step: int | None = None) -> float:
        """Learning rate of the next step, or of a given one of this epoch."""
        base = self.plateau.state["lr"] if self.options.schedule.name == "plateau" else self.options.optimiser.lr
        return step_lr(self.options.schedule, float(base or 0), self.step if step is None else step, self.steps)

    # checkpoints

    def save(self, partial: Collector | None = None, losses: list[float] | None = None) -> None:
        """Write the checkpoint `last`. Every rank calls it, the first one writes."""
        began = time.monotonic()
        collected = self.ranks.gather(partial.state()) if partial is not None else []
        if not self.ranks.first:
            self.clock.saved(began)
            return
        tensors = {f"model.{k}": v for k, v in self.network.module.state_dict().items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{k}": torch.as_tensor(v) for k, v in state.items() if v is not None}
        if self.average:
            tensors |= {f"average.{k}": v for k, v in self.average.state.items()}
        arrays = to_numpy(tensors)
        if partial is not None:  # the part of the epoch that was already trained on, for its line of history
            arrays |= {f"{PARTIAL}{k}": v for k, v in merge_states(collected).items()}
        state = {k: getattr(self, k) for k in PLAIN}
        state |= {"layout": LAYOUT, "plateau": self.plateau.state, "losses": losses or []}
        state |= {"stopping": self.stopping.state if self.stopping else None}
        state |= {"scaler": self.scaler.state_dict()}
        self.record.save_checkpoint("last", arrays, state)
        self.clock.saved(began)

    def restore(self) -> Unfinished | None:
        """Take up the last checkpoint, if there is one; returns what it held of an unfinished epoch."""
        with self.ranks.first_alone() as mine:
            found = self.record.load_checkpoint("last") if mine else None
        found = self.ranks.share(found)
        if found is None:
            return None
        arrays, state = found
        if state.get("layout", LAYOUT) > LAYOUT:
            raise PidcamError(f"{self.record.path}: the checkpoint is of a later pidcam; update pidcam to go on")

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
            for parameter, moments in self.optimiser.state.items():  # a fused update walks through memory: one layout
                for name, value in moments.items():
                    if value.shape == parameter.shape:
                        moments[name] = torch.empty_like(parameter).copy_(value)
        except (RuntimeError, KeyError, ValueError) as error:
            raise PidcamError(f"{self.record.path}: the checkpoint does not fit the model: {error}") from error
        for name in PLAIN:
            setattr(self, name, state.get(name, getattr(self, name)))
        self.set_precision(self.precision)
        if state.get("scaler"):
            self.scaler.load_state_dict(state["scaler"])
        self.plateau.state = state["plateau"]
        if self.stopping and state["stopping"]:
            self.stopping.state = state["stopping"]
        unfinished = {k.removeprefix(PARTIAL): v for k, v in arrays.items() if k.startswith(PARTIAL)}
        return unfinished if self.ranks.first else {}, state["losses"]

    def keep_best(self, value: float) -> None:
        """Keep the weights of this epoch if it is the best one, or among the `keep` best."""
        is_best = improved(value, self.best, self.direction)
        if is_best:
            self.best, self.best_epoch = value, self.epoch
        ranked = sorted([*self.kept, [value, self.epoch]], key=lambda row: row[0], reverse=self.direction == "max")
        self.kept = [row for row in ranked if row[0] == row[0]][: self.options.keep]
        if not self.ranks.first:
            return
        arrays = to_numpy(self.average.state if self.average else self.network.module.state_dict())
        state = {"epoch": self.epoch, self.monitor: value}
        if self.options.keep > 1:
            if [value, self.epoch] in self.kept:
                self.record.save_checkpoint(epoch_name(self.epoch), arrays, state)
            self.record.keep_checkpoints("epoch-", [epoch_name(int(epoch)) for _, epoch in self.kept])
        if is_best:
            self.record.save_checkpoint("best", arrays, state)


def epoch_name(epoch: int) -> str:
    return f"epoch-{epoch:04d}"


def to_numpy(tensors: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {k: v.detach().contiguous().cpu().numpy() for k, v in tensors.items()}


def merge_states(states: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """What collectors of all ranks gave, end to end."""
    keys = dict.fromkeys(key for state in states for key in state)
    return {key: np.concatenate([state[key] for state in states if key in state]) for key in keys}
