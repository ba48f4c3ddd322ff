"""The temperature that `evaluate` fitted on the validation split, kept with the run, applied where it is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pidcam.analysis import apply_temperature
from pidcam.errors import DataError, InputError
from pidcam.files import read_json
from pidcam.predictions import Predictions

TEMPERATURE = "temperature.json"


def read_temperature(run: Path) -> float:
    """The temperature of the run at `run`; `InputError` if none was fitted."""
    path = run / TEMPERATURE
    if not path.exists():
        raise InputError("has no fitted temperature", where=run, fix=f"run: pidcam evaluate {run}")
    content = read_json(path)
    value = content.get("value") if isinstance(content, dict) else None
    if not isinstance(value, int | float) or not value > 0:
        raise DataError("holds no temperature above zero", where=path, fix=f"run: pidcam evaluate {run}")
    return float(value)


def calibrate(predictions: Predictions, temperature: float) -> Predictions:
    """The same predictions with the columns `p_<class>` tempered: softmax(log p / T). Ranks of two classes stay."""
    p = apply_temperature(predictions.probabilities, temperature)
    columns = {f"p_{name}": p[:, k] for k, name in enumerate(predictions.classes)}
    return replace(predictions, columns={**predictions.columns, **columns})
