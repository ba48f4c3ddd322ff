"""Raw files -> a store, in two passes with bounded memory: scan every row into pieces, plan, gather pieces into shards.

The result is a function of the input and the options alone: not of the order of the files, the number of workers, or
how often the work was killed and called again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import xxhash

import pidcam
from pidcam.claim import WORK, Kind, claimed
from pidcam.detectors.base import Detector
from pidcam.errors import DataError, InputError, PidcamError
from pidcam.files import short_names, write_json, writing
from pidcam.formats.layout import open_reader
from pidcam.formats.raw import fingerprint
from pidcam.jobs import available_cores, run_jobs, worker_pool
from pidcam.store.gather import Gather, Gathered, gather
from pidcam.store.manifest import NAME, REQUEST, Manifest, Moments, Shard, Source, statistics
from pidcam.store.options import PrepareOptions
from pidcam.store.plan import Plan
from pidcam.store.rounding import summed
from pidcam.store.scan import Piece, Scan, choose_storage, scan
from pidcam.store.split import Split
from pidcam.store.store import Store
from pidcam.store.wanted import adapted, wanted_columns

STORE = Kind("store", "prepare", "files or options", request=REQUEST, done=NAME, made=("*.arrow",))

ENOUGH = 4
"""Pieces that make one more process worth its start."""

File = tuple[Source, int]
"""A raw file, and how many of its rows are read at once."""


def prepare_store(
    detector: Detector,
    files: Sequence[Path],
    out: Path,
    options: PrepareOptions,
    *,
    test: Sequence[Path] = (),
    workers: int | None = None,
    executor: Executor | None = None,
) -> Store:
    """Make the store `out` (or finish it, if an earlier call was stopped) and open it; the files `test` are its test
    split.

    `workers` processes (default: as many as the cores and the size of the files make worth while), or an `executor`.
    Raises `ExistsError` if `out` holds something else, `DataError` or `InputError` for bad raw files.
    """
    split = Split.of(options.split, detector.official_split)
    split = split.with_test_files() if test else split
    detector = adapted(detector, options)
    columns = wanted_columns(detector.schema, split, options)
    opened = _files(files, test, detector)
    # where the files lie does not matter, what is in them does
    sources = [source.model_dump(exclude={"path"}, exclude_defaults=True) for source, _ in opened]
    # what was not said is left out, so that an option that comes later makes no other request
    said = [part.model_dump(mode="json", exclude_defaults=True) for part in (options, detector.schema, detector.layout)]
    text = json.dumps([*said, sources], sort_keys=True)
    request: dict[str, object] = {"request": xxhash.xxh3_128(text.encode()).hexdigest(), "detector": detector.name}
    with claimed(out, request, STORE):
        if not STORE.is_finished(out):
            workers = workers or min(available_cores(), 1 + sum(s.rows // step for s, step in opened) // ENOUGH)
            with nullcontext(executor) if executor or workers == 1 else worker_pool(workers) as pool:
                run = partial(run_jobs, workers=1, executor=pool)
                _prepare(detector, opened, out, split, options, columns, run)
    return Store(out)


def _files(files: Iterable[Path], test: Iterable[Path], detector: Detector) -> list[File]:
    """Every raw file once, ordered by what it is: the order they were given in and the place they lie do not matter."""
    learn, judge = ({os.path.realpath(p): p.absolute() for p in sorted(of, reverse=True)} for of in (files, test))
    if not learn:
        raise InputError("no raw files were given", fix="give at least one file")
    for path in learn.keys() & judge.keys():
        raise InputError("is given both to learn from and to test on", where=learn[path], fix="leave it out of one")
    paths = [*learn.values(), *judge.values()]
    opened = [_open(path, detector) for path in paths]
    order = sorted(range(len(paths)), key=lambda i: (paths[i].name, opened[i][0].fingerprint, paths[i]))
    names = short_names(paths)
    roles = [i >= len(learn) for i in range(len(paths))]
    return [(opened[i][0].model_copy(update={"name": names[i], "test": roles[i]}), opened[i][1]) for i in order]


def _open(path: Path, detector: Detector) -> File:
    with open_reader(path, detector.layout, detector.schema) as reader:
        rows, step = len(reader), reader.step
    size, digest = fingerprint(path)
    return Source(name=path.name, path=str(path), rows=rows, bytes=size, fingerprint=digest), step


def _prepare(
    detector: Detector,
    files: Sequence[File],
    out: Path,
    split: Split,
    options: PrepareOptions,
    columns: tuple[str, ...],
    run: Callable[..., list[Any]],
) -> None:
    """`run` is `run_jobs` on whatever does the work."""
    schema, work = detector.schema, out / WORK
    with writing(out):
        work.mkdir(exist_ok=True)
    storage = choose_storage([Path(source.path) for source, _ in files], detector.layout, schema)
    pieces = _pieces(detector, files, work, options, storage, columns)
    scans: list[Scan] = run(scan, pieces, description="reading", size=lambda piece: piece.rows)
    plan = Plan(scans, schema, split, options, {i for i, (source, _) in enumerate(files) if source.test})
    plan.require_classes()

    gathers = {
        name: [
            Gather(out, work, f"{name}-{number:05d}.arrow", piece, position, options.seed, schema, weight)
            for number, (piece, position, weight) in enumerate(plan.shards(name))
        ]
        for name in split.names
    }
    tasks = [task for of_split in gathers.values() for task in of_split]
    done: Iterator[Gathered] = iter(run(gather, tasks, description="writing", size=lambda task: len(task.piece)))
    shards: dict[str, tuple[Shard, ...]] = {}
    moments: dict[str, dict[str, Moments]] = {}
    for name, of_split in gathers.items():
        written = [next(done) for _ in of_split]
        shards[name] = tuple(w.shard for w in written)
        moments[name] = {i.name: Moments.sum([w.moments[i.name] for w in written]) for i in schema.images}
    manifest = Manifest(
        pidcam=pidcam.__version__,
        detector=detector.name,
        event_schema=schema,
        raw_layout=detector.layout,
        storage=storage,
        sources=tuple(source for source, _ in files),
        split=split.text + (f", whole by {options.split_by}" if options.split_by else ""),
        seed=options.seed,
        shards=shards,
        accounting=plan.accounting(),
        statistics=statistics([moments[name] for name in split.training]),
        options=options.model_dump(mode="json", exclude_defaults=True),
        weights=plan.weights(),
        rounding=summed([s.lost for s in scans], schema) if options.float16 else {},
        folds=moments if split.method == "folds" else {},
        fingerprint=plan.fingerprint(),
    )
    if not manifest.accounting.adds_up():
        raise PidcamError(f"{out}: prepare lost count of the events: {manifest.accounting}")
    for part in out.glob(".*.part"):  # left by a call that was killed
        part.unlink()
    write_json(out / NAME, manifest.model_dump(mode="json"))
    shutil.rmtree(work)


def _pieces(
    detector: Detector,
    files: Sequence[File],
    work: Path,
    options: PrepareOptions,
    storage: dict[str, str],
    columns: tuple[str, ...],
) -> list[Piece]:
    """Runs of rows of the files, as long as is cheap to read at once."""
    runs = [
        (number, source, start, min(start + step, source.rows))
        for number, (source, step) in enumerate(files)
        for start in range(0, source.rows, step)
    ]
    if not runs:
        raise DataError("holds no events", where=files[0][0].path)
    return [
        Piece(
            source=Path(source.path),
            file=file,
            start=start,
            stop=stop,
            work=work,
            number=number,
            seed=options.seed,
            layout=detector.layout,
            schema=detector.schema,
            drop_bad=options.drop_bad,
            storage=storage,
            columns=columns,
            select=options.select,
            float16=options.float16,
        )
        for number, (file, source, start, stop) in enumerate(runs)
    ]
