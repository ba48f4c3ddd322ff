"""Raw files -> a store, in two passes with bounded memory: scan every row into pieces, plan, gather pieces into shards.

The result is a function of the input and the options alone: not of the order of the files, the number of workers, or
how often the work was killed and called again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
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
from pidcam.store.shuffle import key_bits
from pidcam.store.split import Split
from pidcam.store.store import Store
from pidcam.store.wanted import adapted, wanted_columns, whole_by

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
    return Preparation(detector, files, out, options, test=test).run(workers=workers, executor=executor)


class Preparation:
    """What a store will be made of and how: everything that is known before an event is read.

    Raises `DataError` or `InputError` for files that cannot be read and options that do not fit.
    """

    def __init__(
        self,
        detector: Detector,
        files: Sequence[Path],
        out: Path,
        options: PrepareOptions,
        *,
        test: Sequence[Path] = (),
    ):
        split = Split.of(options.split, detector.official_split)
        self.split = split.with_test_files() if test else split
        # without its likelihood, which a pickle may not hold: this goes to other processes
        self.detector, self.out, self.options = replace(adapted(detector, options), likelihood=None), out, options
        self.schema = self.detector.schema
        self.whole = whole_by(self.detector, self.split, options)
        self._columns = wanted_columns(self.schema, self.split, options, self.whole)
        self._files = _files(files, test, self.detector)
        self.sources = tuple(source for source, _ in self._files)

    @property
    def request(self) -> dict[str, object]:
        """What is asked for: another request makes another store."""
        # where the files lie does not matter, what is in them does
        sources = [source.model_dump(exclude={"path"}, exclude_defaults=True) for source in self.sources]
        # what was not said is left out, so that an option that comes later makes no other request
        told = (self.options, self.schema, self.detector.layout)
        said = [part.model_dump(mode="json", exclude_defaults=True) for part in told]
        text = json.dumps([*said, sources], sort_keys=True)
        return {"request": xxhash.xxh3_128(text.encode()).hexdigest(), "detector": self.detector.name}

    @cached_property
    def storage(self) -> dict[str, str]:
        """How each image is stored."""
        return choose_storage([Path(source.path) for source in self.sources], self.detector.layout, self.schema)

    @property
    def split_text(self) -> str:
        """The split in words."""
        known = "" if self.options.split_by else " where it is known"
        return self.split.text + (f", whole by {self.whole}{known}" if self.whole else "")

    @cached_property
    def pieces(self) -> list[Piece]:
        """Runs of rows of the files, as long as is cheap to read at once, in canonical order."""
        runs = [
            (file, source, start, min(start + step, source.rows))
            for file, (source, step) in enumerate(self._files)
            for start in range(0, source.rows, step)
        ]
        if not runs:
            raise DataError("holds no events", where=self.sources[0].path)
        return [
            Piece(
                source=Path(source.path),
                file=file,
                start=start,
                stop=stop,
                work=self.out / WORK,
                number=number,
                seed=self.options.seed,
                layout=self.detector.layout,
                schema=self.schema,
                drop_bad=self.options.drop_bad,
                storage=self.storage,
                columns=self._columns,
                select=self.options.select,
                float16=self.options.float16,
            )
            for number, (file, source, start, stop) in enumerate(runs)
        ]

    def run(self, *, workers: int | None = None, executor: Executor | None = None, keep_pieces: bool = False) -> Store:
        """See `prepare_store`; `keep_pieces` leaves the pieces there for whoever reads them."""
        with claimed(self.out, self.request, STORE):
            if not STORE.is_finished(self.out):
                enough = 1 + sum(source.rows // step for source, step in self._files) // ENOUGH
                workers = workers or min(available_cores(), enough)
                with nullcontext(executor) if executor or workers == 1 else worker_pool(workers) as pool:
                    self._make(partial(run_jobs, workers=1, executor=pool), keep_pieces)
        return Store(self.out)

    def _make(self, run: Callable[..., list[Any]], keep_pieces: bool) -> None:
        """`run` is `run_jobs` on whatever does the work."""
        schema, split, options, out, work = self.schema, self.split, self.options, self.out, self.out / WORK
        with writing(out):
            work.mkdir(exist_ok=True)
        order = in_turns(self.pieces, options.seed)
        found = run(scan, [self.pieces[k] for k in order], description="reading", size=lambda piece: piece.rows)
        scans: list[Scan] = [found[place] for place in np.argsort(order).tolist()]
        plan = Plan(scans, schema, split, options, self.sources, self.whole)
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
        manifest = self.manifest(
            shards=shards,
            accounting=plan.accounting(),
            statistics=statistics([moments[name] for name in split.training]),
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
        if not keep_pieces:
            shutil.rmtree(work)

    def manifest(self, **found: Any) -> Manifest:
        """What is known before, and what was `found`."""
        return Manifest(
            pidcam=pidcam.__version__,
            detector=self.detector.name,
            event_schema=self.schema,
            raw_layout=self.detector.layout,
            storage=self.storage,
            sources=self.sources,
            split=self.split_text,
            seed=self.options.seed,
            options=self.options.model_dump(mode="json", exclude_defaults=True),
            **found,
        )


def in_turns(pieces: Sequence[Piece], seed: int) -> list[int]:
    """Numbers of the pieces, in an order in which every file has its share from the beginning to the end."""
    count, seen, at = Counter(piece.file for piece in pieces), Counter[int](), []
    for piece in pieces:
        phase = key_bits("turn", seed, piece.file) / 2**128
        at.append((seen[piece.file] + phase) / count[piece.file])
        seen[piece.file] += 1
    return np.argsort(at, kind="stable").tolist()


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
