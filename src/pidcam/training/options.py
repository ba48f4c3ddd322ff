"""How a network is trained: typed options; every field is a key under `training`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from pidcam.schema import Spec


class OptimiserOptions(Spec):
    """`keras_epsilon`: add eps to the uncorrected root, as Keras's Adam does (TF "epsilon hat", Kingma & Ba sec. 2)."""

    name: Literal["adam", "adamw", "sgd"] = "adamw"
    lr: PositiveFloat = 1e-3
    weight_decay: float = Field(0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    eps: PositiveFloat = 1e-8
    keras_epsilon: bool = False
    momentum: float = Field(0.9, ge=0)


class ScheduleOptions(Spec):
    """Learning rate over time. cosine: linear warm-up over the fraction `warmup` of all steps, then down to `min_lr`;
    onecycle: the same with a cosine rise; plateau: times `factor` when the monitored metric has not improved by
    `min_delta` for `patience` epochs, then `cooldown` epochs of rest (counted as Keras counts)."""

    name: Literal["constant", "cosine", "onecycle", "plateau"] = "constant"
    warmup: float = Field(0.05, ge=0, lt=1)
    factor: float = Field(0.5, gt=0, lt=1)
    patience: PositiveInt = 2
    min_delta: float = Field(1e-4, ge=0)
    cooldown: int = Field(0, ge=0)
    min_lr: float = Field(0.0, ge=0)


class EarlyStoppingOptions(Spec):
    """Stop after `patience` epochs without an improvement of more than `min_delta`."""

    patience: PositiveInt = 4
    min_delta: float = Field(0.0, ge=0)


class Monitor(Spec):
    """The validation metric that decides which epoch is best."""

    name: str
    direction: Literal["min", "max"]


class TrainingOptions(Spec):
    """The training recipe.

    precision: `auto` times fp32 against bfloat16 on this machine and takes bfloat16 where it is clearly faster; what
    was taken is recorded. ema: decay of the running average of weights that is validated and kept. clip: largest
    gradient norm. threads: CPU threads (default: the cores available).
    """

    epochs: PositiveInt = 20
    batch_size: PositiveInt = 512
    seed: int = Field(0, ge=0)
    optimiser: OptimiserOptions = OptimiserOptions()
    schedule: ScheduleOptions = ScheduleOptions()
    early_stopping: EarlyStoppingOptions | None = None
    monitor: Monitor | None = None
    ema: float | None = Field(None, gt=0, lt=1)
    clip: PositiveFloat | None = None
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: PositiveInt | None = None
    limit: PositiveInt | None = None
