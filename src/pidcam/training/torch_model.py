"""A torch module as a pidcam model: a network that the training loop fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from pidcam.batch import Batch
from pidcam.files import read_json, write_json
from pidcam.runs import RunDirectory
from pidcam.tasks.base import Task
from pidcam.tasks.regress import Regress, sigma_scales, with_scaled_sigma
from pidcam.training.clock import Clock
from pidcam.training.evaluate import collect
from pidcam.training.growing import Train, Valid
from pidcam.training.loop import fit
from pidcam.training.network import Network
from pidcam.training.options import TrainingOptions
from pidcam.training.ranks import Ranks
from pidcam.training.state import merge_states

SCALES = "scales.json"


class TorchModel(Network):
    """Meets `Model`. `ranks` trains it in several processes, `clock` within a time limit."""

    def __init__(self, module: nn.Module, options: TrainingOptions, device: torch.device | str = "cpu"):
        super().__init__(module, device)
        self.options = options
        self.ranks, self.clock = Ranks(), Clock()
        self.scales: list[float] = []
        """By target of a regression with errors, what sigma is multiplied with; none before it is fitted."""

    def fit(self, train: Train, valid: Valid, task: Task, record: RunDirectory) -> None:
        self.scales = []
        fit(self, train, valid, task, record, self.options, ranks=self.ranks, clock=self.clock)
        if isinstance(task, Regress) and task.has_sigma:
            self.scales = self._fitted_scales(valid, task)

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        outputs = super().predict(batch)
        return with_scaled_sigma(outputs, self.scales) if self.scales else outputs

    def save(self, folder: Path) -> None:
        super().save(folder)
        if self.scales:
            write_json(folder / SCALES, {"log_sigma": self.scales})

    def load(self, folder: Path) -> None:
        super().load(folder)
        path = folder / SCALES
        self.scales = read_json(path)["log_sigma"] if path.exists() else []

    def _fitted_scales(self, valid: Valid, task: Regress) -> list[float]:
        """On the validation events of all ranks."""
        found = merge_states(self.ranks.gather(collect(self.predict, valid, task).state()))
        outputs = {name: found[f"outputs.{name}"] for name in task.outputs}
        targets = {name: torch.from_numpy(found[f"spectators.{name}"]) for name in task.targets}
        return sigma_scales(outputs, task.standardised(targets).numpy(), found["truth.weight"])
