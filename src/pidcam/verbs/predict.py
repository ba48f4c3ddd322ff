"""`predict`: a fitted run and new events -> a table of scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pidcam.batch import Batch
from pidcam.cards.kinds import raw_paths
from pidcam.deploy.tables import table_writer
from pidcam.errors import InputError
from pidcam.events import EventBatch
from pidcam.files import require_absent, short_names
from pidcam.formats.checks import check_events
from pidcam.formats.layout import open_reader
from pidcam.predictions import Predictions
from pidcam.progress import progress
from pidcam.store.loader import Loader
from pidcam.store.manifest import is_store
from pidcam.store.store import Store
from pidcam.tasks.base import Task
from pidcam.training.calibration import calibrate, read_temperature
from pidcam.training.fast import quicken
from pidcam.training.group import is_group, load_group
from pidcam.training.run import BATCH_SIZE, SCORED_BYTES, Run
from pidcam.training.torch_model import TorchModel

SAMPLE = 8 * BATCH_SIZE
"""Most events on which fast predictions are compared with exact ones ..."""
ROWS = 16 * BATCH_SIZE
"""... and most that are read and written at once ..."""
ROWS_BYTES = 2 * SCORED_BYTES
"""... which both take no more bytes of dense images than this."""


@dataclass(frozen=True)
class Predicted:
    """How many events went into the table `out`, and how many bad ones were left out; for fast predictions, what they
    cost (see `training.fast.quicken`), of a group for its first run."""

    out: Path
    events: int
    dropped: int
    fast: dict[str, Any] | None = None


def predict(
    run: Path | str | Run,
    inputs: Path | str | Sequence[Path | str],
    out: Path | str,
    *,
    overwrite: bool = False,
    drop_bad: bool = False,
    calibrated: bool = False,
    fast: bool = False,
) -> Predicted:
    """Score raw files of the run's detector, or folders of them, or one store (all its splits), into `out` (.parquet,
    .h5 or .root).

    `fast` predicts in bf16 where that is faster here, and measures on the first events what it does to scores and AUC.
    Of a group of runs (`train --repeats`, `--folds`) the scores are averaged.

    Columns: `file`, `row`, `label` (truth, where the input has it), `weight`, `p_<class>`, then features and targets.
    Memory is bounded whatever the input. `calibrated` applies the temperature that `evaluate` fitted. Raises
    `MismatchError` for events of another schema or class order, `ExistsError` if `out` exists, unless `overwrite`;
    `DataError` for bad events, unless `drop_bad`; `InputError` for `calibrated` before the run was evaluated.
    """
    runs = [run] if isinstance(run, Run) else _load(Path(run))
    run = runs[0]
    paths = [Path(inputs)] if isinstance(inputs, str | Path) else [Path(p) for p in inputs]
    out = Path(out)
    if not overwrite:
        require_absent(out, fix="pass --overwrite to replace it, or choose another --out")
    if not paths:
        raise InputError("nothing to predict", fix="give raw files or a store")
    quick = None
    temperatures = [read_temperature(each.path) if calibrated else None for each in runs]
    from_store = len(paths) == 1 and is_store(paths[0])
    if not from_store:
        paths = raw_paths(paths, run.raw_layout.format)
    if fast:
        quick = _quicken(runs, paths, from_store)[0]
    source = _from_store(run, paths[0]) if from_store else _from_files(run, paths, drop_bad)
    events = dropped = 0
    with table_writer(out) as write, progress("predicting", source.total) as bar:
        for part in source.parts:
            each = [member.predict_batches(part.batches(), source.files) for member in runs]
            scored = _averaged(run.task, each, temperatures)
            if len(scored):
                write(scored)
            events += len(scored)
            dropped += part.dropped
            bar.advance(len(scored) + part.dropped)
        if not events:
            raise InputError("no good event to predict", where=paths[0])
    return Predicted(out, events, dropped, quick)


def _load(path: Path) -> list[Run]:
    return [Run.load(each) for each in (load_group(path).members if is_group(path) else [path])]


def _quicken(runs: Sequence[Run], paths: list[Path], from_store: bool) -> list[dict[str, Any]]:
    """Make runs of one group predict fast; the first events are the sample of all."""
    first = runs[0]
    if not isinstance(first.model, TorchModel):
        raise InputError(f"model '{first.config.model.name}' has no faster way to predict", fix="leave --fast out")
    raw = _sample(first, paths[0], from_store)
    return [quicken(run.model, run.task, [run.change(batch.to(run.device)) for batch in raw]) for run in runs]  # type: ignore[arg-type]


def _sample(run: Run, path: Path, from_store: bool) -> list[Batch]:
    """The first events, before the transforms of any run."""
    if from_store:
        store = Store(path)
        split = next(name for name in reversed(store.splits) if store.manifest.events(name))
        loader = run.loader(store, split, limit=run.together(run.sparse_images(store), most=SAMPLE, size=ROWS_BYTES))
        loader.change = None
        return list(loader)
    with open_reader(path, run.raw_layout, run.schema, truth=False) as reader:
        events = reader.read(0, min(len(reader), run.together(most=SAMPLE, size=ROWS_BYTES)))
    good = check_events(events, run.schema, where=path, drop_bad=True, truth=False)
    if not good.any():
        raise InputError("no good event to predict", where=path)
    table = np.append(run.task.selection.table(run.schema), -1)
    whole, step = run.batch(_labelled(events.take(good), table, 0)), run.together()
    return [whole.rows(i, min(i + step, len(whole))) for i in range(0, len(whole), step)]


def _labelled(batch: EventBatch, table: np.ndarray, file: int) -> EventBatch:
    """Events with the classes of the task and the number of their file."""
    where = np.full(len(batch), file, np.int32)
    return EventBatch(batch.images, batch.features, batch.targets, table[batch.label], batch.row, where)


def _averaged(task: Task, each: list[Predictions], temperatures: list[float | None]) -> Predictions:
    """The mean of what several runs say of the same events."""
    each = [p if t is None else calibrate(p, t) for p, t in zip(each, temperatures, strict=True)]
    return each[0] if len(each) == 1 else replace(each[0], columns=task.averaged([p.columns for p in each]))


@dataclass(frozen=True)
class _Part:
    """Events that were read once: `batches` makes them anew for every run that scores them."""

    batches: Callable[[], Iterable[Batch]]
    dropped: int = 0


@dataclass(frozen=True)
class _Source:
    """`total` events of `files`, part by part."""

    total: int
    files: tuple[str, ...]
    parts: Iterator[_Part]


def _from_store(run: Run, path: Path) -> _Source:
    store = Store(path)
    run.schema.require_same_inputs(store.schema, where=str(path))
    run.schema.require_same_classes(store.schema, where=str(path))
    table = run.task.selection.table(store.schema)
    splits = [split for split in store.splits if store.manifest.events(split)]

    def parts() -> Iterator[_Part]:
        sparse = run.sparse_images(store)
        for split in splits:
            for batch in Loader(store, split, batch_size=run.together(sparse), sparse=sparse, device=run.device):
                yield _Part(partial(iter, [_relabelled(batch, table)]))

    total = sum(store.manifest.events(split) for split in splits)
    return _Source(total, tuple(s.name for s in store.manifest.sources), parts())


def _relabelled(batch, table):  # type: ignore[no-untyped-def]
    """Truth as the task names it: events of classes that the task does not know are scored too, without truth."""
    import torch

    return replace(batch, label=torch.from_numpy(np.append(table, -1)[batch.label.numpy(force=True)]))


def _from_files(run: Run, paths: list[Path], drop_bad: bool) -> _Source:
    schema, layout = run.schema, run.raw_layout
    readers = [open_reader(p, layout, schema, truth=False) for p in paths]
    table = np.append(run.task.selection.table(schema), -1)
    rows = run.together(most=ROWS, size=ROWS_BYTES)

    def parts() -> Iterator[_Part]:
        for number, (path, reader) in enumerate(zip(paths, readers, strict=True)):
            with reader:
                step = max(reader.step, 1)
                step = step * max(1, rows // step)
                for start in range(0, len(reader), step):
                    batch = reader.read(start, min(start + step, len(reader)))
                    good = check_events(batch, schema, where=path, drop_bad=drop_bad, truth=False)
                    events = _labelled(batch.take(good), table, number)
                    yield _Part(partial(_batches, run, events), int((~good).sum()))

    return _Source(sum(len(r) for r in readers), tuple(short_names(paths)), parts())


def _batches(run: Run, events: EventBatch) -> Iterator[Batch]:
    every, step = np.arange(len(events)), run.together()
    parts = (events.take(every[i : i + step]) for i in range(0, max(len(events), 1), step))
    return map(run.batch, parts)
