"""`inspect`: a look at raw files, a store or a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from pidcam.cards import find_detector
from pidcam.cards.kinds import raw_paths
from pidcam.detectors.base import Detector, detectors
from pidcam.errors import InputError, MismatchError
from pidcam.events import EventBatch
from pidcam.files import atomic_path, require_absent
from pidcam.formats.columns import MissingColumnError
from pidcam.formats.layout import Reader, formats, open_reader
from pidcam.formats.raw import read_head
from pidcam.inspection.facts import EventFacts, Inspection, PartFacts, StoreFacts
from pidcam.inspection.inspector import Inspector
from pidcam.inspection.notes import notes
from pidcam.inspection.run import inspect_run
from pidcam.progress import progress
from pidcam.schema import EventSchema
from pidcam.store.manifest import is_store

Kind = Literal["raw file", "store", "run"]

READ_BYTES = 64 << 20


def inspect(
    paths: Path | str | Sequence[Path | str], *, detector: str | None = None, out: Path | str | None = None
) -> Inspection:
    """Look at raw files of one detector (or folders of them), at one store or at one run, and tell what is there.

    Which `detector` raw files are of is found out if only one fits. Events are counted and summed up in one pass with
    bounded memory; bad ones are counted, missing labels are fine. `out` is a new folder for pictures (PNG) of a sample
    of the events. Raises `InputError` or `DataError` for what cannot be read, `ExistsError` if `out` exists.
    """
    chosen = [Path(paths)] if isinstance(paths, str | Path) else [Path(p) for p in paths]
    known = None if detector is None else find_detector(detector)
    kind = _kind_of_all(chosen)
    if kind == "raw file":
        chosen = raw_paths(chosen, known.layout.format if known else None)
    if out is None:
        return _look(kind, chosen, detector, None)
    if kind == "run":
        fix = f"see {chosen[0] / 'figures'}, or call: pidcam report {chosen[0]}"
        raise InputError("is a run and has its own figures", where=chosen[0], fix=fix)
    require_absent(out)
    with atomic_path(out) as folder:
        folder.mkdir()
        found = _look(kind, chosen, detector, folder)
    return replace(found, figures=tuple(str(Path(out) / name) for name in found.figures))


def _look(kind: Kind, paths: list[Path], detector: str | None, out: Path | None) -> Inspection:
    if kind == "raw file":
        return _raw_files(paths, detector, out)
    if kind == "store":
        return _store(paths[0], detector, out)
    found = inspect_run(paths[0])
    _require_detector(detector, found.detector, paths[0])
    return found


def _kind_of_all(paths: list[Path]) -> Kind:
    if not paths:
        raise InputError("nothing to inspect", fix="give raw files, a store or a run")
    kinds = [_kind(path) for path in paths]
    other = next((i for i, kind in enumerate(kinds) if kind != kinds[0]), None)
    if other is not None:
        what = f"is a {kinds[other]}, but {paths[0]} is a {kinds[0]}"
        raise InputError(what, where=paths[other], fix="inspect them one by one")
    if kinds[0] != "raw file" and len(paths) > 1:
        raise InputError(f"{len(paths)} {kinds[0]}s are given", where=paths[0], fix="inspect them one by one")
    return kinds[0]


def _kind(path: Path) -> Kind:
    if (path / "run.json").exists():
        return "run"
    return "store" if is_store(path) else "raw file"


def _require_detector(asked: str | None, found: str, path: Path) -> None:
    if asked is not None and find_detector(asked).name != found:
        raise MismatchError(f"is of detector '{found}', not '{asked}'", where=path, fix="leave out --detector")


def recognise(path: Path) -> Detector:
    """The one known detector whose layout fits the raw file; `InputError` if there is none, or several."""
    read_head(path)
    known = {name: detectors[name]() for name in detectors}
    alike = {name: d for name, d in known.items() if path.suffix in formats[d.layout.format].suffixes} or known
    fits, faults = {}, []
    for name, candidate in alike.items():
        try:
            open_reader(path, candidate.layout, candidate.schema, truth=False)
            fits[name] = candidate
        except InputError as error:
            faults.append(error)
    if len(fits) == 1:
        return next(iter(fits.values()))
    if fits:
        what = f"fits several detectors: {', '.join(fits)}"
        raise InputError(what, where=path, fix="choose one with --detector NAME")
    if len({str(fault) for fault in faults}) == 1:  # so the fault is the file's, whatever the detector
        raise faults[0]
    near = [fault for fault in faults if not isinstance(fault, MissingColumnError)]
    if len(near) == 1:  # one layout finds all its names in the file: it is meant
        raise near[0]
    what = f"fits no known detector (tried {', '.join(alike)})"
    raise InputError(what, where=path, fix="give --detector NAME to see why that one does not")


def _raw_files(paths: list[Path], name: str | None, out: Path | None) -> Inspection:
    detector = find_detector(name) if name else recognise(paths[0])
    schema, layout = detector.schema, detector.layout
    readers = [open_reader(p, layout, schema, truth=False) for p in paths]
    inspector = Inspector(schema, len(paths), sample=out is not None)
    with progress("inspecting", sum(map(len, readers))) as bar:
        for number, (path, reader) in enumerate(zip(paths, readers, strict=True)):
            bar.note(f"file {number + 1} of {len(paths)}" if len(paths) > 1 else "")
            for batch in _batches(reader):
                batch.file[:] = number
                inspector.add(batch, part=number, where=path)
                bar.advance(len(batch))
    parts = tuple(
        PartFacts(str(p), len(r), inspector.part_counts(i), p.stat().st_size)
        for i, (p, r) in enumerate(zip(paths, readers, strict=True))
    )
    counts = {"all files": _total(parts)}
    facts = inspector.result()
    return Inspection(
        "raw files",
        tuple(map(str, paths)),
        detector.name,
        detector.title,
        recognised=name is None,
        parts=parts,
        events=facts,
        notes=notes(facts, schema, parts, store=False),
        figures=_pictures(inspector, schema, counts, out),
    )


def _batches(reader: Reader) -> Iterator[EventBatch]:
    with ExitStack() as stack:
        stack.enter_context(reader)
        step = max(reader.step, 1)
        for start in range(0, len(reader), step):
            yield reader.read(start, min(start + step, len(reader)))


def _store(path: Path, name: str | None, out: Path | None) -> Inspection:
    from pidcam.store.store import Store

    store = Store(path)
    manifest, schema = store.manifest, store.schema
    _require_detector(name, manifest.detector, path)
    inspector = Inspector(schema, len(store.splits), sample=out is not None)
    shards = [(i, s, b) for i, split in enumerate(store.splits) for s, b in _shards(store, split)]
    with progress("inspecting", sum(len(b) for *_, b in shards)) as bar:
        for number, shard_bytes, shard in shards:
            step = max(1, READ_BYTES * len(shard) // max(shard_bytes, 1))
            for start in range(0, len(shard), step):
                batch = shard.take(np.arange(start, min(start + step, len(shard))))
                inspector.add(batch, part=number, where=path)
                bar.advance(len(batch))
    sizes = {split: sum(s.bytes for s in manifest.shards[split]) for split in store.splits}
    parts = tuple(
        PartFacts(split, manifest.events(split), inspector.part_counts(i), sizes[split])
        for i, split in enumerate(store.splits)
    )
    found = inspector.result()
    images = tuple(replace(image, storage=manifest.storage[image.name]) for image in found.images)
    facts: EventFacts = replace(found, images=images)
    about = StoreFacts(
        manifest.split,
        manifest.seed,
        manifest.fingerprint,
        manifest.accounting.dropped,
        {s.name: s.rows for s in manifest.sources},
        manifest.pidcam,
        sum(sizes.values()),
        sum(sizes.values()) / max(facts.events, 1),
    )
    title = detectors[manifest.detector]().title if manifest.detector in detectors else ""
    return Inspection(
        "store",
        (str(path),),
        manifest.detector,
        title,
        parts=parts,
        events=facts,
        store=about,
        notes=notes(facts, schema, parts, store=True),
        figures=_pictures(inspector, schema, {p.name: p.classes for p in parts}, out),
    )


def _shards(store, split: str):  # type: ignore[no-untyped-def]
    wanted = [s.bytes for s in store.manifest.shards[split] if s.events]
    return zip(wanted, store.shards(split), strict=True)


def _total(parts: Sequence[PartFacts]) -> dict[str, int]:
    return {name: sum(p.classes[name] for p in parts) for name in parts[0].classes}


def _pictures(
    inspector: Inspector, schema: EventSchema, counts: dict[str, dict[str, int]], out: Path | None
) -> tuple[str, ...]:
    if out is None or inspector.sample is None:
        return ()
    from pidcam.inspection.pictures import draw

    return draw(inspector.sample.result(), schema, counts, out)
