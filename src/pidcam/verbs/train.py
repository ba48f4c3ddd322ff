"""`train`: a store, a task and a model -> a fitted run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pidcam.config import dump_yaml, load_yaml, merge, overrides
from pidcam.detectors.base import detectors
from pidcam.errors import DataError, ExistsError
from pidcam.files import require_absent
from pidcam.progress import say
from pidcam.runs import RunDirectory, provenance
from pidcam.store.store import Store
from pidcam.training.config import resolve
from pidcam.training.run import Run
from pidcam.transforms.base import Chain

CONFIG = "config.yaml"

QUICK: dict[str, Any] = {"training": {"epochs": 2, "limit": 1000}}


def train(
    store: Path | str,
    out: Path | str,
    *,
    model: str | None = None,
    task: str | None = None,
    config: Path | str | dict[str, Any] | None = None,
    set: Sequence[str] = (),
    quick: bool = False,
) -> Run:
    """Fit `model` (default: resnet) to the training split of `store`, following its validation split.

    The model's own recipe comes first, over it the detector's, then `config` (a YAML file or a mapping), `model`,
    `task` and `set` (`key.sub=value`). Called again with the same configuration it goes on from the last checkpoint, or
    returns the finished run. `quick` cuts examples and epochs for a smoke run. Raises `ExistsError` if `out` holds
    anything else.
    """
    out = Path(out)
    opened = Store(store)
    given = config if isinstance(config, dict) else load_yaml(config) if config else {}
    for section, name in (("model", model), ("task", task)):
        if name:
            given = merge(given, {section: {"name": name}})
    given = merge(given, overrides(set))
    if quick:
        given = merge(given, QUICK)
    detector = opened.manifest.detector
    recipes = detectors[detector]().recipes if detector in detectors else {}
    resolved = resolve(str(opened.path.resolve()), given, recipes)
    chain = Chain(resolved.transforms, opened.schema, opened.manifest.statistics)
    resolved = resolved.model_copy(update={"transforms": chain.describe()})

    directory = RunDirectory(out)
    run = Run(directory, resolved, opened.schema, chain)
    loaders = [
        run.loader(opened, split, training=training, limit=resolved.training.limit)
        for split, training in (("train", True), ("valid", False))
    ]
    for loader in loaders:
        _require_all_classes(loader.labels, run, loader.splits[0], opened)
    if not _claim(directory, run, opened):
        say(f"{out}: trained already, with this configuration")
        return Run.load(out)
    start = time.perf_counter()
    run.model.fit(loaders[0], loaders[1], run.task, directory)
    directory.update(fit_seconds=directory.about.get("fit_seconds", round(time.perf_counter() - start, 3)))
    run.model.save(out / "model")
    directory.update(state="trained", parameters=run.model.parameters_count())
    return run


def _claim(directory: RunDirectory, run: Run, store: Store) -> bool:
    """Make the directory ours; False if the run in it is the one asked for and finished."""
    text = dump_yaml(run.config)
    if (directory.path / "run.json").exists():
        earlier = RunDirectory.open(directory.path)
        # the store may have moved; what identifies it is its split
        told = {**load_yaml(directory.path / "config.yaml"), "store": run.config.store}
        if dump_yaml(told) != text or earlier.about.get("split_fingerprint") != store.manifest.fingerprint:
            raise ExistsError(
                "holds a run of another configuration or store; nothing was overwritten",
                where=directory.path,
                fix="choose another --out, or remove it first",
            )
        return bool(earlier.about.get("state") != "trained")
    _begin(
        directory,
        text,
        state="training",
        **provenance(),
        detector=store.manifest.detector,
        schema=store.schema.model_dump(mode="json"),
        raw_layout=store.manifest.raw_layout.model_dump(mode="json"),
        classes=list(run.classes),
        files={s.name: s.rows for s in store.manifest.sources},
        accounting=store.manifest.accounting.model_dump(mode="json"),
        split=store.manifest.split,
        split_seed=store.manifest.seed,
        split_fingerprint=store.manifest.fingerprint,
        device=str(run.device),
    )
    return True


def _begin(directory: RunDirectory, config: str, **facts: Any) -> None:
    """A new run directory, or none; what the same call left behind when it was killed right here counts as nothing."""
    path, left = directory.path, directory.path / CONFIG
    names = {p.name for p in path.iterdir() if not p.name.startswith(".")} if path.is_dir() else None
    if names != set() and not (names == {CONFIG} and left.read_text(encoding="utf-8") == config):
        require_absent(path)
    try:
        directory.create()
        directory.write_config(config)
        directory.update(**facts)
    except BaseException:
        left.unlink(missing_ok=True)
        with suppress(OSError):  # somebody else was here
            path.rmdir()
        raise


def _require_all_classes(labels: Any, run: Run, split: str, store: Store) -> None:
    missing = [name for i, name in enumerate(run.classes) if i not in labels]
    if missing:
        raise DataError(
            f"the {split} split has no event of class '{missing[0]}'",
            where=store.path,
            fix="prepare it with events of every class, or select classes with task.classes=[...]",
        )
