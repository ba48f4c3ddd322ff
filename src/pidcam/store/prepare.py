"""Raw files -> a store, in two passes with bounded memory: scan every row into pieces, plan, gather pieces into shards.

The result is a function of the input and the options alone: not of the order of the files, the number of workers, or
how often the work was killed and called again.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from pathlib import Path

import xxhash
from filelock import FileLock, Timeout

import pidcam
from pidcam.detectors.base import Detector
from pidcam.errors import ExistsError, InputError
from pidcam.files import read_json, write_json, writing
from pidcam.formats.layout import formats
from pidcam.jobs import run_jobs
from pidcam.store.gather import Gather, gather
from pidcam.store.manifest import NAME, Manifest, Moments, Shard, Source
from pidcam.store.plan import Plan, PrepareOptions
from pidcam.store.scan import Piece, choose_storage, scan
from pidcam.store.split import Split
from pidcam.store.store import Store


def prepare_store(
    detector: Detector,
    files: Sequence[Path],
    out: Path,
    options: PrepareOptions,
    *,
    workers: int | None = None,
    executor: Executor | None = None,
) -> Store:
    """Make the store `out` (or finish it, if an earlier call was stopped) and open it.

    Raises `ExistsError` if `out` holds something else, `DataError` or `InputError` for bad raw files.
    """
    split = Split.of(options.split, detector.official_split)
    files = _canonical(files)
    sources = [_source(path, detector) for path in files]
    # where the files lie does not matter, what is in them does
    said = (options.model_dump(), detector.schema.model_dump(), [s.model_dump(exclude={"path"}) for s in sources])
    request = {"request": hashlib.sha256(repr(said).encode()).hexdigest(), "detector": detector.name}
    _claim(out, request)
    lock = FileLock(out / ".lock")
    try:
        with lock.acquire(blocking=False):
            if not (out / NAME).exists():
                _prepare(detector, files, sources, out, split, options, workers, executor)
    except Timeout:
        raise InputError(
            "another prepare is working here", where=out, fix="wait for it, or choose another --out"
        ) from None
    (out / ".lock").unlink(missing_ok=True)
    return Store(out)


def _canonical(files: Iterable[Path]) -> list[Path]:
    """By name, then path, whatever the order they were given in."""
    ordered = sorted({Path(f).resolve() for f in files}, key=lambda p: (p.name, str(p)))
    if not ordered:
        raise InputError("no raw files were given", fix="give at least one file")
    return ordered


def _source(path: Path, detector: Detector) -> Source:
    with formats[detector.layout.format].reader(path, detector.layout, detector.schema) as reader:
        rows = len(reader)
    size = path.stat().st_size
    digest = xxhash.xxh3_128(str(size).encode())
    with open(path, "rb") as file:
        digest.update(file.read(1 << 20))
        file.seek(max(size - (1 << 20), 0))
        digest.update(file.read())
    return Source(name=path.name, path=str(path), rows=rows, bytes=size, fingerprint=digest.hexdigest())


def _claim(out: Path, request: dict[str, str]) -> None:
    """Make the folder ours, or find out that it is ours already."""
    if out.exists() and not out.is_dir():
        raise ExistsError("is a file, not a folder", where=out, fix="choose another --out")
    if out.exists() and any(p.name != ".lock" for p in out.iterdir()):
        earlier = read_json(out / "request.json") if (out / "request.json").exists() else None
        if earlier is None:
            raise ExistsError(
                "already exists and is not a store; nothing was overwritten", where=out, fix="choose another --out"
            )
        if earlier != request:
            what = "a finished" if (out / NAME).exists() else "an unfinished"
            raise ExistsError(
                f"holds {what} store of other files or options; nothing was overwritten",
                where=out,
                fix="choose another --out, or remove it first",
            )
        return
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    write_json(out / "request.json", request)


def _prepare(
    detector: Detector,
    files: list[Path],
    sources: list[Source],
    out: Path,
    split: Split,
    options: PrepareOptions,
    workers: int | None,
    executor: Executor | None,
) -> None:
    schema, layout, work = detector.schema, detector.layout, out / "work"
    with writing(out):
        work.mkdir(exist_ok=True)
    dense = choose_storage(files[0], layout, schema)
    pieces = []
    for number, path in enumerate(files):
        with formats[layout.format].reader(path, layout, schema) as reader:
            step = reader.step
        for start in range(0, sources[number].rows, step):
            stop = min(start + step, sources[number].rows)
            target = work / f"piece-{len(pieces):06d}.arrow"
            pieces.append(Piece(path, number, start, stop, target, layout, schema, options.drop_bad, dense))
    scans = run_jobs(
        scan, pieces, description="reading", workers=workers, executor=executor, size=lambda piece: piece.rows
    )
    plan = Plan(scans, schema, split, options)
    plan.require_classes(options.allow_one_class)

    gathers = [
        Gather(
            out / f"{name}-{number:05d}.arrow",
            tuple(p.out for p in pieces),
            *plan.locate(events),
            schema,
            name == "train",
        )
        for name in split.names
        for number, events in enumerate(plan.shards(name))
    ]
    done = run_jobs(
        gather, gathers, description="writing", workers=workers, executor=executor, size=lambda g: len(g.row)
    )
    shards: dict[str, list[Shard]] = {name: [] for name in split.names}
    totals = {i.name: Moments(len(i.channels)) for i in schema.images}
    for task, (shard, moments) in zip(gathers, done, strict=True):
        shards[task.out.name.rsplit("-", 1)[0]].append(shard)
        totals = {name: totals[name] + moments[name] if name in moments else totals[name] for name in totals}
    manifest = Manifest(
        pidcam=pidcam.__version__,
        detector=detector.name,
        event_schema=schema,
        storage={
            i.name: "points" if i.storage == "points" else "dense" if i.name in dense else "cells"
            for i in schema.images
        },
        sources=tuple(sources),
        split=split.text,
        seed=options.seed,
        shards={name: tuple(s) for name, s in shards.items()},
        accounting=plan.accounting(),
        statistics={name: m.statistics() for name, m in totals.items()},
        fingerprint=plan.fingerprint(sources),
    )
    assert manifest.accounting.adds_up(), "prepare lost count of events"
    write_json(out / NAME, manifest.model_dump(mode="json"))
    shutil.rmtree(work)
