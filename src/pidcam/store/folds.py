"""One fold of a store that was split into k: it tests, the next one validates, the others train.

So every event is scored once by a model that has neither been trained nor chosen on it.
"""

from __future__ import annotations

from collections.abc import Sequence

import xxhash

from pidcam.errors import InputError
from pidcam.store.manifest import Manifest, statistics


def of_fold(manifest: Manifest, fold: int) -> Manifest:
    """The manifest as if the store had been split into `train`, `valid` and `test` for fold number `fold` (from 0).

    Statistics are those of its training folds, and the fingerprint is its own. Raises `InputError` for a store without
    folds, or without that one.
    """
    names = tuple(manifest.folds)
    if not names:
        fix = "prepare it with --split folds:5"
        raise InputError(f"the store was split by {manifest.split} and has no folds", where=f"fold {fold}", fix=fix)
    if not 0 <= fold < len(names):
        raise InputError(f"the store has folds 0 to {len(names) - 1}", where=f"fold {fold}")
    test, valid = names[fold], names[(fold + 1) % len(names)]
    parts = {"train": [n for n in names if n not in (test, valid)], "valid": [valid], "test": [test]}
    kept = manifest.accounting.kept
    accounting = manifest.accounting.model_copy(
        update={"kept": {split: _sum([kept[n] for n in folds]) for split, folds in parts.items()}}
    )
    return manifest.model_copy(
        update={
            "split": f"fold {fold} of {manifest.split}",
            "shards": {split: tuple(s for n in folds for s in manifest.shards[n]) for split, folds in parts.items()},
            "accounting": accounting,
            "statistics": statistics([manifest.folds[n] for n in parts["train"]]),
            "folds": {},
            "fingerprint": xxhash.xxh3_128(f"{manifest.fingerprint} fold {fold}".encode()).hexdigest(),
        }
    )


def _sum(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    return {name: sum(part[name] for part in counts) for name in counts[0]}
