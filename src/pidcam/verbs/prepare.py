"""`prepare`: raw files -> a store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pidcam.cards import find_detector, raw_files
from pidcam.config import parse
from pidcam.detectors.base import Detector
from pidcam.jobs import cluster as on_cluster
from pidcam.progress import say
from pidcam.store.manifest import NAME
from pidcam.store.options import PrepareOptions
from pidcam.store.prepare import prepare_store
from pidcam.store.store import Store

QUICK_LIMIT = 500

WITH_TEST_FILES = "0.9/0.1"
"""Train and valid, where the test split is files of its own."""


def prepare(
    detector: Detector | Path | str,
    files: Sequence[Path | str] = (),
    out: Path | str | None = None,
    *,
    test: Sequence[Path | str] = (),
    workers: int | None = None,
    cluster: str | None = None,
    quick: bool = False,
    **options: Any,
) -> Store:
    """Mix, split and store the raw `files` of `detector` in the folder `out`; returns the opened store.

    `detector` is a name or the path of a card, which may name its files itself; `out` defaults to `stores/<its name>`.
    The files `test` are the test split, and `files` are split into train and valid (0.9/0.1); without them all splits
    are drawn from `files`. `options` are those of `PrepareOptions`. The order of the files does not matter. Called
    again it finishes what was stopped, or opens what is there. The work is done by `workers` processes, or by those of
    the Dask scheduler at `cluster` (`tcp://host:port`), which must see the same files; the store is the same bit for
    bit. `quick` keeps at most 500 events per class.
    """
    if quick:
        options.setdefault("limit", QUICK_LIMIT)
    found = find_detector(detector)
    options.setdefault("split", WITH_TEST_FILES if test else found.split)
    parsed = parse(PrepareOptions, options, where="prepare")
    out = Path("stores") / found.name if out is None else Path(out)
    if (out / NAME).exists():
        say(f"{out}: looking whether the store that is there is the one asked for")
    learn, judge = raw_files(detector, files), raw_files(detector, test) if test else []
    with on_cluster(cluster) as executor:
        return prepare_store(found, learn, out, parsed, test=judge, workers=workers, executor=executor)
