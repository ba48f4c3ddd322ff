"""A torch module as a pidcam model: a network that the training loop fits."""

from __future__ import annotations

import torch
from torch import nn

from pidcam.runs import RunDirectory
from pidcam.tasks.base import Task
from pidcam.training.clock import Clock
from pidcam.training.growing import Train, Valid
from pidcam.training.loop import fit
from pidcam.training.network import Network
from pidcam.training.options import TrainingOptions
from pidcam.training.ranks import Ranks


class TorchModel(Network):
    """Meets `Model`. `ranks` trains it in several processes, `clock` within a time limit."""

    def __init__(self, module: nn.Module, options: TrainingOptions, device: torch.device | str = "cpu"):
        super().__init__(module, device)
        self.options = options
        self.ranks, self.clock = Ranks(), Clock()

    def fit(self, train: Train, valid: Valid, task: Task, record: RunDirectory) -> None:
        fit(self, train, valid, task, record, self.options, ranks=self.ranks, clock=self.clock)
