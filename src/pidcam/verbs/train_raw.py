"""`train --from-raw`: the first epoch is trained on raw files as they are read, and the store is written meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from pidcam.cards import find_detector, raw_files
from pidcam.config import load_yaml, merge, parse
from pidcam.errors import ConfigError, DataError
from pidcam.events import EventBatch
from pidcam.files import read_json
from pidcam.progress import say
from pidcam.schema import EventSchema
from pidcam.store.first_pass import TRAIN, FirstPass
from pidcam.store.making import Making, making
from pidcam.store.manifest import Manifest
from pidcam.store.options import PrepareOptions
from pidcam.store.prepare import Preparation
from pidcam.store.split import HASH
from pidcam.store.store import Store
from pidcam.training.clock import Clock
from pidcam.training.config import FromRaw
from pidcam.training.growing import Growing, Later
from pidcam.training.ranks import Ranks
from pidcam.training.run import Run
from pidcam.training.splits import require_all_classes
from pidcam.training.torch_model import TorchModel
from pidcam.verbs.fitting import CONFIG, look_at_store, train_on

FACT = "first_pass"
"""Under which a run keeps what it began with: statistics and classes of the first window of events."""


@dataclass(frozen=True)
class Unfinished:
    """A store in the making, as far as it is known."""

    path: Path
    manifest: Manifest
    first_events: Callable[[], EventBatch]

    @property
    def schema(self) -> EventSchema:
        return self.manifest.event_schema

    def shards(self, split: str) -> list[EventBatch]:
        """The first window of the training split."""
        return [self.first_events()]


def train_raw(
    path: Path, out: Path, given: dict[str, Any], ranks: Ranks, clock: Clock, workers: int | None = None, **facts: Any
) -> Run:
    """Train while the store at `path` is made; on a store that is there already, as on any other.

    What must be known at the start and depends on events (numbers in transforms, classes that occur) is taken from the
    first window, and kept in the run beside the `facts` given, so that it goes on with the same.
    """
    asked = _absolute(parse(FromRaw, given["from_raw"], where="from_raw"))
    given = {**given, "from_raw": asked.model_dump(mode="json")}
    _refuse(given)
    began_with = ranks.share(_began_with(out))
    with making(path, lambda: _preparation(asked, path), ranks, workers=workers) as made:
        if ranks.share(made.finished and began_with is None):  # the others may look when the first began already
            with ranks.first_alone() as mine:
                if mine:
                    made.preparation.run()  # it is the one asked for, or this says so
            say(f"{path}: is there already, and is trained on as it is")
            given.pop("from_raw")
            return train_on(Store(path), out, given, ranks, clock, **facts)
        first = cache(lambda: FirstPass(made.preparation, made.ready))
        manifest = _as_it_began(made, began_with) if began_with else first().look()
        told = manifest.model_dump(mode="json", include={"statistics", "accounting"})
        store = Unfinished(path, manifest, lambda: first().first_events)
        if began_with:  # with the numbers that the task was fitted to
            given = merge({"task": load_yaml(out / CONFIG)["task"]}, given)
        loaders = partial(_loaders, store=store, made=made, ranks=ranks)
        run = train_on(store, out, given, ranks, clock, loaders, **facts, **{FACT: told})
        if made.finished and ranks.first:
            _note(run, made.store())
            made.forget_pieces()
        return run


def _loaders(run: Run, store: Unfinished, made: Making, ranks: Ranks) -> tuple[Any, Any]:
    """Train and valid. The first epoch is of pieces, unless the model takes all events at once."""

    def later(split: str) -> Any:
        finished = made.store()
        if ranks.first:
            _note(run, finished)
        loader = run.loader(finished, split, training=split == TRAIN, ranks=ranks)
        if run.task.signals:
            require_all_classes(loader.labels, run.task.selection, split, finished)
        return loader

    if not isinstance(run.model, TorchModel):
        return later(TRAIN), later("valid")
    say(f"{store.path}: is made while the first epoch is trained")
    how = run.how_loaded(store, training=True, ranks=ranks)
    train = Growing(
        lambda: FirstPass(made.preparation, made.ready, **how), lambda: later(TRAIN), made.forget_pieces, run.device
    )
    return train, Later(lambda: later("valid"))


def _note(run: Run, store: Store) -> None:
    """Once the store is finished the run is one on it, like any other."""
    if not (run.path / CONFIG).exists():
        return
    known = run.about.get("split_fingerprint")
    if known == store.manifest.fingerprint:
        return
    if known:
        raise DataError(f"is not the store that '{run.name}' began with", where=store.path)
    kept = store.manifest.accounting.kept[TRAIN]
    began = run.about[FACT]["accounting"]["kept"][TRAIN]
    late = [name for name, n in kept.items() if n and not began.get(name) and name in store.schema.class_names]
    run.directory.update(
        split_fingerprint=store.manifest.fingerprint, accounting=store.manifest.accounting.model_dump(mode="json")
    )
    if late and not set(late) & {member for _, members in run.task.selection.groups for member in members}:
        run.directory.warn(
            f"class {', '.join(late)} came later than the first window of events and is left out; name the classes "
            "beforehand: task.classes=[...]"
        )
    look_at_store(run, store)


def _as_it_began(made: Making, began_with: dict[str, Any]) -> Manifest:
    """The manifest as far as it was known when the run began."""
    if not made.finished:
        return made.preparation.manifest(shards={}, fingerprint="", **began_with)
    found = Store(made.path).manifest.model_dump(mode="json")
    return Manifest.model_validate({**found, **began_with, "fingerprint": ""})


def _began_with(out: Path) -> dict[str, Any] | None:
    about = out / "run.json"
    found: dict[str, Any] | None = read_json(about).get(FACT) if about.exists() else None
    return found


def _preparation(asked: FromRaw, path: Path) -> Preparation:
    """Of the store; split by hash unless told otherwise."""
    split = f"{HASH}0.9/0.1" if asked.test else f"{HASH}0.8/0.1/0.1"
    options = parse(PrepareOptions, {"split": split, **asked.prepare}, where="prepare")
    test = [Path(file) for file in asked.test]
    return Preparation(find_detector(asked.detector), raw_files(asked.detector, asked.files), path, options, test=test)


def _absolute(asked: FromRaw) -> FromRaw:
    """Files in one order, from wherever the training is called again."""
    card = Path(asked.detector)
    files, test = (tuple(sorted(str(Path(f).resolve()) for f in of)) for of in (asked.files, asked.test))
    detector = str(card.resolve()) if card.suffix and card.exists() else asked.detector
    return asked.model_copy(update={"detector": detector, "files": files, "test": test})


def _refuse(given: dict[str, Any]) -> None:
    """What needs all events before the first batch."""
    training = given.get("training", {})
    unknown = {"limit": training.get("limit"), "balance": training.get("balance")}
    unknown["class_weights"] = training.get("class_weights") == "balanced"
    for key, value in unknown.items():
        if value:
            raise ConfigError("needs the finished store", where=f"training.{key}", fix="call first: pidcam prepare")
