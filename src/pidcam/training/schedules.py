"""Learning rates and stopping rules. Everything that has state gives it as a JSON-ready dict and takes it back."""

from __future__ import annotations

import math
from typing import Literal

import torch

from pidcam.training.options import EarlyStoppingOptions, OptimiserOptions, ScheduleOptions


def improved(value: float, best: float | None, direction: Literal["min", "max"], min_delta: float = 0.0) -> bool:
    """Whether `value` beats `best` by more than `min_delta`; the first value always does, NaN never."""
    if math.isnan(value):
        return False
    if best is None:
        return True
    return value < best - min_delta if direction == "min" else value > best + min_delta


class Plateau:
    """Keras's ReduceLROnPlateau, epoch by epoch (keras/src/callbacks/reduce_lr_on_plateau.py, min_delta absolute)."""

    def __init__(self, options: ScheduleOptions, lr: float, direction: Literal["min", "max"]):
        self.options, self.direction = options, direction
        self.state: dict[str, float | None] = {"lr": lr, "best": None, "wait": 0, "cooldown": 0}

    def epoch_end(self, value: float) -> float:
        """The learning rate of the next epoch."""
        s, o = self.state, self.options
        resting = s["cooldown"] > 0  # type: ignore[operator]
        if resting:
            s["cooldown"] -= 1  # type: ignore[operator]
            s["wait"] = 0
        if improved(value, s["best"], self.direction, o.min_delta):
            s["best"], s["wait"] = value, 0
        elif not s["cooldown"]:
            s["wait"] += 1  # type: ignore[operator]
            if s["wait"] >= o.patience and s["lr"] > o.min_lr:  # type: ignore[operator]
                s["lr"] = max(s["lr"] * o.factor, o.min_lr)  # type: ignore[operator]
                s["cooldown"], s["wait"] = o.cooldown, 0
        return float(s["lr"])  # type: ignore[arg-type]


class EarlyStopping:
    """Keras's EarlyStopping: true once `patience` epochs in a row have not improved."""

    def __init__(self, options: EarlyStoppingOptions, direction: Literal["min", "max"]):
        self.options, self.direction = options, direction
        self.state: dict[str, float | None] = {"best": None, "wait": 0}

    def epoch_end(self, value: float) -> bool:
        if improved(value, self.state["best"], self.direction, self.options.min_delta):
            self.state.update(best=value, wait=0)
        else:
            self.state["wait"] += 1  # type: ignore[operator]
        return self.state["wait"] >= self.options.patience  # type: ignore[operator]


def step_lr(options: ScheduleOptions, lr: float, step: int, steps: int) -> float:
    """Learning rate of step `step` of `steps`, as far as it is a function of the step alone."""
    falls = options.name in ("cosine", "onecycle")
    share = (0.05 if falls else 0.0) if options.warmup is None else options.warmup
    warmup = max(1, round(share * steps))
    if step < warmup and (falls or share):
        rise = (step + 1) / warmup
        return lr * (0.04 + 0.96 * (1 - math.cos(math.pi * rise)) / 2 if options.name == "onecycle" else rise)
    if not falls:
        return lr
    fall = (step - warmup) / max(1, steps - warmup)
    return options.min_lr + (lr - options.min_lr) * (1 + math.cos(math.pi * fall)) / 2


def build_optimiser(module: torch.nn.Module, options: OptimiserOptions) -> torch.optim.Optimizer:
    """The optimiser; weight decay acts on matrices and kernels, not on biases and normalisation."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": options.weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    groups = [g for g in groups if g["params"]]
    if options.name == "sgd":
        return torch.optim.SGD(groups, lr=options.lr, momentum=options.momentum)
    kind = torch.optim.AdamW if options.name == "adamw" else torch.optim.Adam
    return kind(groups, lr=options.lr, betas=options.betas, eps=options.eps, fused=True)


def set_step(optimiser: torch.optim.Optimizer, options: OptimiserOptions, lr: float, step: int) -> None:
    """Set the learning rate (and Keras's epsilon) for step `step`, counted from 0.

    Keras adds eps to sqrt(v), PyTorch to sqrt(v / (1 - beta2^t)): the same update needs eps / sqrt(1 - beta2^t).
    """
    for group in optimiser.param_groups:
        group["lr"] = lr
        if options.keras_epsilon and options.name != "sgd":
            group["eps"] = options.eps / math.sqrt(1 - options.betas[1] ** (step + 1))
