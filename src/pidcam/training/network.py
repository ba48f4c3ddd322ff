"""A torch module on its device: takes batches, predicts in fp32, kept as safetensors."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from pidcam.batch import Batch
from pidcam.errors import DataError
from pidcam.files import atomic_path, reading
from pidcam.training.precision import autocast
from pidcam.training.ranks import Ranks

WEIGHTS = "weights.safetensors"


class Network:
    """Images are handed over channels-last in memory, which convolutions on CPUs and GPUs like best."""

    def __init__(self, module: nn.Module, device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        self.scoring = "fp32"
        """Precision of `predict`: stored predictions are always fp32, fast ones may be bf16."""
        self.module = module.to(self.device)
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):  # one by one: weights of other dimensions know no such layout
                layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Raw outputs with gradients; the module's mode is the caller's business."""
        outputs: dict[str, Tensor] = self.module(_channels_last(batch))
        return outputs

    def spread(self, ranks: Ranks) -> None:
        """On GPUs let batch normalisation see the events of all ranks; on CPUs torch cannot."""
        if ranks.several and self.device.type == "cuda":
            self.module = nn.SyncBatchNorm.convert_sync_batchnorm(self.module)

    @torch.inference_mode()
    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        training = self.module.training
        self.module.eval()
        with autocast(self.scoring, self.device):
            outputs = self(batch.to(self.device))
        self.module.train(training)
        return {name: value.float().numpy(force=True) for name, value in outputs.items()}

    def parameters_count(self) -> int:
        return sum(p.numel() for p in self.module.parameters())

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: tensor.contiguous().cpu() for name, tensor in self.module.state_dict().items()}
        with atomic_path(folder / WEIGHTS) as part:
            part.write_bytes(save(state))

    def load(self, folder: Path) -> None:
        path = folder / WEIGHTS
        try:
            with reading(path), open(path, "rb"):  # what load_file may not read it calls missing
                self.module.load_state_dict(load_file(path, device=str(self.device)))
        except FileNotFoundError as error:
            raise DataError("the run has no fitted model", where=folder, fix="finish it with: pidcam train") from error
        except (SafetensorError, RuntimeError) as error:
            raise DataError("the weights do not fit the model of the run", where=path) from error


class Prepared:
    """A network as it is called in training: its gradients shared with other ranks, translated by the compiler."""

    def __init__(self, network: Network, compile: bool, ranks: Ranks):
        self.call: Callable[[Batch], dict[str, Tensor]] = network.module
        self.no_sync: Callable[[], AbstractContextManager[object]] = nullcontext
        """Inside, gradients add up on this rank alone."""
        if ranks.several:
            shared = nn.parallel.DistributedDataParallel(network.module)
            self.call, self.no_sync = shared, shared.no_sync
        if compile:
            self.call = torch.compile(self.call)

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        return self.call(_channels_last(batch))


def _channels_last(batch: Batch) -> Batch:
    images = {
        name: x.contiguous(memory_format=torch.channels_last) if isinstance(x, Tensor) and x.dim() == 4 else x
        for name, x in batch.images.items()
    }
    return replace(batch, images=images)
