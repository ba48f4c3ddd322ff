"""pidcam: from raw detector images to a particle-identification model that a physicist can trust.

Every verb of the command line is a function here: `pidcam.prepare(...)`, `pidcam.train(...)`, `pidcam.evaluate(...)`.
Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from pidcam.downloads import download as download
    from pidcam.predictions import Predictions as Predictions
    from pidcam.store.loader import Loader as Loader
    from pidcam.store.store import Store as Store
    from pidcam.training.run import Run as Run
    from pidcam.training.run import load_run as load_run
    from pidcam.verbs.bench import bench as bench
    from pidcam.verbs.card import card as card
    from pidcam.verbs.compare import compare as compare
    from pidcam.verbs.compare import compare_groups as compare_groups
    from pidcam.verbs.display import display as display
    from pidcam.verbs.evaluate import evaluate as evaluate
    from pidcam.verbs.inspect import inspect as inspect
    from pidcam.verbs.list import list_things as list  # noqa: F401
    from pidcam.verbs.predict import predict as predict
    from pidcam.verbs.prepare import prepare as prepare
    from pidcam.verbs.repeat import evaluate_group as evaluate_group
    from pidcam.verbs.repeat import train_group as train_group
    from pidcam.verbs.report import report as report
    from pidcam.verbs.run import run as run
    from pidcam.verbs.simulate import simulate as simulate
    from pidcam.verbs.train import resume as resume
    from pidcam.verbs.train import train as train

_PUBLIC = {
    "Loader": "pidcam.store.loader",
    "Predictions": "pidcam.predictions",
    "Run": "pidcam.training.run",
    "Store": "pidcam.store.store",
    "bench": "pidcam.verbs.bench",
    "card": "pidcam.verbs.card",
    "compare": "pidcam.verbs.compare",
    "compare_groups": "pidcam.verbs.compare",
    "display": "pidcam.verbs.display",
    "download": "pidcam.downloads",
    "evaluate": "pidcam.verbs.evaluate",
    "inspect": "pidcam.verbs.inspect",
    "list": "pidcam.verbs.list:list_things",
    "load_run": "pidcam.training.run",
    "predict": "pidcam.verbs.predict",
    "prepare": "pidcam.verbs.prepare",
    "report": "pidcam.verbs.report",
    "run": "pidcam.verbs.run",
    "simulate": "pidcam.verbs.simulate",
    "evaluate_group": "pidcam.verbs.repeat",
    "resume": "pidcam.verbs.train",
    "train": "pidcam.verbs.train",
    "train_group": "pidcam.verbs.repeat",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'pidcam' has no attribute '{name}'")
    module, _, attribute = _PUBLIC[name].partition(":")
    return getattr(import_module(module), attribute or name)


def __dir__() -> Sequence[str]:
    return sorted([*globals(), *_PUBLIC])
