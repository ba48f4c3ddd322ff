"""One training on one store: what is configured is settled, the run directory claimed, the model fitted."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pidcam.config import dump_yaml, load_yaml, merge
from pidcam.detectors.base import detectors
from pidcam.errors import ExistsError, InputError
from pidcam.files import require_absent
from pidcam.models.choice import AUTO, choose_model
from pidcam.progress import say
from pidcam.runs import RunDirectory, provenance
from pidcam.schema import ClassSelection
from pidcam.store.loader import Loader
from pidcam.store.store import HasManifest, Store
from pidcam.training.clock import Clock
from pidcam.training.config import DEFAULT_TASK, Named, RunConfig, resolve
from pidcam.training.ranks import Ranks
from pidcam.training.run import Run
from pidcam.training.splits import look_at_parent, look_at_splits, require_all_classes
from pidcam.training.start import take_weights
from pidcam.training.torch_model import TorchModel
from pidcam.transforms.base import Chain

CONFIG = "config.yaml"

Loaders = Callable[[Run], tuple[Any, Any]]


def train_on(
    store: HasManifest,
    out: Path,
    given: dict[str, Any],
    ranks: Ranks,
    clock: Clock,
    loaders: Loaders | None = None,
    **facts: Any,
) -> Run:
    """Train on a store, or on one in the making, whose `loaders` for train and valid are then given; `facts` are kept
    in the run."""
    resolved, chain = settle(given, store)
    directory = RunDirectory(out)
    run = Run(directory, resolved, store.schema, chain)
    if ranks.several and not isinstance(run.model, TorchModel):
        raise InputError(f"model '{resolved.model.name}' trains in one process", fix="start it without torchrun")
    train, valid = (loaders or partial(_loaders, store=store, ranks=ranks))(run)  # type: ignore[arg-type]
    with ranks.first_alone() as mine:
        wanted = _claim(directory, run, store, facts) if mine else False
    if not ranks.share(wanted):
        say(f"{out}: trained already, with this configuration")
        return Run.load(out)
    if isinstance(run.model, TorchModel):
        run.model.ranks, run.model.clock = ranks, clock
        if resolved.parent:
            take_weights(run.model.module, RunDirectory.open(resolved.parent))
    elif resolved.parent:
        raise InputError(f"model '{resolved.model.name}' cannot start from another run", fix="leave --from out")
    start = time.perf_counter()
    run.model.fit(train, valid, run.task, directory)
    with ranks.first_alone() as mine:
        if mine:
            directory.update(fit_seconds=directory.about.get("fit_seconds", round(time.perf_counter() - start, 3)))
            run.model.save(out / "model")
            directory.update(state="trained", parameters=run.model.parameters_count())
    return run


def settle(given: dict[str, Any], store: HasManifest) -> tuple[RunConfig, Chain]:
    """What a training on `store` is configured with, down to the last number, and its fitted transforms."""
    detector = store.manifest.detector
    recipes = detectors[detector]().recipes if detector in detectors else {}
    given = _with_model(_with_classes(given, store), store)
    resolved = resolve(str(store.path.resolve()), given, recipes)
    chain = Chain(resolved.transforms, store.schema, store.manifest.statistics)
    task = resolved.build_task(store.schema)
    fixed = task.fitted(lambda name: _truth(store, task.selection, name))
    told = resolved.task if fixed is None else Named(name=resolved.task.name, **fixed.model_dump(mode="json"))
    return resolved.model_copy(update={"transforms": chain.describe(), "task": told}), chain


def _with_classes(given: dict[str, Any], store: HasManifest) -> dict[str, Any]:
    """Classes of which the store has no event at all are left out, unless the user chose classes."""
    task = given.get("task", {})
    kept = store.manifest.accounting.kept.values()
    present = [name for name in store.schema.class_names if any(split.get(name) for split in kept)]
    absent = [name for name in store.schema.class_names if name not in present]
    if "classes" in task or task.get("name", DEFAULT_TASK) != DEFAULT_TASK or not absent or len(present) < 2:
        return given
    say(f"{store.path}: holds no {' nor '.join(absent)}; the classes are {', '.join(present)}")
    return merge(given, {"task": {"classes": present}})


def _with_model(given: dict[str, Any], store: HasManifest) -> dict[str, Any]:
    """With the model chosen where none was named, and why said on screen."""
    if given.get("model", {}).get("name", AUTO) != AUTO:
        return given
    name, why = choose_model(store.manifest.detector, store.schema)
    say(f"model {name}: {why}")
    return merge(given, {"model": {"name": name}})


def _truth(store: HasManifest, selection: ClassSelection, name: str) -> np.ndarray:
    """(n,) a target of the training events of the selected classes."""
    shards = store.shards("train")
    table = np.append(selection.table(store.schema), -1)
    chosen = [table[shard.label] >= 0 if selection.groups else slice(None) for shard in shards]
    return np.concatenate([shard.targets[name][rows] for shard, rows in zip(shards, chosen, strict=True)])


def _loaders(run: Run, store: Store, ranks: Ranks) -> tuple[Loader, Loader]:
    limit = run.config.training.limit
    train = run.loader(store, "train", training=True, limit=limit, ranks=ranks)
    valid = run.loader(store, "valid", limit=limit, ranks=ranks)
    for loader in (train, valid) if run.task.signals else ():
        require_all_classes(loader.labels, run.task.selection, loader.splits[0], store)
    return train, valid


def _claim(directory: RunDirectory, run: Run, store: HasManifest, facts: dict[str, Any]) -> bool:
    """Make the directory ours; False if the run in it is the one asked for and finished."""
    text = dump_yaml(run.config)
    if (directory.path / "run.json").exists():
        earlier = RunDirectory.open(directory.path)
        # the store may have moved; what identifies it is its split
        told = RunConfig.model_validate({**load_yaml(directory.path / CONFIG), "store": run.config.store})
        # one in the making has no fingerprint yet
        same = store.manifest.fingerprint in ("", earlier.about.get("split_fingerprint"))
        if dump_yaml(told) != text or not same:
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
        **({"parent": _parent_link(run.config.parent)} if run.config.parent else {}),
        **facts,
    )
    if isinstance(store, Store):
        look_at_store(run, store)
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


def look_at_store(run: Run, store: Store) -> None:
    """Warn of what is odd about the splits of a finished store."""
    for line in look_at_splits(store, run.task.selection):
        run.directory.warn(line)
    if run.config.parent:
        for line in look_at_parent(RunDirectory.open(run.config.parent), store):
            run.directory.warn(line)


def _parent_link(path: str) -> dict[str, Any]:
    """Which run a child began with; the chain of grandparents is in the parents themselves."""
    about = RunDirectory.open(path).about
    keys = ("created", "split_fingerprint", "best_epoch", "git_commit")
    return {"run": path, **{key: about.get(key) for key in keys}}
