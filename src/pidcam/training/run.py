"""A run, loaded: the model with everything it needs to score new events the way it was validated."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pidcam.batch import Batch
from pidcam.config import load_yaml, parse
from pidcam.errors import DataError, InputError
from pidcam.events import EventBatch
from pidcam.files import read_json
from pidcam.formats.layout import Layout
from pidcam.models.base import Model
from pidcam.predictions import Predictions
from pidcam.runs import RunDirectory
from pidcam.schema import EventSchema
from pidcam.store.loader import Loader, batch_from_events
from pidcam.store.store import HasManifest, Store
from pidcam.tasks.base import Task
from pidcam.training.calibration import calibrate, read_temperature
from pidcam.training.config import RunConfig
from pidcam.training.evaluate import predict
from pidcam.training.ranks import Ranks
from pidcam.training.torch_model import TorchModel
from pidcam.transforms.base import Chain

BATCH_SIZE = 512
"""Most events that are scored together ..."""
SCORED_BYTES = 256 << 20
"""... and the most bytes that their dense images take, be it one event."""


class Run:
    """One run directory with its task, transforms and model.

    `schema` describes the events as they come from store or raw file, `chain.schema` what the model sees of them.
    `device` is the GPU where there is one, unless told.
    """

    def __init__(
        self,
        directory: RunDirectory,
        config: RunConfig,
        schema: EventSchema,
        chain: Chain,
        *,
        device: torch.device | str | None = None,
    ):
        self.directory, self.config, self.schema, self.chain = directory, config, schema, chain
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.task: Task = config.build_task(schema)
        torch.manual_seed(config.training.seed)
        built = config.entry(chain.schema, self.task.outputs, config.model.options)
        torch_made = isinstance(built, torch.nn.Module)
        self.model: Model = TorchModel(built, config.training, self.device) if torch_made else built

    @classmethod
    def load(cls, path: Path | str) -> Run:
        """The fitted run at `path`. Raises `InputError` if there is none or its training has not finished."""
        directory = RunDirectory.open(path)
        about = directory.about
        if about.get("state") != "trained":
            fix = "call the same train command again to finish it"
            raise InputError("its training has not finished", where=path, fix=fix)
        config = parse(RunConfig, load_yaml(directory.path / "config.yaml"), where=directory.path / "config.yaml")
        schema = parse(EventSchema, about.get("schema", {}), where=directory.path / "run.json")
        run = cls(directory, config, schema, Chain(config.transforms, schema, {}))
        if (trained := tuple(about.get("classes", ()))) != run.classes:
            raise DataError(
                f"classes are {', '.join(trained)} in run.json, {', '.join(run.classes)} in config.yaml", where=path
            )
        run.model.load(directory.path / "model")
        return run

    @property
    def path(self) -> Path:
        return self.directory.path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the model's labels."""
        return self.task.selection.names

    @property
    def about(self) -> dict[str, Any]:
        return self.directory.about

    @property
    def raw_layout(self) -> Layout:
        """How the raw files look that the run scores: those of its training."""
        return parse(Layout, self.about.get("raw_layout", {}), where=self.path / "run.json")

    @property
    def history(self) -> list[dict[str, Any]]:
        return self.directory.history

    @property
    def metrics(self) -> dict[str, Any]:
        """Per split, as `evaluate` wrote them."""
        path = self.path / "metrics.json"
        if not path.exists():
            raise InputError("has not been evaluated", where=self.path, fix=f"run: pidcam evaluate {self.path}")
        content: dict[str, Any] = read_json(path)
        return content

    def store(self) -> Store:
        """The store the run was trained on; `DataError` if it is not the same any more."""
        store = self.config.open_store()
        if store.manifest.fingerprint != self.about["split_fingerprint"]:
            raise DataError(f"is not the store that '{self.name}' was trained on: its split differs", where=store.path)
        return store

    def loader(
        self,
        store: Store,
        split: str,
        *,
        training: bool = False,
        limit: int | None = None,
        ranks: Ranks | None = None,
        stored: bool = False,
        dense: bool = False,
    ) -> Loader:
        """Batches of one split as the model wants them; shuffled and augmented only for training; shared by `ranks`.

        Or as `stored`, without its transforms; of as few events as memory wants where somebody makes them all `dense`.
        """
        how = self.how_loaded(store, training=training, ranks=ranks)
        options = self.config.training
        if stored:
            how["change"] = None
        if dense:
            how["batch_size"] = self.together()
        if training:
            how |= {"shuffle": True, "keep": options.resident, "window": options.window, "balance": options.balance}
        return Loader(store, split, limit=limit, recall=True, **how)

    def how_loaded(self, store: HasManifest, *, training: bool, ranks: Ranks | None = None) -> dict[str, Any]:
        """Options of a loader that do not depend on where the events are."""
        options, sparse = self.config.training, self.sparse_images(store)
        return {
            "selection": self.task.selection,
            "batch_size": options.batch_size if training else self.together(sparse),
            "seed": options.seed,
            "sparse": sparse,
            "change": lambda batch, generator: self.change(batch, generator, training=training),
            "device": self.device,
            "rank": ranks.rank if ranks else 0,
            "ranks": ranks.ranks if ranks else 1,
        }

    def together(self, sparse: Collection[str] = (), *, most: int = BATCH_SIZE, size: int | None = None) -> int:
        """How many events are in memory at once when they are scored, where the images `sparse` stay hits: at most
        `most`, and fewer where their dense images would be more than `size` bytes (default: `SCORED_BYTES`)."""
        dense = sum(4 * math.prod(image.dense_shape) for image in self.schema.images if image.name not in sparse)
        return max(1, min(most, (size or SCORED_BYTES) // max(dense, 1)))

    def sparse_images(self, store: HasManifest) -> tuple[str, ...]:
        """Images that come from `store` as hits, of those it keeps so: all for a model on hits, or those of transforms.

        A transform may put points on a grid of its own (`voxelise`).
        """
        wanted = store.manifest.storage if self.config.entry.hits else self.chain.hits
        return tuple(name for name in wanted if store.manifest.storage[name] != "dense")

    def batch(self, events: EventBatch) -> Batch:
        """Events in memory as an untransformed batch."""
        return batch_from_events(events, self.schema, hits=self.config.entry.hits or self.chain.hits)

    def change(self, batch: Batch, generator: torch.Generator | None = None, *, training: bool = False) -> Batch:
        """Apply the transforms; augmentations only in training."""
        return self.chain(batch, generator, training=training)

    def predict(
        self,
        images: EventBatch | dict[str, np.ndarray] | np.ndarray,
        *,
        batch_size: int | None = None,
        calibrated: bool = False,
        **features: Any,
    ) -> Predictions:
        """Score events that are in memory.

        images: (n, channels, *shape) in the units of the raw files, or {image name: array} where there are several;
        features by name, (n,); calibrated: with the temperature that `evaluate` fitted. Raises `DataError` if a shape
        is not the model's, `InputError` if calibrated scores are asked for and the run was not evaluated.
        """
        events = images
        if not isinstance(events, EventBatch):
            events = EventBatch.from_arrays(self.schema, events, **features)
        self._check(events)
        every, step = np.arange(len(events)), batch_size or self.together()
        parts = (events.take(every[i : i + step]) for i in range(0, len(events), step))
        return self.predict_batches(map(self.batch, parts), calibrated=calibrated)

    def predict_batches(
        self, batches: Iterable[Batch], files: tuple[str, ...] = (), *, calibrated: bool = False
    ) -> Predictions:
        """Score raw (untransformed) batches, in their order."""
        temperature = read_temperature(self.path) if calibrated else None

        def changed() -> Iterator[Batch]:
            for batch in batches:
                yield self.change(batch.to(self.device))

        predictions = predict(self.model.predict, changed(), self.task, files)
        return predictions if temperature is None else calibrate(predictions, temperature)

    def _check(self, events: EventBatch) -> None:
        if not len(events):
            raise DataError("no events to predict")
        for image in self.schema.images:
            given = events.images.get(image.name)
            if given is None:
                raise DataError(f"image '{image.name}' is missing", where=f"run '{self.name}'")
            shape = getattr(given, "values", np.empty((0, *image.dense_shape))).shape[1:]
            if shape != image.dense_shape:
                raise DataError(
                    f"image '{image.name}' has shape {shape} per event, the model takes {image.dense_shape}",
                    where=f"run '{self.name}'",
                    fix="channels come first: np.moveaxis(images, -1, 1) turns channel-last images",
                )
        for feature in self.schema.features:
            if feature.name not in events.features:
                raise DataError(f"feature '{feature.name}' is missing", where=f"run '{self.name}'")


def load_run(path: Path | str) -> Run:
    """Open the fitted run at `path`: `load_run(path).predict(images)`."""
    return Run.load(path)
