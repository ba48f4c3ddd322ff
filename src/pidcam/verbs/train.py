"""`train`: a store, a task and a model -> a fitted run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pidcam.config import dump_yaml, load_yaml, merge, overrides
from pidcam.detectors.base import detectors
from pidcam.errors import ExistsError, InputError
from pidcam.files import require_absent
from pidcam.models.choice import AUTO, choose_model
from pidcam.progress import say, set_quiet
from pidcam.runs import RunDirectory, provenance
from pidcam.schema import ClassSelection
from pidcam.store.loader import Loader
from pidcam.store.store import HasManifest, Store
from pidcam.training.clock import Clock, parse_duration
from pidcam.training.config import DEFAULT_TASK, Named, RunConfig, resolve
from pidcam.training.ranks import Ranks, joined
from pidcam.training.run import Run
from pidcam.training.splits import look_at_parent, look_at_splits, require_all_classes
from pidcam.training.start import take_weights
from pidcam.training.torch_model import TorchModel
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
    parent: Path | str | None = None,
    time_limit: str | float | None = None,
    from_raw: dict[str, Any] | None = None,
    workers: int | None = None,
) -> Run:
    """Fit `model` to the training split of `store`, following its validation split.

    Without `model`, or with `auto`, it is what was measured best on the detector (see `models.choice`).

    The model's own recipe comes first, over it the detector's, then `config` (a YAML file or a mapping), `model`,
    `task` and `set` (`key.sub=value`). Called again with the same configuration it goes on from the last checkpoint, or
    returns the finished run. `quick` cuts examples and epochs for a smoke run. `parent` is a fitted run to start from:
    its configuration and weights are taken, what is given goes over it. `time_limit` (`55m`, or seconds) stops in time
    with a checkpoint. Under `torchrun` all its processes train together.

    `from_raw` (`{detector: ..., files: [...], test: [...], prepare: {...}}`) makes the store, if it is not there, with
    `workers` processes (default: half of the cores) while the first epoch is trained; see `FirstPass`.

    Raises `ExistsError` if `out` holds anything else, `Stopped` if it stopped early with a checkpoint.
    """
    clock = Clock(parse_duration(time_limit) if time_limit is not None else None)
    given = configuration(config, set, model=model, task=task)
    if quick:
        given = merge(given, QUICK)
    if parent is not None:
        given = {**merge(_of_parent(Path(parent), given), given), "parent": str(Path(parent).resolve())}
    if from_raw is not None:
        given = {**given, "from_raw": from_raw}
    return _together(Path(store), Path(out), given, clock, workers)


def _together(store: Path, out: Path, given: dict[str, Any], clock: Clock, workers: int | None = None) -> Run:
    with joined() as ranks:
        if not ranks.first:
            set_quiet(True)
        if given.get("from_raw") is None:
            return train_on(Store(store, fold=_fold(given)), out, given, ranks, clock)
        from pidcam.verbs.train_raw import train_raw  # it stands on this file

        return train_raw(store, out, given, ranks, clock, workers)


def configuration(
    config: Path | str | dict[str, Any] | None,
    set: Sequence[str] = (),
    *,
    model: str | None = None,
    task: str | None = None,
) -> dict[str, Any]:
    """What was given, one over the other: a YAML file or a mapping, the names of model and task, `key.sub=value`."""
    given = config if isinstance(config, dict) else load_yaml(config) if config else {}
    for section, name in (("model", model), ("task", task)):
        if name:
            given = merge(given, {section: {"name": name}})
    return merge(given, overrides(set))


def _fold(given: dict[str, Any]) -> int | None:
    fold = given.get("fold")
    if fold is not None and not isinstance(fold, int):
        raise InputError(f"'{fold}' is not the number of a fold", where="fold", fix="folds count from 0")
    return fold


def resume(run: Path | str, *, store: Path | str | None = None, time_limit: str | float | None = None) -> Run:
    """Go on with the stopped or killed training in the folder `run`, or return it if it is finished.

    The configuration is that of the run; `store` says where its store is now, if it has moved.
    """
    directory = RunDirectory.open(run)
    told = load_yaml(directory.path / CONFIG)
    given = {key: value for key, value in told.items() if key != "store"}
    clock = Clock(parse_duration(time_limit) if time_limit is not None else None)
    return _together(Path(store or told["store"]), directory.path, given, clock)


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
    elif ranks.several:
        raise InputError(f"model '{resolved.model.name}' trains in one process", fix="start it without torchrun")
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


def _truth(store: HasManifest, selection: ClassSelection, name: str) -> np.ndarray:
    """(n,) a target of the training events of the selected classes."""
    shards = store.shards("train")
    table = np.append(selection.table(store.schema), -1)
    chosen = [table[shard.label] >= 0 if selection.groups else slice(None) for shard in shards]
    return np.concatenate([shard.targets[name][rows] for shard, rows in zip(shards, chosen, strict=True)])


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


def _loaders(run: Run, store: Store, ranks: Ranks) -> tuple[Loader, Loader]:
    limit = run.config.training.limit
    train = run.loader(store, "train", training=True, limit=limit, ranks=ranks)
    valid = run.loader(store, "valid", limit=limit, ranks=ranks)
    for loader in (train, valid) if run.task.signals else ():
        require_all_classes(loader.labels, run.task.selection, loader.splits[0], store)
    return train, valid


def _of_parent(path: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a fitted run, as the beginning of that of its child."""
    directory = RunDirectory.open(path)
    if directory.about.get("state") != "trained":
        raise InputError("its training has not finished", where=path, fix=f"finish it: pidcam train --resume {path}")
    told = {key: value for key, value in load_yaml(path / CONFIG).items() if key not in ("store", "parent", "from_raw")}
    if given.get("model", {}).get("name") not in (None, told["model"]["name"]):
        raise InputError(f"is a {told['model']['name']}", where=path, fix="leave --model out: it is that of --from")
    return told


def _with_model(given: dict[str, Any], store: HasManifest) -> dict[str, Any]:
    """With the model chosen where none was named, and why said on screen."""
    if given.get("model", {}).get("name", AUTO) != AUTO:
        return given
    name, why = choose_model(store.manifest.detector, store.schema)
    say(f"model {name}: {why}")
    return merge(given, {"model": {"name": name}})


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
