"""`train`: a store, a task and a model -> a fitted run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pidcam.config import load_yaml, merge, overrides
from pidcam.errors import InputError
from pidcam.progress import set_quiet
from pidcam.runs import RunDirectory
from pidcam.store.store import Store
from pidcam.training.clock import Clock, parse_duration
from pidcam.training.precision import return_freed_memory
from pidcam.training.ranks import joined
from pidcam.training.run import Run
from pidcam.verbs.fitting import CONFIG, train_on
from pidcam.verbs.train_raw import train_raw

QUICK: dict[str, Any] = {"training": {"epochs": 2, "limit": 1000}}
QUICK_NOTE = "a smoke run: at most 1,000 events in at most 2 epochs"


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
    note: str = "",
) -> Run:
    """Fit `model` to the training split of `store`, following its validation split.

    Without `model`, or with `auto`, it is what was measured best on the detector (see `models.choice`).

    The model's own recipe comes first, over it the detector's, then `config` (a YAML file or a mapping), `model`,
    `task` and `set` (`key.sub=value`). Called again with the same configuration it goes on from the last checkpoint, or
    returns the finished run. `quick` cuts examples and epochs for a smoke run. `parent` is a fitted run to start from:
    its configuration and weights are taken, what is given goes over it. `time_limit` (`55m`, or seconds) stops in time
    with a checkpoint. Under `torchrun` all its processes train together.

    `from_raw` (`{detector: ..., files: [...], test: [...], prepare: {...}}`) makes the store, if it is not there, with
    `workers` processes (default: half of the cores) while the first epoch is trained; see `FirstPass`. `note` is to be
    read with the results: the run keeps it, and reports and comparisons say it.

    Raises `ExistsError` if `out` holds anything else, `Stopped` if it stopped early with a checkpoint.
    """
    clock = Clock(parse_duration(time_limit) if time_limit is not None else None)
    given = configuration(config, set, model=model, task=task)
    if quick:
        given, note = merge(given, QUICK), note or QUICK_NOTE
    if parent is not None:
        given = {**merge(_of_parent(Path(parent), given), given), "parent": str(Path(parent).resolve())}
    if from_raw is not None:
        given = {**given, "from_raw": from_raw}
    return _together(Path(store), Path(out), given, clock, workers, **({"note": note} if note else {}))


def _together(
    store: Path, out: Path, given: dict[str, Any], clock: Clock, workers: int | None = None, **facts: Any
) -> Run:
    try:
        with joined() as ranks:
            if not ranks.first:
                set_quiet(True)
            if given.get("from_raw") is None:
                return train_on(Store(store, fold=_fold(given)), out, given, ranks, clock, **facts)
            return train_raw(store, out, given, ranks, clock, workers, **facts)
    finally:
        return_freed_memory()


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


def _of_parent(path: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a fitted run, as the beginning of that of its child."""
    directory = RunDirectory.open(path)
    if directory.about.get("state") != "trained":
        raise InputError("its training has not finished", where=path, fix=f"finish it: pidcam train --resume {path}")
    told = {key: value for key, value in load_yaml(path / CONFIG).items() if key not in ("store", "parent", "from_raw")}
    if given.get("model", {}).get("name") not in (None, told["model"]["name"]):
        raise InputError(f"is a {told['model']['name']}", where=path, fix="leave --model out: it is that of --from")
    return told
