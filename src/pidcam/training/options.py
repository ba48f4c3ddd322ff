"""How a network is trained: typed options; every field is a key under `training`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt

from pidcam.schema import Spec
from pidcam.store.memory import WINDOW, Keep

RISING = ("auc", "accuracy", "efficiency")
"""Metrics that are better when they are larger; all others are better when they are smaller."""


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
    """Learning rate over time, after a warm-up over the fraction `warmup` of all steps (default: 0.05 for cosine and
    onecycle, none for the others). cosine: linear warm-up, then down to `min_lr`; onecycle: the same with a cosine
    rise; plateau: times `factor` when the monitored metric has not improved by `min_delta` for `patience` epochs, then
    `cooldown` epochs of rest (counted as Keras counts)."""

    name: Literal["constant", "cosine", "onecycle", "plateau"] = "constant"
    warmup: float | None = Field(None, ge=0, lt=1)
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
    """The validation metric that decides which epoch is best: `loss`, `auc`, `accuracy`, `efficiency@0.01` (of the
    signal, at a fake rate of 1 %), or any other number of the task with its good direction. A bare name will do."""

    name: str
    direction: Literal["min", "max"]


def _monitor(given: Any) -> Any:
    if isinstance(given, str):
        given = {"name": given}
    if isinstance(given, dict) and "direction" not in given and isinstance(given.get("name"), str):
        return {**given, "direction": "max" if given["name"].partition("@")[0] in RISING else "min"}
    return given


class TrainingOptions(Spec):
    """The training recipe.

    batch_size: events of one update, over all ranks. accumulate: parts in which an update is computed, to save memory.
    out_of_memory: `split` doubles `accumulate` when memory runs out, `stop` says what would fit. ema: decay of the
    running average of weights that is validated and kept. clip: largest gradient norm. mixup: alpha of the beta
    distribution from which two events' shares in a mixed one are drawn (Zhang et al., arXiv:1710.09412).
    class_weights: `balanced` lets every class weigh the same, `{name: weight}` as told; balance: the fraction of each
    class in an epoch, `{name: fraction}` or `equal`; rare events come several times. event_weights: whether the weights
    of the store count in the loss. freeze: names of parts that do not learn (as in `model` of a run to start
    from). precision: `auto` times fp32 against bfloat16 on this machine and takes bfloat16 where it is clearly faster;
    what was taken is recorded. compile: let torch.compile translate the model. resident: where the training events stay
    while they are used: `mapped` files, `ram`, the `device`, or what has room. window: bytes of the store that are
    shuffled among each other, if it holds more. keep: how many best checkpoints stay.
    checkpoint_seconds: time between checkpoints inside an epoch. threads: CPU threads (default: OMP_NUM_THREADS, else
    the cores available).
    loggers: where the history goes besides the run directory.
    """

    epochs: PositiveInt = 20
    batch_size: PositiveInt = 512
    accumulate: PositiveInt = 1
    out_of_memory: Literal["stop", "split"] = "stop"
    seed: int = Field(0, ge=0)
    optimiser: OptimiserOptions = OptimiserOptions()
    schedule: ScheduleOptions = ScheduleOptions()
    early_stopping: EarlyStoppingOptions | None = None
    monitor: Annotated[Monitor | None, BeforeValidator(_monitor)] = None
    ema: float | None = Field(None, gt=0, lt=1)
    clip: PositiveFloat | None = None
    mixup: float = Field(0.0, ge=0)
    class_weights: Literal["balanced"] | dict[str, PositiveFloat] | None = None
    balance: Literal["equal"] | dict[str, Annotated[float, Field(ge=0, le=1)]] | None = None
    event_weights: bool = True
    freeze: tuple[str, ...] = ()
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compile: bool = False
    resident: Keep = "auto"
    window: PositiveInt = WINDOW
    keep: PositiveInt = 1
    checkpoint_seconds: PositiveFloat = 300.0
    threads: PositiveInt | None = None
    limit: PositiveInt | None = None
    loggers: tuple[Literal["tensorboard", "mlflow"], ...] = ()
