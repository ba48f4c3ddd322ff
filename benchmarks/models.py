"""Every model that fits a detector: parameters, operations per event, and events per second in training and scoring.

python benchmarks/models.py [DETECTOR] [--models ...] [--seconds 3] [--threads 1] takes random events of the detector's
form (200 hits an image), fp32, batches as the model's recipe has them; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import torch

from pidcam.batch import Batch
from pidcam.detectors.base import detectors
from pidcam.models.base import models
from pidcam.models.count import an_event, size
from pidcam.training.config import RunConfig
from pidcam.training.network import Network

MOST_VALUES = 1 << 26
"""Values of a batch of dense images; large images come in smaller batches than the recipe's."""


def rate(step: Callable[[], None], events: int, seconds: float) -> float:
    """Events per second: the best of the steps that fit into the time, after one to warm up."""
    step()
    best, start = float("inf"), time.perf_counter()
    while time.perf_counter() - start < seconds:
        before = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - before)
    return events / best


def measure(name: str, detector: str, seconds: float) -> dict[str, Any] | None:
    schema = detectors[detector]().schema
    task = RunConfig(store="").build_task(schema)
    counted = size(models[name], schema, task.outputs)
    if counted is None:
        return None
    values = sum(i.cells * len(i.channels) for i in schema.images)
    n = min(models[name].recipe["training"]["batch_size"], max(1, MOST_VALUES // max(values, 1)))
    hits = an_event(schema, hits=True, n=n)
    batch = hits if models[name].hits else Batch(**{**hits.__dict__, "images": {k: hits.dense(k) for k in hits.images}})
    network = Network(models[name](schema, task.outputs))
    optimiser = torch.optim.AdamW(network.module.parameters(), fused=True)

    def train() -> None:
        network.module.train()
        loss = task.loss(network(batch), batch).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    found = {"parameters": counted.parameters, "flops": counted.flops, "batch": n}
    found["train"] = round(rate(train, n, seconds), 1)
    found["score"] = round(rate(lambda: network.predict(batch) and None, n, seconds), 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("detector", nargs="?", default="cms-ecal")
    parser.add_argument("--models", nargs="+", default=None)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    schema, result = detectors[options.detector]().schema, {}
    print(f"{'model':18} {'parameters':>12} {'MFLOP/event':>12} {'batch':>6} {'train /s':>10} {'score /s':>10}")
    for name in options.models or models:
        if reason := models[name].misfit(schema):
            print(f"{name:18} {reason}")
        elif found := measure(name, options.detector, options.seconds):
            rates = f"{found['batch']:6} {found['train']:10,.0f} {found['score']:10,.0f}"
            print(f"{name:18} {found['parameters']:12,} {found['flops'] / 1e6:12.2f} {rates}")
            result[name] = found
    print(json.dumps({"detector": options.detector, "threads": options.threads, "models": result}))


if __name__ == "__main__":
    main()
