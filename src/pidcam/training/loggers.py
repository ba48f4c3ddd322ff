"""TensorBoard and MLflow as adapters on the run directory: they are told what its history says, line by line."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from pidcam.config import load_yaml
from pidcam.errors import MissingExtraError
from pidcam.runs import RunDirectory


class Logger(Protocol):
    """Opened on a run directory, told every line of its history once, closed."""

    def epoch(self, row: Mapping[str, Any]) -> None: ...

    def close(self) -> None: ...


class TensorBoard:
    """Event files in `tensorboard/` of the run; what a killed run told twice is purged."""

    def __init__(self, record: RunDirectory):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtraError("training.loggers=[tensorboard]", "tensorboard") from error
        self.writer = SummaryWriter(record.path / "tensorboard", purge_step=len(record.history) + 1)

    def epoch(self, row: Mapping[str, Any]) -> None:
        for name, value in _numbers(row).items():
            quantity = name.partition("_")
            tag = f"{quantity[2]}/{quantity[0]}" if quantity[0] in ("train", "valid") else name
            self.writer.add_scalar(tag, value, int(row["epoch"]))

    def close(self) -> None:
        self.writer.close()


class MLflow:
    """A run in the tracking server of MLFLOW_TRACKING_URI (by default in `mlruns/` beside the run); a resumed run goes
    on in the same one, whose id is in run.json."""

    def __init__(self, record: RunDirectory):
        try:
            import mlflow
        except ImportError as error:
            raise MissingExtraError("training.loggers=[mlflow]", "mlflow") from error
        self.mlflow = mlflow
        if "MLFLOW_TRACKING_URI" not in os.environ:
            mlflow.set_tracking_uri((record.path.resolve().parent / "mlruns").as_uri())
        known = record.about.get("mlflow_run")
        run = mlflow.start_run(run_id=known) if known else mlflow.start_run(run_name=record.path.resolve().name)
        if not known:
            record.update(mlflow_run=run.info.run_id)
            mlflow.log_params(_flat(load_yaml(Path(record.path) / "config.yaml")))

    def epoch(self, row: Mapping[str, Any]) -> None:
        metrics = {name.replace("@", "_at_"): value for name, value in _numbers(row).items()}
        self.mlflow.log_metrics(metrics, step=int(row["epoch"]))

    def close(self) -> None:
        self.mlflow.end_run()


KINDS: dict[str, Callable[[RunDirectory], Logger]] = {"tensorboard": TensorBoard, "mlflow": MLflow}


class Loggers:
    """All loggers of a run; none on ranks other than the first."""

    def __init__(self, names: tuple[str, ...], record: RunDirectory):
        self.loggers = [KINDS[name](record) for name in names]

    def epoch(self, row: Mapping[str, Any]) -> None:
        for logger in self.loggers:
            logger.epoch(row)

    def close(self) -> None:
        for logger in self.loggers:
            logger.close()


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in row.items() if isinstance(value, int | float) and name != "epoch"}


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
